# SPDX-License-Identifier: MIT
"""Ceilings: what happens at each, that it happens to the one who is there, and that others do not notice."""

import resource
import select

import packet as mqtt
import pytest
import transport
from deadline import wait_until
from peer import Peer, fence

ours = pytest.mark.ours
plain = pytest.mark.skipif(transport.KIND != "tcp", reason="looks at the socket itself")


def limited(make_broker, **limits):
    return make_broker(limits=limits)


# Connections


@plain
@ours
def test_connection_above_the_ceiling_is_closed(peers, client, make_broker):
    """Closed at once, without CONNACK; when one of the others has gone, there is room again."""
    broker = limited(make_broker, connections_max=3)
    held = [client(f"held-{number}", at=broker) for number in range(3)]
    one_more = peers("one-more", at=broker)
    one_more.expect_close()
    for one in held:
        one.ping()
    held.pop().disconnect()
    wait_until(lambda: broker.descriptors() <= broker.idle_descriptors + 2, "the broker frees the connection")
    client("next", at=broker).ping()


@plain
@ours
def test_ceiling_of_one_listener(peers, make_broker):
    """`max-connections` counts the connections of that listener alone."""
    listeners = {
        "default": {"type": "tcp"},
        "small": {"bind": "127.0.0.1:0", "max-connections": 2},
        "other": {"bind": "127.0.0.1:0"},
    }
    broker = make_broker(listeners=listeners)
    small, other = (("127.0.0.1", port) for port in broker.ports())
    for number in range(2):
        peers(address=small).connect(f"small-{number}")
    peers("third", address=small).expect_close()
    for number in range(5):
        peers(address=other).connect(f"other-{number}")


def test_fault_connection_slots_do_not_leak(peers, client, make_broker):
    """The original lost a slot with each connection whose first packet was not CONNECT."""
    broker = limited(make_broker, connections_max=3)
    witness = client("witness", at=broker)
    for number in range(60):
        bad = peers("bad", at=broker)
        if number % 3 == 0:
            bad.send(mqtt.pingreq())
            bad.expect_close()
        elif number % 3 == 1:
            bad.connect("refused", level=9, code=1)
            bad.expect_close()
        bad.close()
        wait_until(lambda: broker.descriptors() <= broker.idle_descriptors + 1, "the broker frees the connection")
    for name in ("one", "two"):
        client(name, at=broker).ping()
    witness.ping()


@ours
def test_session_above_the_ceiling_is_refused(peers, client, make_broker):
    """Sessions whose client is away count; one that exists can be resumed or taken over."""
    broker = limited(make_broker, sessions_max=2)
    client("away", at=broker, clean=False).disconnect()
    client("here", at=broker)
    one = peers("one-more", at=broker)
    one.connect("one-more", code=3, session_present=False)
    one.expect_close()
    client("away", at=broker, clean=False, session_present=True).disconnect()
    client("here", at=broker).ping()
    client("away", at=broker, clean=True).disconnect()
    wait_until(lambda: connects(broker, "one-more"), "a clean session frees its place")


def connects(broker, client_id):
    one = Peer.open(broker.address)
    one.send(mqtt.connect(client_id))
    code = one.expect(mqtt.CONNACK).code
    one.socket.close()
    return code == 0


# Packets


def sized_publish(size, topic="t"):
    """A PUBLISH of exactly `size` bytes in all, for sizes of three bytes of remaining length or fewer."""
    for header in (2, 3, 4):
        packet = mqtt.publish(topic, b"x" * (size - header - 2 - len(topic)))
        if len(packet) == size:
            return packet
    raise ValueError(size)


@ours
def test_packet_of_the_largest_size_passes(client, make_broker):
    broker = limited(make_broker, packet_size_max=1000)
    one = client(at=broker)
    one.subscribe("t")
    one.send(sized_publish(1000))
    assert len(one.expect_publish("t").payload) == 1000 - 3 - 3


@pytest.mark.parametrize("sent", ["whole", "header"])
def test_larger_packet_closes(client, make_broker, sent):
    """As soon as its header says so, whether its body comes or not."""
    broker = limited(make_broker, packet_size_max=1000)
    bystander = client("bystander", at=broker)
    one = client("one", at=broker)
    one.send(sized_publish(1010) if sent == "whole" else sized_publish(1010)[:3])
    one.expect_close()
    bystander.ping()


