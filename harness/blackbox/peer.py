# SPDX-License-Identifier: MIT
"""A raw MQTT peer: sends any bytes, whole or in pieces, and expects packets or a close by a deadline.

A peer knows the protocol only as far as a test tells it. Most are clients; one that was accepted plays the broker.
Everything that peers send and see goes into one timeline for each test, which a failing test prints:

    +0.0021 alice   -> CONNECT? 10 11 00 04 4d 51 54 54 ...
    +0.0024 alice   <- <CONNACK code=0 session_present=False>
"""

import itertools
import select
import socket
import time
from collections import deque

import packet as mqtt
import transport
from deadline import EVENT_S, Deadline

RECEIVE_BYTES = 262_144
TIMELINE_EVENTS_MAX = 300


class Timeline:
    """What the peers of one test did, oldest first; the oldest events go when there are too many."""

    def __init__(self):
        self.start = time.monotonic()
        self.events = deque(maxlen=TIMELINE_EVENTS_MAX)
        self.dropped = 0

    def add(self, name, direction, what):
        self.dropped += len(self.events) == self.events.maxlen
        self.events.append((time.monotonic() - self.start, name, direction, what))

    def lines(self):
        if self.dropped:
            yield f"... {self.dropped} earlier events ..."
        for at, name, direction, what in self.events:
            shown = mqtt.describe_sent(what) if isinstance(what, bytes) else str(what)
            yield f"{at:+9.4f} {name:<12.24} {direction} {shown}"


class Timeout(AssertionError):
    """Nothing of what was expected came before the deadline."""


class Closed(AssertionError):
    """The broker closed the connection where something else was expected."""


def describe_wanted(kind, fields):
    shown = {key: mqtt.brief(value) if key == "payload" else value for key, value in fields.items()}
    return " ".join([mqtt.NAMES[kind], *(f"{key}={value!r}" for key, value in shown.items())])


class Poller:
    """Waits for one socket. poll(2), since select(2) knows no descriptor above 1023."""

    def __init__(self, sock):
        self.fd = sock.fileno()
        self.poll = select.poll()

    def poll_for(self, events, seconds):
        self.poll.register(self.fd, events)
        return self.poll.poll(seconds * 1000)


