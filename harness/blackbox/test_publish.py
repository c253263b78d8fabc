# SPDX-License-Identifier: MIT
"""PUBLISH in both directions: QoS, order, repeats, sizes, and every way in which TCP may cut the bytes."""

import random

import packet as mqtt
import pytest
from peer import fence
from tables import cases

ours = pytest.mark.ours
MEGABYTE = 1 << 20


# QoS


@pytest.mark.parametrize("publish_qos", [0, 1, 2])
@pytest.mark.parametrize("subscribe_qos", [0, 1, 2])
def test_fault_delivered_qos_is_the_minimum(client, unique, publish_qos, subscribe_qos):
    """[MQTT-3.8.4-6]; the original delivered at the QoS of the subscription."""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", subscribe_qos))
    sender.publish(f"{unique}/t", b"payload", qos=publish_qos)
    got = subscriber.expect_publish(f"{unique}/t", b"payload", qos=min(publish_qos, subscribe_qos), dup=False, retain=False)
    subscriber.accept(got)
    subscriber.ping()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_own_messages_come_back(client, unique, qos):
    one = client()
    one.subscribe((f"{unique}/t", qos))
    one.send(mqtt.publish(f"{unique}/t", b"mine", qos=qos, packet_id=9 if qos else None))
    assert one.collect(1)[0].payload == b"mine"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_many_messages_keep_their_order(client, unique, qos):
    """[MQTT-4.6.0-6]; the sender does not wait between messages."""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", qos))
    count = 1000
    sender.publish_many(((f"{unique}/t", b"%d" % number) for number in range(count)), qos=qos)
    assert [int(message.payload) for message in subscriber.collect(count)] == list(range(count))


def test_order_holds_across_topics_of_one_publisher(client, unique):
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/+", 1))
    sender.send(*(mqtt.publish(f"{unique}/{number % 7}", b"%d" % number, qos=1, packet_id=number + 1) for number in range(300)))
    assert [int(message.payload) for message in subscriber.collect(300)] == list(range(300))


def test_each_subscriber_gets_it_at_its_own_qos(client, unique):
    subscribers = [client(f"subscriber-{number}") for number in range(9)]
    for number, one in enumerate(subscribers):
        one.subscribe((f"{unique}/t", number % 3))
    client("sender").publish(f"{unique}/t", b"x", qos=2)
    for number, one in enumerate(subscribers):
        one.accept(one.expect_publish(f"{unique}/t", b"x", qos=number % 3))
        one.ping()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_everybody_gets_everything_in_order(client, unique, qos):
    """Twenty subscribers, four publishers with a topic each, whatever the shards that they are on."""
    subscribers = [client(f"subscriber-{number}") for number in range(20)]
    senders = [client(f"sender-{number}") for number in range(4)]
    for one in subscribers:
        one.subscribe((f"{unique}/#", qos))
    count = 50
    for first in range(0, count, 10):
        for at, sender in enumerate(senders):
            sender.publish_many(((f"{unique}/{at}", b"%d" % number) for number in range(first, first + 10)), qos=qos)
    for one in subscribers:
        messages = one.collect(count * len(senders))
        for at in range(len(senders)):
            seen = [int(message.payload) for message in messages if message.topic == f"{unique}/{at}"]
            assert seen == list(range(count))


# Bursts: what one publisher sends to one topic without a break


def burst(topic, numbers, **fields):
    return b"".join(mqtt.publish(topic, b"%d" % number, **fields) for number in numbers)


def numbers_of(messages):
    return [int(message.payload) for message in messages]


def test_burst_broken_by_anything_keeps_its_order(client, unique):
    """Other topics, other QoS, RETAIN, other packets, also those that the sender itself is answered."""
    readers = [client(f"reader-{number}") for number in range(3)]
    sender = client("sender")
    for one in (*readers, sender):
        one.subscribe((f"{unique}/#", 1))
    breaks = [
        mqtt.publish(f"{unique}/b", b"100"),
        mqtt.publish(f"{unique}/a", b"101", qos=1, packet_id=7),
        mqtt.publish(f"{unique}/a", b"102", retain=True),
        mqtt.pingreq(),
        mqtt.subscribe(900, [(f"{unique}/elsewhere", 0)]),
        mqtt.unsubscribe(901, [f"{unique}/elsewhere"]),
        mqtt.publish(f"{unique}/a", b"", qos=2, packet_id=8),
    ]
    wanted = []
    stream = b""
    for at, between in enumerate(breaks):
        stream += burst(f"{unique}/a", range(10 * at, 10 * at + 10)) + between
        wanted += [*range(10 * at, 10 * at + 10), {0: 100, 1: 101, 2: 102}.get(at, None)]
    wanted = [number for number in wanted if number is not None]
    sender.send(stream)
    for one in (*readers, sender):
        assert numbers_of(message for message in one.collect(len(wanted) + 1) if message.payload) == wanted