@ours
def test_connect_above_the_packet_size_closes(peers, make_broker):
    broker = limited(make_broker, packet_size_max=100)
    one = peers(at=broker)
    one.send(mqtt.connect("one", username="u" * 100))
    one.expect_close()


# Subscriptions and levels


@ours
def test_subscription_above_the_ceiling_is_refused(client, make_broker):
    """0x80 for the one that is too many; replacing one is none more, and one that goes makes room."""
    broker = limited(make_broker, session_subscriptions_max=3)
    one, sender = client("one", at=broker), client("sender", at=broker)
    one.subscribe(("a", 1), ("b", 1), ("c", 1), ("d", 1), codes=[1, 1, 1, 0x80])
    one.subscribe(("a", 2), ("d", 0), codes=[2, 0x80])
    sender.publish("d", b"no")
    sender.publish("a", b"yes")
    assert [message.payload for message in fence_without_subscribing(sender, one, "b")] == [b"yes"]
    one.unsubscribe("c")
    one.subscribe(("d", 0))
    sender.publish("d", b"now")
    one.expect_publish("d", b"now")


def fence_without_subscribing(publisher, subscriber, topic):
    """What came before a message on a topic that the subscriber has already."""
    publisher.publish(topic, b"fence")
    seen = []
    while True:
        packet = subscriber.receive()
        if packet.is_publish(topic, b"fence"):
            return seen
        seen.append(packet)


@ours
def test_ceiling_is_for_each_session(client, make_broker):
    broker = limited(make_broker, session_subscriptions_max=1)
    for name in ("a", "b", "c"):
        one = client(name, at=broker)
        one.subscribe("t")
        one.subscribe("u", codes=[0x80])


@ours
def test_topic_with_too_many_levels(client, make_broker):
    """In a filter it is refused, in a PUBLISH or a will it closes; one level less is served."""
    broker = limited(make_broker, topic_levels_max=4)
    one, sender = client("one", at=broker), client("sender", at=broker)
    one.subscribe(("a/b/c/d", 0), ("a/b/c/d/e", 0), ("+/+/+/+/+", 1), ("a/b/c/#", 0), codes=[0, 0x80, 0x80, 0])
    sender.publish("a/b/c/d", b"x")
    one.expect_publish("a/b/c/d", b"x")
    sender.send(mqtt.publish("a/b/c/d/e", b"x"))
    sender.expect_close()
    one.ping()


@ours
def test_levels_by_default(client, unique):
    """128 levels, however short: a topic of 65,535 separators costs its sender the connection, nobody else."""
    one, sender = client("one"), client("sender")
    good, bad = unique + "/" * 127, unique + "/" * 128
    one.subscribe(good)
    one.subscribe(bad, codes=[0x80])
    one.subscribe("+" + "/+" * 32_000, codes=[0x80])
    sender.publish(good, b"x")
    one.expect_publish(good, b"x")
    for topic in (bad, "/" * 65535):
        worse = client("worse")
        worse.send(mqtt.publish(topic, b"x"))
        worse.expect_close()
    one.ping()


# The in-flight window and the queue behind it


@pytest.mark.differs("frees its window at PUBREC")
@pytest.mark.parametrize("qos", [1, 2])
def test_window_holds_back_what_is_not_acknowledged(client, make_broker, qos):
    broker = limited(make_broker, inflight_max=3)
    one, sender = client("one", at=broker), client("sender", at=broker)
    one.subscribe(("t", qos), ("end", 0))
    for number in range(10):
        sender.publish("t", b"%d" % number, qos=qos)
    open_exchanges = [one.expect_publish("t", b"%d" % number) for number in range(3)]
    sender.publish("end", b"")
    one.expect_publish("end")  # at QoS 0 nothing waits: so no fourth was on its way
    for number in range(3, 10):
        one.accept(open_exchanges.pop(0))
        open_exchanges.append(one.expect_publish("t", b"%d" % number))
    for exchange in open_exchanges:
        one.accept(exchange)
    one.ping()


