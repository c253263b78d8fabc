# SPDX-License-Identifier: MIT
"""TLS below MQTT: versions, certificates of both sides, names, ALPN, PSK, resumption, reloading, and handshakes that go wrong."""

import re
import resource
import select
import shutil
import signal
import socket
import ssl
import subprocess

import broker as brokers
import packet as mqtt
import pytest
from broker import settings_with, to_yaml
from deadline import Deadline, wait_until
from hub import exchange_at_all_qos, listener, make_hub, read_exactly, read_to_end, shared_hub  # noqa: F401 - a fixture
from process import Process
from tables import cases
from transport import certificates, client_context, upgrade_request

pytestmark = pytest.mark.ours

EXIT_USAGE = 2
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {"1.2": V12, "1.3": V13}


def file(name):
    return certificates() / name


def context_of(version=None, certificate=None, alpn=None, **options):
    """A client's context that believes the CA, of one version, with a certificate of ci/certs."""
    context = client_context(**options)
    if version:
        context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain(file(f"{certificate}.pem"), file(f"{certificate}.key"))
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def any_name(**options):
    """A context that takes any name of the CA's."""
    return context_of(check_hostname=False, **options)


def served_name(sock):
    return dict(pair for entry in sock.getpeercert()["subject"] for pair in entry)["commonName"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    judged = {"cafile": file("ca.pem"), "crlfile": file("ca.crl")}
    listeners = {
        "tcp": listener(),
        "tls": listener("tls"),
        "tls13": listener("tls", tls_version_min=1.3),
        "required": listener("tls", client_certificate="required", **judged),
        "optional": listener("tls", client_certificate="optional", **judged),
        "chains": listener("tls", client_certificate="required", cafile=file("ca.pem")),
        "wss": listener("wss"),
        "ws": listener("ws"),
        "sni": listener("tls", certificates=[
            {"certfile": str(file("server-other.pem")), "keyfile": str(file("server-other.key"))},
            {"certfile": str(file("server-rsa.pem")), "keyfile": str(file("server-rsa.key"))},
        ]),
    }  # fmt: skip
    yield from shared_hub(tmp_path_factory, listeners, arguments=["-d"])  # no line of the log is kept back


@pytest.fixture
def hub(shared, timeline):
    shared.timeline = timeline
    yield shared
    shared.close()
    shared.opened.clear()
    assert shared.broker.alive(), shared.broker.process.stderr()[-4000:]


def refused(hub, where, **options):
    """A client that the broker does not want; returns the lines of the log about it."""
    sock = hub.plain(where)
    try:
        wrapped = options.pop("context").wrap_socket(sock, server_hostname=options.pop("hostname", "localhost"))
        wrapped.sendall(mqtt.connect("refused"))
        seen = wrapped.recv(100)
        wrapped.close()
        assert seen == b"", f"it was served: {seen!r}"
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        pass
    return hub.log_of(sock) if sock.fileno() >= 0 else []


def log_about_refused(hub, where, pattern, **options):
    mark = len(hub.log())
    refused(hub, where, **options)
    found = hub.broker.process.err.wait(
        lambda lines: [line for line in lines[mark:] if re.search(f"connection closed: {pattern}", line)], f"a line with {pattern}"
    )
    assert len(found) == 1, found


# Versions


@pytest.mark.parametrize("version", cases(VERSIONS))
def test_versions(hub, unique, version):
    sender = hub.client("tls", f"{unique}-sender", {"context": context_of(version)})
    receiver = hub.client("tls", f"{unique}-receiver", {"context": context_of(version)})
    assert sender.socket.version() == {V12: "TLSv1.2", V13: "TLSv1.3"}[version]
    exchange_at_all_qos(sender, receiver, f"{unique}/t")
    sender.disconnect()


def test_version_min(hub, unique):
    log_about_refused(hub, "tls13", "no shared TLS version", context=context_of(V12))
    hub.client("tls13", f"{unique}-new", {"context": context_of(V13)}).ping()


def test_tls_1_1_is_refused(hub):
    context = context_of()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    refused(hub, "tls", context=context)
    hub.check_serves("tls")


@pytest.mark.parametrize("version", cases(VERSIONS))
@pytest.mark.parametrize("size", [16383, 16384, 16385, 100_000, 3_000_000])
def test_large_messages_there_and_back(hub, unique, size, version):
    one = hub.client("tls", f"{unique}-echo", {"context": context_of(version)})
    one.subscribe((f"{unique}/t", 1))
    payload = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    one.send(mqtt.publish(f"{unique}/t", payload, qos=1, packet_id=9))
    assert one.collect(1)[0].payload == payload


def test_many_messages_at_once(hub, unique):
    """Two thousand messages through one record after another, from and to TLS."""
    receiver = hub.client("tls", f"{unique}-receiver")
    receiver.subscribe((f"{unique}/t", 1))
    hub.client("tls", f"{unique}-sender").publish_many([(f"{unique}/t", b"%d" % number) for number in range(2000)], qos=1)
    assert [message.payload for message in receiver.collect(2000)] == [b"%d" % number for number in range(2000)]


def test_message_disconnect_and_close_notify_in_one_piece(hub, unique):
    """As a tool does that publishes one message and ends."""
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/#")
    one = BioClient(hub.plain("tls"))
    one.shake_hands()
    one.write(mqtt.connect(f"{unique}-tool", will=mqtt.Will(f"{unique}/will")))
    assert one.read(4) == b"\x20\x02\x00\x00"
    one.seal(mqtt.publish(f"{unique}/t", b"last words"))
    one.seal(mqtt.disconnect())
    one.seal_close()
    one.push()
    watcher.expect_publish(f"{unique}/t", b"last words")
    watcher.ping()  # and no will
    one.sock.settimeout(10)
    read_to_end(one.sock)


def test_disconnect_is_answered_by_close_notify(hub, unique):
    """The end is told, so that nobody in between can have cut the stream."""
    sock = hub.plain("tls")
    with context_of().wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False) as wrapped:
        wrapped.sendall(mqtt.connect(f"{unique}-x"))
        assert read_exactly(wrapped, 4) == b"\x20\x02\x00\x00"
        wrapped.sendall(mqtt.disconnect())
        assert wrapped.recv(10) == b""  # SSLEOFError if there was none


