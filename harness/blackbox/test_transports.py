# SPDX-License-Identifier: MIT
"""hbmqtt_pub and hbmqtt_sub over TLS and WebSocket, at mosquitto and at a broker that the test plays."""

import os
import signal
import ssl

import packet as mqtt
import pytest
from broker import HBMQTT_PUB, HBMQTT_SUB
from tables import cases
from test_tools import DONE, LOST, PROTOCOL, REFUSED, UNREACHABLE, USAGE, ended, one_line
from listeners import BROKERS, CLOSE, PING, PONG, SECURE, TEXT, TRANSPORTS, PlayedBroker, certificates, frame, served  # noqa: F401 - fixtures

UNTRUSTED = 7


@pytest.fixture
def trusting(certificates):
    """The options by which a client trusts the CA of the tests, for a URL."""
    return lambda url: ["--ca-file", certificates.pem("ca")] if url.split(":")[0] in SECURE else []


@pytest.fixture
def pub(spawn, served, trusting):
    def start(listener, *arguments, **options):
        url = served.url(listener)
        return spawn(HBMQTT_PUB, "--url", url, *trusting(url), *arguments, **options)

    return start


@pytest.fixture
def sub(spawn, served, trusting):
    """hbmqtt_sub, once it has subscribed."""

    def start(listener, *arguments):
        url = served.url(listener)
        process = spawn(HBMQTT_SUB, "--url", url, *trusting(url), "-d", *arguments)
        assert process.err.wait_match("received SUBACK"), process.stderr()
        return process

    return start


@pytest.fixture
def played():
    one = PlayedBroker()
    yield one
    one.close()


@pytest.fixture
def secure(certificates):
    """As `played`, in TLS."""
    one = PlayedBroker(certificates)
    yield one
    one.close()


