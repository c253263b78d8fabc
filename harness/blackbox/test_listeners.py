# SPDX-License-Identifier: MIT
"""Unix sockets, the PROXY protocol, and many listeners of all kinds at once."""

import os
import re
import select
import socket
import stat
import struct
import zlib

import broker as brokers
import packet as mqtt
import pytest
from broker import settings_with, to_yaml
from deadline import Deadline, wait_until
from hub import hub, Hub, exchange_at_all_qos, listener, make_hub, read_to_end, shared_hub  # noqa: F401 - a fixture
from process import Process
from tables import cases
from transport import BINARY, client_context, frame, take_frame, upgrade_request

pytestmark = pytest.mark.ours

EXIT_USAGE = 2


# Unix sockets


def unix(path, **settings):
    return {"bind": f"unix:{path}"} | settings


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s"


@pytest.fixture
def start(tmp_path):
    """Runs a broker with a unix socket that is not to start; its status and lines."""
    started = []

    def run(**settings):
        config = tmp_path / "broker.yaml"
        config.write_text(to_yaml(settings_with(listeners={"first": listener(), "local": settings})) + "\n")
        started.append(Process([*brokers.WRAPPER, brokers.HBMQTT, "-c", config]))
        return started[-1].wait_exit(), started[-1].err.now()

    yield run
    for one in started:
        one.kill()


def check_refused(result, *words):
    status, lines = result
    assert status == EXIT_USAGE and len(lines) == 1, lines
    for word in ("'local'", *words):
        assert str(word) in lines[0], lines


def test_unix_socket_serves(make_hub, path):
    hub = make_hub({"tcp": listener(), "local": unix(path)})
    assert f"unix:{path} (unix)" in hub.log()[-1]
    exchange_at_all_qos(hub.client("local"), hub.client("tcp"), "from/unix")
    exchange_at_all_qos(hub.client("tcp"), hub.client("local"), "to/unix")
    exchange_at_all_qos(hub.client("local"), hub.client("local"), "both/unix", b"x" * 1_000_000)
    hub.check_serves("local")


def test_client_on_a_unix_socket_in_the_log(make_hub, path):
    hub = make_hub({"tcp": listener(), "local": unix(path)})
    one = hub.client("local", "guilty")
    one.send(b"\xf0\x00")
    one.expect_close()
    assert hub.broker.process.err.wait_match(r"client 'guilty' at unix: connection closed: .")


@pytest.mark.parametrize("mode", ["0600", "0660", "0666", "0777", "0000", None])
def test_mode(make_hub, path, mode):
    hub = make_hub({"tcp": listener(), "local": unix(path, **({} if mode is None else {"mode": mode}))})
    status = path.stat()
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == int(mode or "0660", 8)
    assert status.st_uid == os.getuid()
    hub.check_serves("tcp")


@pytest.mark.skipif(os.getuid() != 0, reason="gives a file to somebody else")
@pytest.mark.parametrize("owner, group", [("nobody", "nogroup"), (65534, 65534), (None, "nogroup"), ("nobody", None)])
def test_owner_and_group(make_hub, path, owner, group):
    keys = {"owner": owner, "group": group}
    make_hub({"tcp": listener(), "local": unix(path, **{key: value for key, value in keys.items() if value is not None})})
    status = path.stat()
    assert status.st_uid == (0 if owner is None else 65534) and status.st_gid == (os.getgid() if group is None else 65534)


@pytest.mark.parametrize("keys", [{"owner": "no-such-user"}, {"group": "no-such-group"}], ids=["owner", "group"])
def test_owner_that_is_not_there(start, path, keys):
    check_refused(start(bind=f"unix:{path}", **keys), *keys.values())
    assert not path.exists()


def test_socket_is_removed_at_the_stop(make_hub, path):
    hub = make_hub({"tcp": listener(), "local": unix(path)})
    one = hub.client("local")
    hub.broker.process.signal(15)
    one.expect_close()
    one.close()
    assert hub.broker.process.wait_exit(15) == 0
    assert not path.exists()


def test_stale_socket_is_replaced(make_hub, path):
    make_hub({"tcp": listener(), "local": unix(path)}).broker.process.kill()
    assert stat.S_ISSOCK(path.stat().st_mode), "a broker that was killed leaves its socket"
    wait_until(lambda: nobody_listens(path), "the kernel has let go of it")
    hub = make_hub({"tcp": listener(), "local": unix(path)})
    hub.check_serves("local")