def test_close_notify_alone_publishes_the_will(hub, unique):
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/will")
    one = hub.client("tls", f"{unique}-leaver", will=mqtt.Will(f"{unique}/will", b"bye"))
    one.socket.wrapped.setblocking(True)
    one.socket.wrapped.settimeout(10)
    one.socket.wrapped.unwrap().close()
    watcher.expect_publish(f"{unique}/will", b"bye")


def test_shutdown_says_close_notify(make_hub):
    hub = make_hub({"tls": listener("tls")})
    sock = hub.plain("tls")
    wrapped = context_of().wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)
    wrapped.sendall(mqtt.connect("x"))
    assert read_exactly(wrapped, 4) == b"\x20\x02\x00\x00"
    hub.broker.process.signal(signal.SIGTERM)
    assert wrapped.recv(10) == b""
    wrapped.close()
    assert hub.broker.process.wait_exit(15) == 0


# Certificates of clients

GOOD = ("client", "client-2")
BAD = {
    "client-expired": "client certificate has expired",
    "client-revoked": "client certificate is revoked",
    "client-stranger": "client certificate is from an unknown CA",
    "client-server": "client certificate is not made for clients",
}


@pytest.mark.parametrize("version", cases(VERSIONS))
@pytest.mark.parametrize("where", ["required", "optional"])
@pytest.mark.parametrize("name", GOOD)
def test_good_certificate(hub, unique, where, name, version):
    hub.client(where, f"{unique}-x", {"context": context_of(version, name)}).ping()


@pytest.mark.parametrize("version", cases(VERSIONS))
@pytest.mark.parametrize("where", ["required", "optional"])
@pytest.mark.parametrize("name", BAD)
def test_bad_certificate(hub, unique, where, name, version):
    log_about_refused(hub, where, BAD[name], context=context_of(version, name))
    hub.check_serves(where, context=context_of(certificate="client"))


@pytest.mark.parametrize("version", cases(VERSIONS))
def test_no_certificate(hub, unique, version):
    log_about_refused(hub, "required", "no client certificate", context=context_of(version))
    hub.client("optional", f"{unique}-x", {"context": context_of(version)}).ping()


def test_certificate_of_an_intermediate(hub, unique):
    hub.client("chains", f"{unique}-x", {"context": context_of(certificate="client-chain")}).ping()


def test_certificate_where_none_is_asked_for(hub, unique):
    hub.client("tls", f"{unique}-x", {"context": context_of(certificate="client-stranger")}).ping()


def connect_code(hub, where, client_id, context=None, **fields):
    """The code of the CONNACK, or None when there is none."""
    one = hub.peer(where, context=context)
    one.send(mqtt.connect(client_id, **fields))
    packet = one.poll()
    return packet and packet.code


