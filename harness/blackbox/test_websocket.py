# SPDX-License-Identifier: MIT
"""WebSocket (RFC 6455) below MQTT: frames in every shape, and closes to the byte.

A fault is right only if three things hold: the bytes of the close frame, the end of the TCP connection behind it, and a fresh client
that is served.
"""

import os
import select
import struct

import packet as mqtt
import pytest
from deadline import Deadline, wait_until
from hub import hub, listener, make_hub, read_to_end, shared_hub  # noqa: F401 - a fixture
from tables import cases
from transport import BINARY, CLOSE, PING, PONG, frame, upgrade_request
from frames import (
    CONTINUATION,
    Frames,
    GOING_AWAY,
    NORMAL,
    NOT_TEXT,
    POLICY,
    PROTOCOL_ERROR,
    TEXT,
    TOO_LARGE,
    UNSUPPORTED,
    close_frame,
    head,
)

pytestmark = pytest.mark.ours

@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    listeners = {
        "tcp": listener(),
        "ws": listener("ws"),
        "wss": listener("wss"),
    }
    yield from shared_hub(tmp_path_factory, listeners, arguments=["-d"])  # no line of the log is kept back


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
