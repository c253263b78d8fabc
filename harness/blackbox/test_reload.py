# SPDX-License-Identifier: MIT
"""SIGHUP: the whole configuration is read again, or nothing changes; and nobody who is served notices."""

import re
import signal
import socket
import stat
import threading

import broker as brokers
import packet as mqtt
import pytest
from broker import free_port, to_yaml
from deadline import wait_until
from hub import exchange_at_all_qos, listener, make_hub  # noqa: F401 - a fixture
from process import Process
from service import listening, passing
from tables import cases
from tls_hub import any_name, file, served_name
from transport import connect

pytestmark = pytest.mark.ours

TAKEN, REFUSED = r"configuration read again: (.*)", r"nothing has changed: the broker goes on with the configuration that it has"


class Reloader:
    """A hub whose configuration changes while it serves."""

    def __init__(self, hub):
        self.hub, self.broker = hub, hub.broker

    def write(self, **parts):
        """The file with other top-level keys; None takes one away."""
        merged = self.broker.settings | parts
        self.broker.settings = {name: value for name, value in merged.items() if value is not None}
        self.write_text(to_yaml(self.broker.settings) + "\n")

    def write_text(self, text):
        (self.broker.directory / "hbmqtt.yaml").write_text(text)

    def signal(self):
        """SIGHUP; the lines that it brought, with that which ends them last."""
        mark = len(self.hub.log())
        self.broker.process.signal(signal.SIGHUP)

        def ended(lines):
            ends = (at for at in range(mark, len(lines)) if re.search(f"{TAKEN}|{REFUSED}", lines[at]))
            at = next(ends, None)
            return lines[mark : at + 1] if at is not None else None

        return self.broker.process.err.wait(ended, "the end of a reload")

    def take(self, **parts):
        """Writes the file and has it read. The hub knows the new listeners then. Returns the lines of the log."""
        self.write(**parts)
        lines = self.signal()
        assert re.search(TAKEN, lines[-1]), lines
        self.hub.listeners = self.broker.settings["listeners"]
        places = re.findall(r"(?:now |, )(\S+) \(\w+\)", lines[-1])
        self.hub.addresses = dict(zip(self.hub.listeners, map(address_of, places), strict=True))
        return lines

    def refuse(self, **parts):
        """The same with a file that is not to be taken; the file is then as before. Returns the lines in front of the last."""
        before = self.broker.settings
        self.write(**parts)
        lines = self.signal()
        self.broker.settings = before
        assert re.search(REFUSED, lines[-1]), lines
        self.write()
        return lines[:-1]

    def listeners(self, **more):
        """Those that there are and further ones; None takes one away."""
        merged = self.broker.settings["listeners"] | more
        return {name: settings for name, settings in merged.items() if settings is not None}


def address_of(text):
    if text.startswith("unix:"):
        return text.removeprefix("unix:")
    host, port = text.rsplit(":", 1)
    return host, int(port)


@pytest.fixture
def reloader(make_hub):
    """Starts a broker with these listeners beside the first, `tcp`, and with these settings."""

    def start(listeners=None, **settings):
        return Reloader(make_hub({"tcp": listener()} | (listeners or {}), **settings))

    return start