def test_window_is_filled_again_after_a_reconnect(client, make_broker):
    """The resent ones take the window; the queue follows in order."""
    broker = limited(make_broker, inflight_max=2)
    one = client("one", at=broker, clean=False)
    one.subscribe(("t", 1))
    sender = client("sender", at=broker)
    for number in range(5):
        sender.publish("t", b"%d" % number, qos=1)
    for number in range(2):
        one.expect_publish("t", b"%d" % number, dup=False)
    again = client("one", at=broker, clean=False, session_present=True)
    resent = [again.expect_publish("t", b"%d" % number, dup=True) for number in range(2)]
    again.accept(resent[0])
    third = again.expect_publish("t", b"2", dup=False)
    for exchange in (resent[1], third):
        again.accept(exchange)
    assert [int(message.payload) for message in again.collect(2)] == [3, 4]


@ours
def test_queue_behind_a_full_window_ends_at_its_ceiling(client, make_broker):
    """2 in flight, 3 in the queue: of ten messages the last five are dropped, and QoS 0 passes by all of it."""
    broker = limited(make_broker, inflight_max=2, queued_messages_max=3)
    one, sender = client("one", at=broker), client("sender", at=broker)
    one.subscribe(("t", 1), ("end", 0))
    for number in range(10):
        sender.publish("t", b"%d" % number, qos=1)
    sender.publish("end", b"")
    first = [one.expect_publish("t", b"0"), one.expect_publish("t", b"1")]
    one.expect_publish("end")
    for exchange in first:
        one.accept(exchange)
    assert [int(message.payload) for message in one.collect(3)] == [2, 3, 4]
    sender.publish("t", b"after", qos=1)
    one.accept(one.expect_publish("t", b"after"))


@pytest.mark.differs("bounds them by its own window and closes")
def test_thousands_of_open_exchanges_of_a_sender(client, unique):
    """3.1.1 has no window for what a client sends: every identifier may be open at once."""
    one, watcher = client("one"), client("watcher")
    watcher.subscribe(f"{unique}/t")
    count = 5000
    one.send(b"".join(mqtt.publish(f"{unique}/t", b"%d" % number, qos=2, packet_id=number) for number in range(1, count)))
    for number in range(1, count):
        one.expect(mqtt.PUBREC, packet_id=number)
    one.send(b"".join(mqtt.pubrel(number) for number in range(1, count)))
    for number in range(1, count):
        one.expect(mqtt.PUBCOMP, packet_id=number)
    assert [int(message.payload) for message in watcher.collect(count - 1)] == list(range(1, count))


# Retained messages


@ours
def test_retained_messages_above_the_ceiling_are_only_delivered(client, make_broker):
    broker = limited(make_broker, retained_messages_max=2)
    sender, standing = client("sender", at=broker), client("standing", at=broker)
    standing.subscribe("t/#")
    for name in ("a", "b", "c"):
        sender.publish(f"t/{name}", name.encode(), qos=1, retain=True)
        standing.expect_publish(f"t/{name}", name.encode())
    sender.publish("t/a", b"new", qos=1, retain=True)
    late = client("late", at=broker)
    late.subscribe("t/#")
    assert {message.topic: message.payload for message in fence(sender, late)} == {"t/a": b"new", "t/b": b"b"}
    sender.publish("t/b", b"", qos=1, retain=True)
    sender.publish("t/c", b"c", qos=1, retain=True)
    later = client("later", at=broker)
    later.subscribe("t/#")
    assert {message.topic for message in fence(sender, later)} == {"t/a", "t/c"}


@ours
def test_retained_bytes_above_the_ceiling_are_only_delivered(client, make_broker):
    broker = limited(make_broker, retained_bytes_max=50_000)
    sender = client("sender", at=broker)
    for number in range(10):
        sender.publish(f"t/{number}", bytes(20_000), qos=1, retain=True)
    late = client("late", at=broker)
    late.subscribe("t/#")
    assert {message.topic for message in fence(sender, late)} == {"t/0", "t/1"}


# Those who do not read

FLOOD_MESSAGES, FLOOD_BYTES = 2500, 10_000  # more than the kernel's socket buffers take


