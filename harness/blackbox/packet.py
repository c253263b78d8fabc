# SPDX-License-Identifier: MIT
"""MQTT 3.1 and 3.1.1 packets as the judge sees them: builders that can lie, and a reader that cannot be surprised.

A packet on the wire is

    first byte (type in the high nibble, flags in the low one) | remaining length, 1 to 4 bytes | body

The builders return bytes and check nothing, so that a test can build what no client may send; `frame` and `text` are
the bricks for packets that are wrong in other ways. The reader (`split`, `Packet`) takes what a broker sends, and
raises `PacketError` for whatever the standard does not let a server send.

This shares no code with the broker, on purpose.
"""

from dataclasses import dataclass
from typing import Optional

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14

NAMES = (
    "RESERVED-0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
    "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "RESERVED-15",
)  # fmt: skip

# The flags nibble that each type but PUBLISH has to carry. [MQTT-2.2.2-1]
FLAGS = {kind: 2 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0 for kind in range(16) if kind != PUBLISH}

# What a server may send under 3.1.1.
FROM_SERVER = {CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP}

REMAINING_LENGTH_MAX = 268_435_455


class PacketError(AssertionError):
    """The broker sent something that no server may send."""


def as_bytes(value):
    return value.encode() if isinstance(value, str) else bytes(value)


def number(value):
    return value.to_bytes(2, "big")


def text(value):
    """A field with its two-byte length: strings, and the binary fields of CONNECT."""
    raw = as_bytes(value)
    return number(len(raw)) + raw


