# SPDX-License-Identifier: MIT
"""Seeded chaos: senders and receivers with persistent sessions lose their connections at any packet and come back.

Both ends keep the state that the standard asks of a client, so the outcome is certain: a message of QoS 2 arrives exactly
once, one of QoS 1 at least once, and the first copies are in order, per sender. The seed is in the name of the test;
HBMQTT_CHAOS_SEEDS=FIRST-LAST chooses others.
"""

import os
import random
from collections import OrderedDict

import packet as mqtt
import pytest
from deadline import Deadline
from peer import Peer

FIRST, _, LAST = os.environ.get("HBMQTT_CHAOS_SEEDS", "1-5").partition("-")
SEEDS = range(int(FIRST), int(LAST or FIRST) + 1)
MESSAGES, SENDERS, RECEIVERS = 120, 3, 4
LOSS = 0.03  # of the connection, at each packet


class Chaotic:
    """A client that loses its connection now and then, in the middle of whatever it does."""

    def __init__(self, name, address, rng, timeline):
        self.name, self.address, self.rng, self.timeline = name, address, rng, timeline
        self.peer = None
        self.present = False  # whether a session is expected
        self.calm = False
        self.connect()

    def connect(self):
        self.peer = Peer.open(self.address, name=self.name, timeline=self.timeline)
        self.peer.connect(self.name, clean=False, session_present=self.present)
        self.present = True
        self.resume()

    def lose(self):
        """True, and a new connection, if this is the moment."""
        if self.calm or self.rng.random() >= LOSS:
            return False
        self.rng.choice((self.peer.reset, self.peer.close))()
        self.connect()
        return True

    def resume(self):
        """What has to be sent again."""

    def turn(self):
        """Handles what has come, without waiting."""
        self.peer.look()
        assert not self.peer.closed_by_broker, f"{self.name}: closed by the broker"
        while packet := mqtt.split(self.peer.buffer):
            self.timeline.add(self.name, "<-", packet)
            if self.lose():  # before the answer
                return
            self.handle(packet)
            if self.lose():  # after it
                return


class Receiver(Chaotic):
    def __init__(self, *arguments):
        self.open_ids, self.got = set(), []
        super().__init__(*arguments)

    def handle(self, packet):
        if packet.kind == mqtt.PUBLISH:
            if packet.qos == 2 and packet.packet_id in self.open_ids:
                assert packet.dup, "a repeat without DUP"
            else:
                self.got.append((packet.topic, packet.payload.decode()))
            if packet.qos == 2:
                self.open_ids.add(packet.packet_id)
        elif packet.kind == mqtt.PUBREL:
            self.open_ids.discard(packet.packet_id)
        self.peer.answer(packet)


class Sender(Chaotic):
    def __init__(self, topic, qos, *arguments):
        self.topic, self.qos = topic, qos
        self.open = OrderedDict()  # packet id -> PUBLISH, or None after its PUBREC
        self.sent = 0
        super().__init__(*arguments)

    def resume(self):
        for packet_id, publish in self.open.items():
            self.peer.send(bytes([publish[0] | 8]) + publish[1:] if publish else mqtt.pubrel(packet_id))

    def send_next(self):
        if self.sent == MESSAGES or len(self.open) >= 10:
            return
        packet_id = self.sent + 1
        self.open[packet_id] = mqtt.publish(self.topic, b"%d" % self.sent, qos=self.qos, packet_id=packet_id)
        self.sent += 1
        self.peer.send(self.open[packet_id])
        self.lose()

    def handle(self, packet):
        if packet.kind == mqtt.PUBREC:
            self.open[packet.packet_id] = None
            self.peer.send(mqtt.pubrel(packet.packet_id))
        else:
            assert packet.kind == (mqtt.PUBACK if self.qos == 1 else mqtt.PUBCOMP), packet
            self.open.pop(packet.packet_id, None)

    def done(self):
        return self.sent == MESSAGES and not self.open


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("qos", [1, 2])
def test_nothing_is_lost_and_order_holds(broker, timeline, unique, qos, seed):
    rng = random.Random(seed)
    receivers = [Receiver(f"{unique}-r{number}", broker.address, rng, timeline) for number in range(RECEIVERS)]
    for one in receivers:
        one.peer.subscribe((f"{unique}/+", qos))
    topics = [f"{unique}/{number}" for number in range(SENDERS)]
    senders = [Sender(topic, qos, f"{unique}-s{at}", broker.address, rng, timeline) for at, topic in enumerate(topics)]
    everybody = [*senders, *receivers]
    deadline = Deadline(60)

    def complete(receiver):
        return all((topic, str(MESSAGES - 1)) in receiver.got for topic in topics)

    while not (all(one.done() for one in senders) and all(map(complete, receivers))):
        waiting = [len(one.got) for one in receivers], [len(one.open) for one in senders]
        assert not deadline.passed(), f"seed {seed}: received and open: {waiting}"
        for one in rng.sample(everybody, len(everybody)):
            if isinstance(one, Sender):
                one.send_next()
            one.turn()
    for one in everybody:
        one.calm = True
        one.peer.socket.close()
    for one in receivers:
        for topic in topics:
            got = [int(payload) for name, payload in one.got if name == topic]
            first_copies = list(dict.fromkeys(got))
            assert first_copies == list(range(MESSAGES)), f"seed {seed}: {one.name} {topic}: lost, or out of order"
            assert qos == 1 or got == first_copies, f"seed {seed}: {one.name} {topic}: twice"