def flood(sender, topic, qos=0, count=FLOOD_MESSAGES):
    """Numbered messages, in batches (less than any ceiling here) that a witness has to read one after the other."""
    for first in range(0, count, 10):
        numbers = range(first, min(first + 10, count))
        sender.publish_many([(topic, b"%08d" % number + bytes(FLOOD_BYTES - 8)) for number in numbers], qos=qos, seconds=30)
        yield [b"%08d" % number for number in numbers]


@ours
@pytest.mark.parametrize("shards", [1, 2])
def test_outbox_ceiling_drops_qos_0_of_the_slow_alone(client, make_broker, shards):
    """The slow one misses messages in the middle, the log tells so without becoming long, the quick one misses nothing."""
    broker = make_broker(limits={"outbox_bytes_max": 200_000}, shards=shards)
    slow = client("slow", at=broker, receive_buffer=4096)
    quick, sender = client("quick", at=broker), client("sender", at=broker)
    slow.subscribe("t")
    quick.subscribe("t")
    for batch in flood(sender, "t"):
        assert [message.payload[:8] for message in quick.collect(len(batch))] == batch
    sender.publish("t", b"last")
    quick.expect_publish("t", b"last")
    seen = read_numbers(slow)
    assert seen == sorted(set(seen)), "not in order, or twice"
    assert 0 < len(seen) < FLOOD_MESSAGES, "nothing was dropped, or everything"
    wait_until(lambda: "does not keep up" in broker.process.stderr(), "the log tells of the slow client")
    slow.subscribe("u")
    sender.publish("t", b"after")
    slow.expect_publish("t", b"after")
    told = [line for line in broker.process.stderr().splitlines() if "does not keep up" in line]
    assert all("slow" in line for line in told), told
    assert len(told) <= FLOOD_MESSAGES.bit_length(), f"{len(told)} lines in the log"  # one for each doubling at most


def read_numbers(peer):
    """The numbers of all flooded messages that are on their way to a peer: up to the answer to a PINGREQ."""
    peer.send(mqtt.pingreq())
    seen = []
    while True:
        packet = peer.receive(30)
        if packet.kind == mqtt.PINGRESP:
            return seen
        if packet.payload != b"last":
            seen.append(int(packet.payload[:8]))


@ours
@pytest.mark.parametrize("qos", [1, 2])
def test_outbox_ceiling_lets_qos_1_and_2_wait(client, make_broker, qos):
    """What is acknowledged to the publisher is not dropped at the outbox: it waits in the session."""
    broker = limited(make_broker, outbox_bytes_max=200_000)
    slow = client("slow", at=broker, receive_buffer=4096)
    quick, sender = client("quick", at=broker), client("sender", at=broker)
    slow.subscribe(("t", qos))
    quick.subscribe(("t", qos))
    for batch in flood(sender, "t", qos):
        assert [message.payload[:8] for message in quick.collect(len(batch))] == batch
    got = slow.collect(FLOOD_MESSAGES, 60)
    assert [int(message.payload[:8]) for message in got] == list(range(FLOOD_MESSAGES))


@ours
def test_broker_holds_no_more_than_the_ceilings_for_a_slow_client(client, make_broker):
    """100 MB to somebody who does not read: QoS 0 beyond the outbox is gone, not kept."""
    broker = limited(make_broker, outbox_bytes_max=1 << 20)
    slow, quick, sender = client("slow", at=broker), client("quick", at=broker), client("sender", at=broker)
    slow.subscribe("t")
    quick.subscribe("t")
    before = broker.rss_bytes()
    for batch in flood(sender, "t", count=10_000):
        quick.collect(len(batch))
    if not broker.is_sanitized():
        grown = broker.rss_bytes() - before
        assert grown < 24 << 20, f"{grown} bytes more"


def send_until_stuck(peer, packets, bytes_max):
    """Sends without reading until the broker takes no more. Returns how many bytes it took; stops at `bytes_max`."""
    taken = 0
    while taken < bytes_max and select.select([], [peer.socket], [], 1)[1]:
        try:
            taken += peer.socket.send(packets[: bytes_max - taken])
        except BlockingIOError:
            continue
    return taken