# Messages, whatever carries them


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_publish_and_subscribe(pub, sub, unique, transport, qos):
    subscriber = sub(transport, "-t", f"{unique}/t", "-q", str(qos), "-n3")
    publisher = pub(transport, "-t", f"{unique}/t", "-q", str(qos), "-l")
    publisher.send("one\ntwo \u20ac\nthree\n".encode(), close=True)
    assert ended(publisher) == []
    ended(subscriber)
    assert subscriber.out.now() == ["one", "two \u20ac", "three"]


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_megabyte(pub, sub, unique, transport, qos):
    """Received over TLS or plain: mosquitto 2.0.11 stops in the middle of so long a message to a WebSocket."""
    subscriber = sub("mqtts" if transport == "mqtts" else "mqtt", "-t", f"{unique}/t", "-q", str(qos), "-n1")
    payload = os.urandom(500_000).hex()
    publisher = pub(transport, "-t", f"{unique}/t", "-q", str(qos), "-s")
    publisher.send(payload.encode(), close=True)
    assert ended(publisher) == []
    ended(subscriber)
    assert subscriber.out.now() == [payload]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_many_messages(pub, sub, unique, transport):
    subscriber = sub(transport, "-t", f"{unique}/t", "-q1", "-n", "5000")
    publisher = pub(transport, "-t", f"{unique}/t", "-q1", "-l")
    publisher.send(b"".join(b"%d\n" % number for number in range(5000)), close=True)
    assert ended(publisher) == []
    ended(subscriber)
    assert subscriber.out.now() == [str(number) for number in range(5000)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_lines_go_out_as_they_are_typed(pub, sub, unique, transport):
    """The connection and another descriptor are waited for together."""
    subscriber = sub(transport, "-t", f"{unique}/t")
    publisher = pub(transport, "-t", f"{unique}/t", "-l")
    for count, word in enumerate((b"first", b"second", b"third"), 1):
        publisher.send(word + b"\n")
        assert subscriber.out.wait_count(count)[-1] == word.decode()
    publisher.send(b"", close=True)
    ended(publisher)
    subscriber.signal(signal.SIGTERM)
    ended(subscriber)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_idle_connection_is_kept_alive(sub, unique, transport):
    process = sub(transport, "-t", unique, "-k1")
    assert process.err.wait_match("received PINGRESP")
    assert process.alive()


@pytest.mark.parametrize("kind", cases(BROKERS))
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_broker_that_ends_is_lost(spawn, tmp_path_factory, certificates, trusting, transport, kind):
    broker = kind(tmp_path_factory.mktemp("transports"), certificates)
    url = broker.start().url(transport)
    process = spawn(HBMQTT_SUB, "--url", url, *trusting(url), "-t", "t", "-d")
    process.err.wait_match("received SUBACK")
    broker.stop()
    assert process.wait_exit() == LOST
    assert "lost" in process.err.now()[-1]


# Whom a client trusts


CA_OPTIONS = {
    "file": lambda certificates: ["--ca-file", certificates.pem("ca")],
    "path": lambda certificates: ["--ca-path", certificates.ca_path],
    "data": lambda certificates: ["--ca-data", certificates.text("ca")],
    "two": lambda certificates: ["--ca-file", certificates.pem("stranger-ca"), "--ca-path", certificates.ca_path],
}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("listener", SECURE)
@pytest.mark.parametrize("ca", cases(CA_OPTIONS))
def test_ca_by_option(spawn, served, certificates, unique, listener, ca, host):
    url = served.url(listener, host)
    assert ended(spawn(HBMQTT_PUB, "--url", url, "-t", unique, "-n", "-q1", *ca(certificates))) == []


CA_KEYS = {
    "cafile": lambda certificates: f"cafile: {certificates.pem('ca')}",
    "capath": lambda certificates: f"capath: {certificates.ca_path}",
    "cadata": lambda certificates: "cadata: |\n" + "\n".join("    " + line for line in certificates.text("ca").splitlines()),
}


@pytest.mark.parametrize("section", ["broker", "connection"])
@pytest.mark.parametrize("listener", SECURE)
@pytest.mark.parametrize("key", cases(CA_KEYS))
def test_ca_of_the_configuration(spawn, served, certificates, config, unique, listener, key, section):
    path = config(f"{section}:\n  uri: {served.url(listener)}\n  {key(certificates)}\n")
    assert ended(spawn(HBMQTT_PUB, "-c", path, "-t", unique, "-n", "-q1")) == []


def test_ca_of_the_command_line_goes_before(spawn, served, certificates, config, unique):
    path = config(f"broker:\n  uri: {served.url('mqtts')}\n  cafile: {certificates.pem('stranger-ca')}\n")
    ended(spawn(HBMQTT_PUB, "-c", path, "-t", unique, "-n", "--ca-file", certificates.pem("ca")))


def test_ca_of_the_system(spawn, served, certificates, unique):
    """Without a CA of one's own; OpenSSL's variable stands in for the system's file."""
    process = spawn(HBMQTT_PUB, "--url", served.url("mqtts"), "-t", unique, "-n", env={"SSL_CERT_FILE": certificates.pem("ca")})
    assert ended(process) == []


@pytest.mark.parametrize("listener", SECURE)
def test_ca_of_nobody(spawn, served, unique, listener):
    """The system knows nothing of the CA of the tests."""
    process = spawn(HBMQTT_PUB, "--url", served.url(listener), "-t", unique, "-n")
    one_line(process, UNTRUSTED, served.url(listener), "certificate", "trusted here", "CA")


@pytest.mark.parametrize("listener", SECURE)
def test_ca_of_somebody_else(spawn, served, certificates, unique, listener):
    process = spawn(HBMQTT_PUB, "--url", served.url(listener), "-t", unique, "-n", "--ca-file", certificates.pem("stranger-ca"))
    one_line(process, UNTRUSTED, "certificate", "trusted here", "CA")


@pytest.mark.parametrize("listener", SECURE)
def test_certificate_for_another_host(pub, unique, listener):
    one_line(pub(f"{listener}-misnamed", "-t", unique, "-n"), UNTRUSTED, "other", "host name 'localhost'")


def test_certificate_for_another_address(spawn, certificates, trusting):
    """An address is looked for among the addresses of a certificate, and its names do not help."""
    one = PlayedBroker(certificates, certificate="named")
    url = one.url("mqtts")
    process = spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-t", "t", "-n")
    with pytest.raises(ssl.SSLError):
        one.accept()
    one_line(process, UNTRUSTED, "host name '127.0.0.1'")
    one.close()


@pytest.mark.parametrize("listener", SECURE)
def test_expired_certificate(pub, unique, listener):
    one_line(pub(f"{listener}-expired", "-t", unique, "-n"), UNTRUSTED, "expired on Feb  1", "2020")


@pytest.mark.parametrize("listener", SECURE)
def test_host_name_check_can_be_turned_off(pub, config, unique, listener):
    path = config("check_hostname: false\n")
    assert ended(pub(f"{listener}-misnamed", "-c", path, "-t", unique, "-n", "-q1")) == []
    one_line(pub(f"{listener}-expired", "-c", path, "-t", unique, "-n"), UNTRUSTED, "expired")


@pytest.mark.parametrize("listener", SECURE)
@pytest.mark.parametrize("fault", ["misnamed", "expired"])
def test_verification_can_be_turned_off(spawn, served, config, unique, listener, fault):
    url = served.url(f"{listener}-{fault}")
    assert ended(spawn(HBMQTT_PUB, "--url", url, "-c", config("verify_cert: false\n"), "-t", unique, "-n", "-q1")) == []


@pytest.mark.parametrize("host, name", [("localhost", "localhost"), ("127.0.0.1", None)])
def test_name_of_the_host_is_indicated(spawn, secure, trusting, host, name):
    """SNI, but never with an address (RFC 6066, section 3)."""
    url = secure.url("mqtts", host=host)
    spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-t", "t", "-n")
    secure.accept()
    assert secure.names == [name]


@pytest.mark.parametrize("scheme", SECURE)
def test_address_of_ipv6(spawn, certificates, trusting, scheme):
    try:
        one = PlayedBroker(certificates, address="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    url = one.url(scheme)
    spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-t", "t", "-n")
    caller = one.accept()
    if scheme == "wss":
        assert caller.read_request().headers["host"] == f"[::1]:{one.port}"
    else:
        assert caller.read_packet()[0] >> 4 == mqtt.CONNECT
    one.close()


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_version_of_tls(spawn, secure, trusting, version):
    secure.context.minimum_version = secure.context.maximum_version = ssl.TLSVersion[version]
    url = secure.url("mqtts")
    spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-t", "t", "-n")
    assert secure.accept().socket.version() == version.replace("_", ".")


def test_tls_is_closed_in_order(spawn, secure, trusting):
    """DISCONNECT, then close_notify, then the end of TCP."""
    url = secure.url("mqtts")
    process = spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-t", "t", "-m", "x")
    caller = secure.accept()
    assert caller.read_packet()[0] >> 4 == mqtt.CONNECT
    caller.send(mqtt.connack())
    assert caller.read_packet() == mqtt.publish("t", b"x")
    assert caller.read_packet() == mqtt.disconnect()
    assert caller.socket.recv(1) == b""  # it would raise at an end without close_notify
    caller.socket.close()
    assert ended(process) == []


FILES = {
    "no-such-file": ["--ca-file", "/nowhere"],
    "no-certificate": ["--ca-file", "/dev/null"],
    "no-directory": ["--ca-path", "/dev/null"],
    "no-pem": ["--ca-data", "nonsense"],
}


@pytest.mark.parametrize("listener", SECURE)
@pytest.mark.parametrize("arguments", cases(FILES))
def test_unusable_ca(spawn, served, unique, listener, arguments):
    process = spawn(HBMQTT_PUB, "--url", served.url(listener), "-t", unique, "-n", *arguments)
    one_line(process, USAGE, "CA", arguments[1] if arguments[1] != "nonsense" else "PEM")


# What a client proves itself with


def identity(certificates, certificate, key):
    lines = [f"certfile: {certificates.pem(certificate)}"] if certificate else []
    return "\n".join(lines + ([f"keyfile: {certificates.key(key)}"] if key else [])) + "\n"


@pytest.mark.parametrize("listener", SECURE)
@pytest.mark.parametrize("files", [("client", "client"), ("both", None)], ids=["two-files", "one-file"])
def test_client_certificate(pub, certificates, config, unique, listener, files):
    path = config(identity(certificates, *files))
    assert ended(pub(f"{listener}-mutual", "-c", path, "-t", unique, "-n", "-q1")) == []


@pytest.mark.parametrize("listener", SECURE)
@pytest.mark.parametrize("files", [(None, None), ("client-stranger", "client-stranger")], ids=["missing", "of-another-CA"])
def test_client_certificate_that_is_not_accepted(pub, certificates, config, unique, listener, files):
    path = config(identity(certificates, *files))
    one_line(pub(f"{listener}-mutual", "-c", path, "-t", unique, "-n", "-q1"), REFUSED, "client certificate")


UNUSABLE = {
    "key-of-another": ("client", "client-2", "key file"),
    "key-with-passphrase": ("client", "locked", "passphrase"),
    "key-missing": ("client", None, "key file"),
    "key-alone": (None, "client", "certificate file"),
    "no-such-file": ("nowhere", "client", "nowhere"),
}


@pytest.mark.parametrize("case", cases(UNUSABLE))
def test_unusable_client_certificate(pub, certificates, config, unique, case):
    certificate, key, word = case
    path = config(identity(certificates, certificate, key))
    one_line(pub("mqtts-mutual", "-c", path, "-t", unique, "-n"), USAGE, word)


# Ports that speak something else


MISTAKEN = {
    "plain-for-mqtts": ("mqtt", "mqtts", UNREACHABLE, ["TLS"]),
    "plain-for-ws": ("mqtt", "ws", UNREACHABLE, ["WebSocket"]),
    "plain-for-wss": ("mqtt", "wss", UNREACHABLE, ["TLS"]),
    "tls-for-mqtt": ("mqtts", "mqtt", LOST, ["CONNACK", "mqtt://"]),
    "tls-for-ws": ("mqtts", "ws", UNREACHABLE, ["WebSocket"]),
    "secure-websocket-for-ws": ("wss", "ws", UNREACHABLE, ["WebSocket"]),
    "tls-for-wss": ("mqtts", "wss", UNREACHABLE, ["WebSocket"]),
    "websocket-for-mqtts": ("ws", "mqtts", UNREACHABLE, ["does not speak TLS"]),
}


@pytest.mark.parametrize("case", cases(MISTAKEN))
def test_port_of_another_transport(spawn, served, trusting, unique, case):
    listener, scheme, status, words = case
    url = served.url(listener).replace(f"{listener}://", f"{scheme}://")
    process = spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-t", unique, "-n")
    refused = scheme in ("ws", "wss") and process.wait_exit() == REFUSED  # a broker may know HTTP when it sees it
    one_line(process, REFUSED if refused else status, url, *words)


@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
def test_tls_alert_is_understood(spawn, played, scheme):
    """What a TLS server answers to bytes that are no handshake: an alert, if it does not only close."""
    process = spawn(HBMQTT_PUB, "--url", played.url(scheme), "-t", "t", "-n")
    played.accept().send(bytes.fromhex("15 03 01 00 02 02 46"))
    one_line(process, UNREACHABLE, "speaks TLS", "mqtts://")


# The WebSocket upgrade


def test_upgrade_request(spawn, played):
    headers = '{"Authorization": "Bearer abc", "X-Number-Of": "1, 2"}'
    spawn(HBMQTT_PUB, "--url", played.url("ws", "/a/b?c=d"), "--extra-headers", headers, "-t", "t", "-n")
    request = played.accept().read_request()
    assert request.line == "GET /a/b?c=d HTTP/1.1"
    wanted = {
        "host": f"127.0.0.1:{played.port}",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-protocol": "mqtt",
        "authorization": "Bearer abc",
        "x-number-of": "1, 2",
    }
    assert {name: request.headers.get(name) for name in wanted} == wanted
    assert "sec-websocket-extensions" not in request.headers


@pytest.mark.parametrize("path, wanted", [("", "/mqtt"), ("/", "/"), ("/mqtt?x", "/mqtt?x"), ("?x", "/?x"), ("/a#b", "/a")])
def test_path(spawn, played, path, wanted):
    spawn(HBMQTT_PUB, "--url", played.url("ws", path), "-t", "t", "-n")
    assert played.accept().read_request().line == f"GET {wanted} HTTP/1.1"


def test_extra_headers_in_tls(spawn, secure, trusting):
    url = secure.url("wss")
    spawn(HBMQTT_PUB, "--url", url, *trusting(url), "--extra-headers", '{"X-Token": "t"}', "-t", "t", "-n")
    assert secure.accept().read_request().headers["x-token"] == "t"


def test_user_and_password_are_those_of_mqtt(spawn, played):
    url = played.url("ws").replace("//", "//user:secret@")
    spawn(HBMQTT_PUB, "--url", url, "-t", "t", "-n")
    caller = played.accept()
    request = caller.read_request()
    assert "authorization" not in request.headers and "secret" not in request.line
    caller.send(request.agree())
    _, payload = caller.read_frame()
    assert payload.endswith(mqtt.text("user") + mqtt.text("secret"))


def test_proxy_of_the_environment_is_not_asked(pub, unique):
    environment = {name: "http://127.0.0.1:1" for name in ("http_proxy", "https_proxy", "socks_proxy", "all_proxy")}
    assert ended(pub("ws", "-t", unique, "-n", "-q1", env=environment)) == []


JSON = {
    "not-json": "X-Token: t",
    "unclosed": '{"X-Token": "t"',
    "number": '{"X-Token": 5}',
    "list": '["X-Token"]',
    "name": '{"X Token": "t"}',
    "line-end": '{"X-Token": "t\\r\\nX-Other: u"}',
    "reserved": '{"Sec-WebSocket-Key": "t"}',
}


@pytest.mark.parametrize("headers", cases(JSON))
def test_wrong_extra_headers(spawn, served, unique, headers):
    process = spawn(HBMQTT_PUB, "--url", served.url("ws"), "-t", unique, "-n", "--extra-headers", headers)
    one_line(process, USAGE, "header")


def answer(status, *lines):
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


ANSWERS = {
    "404": (answer("404 Not Found", "Content-Length: 0"), REFUSED, ["404", "/mqtt", "path"]),
    "404-with-a-body": (answer("404 Not Found", "Content-Length: 5") + b"sorry", REFUSED, ["404", "/mqtt", "path"]),
    "404-without-length": (answer("404 Not Found"), REFUSED, ["404"]),
    "401": (answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"', "Content-Length: 0"), REFUSED, ["401", "credentials"]),
    "403": (answer("403 Forbidden", "Content-Length: 0"), REFUSED, ["403", "credentials"]),
    "400": (answer("400 Bad Request", "Content-Length: 0"), REFUSED, ["400", "wss://"]),
    "503": (answer("503 Service Unavailable", "Content-Length: 0"), REFUSED, ["503"]),
    "200": (answer("200 OK", "Content-Length: 2") + b"ok", REFUSED, ["200"]),
    "302": (answer("302 Found", "Location: ws://127.0.0.1:1/", "Content-Length: 0"), REFUSED, ["302"]),
    "no-http": (b"220 mail.example ESMTP\r\n\r\n", UNREACHABLE, ["WebSocket"]),
}


@pytest.mark.parametrize("case", cases(ANSWERS))
def test_upgrade_that_is_refused(spawn, played, case):
    data, status, words = case
    process = spawn(HBMQTT_PUB, "--url", played.url("ws"), "-t", "t", "-n")
    caller = played.accept()
    caller.read_request()
    caller.send(data)
    one_line(process, status, played.url("ws"), *words)


AGREEMENTS = {
    "no-subprotocol": dict(Sec_WebSocket_Protocol=None),
    "other-subprotocol": dict(Sec_WebSocket_Protocol="mqttv3.1"),
    "wrong-accept": dict(Sec_WebSocket_Accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "no-accept": dict(Sec_WebSocket_Accept=None),
    "no-upgrade": dict(Upgrade=None),
}


@pytest.mark.parametrize("changes", cases(AGREEMENTS))
def test_upgrade_that_is_wrong(spawn, played, changes):
    """[MQTT-6.0.0-4], and RFC 6455, section 4.1."""
    process = spawn(HBMQTT_PUB, "--url", played.url("ws"), "-t", "t", "-n")
    caller = played.accept()
    caller.send(caller.read_request().agree(**changes))
    one_line(process, PROTOCOL, "WebSocket")


@pytest.mark.parametrize("scheme", TRANSPORTS)
def test_close_while_opening(spawn, played, trusting, scheme):
    process = spawn(HBMQTT_PUB, "--url", played.url(scheme), *trusting(played.url(scheme)), "-t", "t", "-n")
    played.accept().socket.close()
    one_line(process, UNREACHABLE, "TLS" if scheme in SECURE else "WebSocket")


# Servers that stall


STALLS = {"mqtts": "TLS handshake", "wss": "TLS handshake", "ws": "WebSocket upgrade"}


@pytest.mark.parametrize("scheme", STALLS)
def test_stall_while_opening(spawn, played, config, trusting, scheme):
    path = config("connection_timeout: 1\n")
    url = played.url(scheme)
    process = spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-c", path, "-t", "t", "-n")
    played.accept()
    one_line(process, UNREACHABLE, "no answer in time", STALLS[scheme])


def test_stall_of_the_upgrade_in_tls(spawn, secure, config, trusting):
    url = secure.url("wss")
    process = spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-c", config("connection_timeout: 1\n"), "-t", "t", "-n")
    secure.accept()
    one_line(process, UNREACHABLE, "no answer in time", "WebSocket upgrade")


def test_stall_after_the_upgrade(spawn, played, config):
    process = spawn(HBMQTT_PUB, "--url", played.url("ws"), "-c", config("connection_timeout: 1\n"), "-t", "t", "-n")
    played.accept().upgrade()
    one_line(process, UNREACHABLE, "no CONNACK")


@pytest.mark.parametrize("scheme", STALLS)
def test_signal_while_opening(spawn, played, trusting, scheme):
    url = played.url(scheme)
    process = spawn(HBMQTT_PUB, "--url", url, *trusting(url), "-t", "t", "-n")
    assert played.accept().socket.recv(1)
    process.signal(signal.SIGINT)
    assert process.wait_exit() == 128 + signal.SIGINT
    assert process.err.now() == []


# WebSocket frames


def test_publish_in_frames(spawn, played):
    """CONNECT, PUBLISH and DISCONNECT, each in binary messages [MQTT-6.0.0-1], and a Close at the end."""
    process = spawn(HBMQTT_PUB, "--url", played.url("ws"), "-t", "t", "-m", "x")
    caller = played.accept()
    caller.serve_connect()
    sent = b""
    while (message := caller.read_frame())[0] != CLOSE:
        sent += message[1]
    assert sent == mqtt.publish("t", b"x") + mqtt.disconnect()
    assert message[1] == b"\x03\xe8"
    assert caller.at_end()
    caller.socket.close()
    assert ended(process) == []


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_server_that_reads_late(spawn, played, secure, trusting, scheme):
    """The publisher waits for it, and loses nothing."""
    one = secure if scheme == "wss" else played
    process = spawn(HBMQTT_PUB, "--url", one.url(scheme), *trusting(one.url(scheme)), "-t", "t", "-s", "-d")
    payload = os.urandom(2_000_000)
    process.send(payload, close=True)
    caller = one.accept()
    caller.serve_connect()
    process.err.wait_match("sent PUBLISH")
    wanted = mqtt.publish("t", payload) + mqtt.disconnect()
    sent = b""
    while len(sent) < len(wanted):
        sent += caller.read_frame()[1]
    assert sent == wanted
    caller.socket.close()
    assert process.wait_exit() == DONE


def play_subscription(spawn, played, *arguments):
    process = spawn(HBMQTT_SUB, "--url", played.url("ws"), "-t", "t", *arguments)
    caller = played.accept()
    caller.serve_connect()
    _, payload = caller.read_frame()
    caller.send(frame(mqtt.suback(payload[2] * 256 + payload[3], [0])))
    return process, caller


PUBLISHED = b"".join(mqtt.publish("t", b"%d" % number * 300) for number in range(4))
WAYS = {
    "a-message-each-byte": b"".join(frame(bytes([byte])) for byte in PUBLISHED),
    "one-message": frame(PUBLISHED),
    "fragments": frame(PUBLISHED[:10], fin=False) + frame(PUBLISHED[10:700], 0, fin=False) + frame(PUBLISHED[700:], 0),
    "ping-between-fragments": frame(PUBLISHED[:10], fin=False) + frame(b"!", PING) + frame(PUBLISHED[10:], 0),
    "empty-messages": frame() + frame(PUBLISHED[:10]) + frame() + frame(PUBLISHED[10:]),
    "pong-unasked": frame(b"", PONG) + frame(PUBLISHED),
}


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("data", cases(WAYS))
def test_packets_in_any_frames(spawn, played, data, in_pieces):
    """Packets and messages need not begin and end together [MQTT-6.0.0-2]."""
    process, caller = play_subscription(spawn, played, "-n4")
    for at in range(0, len(data), 1 if in_pieces else len(data)):
        caller.send(data[at : at + 1] if in_pieces else data)
    ended(process)
    assert process.out.now() == [str(number) * 300 for number in range(4)]


def test_a_megabyte_in_one_frame(spawn, played):
    process, caller = play_subscription(spawn, played, "-n1")
    payload = os.urandom(500_000).hex()
    caller.send(frame(mqtt.publish("t", payload)))
    ended(process)
    assert process.out.now() == [payload]


def test_connack_right_behind_the_upgrade(spawn, played):
    """Both in one segment: what libwebsockets reads with the answer is not lost."""
    process = spawn(HBMQTT_SUB, "--url", played.url("ws"), "-t", "t")
    caller = played.accept()
    caller.send(caller.read_request().agree() + frame(mqtt.connack()))
    assert caller.read_frame()[1][0] >> 4 == mqtt.CONNECT
    assert caller.read_frame()[1][0] >> 4 == mqtt.SUBSCRIBE
    process.kill()


def test_ping_is_answered(spawn, played):
    process, caller = play_subscription(spawn, played)
    caller.send(frame(b"are you there", PING))
    assert caller.read_frame() == (PONG, b"are you there")
    assert process.alive()


ENDS = {
    "text": (frame(mqtt.publish("t", b"x"), TEXT), PROTOCOL, ["text"]),
    "close-with-reason": (frame(b"\x03\xe9going", CLOSE), LOST, ["1001", "going"]),
    "close-without-reason": (frame(b"", CLOSE), LOST, ["closed"]),
    "reserved-opcode": (frame(b"", 3), LOST, []),
    "mqtt-outside-of-frames": (mqtt.publish("t", b"x"), LOST, []),
}


@pytest.mark.parametrize("case", cases(ENDS))
def test_frames_that_end_it(spawn, played, case):
    data, status, words = case
    process, caller = play_subscription(spawn, played)
    caller.send(data)
    assert caller.at_end()
    caller.socket.close()
    one_line(process, status, *words)


def test_messages_before_the_end_are_printed(spawn, played):
    process, caller = play_subscription(spawn, played)
    caller.send(frame(mqtt.publish("t", b"x")) + frame(b"", CLOSE))
    caller.socket.close()
    assert process.wait_exit() == LOST
    assert process.out.now() == ["x"]


# Options that mean nothing to a scheme


@pytest.mark.parametrize("scheme, option", [("ws", ["--ca-file", "/x"]), ("mqtts", ["--extra-headers", '{"a": "b"}'])])
def test_options_of_other_transports_are_taken(pub, unique, scheme, option):
    process = pub(scheme, "-t", unique, "-n", *option)
    (line,) = ended(process)
    assert "warning" in line and f"{scheme}://" in line
    assert process.wait_exit() == DONE