def test_burst_to_oneself_comes_before_the_pingresp(client, unique):
    one = client()
    one.subscribe(f"{unique}/t")
    one.send(burst(f"{unique}/t", range(50)) + mqtt.pingreq())
    assert numbers_of(one.receive() for _ in range(50)) == list(range(50))
    one.expect(mqtt.PINGRESP)


@pytest.mark.parametrize(
    "end",
    [mqtt.disconnect(), b"\xf0\x00", mqtt.publish("a/+", b"x"), mqtt.connect("x")],
    ids=["disconnect", "reserved type", "wildcard in the topic", "second connect"],
)
def test_burst_before_the_end_of_its_publisher_arrives(client, unique, end):
    """Whoever makes a fault gets its own messages as well before it is closed; who says goodbye reads no more."""
    reader, sender = client("reader"), client("sender")
    for one in (reader, sender):
        one.subscribe(f"{unique}/t")
    sender.send(burst(f"{unique}/t", range(100)) + end)
    assert numbers_of(reader.receive() for _ in range(100)) == list(range(100))
    if end != mqtt.disconnect():
        assert numbers_of(sender.receive() for _ in range(100)) == list(range(100))
    sender.expect_close()
    reader.ping()


def test_burst_larger_than_all_buffers(client, unique):
    """Longer than a receive buffer and than a segment of the log, in messages whose ends fall anywhere in them."""
    readers = [client(f"reader-{number}") for number in range(5)]
    for one in readers:
        one.subscribe(f"{unique}/t")
    count, sender = 3000, client("sender")
    packets = [mqtt.publish(f"{unique}/t", b"%d" % number + b" " * (number * 7 % 211)) for number in range(count)]
    sender.send(b"".join(packets), seconds=30)
    for one in readers:
        assert numbers_of(one.collect(count)) == list(range(count))


def test_burst_reaches_subscribers_at_every_qos_and_none_that_is_away(client, unique):
    away = client("away", clean=False)
    away.subscribe((f"{unique}/t", 0))
    away.disconnect()
    readers = [client(f"reader-{number}") for number in range(3)]
    for qos, one in enumerate(readers):
        one.subscribe((f"{unique}/t", qos))
    client("sender").send(burst(f"{unique}/t", range(200)))
    for one in readers:
        assert numbers_of(one.collect(200)) == list(range(200))
    back = client("away", clean=False, session_present=True)
    back.ping()


def test_burst_stops_with_the_subscription(client, unique):
    """Subscribing and unsubscribing between two bursts of the same connection."""
    one = client()
    one.send(burst(f"{unique}/t", range(0, 10)) + mqtt.subscribe(1, [(f"{unique}/t", 0)]))
    one.expect(mqtt.SUBACK, packet_id=1)
    one.send(burst(f"{unique}/t", range(10, 20)) + mqtt.unsubscribe(2, [f"{unique}/t"]) + burst(f"{unique}/t", range(20, 30)))
    assert numbers_of(one.receive() for _ in range(10)) == list(range(10, 20))
    one.expect(mqtt.UNSUBACK, packet_id=2)
    one.ping()


# Acknowledgements


@pytest.mark.parametrize("packet_id", [1, 256, 32768, 65535])
def test_acknowledgements_echo_the_identifier(client, unique, packet_id):
    """[MQTT-2.3.1-6]"""
    one = client()
    one.publish(f"{unique}/t", b"x", qos=1, packet_id=packet_id)
    one.publish(f"{unique}/t", b"x", qos=2, packet_id=packet_id)


@pytest.mark.parametrize("qos", [1, 2])
def test_acknowledged_even_if_nobody_listens(client, unique, qos):
    client().publish(f"{unique}/nobody", b"x", qos=qos)