@pytest.fixture
def closed_hub(make_hub):
    """Lets in whom a certificate names, and nobody else."""
    asks = {"client_certificate": "optional", "cafile": file("ca.pem")}
    return make_hub({
        "tcp": listener(),
        "common-name": listener("tls", user_name_from="common-name", **asks),
        "alt-name": listener("tls", user_name_from="subject-alt-name", **asks),
        "unnamed": listener("tls", **asks),
        "wss": listener("wss", user_name_from="common-name", **asks),
    }, auth={"allow-anonymous": False}, arguments=["-d"])  # fmt: skip


@pytest.mark.parametrize("version", cases(VERSIONS))
def test_user_name_from_a_certificate_lets_in(closed_hub, version):
    hub, owner = closed_hub, context_of(version, "client")
    for where in ("common-name", "wss"):
        assert connect_code(hub, where, "owner", owner) == 0
        assert connect_code(hub, where, "owner", owner, username="somebody", password="else") == 0
        assert connect_code(hub, where, "nobody", context_of(version)) in (4, 5)
        assert connect_code(hub, where, "nobody", context_of(version), username="client", password="x") in (4, 5)
    assert connect_code(hub, "unnamed", "owner", owner) in (4, 5)
    assert connect_code(hub, "tcp", "nobody") in (4, 5)
    assert connect_code(hub, "alt-name", "owner", context_of(version, "client-names")) == 0


def test_certificate_without_the_name_is_refused(closed_hub):
    phrase = "client certificate lacks the part that becomes the user name"
    log_about_refused(closed_hub, "common-name", phrase, context=context_of(certificate="client-nameless"))
    log_about_refused(closed_hub, "alt-name", phrase, context=context_of(certificate="client"))
    assert connect_code(closed_hub, "common-name", "owner", context_of(certificate="client")) == 0


def test_owner_is_let_in_again_with_a_resumed_session(closed_hub):
    """What the certificate said travels with the session."""
    for version in VERSIONS.values():
        context = context_of(version, "client")
        session = session_of(closed_hub, "common-name", context)
        sock = resume(closed_hub, "common-name", context, session)
        assert sock.session_reused


def test_client_that_does_not_believe_us(hub):
    context = ssl.create_default_context(cafile=file("stranger-ca.pem"))
    log_about_refused(hub, "tls", "the client ended the handshake or connection: unknown CA", context=context)
    hub.check_serves("tls")


# Names and protocols


@pytest.mark.parametrize("version", cases(VERSIONS))
@pytest.mark.parametrize("host, name", [
    ("localhost", "localhost"), ("other.example", "other.example"), ("OTHER.example", "other.example"),
    ("a.other.example", "other.example"), ("rsa.example", "rsa.example"), ("unknown.example", "localhost"), (None, "localhost"),
])  # fmt: skip
def test_certificate_by_the_name_that_is_wanted(hub, unique, host, name, version):
    one = hub.client("sni", f"{unique}-x", {"context": any_name(version=version), "hostname": host})
    assert served_name(one.socket) == name
    one.ping()


@pytest.mark.parametrize("version", cases(VERSIONS))
@pytest.mark.parametrize("where, offered, chosen", [
    ("tls", ["mqtt"], "mqtt"), ("tls", ["h2", "mqtt"], "mqtt"), ("tls", None, None),
    ("wss", ["http/1.1"], "http/1.1"), ("wss", ["h2", "http/1.1"], "http/1.1"), ("wss", None, None),
])  # fmt: skip
def test_alpn(hub, unique, where, offered, chosen, version):
    one = hub.client(where, f"{unique}-x", {"context": context_of(version, alpn=offered)})
    assert one.socket.selected_alpn_protocol() == chosen
    one.ping()


@pytest.mark.parametrize("version", cases(VERSIONS))
@pytest.mark.parametrize("where, offered", [("tls", ["h2"]), ("tls", ["h2", "http/1.1"]), ("wss", ["h2"])])
def test_alien_protocols_are_refused(hub, where, offered, version):
    """Who speaks another protocol must not be misled into ours (ALPACA)."""
    log_about_refused(hub, where, "no shared ALPN protocol", context=context_of(version, alpn=offered))
    hub.check_serves(where)


# Pre-shared keys, with OpenSSL's own client: Python's has none before 3.13.

KEY = "000102030405060708090a0b0c0d0e0f"
PSK_OPTIONS = {"1.2": ["-tls1_2", "-cipher", "PSK"], "1.3": ["-tls1_3"]}