def remaining_length(value):
    """The shortest form of a remaining length."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def frame(first, body=b""):
    return bytes([first]) + remaining_length(len(body)) + body


@dataclass
class Will:
    topic: str
    payload: bytes = b"gone"
    qos: int = 0
    retain: bool = False

    def flags(self):
        return 0x04 | self.qos << 3 | (0x20 if self.retain else 0)


def connect(
    client_id="",
    *,
    clean=True,
    keepalive=0,
    will: Optional[Will] = None,
    username=None,
    password=None,
    name="MQTT",
    level=4,
    flags=None,
    tail=b"",
):
    """CONNECT. `flags` replaces the computed connect flags; `tail` follows the last field, inside the packet."""
    computed = 0x02 if clean else 0
    body = text(client_id)
    if will is not None:
        computed |= will.flags()
        body += text(will.topic) + text(will.payload)
    if username is not None:
        computed |= 0x80
        body += text(username)
    if password is not None:
        computed |= 0x40
        body += text(password)
    head = text(name) + bytes([level, computed if flags is None else flags]) + number(keepalive)
    return frame(CONNECT << 4, head + body + tail)


def connect_5(client_id="", *, clean=True, keepalive=0):
    """CONNECT of MQTT 5.0 with no properties."""
    body = text("MQTT") + bytes([5, 0x02 if clean else 0]) + number(keepalive) + b"\x00" + text(client_id)
    return frame(CONNECT << 4, body)


def publish(topic, payload=b"", *, qos=0, packet_id=None, retain=False, dup=False):
    first = PUBLISH << 4 | (8 if dup else 0) | qos << 1 | (1 if retain else 0)
    body = text(topic)
    if packet_id is not None:
        body += number(packet_id)
    elif qos:
        raise ValueError("a PUBLISH above QoS 0 needs a packet_id")
    return frame(first, body + as_bytes(payload))


def ack(kind, packet_id):
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""
    return frame(kind << 4 | FLAGS[kind], number(packet_id))


def puback(packet_id):
    return ack(PUBACK, packet_id)


def pubrec(packet_id):
    return ack(PUBREC, packet_id)


def pubrel(packet_id):
    return ack(PUBREL, packet_id)


def pubcomp(packet_id):
    return ack(PUBCOMP, packet_id)


def subscribe(packet_id, filters):
    """SUBSCRIBE for [(filter, options byte), ...]."""
    entries = b"".join(text(topic_filter) + bytes([options]) for topic_filter, options in filters)
    return frame(0x82, number(packet_id) + entries)


def unsubscribe(packet_id, filters):
    return frame(0xA2, number(packet_id) + b"".join(text(topic_filter) for topic_filter in filters))


def pingreq():
    return frame(PINGREQ << 4)


def disconnect():
    return frame(DISCONNECT << 4)


def first_frame(data):
    """(size, start of the body) of the packet at the start of `data`, or None while its fixed header is cut."""
    size, shift = 0, 0
    for at in range(1, 5):
        if at >= len(data):
            return None
        size |= (data[at] & 0x7F) << shift
        if not data[at] & 0x80:
            return at + 1 + size, at + 1
        shift += 7
    raise PacketError(f"the broker sent a remaining length of more than four bytes: {bytes(data[:6]).hex(' ')}")


def split(buffer):
    """Takes the first whole packet off the bytearray `buffer` and returns it, or None while it is cut."""
    found = first_frame(buffer)
    if found is None or len(buffer) < found[0]:
        return None
    size, start = found
    packet = Packet(buffer[0], bytes(buffer[start:size]))
    del buffer[:size]
    return packet


class Packet:
    """One packet that a broker sent. Fields that its type does not have are None."""

    def __init__(self, first, body):
        self.first, self.body = first, body
        self.kind, self.flags = first >> 4, first & 0x0F
        self.dup = self.qos = self.retain = self.packet_id = self.topic = self.payload = None
        self.codes = self.code = self.session_present = None
        self._read()

    def _read(self):
        if self.kind not in FROM_SERVER:
            self._fail("is no packet of a server")
        if self.kind != PUBLISH and self.flags != FLAGS[self.kind]:
            self._fail(f"has flags {self.flags:#x}")
        if self.kind == PUBLISH:
            self._read_publish()
        elif self.kind == CONNACK:
            self._need(len(self.body) == 2 and self.body[0] in (0, 1), "is no CONNACK of 3.1.1")
            self.session_present, self.code = bool(self.body[0]), self.body[1]
        elif self.kind == PINGRESP:
            self._need(not self.body, "has a body")
        elif self.kind == SUBACK:
            self._need(len(self.body) >= 3, "has no codes")
            self.packet_id, self.codes = int.from_bytes(self.body[:2], "big"), list(self.body[2:])
            # [MQTT-3.9.3-2]
            self._need(all(code in (0, 1, 2, 0x80) for code in self.codes), "has a code that is not of 3.1.1")
        else:
            self._need(len(self.body) == 2, "is not two bytes long")
            self.packet_id = int.from_bytes(self.body, "big")

    def _read_publish(self):
        self.dup, self.qos, self.retain = bool(self.flags & 8), self.flags >> 1 & 3, bool(self.flags & 1)
        self._need(self.qos < 3, "has QoS 3")
        self._need(self.qos or not self.dup, "has DUP at QoS 0 [MQTT-3.3.1-2]")
        self._need(len(self.body) >= 2, "has no topic")
        at = 2 + int.from_bytes(self.body[:2], "big")
        self._need(len(self.body) >= at + (2 if self.qos else 0), "is cut")
        self.topic = self.body[2:at].decode()
        self._need(self.topic and not set("+#\0") & set(self.topic), "has an invalid topic name [MQTT-3.3.2-2]")
        if self.qos:
            self.packet_id = int.from_bytes(self.body[at : at + 2], "big")
            self._need(self.packet_id, "has packet identifier 0 [MQTT-2.3.1-1]")
            at += 2
        self.payload = self.body[at:]

    def _need(self, condition, text_if_not):
        if not condition:
            self._fail(text_if_not)

    def _fail(self, what):
        shown = self.body[:40].hex(" ") + ("..." if len(self.body) > 40 else "")
        raise PacketError(f"{NAMES[self.kind]} from the broker {what}: {self.first:02x} | {shown}")

    def is_publish(self, topic, payload=None):
        return self.kind == PUBLISH and self.topic == topic and payload in (None, self.payload)

    def __repr__(self):
        shown = {"code": self.code, "session_present": self.session_present, "id": self.packet_id}
        shown |= {"codes": self.codes}
        if self.kind == PUBLISH:
            shown |= {"topic": self.topic, "qos": self.qos, "dup": self.dup, "retain": self.retain}
            shown |= {"payload": brief(self.payload)}
        fields = " ".join(f"{key}={value!r}" for key, value in shown.items() if value is not None)
        return f"<{NAMES[self.kind]}{' ' if fields else ''}{fields}>"


def brief(raw, limit=32):
    """Bytes as a person wants to see them in a report."""
    if len(raw) <= limit:
        return bytes(raw)
    return f"{bytes(raw[:limit])!r}... ({len(raw)} bytes)"


def describe_sent(raw):
    """One line for bytes that a test sends, whole packets or not."""
    if not raw:
        return "nothing"
    shown = raw[:24].hex(" ") + (f" ... ({len(raw)} bytes)" if len(raw) > 24 else "")
    return f"{NAMES[raw[0] >> 4]}? {shown}"