def test_acknowledgements_keep_their_order(client, unique):
    """[MQTT-4.6.0-2, -3]: PUBACKs and PUBRECs come in the order of their PUBLISHes."""
    one = client()
    numbers = list(range(1, 201))
    random.Random(7).shuffle(numbers)
    one.send(*(mqtt.publish(f"{unique}/t", b"x", qos=1, packet_id=number) for number in numbers))
    assert [one.expect(mqtt.PUBACK).packet_id for _ in numbers] == numbers
    one.send(*(mqtt.publish(f"{unique}/t", b"x", qos=2, packet_id=number) for number in numbers[:20]))
    assert [one.expect(mqtt.PUBREC).packet_id for _ in numbers[:20]] == numbers[:20]
    one.send(*(mqtt.pubrel(number) for number in reversed(numbers[:20])))
    assert [one.expect(mqtt.PUBCOMP).packet_id for _ in numbers[:20]] == numbers[19::-1]


def test_pubrels_follow_the_order_of_pubrecs(client, unique):
    """[MQTT-4.6.0-4] holds for the broker as a sender, too."""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 2))
    for number in range(10):
        sender.publish(f"{unique}/t", b"%d" % number, qos=2)
    ids = [subscriber.expect_publish(f"{unique}/t").packet_id for _ in range(10)]
    shuffled = ids[5:] + ids[:5]
    subscriber.send(*(mqtt.pubrec(packet_id) for packet_id in shuffled))
    assert [subscriber.expect(mqtt.PUBREL).packet_id for _ in ids] == shuffled
    subscriber.send(*(mqtt.pubcomp(packet_id) for packet_id in ids))
    subscriber.ping()


def test_identifiers_of_the_broker_are_distinct_while_open(client, unique):
    """[MQTT-2.3.1-4]"""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 2))
    for number in range(15):
        sender.publish(f"{unique}/t", b"x", qos=1 + number % 2)
    ids = [subscriber.expect_publish(f"{unique}/t").packet_id for _ in range(15)]
    assert len(set(ids)) == 15 and 0 not in ids


def test_identifiers_of_the_broker_wrap(client, unique):
    """More than 65,535 messages to one subscriber: identifiers come round, and 0 is left out."""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 1))
    batch, seen = 500, set()
    for _ in range(66_000 // batch):
        sender.publish_many([(f"{unique}/t", b"")] * batch, qos=1)
        ids = [subscriber.expect_publish(f"{unique}/t").packet_id for _ in range(batch)]
        subscriber.send(b"".join(map(mqtt.puback, ids)))
        seen.update(ids)
    subscriber.ping()
    assert 0 not in seen


def test_unknown_acknowledgements_are_ignored(client):
    """A late or invented PUBACK, PUBREC or PUBCOMP is no reason to hang up; PUBREC is answered, so that a peer gets free."""
    one = client()
    one.send(mqtt.puback(77) + mqtt.pubcomp(78))
    one.ping()
    one.send(mqtt.pubrec(79))
    one.expect(mqtt.PUBREL, packet_id=79)
    one.send(mqtt.pubcomp(79))
    one.ping()


# Repeats


def test_fault_unknown_pubrel_gets_pubcomp(client):
    """[MQTT-4.3.3-2]; the original did not answer, so that the client repeated it for ever."""
    one = client()
    one.send(mqtt.pubrel(4711))
    one.expect(mqtt.PUBCOMP, packet_id=4711)


@pytest.mark.differs("closes on the second repeat")
def test_repeated_publish_of_qos_2_is_delivered_once(client, unique):
    """[MQTT-4.3.3-2], with DUP and without; after PUBCOMP the identifier is new again."""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 2))
    for dup in (False, True, True):
        sender.send(mqtt.publish(f"{unique}/t", b"once", qos=2, packet_id=5, dup=dup))
        sender.expect(mqtt.PUBREC, packet_id=5)
    for _ in range(3):
        sender.send(mqtt.pubrel(5))
        sender.expect(mqtt.PUBCOMP, packet_id=5)
    assert [message.payload for message in fence(sender, subscriber, qos=2)] == [b"once"]
    sender.publish(f"{unique}/t", b"again", qos=2, packet_id=5)
    assert [message.payload for message in fence(sender, subscriber, qos=2)] == [b"again"]