class OpensslClient:
    def __init__(self, address, *options):
        host, port = address
        command = ["openssl", "s_client", "-quiet", "-connect", f"{host}:{port}", *options]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def exchange(self, data, count):
        """Sends, and reads so many bytes, or less if it ends."""
        deadline, seen = Deadline(), b""
        try:
            self.popen.stdin.write(data)
            self.popen.stdin.flush()
        except BrokenPipeError:
            return b""
        poller = select.poll()
        poller.register(self.popen.stdout, select.POLLIN)
        while len(seen) < count:
            assert poller.poll(deadline.left() * 1000), f"only {seen!r} came"
            piece = self.popen.stdout.read1(count - len(seen))
            if not piece:
                break
            seen += piece
        return seen

    def close(self):
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def psk_hub(make_hub):
    psk_only = {"bind": "127.0.0.1:0", "ssl": True, "psk-file": file("psk")}
    return make_hub({"both": listener("tls", psk_file=file("psk")), "alone": psk_only, "tcp": listener()}, arguments=["-d"])


@pytest.fixture
def openssl_client():
    clients = []

    def open_one(*arguments):
        clients.append(OpensslClient(*arguments))
        return clients[-1]

    yield open_one
    for one in clients:
        one.close()


@pytest.mark.parametrize("where", ["both", "alone"])
@pytest.mark.parametrize("version", PSK_OPTIONS)
def test_psk(psk_hub, openssl_client, version, where):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    for identity, key in (("device", KEY), ("device:7", "00112233445566778899aabbccddeeff00")):
        one = openssl_client(psk_hub.addresses[where], *PSK_OPTIONS[version], "-psk_identity", identity, "-psk", key)
        assert one.exchange(mqtt.connect(identity) + mqtt.pingreq(), 6) == b"\x20\x02\x00\x00\xd0\x00"


@pytest.mark.parametrize("version", PSK_OPTIONS)
@pytest.mark.parametrize("identity, key", [("device", KEY[:-1] + "0"), ("stranger", KEY)], ids=["wrong-key", "stranger"])
def test_wrong_psk(psk_hub, openssl_client, version, identity, key):
    one = openssl_client(psk_hub.addresses["alone"], *PSK_OPTIONS[version], "-psk_identity", identity, "-psk", key)
    assert one.exchange(mqtt.connect("x"), 4) == b""
    assert psk_hub.broker.process.err.wait_match(r"client '' at 127\.0\.0\.1:\d+: connection closed: .")
    psk_hub.check_serves("tcp")
    psk_hub.check_serves("both")


# Resumption


def session_of(hub, where, context):
    """The session of a connection that was served: with TLS 1.3 its ticket came behind the handshake."""
    sock = context.wrap_socket(hub.plain(where), server_hostname="localhost")
    hub.opened.append(sock)
    sock.sendall(mqtt.connect(""))
    assert read_exactly(sock, 4) == b"\x20\x02\x00\x00"
    return sock.session


def resume(hub, where, context, session):
    sock = context.wrap_socket(hub.plain(where), server_hostname="localhost", session=session)
    hub.opened.append(sock)
    sock.sendall(mqtt.connect(""))
    assert read_exactly(sock, 4) == b"\x20\x02\x00\x00"
    return sock


@pytest.mark.parametrize("shards", [1, 2, 4])
@pytest.mark.parametrize("version", cases(VERSIONS))
def test_session_is_resumed_on_any_shard(make_hub, version, shards):
    hub = make_hub({"tls": listener("tls")}, shards=shards)
    context = context_of(version)
    session = session_of(hub, "tls", context)
    socks = [resume(hub, "tls", context, session) for _ in range(24)]  # all open at once, so that many shards have some
    assert all(sock.session_reused for sock in socks)


def test_session_with_a_client_certificate_is_resumed(hub):
    for version in VERSIONS.values():
        context = context_of(version, "client")
        assert resume(hub, "required", context, session_of(hub, "required", context)).session_reused


def test_session_of_another_listener_lets_nobody_in(hub):
    """A ticket from where nobody is asked for a certificate is worth nothing where one is required."""
    for version in VERSIONS.values():
        context = context_of(version)
        session = session_of(hub, "tls", context)
        sock = hub.plain("required")
        try:
            wrapped = context.wrap_socket(sock, server_hostname="localhost", session=session)
            wrapped.sendall(mqtt.connect("intruder"))
            assert wrapped.recv(10) == b""
        except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
            pass


# Reloading


def put(folder, name):
    """What the listener has now, of these names of ci/certs."""
    for suffix in ("pem", "key"):
        fresh = folder / f"fresh.{suffix}"
        shutil.copy(file(f"{name}.{suffix}"), fresh)
        fresh.rename(folder / f"now.{suffix}")