def nobody_listens(path):
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_restart_right_after_a_kill(make_hub, path, kind):
    """The kernel may hold the sockets of a process for a moment after its end, as long as a ring has an operation on them."""
    listeners = {"tcp": listener()} | ({"local": unix(path)} if kind == "unix" else {})
    if kind == "tcp":
        listeners["tcp"]["bind"] = f"127.0.0.1:{brokers.free_port()}"
    for _ in range(8):
        hub = make_hub(listeners)
        hub.check_serves("tcp" if kind == "tcp" else "local")
        hub.broker.process.kill()


def test_live_socket_is_not_taken(make_hub, start, path):
    hub = make_hub({"tcp": listener(), "local": unix(path)})
    check_refused(start(bind=f"unix:{path}"), path)
    hub.check_serves("local")
    assert stat.S_ISSOCK(path.stat().st_mode)


@pytest.mark.parametrize("what", ["file", "directory", "link"])
def test_what_is_no_socket_is_not_removed(start, path, tmp_path, what):
    target = tmp_path / "precious"
    target.write_text("precious")
    if what == "file":
        path.write_text("precious")
    elif what == "directory":
        path.mkdir()
    else:
        path.symlink_to(target)
    check_refused(start(bind=f"unix:{path}"), path)
    assert target.read_text() == "precious"
    assert what != "file" or path.read_text() == "precious"
    assert os.path.lexists(path)


def test_folder_that_is_not_there(start, tmp_path):
    check_refused(start(bind=f"unix:{tmp_path}/missing/s"), "missing/s")


def test_socket_of_an_earlier_listener_does_not_stay_behind(start, tmp_path):
    """The second listener cannot be opened: the socket of the first is removed."""
    (tmp_path / "taken").write_text("x")
    config = tmp_path / "two.yaml"
    listeners = {"good": unix(tmp_path / "good"), "local": unix(tmp_path / "taken")}
    config.write_text(to_yaml(settings_with(listeners=listeners)) + "\n")
    process = Process([*brokers.WRAPPER, brokers.HBMQTT, "-c", config])
    check_refused((process.wait_exit(), process.err.now()))
    assert not (tmp_path / "good").exists()


def test_longest_path(make_hub, tmp_path):
    path = tmp_path / ("x" * (107 - len(str(tmp_path)) - 1))
    assert len(str(path)) == 107
    hub = make_hub({"tcp": listener(), "local": unix(path)})
    hub.check_serves("local")


def test_max_connections_of_a_unix_socket(make_hub, path):
    hub = make_hub({"tcp": listener(), "local": unix(path, **{"max-connections": 2})})
    first, second = hub.client("local"), hub.client("local")
    third = hub.peer("local")
    third.expect_close()
    first.disconnect()
    wait_until(lambda: is_served(hub, "local"), "the place of the first is free")
    second.ping()


def is_served(hub, where):
    one = hub.peer(where)
    one.send(mqtt.connect("again"))
    return one.poll() is not None


@pytest.mark.parametrize("kind", ["ws", "tls", "wss"])
def test_other_layers_on_a_unix_socket(make_hub, path, kind):
    """They need no address."""
    keys = listener(kind) | {"bind": f"unix:{path}"}
    hub = make_hub({"tcp": listener(), "local": keys})
    exchange_at_all_qos(hub.client("local"), hub.client("tcp"), "from/unix")
    exchange_at_all_qos(hub.client("tcp"), hub.client("local"), "to/unix")


def test_many_clients_on_a_unix_socket(make_hub, path):
    hub = make_hub({"tcp": listener(), "local": unix(path)})
    clients = [hub.client("local") for _ in range(300)]
    for one in clients:
        one.subscribe("all")
    clients[0].send(mqtt.publish("all", b"x" * 1000))
    for one in clients:
        one.expect_publish("all", b"x" * 1000)


