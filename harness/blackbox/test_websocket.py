# SPDX-License-Identifier: MIT
"""WebSocket (RFC 6455) below MQTT: the upgrade, frames in every shape, and closes to the byte.

A fault is right only if three things hold: the bytes of the close frame, the end of the TCP connection behind it, and a fresh client
that is served.
"""

import base64
import hashlib
import os
import select
import struct

import packet as mqtt
import pytest
from deadline import Deadline, wait_until
from hub import listener, make_hub, read_to_end, shared_hub  # noqa: F401 - a fixture
from tables import cases
from transport import BINARY, CLOSE, GUID, PING, PONG, client_context, frame, take_frame, upgrade_request

pytestmark = pytest.mark.ours

TEXT, CONTINUATION = 1, 0
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1001, 1002, 1003
NOT_TEXT, POLICY, TOO_LARGE = 1007, 1008, 1009
MASK = b"\x11\x22\x33\x44"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    listeners = {
        "tcp": listener(),
        "ws": listener("ws"),
        "wss": listener("wss"),
        "path": listener("ws", path="/mqtt"),
        "paths": listener("ws", path=["/a", "/b/c"]),
        "origins": listener("ws", origins=["https://example.com", "http://localhost:8080"]),
    }
    yield from shared_hub(tmp_path_factory, listeners, arguments=["-d"])  # no line of the log is kept back


@pytest.fixture
def hub(shared, timeline):
    shared.timeline = timeline
    yield shared
    shared.close()
    shared.opened.clear()
    assert shared.broker.alive(), shared.broker.process.stderr()[-4000:]