class Peer:
    _numbers = itertools.count(1)

    def __init__(self, sock, *, name=None, timeline=None, reads=mqtt.FROM_SERVER):
        self.name = name or f"peer-{next(self._numbers)}"
        self.timeline = timeline or Timeline()
        self.reads = reads  # the packet types that the other side may send
        self.buffer = bytearray()
        self.closed_by_broker = None  # how, once it is known
        self.next_id = itertools.count(1)
        self.early = deque()  # messages that came before the SUBACK which a test was waiting for
        self.socket = sock
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.poller = Poller(self.socket)

    @classmethod
    def open(cls, address, *, receive_buffer=None, source=None, **options):
        """A client's connection to a broker, from the address `source` if that matters."""
        sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if receive_buffer:  # has to be set before the window is negotiated
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(Deadline().left())
        if source:
            sock.bind((source, 0))
        sock.connect(address)
        port = sock.getsockname()[1]
        one = cls(transport.wrap(sock), **options)
        one.timeline.add(one.name, "--", f"connected from port {port}")
        return one

    # What goes out

    def send(self, *packets, seconds=EVENT_S):
        """Sends everything in as few segments as the kernel makes of it. Reads meanwhile, as a broker may push back."""
        for one in packets:
            self.timeline.add(self.name, "->", bytes(one[:64]) if len(one) > 4096 else bytes(one))
        self._write(b"".join(packets), Deadline(seconds))

    def send_in_pieces(self, data, size=1, seconds=EVENT_S):
        """Sends `data` in segments of `size` bytes."""
        self.timeline.add(self.name, "->", f"in pieces of {size}: {mqtt.describe_sent(data)}")
        deadline = Deadline(seconds)
        for at in range(0, len(data), size):
            self._write(data[at : at + size], deadline)

    def _write(self, data, deadline):
        view = memoryview(data)
        while view:
            try:
                view = view[self.socket.send(view) :]
                continue
            except BlockingIOError:
                pass
            except (BrokenPipeError, ConnectionResetError) as error:
                self._receive_last(type(error).__name__)
            if self.closed_by_broker:
                return  # what the test expects next tells whether this was right
            self._wait(deadline, f"the last {len(view)} bytes could not be sent", select.POLLIN | select.POLLOUT)
            self._receive()

    # What comes in

    def _wait(self, deadline, what, events=select.POLLIN):
        """Waits for an event of the socket, or fails with `what`."""
        if not self.poller.poll_for(events, deadline.left()):
            raise self._fail(Timeout, f"{what} within {deadline.seconds:g} s")

    def _receive_last(self, how):
        """Reads what came before a close that sending has run into."""
        before = -1
        while len(self.buffer) != before and not self.closed_by_broker:
            before = len(self.buffer)
            self._receive()
        self._note_close(how)

    def _receive(self):
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            self._note_close("reset")
            return
        if data:
            self.buffer += data
        else:
            self._note_close("end of stream")

    def _note_close(self, how):
        if not self.closed_by_broker:
            self.closed_by_broker = how
            self.timeline.add(self.name, "<-", f"closed ({how})")

    def look(self, seconds=0):
        """Reads what is there, or what comes within `seconds`; whether the broker has closed."""
        if self.poller.poll_for(select.POLLIN, seconds):
            self._receive()
        return self.closed_by_broker is not None

    def poll(self, seconds=EVENT_S):
        """The next packet, or None when the broker has closed."""
        if self.early:
            return self.early.popleft()
        deadline = Deadline(seconds)
        while True:
            packet = mqtt.split(self.buffer, self.reads)
            if packet:
                self.timeline.add(self.name, "<-", packet)
                return packet
            if self.closed_by_broker:
                return None
            self._wait(deadline, f"no packet came ({len(self.buffer)} bytes of one)")
            self._receive()

    def receive(self, seconds=EVENT_S):
        """The next packet; fails on a close."""
        packet = self.poll(seconds)
        if packet is None:
            raise self._fail(Closed, f"the broker closed the connection ({self.closed_by_broker})")
        return packet

    def expect(self, kind, seconds=EVENT_S, **fields):
        """The next packet, which has to be of this type and have these fields."""
        try:
            packet = self.receive(seconds)
        except (Timeout, Closed) as error:
            raise type(error)(f"{error}; expected {describe_wanted(kind, fields)}") from None
        self._check(packet, kind, fields)
        return packet

    def _check(self, packet, kind, fields):
        if packet.kind != kind or any(getattr(packet, key) != value for key, value in fields.items()):
            raise self._fail(AssertionError, f"expected {describe_wanted(kind, fields)}, got {packet!r}")

    def expect_publish(self, topic, payload=None, seconds=EVENT_S, **fields):
        wanted = dict(fields, topic=topic)
        if payload is not None:
            wanted["payload"] = mqtt.as_bytes(payload)
        return self.expect(mqtt.PUBLISH, seconds, **wanted)

    def expect_close(self, seconds=EVENT_S):
        """The close of the connection, with no packet before it."""
        try:
            packet = self.poll(seconds)
        except Timeout as error:
            raise Timeout(f"{error}; expected the broker to close") from None
        if packet is not None:
            raise self._fail(AssertionError, f"expected the broker to close, got {packet!r}")
        if self.buffer:
            raise self._fail(AssertionError, f"the broker closed in the middle of a packet: {self.buffer[:16].hex(' ')}")

    def read_bytes(self, count, seconds=EVENT_S):
        """Exactly so many raw bytes, for answers that are not of 3.1.1."""
        deadline = Deadline(seconds)
        while len(self.buffer) < count and not self.closed_by_broker:
            self._wait(deadline, f"only {len(self.buffer)} of {count} bytes came")
            self._receive()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        self.timeline.add(self.name, "<-", f"bytes {data[:32].hex(' ')}")
        return data

    # Whole exchanges

    def connect(self, client_id="", *, code=0, session_present=None, **fields):
        """CONNECT, and the CONNACK that answers it."""
        self.send(mqtt.connect(client_id, **fields))
        connack = self.expect(mqtt.CONNACK, code=code)
        if session_present is not None and connack.session_present != session_present:
            raise self._fail(AssertionError, f"expected session_present={session_present}, got {connack!r}")
        return connack

    def subscribe(self, *filters, codes=None):
        """SUBSCRIBE for (filter, qos) pairs, and its SUBACK. A filter that is just a string is for QoS 0.

        Messages may come before the SUBACK (3.1.1, 3.8.4): they are kept for who asks next.
        """
        pairs = [(entry, 0) if isinstance(entry, str) else entry for entry in filters]
        packet_id = next(self.next_id)
        self.send(mqtt.subscribe(packet_id, pairs))
        wanted = [qos for _, qos in pairs] if codes is None else codes
        early = []
        while (packet := self.receive()).kind == mqtt.PUBLISH:
            early.append(packet)
        self.early.extend(early)
        self._check(packet, mqtt.SUBACK, dict(packet_id=packet_id, codes=wanted))

    def unsubscribe(self, *filters):
        packet_id = next(self.next_id)
        self.send(mqtt.unsubscribe(packet_id, filters))
        self.expect(mqtt.UNSUBACK, packet_id=packet_id)

    def publish(self, topic, payload=b"", *, qos=0, retain=False, packet_id=None, seconds=EVENT_S):
        """PUBLISH with its whole exchange, on a connection that receives nothing else."""
        if qos and packet_id is None:
            packet_id = next(self.next_id)
        self.send(mqtt.publish(topic, payload, qos=qos, retain=retain, packet_id=packet_id), seconds=seconds)
        if qos == 1:
            self.expect(mqtt.PUBACK, seconds, packet_id=packet_id)
        elif qos == 2:
            self.expect(mqtt.PUBREC, seconds, packet_id=packet_id)
            self.send(mqtt.pubrel(packet_id))
            self.expect(mqtt.PUBCOMP, seconds, packet_id=packet_id)

    def publish_many(self, topics_and_payloads, *, qos=0, seconds=EVENT_S):
        """Sends many messages without waiting in between, and completes all exchanges, whose order is checked."""
        deadline = Deadline(seconds)
        packets, ids = [], []
        for topic, payload in topics_and_payloads:
            ids.append((next(self.next_id) - 1) % 65535 + 1 if qos else None)
            packets.append(mqtt.publish(topic, payload, qos=qos, packet_id=ids[-1]))
        self.send(b"".join(packets), seconds=seconds)
        if qos == 2:
            for packet_id in ids:
                self.expect(mqtt.PUBREC, deadline.left(), packet_id=packet_id)
            self.send(b"".join(map(mqtt.pubrel, ids)))
        if qos:
            for packet_id in ids:
                self.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBCOMP, deadline.left(), packet_id=packet_id)

    def accept(self, publish):
        """Completes the exchange of a PUBLISH that was received, on a connection where nothing else comes meanwhile."""
        if publish.qos == 1:
            self.send(mqtt.puback(publish.packet_id))
        elif publish.qos == 2:
            self.send(mqtt.pubrec(publish.packet_id))
            self.expect(mqtt.PUBREL, packet_id=publish.packet_id)
            self.send(mqtt.pubcomp(publish.packet_id))

    def answer(self, packet):
        """What an obedient client sends next for `packet`; nothing where the exchange is complete."""
        replies = {mqtt.PUBREL: mqtt.pubcomp, mqtt.PUBREC: mqtt.pubrel}
        if packet.kind == mqtt.PUBLISH and packet.qos:
            self.send((mqtt.puback, mqtt.pubrec)[packet.qos - 1](packet.packet_id))
        elif packet.kind in replies:
            self.send(replies[packet.kind](packet.packet_id))

    def collect(self, count, seconds=EVENT_S):
        """The next `count` PUBLISH packets, all exchanges being completed, those of own publishes as well."""
        deadline = Deadline(seconds)
        messages = []
        while len(messages) < count:
            try:
                packet = self.receive(deadline.left() or 0.001)
            except (Timeout, Closed) as error:
                raise type(error)(f"{error}; expected {count} messages, got {len(messages)}") from None
            self.answer(packet)
            if packet.kind == mqtt.PUBLISH:
                messages.append(packet)
        return messages

    def ping(self, seconds=EVENT_S):
        """PINGREQ, to which PINGRESP has to be the next answer: nothing else was on its way on this connection."""
        self.send(mqtt.pingreq())
        self.expect(mqtt.PINGRESP, seconds)

    def disconnect(self):
        """DISCONNECT, and the close of both directions."""
        self.send(mqtt.disconnect())
        self.expect_close()
        self.close()

    # The end

    def close(self):
        """Closes as a client does that has read everything: with FIN, unless unread bytes make it a reset."""
        self.timeline.add(self.name, "--", "closes")
        self.socket.close()

    def reset(self):
        """Closes with RST, as a client does whose machine has lost it."""
        self.timeline.add(self.name, "--", "resets")
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def _fail(self, kind, what):
        return kind(f"{self.name}: {what}")