# The PROXY protocol


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    listeners = {
        "tcp": listener(proxy_protocol=True),
        "tls": listener("tls", proxy_protocol=True),
        "ws": listener("ws", proxy_protocol=True),
        "wss": listener("wss", proxy_protocol=True),
        "local": unix(tmp_path_factory.mktemp("proxy") / "s", **{"proxy-protocol": True}),
        "direct": listener(),
    }
    yield from shared_hub(tmp_path_factory, listeners, arguments=["-d"])  # no line of the log is kept back


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
KINDS = ("tcp", "tls", "ws", "wss", "local")
LINE = b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 1883\r\n"


def version_2(family, addresses, command=0x21, tail=b""):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(addresses) + len(tail)) + addresses + tail


def inet(source="192.0.2.7", port=4711):
    return socket.inet_aton(source) + socket.inet_aton("203.0.113.1") + struct.pack(">HH", port, 1883)


def inet6(source="2001:db8::7", port=4711):
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    return ends + struct.pack(">HH", port, 1883)


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def checked(spoil=0):
    empty = version_2(0x11, inet(), tail=tlv(3, bytes(4)))
    return version_2(0x11, inet(), tail=tlv(3, struct.pack(">I", crc32c(empty) ^ spoil)))


SEEN = r"192\.0\.2\.7:4711"
SELF = r"127\.0\.0\.1:\d+"

