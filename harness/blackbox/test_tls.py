# SPDX-License-Identifier: MIT
"""TLS below MQTT: versions, certificates of both sides, names, ALPN, PSK, resumption, reloading, and handshakes that go wrong."""

import re
import shutil
import signal
import ssl

import broker as brokers
import packet as mqtt
import pytest
from broker import settings_with, to_yaml
from hub import exchange_at_all_qos, listener, make_hub, read_exactly, read_to_end  # noqa: F401 - a fixture
from process import Process
from tables import cases
from transport import upgrade_request
from tls_hub import (  # noqa: F401 - fixtures
    BioClient,
    EXIT_USAGE,
    V12,
    V13,
    VERSIONS,
    any_name,
    context_of,
    file,
    hub,
    log_about_refused,
    openssl_client,
    refused,
    served_name,
    shared,
)

pytestmark = pytest.mark.ours


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


@pytest.fixture
def psk_hub(make_hub):
    psk_only = {"bind": "127.0.0.1:0", "ssl": True, "psk-file": file("psk")}
    return make_hub({"both": listener("tls", psk_file=file("psk")), "alone": psk_only, "tcp": listener()}, arguments=["-d"])


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
    hub.reload("goes on with the configuration that it has")
    told = [line for line in hub.log()[mark:] if "listener 'tls'" in line]
    assert len(told) == 1 and "now." in told[0] and " error: " in told[0], told
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

PROXY_1 = b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n"
PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
PLAIN = {
    "mqtt": (mqtt.connect("client"), "plain MQTT on a TLS port"),
    "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "plain HTTP on a TLS port"),
    "ws": (upgrade_request(), "plain HTTP on a TLS port"),
    "post": (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "plain HTTP on a TLS port"),
    "proxy": (PROXY_1, "PROXY"),
    "proxy-2": (PROXY_2, "PROXY"),
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
        answer = read_to_end(sock)
    except ConnectionResetError:
        answer = None
    lines = hub.log_of(sock)
    assert len(lines) == 1 and phrase in lines[0], lines
    if "HTTP" in phrase:
        assert answer.startswith(b"HTTP/1.1 400 ") and b"This port speaks TLS" in answer
    hub.check_serves("tls")
    hub.check_serves("tcp")


def test_first_bytes_of_mqtt_one_at_a_time_at_a_tls_port(hub):
    sock = hub.plain("tls")
    sock.sendall(b"\x10")
    read_to_end(sock)
    assert "plain MQTT on a TLS port" in hub.log_of(sock)[0]


UNEXPECTED_MESSAGE = b"\x15\x03\x03\x00\x02\x02\x0a"


@pytest.mark.parametrize("where", ["tcp", "ws"])
def test_tls_at_a_plain_port(hub, where):
    """One clear line, which says what the client speaks, and an alert, which the client understands."""
    one = BioClient(hub.plain(where))
    one.begin()
    one.push()
    assert read_to_end(one.sock) == UNEXPECTED_MESSAGE
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
    assert "no ssl" not in hub.log_of(one.socket)[0]
    hub.check_serves("tls")


@pytest.mark.parametrize("header", [PROXY_1, PROXY_2], ids=["1", "2"])
@pytest.mark.parametrize("where", ["tcp", "ws"])
def test_proxy_header_at_a_port_without(hub, where, header):
    sock = hub.plain(where)
    sock.sendall(header + b"\r\n")
    read_to_end(sock)
    lines = hub.log_of(sock)
    assert len(lines) == 1 and "PROXY header" in lines[0] and "proxy-protocol" in lines[0], lines
    hub.check_serves(where)