def is_closed(address):
    """Whether nobody listens there."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as sock:
        return sock.connect_ex(address) != 0


# Listeners


def counts(lines):
    """How many listeners were added, removed and changed, as the last line has it."""
    return tuple(map(int, re.search(r"listeners: (\d+) added, (\d+) removed, (\d+) changed", lines[-1]).groups()))


def test_nothing_is_different(reloader):
    one = reloader({"ws": listener("ws")})
    before = dict(one.hub.addresses)
    client = one.hub.client("tcp")
    assert counts(one.take()) == (0, 0, 0)
    assert one.hub.addresses == before
    client.ping()
    one.hub.check_serves("ws")


@pytest.mark.parametrize("kind", ["tcp", "tls", "ws", "wss", "unix"])
def test_listener_is_added_and_removed(reloader, tmp_path, kind):
    one = reloader()
    settings = {"bind": f"unix:{tmp_path / 's'}"} if kind == "unix" else listener(kind)
    old = one.hub.client("tcp")
    assert counts(one.take(listeners=one.listeners(added=settings))) == (1, 0, 0)
    exchange_at_all_qos(old, one.hub.client("added"), "there")
    stays, address = one.hub.client("added"), one.hub.addresses["added"]
    assert counts(one.take(listeners=one.listeners(added=None))) == (0, 1, 0)
    assert is_closed(address) and not (tmp_path / "s").exists()
    exchange_at_all_qos(stays, old, "stays/there")
    stays.disconnect()
    assert counts(one.take(listeners=one.listeners(added=settings))) == (1, 0, 0)
    one.hub.check_serves("added")
    one.hub.check_serves("tcp")


def test_listener_changes_its_name_and_order(reloader):
    """It is known by its address."""
    port = free_port()
    one = reloader({"first": listener(bind=f"127.0.0.1:{port}"), "second": listener("ws")})
    client = one.hub.client("first")
    settings = one.broker.settings["listeners"]
    named = {"second": settings["second"], "tcp": settings["tcp"], "renamed": settings["first"]}
    assert counts(one.take(listeners=named)) == (0, 0, 1)
    client.ping()
    assert one.hub.addresses["renamed"] == ("127.0.0.1", port)
    for name in named:
        one.hub.check_serves(name)


def test_listener_becomes_another_kind(reloader):
    """Who connects now speaks the new kind; who was there goes on with the old one."""
    port = free_port()
    one = reloader({"it": listener(bind=f"127.0.0.1:{port}")})
    clients = []
    for kind in ("tcp", "ws", "wss", "tls", "tcp"):
        one.take(listeners=one.listeners(it=listener(kind, bind=f"127.0.0.1:{port}")))
        clients.append(one.hub.client("it"))
    for number, client in enumerate(clients):
        exchange_at_all_qos(client, clients[number - 1], f"kind/{number}")


def test_paths_of_websocket_change(reloader):
    port = free_port()
    settings = listener("ws", bind=f"127.0.0.1:{port}")
    one = reloader({"ws": settings | {"path": "/one"}})
    old = one.hub.client("ws", options={"path": "/one"})
    one.take(listeners=one.listeners(ws=settings | {"path": "/two"}))
    one.hub.client("ws", options={"path": "/two"}).ping()
    with pytest.raises(AssertionError, match="404"):
        one.hub.client("ws", options={"path": "/one"})
    old.ping()


def test_handshake_that_began_before(reloader):
    """A connection whose listener is gone before its layers stand is served on the terms that it was accepted on."""
    port = free_port()
    one = reloader({"ws": listener("ws", bind=f"127.0.0.1:{port}")})
    plain = one.hub.plain("ws")
    begin, rest = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n", (
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
    )
    plain.sendall(begin)
    one.hub.check_serves("ws")  # so the other has been accepted
    one.take(listeners=one.listeners(ws=None))
    plain.sendall(rest)
    assert plain.recv(100).startswith(b"HTTP/1.1 101 ")


def test_mode_of_a_unix_socket_changes(reloader, tmp_path):
    path = tmp_path / "s"
    one = reloader({"local": {"bind": f"unix:{path}", "mode": "0600"}})
    one.take(listeners=one.listeners(local={"bind": f"unix:{path}", "mode": "0666"}))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    one.hub.check_serves("local")


def test_port_is_in_use(reloader):
    """Nothing of the file holds then, and what was opened for it is closed again."""
    one = reloader()
    client = one.hub.client("tcp")
    free = free_port()
    with listening() as taken:
        port = taken.getsockname()[1]
        more = {"first": listener("ws", bind=f"127.0.0.1:{free}"), "second": listener(bind=f"127.0.0.1:{port}")}
        told = one.refuse(listeners=one.listeners(tcp=None, **more), limits={"packet_size_max": 64})
        assert len(told) == 1 and f"127.0.0.1:{port}" in told[0] and "'second'" in told[0], told
    assert is_closed(("127.0.0.1", free))
    client.ping()
    exchange_at_all_qos(one.hub.client("tcp"), client, "x", b"x" * 1000)
    assert counts(one.take(listeners=one.listeners(**more))) == (2, 0, 0)
    one.hub.check_serves("second")


def test_sessions_of_listeners_that_are_gone(reloader, tmp_path):
    """They keep the numbers of their listeners, of which there are 256."""
    one = reloader()

    def sockets(of_round):
        return {f"l{at}": {"bind": f"unix:{tmp_path}/{of_round}-{at}"} for at in range(63)}

    ids = []
    for of_round in range(4):
        one.take(listeners={"tcp": listener()} | sockets(of_round))
        for name in sockets(of_round):
            ids.append(f"{of_round}-{name}")
            one.hub.client(name, ids[-1], clean=False).disconnect()
    assert counts(one.take(listeners={"tcp": listener()})) == (0, 63, 0)
    told = one.refuse(listeners={"tcp": listener()} | sockets(4))
    assert len(told) == 1 and "sessions remain" in told[0], told
    for client_id in ids:
        one.hub.client("tcp", client_id, session_present=True, clean=False).disconnect()
    one.take(listeners={"tcp": listener()} | sockets(4))
    one.hub.check_serves("l62")


def test_socket_that_was_passed(make_broker, reloader, make_hub):
    """It is not closed when its listener goes, and serves when the listener comes back, whatever its bind."""
    with listening() as sock, listening() as other:
        address, second = sock.getsockname(), other.getsockname()
        listeners = {"tcp": listener(), "named": listener(bind="127.0.0.1:1"), "fits": listener(bind=f"127.0.0.1:{second[1]}")}
        one = Reloader(make_hub(listeners, **passing([("named", sock), ("", other)])))
        for name in listeners:
            one.hub.check_serves(name)
        assert one.hub.addresses["named"] == address and one.hub.addresses["fits"] == second
        assert counts(one.take()) == (0, 0, 0)
        one.take(listeners=one.listeners(named=None, fits=None))
        waits = connect(address)
        one.take(listeners=one.listeners(named=listener(bind="127.0.0.1:2"), fits=listeners["fits"]))
        waits.sendall(mqtt.connect("waited"))
        assert waits.recv(4) == mqtt.connack()
        waits.close()
        assert one.hub.addresses["named"] == address and one.hub.addresses["fits"] == second
        one.take(listeners=one.listeners(named=listener(bind="127.0.0.1:3")))
        for name in listeners:
            one.hub.check_serves(name)


# Files at fault

FAULTS = {
    "no YAML": ("listeners: [", "yaml"),
    "unknown key": ("listners: {}", "listners"),
    "no file": (None, "No such file"),
    "bad value": ("limits: {packet_size_max: 1}", "packet_size_max"),
    "no certificate": ("listeners: {x: {bind: '127.0.0.1:0', ssl: true, certfile: /none, keyfile: /none}}", "/none"),
    "log nowhere": ("log: {file: /none/log}", "/none/log"),
    "no plugin": ("plugins: {/none/absent.so: {}}", "absent.so"),
    "no owner": ("listeners: {x: {bind: 'unix:/tmp/x', owner: nobody-of-that-name}}", "nobody-of-that-name"),
    "no address": ("listeners: {x: {bind: '192.0.2.1:0'}}", "192.0.2.1"),
}


@pytest.mark.parametrize("fault", cases(FAULTS))
def test_file_at_fault(reloader, fault):
    text, word = fault
    one = reloader(log={"level": "info"})
    client = one.hub.client("tcp")
    if text is None:
        (one.broker.directory / "hbmqtt.yaml").unlink()
    else:
        one.write_text(text + "\n")
    told = one.signal()
    assert len(told) == 2 and word in told[0] and " error: " in told[0] and re.search(REFUSED, told[1]), told
    client.ping()
    one.hub.check_serves("tcp")
    one.take()
    client.ping()


def test_plugin_cannot_be_loaded(reloader, tmp_path):
    """Which is found last: sockets and the log were opened for nothing."""
    one = reloader()
    broken, free = tmp_path / "broken.so", free_port()
    broken.write_text("no code")
    told = one.refuse(
        plugins={str(broken): "{}"}, listeners=one.listeners(x=listener(bind=f"127.0.0.1:{free}")), log={"file": tmp_path / "log"}
    )
    assert len(told) == 1 and "broken.so: cannot load it" in told[0], told
    assert is_closed(("127.0.0.1", free)) and (tmp_path / "log").read_text() == ""
    one.write(log=None, plugins=None)
    one.take()
    one.hub.check_serves("tcp")


# What else changes


def test_limits_change(reloader):
    one = reloader({"own": listener() | {"limits": {"packet_size_max": 2000}}})
    clients = {name: one.hub.client(name) for name in ("tcp", "own")}
    clients["tcp"].publish("x", b"x" * 5000, qos=1)
    one.take(limits={"packet_size_max": 3000}, listeners=one.listeners(own=listener() | {"limits": {"packet_size_max": 100}}))
    for name, size in (("tcp", 2900), ("own", 50)):
        for client in (clients[name], one.hub.client(name)):  # also for who was there before
            client.publish("x", b"x" * size, qos=1)
            client.send(mqtt.publish("x", b"x" * (size + 200)))
            client.expect_close()
    one.take(limits=None)
    one.hub.client("tcp").publish("x", b"x" * 5000, qos=1)


def test_connections_change(reloader):
    one = reloader()
    held = [one.hub.client("tcp") for _ in range(3)]
    one.take(listeners={"tcp": listener(max_connections=4)})
    held.append(one.hub.client("tcp"))
    refused = one.hub.plain("tcp")
    assert refused.recv(1) == b""
    one.take(limits={"connections_max": 1})
    for client in held:
        client.ping()
    assert one.hub.plain("tcp").recv(1) == b""
    one.take(listeners={"tcp": listener()}, limits=None)
    one.hub.check_serves("tcp")


def test_retained_and_sessions_change(reloader):
    one = reloader()
    keeper, reader = one.hub.client("tcp"), one.hub.client("tcp")
    one.take(limits={"retained_messages_max": 1, "sessions_max": 2})
    for number in range(2):
        keeper.publish(f"kept/{number}", b"x", qos=1, retain=True)
    reader.subscribe("kept/#")
    reader.expect_publish("kept/0", b"x")
    reader.ping()
    one.hub.peer("tcp").connect("third", code=3)
    one.take(limits=None)
    keeper.publish("kept/1", b"x", qos=1, retain=True)
    reader.expect_publish("kept/1", b"x")
    third = one.hub.client("tcp")
    third.subscribe("kept/#")
    assert {packet.topic for packet in third.collect(2)} == {"kept/0", "kept/1"}


def test_quality_that_is_granted_changes(reloader):
    one = reloader()
    client = one.hub.client("tcp")
    client.subscribe(("x", 2))
    one.take(**{"max-qos": 1})
    client.subscribe(("x", 2), codes=[1])


def test_anonymous_access_changes(reloader):
    one = reloader()
    held = one.hub.client("tcp")
    lines = one.take(auth={"allow-anonymous": False})
    assert any("nobody can connect" in line for line in lines)
    one.hub.peer("tcp").connect("late", code=5)
    held.ping()
    one.take(auth={"allow-anonymous": True})
    one.hub.check_serves("tcp")


def with_passwords(path, **users):
    """A password file with these users, and the settings that name it."""
    path.unlink(missing_ok=True)
    for number, (user, password) in enumerate(users.items()):
        process = Process([brokers.HBMQTT_PASSWD, *(["-c"] if number == 0 else []), path, user])
        process.send(f"{password}\n".encode(), close=True)
        assert process.wait_exit() == 0, process.stderr()
    return {"auth": {"allow-anonymous": False, "password-file": path}}


def test_passwords_change(reloader, tmp_path):
    path = tmp_path / "users"
    one = reloader(**with_passwords(path, alice="first"))
    held = one.hub.client("tcp", username="alice", password=b"first")
    with_passwords(path, alice="second", bob="b")
    one.hub.peer("tcp").connect("early", code=4, username="alice", password=b"second")
    one.take()
    one.hub.peer("tcp").connect("late", code=4, username="alice", password=b"first")
    one.hub.client("tcp", username="alice", password=b"second").ping()
    one.hub.client("tcp", username="bob", password=b"b").ping()
    held.ping()
    path.write_text("no line of a password file\n")
    told = one.refuse(limits={"packet_size_max": 64})
    assert any(str(path) in line for line in told), told
    one.hub.client("tcp", username="bob", password=b"b").publish("x", b"x" * 100, qos=1)


def test_rules_change(reloader):
    one = reloader(**{"topic-check": {"enabled": True, "acl": {"anonymous": "[a/#]"}}})
    client = one.hub.client("tcp")
    client.subscribe("a/x", codes=[0])
    client.subscribe("b/x", codes=[0x80])
    one.take(**{"topic-check": {"enabled": True, "acl": {"anonymous": "[b/#]"}}})
    client.subscribe("b/x", codes=[0])  # also for who was there before
    client.subscribe("a/y", codes=[0x80])
    one.refuse(**{"topic-check": {"enabled": True, "acl": {"anonymous": "[b/#/c]"}}})
    client.subscribe("b/y", codes=[0])
    one.take(**{"topic-check": {"enabled": False}})
    client.subscribe("a/y", codes=[0])


def test_sys_interval_changes(reloader):
    one = reloader()
    client = one.hub.client("tcp")
    client.subscribe("$SYS/broker/uptime")
    one.take(sys_interval=1)
    client.expect_publish("$SYS/broker/uptime")
    client.expect_publish("$SYS/broker/uptime")
    one.take(sys_interval=86400)
    one.take(sys_interval=0)
    one.take(sys_interval=1)
    client.expect_publish("$SYS/broker/uptime")


def test_session_expiry_changes(reloader):
    """Also for who was away before, and away with no end."""
    one = reloader(sys_interval=1)
    watcher = one.hub.client("tcp")
    one.hub.client("tcp", "first", clean=False).disconnect()
    one.take(session_expiry_interval=3600)
    one.hub.client("tcp", "second", clean=False).disconnect()
    watcher.subscribe("$SYS/broker/clients/disconnected")
    watcher.expect_publish("$SYS/broker/clients/disconnected")  # retained
    wait_until(lambda: watcher.receive().payload == b"2", "both are away")
    one.take(session_expiry_interval=0)
    wait_until(lambda: watcher.receive().payload == b"0", "both have ended")
    one.take(session_expiry_interval=None)
    one.hub.client("tcp", "third", clean=False).disconnect()
    wait_until(lambda: watcher.receive().payload == b"1", "it is away")
    one.hub.client("tcp", "third", clean=False, session_present=True)


def test_log_changes(reloader, tmp_path):
    one = reloader()
    path = tmp_path / "log"
    one.take(log={"level": "debug"})
    one.hub.client("tcp", "seen").disconnect()
    assert one.broker.process.err.wait_match("client 'seen'.*connected")
    one.write(log={"file": path, "format": "json"})
    one.broker.process.signal(signal.SIGHUP)
    wait_until(lambda: path.exists() and "configuration read again" in path.read_text(), "the line is in the new log")
    one.write(log=None)
    one.signal()


def test_level_of_the_command_line_stays(reloader):
    one = reloader(arguments=["-d"])
    one.take(log={"level": "info"})
    one.hub.client("tcp", "seen").disconnect()
    assert one.broker.process.err.wait_match("client 'seen'.*connected")


def test_certificate_of_one_listener_is_another(reloader):
    one = reloader({"tls": listener("tls")})
    old = one.hub.client("tls", options={"context": any_name()})
    other = {"certfile": file("server-other.pem"), "keyfile": file("server-other.key")}
    one.take(listeners=one.listeners(tls=listener("tls", bind="127.0.0.1:0", **other)))
    new = one.hub.client("tls", options={"context": any_name()})
    assert served_name(old.socket) == "localhost" and served_name(new.socket) == "other.example"
    old.ping()


def test_keys_that_take_a_restart(reloader):
    """They are named for as long as they are not as they were at the start; everything else holds."""
    one = reloader()
    for _ in range(2):
        lines = one.take(limits={"receive_buffers": 512, "packet_size_max": 3000}, seccomp=False)
        warned = [re.search(r"warning: (\S+): .* when the broker is started again", line) for line in lines]
        assert [found[1] for found in warned if found] == ["seccomp", "limits.receive_buffers"], lines
    client = one.hub.client("tcp")
    client.send(mqtt.publish("x", b"x" * 4000))
    client.expect_close()
    lines = one.take(limits={"packet_size_max": 3000}, seccomp=None)
    assert not any("started again" in line for line in lines), lines


def test_without_a_file(tmp_path):
    with listening() as sock:
        options = passing([("default", sock)])
        argv = [*options["launcher"], *brokers.WRAPPER, brokers.HBMQTT, "-j", "1"]
        process = Process(argv, env=options["env"], pass_fds=options["pass_fds"])
        try:
            assert process.err.wait_match("listening on")
            process.signal(signal.SIGHUP)
            assert process.err.wait_match("there is no configuration file to read again")
            with connect(sock.getsockname()) as client:
                client.sendall(mqtt.connect("x"))
                assert client.recv(4) == mqtt.connack()
            process.signal(signal.SIGTERM)
            assert process.wait_exit() == 0
        finally:
            process.kill()


# A thousand times


class Load:
    """A publisher and a subscriber at QoS 1, one message after the other, until they are stopped."""

    def __init__(self, hub, name, number):
        self.topic = f"load/{number}"
        self.receiver, self.sender = hub.client(name, f"to-{number}"), hub.client(name, f"from-{number}")
        self.receiver.subscribe((self.topic, 1))
        self.going, self.fault, self.count = True, None, 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while self.going:
                payload = str(self.count).encode()
                self.sender.publish(self.topic, payload, qos=1, packet_id=self.count % 65535 + 1)
                self.receiver.answer(self.receiver.expect_publish(self.topic, payload, qos=1, dup=False))
                self.count += 1
        except Exception as error:  # for the test to tell
            self.fault = error

    def stop(self):
        self.going = False
        self.thread.join(30)
        assert not self.thread.is_alive() and self.fault is None, self.fault
        self.sender.ping()
        self.receiver.ping()


BASE = ("tcp", "tls", "ws")


def variant(number, path):
    """What the file has the next time: listeners come, go and change, and so does all else that can."""
    certificate = ("server", "server-other")[number // 2 % 2]
    files = {"certfile": file(f"{certificate}.pem"), "keyfile": file(f"{certificate}.key")}
    listeners = {"tcp": listener(), "tls": listener("tls", **files), "ws": listener("ws")}
    if number % 2:
        listeners |= {"more": listener(), "local": {"bind": f"unix:{path}"}}
        listeners["ws"]["path"] = "/mqtt"
    if number % 3 == 0:
        listeners["tcp"]["limits"] = {"inflight_max": 20}
    if number % 5 == 0:
        listeners = dict(reversed(listeners.items()))
    return {
        "listeners": listeners,
        "limits": {"queued_messages_max": 1000 + number % 7},
        "log": {"level": "info", "peer-burst": 1 + number % 9},
        "sys_interval": number % 2,
    }


@pytest.mark.parametrize("shards", [1, 2])
def test_a_thousand_times_under_load(reloader, tmp_path, shards):
    sanitized = brokers.is_sanitized(brokers.HBMQTT)
    times = 200 if sanitized else 1000
    one = reloader({name: listener(name) for name in BASE[1:]}, shards=shards)
    one.hub.timeline = None  # it would hold everything that was ever sent
    loads = [Load(one.hub, name, f"{name}-{number}") for name in BASE for number in range(1 + (name == "tcp"))]
    kept, rss, early = [], 0, times // 5
    for number in range(times):
        if number % 10 == 9:
            one.refuse(listeners={"x": {"bind": "127.0.0.1:0", "ssl": True}})
        one.take(**variant(number, tmp_path / "s"))
        if number % 20 == 1:  # who stays beyond the end of the listener, with and without a session that outlives him
            kept += [one.hub.client(name, f"{name}-stays", clean=number % 40 == 1) for name in ("more", "local")]
        while number % 20 == 10 and kept:
            one.hub.opened.remove((leaver := kept.pop()).socket)
            leaver.ping()
            leaver.disconnect()
        if number == early:
            rss = one.broker.rss_bytes()
    one.take(**variant(early, tmp_path / "s"))
    for load in loads:
        load.stop()
    assert sum(load.count for load in loads) > times
    clients = len(kept) + 2 * len(loads)
    wait_until(lambda: one.broker.descriptors() == one.broker.idle_descriptors + clients, "every descriptor is a client's")
    growth = one.broker.rss_bytes() - rss
    assert sanitized or growth < 2 << 20, f"{growth} bytes more after {times} reloads"