class Frames:
    """One end of frames, byte for byte."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, bytearray()

    @classmethod
    def upgraded(cls, hub, where="ws", behind=b"", **headers):
        """`behind` is sent in one piece with the request."""
        sock = hub.plain(where)
        if hub.kind(where) == "wss":  # an end without close_notify is an error here
            sock = client_context().wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)
            hub.opened.append(sock)
        one = cls(sock)
        one.sock.sendall(upgrade_request(headers.pop("path", "/mqtt"), **headers) + behind)
        one.answer = one.read_answer()
        assert one.answer.startswith("HTTP/1.1 101 "), one.answer
        return one

    @classmethod
    def connected(cls, hub, client_id, where="ws", **fields):
        one = cls.upgraded(hub, where)
        one.send(frame(BINARY, mqtt.connect(client_id, **fields)))
        one.expect(BINARY, b"\x20\x02\x00\x00")
        return one

    def read_answer(self):
        deadline = Deadline()
        while b"\r\n\r\n" not in self.buffer:
            self._receive(deadline)
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        return head.decode()

    def _receive(self, deadline):
        self.sock.settimeout(deadline.left() or 0.001)
        piece = self.sock.recv(65536)
        assert piece, f"the broker closed after {bytes(self.buffer)!r}"
        self.buffer += piece

    def send(self, data, size=None):
        """In pieces of `size` bytes, else whole. The broker may have closed before the last one."""
        try:
            for at in range(0, len(data), size or len(data) or 1):
                self.sock.sendall(data[at : at + (size or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def next(self):
        """(opcode, payload) of the next frame, which is whole and not masked, as all of a server are here."""
        deadline = Deadline()
        while True:
            if len(self.buffer) >= 2:
                assert self.buffer[0] & 0x70 == 0 and self.buffer[1] & 0x80 == 0, bytes(self.buffer[:2]).hex()
            taken = take_frame(self.buffer)
            if taken:
                assert taken[1], "a server has no reason to fragment"
                return taken[0], taken[2]
            self._receive(deadline)

    def expect(self, opcode, payload):
        assert self.next() == (opcode, payload)

    def expect_end(self, close):
        """The bytes of a close frame and nothing behind them, and the end of the stream. `close`: a code, or its payload."""
        payload = struct.pack(">H", close) if isinstance(close, int) else close
        wanted = bytes([0x80 | CLOSE, len(payload)]) + payload
        assert (bytes(self.buffer) + read_to_end(self.sock)).hex(" ") == wanted.hex(" ")
        self.buffer.clear()

    def expect_binary(self, data):
        """Exactly these bytes of MQTT, over as many frames as it takes."""
        seen = b""
        while len(seen) < len(data):
            opcode, payload = self.next()
            assert opcode == BINARY
            seen += payload
        assert seen == data

    def read_packets(self, count):
        """So many packets of MQTT. Pongs in between are counted."""
        data, packets, self.pongs = bytearray(), [], 0
        while len(packets) < count:
            opcode, piece = self.next()
            assert opcode in (BINARY, PONG)
            self.pongs += opcode == PONG
            data += piece if opcode == BINARY else b""
            while (packet := mqtt.split(data, mqtt.FROM_SERVER)) is not None:
                packets.append(packet)
        assert not data, "a packet is cut"
        return packets


def head(first, second, longer=b"", mask=MASK):
    """The header of a frame in any form."""
    return bytes([first, second]) + longer + mask


def close_frame(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


# Faults: what a client may not send, and the code of the close that answers it.

FAULTS = {
    "text": (frame(TEXT, b"hello"), UNSUPPORTED),
    "text-that-is-empty": (frame(TEXT, b""), UNSUPPORTED),
    "text-that-is-mqtt": (frame(TEXT, mqtt.pingreq()), UNSUPPORTED),
    "text-in-fragments": (frame(TEXT, b"he", final=False) + frame(CONTINUATION, b"llo"), UNSUPPORTED),
    "text-behind-binary": (frame(BINARY, b"") + frame(TEXT, b"x"), UNSUPPORTED),
    "not-masked": (b"\x82\x02\xc0\x00", PROTOCOL_ERROR),
    "not-masked-ping": (b"\x89\x00", PROTOCOL_ERROR),
    "not-masked-close": (b"\x88\x02\x03\xe8", PROTOCOL_ERROR),
    "rsv1": (frame(0x40 | BINARY, b"x"), PROTOCOL_ERROR),
    "rsv2": (frame(0x20 | BINARY, b"x"), PROTOCOL_ERROR),
    "rsv3": (frame(0x10 | BINARY, b"x"), PROTOCOL_ERROR),
    "rsv-all-of-a-ping": (frame(0x70 | PING, b""), PROTOCOL_ERROR),
    "rsv1-of-a-close": (frame(0x40 | CLOSE, b"\x03\xe8"), PROTOCOL_ERROR),
    "rsv1-of-a-continuation": (frame(BINARY, b"", final=False) + frame(0x40 | CONTINUATION, b""), PROTOCOL_ERROR),
    **{f"opcode-{opcode}": (frame(opcode, b"x"), PROTOCOL_ERROR) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "ping-of-126": (head(0x89, 0xFE, b"\x00\x7e") + bytes(126), PROTOCOL_ERROR),
    "pong-of-126": (head(0x8A, 0xFE, b"\x00\x7e") + bytes(126), PROTOCOL_ERROR),
    "close-of-126": (head(0x88, 0xFE, b"\x00\x7e") + bytes(126), PROTOCOL_ERROR),
    "ping-of-64-bits": (head(0x89, 0xFF, bytes(6) + b"\x01\x00"), PROTOCOL_ERROR),
    "ping-of-5-in-a-long-form": (head(0x89, 0xFE, b"\x00\x05") + bytes(5), PROTOCOL_ERROR),
    "ping-in-fragments": (frame(PING, b"x", final=False), PROTOCOL_ERROR),
    "pong-in-fragments": (frame(PONG, b"", final=False), PROTOCOL_ERROR),
    "close-in-fragments": (frame(CLOSE, b"\x03\xe8", final=False), PROTOCOL_ERROR),
    "continuation-of-nothing": (frame(CONTINUATION, b"x"), PROTOCOL_ERROR),
    "last-continuation-of-nothing": (frame(CONTINUATION, b"x", final=False), PROTOCOL_ERROR),
    "continuation-of-a-whole-message": (frame(BINARY, b"") + frame(CONTINUATION, b"x"), PROTOCOL_ERROR),
    "continuation-behind-the-last": (
        frame(BINARY, b"", final=False) + frame(CONTINUATION, b"") + frame(CONTINUATION, b""),
        PROTOCOL_ERROR,
    ),
    "binary-inside-a-message": (frame(BINARY, b"", final=False) + frame(BINARY, b""), PROTOCOL_ERROR),
    "text-inside-a-message": (frame(BINARY, b"", final=False) + frame(TEXT, b""), PROTOCOL_ERROR),
    "16-bits-for-125": (head(0x82, 0xFE, b"\x00\x7d"), PROTOCOL_ERROR),
    "16-bits-for-0": (head(0x82, 0xFE, b"\x00\x00"), PROTOCOL_ERROR),
    "64-bits-for-65535": (head(0x82, 0xFF, bytes(6) + b"\xff\xff"), PROTOCOL_ERROR),
    "64-bits-for-1": (head(0x82, 0xFF, bytes(7) + b"\x01"), PROTOCOL_ERROR),
    "highest-bit-of-a-length": (head(0x82, 0xFF, b"\x80" + bytes(7)), PROTOCOL_ERROR),
    "all-bits-of-a-length": (head(0x82, 0xFF, b"\xff" * 8), PROTOCOL_ERROR),
    "4-GiB": (head(0x82, 0xFF, (1 << 32).to_bytes(8, "big")), TOO_LARGE),
    "exbibytes": (head(0x82, 0xFF, ((1 << 63) - 1).to_bytes(8, "big")), TOO_LARGE),
    "close-with-half-a-code": (frame(CLOSE, b"\x03"), PROTOCOL_ERROR),
    **{
        f"close-code-{code}": (close_frame(code), PROTOCOL_ERROR)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535)
    },
    "close-code-0-with-a-reason": (close_frame(0, b"why"), PROTOCOL_ERROR),
    "reason-ff": (close_frame(NORMAL, b"\xff"), NOT_TEXT),
    "reason-cut": (close_frame(NORMAL, "\u20ac".encode()[:2]), NOT_TEXT),
    "reason-overlong": (close_frame(NORMAL, b"\xc0\xaf"), NOT_TEXT),
    "reason-surrogate": (close_frame(NORMAL, b"\xed\xa0\x80"), NOT_TEXT),
    "reason-beyond-unicode": (close_frame(NORMAL, b"\xf4\x90\x80\x80"), NOT_TEXT),
    "reason-latin-1-behind-text": (close_frame(3000, b"so " + b"x" * 100 + b"\xe9"), NOT_TEXT),
}


@pytest.mark.parametrize("size", [None, 1], ids=["whole", "in-bytes"])
@pytest.mark.parametrize("case", cases(FAULTS))
def test_fault(hub, unique, case, size):
    data, code = case
    one = Frames.connected(hub, f"{unique}-guilty")
    one.send(data, size)
    one.expect_end(code)
    hub.check_serves("ws")


@pytest.mark.parametrize("case", cases({name: FAULTS[name] for name in ("text", "not-masked", "rsv1", "close-code-999", "4-GiB")}))
def test_fault_before_connect(hub, case):
    data, code = case
    one = Frames.upgraded(hub)
    one.send(data)
    one.expect_end(code)
    hub.check_serves("ws")


@pytest.mark.parametrize("case", cases({name: FAULTS[name] for name in ("text", "not-masked", "reason-ff")}))
def test_fault_is_told_in_one_line(hub, unique, case):
    data, code = case
    one = Frames.connected(hub, f"{unique}-guilty")
    mine = one.sock.getsockname()
    one.send(data)
    one.expect_end(code)
    line = hub.broker.process.err.wait_match(rf"client '{unique}-guilty' at 127\.0\.0\.1:{mine[1]}: connection closed: \S+")
    assert line


def test_fault_publishes_the_will(hub, unique):
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/will")
    one = Frames.connected(hub, f"{unique}-guilty", will=mqtt.Will(f"{unique}/will", b"bye"))
    one.send(frame(TEXT, b"x"))
    watcher.expect_publish(f"{unique}/will", b"bye")
    one.expect_end(UNSUPPORTED)


def test_what_comes_before_a_fault_is_served(hub, unique):
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/t")
    one = Frames.connected(hub, f"{unique}-guilty")
    one.send(frame(BINARY, mqtt.publish(f"{unique}/t", b"first")) + frame(PING, b"p") + frame(TEXT, b"x"))
    watcher.expect_publish(f"{unique}/t", b"first")
    one.expect(PONG, b"p")
    one.expect_end(UNSUPPORTED)


OVER_TLS = ("text", "not-masked", "rsv1", "ping-of-126", "continuation-of-nothing", "4-GiB", "close-code-999", "reason-ff")


@pytest.mark.parametrize("size", [None, 1], ids=["whole", "in-bytes"])
@pytest.mark.parametrize("case", cases({name: FAULTS[name] for name in OVER_TLS}))
def test_fault_over_tls(hub, unique, case, size):
    """The close frame, then close_notify, then the end."""
    data, code = case
    one = Frames.connected(hub, f"{unique}-guilty", "wss")
    one.send(data, size)
    one.expect_end(code)
    hub.check_serves("wss")


# Closes

GOOD_CLOSES = {
    "no-code": b"",
    **{
        f"code-{code}": struct.pack(">H", code)
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
    },
    "reason": struct.pack(">H", 1000) + "gr\u00fc\u00dfe \u20ac \U0001f980".encode(),
    "reason-with-a-zero": struct.pack(">H", 1000) + b"a\0b",
    "reason-of-123": struct.pack(">H", 4000) + b"x" * 123,
}


@pytest.mark.parametrize("size", [None, 1], ids=["whole", "in-bytes"])
@pytest.mark.parametrize("payload", cases(GOOD_CLOSES))
def test_close_is_echoed(hub, unique, payload, size):
    """With its code and without its reason."""
    one = Frames.connected(hub, f"{unique}-leaver")
    one.send(frame(CLOSE, payload), size)
    one.expect_end(payload[:2])
    hub.check_serves("ws")


def test_close_before_connect_is_echoed(hub):
    one = Frames.upgraded(hub)
    one.send(close_frame(NORMAL))
    one.expect_end(NORMAL)


def test_data_after_close_is_ignored(hub, unique):
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/#")
    one = Frames.connected(hub, f"{unique}-leaver")
    late = frame(BINARY, mqtt.publish(f"{unique}/t", b"late")) + frame(PING, b"late") + frame(TEXT, b"x") + close_frame(3000)
    one.send(frame(BINARY, mqtt.publish(f"{unique}/t", b"in time")) + close_frame(NORMAL) + late)
    one.send(late)
    one.expect_end(NORMAL)
    watcher.expect_publish(f"{unique}/t", b"in time")
    watcher.ping()
    hub.check_serves("ws")


def test_close_without_disconnect_publishes_the_will(hub, unique):
    """It ends the connection of MQTT without a DISCONNECT. [MQTT-3.1.2-8]"""
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/will")
    one = Frames.connected(hub, f"{unique}-leaver", will=mqtt.Will(f"{unique}/will", b"bye"))
    one.send(close_frame(NORMAL))
    one.expect_end(NORMAL)
    watcher.expect_publish(f"{unique}/will", b"bye")


@pytest.mark.parametrize("behind", [b"", close_frame(NORMAL), frame(PING, b"x")], ids=["alone", "close", "ping"])
def test_disconnect_is_answered_by_a_close(hub, unique, behind):
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/will")
    one = Frames.connected(hub, f"{unique}-leaver", will=mqtt.Will(f"{unique}/will", b"bye"))
    one.send(frame(BINARY, mqtt.disconnect()) + behind)
    seen = bytes(one.buffer) + read_to_end(one.sock)
    assert seen.removeprefix(b"\x8a\x01x") == b"\x88\x02\x03\xe8"  # the ping may be answered before
    watcher.ping()  # and no will
    hub.check_serves("ws")


def test_closes_over_tls(hub, unique):
    for data, close in ((close_frame(4000, b"enough"), 4000), (close_frame(), b""), (frame(BINARY, mqtt.disconnect()), NORMAL)):
        one = Frames.connected(hub, f"{unique}-leaver", "wss")
        one.send(data)
        one.expect_end(close)


def test_peer_that_goes_without_a_close(hub, unique):
    """Its end of TCP is the end; there is nobody to tell."""
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/will")
    one = Frames.connected(hub, f"{unique}-leaver", will=mqtt.Will(f"{unique}/will", b"bye"))
    one.sock.close()
    watcher.expect_publish(f"{unique}/will", b"bye")
    hub.check_serves("ws")


# What MQTT has to say becomes a close code.

MQTT_ENDS = {
    "malformed": (b"\xf0\x00", PROTOCOL_ERROR),
    "wrong-flags": (b"\xc1\x00", PROTOCOL_ERROR),
    "wildcard-in-a-topic": (mqtt.publish("a/#", b"x"), POLICY),
    "second-connect": (mqtt.connect("x"), PROTOCOL_ERROR),
    "length-of-five-bytes": (b"\x30\xff\xff\xff\xff\x7f", PROTOCOL_ERROR),
}


@pytest.mark.parametrize("case", cases(MQTT_ENDS))
def test_fault_of_mqtt_has_a_close_code(hub, unique, case):
    data, code = case
    one = Frames.connected(hub, f"{unique}-guilty")
    one.send(frame(BINARY, data))
    one.expect_end(code)
    hub.check_serves("ws")


def test_packet_that_is_too_large(make_hub):
    hub = make_hub({"ws": listener("ws")}, limits={"packet_size_max": 1000})
    one = Frames.connected(hub, "guilty")
    one.send(frame(BINARY, mqtt.publish("t", bytes(2000))))
    one.expect_end(TOO_LARGE)
    hub.check_serves("ws")


def test_refused_connect_gets_its_connack_and_a_close(hub, unique):
    one = Frames.upgraded(hub)
    one.send(frame(BINARY, mqtt.connect(f"{unique}-x", level=9)))
    one.expect(BINARY, b"\x20\x02\x00\x01")
    one.expect_end(POLICY)


def test_taken_over_session_closes_the_old_connection(hub, unique):
    old = Frames.connected(hub, f"{unique}-same")
    new = Frames.connected(hub, f"{unique}-same")
    old.expect_end(POLICY)
    new.send(frame(BINARY, mqtt.pingreq()))
    new.expect(BINARY, b"\xd0\x00")


def test_silence_closes(make_hub):
    hub = make_hub({"ws": listener("ws")})
    one = Frames.connected(hub, "silent", keepalive=1)
    one.expect_end(POLICY)
    hub.check_serves("ws")


def test_pings_of_websocket_do_not_keep_mqtt_alive(make_hub):
    """Keep alive counts control packets of MQTT only. [MQTT-3.1.2-24]"""
    hub = make_hub({"ws": listener("ws")})
    one = Frames.connected(hub, "pinging", keepalive=1)
    deadline = Deadline(10)
    poller = select.poll()
    poller.register(one.sock, select.POLLIN)
    opcode = PONG
    while opcode == PONG:
        assert not deadline.passed(), "pings keep a silent client"
        poller.poll(200)
        one.send(frame(PING, b""))
        opcode, payload = one.next()
    assert (opcode, payload) == (CLOSE, struct.pack(">H", POLICY))


def test_shutdown_says_going_away(make_hub):
    hub = make_hub({"ws": listener("ws")})
    clients = [Frames.connected(hub, f"client-{number}") for number in range(5)]
    early = Frames.upgraded(hub)
    hub.broker.process.signal(15)
    for one in [*clients, early]:
        one.expect_end(GOING_AWAY)
        one.sock.close()
    assert hub.broker.process.wait_exit(15) == 0


# Frames in every good shape


def test_ping_payloads_come_back(hub, unique):
    one = Frames.connected(hub, f"{unique}-pinging")
    for payload in (b"", b"x", b"hello", b"\x00\xff" * 10, os.urandom(124), os.urandom(125)):
        one.send(frame(PING, payload))
        one.expect(PONG, payload)


def test_ping_before_connect(hub):
    one = Frames.upgraded(hub)
    one.send(frame(PING, b"early"))
    one.expect(PONG, b"early")


def test_ping_in_bytes(hub, unique):
    one = Frames.connected(hub, f"{unique}-pinging")
    one.send(frame(PING, b"slowly"), 1)
    one.expect(PONG, b"slowly")


def test_many_pings_in_one_piece(hub, unique):
    """Some are answered, in order, the first and what follows served; no memory is held for all of them."""
    one = Frames.connected(hub, f"{unique}-pinging")
    pings = [b"%d" % number for number in range(1000)]
    one.send(b"".join(frame(PING, payload) for payload in pings) + frame(BINARY, mqtt.pingreq()))
    answered = []
    while (taken := one.next())[0] == PONG:
        answered.append(taken[1])
    assert taken == (BINARY, b"\xd0\x00")
    assert answered and answered == sorted(set(answered), key=int) and answered[0] == b"0"
    one.send(frame(PING, b"again"))
    one.expect(PONG, b"again")


def test_pongs_nobody_asked_for(hub, unique):
    one = Frames.connected(hub, f"{unique}-ponging")
    one.send(frame(PONG, b"") + frame(PONG, b"x" * 125) + frame(BINARY, mqtt.pingreq()))
    one.expect(BINARY, b"\xd0\x00")


def fragments(data, size, between=b""):
    """One binary message in frames of `size` bytes, with something between them."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    last = len(pieces) - 1
    frames = [frame(BINARY if at == 0 else CONTINUATION, piece, final=at == last) for at, piece in enumerate(pieces)]
    return between.join(frames)