@pytest.fixture
def reloadable(make_hub, tmp_path):
    put(tmp_path, "server")
    certs = {"certfile": tmp_path / "now.pem", "keyfile": tmp_path / "now.key"}
    hub = make_hub({"tls": listener("tls", **certs), "wss": listener("wss", **certs), "tcp": listener()})
    hub.folder = tmp_path

    def reload(pattern):
        mark = len(hub.log())
        hub.broker.process.signal(signal.SIGHUP)
        return hub.broker.process.err.wait(lambda lines: [line for line in lines[mark:] if re.search(pattern, line)], pattern)

    hub.reload = reload
    return hub


def name_now(hub, where="tls"):
    one = hub.client(where, options={"context": any_name()})
    sock = one.socket if where == "tls" else one.socket.wrapped
    return served_name(sock)


def test_reload_takes_the_new_certificate(reloadable):
    hub = reloadable
    old = [hub.client("tls", "old-tls"), hub.client("wss", "old-wss")]
    assert name_now(hub) == "localhost"
    put(hub.folder, "server-other")
    hub.reload("'wss': certificates were read again")
    assert name_now(hub) == "other.example" and name_now(hub, "wss") == "other.example"
    for one in old:
        one.ping()
        one.publish("t", b"x" * 100_000, qos=2)
    put(hub.folder, "server-rsa")
    hub.reload("'wss': certificates were read again")
    assert name_now(hub) == "rsa.example"
    for one in old:
        one.ping()


BREAK = {
    "garbage": lambda folder: (folder / "now.pem").write_text("nonsense\n"),
    "empty": lambda folder: (folder / "now.pem").write_text(""),
    "gone": lambda folder: (folder / "now.pem").unlink(),
    "half": lambda folder: (folder / "now.pem").write_text((folder / "now.pem").read_text()[:300]),
    "key-of-another": lambda folder: shutil.copy(file("server-other.key"), folder / "now.key"),
    "key-gone": lambda folder: (folder / "now.key").unlink(),
    "directory": lambda folder: ((folder / "now.pem").unlink(), (folder / "now.pem").mkdir()),
}


@pytest.mark.parametrize("spoil", cases(BREAK))
def test_reload_of_a_broken_file_keeps_the_old(reloadable, spoil):
    hub = reloadable
    old = hub.client("tls", "old")
    spoil(hub.folder)
    mark = len(hub.log())
    hub.reload("listener 'wss' goes on with the certificates that it has")
    told = [line for line in hub.log()[mark:] if "listener 'tls'" in line]
    assert len(told) == 2 and "now." in told[0] and " error: " in told[0], told  # what is wrong, and what comes of it
    assert name_now(hub) == "localhost" and name_now(hub, "wss") == "localhost"
    old.ping()
    shutil.rmtree(hub.folder / "now.pem", ignore_errors=True)
    put(hub.folder, "server-other")
    hub.reload("'wss': certificates were read again")
    assert name_now(hub) == "other.example"


def test_session_from_before_a_reload(reloadable):
    """A full handshake then, and service."""
    hub = reloadable
    for version in VERSIONS.values():
        context = context_of(version)
        session = session_of(hub, "tls", context)
        hub.reload("'wss': certificates were read again")
        assert not resume(hub, "tls", context, session).session_reused


def test_reload_during_a_handshake(reloadable):
    """The connection keeps what it began with."""
    hub = reloadable
    one = BioClient(hub.plain("tls"), any_name())
    one.begin()
    one.push()
    one.receive()
    put(hub.folder, "server-other")
    hub.reload("'wss': certificates were read again")
    one.shake_hands()
    one.write(mqtt.connect("x"))
    assert one.read(4) == b"\x20\x02\x00\x00"
    assert name_now(hub) == "other.example"


def test_reload_under_load(reloadable):
    hub = reloadable
    for number in range(30):
        hub.broker.process.signal(signal.SIGHUP)
        hub.check_serves(("tls", "wss")[number % 2])
    hub.check_serves("tcp")


def test_reload_without_tls(make_hub):
    hub = make_hub({"tcp": listener()})
    hub.broker.process.signal(signal.SIGHUP)
    hub.check_serves("tcp")


# Files that are wrong at the start