def test_repeated_publish_of_qos_1_is_delivered_again(client, unique):
    """[MQTT-4.3.2-2]"""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 1))
    for dup in (False, True):
        sender.send(mqtt.publish(f"{unique}/t", b"twice", qos=1, packet_id=5, dup=dup))
        sender.expect(mqtt.PUBACK, packet_id=5)
    assert len(fence(sender, subscriber, qos=1)) == 2


@pytest.mark.parametrize("qos", [1, 2])
def test_dup_of_the_publisher_is_not_passed_on(client, unique, qos):
    """[MQTT-3.3.1-3]"""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", qos))
    sender.send(mqtt.publish(f"{unique}/t", b"x", qos=qos, packet_id=5, dup=True))
    sender.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBREC, packet_id=5)
    if qos == 2:
        sender.send(mqtt.pubrel(5))
    subscriber.expect_publish(f"{unique}/t", b"x", dup=False, qos=qos)


def test_repeated_pubrec_gets_pubrel_again(client, unique):
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 2))
    sender.publish(f"{unique}/t", b"x", qos=2)
    packet_id = subscriber.expect_publish(f"{unique}/t", b"x").packet_id
    for _ in range(3):
        subscriber.send(mqtt.pubrec(packet_id))
        subscriber.expect(mqtt.PUBREL, packet_id=packet_id)
    subscriber.send(mqtt.pubcomp(packet_id))
    subscriber.ping()


@pytest.mark.differs("closes on a PUBACK for a message of QoS 2")
def test_puback_does_not_end_a_delivery_of_qos_2(client, unique):
    """The wrong acknowledgement is either a violation or ignored; it must not lose the message."""
    subscriber, sender = client("subscriber", clean=False), client("sender")
    subscriber.subscribe((f"{unique}/t", 2))
    sender.publish(f"{unique}/t", b"x", qos=2)
    sent = subscriber.expect_publish(f"{unique}/t", b"x")
    subscriber.send(mqtt.puback(sent.packet_id) + mqtt.pingreq())
    packet = subscriber.poll()
    assert packet is None or packet.kind == mqtt.PINGRESP
    again = client("subscriber", clean=False, session_present=True)
    again.expect_publish(f"{unique}/t", b"x", qos=2, dup=True, packet_id=sent.packet_id)


@pytest.mark.parametrize("qos", [1, 2])
def test_nothing_is_resent_on_a_living_connection(client, unique, qos):
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", qos))
    sender.publish(f"{unique}/t", b"x", qos=qos)
    subscriber.expect_publish(f"{unique}/t", b"x")
    assert fence(sender, subscriber) == []
    subscriber.ping()


# Sizes


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 65_535, 65_536, 100_000, 2_097_151, 2_097_152])
def test_payload_sizes_around_all_borders(client, unique, qos, size):
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", qos))
    payload = random.Random(size).randbytes(size)
    sender.publish(f"{unique}/t", payload, qos=qos)
    got = subscriber.expect_publish(f"{unique}/t", qos=qos)
    assert got.payload == payload, "the payload was changed on its way"
    subscriber.accept(got)


@pytest.mark.parametrize("remaining", [127, 128, 129, 16_383, 16_384, 16_385, 2_097_151, 2_097_152, 2_097_153])
def test_remaining_length_around_its_borders(client, unique, remaining):
    """The whole body, with its topic, ends on each side of a border of the remaining length."""
    one = client()
    one.subscribe(f"{unique}/t")
    payload = b"x" * (remaining - 2 - len(f"{unique}/t"))
    one.publish(f"{unique}/t", payload)
    assert one.expect_publish(f"{unique}/t").payload == payload


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_ten_megabytes(client, unique, qos):
    subscriber, sender = client("subscriber"), client("sender")
    others = [client(f"other-{number}") for number in range(2)]
    for one in (subscriber, *others):
        one.subscribe((f"{unique}/t", qos))
    payload = random.Random(qos).randbytes(MEGABYTE) * 10
    sender.publish(f"{unique}/t", payload, qos=qos, seconds=60)
    for one in (subscriber, *others):
        got = one.expect_publish(f"{unique}/t", None, 60, qos=qos)
        assert got.payload == payload, "the payload was changed on its way"
        one.accept(got)
        one.ping()