@pytest.mark.parametrize("cut", [None, 1, 7], ids=["whole", "in-bytes", "in-sevens"])
@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_fragments_with_pings_between(hub, unique, size, cut):
    """A message of two packets in fragments; control frames lie between them. What answers the packets may come in any order."""
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe((f"{unique}/t", 1))
    one = Frames.connected(hub, f"{unique}-sender")
    payload = os.urandom(60)
    data = mqtt.publish(f"{unique}/t", payload, qos=1, packet_id=7) + mqtt.pingreq()
    pings = len(range(0, len(data), size)) - 1
    one.send(fragments(data, size, frame(PING, b"p") + frame(PONG, b"unasked")), cut)
    seen, pongs = b"", 0
    while len(seen) < 6:
        opcode, piece = one.next()
        assert opcode in (BINARY, PONG)
        if opcode == BINARY:
            seen += piece
        else:
            assert piece == b"p"
            pongs += 1
    assert seen in (mqtt.puback(7) + b"\xd0\x00", b"\xd0\x00" + mqtt.puback(7)) and pongs <= pings
    assert watcher.collect(1)[0].payload == payload


def test_empty_frames_and_fragments(hub, unique):
    one = Frames.connected(hub, f"{unique}-sender")
    one.send(frame(BINARY, b"") * 50)
    one.send(frame(BINARY, b"", final=False) + frame(CONTINUATION, b"", final=False) * 50 + frame(CONTINUATION, mqtt.pingreq()))
    one.send(frame(BINARY, mqtt.pingreq(), final=False) + frame(CONTINUATION, b""))
    one.expect_binary(b"\xd0\x00" * 2)


