# SPDX-License-Identifier: MIT
"""The upgrade from HTTP to WebSocket (RFC 6455, section 4), and what comes with it in one piece."""

import base64
import hashlib
import os

import packet as mqtt
import pytest
from hub import hub, listener, read_to_end, shared_hub  # noqa: F401 - a fixture
from tables import cases
from transport import BINARY, GUID, PING, PONG, frame, upgrade_request
from frames import Frames, TEXT, UNSUPPORTED

pytestmark = pytest.mark.ours


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    listeners = {
        "ws": listener("ws"),
        "path": listener("ws", path="/mqtt"),
        "paths": listener("ws", path=["/a", "/b/c"]),
        "origins": listener("ws", origins=["https://example.com", "http://localhost:8080"]),
    }
    yield from shared_hub(tmp_path_factory, listeners, arguments=["-d"])  # no line of the log is kept back


def answer_to(hub, request, where="ws"):
    """The whole answer to a request that is refused: status and head, with its own rules checked."""
    sock = hub.plain(where)
    sock.sendall(request)
    answer = read_to_end(sock)
    first, _, body = answer.partition(b"\r\n\r\n")
    lines = first.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    assert lines[0].startswith("HTTP/1.1 "), answer
    assert int(headers["content-length"]) == len(body), answer
    assert "close" in headers["connection"], answer
    hub.check_serves("ws")
    return int(lines[0].split(" ")[1]), headers


def request(*lines, first="GET /mqtt HTTP/1.1", end="\r\n"):
    return (end.join([first, *lines, "", ""])).encode()


USUAL = [
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: mqtt",
    "Sec-WebSocket-Version: 13",
]


def without(name):
    return [line for line in USUAL if not line.startswith(name)]


REFUSED = {
    "plain-get": (request("Host: localhost", first="GET / HTTP/1.1"), 426),
    "plain-get-of-a-browser": (request("Host: localhost", "Connection: keep-alive", "Accept: text/html"), 426),
    "upgrade-to-h2c": (request(*without("Upgrade"), "Upgrade: h2c"), 426),
    "version-8": (upgrade_request(Sec_WebSocket_Version="8"), 426),
    "version-14": (upgrade_request(Sec_WebSocket_Version="14"), 426),
    "no-version": (upgrade_request(Sec_WebSocket_Version=None), 400),
    "post": (request(*USUAL, first="POST /mqtt HTTP/1.1"), 405),
    "head": (request(*USUAL, first="HEAD /mqtt HTTP/1.1"), 405),
    "delete": (request(*USUAL, first="DELETE /mqtt HTTP/1.1"), 405),
    "http-1.0": (request(*USUAL, first="GET /mqtt HTTP/1.0"), 505),
    "http-2.0": (request(*USUAL, first="GET /mqtt HTTP/2.0"), 505),
    "no-subprotocol": (upgrade_request(Sec_WebSocket_Protocol=None), 400),
    "empty-subprotocol": (upgrade_request(Sec_WebSocket_Protocol=""), 400),
    "other-subprotocols": (upgrade_request(Sec_WebSocket_Protocol="chat, superchat, mqttv5"), 400),
    "subprotocol-in-capitals": (upgrade_request(Sec_WebSocket_Protocol="MQTT"), 400),
    "no-key": (upgrade_request(Sec_WebSocket_Key=None), 400),
    "short-key": (upgrade_request(Sec_WebSocket_Key="c2hvcnQ="), 400),
    "key-that-is-no-base64": (upgrade_request(Sec_WebSocket_Key="!" * 22 + "=="), 400),
    "key-twice": (request(*USUAL, USUAL[3]), 400),
    "version-twice": (request(*USUAL, USUAL[5]), 400),
    "no-host": (upgrade_request(Host=None), 400),
    "host-twice": (request("Host: other", *USUAL), 400),
    "no-connection": (upgrade_request(Connection=None), 400),
    "connection-that-stays": (upgrade_request(Connection="keep-alive"), 400),
    "body": (upgrade_request(Content_Length="5"), 400),
    "chunked-body": (upgrade_request(Transfer_Encoding="chunked"), 400),
    "lf-alone": (request(*USUAL, end="\n"), 400),
    "folded-line": (request(*USUAL, "X-Long: a", " b"), 400),
    "space-before-a-colon": (request(*USUAL, "X-Odd : a"), 400),
    "no-colon": (request(*USUAL, "nonsense"), 400),
    "zero-byte": (request(*USUAL, "X-Odd: a\0b"), 400),
    "target-without-a-slash": (request(*USUAL, first="GET mqtt HTTP/1.1"), 400),
    "two-spaces": (request(*USUAL, first="GET  /mqtt HTTP/1.1"), 400),
    "no-http-version": (request(*USUAL, first="GET /mqtt"), 400),
    "too-large": (upgrade_request(X_Large="x" * 9000), 431),
    "too-large-path": (upgrade_request("/" + "x" * 9000), 431),
    "endless": (b"GET /" + b"x" * 100_000, 431),
    "too-many-lines": (request(*USUAL, *(f"X-{number}: x" for number in range(100))), 431),
    "mqtt": (mqtt.connect("client") + mqtt.pingreq(), 400),
    "random-bytes": (b"\r\n\r\n\x00\xff\xfe" * 10, 400),
}


@pytest.mark.parametrize("case", cases(REFUSED))
def test_upgrade_is_refused(hub, case):
    data, wanted = case
    status, headers = answer_to(hub, data)
    assert status == wanted
    if status == 426:
        assert headers["upgrade"].lower() == "websocket" and headers["sec-websocket-version"] == "13"
    if status == 405:
        assert headers["allow"] == "GET"