def test_ten_megabytes_to_an_absent_session(client, unique):
    one = client("sleeper", clean=False)
    one.subscribe((f"{unique}/t", 1))
    one.disconnect()
    payload = random.Random(3).randbytes(MEGABYTE) * 10
    client("sender").publish(f"{unique}/t", payload, qos=1, seconds=60)
    again = client("sleeper", clean=False, session_present=True)
    got = again.expect_publish(f"{unique}/t", None, 60, qos=1)
    assert got.payload == payload
    again.accept(got)
    again.ping()


def test_small_messages_behind_a_large_one_keep_their_order(client, unique):
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 1))
    sizes = [0, 5, 3_000_000, 7, 200_000, 1, 70_000, 64, 65_536, 2]
    sender.send(*(mqtt.publish(f"{unique}/t", bytes(size), qos=1, packet_id=at + 1) for at, size in enumerate(sizes)))
    assert [len(message.payload) for message in subscriber.collect(len(sizes))] == sizes


# How TCP may cut the bytes


def conversation(unique):
    """All packets of a life, and what has to come back for them, as types."""
    sent = [
        mqtt.subscribe(1, [(f"{unique}/t", 2), (f"{unique}/u/+", 0)]),
        mqtt.publish(f"{unique}/t", b"first"),
        mqtt.publish(f"{unique}/t", b"second" * 30, qos=1, packet_id=2),
        mqtt.publish(f"{unique}/t", b"third", qos=2, packet_id=3),
        mqtt.pubrel(3),
        mqtt.pingreq(),
        mqtt.unsubscribe(4, [f"{unique}/t"]),
    ]
    answers = [mqtt.SUBACK, mqtt.PUBLISH, mqtt.PUBACK, mqtt.PUBLISH, mqtt.PUBREC, mqtt.PUBCOMP, mqtt.PUBLISH]
    return b"".join(sent), answers + [mqtt.PINGRESP, mqtt.UNSUBACK]


def expect_conversation(one, answers):
    """The answers in any order that the broker likes, for acknowledgements and deliveries are independent."""
    got = [one.receive() for _ in answers]
    assert sorted(packet.kind for packet in got) == sorted(answers)
    payloads = [packet.payload for packet in got if packet.kind == mqtt.PUBLISH]
    assert payloads == [b"first", b"second" * 30, b"third"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64])
def test_everything_in_small_pieces(peers, unique, size):
    one = peers()
    sent, answers = conversation(unique)
    one.send_in_pieces(mqtt.connect(unique) + sent, size)
    one.expect(mqtt.CONNACK, code=0)
    expect_conversation(one, answers)


def test_cut_in_two_at_every_place(peers, unique):
    """The same conversation, once for each place where it can be cut: the second part follows when the first has been read."""
    sent, answers = conversation(unique)
    witness = peers("witness")
    witness.connect(f"{unique}-witness")
    for cut in range(1, len(sent)):
        one = peers(f"cut-{cut}")
        one.connect(unique)
        one.send(sent[:cut])
        witness.ping()  # gives the broker a turn between the two parts
        one.send(sent[cut:])
        expect_conversation(one, answers)
        one.socket.close()


def test_everything_in_one_segment(peers, unique):
    one = peers()
    sent, answers = conversation(unique)
    one.send(mqtt.connect(unique) + sent)
    one.expect(mqtt.CONNACK, code=0)
    expect_conversation(one, answers)


def test_byte_at_a_time_publisher(client, unique):
    """A slow publisher is served, and does not slow down anybody else meanwhile."""
    subscriber, slow, quick = client("subscriber"), client("slow"), client("quick")
    subscriber.subscribe((f"{unique}/#", 1))
    data = mqtt.publish(f"{unique}/slow", b"slow" * 500, qos=1, packet_id=1)
    half = len(data) // 2
    slow.send_in_pieces(data[:half])
    for number in range(100):
        quick.publish(f"{unique}/quick", b"%d" % number, qos=1)
    assert [int(message.payload) for message in subscriber.collect(100)] == list(range(100))
    slow.send_in_pieces(data[half:])
    slow.expect(mqtt.PUBACK, packet_id=1)
    assert subscriber.collect(1)[0].payload == b"slow" * 500


@pytest.mark.parametrize("size", [16_384, 65_536, 300_000])
def test_large_packet_in_odd_pieces(client, unique, size):
    """Pieces that meet the ends of receive buffers nowhere, with small packets around."""
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 0))
    payload = random.Random(size).randbytes(size)
    data = mqtt.publish(f"{unique}/t", b"before") + mqtt.publish(f"{unique}/t", payload) + mqtt.publish(f"{unique}/t", b"after")
    sender.send_in_pieces(data, 1449, seconds=30)
    assert [message.payload for message in subscriber.collect(3, seconds=30)] == [b"before", payload, b"after"]