def test_packets_over_many_frames(hub, unique):
    """Each packet in frames of one byte, each a message of its own. [MQTT-6.0.0-2]"""
    one = Frames.upgraded(hub)
    one.send(b"".join(frame(BINARY, bytes([byte])) for byte in mqtt.connect(f"{unique}-sender") + mqtt.pingreq()))
    one.expect_binary(b"\x20\x02\x00\x00\xd0\x00")


def test_many_packets_in_one_frame(hub, unique):
    one = Frames.upgraded(hub)
    one.send(frame(BINARY, mqtt.connect(f"{unique}-sender") + mqtt.pingreq() + mqtt.subscribe(1, [(f"{unique}/t", 0)])))
    one.expect_binary(b"\x20\x02\x00\x00" + b"\xd0\x00" + b"\x90\x03\x00\x01\x00")
    payloads = [b"%d" % number for number in range(100)]
    one.send(frame(BINARY, b"".join(mqtt.publish(f"{unique}/t", payload) for payload in payloads) + mqtt.pingreq()))
    packets = one.read_packets(101)
    assert [packet.payload for packet in packets if packet.kind == mqtt.PUBLISH] == payloads
    assert [packet.kind for packet in packets if packet.kind != mqtt.PUBLISH] == [mqtt.PINGRESP]