def wrong(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return path


# name: (what makes the keys of a listener in a folder, what has to be named in the line)
WRONG_FILES = {
    "no-certfile": (lambda at: {"certfile": at / "missing.pem"}, ["certfile", "missing.pem"]),
    "no-keyfile": (lambda at: {"keyfile": at / "missing.key"}, ["keyfile", "missing.key"]),
    "certfile-of-garbage": (lambda at: {"certfile": wrong(at, "bad.pem", "nonsense")}, ["certfile", "bad.pem"]),
    "certfile-that-is-empty": (lambda at: {"certfile": wrong(at, "bad.pem", "")}, ["certfile", "bad.pem"]),
    "certfile-that-is-a-key": (lambda at: {"certfile": file("server.key")}, ["certfile", "server.key"]),
    "keyfile-of-garbage": (lambda at: {"keyfile": wrong(at, "bad.key", "nonsense")}, ["keyfile", "bad.key"]),
    "keyfile-that-is-a-certificate": (lambda at: {"keyfile": file("server.pem")}, ["keyfile", "server.pem"]),
    "keyfile-of-another": (lambda at: {"keyfile": file("server-other.key")}, ["server-other.key"]),
    "certfile-is-a-directory": (lambda at: {"certfile": at}, ["certfile"]),
    "no-cafile": (lambda at: {"cafile": at / "missing.pem"}, ["cafile", "missing.pem"]),
    "cafile-of-garbage": (lambda at: {"cafile": wrong(at, "bad.pem", "nonsense")}, ["cafile", "bad.pem"]),
    "no-capath": (lambda at: {"capath": at / "missing"}, ["capath", "missing"]),
    "no-crlfile": (lambda at: {"cafile": file("ca.pem"), "crlfile": at / "missing.crl"}, ["crlfile", "missing.crl"]),
    "crlfile-of-garbage": (lambda at: {"cafile": file("ca.pem"), "crlfile": wrong(at, "bad.crl", "x")}, ["crlfile", "bad.crl"]),
    "no-psk-file": (lambda at: {"psk-file": at / "missing.psk"}, ["missing.psk"]),
    "psk-without-a-key": (lambda at: {"psk-file": wrong(at, "bad.psk", "device\n")}, ["bad.psk", "1"]),
    "psk-that-is-short": (lambda at: {"psk-file": wrong(at, "bad.psk", "a:0011\n")}, ["bad.psk", "1"]),
    "psk-that-is-not-hex": (lambda at: {"psk-file": wrong(at, "bad.psk", "# a\nb:" + "xy" * 16 + "\n")}, ["bad.psk", "2"]),
    "ciphers": (lambda at: {"ciphers": "NONSENSE"}, ["ciphers", "NONSENSE"]),
    "ciphersuites": (lambda at: {"ciphersuites": "TLS_NONSENSE"}, ["ciphersuites", "TLS_NONSENSE"]),
    "groups": (lambda at: {"groups": "x25519:nonsense"}, ["groups", "nonsense"]),
    "certificates": (lambda at: {"certificates": [{"certfile": str(at / "missing.pem")}]}, ["missing.pem"]),
}


@pytest.mark.parametrize("kind", ["tls", "wss"])
@pytest.mark.parametrize("case", cases(WRONG_FILES))
def test_wrong_file_at_the_start_is_one_line(tmp_path, case, kind):
    keys, words = case
    config = tmp_path / "wrong.yaml"
    listeners = {"first": listener(), "spoilt": listener(kind) | keys(tmp_path)}
    config.write_text(to_yaml(settings_with(listeners=listeners)) + "\n")
    process = Process([*brokers.WRAPPER, brokers.HBMQTT, "-c", config])
    assert process.wait_exit() == EXIT_USAGE, process.stderr()
    lines = [line for line in process.err.now() if " warning: " not in line]
    assert len(lines) == 1 and "'spoilt'" in lines[0], lines
    for word in words:
        assert word.lower() in lines[0].lower(), f"{word!r} is not in {lines[0]!r}"


def test_expired_certificate_of_the_broker_is_a_warning(make_hub):
    hub = make_hub({"tls": listener("tls", certfile=file("server-expired.pem"), keyfile=file("server-expired.key"))})
    assert [line for line in hub.log() if " warning: " in line and "expired" in line and "'tls'" in line]
    careless = any_name(verify_mode=ssl.CERT_NONE)
    hub.client("tls", options={"context": careless}).ping()


def test_chain_and_key_in_one_file(make_hub, tmp_path):
    whole = tmp_path / "whole.pem"
    whole.write_text(file("server-chain.pem").read_text() + file("server-chain.key").read_text())
    keys = listener("tls", certfile=whole)
    del keys["keyfile"]
    make_hub({"tls": keys}).check_serves("tls")


# Who has mistaken the port

PLAIN = {
    "mqtt": (mqtt.connect("client"), "plain MQTT on a TLS port"),
    "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "plain HTTP on a TLS port"),
    "ws": (upgrade_request(), "plain HTTP on a TLS port"),
    "post": (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "plain HTTP on a TLS port"),
    "proxy": (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", "not TLS"),
    "zeroes": (bytes(100), "not TLS"),
    "broken-record": (b"\x16\x03\x01\xff\xff" + bytes(200), ""),
    "broken-hello": (b"\x16\x03\x01\x00\x10\x01\x00\x00\x0c" + bytes(12), ""),
    "record-of-nothing": (b"\x16\x03\x01\x00\x00" * 100, ""),
    "alert-first": (b"\x15\x03\x01\x00\x02\x02\x28", ""),
    "data-first": (b"\x17\x03\x03\x00\x10" + bytes(16), "not TLS"),
}


@pytest.mark.parametrize("where", ["tls", "wss", "required"])
@pytest.mark.parametrize("case", cases(PLAIN))
def test_what_is_not_tls_at_a_tls_port(hub, case, where):
    data, phrase = case
    sock = hub.plain(where)
    sock.sendall(data)
    try:
        read_to_end(sock)
    except ConnectionResetError:
        pass
    lines = hub.log_of(sock)
    assert len(lines) == 1 and phrase in lines[0], lines
    hub.check_serves("tls")
    hub.check_serves("tcp")


def test_first_bytes_of_mqtt_one_at_a_time_at_a_tls_port(hub):
    sock = hub.plain("tls")
    sock.sendall(b"\x10")
    read_to_end(sock)
    assert "plain MQTT on a TLS port" in hub.log_of(sock)[0]


@pytest.mark.parametrize("where, answer", [("tcp", b""), ("ws", b"HTTP/1.1 400 ")])
def test_tls_at_a_plain_port(hub, where, answer):
    """One clear line, which says what the client speaks."""
    one = BioClient(hub.plain(where))
    one.begin()
    one.push()
    assert read_to_end(one.sock).startswith(answer)
    lines = hub.log_of(one.sock)
    assert len(lines) == 1 and "TLS" in lines[0], lines
    hub.check_serves(where)


def test_http_at_a_plain_port(hub):
    sock = hub.plain("tcp")
    sock.sendall(upgrade_request())
    assert read_to_end(sock).startswith(b"HTTP/1.1 400 ")
    lines = hub.log_of(sock)
    assert len(lines) == 1 and "HTTP" in lines[0] and "ws" in lines[0], lines
    hub.check_serves("tcp")


def test_tls_in_tls(hub):
    """A second handshake inside of the first is no MQTT."""
    one = hub.peer("tls")
    one.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    one.expect_close()
    hub.check_serves("tls")


# Handshakes byte by byte, and those that never end


class BioClient:
    """A TLS client that shows every byte that it sends."""

    def __init__(self, sock, context=None):
        self.sock, self.incoming, self.outgoing = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or context_of()).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.size = None  # of the pieces that are sent

    def begin(self):
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def push(self):
        data = self.outgoing.read()
        for at in range(0, len(data), self.size or len(data) or 1):
            self.sock.sendall(data[at : at + (self.size or len(data))])

    def receive(self):
        piece = self.sock.recv(65536)
        assert piece, "the broker closed"
        self.incoming.write(piece)

    def shake_hands(self):
        while True:
            done = self.begin()
            self.push()
            if done:
                return
            self.receive()

    def seal(self, data):
        self.tls.write(data)

    def seal_close(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass

    def write(self, data):
        self.seal(data)
        self.push()

    def read(self, count):
        data = b""
        while len(data) < count:
            try:
                data += self.tls.read(count - len(data))
            except ssl.SSLWantReadError:
                self.receive()
        return data


@pytest.mark.parametrize("version", cases(VERSIONS))
@pytest.mark.parametrize("size", [1, 5, 100])
def test_tls_in_small_pieces(hub, unique, size, version):
    one = BioClient(hub.plain("tls"), context_of(version))
    one.size = size
    one.shake_hands()
    one.write(mqtt.connect(f"{unique}-slow") + mqtt.pingreq())
    assert one.read(6) == b"\x20\x02\x00\x00\xd0\x00"
    hub.check_serves("tls")


def test_client_certificate_in_small_pieces(hub, unique):
    one = BioClient(hub.plain("required"), context_of(certificate="client"))
    one.size = 3
    one.shake_hands()
    one.write(mqtt.connect(f"{unique}-slow"))
    assert one.read(4) == b"\x20\x02\x00\x00"


def stall(hub, how):
    """A connection that gets so far and no further."""
    one = BioClient(hub.plain("tls"))
    if how == "nothing":
        return one.sock
    if how == "handshake-without-connect":
        one.shake_hands()
        return one.sock
    one.begin()
    data = one.outgoing.read()
    one.sock.sendall(data[:1] if how == "one-byte" else data[: len(data) // 2] if how == "half-a-hello" else data)
    return one.sock


STALLS = ("nothing", "one-byte", "half-a-hello", "hello", "handshake-without-connect")


@pytest.mark.parametrize("how", STALLS)
def test_stalled_client_is_closed_by_connect_timeout(make_hub, how):
    hub = make_hub({"tls": listener("tls"), "tcp": listener()}, limits={"connect_timeout_ms": 1000})
    stalled = [stall(hub, how) for _ in range(20)]
    hub.check_serves("tls")
    hub.check_serves("tcp")
    for sock in stalled:
        read_to_end(sock)
        sock.close()
    wait_until(lambda: hub.broker.descriptors() <= hub.broker.idle_descriptors, "their sockets are closed")
    hub.check_serves("tls")


def test_trickling_handshake_is_closed_by_connect_timeout(make_hub):
    hub = make_hub({"tls": listener("tls")}, limits={"connect_timeout_ms": 1000})
    one = BioClient(hub.plain("tls"))
    one.begin()
    data = one.outgoing.read()
    poller = select.poll()
    poller.register(one.sock, select.POLLRDHUP)
    deadline, sent = Deadline(10), 0
    while not poller.poll(20):
        assert not deadline.passed() and sent < len(data) - 1, "a trickle keeps a connection"
        sent += one.sock.send(data[sent : sent + 1])
    hub.check_serves("tls")


@pytest.mark.parametrize("shards", [1, 2])
def test_one_handshake_at_a_time_serves_everybody(make_hub, shards):
    """Also behind clients whose handshake never ends."""
    hub = make_hub(
        {"tls": listener("tls", handshakes_max=1), "tcp": listener()}, limits={"connect_timeout_ms": 1500}, shards=shards
    )
    for _ in range(2):
        stall(hub, "hello")
    waiting = [BioClient(hub.plain("tls")) for _ in range(40)]
    for one in waiting:
        one.sock.settimeout(30)
        one.begin()
        one.push()
    hub.check_serves("tcp")
    served = 0
    for number, one in enumerate(waiting):
        try:
            one.shake_hands()
            one.write(mqtt.connect(f"client-{number}"))
            served += one.read(4) == b"\x20\x02\x00\x00"
        except (AssertionError, ConnectionResetError, BrokenPipeError, ssl.SSLError):
            pass  # its time may have run out while the others were ahead
    hub.check_serves("tls")
    assert served == len(waiting)


def test_client_that_resets_in_the_handshake_gives_its_place_back(make_hub):
    hub = make_hub({"tls": listener("tls", handshakes_max=1)}, shards=1)
    for _ in range(30):
        sock = stall(hub, "hello")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        sock.close()
    for _ in range(5):
        hub.check_serves("tls")


def test_a_thousand_connections_at_once(make_hub, unique):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("not enough files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    hub = make_hub({"tls": listener("tls"), "tcp": listener()})
    hub.check_serves("tls")
    before = hub.broker.rss_bytes()
    context = context_of()
    clients = []
    for number in range(1000):
        clients.append(hub.client("tls", f"{unique}-{number}", {"context": context}))
        clients[-1].subscribe((f"{unique}/all", 1))
    if not hub.broker.is_sanitized():
        assert (hub.broker.rss_bytes() - before) / 1000 < 128 << 10
    hub.client("tcp", f"{unique}-sender").publish(f"{unique}/all", b"x" * 5000, qos=1)
    for one in clients:
        one.answer(one.expect_publish(f"{unique}/all", b"x" * 5000))
    for one in clients:
        one.disconnect()
    hub.check_serves("tls")


def test_renegotiation_is_refused(hub, openssl_client):
    """s_client asks for one when its input has a line with R."""
    host, port = hub.addresses["tls"]
    command = ["openssl", "s_client", "-tls1_2", "-connect", f"{host}:{port}"]
    process = subprocess.run(command, input=b"R\n", capture_output=True, timeout=20, check=False)
    assert b"renegotiation" in (process.stdout + process.stderr).lower()
    hub.check_serves("tls")