# name: (header, the peer as the log has it)
HEADERS = {
    "1-tcp4": (LINE, SEEN),
    "1-tcp6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 1883\r\n", r"\[2001:db8::7\]:4711"),
    "1-longest": (b"PROXY TCP6 " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", r"\[ffff:[f:]+\]:65535"),
    "1-unknown": (b"PROXY UNKNOWN\r\n", SELF),
    "1-unknown-with-more": (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", SELF),
    "2-inet": (version_2(0x11, inet()), SEEN),
    "2-inet6": (version_2(0x21, inet6()), r"\[2001:db8::7\]:4711"),
    "2-unix": (version_2(0x31, b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0")), "unix"),
    "2-unspec": (version_2(0x00, b""), SELF),
    "2-unspec-with-more": (version_2(0x00, bytes(50)), SELF),
    "2-local": (version_2(0x00, b"", command=0x20), SELF),
    "2-local-with-addresses": (version_2(0x11, inet(), command=0x20), SELF),
    "2-tlvs": (version_2(0x11, inet(), tail=tlv(2, b"mqtt.example") + tlv(4, b"x" * 300) + tlv(0xE0, b"")), SEEN),
    "2-tls": (version_2(0x11, inet(), tail=tlv(0x20, b"\x07\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"me"))), SEEN),
    "2-checksum": (checked(), SEEN),
    "2-of-4096": (version_2(0x11, inet(), tail=tlv(4, bytes(4096 - 16 - 12 - 3))), SEEN),
}


def check_peer_in_the_log(hub, name, where, header, shown, peer=None):
    mark = len(hub.log())
    one = peer or hub.client(where, name, {"before": header})
    one.send(b"\xf0\x00")
    one.expect_close()
    hub.broker.process.err.wait(
        lambda lines: [line for line in lines[mark:] if re.search(f"client '{name}' at {shown}: connection closed: ", line)],
        f"a line about {name} at {shown}",
    )


@pytest.mark.parametrize("case", cases(HEADERS))
def test_peer_of_the_proxy_header_in_the_log(hub, unique, case):
    check_peer_in_the_log(hub, f"{unique}-x", "tcp", *case)


def ssl_tlv(common_name, client=0x07, verify=0):
    return tlv(0x20, bytes([client]) + struct.pack(">I", verify) + tlv(0x22, common_name))


# name: (what the header says of the client's certificate, the code of the CONNACK)
VERIFIED = {
    "good": (ssl_tlv(b"me"), 0),
    "not-verified": (ssl_tlv(b"me", verify=1), 5),
    "without-a-certificate": (ssl_tlv(b"me", client=0x01), 5),
    "without-tls": (b"", 5),
}


@pytest.mark.parametrize("case", cases(VERIFIED))
def test_user_name_from_the_proxy(make_hub, unique, case):
    """A certificate that the proxy found good vouches for the client, as one that the broker sees itself."""
    tail, code = case
    listeners = {"tcp": listener(proxy_protocol=True, user_name_from="common-name")}
    hub = make_hub(listeners, auth={"allow-anonymous": False})
    one = hub.peer("tcp", before=version_2(0x11, inet(), tail=tail))
    one.connect(f"{unique}-x", code=code)


@pytest.mark.parametrize("where", KINDS[1:])
@pytest.mark.parametrize("name", ["1-tcp4", "2-inet6", "2-tlvs"])
def test_proxy_header_in_front_of_other_layers(hub, unique, where, name):
    header, shown = HEADERS[name]
    one = hub.client(where, f"{unique}-x", {"before": header})
    exchange_at_all_qos(hub.client("direct", f"{unique}-sender"), one, f"{unique}/t")
    check_peer_in_the_log(hub, f"{unique}-x", where, header, shown, one)


def test_unknown_peer_on_a_unix_socket(hub, unique):
    check_peer_in_the_log(hub, f"{unique}-x", "local", b"PROXY UNKNOWN\r\n", "unix")


@pytest.mark.parametrize("case", cases({name: HEADERS[name] for name in ("1-tcp4", "2-inet", "2-checksum", "2-of-4096")}))
def test_header_and_connect_in_one_piece(hub, unique, case):
    header, _ = case
    sock = hub.plain("tcp", before=header + mqtt.connect(f"{unique}-x") + mqtt.pingreq() + b"\xf0\x00")
    assert read_to_end(sock) == b"\x20\x02\x00\x00\xd0\x00"


def test_header_upgrade_and_frames_in_one_piece(hub, unique):
    packets = mqtt.connect(f"{unique}-x") + b"\xf0\x00"
    seen = read_to_end(hub.plain("ws", before=LINE + upgrade_request() + frame(BINARY, packets)))
    assert seen.startswith(b"HTTP/1.1 101 ") and seen.endswith(b"\r\n\r\n\x82\x04\x20\x02\x00\x00\x88\x02\x03\xea")


@pytest.mark.parametrize("where", KINDS)
@pytest.mark.parametrize("name", ["1-tcp4", "1-longest", "2-inet6", "2-checksum"])
def test_slow_header(hub, unique, where, name):
    """Byte for byte."""
    header, shown = HEADERS[name]
    sock = hub.plain(where)
    for at in range(len(header) - 1):
        sock.sendall(header[at : at + 1])
    sock.close()
    one = hub.plain("tcp")
    for at in range(len(header)):
        one.sendall(header[at : at + 1])
    one.sendall(mqtt.connect(f"{unique}-x") + b"\xf0\x00")
    assert read_to_end(one) == b"\x20\x02\x00\x00"
    assert hub.broker.process.err.wait_match(f"client '{unique}-x' at {shown}: connection closed: ")


WRONG = {
    "no-header": mqtt.connect("intruder"),
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "1-in-lower-case": LINE.lower(),
    "1-space-first": b" " + LINE,
    "1-two-spaces": LINE.replace(b"TCP4 ", b"TCP4  "),
    "1-lf-alone": LINE.replace(b"\r\n", b"\n"),
    "1-cr-alone": LINE.replace(b"\r\n", b"\rx"),
    "1-udp": LINE.replace(b"TCP4", b"UDP4"),
    "1-tcp6-with-ipv4": LINE.replace(b"TCP4", b"TCP6"),
    "1-five-fields": b"PROXY TCP4 192.0.2.7 203.0.113.1 4711\r\n",
    "1-seven-fields": b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 1883 x\r\n",
    "1-leading-zero": LINE.replace(b"4711", b"04711"),
    "1-port-beyond": LINE.replace(b"4711", b"65536"),
    "1-negative-port": LINE.replace(b"4711", b"-1"),
    "1-address-with-zeroes": LINE.replace(b"192.0.2.7", b"192.000.002.007"),
    "1-name": LINE.replace(b"192.0.2.7", b"localhost"),
    "1-zero-byte": LINE.replace(b"4711", b"47\0011"),
    "1-too-long": b"PROXY UNKNOWN " + b"x" * 200,
    "1-empty": b"PROXY \r\n",
    "2-version-1": version_2(0x11, inet(), command=0x11),
    "2-version-3": version_2(0x11, inet(), command=0x31),
    "2-command-2": version_2(0x11, inet(), command=0x22),
    "2-family-4": version_2(0x41, inet()),
    "2-transport-3": version_2(0x13, inet()),
    "2-addresses-cut": version_2(0x11, inet()[:-1]),
    "2-addresses-of-the-other-family": version_2(0x21, inet()),
    "2-tlv-cut": version_2(0x11, inet(), tail=b"\x04\x00\x09x"),
    "2-half-a-tlv": version_2(0x11, inet(), tail=b"\x04\x00"),
    "2-too-large": version_2(0x11, inet(), tail=bytes(5000)),
    "2-largest": SIGNATURE + b"\x21\x11\xff\xff",
    "2-wrong-checksum": checked(1),
    "2-short-checksum": version_2(0x11, inet(), tail=tlv(3, b"abc")),
    "2-spoilt-signature": SIGNATURE[:-1] + b"X" + b"\x21\x11\x00\x0c" + inet(),
    "2-authority-that-is-no-text": version_2(0x11, inet(), tail=tlv(2, b"\xff")),
}


@pytest.mark.parametrize("where", KINDS)
@pytest.mark.parametrize("header", cases(WRONG))
def test_wrong_header_closes_without_an_answer(hub, header, where):
    mark = len(hub.log())
    sock = hub.plain(where, before=header)
    assert read_to_end(sock) == b""
    hub.broker.process.err.wait(
        lambda lines: [line for line in lines[mark:] if "client ''" in line and ": connection closed: " in line], "a line about it"
    )
    hub.check_serves(where, before=LINE)


@pytest.mark.parametrize("where", ["tcp", "wss"])
@pytest.mark.parametrize("stalled", [b"", LINE[:-1], SIGNATURE, version_2(0x11, inet())[:-1]], ids=["nothing", "1", "signature", "2"])
def test_stalled_header_is_closed_by_connect_timeout(make_hub, where, stalled):
    kind = "wss" if where == "wss" else "tcp"
    hub = make_hub({where: listener(kind, proxy_protocol=True), "direct": listener()}, limits={"connect_timeout_ms": 800})
    socks = [hub.plain(where, before=stalled) for _ in range(20)]
    hub.check_serves(where, before=LINE)
    hub.check_serves("direct")
    for sock in socks:
        assert read_to_end(sock) == b""


def test_trickling_header_is_closed_by_connect_timeout(make_hub):
    hub = make_hub({"tcp": listener(proxy_protocol=True)}, limits={"connect_timeout_ms": 800})
    sock = hub.plain("tcp")
    header = version_2(0x11, inet(), tail=tlv(4, bytes(4000)))
    poller = select.poll()
    poller.register(sock, select.POLLRDHUP)
    deadline, sent = Deadline(10), 0
    while not poller.poll(20):
        assert not deadline.passed() and sent < len(header) - 1, "a trickle keeps a connection"
        sent += sock.send(header[sent : sent + 1])
    hub.check_serves("tcp", before=LINE)


def test_header_where_none_is_expected(hub):
    """Else a client could pretend to be another one."""
    for header in (LINE, version_2(0x11, inet())):
        sock = hub.plain("direct", before=header + mqtt.connect("intruder") + bytes(100))  # P begins a packet of 82 bytes
        assert read_to_end(sock) == b""
    hub.check_serves("direct")


def test_second_header_is_no_header(hub):
    assert read_to_end(hub.plain("tcp", before=LINE + LINE + mqtt.connect("intruder") + bytes(100))) == b""


def test_noise_instead_of_headers(hub):
    """Two hundred beginnings made of pieces of good ones, by a fixed rule."""
    parts = [LINE, SIGNATURE, version_2(0x11, inet()), checked(), mqtt.connect("x"), bytes(20), upgrade_request()]
    for number in range(200):
        seed = zlib.crc32(b"%d" % number)
        pieces = [parts[(seed >> shift) % len(parts)][: (seed >> shift) % 60] for shift in (0, 5, 10)]
        sock = hub.plain(KINDS[seed % len(KINDS)], before=b"".join(pieces))
        sock.close()
    for where in KINDS:
        hub.check_serves(where, before=LINE)


# All kinds at once


@pytest.fixture
def everything(make_hub, path):
    return make_hub({
        "tcp": listener(), "tls": listener("tls"), "ws": listener("ws"), "wss": listener("wss"), "local": unix(path),
        "behind": listener(proxy_protocol=True), "behind-wss": listener("wss", proxy_protocol=True), "tcp-2": listener(),
    })  # fmt: skip


def options_for(name):
    return {"before": LINE} if name.startswith("behind") else {}


def test_everybody_reaches_everybody(everything):
    """From each listener to each, in order, each once, at each QoS."""
    hub = everything
    watchers = {name: hub.client(name, options=options_for(name)) for name in hub.addresses}
    for one in watchers.values():
        one.subscribe(("all/#", 2))
    wanted = []
    for name in hub.addresses:
        sender = hub.client(name, options=options_for(name))
        for qos in (0, 1, 2):
            payload = f"{name} at {qos} ".encode() * 200
            sender.publish(f"all/{name}", payload, qos=qos)
            wanted.append((f"all/{name}", qos, payload))
        sender.disconnect()
    for one in watchers.values():
        assert [(message.topic, message.qos, message.payload) for message in one.collect(len(wanted))] == wanted


def test_session_wanders_through_all_listeners(everything):
    """A client comes back over another transport each time, and finds its messages; it may have to move to another shard."""
    hub = everything
    sender = hub.client("tcp", "sender")
    for number in range(8):
        for at, name in enumerate(hub.addresses):
            one = hub.client(name, f"wanderer-{number}", options_for(name), clean=False, session_present=at > 0)
            if at == 0:
                one.subscribe((f"to/{number}", 1))
            else:
                assert one.collect(1)[0].payload == f"while away before {name}".encode()
            one.ping()
            one.disconnect()
            if at + 1 < len(hub.addresses):
                sender.publish(f"to/{number}", f"while away before {list(hub.addresses)[at + 1]}", qos=1)


def test_session_is_taken_over_from_another_transport(everything):
    hub = everything
    last = None
    for _ in range(3):
        for name in hub.addresses:
            one = hub.client(name, "same", options_for(name))
            if last:
                last.expect_close()
            last = one
    last.ping()


@pytest.mark.parametrize("name", ["tcp", "tls", "ws", "wss", "local", "behind", "behind-wss"])
def test_packets_behind_connect_move_along(everything, name):
    """CONNECT and a lot behind it in one flight, for clients that begin on any shard."""
    hub = everything
    many = [mqtt.publish("kept", b"%d" % number * 100, qos=1, packet_id=number + 1) for number in range(50)]
    for number in range(12):
        one = hub.peer(name, **options_for(name))
        one.send(mqtt.connect(f"eager-{name}-{number}") + mqtt.subscribe(60, [("none", 0)]) + b"".join(many) + mqtt.pingreq())
        kinds = [one.receive().kind for _ in range(53)]
        assert sorted(kinds) == sorted([mqtt.CONNACK, mqtt.SUBACK, mqtt.PINGRESP] + [mqtt.PUBACK] * 50) and kinds[0] == mqtt.CONNACK
        one.disconnect()


def test_stop_with_clients_everywhere(everything):
    hub = everything
    clients = [hub.client(name, options=options_for(name)) for name in hub.addresses for _ in range(5)]
    for name in hub.addresses:
        hub.plain(name)
    hub.broker.process.signal(15)
    for one in clients:
        one.expect_close()
        one.close()
    hub.close()
    assert hub.broker.process.wait_exit(15) == 0


def test_sixty_four_listeners(make_broker, tmp_path, timeline):
    """The line at the start has to name all of them, else nobody knows a port that the system chose."""
    listeners = {f"{kind}-{number}": listener(kind) for number in range(15) for kind in ("tcp", "ws", "tls", "wss")}
    listeners |= {f"local-{number}": unix(tmp_path / f"s{number}") for number in range(4)}
    broker = make_broker(listeners=listeners)
    assert len(broker.ports()) == 60
    hub = Hub(broker, timeline)
    for name in hub.addresses:
        hub.check_serves(name)
    hub.close()


def test_max_connections_is_of_each_listener(make_hub):
    hub = make_hub({"tls": listener("tls", max_connections=1), "ws": listener("ws", max_connections=1)})
    first = [hub.client("tls"), hub.client("ws")]
    for where in ("tls", "ws"):
        sock = hub.plain(where)
        assert read_to_end(sock) == b""
    for one in first:
        one.ping()


def test_contexts_are_checked_by_the_clients_here(everything):
    """That these tests would see a certificate of somebody else."""
    with pytest.raises(Exception, match="certificate"):
        everything.socket("tls", context=client_context(), hostname="other.example")


# Clients that do not read


class Unread:
    """The layer below MQTT, or below frames, of a client that sends without reading."""

    def __init__(self, peer, kind):
        self.below = peer.socket.wrapped if kind in ("ws", "wss") else peer.socket
        self.framed = kind in ("ws", "wss")
        self.poller = select.poll()
        self.poller.register(self.below.fileno(), select.POLLIN)
        self.unsent, self.seen, self.raw = b"", 0, bytearray(peer.socket.raw if self.framed else b"")

    def put(self, data):
        self.unsent += frame(BINARY, data) if self.framed else data

    def send(self, wait_ms):
        """Sends what it can; whether all has left."""
        while self.unsent:
            try:
                self.unsent = self.unsent[self.below.send(self.unsent) :]
            except BlockingIOError:
                self.poller.modify(self.below.fileno(), select.POLLOUT)
                if not self.poller.poll(wait_ms):
                    return False
        return True

    def receive(self, wait_ms):
        """Reads what is there; how many bytes of MQTT there have been."""
        self.poller.modify(self.below.fileno(), select.POLLIN)
        if self.poller.poll(wait_ms):
            try:
                piece = self.below.recv(1 << 20)
            except BlockingIOError:
                return self.seen
            assert piece, "the broker closed"
            if not self.framed:
                self.seen += len(piece)
            else:
                self.raw += piece
                while (taken := take_frame(self.raw)) is not None:
                    assert taken[0] == BINARY
                    self.seen += len(taken[2])
        return self.seen


@pytest.mark.parametrize("kind", ["tcp", "tls", "ws", "wss"])
def test_client_that_reads_no_answers_is_held_back(make_hub, kind):
    """The broker stops reading from it, so that it holds little for it, and goes on when it reads."""
    hub = make_hub({kind: listener(kind)}, limits={"outbox_bytes_max": 65536})
    one = Unread(hub.client(kind), kind)
    before, asked = hub.broker.rss_bytes(), 0
    while one.send(400):
        assert asked < 128 << 20, "it was never held back"
        one.put(mqtt.pingreq() * 50_000)
        asked += 100_000
    if not hub.broker.is_sanitized():
        assert hub.broker.rss_bytes() - before < 32 << 20
    hub.check_serves(kind)
    deadline = Deadline(60)
    while not one.send(0) or one.seen < asked:
        one.receive(100)
        assert not deadline.passed(), f"{one.seen} of {asked} bytes came"
    assert one.seen == asked
    hub.check_serves(kind)


@pytest.mark.parametrize("kind", ["tcp", "tls", "ws", "wss"])
def test_slow_reader_gets_all(make_hub, kind):
    """Twenty megabytes wait while it does not read; others are served, and then it gets them all in order."""
    hub = make_hub({kind: listener(kind), "sender": listener()})
    slow, sender = hub.client(kind), hub.client("sender")
    slow.subscribe(("t", 1))
    payloads = [bytes([number]) * 1_000_000 for number in range(20)]
    for payload in payloads:
        sender.publish("t", payload, qos=1)
    hub.check_serves(kind)
    for payload in payloads:
        slow.answer(slow.expect_publish("t", payload))
    slow.ping()


@pytest.mark.parametrize("kind", ["tcp", "tls", "ws", "wss"])
def test_client_that_never_reads_costs_what_is_allowed(make_hub, kind):
    """Messages of QoS 0 beyond its outbox are dropped; it and the others live on."""
    hub = make_hub({kind: listener(kind), "sender": listener()}, limits={"outbox_bytes_max": 1 << 20})
    deaf, sender = hub.client(kind), hub.client("sender")
    deaf.subscribe("t")
    before = hub.broker.rss_bytes()
    for _ in range(100):
        sender.send(mqtt.publish("t", bytes(1_000_000)))
    sender.ping()
    if not hub.broker.is_sanitized():
        assert hub.broker.rss_bytes() - before < 48 << 20
    hub.check_serves(kind)
    assert hub.broker.process.err.wait_match("does not keep up")
    deaf.reset()
    wait_until(lambda: hub.broker.descriptors() <= hub.broker.idle_descriptors + 1, "its socket is closed")