def test_packets_and_frames_end_nowhere_together(hub, unique):
    """A hundred packets, cut into frames of 11 bytes, cut into segments of 13."""
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe(f"{unique}/t")
    one = Frames.connected(hub, f"{unique}-sender")
    packets = b"".join(mqtt.publish(f"{unique}/t", b"%d" % number) for number in range(100))
    one.send(b"".join(frame(BINARY, packets[at : at + 11]) for at in range(0, len(packets), 11)), 13)
    assert [message.payload for message in watcher.collect(100)] == [b"%d" % number for number in range(100)]


@pytest.mark.parametrize("size", [0, 1, 100, 125, 126, 127, 200, 65535, 65536, 70_000, 1_000_000])
def test_payload_of_any_size_there_and_back(hub, unique, size):
    one = Frames.connected(hub, f"{unique}-echo")
    one.send(frame(BINARY, mqtt.subscribe(1, [(f"{unique}/t", 0)])))
    one.expect_binary(b"\x90\x03\x00\x01\x00")
    packet = mqtt.publish(f"{unique}/t", os.urandom(size))
    one.send(frame(BINARY, packet))
    one.expect_binary(packet)


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"], ids=lambda mask: mask.hex())
def test_any_mask(hub, unique, mask):
    one = Frames.connected(hub, f"{unique}-masked")
    for length in range(0, 20):
        packet = mqtt.publish(f"{unique}/t", b"x" * length, qos=1, packet_id=length + 1)
        one.send(frame(BINARY, packet, mask=mask))
        one.expect(BINARY, mqtt.puback(length + 1))