@pytest.mark.parametrize("where, path, status", [
    ("path", "/", 404), ("path", "/mqtt/", 404), ("path", "/MQTT", 404), ("path", "/mqtt2", 404), ("path", "/%6dqtt", 404),
    ("paths", "/mqtt", 404), ("paths", "/b", 404), ("paths", "/a/../a", 404),
    ("path", "/mqtt", 101), ("path", "/mqtt?x=/y", 101), ("paths", "/a", 101), ("paths", "/b/c", 101), ("ws", "/any/at?all", 101),
])  # fmt: skip
def test_paths(hub, where, path, status):
    if status == 101:
        Frames.upgraded(hub, where, path=path)
    else:
        assert answer_to(hub, upgrade_request(path), where)[0] == status


@pytest.mark.parametrize("origin, status", [
    ("https://example.com", 101), ("HTTPS://Example.COM", 101), ("http://localhost:8080", 101),
    ("http://example.com", 403), ("https://example.com:8443", 403), ("https://example.com.evil.example", 403),
    ("https://evil.example", 403), ("null", 403), ("http://localhost", 403), (None, 101),
])  # fmt: skip
def test_origins(hub, origin, status):
    """Who names none is no browser, whose user the list protects."""
    if status == 101:
        Frames.upgraded(hub, "origins", Origin=origin)
    else:
        assert answer_to(hub, upgrade_request(Origin=origin), "origins")[0] == status


def test_any_origin_without_a_list(hub):
    Frames.upgraded(hub, Origin="https://anywhere.example")
    Frames.upgraded(hub, Origin="null")


def test_refused_upgrade_is_told_in_one_line(hub):
    sock = hub.plain("path")
    sock.sendall(upgrade_request("/wrong"))
    assert read_to_end(sock).startswith(b"HTTP/1.1 404 ")
    lines = hub.log_of(sock)
    assert len(lines) == 1 and "path" in lines[0], lines


@pytest.mark.parametrize("offered, chosen", [
    ("mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1"), ("mqtt, mqttv3.1", "mqtt"), ("mqttv3.1, mqtt", "mqttv3.1"),
    ("chat, mqtt", "mqtt"), ("chat,mqttv3.1,other", "mqttv3.1"), ("mqttv5 ,\tmqtt", "mqtt"), (",, mqtt,", "mqtt"),
])  # fmt: skip
def test_subprotocol(hub, offered, chosen):
    one = Frames.upgraded(hub, Sec_WebSocket_Protocol=offered)
    lines = [line for line in one.answer.split("\r\n") if line.lower().startswith("sec-websocket-protocol:")]
    assert lines == [f"Sec-WebSocket-Protocol: {chosen}"]


def test_answer_of_the_upgrade(hub):
    one = Frames.upgraded(hub, key="dGhlIHNhbXBsZSBub25jZQ==", Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
    lines = {name.lower(): value for name, value in (line.split(": ", 1) for line in one.answer.split("\r\n")[1:])}
    assert lines["upgrade"].lower() == "websocket" and lines["connection"].lower() == "upgrade"
    assert lines["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of the standard (section 1.3)
    assert "sec-websocket-extensions" not in lines and "content-length" not in lines


def test_names_of_headers_have_no_case(hub):
    sock = hub.plain("ws")
    key = base64.b64encode(os.urandom(16))
    sock.sendall(
        b"GET /mqtt HTTP/1.1\r\nHOST:localhost\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n"
        b"sec-websocket-key:   " + key + b"  \r\nsec-websocket-version:13\r\nsec-websocket-protocol:chat\r\n"
        b"Sec-WEBSOCKET-protocol:mqtt\r\n\r\n"
    )
    answer = Frames(sock).read_answer()
    assert base64.b64encode(hashlib.sha1(key + GUID).digest()).decode() in answer


def test_frames_behind_the_request_in_one_piece(hub, unique):
    """A client may not know the answer yet, and is served all the same."""
    behind = frame(PING, b"early") + frame(BINARY, mqtt.connect(f"{unique}-eager")) + frame(BINARY, mqtt.pingreq())
    one = Frames.upgraded(hub, behind=behind)
    seen = b""
    while len(seen) < 6:
        opcode, piece = one.next()
        if opcode == BINARY:
            seen += piece
        else:
            assert (opcode, piece) == (PONG, b"early")
    assert seen == b"\x20\x02\x00\x00\xd0\x00"


def test_long_frames_behind_the_request_in_one_piece(hub, unique):
    packets = mqtt.connect(f"{unique}-eager") + mqtt.publish(f"{unique}/t", bytes(50_000), qos=1, packet_id=3)
    Frames.upgraded(hub, behind=frame(BINARY, packets)).expect_binary(b"\x20\x02\x00\x00" + mqtt.puback(3))


def test_fault_behind_the_request_in_one_piece(hub):
    Frames.upgraded(hub, behind=frame(TEXT, b"x")).expect_end(UNSUPPORTED)
    hub.check_serves("ws")


@pytest.mark.parametrize("size", [8150, 8192, 8193])
def test_request_of_just_the_limit(hub, size):
    """8192 bytes are served, with frames behind them in the same segment, one byte more is refused."""
    short = upgrade_request(X_Fill="")
    data = upgrade_request(X_Fill="x" * (size - len(short)))
    assert len(data) == size
    sock = hub.plain("ws")
    sock.sendall(data + frame(BINARY, mqtt.connect("")))
    one = Frames(sock)
    answer = one.read_answer()
    assert answer.startswith("HTTP/1.1 101 " if size <= 8192 else "HTTP/1.1 431 ")
    if size <= 8192:
        one.expect(BINARY, b"\x20\x02\x00\x00")
