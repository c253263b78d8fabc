# SPDX-License-Identifier: MIT
"""MQTT 3.1 and 3.1.1 packets as the judge sees them: builders that can lie, and a reader that cannot be surprised.

A packet on the wire is

    first byte (type in the high nibble, flags in the low one) | remaining length, 1 to 4 bytes | body

The builders return bytes and check nothing, so that a test can build what nobody may send; `frame` and `text` are the
bricks for packets that are wrong in other ways. The reader (`split`, `Packet`) takes what a broker sends, or a client
where a test plays the broker, and raises `PacketError` for whatever the standard does not let that side send.

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

# What each side may send under 3.1.1.
FROM_BOTH = {PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP}
FROM_SERVER = FROM_BOTH | {CONNACK, SUBACK, UNSUBACK, PINGRESP}
FROM_CLIENT = FROM_BOTH | {CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT}

REMAINING_LENGTH_MAX = 268_435_455


class PacketError(AssertionError):
    """The other side sent something that it may not send."""


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


def connack(code=0, session_present=False):
    return frame(CONNACK << 4, bytes([session_present, code]))


def suback(packet_id, codes):
    return frame(SUBACK << 4, number(packet_id) + bytes(codes))


def unsuback(packet_id):
    return frame(UNSUBACK << 4, number(packet_id))


def pingresp():
    return frame(PINGRESP << 4)


def first_frame(data):
    """(size, start of the body) of the packet at the start of `data`, or None while its fixed header is cut or there is none."""
    size, shift = 0, 0
    for at in range(1, 5):
        if at >= len(data):
            return None
        size |= (data[at] & 0x7F) << shift
        if not data[at] & 0x80:
            return at + 1 + size, at + 1
        shift += 7
    raise PacketError(f"a remaining length of more than four bytes: {bytes(data[:6]).hex(' ')}")


def split(buffer, allowed=FROM_SERVER):
    """Takes the first whole packet off the bytearray `buffer` and returns it, or None while it is cut."""
    found = first_frame(buffer)
    if found is None or len(buffer) < found[0]:
        return None
    size, start = found
    packet = Packet(buffer[0], bytes(buffer[start:size]), allowed)
    del buffer[:size]
    return packet


class Cursor:
    """Reads fields off the body of a packet; PacketError where it is cut."""

    def __init__(self, body):
        self.rest = body

    def take(self, count):
        if len(self.rest) < count:
            raise PacketError(f"cut: {count} bytes wanted, {len(self.rest)} left")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def number(self, size=2):
        return int.from_bytes(self.take(size), "big")

    def field(self):
        return self.take(self.number())

    def text(self):
        return self.field().decode()


class Packet:
    """One packet that the other side sent. Fields that its type does not have are None."""

    FIELDS = (
        "dup qos retain packet_id topic payload codes code session_present filters "
        "client_id clean keepalive will username password name level"
    ).split()

    def __init__(self, first, body, allowed=FROM_SERVER):
        self.first, self.body = first, body
        self.kind, self.flags = first >> 4, first & 0x0F
        for field in self.FIELDS:
            setattr(self, field, None)
        self._need(self.kind in allowed, "is not for this side to send")
        self._need(self.kind == PUBLISH or self.flags == FLAGS[self.kind], f"has flags {self.flags:#x}")
        cursor = Cursor(body)
        try:
            self._READERS[self.kind](self, cursor)
        except (PacketError, UnicodeDecodeError) as error:
            self._fail(str(error))
        self._need(not cursor.rest, "has bytes behind its last field")

    def _read_connect(self, cursor):
        self.name, self.level = cursor.text(), cursor.number(1)
        flags = cursor.number(1)
        self.clean, self.keepalive = bool(flags & 2), cursor.number()
        self.client_id = cursor.text()
        self._need(not flags & 1, "has its reserved flag set")
        if flags & 4:
            self.will = Will(cursor.text(), cursor.field(), flags >> 3 & 3, bool(flags & 0x20))
        else:
            self._need(not flags & 0x38, "has flags of a will that is not there")
        if flags & 0x80:
            self.username = cursor.text()
        if flags & 0x40:
            self.password = cursor.field()

    def _read_connack(self, cursor):
        flags = cursor.number(1)
        self._need(flags < 2, "has reserved flags set")
        self.session_present, self.code = bool(flags), cursor.number(1)

    def _read_publish(self, cursor):
        self.dup, self.qos, self.retain = bool(self.flags & 8), self.flags >> 1 & 3, bool(self.flags & 1)
        self._need(self.qos < 3, "has QoS 3")
        self._need(self.qos or not self.dup, "has DUP at QoS 0 [MQTT-3.3.1-2]")
        self.topic = cursor.text()
        self._need(self.topic and not set("+#\0") & set(self.topic), "has an invalid topic name [MQTT-3.3.2-2]")
        if self.qos:
            self._read_id(cursor)
        self.payload = cursor.take(len(cursor.rest))

    def _read_id(self, cursor):
        self.packet_id = cursor.number()
        self._need(self.packet_id, "has packet identifier 0 [MQTT-2.3.1-1]")

    def _read_subscribe(self, cursor):
        self._read_id(cursor)
        self.filters = []
        while cursor.rest:
            self.filters.append((cursor.text(), cursor.number(1)))
        self._need(self.filters, "has no filter [MQTT-3.8.3-3]")

    def _read_suback(self, cursor):
        self._read_id(cursor)
        self.codes = list(cursor.take(len(cursor.rest)))
        self._need(self.codes, "has no codes")
        self._need(set(self.codes) <= {0, 1, 2, 0x80}, "has a code that is not of 3.1.1 [MQTT-3.9.3-2]")

    def _read_unsubscribe(self, cursor):
        self._read_id(cursor)
        self.filters = []
        while cursor.rest:
            self.filters.append(cursor.text())
        self._need(self.filters, "has no filter [MQTT-3.10.3-2]")

    def _read_nothing(self, cursor):
        pass

    _READERS = {
        CONNECT: _read_connect,
        CONNACK: _read_connack,
        PUBLISH: _read_publish,
        SUBSCRIBE: _read_subscribe,
        SUBACK: _read_suback,
        UNSUBSCRIBE: _read_unsubscribe,
        **dict.fromkeys((PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK), _read_id),
        **dict.fromkeys((PINGREQ, PINGRESP, DISCONNECT), _read_nothing),
    }

    def _need(self, condition, text_if_not):
        if not condition:
            self._fail(text_if_not)

    def _fail(self, what):
        shown = self.body[:40].hex(" ") + ("..." if len(self.body) > 40 else "")
        raise PacketError(f"{NAMES[self.kind]} {what}: {self.first:02x} | {shown}")

    def is_publish(self, topic, payload=None):
        return self.kind == PUBLISH and self.topic == topic and payload in (None, self.payload)

    def __repr__(self):
        shown = {field: getattr(self, field) for field in self.FIELDS}
        if self.payload is not None:
            shown["payload"] = brief(self.payload)
        fields = "".join(f" {key}={value!r}" for key, value in shown.items() if value is not None)
        return f"<{NAMES[self.kind]}{fields}>"


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