def test_random_pieces(client, unique):
    """A seeded mixture of sizes in a seeded mixture of pieces."""
    seed = 20_240_229
    rng = random.Random(seed)
    subscriber, sender = client("subscriber"), client("sender")
    subscriber.subscribe((f"{unique}/t", 1))
    payloads = [rng.randbytes(rng.choice((0, 1, 50, 120, 130, 1000, 16_000, 17_000, 70_000))) for _ in range(150)]
    data = b"".join(mqtt.publish(f"{unique}/t", payload, qos=1, packet_id=at + 1) for at, payload in enumerate(payloads))
    while data:
        size = rng.choice((1, 2, 3, 100, 1000, 16_383, 16_384, 40_000))
        sender.send_in_pieces(data[:size], size)
        data = data[size:]
    assert [message.payload for message in subscriber.collect(len(payloads), 30)] == payloads, f"seed {seed}"


# Many at once


def test_thousand_clients_at_once(peers, unique):
    """All connect before the first is answered, all subscribe, one message reaches all, and each reaches its neighbour."""
    count = 1000
    everybody = [peers(f"client-{number}") for number in range(count)]
    for number, one in enumerate(everybody):
        one.send(mqtt.connect(f"{unique}-{number}"))
    for number, one in enumerate(everybody):
        one.expect(mqtt.CONNACK, 30, code=0)
        one.send(mqtt.subscribe(1, [(f"{unique}/all", 0), (f"{unique}/{number}", 1)]))
    for one in everybody:
        one.expect(mqtt.SUBACK, 30, packet_id=1)
    everybody[0].send(mqtt.publish(f"{unique}/all", b"to all"))
    for one in everybody:
        one.expect_publish(f"{unique}/all", b"to all", 30)
    for number, one in enumerate(everybody):
        one.send(mqtt.publish(f"{unique}/{(number + 1) % count}", b"%d" % number, qos=1, packet_id=1))
    for number, one in enumerate(everybody):
        kinds = [one.receive(30), one.receive(30)]
        (message,) = [packet for packet in kinds if packet.kind == mqtt.PUBLISH]
        assert int(message.payload) == (number - 1) % count
        one.send(mqtt.puback(message.packet_id) + mqtt.disconnect())
    for one in everybody:
        one.expect_close(30)


# Text


def test_topic_with_byte_order_mark(client, unique):
    """[MQTT-1.5.3-3]: U+FEFF is a character like any other."""
    one, plain, sender = client("one"), client("plain"), client("sender")
    one.subscribe(f"{unique}/+", f"+/{unique}")
    plain.subscribe(f"{unique}/t", f"t/{unique}")
    sender.publish(f"{unique}/\ufefft", b"1")
    sender.publish(f"\ufefft/{unique}", b"2")
    one.expect_publish(f"{unique}/\ufefft", b"1")
    one.expect_publish(f"\ufefft/{unique}", b"2")
    assert fence(sender, plain) == []


CHARACTERS = {
    "Greek": "\u0394",
    "Euro": "\u20ac",
    "emoji": "\U0001f600",
    "below-the-surrogates": "\ud7ff",
    "private-use": "\ue000",
    "no-character": "\uffff",
    "last": "\U0010ffff",
    "control": "\x7f\x80",
    "joiner": "\u200d",
    "blank": " ",
}


@pytest.mark.parametrize("name", cases(CHARACTERS, differs=["no-character", "last", "control"]))
def test_topic_with_any_character(client, unique, name):
    """Every scalar value but NUL may stand in a topic; the standard advises against some, and lets a broker refuse those."""
    one = client()
    one.subscribe(f"{unique}/{name}")
    one.publish(f"{unique}/{name}", b"x")
    one.expect_publish(f"{unique}/{name}", b"x")


def test_payload_is_not_looked_at(client, unique):
    one = client()
    one.subscribe(f"{unique}/t")
    payload = bytes(range(256)) + b"\xed\xa0\x80\x00#+"
    one.publish(f"{unique}/t", payload)
    one.expect_publish(f"{unique}/t", payload)