class FakeBroker:
    """Listens, and plays the broker to one client after the other."""

    def __init__(self, timeline):
        self.timeline = timeline
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.url = f"mqtt://127.0.0.1:{self.address[1]}"
        self.accepted = []

    def accept(self, seconds=EVENT_S):
        """The next client's connection."""
        self.listener.settimeout(Deadline(seconds).left())
        sock, _ = self.listener.accept()
        one = Peer(sock, name=f"broker-{len(self.accepted)}", timeline=self.timeline, reads=mqtt.FROM_CLIENT)
        self.accepted.append(one)
        return one

    def serve_connect(self):
        """The next client's connection after its CONNECT and our CONNACK, and that CONNECT."""
        one = self.accept()
        connect = one.expect(mqtt.CONNECT)
        one.send(mqtt.connack())
        return one, connect

    def close(self):
        for one in self.accepted:
            one.socket.close()
        self.listener.close()


_fences = itertools.count(1)


def fence(publisher, subscriber, qos=0):
    """The messages that reached `subscriber` up to now from `publisher`, as a list. All exchanges are completed.

    The publisher sends one more message, to a topic that only this call knows. What one publisher sends reaches a subscriber
    in the order of sending, so whatever has not come before it will not come: the way to show that nothing arrived.
    """
    topic = f"fence/{next(_fences)}-{id(subscriber)}"
    packet_id = next(subscriber.next_id)
    subscriber.send(mqtt.subscribe(packet_id, [(topic, qos)]))
    seen = []

    def next_seen():
        packet = subscriber.receive()
        subscriber.answer(packet)
        seen.append(packet)
        return packet

    def is_subscribed(packet):
        return packet.kind == mqtt.SUBACK and packet.packet_id == packet_id

    while not is_subscribed(next_seen()):
        pass
    publisher.publish(topic, b"fence", qos=qos)
    while not next_seen().is_publish(topic):
        pass
    if qos == 2:
        while next_seen().kind != mqtt.PUBREL:
            pass
    return [one for one in seen if one.kind == mqtt.PUBLISH and one.topic != topic]