@ours
def test_client_that_does_not_read_its_answers_is_not_read_from(client, make_broker):
    """At the ceiling of its outbox the broker stops reading from it: it holds no more than that, and goes on when it is taken."""
    broker = limited(make_broker, outbox_bytes_max=65_536)
    deaf, other = client("deaf", at=broker, receive_buffer=4096), client("other", at=broker)
    before = broker.rss_bytes()
    taken = send_until_stuck(deaf, mqtt.pingreq() * 8192, 64 << 20)
    assert taken < 64 << 20, "all of it was taken"
    other.ping()
    if not broker.is_sanitized():
        grown = broker.rss_bytes() - before
        assert grown < 16 << 20, f"{grown} bytes more"
    if taken % 2:
        deaf.send(mqtt.pingreq()[1:])
    answers = (taken + 1) // 2
    assert deaf.read_bytes(2 * answers, 30) == mqtt.pingresp() * answers
    deaf.ping()


@ours
def test_client_that_subscribes_and_does_not_read_holds_little(client, make_broker):
    """Each subscription is owed everything retained; the broker keeps the list of one of them, and all come when it reads."""
    broker = limited(make_broker, outbox_bytes_max=65_536)
    sender, deaf = client("sender", at=broker), client("deaf", at=broker, receive_buffer=4096)
    owed = [mqtt.publish(f"r/{number:03}", b"x", retain=True) for number in range(1000)]
    sender.send(*owed)
    sender.ping()
    before = broker.rss_bytes()
    rounds = 2000
    requests = b"".join(mqtt.subscribe(1 + number, [("r/#", 0)]) for number in range(rounds))
    assert send_until_stuck(deaf, requests, len(requests)) == len(requests)
    sender.ping()
    if not broker.is_sanitized():
        grown = broker.rss_bytes() - before
        assert grown < 8 << 20, f"{grown} bytes more"
    got = deaf.read_bytes(rounds * (len(b"".join(owed)) + len(mqtt.suback(1, [0]))), 60)
    assert all(got.count(message) == rounds for message in owed[::100])
    sender.publish("r/000", b"live")
    deaf.expect_publish("r/000", b"live", retain=False)


@ours
@pytest.mark.parametrize("shards", [1, 2, 5])
def test_small_mailboxes_and_buffers_only_slow_down(client, make_broker, shards):
    """Everything at its lowest: every path that waits for room is taken, nothing is lost, nothing locks up."""
    limits = {"mailbox_bytes_max": 1_048_576, "receive_buffers": 2, "receive_buffer_bytes": 1024, "outbox_bytes_max": 65_536}
    broker = make_broker(limits=limits, shards=shards)
    readers = [client(f"reader-{number}", at=broker) for number in range(6)]
    senders = [client(f"sender-{number}", at=broker) for number in range(3)]
    for reader in readers:
        reader.subscribe(("t/+", 1))
    count, size = 60, 50_000
    for number in range(count):
        for at, sender in enumerate(senders):
            sender.send(mqtt.publish(f"t/{at}", b"%08d" % number + bytes(size), qos=1, packet_id=number + 1), seconds=30)
    for reader in readers:
        got = reader.collect(count * len(senders), 60)
        for at in range(len(senders)):
            assert [int(one.payload[:8]) for one in got if one.topic == f"t/{at}"] == list(range(count))


# Descriptors


@plain
@ours
def test_few_descriptors_pause_accepting(peers, client, make_broker):
    """At the limit of the process accepting stops: those who wait cost nothing, and are served when others go."""
    broker = make_broker(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)))
    waiting = []
    for number in range(200):
        one = peers(f"client-{number}", at=broker)
        one.send(mqtt.connect(f"client-{number}"))
        waiting.append(one)
    served = waiting[:20]
    for one in served:
        one.expect(mqtt.CONNACK, code=0)
    wait_until(lambda: "accepting pauses" in broker.process.stderr(), "the log tells that accepting pauses")
    before = broker.cpu_seconds()
    waiting[-1].look(1.0)
    assert not waiting[-1].closed_by_broker and not waiting[-1].buffer, "served above the limit"
    spent = broker.cpu_seconds() - before
    assert spent < 0.3, f"{spent:.2f} s of CPU time in one second of waiting"
    for one in waiting[:20]:
        one.ping()
    # Each that leaves makes room for one of those who wait, until everybody has been served.
    for one in waiting:
        if one not in served:
            one.expect(mqtt.CONNACK, code=0)
        one.socket.close()
    client("fresh", at=broker).ping()