def test_fan_out_to_ws_and_tcp(hub, unique):
    """Subscribers of both kinds get the same messages in the same order, at all QoS."""
    kinds = ["tcp", "ws"] * 5
    watchers = [hub.client(kind, f"{unique}-{number}") for number, kind in enumerate(kinds)]
    for one in watchers:
        one.subscribe((f"{unique}/t", 2))
    wanted = [(qos, b"%d-%d " % (qos, number) * 50) for number in range(50) for qos in (0, 1, 2)]
    for sender in (hub.client("tcp", f"{unique}-from-tcp"), hub.client("ws", f"{unique}-from-ws")):
        for qos, payload in wanted:
            sender.publish(f"{unique}/t", payload, qos=qos)
        for one in watchers:
            assert [(message.qos, message.payload) for message in one.collect(len(wanted))] == wanted


def test_slow_reader_gets_all_in_whole_frames(hub, unique):
    """Sends that the kernel takes in parts do not tear a frame apart, and a pong does not land inside of one."""
    one = Frames(hub.plain("ws"))
    one.sock.sendall(upgrade_request())
    one.read_answer()
    one.send(frame(BINARY, mqtt.connect(f"{unique}-slow") + mqtt.subscribe(1, [(f"{unique}/t", 1)])))
    one.expect_binary(b"\x20\x02\x00\x00\x90\x03\x00\x01\x01")
    sender = hub.client("tcp", f"{unique}-sender")
    payloads = [bytes([number]) * 1_000_000 for number in range(20)]
    for payload in payloads:
        sender.publish(f"{unique}/t", payload, qos=1)
    one.send(frame(PING, b"in between"))
    assert [packet.payload for packet in one.read_packets(20)] == payloads
    if one.pongs == 0:
        one.expect(PONG, b"in between")


# The upgrade


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
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400),
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


# Byte by byte


def test_everything_one_byte_at_a_time(hub, unique):
    sock = hub.plain("ws")
    one = Frames(sock)
    one.send(upgrade_request(), 1)
    assert one.read_answer().startswith("HTTP/1.1 101 ")
    one.send(frame(BINARY, mqtt.connect(f"{unique}-slow")) + frame(BINARY, mqtt.pingreq()), 1)
    one.expect_binary(b"\x20\x02\x00\x00\xd0\x00")
    hub.check_serves("ws")


TRICKLES = {
    "request": upgrade_request(X_Long="x" * 4000),
    "connect": upgrade_request() + frame(BINARY, mqtt.connect("x" * 200)),
    "pings": upgrade_request() + frame(PING, b"") * 1000,
    "empty-frames": upgrade_request() + frame(BINARY, b"") * 1000,
}


@pytest.mark.parametrize("data", cases(TRICKLES))
def test_trickling_client_is_closed_by_connect_timeout(make_hub, data):
    """A byte now and then does not put the end off."""
    hub = make_hub({"ws": listener("ws"), "tcp": listener()}, limits={"connect_timeout_ms": 1000})
    sock = hub.plain("ws")
    poller = select.poll()
    poller.register(sock, select.POLLRDHUP)
    deadline, sent = Deadline(10), 0
    while not poller.poll(0 if sent < 170 else 20):  # from there on slowly
        assert not deadline.passed(), "a trickle keeps a connection"
        try:
            sent += sock.send(data[sent : sent + 1])
        except (BrokenPipeError, ConnectionResetError):
            break
        assert sent < len(data), "the test did not trickle slowly enough"
    hub.check_serves("ws")
    hub.check_serves("tcp")


def test_many_trickling_clients_cost_little(make_hub):
    """Three hundred beginnings that never end: memory stays bounded, others are served, and in the end they are closed."""
    hub = make_hub({"ws": listener("ws"), "tcp": listener()}, limits={"connect_timeout_ms": 4000})
    hub.check_serves("ws")
    before = hub.broker.rss_bytes()
    slow = []
    for number in range(300):
        one = hub.plain("ws")
        cut = (upgrade_request(X_Long="x" * 7000)[:-1], upgrade_request() + head(0x82, 0xFF, bytes(4) + b"\x0f\xff\xff\xff"))
        one.sendall(cut[number % 2])
        slow.append(one)
    for _ in range(5):
        hub.check_serves("ws")
        hub.check_serves("tcp")
    if not hub.broker.is_sanitized():
        assert hub.broker.rss_bytes() - before < 300 * 32768
    deadline = Deadline(20)
    for one in slow:
        read_to_end(one, deadline.left())
    wait_until(lambda: hub.broker.descriptors() <= hub.broker.idle_descriptors, "their sockets are closed", 10)
    hub.check_serves("ws")


def test_large_frame_header_reserves_nothing(hub, unique):
    """A frame of 4 GiB less one is begun and not sent: memory is what came."""
    one = Frames.connected(hub, f"{unique}-greedy")
    before = hub.broker.rss_bytes()
    one.send(head(0x82, 0xFF, bytes(4) + b"\xff\xff\xff\xff") + b"\x11")
    hub.check_serves("ws")
    if not hub.broker.is_sanitized():
        assert hub.broker.rss_bytes() - before < 64 << 20


def test_hundreds_of_clients_at_once(hub, unique):
    clients = [hub.client("ws", f"{unique}-{number}") for number in range(300)]
    for one in clients:
        one.subscribe(f"{unique}/all")
    hub.client("ws", f"{unique}-sender").publish(f"{unique}/all", b"x" * 1000)
    for one in clients:
        one.expect_publish(f"{unique}/all", b"x" * 1000)
