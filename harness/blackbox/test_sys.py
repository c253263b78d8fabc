# SPDX-License-Identifier: MIT
"""$SYS topics: there, retained, at their time, right under load, seen by those who ask for them, and nobody's to write."""

import re
import time
from datetime import datetime
from pathlib import Path

import packet as mqtt
import pytest
import transport
from deadline import Deadline, wait_until
from ledger import CountedPeer, Sums
from peer import fence

ours = pytest.mark.ours
MANUAL = Path(__file__).resolve().parents[2] / "man" / "hbmqtt-sys.7"
ROOT = "$SYS/broker/"

NUMBER = r"\d+"
FRACTION = r"\d+\.\d\d"

# Every topic below $SYS/broker/, and what its payload looks like. First what the original has ...
TOPICS = {
    "version": r"hbmqtt version \d+\.\d+\.\d+",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "uptime": NUMBER,
    "uptime/formated": r"\d+ days, \d\d:\d\d:\d\d",
    "uptime/formatted": r"\d+ days, \d\d:\d\d:\d\d",
    "load/bytes/received": NUMBER,
    "load/bytes/sent": NUMBER,
    "messages/received": NUMBER,
    "messages/sent": NUMBER,
    "messages/publish/received": NUMBER,
    "messages/publish/sent": NUMBER,
    "messages/inflight": NUMBER,
    "messages/inflight/in": NUMBER,
    "messages/inflight/out": NUMBER,
    "messages/inflight/stored": NUMBER,
    "messages/retained/count": NUMBER,
    "messages/subscriptions/count": NUMBER,
    "clients/connected": NUMBER,
    "clients/disconnected": NUMBER,
    "clients/maximum": NUMBER,
    "clients/total": NUMBER,
    "heap/size": NUMBER,
    "heap/maximum": NUMBER,
    "cpu/percent": r"\d+\.\d",
    "cpu/maximum": r"\d+\.\d",
    # ... then mosquitto ...
    "bytes/received": NUMBER,
    "bytes/sent": NUMBER,
    "clients/active": NUMBER,
    "clients/inactive": NUMBER,
    "clients/expired": NUMBER,
    "connections/socket/count": NUMBER,
    "heap/current": NUMBER,
    "messages/stored": NUMBER,
    "publish/bytes/received": NUMBER,
    "publish/bytes/sent": NUMBER,
    "publish/messages/dropped": NUMBER,
    "publish/messages/received": NUMBER,
    "publish/messages/sent": NUMBER,
    "retained messages/count": NUMBER,
    "shared_subscriptions/count": "0",
    "store/messages/bytes": NUMBER,
    "store/messages/count": NUMBER,
    "subscriptions/count": NUMBER,
    # ... and what only we have.
    "messages/publish/dropped": NUMBER,
    "messages/queued": NUMBER,
    "ring/enters": NUMBER,
    "ring/submissions": NUMBER,
}
LOADS = (
    "bytes/received bytes/sent connections messages/received messages/sent "
    "publish/dropped publish/received publish/sent sockets"
).split()
TOPICS |= {f"load/{load}/{span}": FRACTION for load in LOADS for span in ("1min", "5min", "15min")}


@pytest.fixture
def sys_broker(make_broker):
    return make_broker(sys_interval=1)


@pytest.fixture
def counted(timeline):
    """Opens peers that count: counted(broker, client_id, clean=...)."""
    opened = []

    def open_counted(at, client_id, **fields):
        one = CountedPeer.open(at.address, name=client_id, timeline=timeline)
        opened.append(one)
        one.connect(client_id, **fields)
        return one

    yield open_counted
    for one in opened:
        one.socket.close()


def wait_values(peer, wanted):
    """Reads rounds of $SYS messages until all of these topics have these values."""
    deadline, values = Deadline(15), {}
    while any(values.get(topic) != value for topic, value in wanted.items()):
        assert not deadline.passed(), f"{ {topic: values.get(topic) for topic in wanted} } instead of {wanted}"
        packet = peer.receive()
        values[packet.topic.removeprefix(ROOT)] = packet.payload


def next_round(peer):
    """The next round that reaches a peer which has subscribed to all topics, as a dict, and its first packet."""
    first = peer.receive()
    while first.retain or first.topic != "$SYS/broker/version":
        first = peer.receive()
    packets = [first, *(peer.receive() for _ in range(len(TOPICS) - 1))]
    return {packet.topic.removeprefix(ROOT): packet.payload.decode() for packet in packets}, first


@ours
@pytest.mark.parametrize("shards", [1, 2, 4])
def test_every_topic_is_there_at_once(client, make_broker, shards):
    """The first round does not wait for the interval: who subscribes gets all of it, retained, on every shard."""
    broker = make_broker(sys_interval=3600, shards=shards)
    for number in range(2 * shards):
        one = client(f"{number}", at=broker)
        one.subscribe("$SYS/#")
        packets = [one.receive() for _ in range(len(TOPICS))]
        one.ping()  # and nothing else
        assert all(packet.retain for packet in packets)
        seen = {packet.topic.removeprefix(ROOT): packet.payload.decode() for packet in packets}
        assert seen.keys() == TOPICS.keys()
        wrong = {topic: payload for topic, payload in seen.items() if not re.fullmatch(TOPICS[topic], payload)}
        assert not wrong


@ours
def test_every_round_has_every_topic(client, sys_broker):
    """Also where nothing has changed: a graph without gaps, and a sign of life."""
    one = client(at=sys_broker)
    one.subscribe("$SYS/#")
    for _ in range(len(TOPICS)):
        assert one.receive().retain
    for _ in range(3):
        packets = [one.receive() for _ in range(len(TOPICS))]
        assert {packet.topic.removeprefix(ROOT) for packet in packets} == TOPICS.keys()
        assert not any(packet.retain for packet in packets)


@ours
def test_every_topic_is_in_the_manual():
    """The tables of hbmqtt-sys(7): lines of the form `.B name` after `.TP`, several names divided by commas."""
    text = MANUAL.read_text()
    names = []
    for line in re.findall(r"^\.TP\n(?:\.BR? )(.*)$", text, re.MULTILINE):
        names += [name.strip(' "').replace("\\-", "-") for name in line.split(",")]
    listed = set()
    for name in names:
        spans = ("1min", "5min", "15min") if name.endswith("/+") else ("",)
        listed |= {name.removesuffix("+") + span for span in spans}
    assert listed == TOPICS.keys()
    assert len(listed) == sum(3 if name.endswith("/+") else 1 for name in names), "a topic is listed twice"


@ours
def test_rounds_come_at_multiples_of_the_interval(client, make_broker):
    """Of wall time, and not of the time since the start, which lies between two of them."""
    wait_until(lambda: 1.1 < time.time() % 2 < 1.7, "the second half of an interval")
    one = client(at=make_broker(sys_interval=2))
    one.subscribe("$SYS/broker/time")
    first = one.receive()
    assert first.retain  # of the start
    seconds = [datetime.fromisoformat(one.receive().payload.decode().removesuffix("Z") + "+00:00").timestamp() for _ in range(4)]
    assert sum(second % 2 == 0 for second in seconds) >= 3  # one may be late on a busy machine


def load(counted, broker, unique):
    """Clients that come, send at every QoS, leave and stay away. Returns the peers; none of them is connected any more."""
    away = counted(broker, f"{unique}-away", clean=False)
    away.subscribe((f"{unique}/q/#", 1))
    away.disconnect()
    subscribers = [counted(broker, f"{unique}-sub-{number}") for number in range(4)]
    for number, one in enumerate(subscribers):
        one.subscribe((f"{unique}/+/{number % 2}", number % 3), (f"{unique}/all", 2))
    publishers = [counted(broker, f"{unique}-pub-{number}") for number in range(3)]
    for number, one in enumerate(publishers):
        for qos in range(3):
            topics = [f"{unique}/{number}/{at % 2}" for at in range(40)] + [f"{unique}/all"] * 40
            one.publish_many([(topic, b"x" * (at * 7 % 300)) for at, topic in enumerate(topics)], qos=qos)
    publishers[0].publish_many([(f"{unique}/q/more/{at}", b"kept!") for at in range(20)], qos=1)
    publishers[1].publish(f"{unique}/kept", b"retained", retain=True, qos=1)
    for number, one in enumerate(subscribers):
        one.collect(3 * 3 * (20 + 40))
        one.send(mqtt.pingreq())
        while (packet := one.receive()).kind != mqtt.PINGRESP:  # the rest of the exchanges at QoS 2
            one.answer(packet)
    stray = counted(broker, f"{unique}-will", will=mqtt.Will(f"{unique}/all", b"will", 0, False))
    stray.reset()
    for one in subscribers:
        assert one.collect(1)[0].payload == b"will"
        one.disconnect()
    for one in publishers:
        one.disconnect()
    return [away, *subscribers, *publishers, stray]


def expected_values(others, watcher, got_before, round_before):
    """What a round has to say: `others` are gone, and the watcher had got so many bytes when it began."""
    received = Sums([one.sent for one in (*others, watcher)])
    sent = Sums([*(one.got for one in others), got_before])
    kept = len(b"retained") + 20 * len(b"kept!") + sum(len(payload) for payload in round_before.values())
    wanted = {
        "messages/received": received.packets,
        "messages/sent": sent.packets,
        "publish/messages/received": received.publishes,
        "publish/messages/sent": sent.publishes,
        "publish/messages/dropped": 0,
        "publish/bytes/received": received.publish_bytes,
        "publish/bytes/sent": sent.publish_bytes,
        "connections/socket/count": len(others) + 1,
        "clients/connected": 1,
        "clients/active": 1,
        "clients/disconnected": 1,
        "clients/inactive": 1,
        "clients/maximum": 9,
        "clients/total": 2,
        "messages/inflight": 0,
        "messages/queued": 20,
        "messages/stored": len(TOPICS) + 1 + 20,
        "store/messages/count": len(TOPICS) + 1 + 20,
        "store/messages/bytes": kept,
        "retained messages/count": len(TOPICS) + 1,
        "messages/retained/count": len(TOPICS) + 1,
        "subscriptions/count": 2,
        "messages/subscriptions/count": 2,
    }
    if transport.KIND == "tcp":  # what TLS and WebSocket add is counted as well
        wanted |= {"bytes/received": received.bytes, "load/bytes/received": received.bytes}
        wanted |= {"bytes/sent": sent.bytes, "load/bytes/sent": sent.bytes}
    return wanted


@ours
@pytest.mark.parametrize("shards", [1, 2])
def test_values_are_right_under_load(counted, make_broker, unique, shards):
    """Against a count of every byte and packet that the peers of this test have sent and got."""
    broker = make_broker(sys_interval=1, shards=shards)
    watcher = counted(broker, f"{unique}-watcher")
    watcher.subscribe("$SYS/#")
    others = load(counted, broker, unique)
    deadline, before, differing = Deadline(20), {}, True
    while differing:
        assert not deadline.passed(), f"(seen, counted): {differing}"
        values, first = next_round(watcher)
        round_at = watcher.got.rfind(mqtt.frame(first.first, first.body))
        wanted = expected_values(others, watcher, watcher.got[:round_at], before)
        differing = {topic: (values[topic], count) for topic, count in wanted.items() if values[topic] != str(count)}
        before = values


@ours
@pytest.mark.parametrize("shards", [1, 2])
def test_messages_on_their_way_are_counted(client, make_broker, unique, shards):
    broker = make_broker(sys_interval=1, shards=shards)
    watcher, one, sender = client("watcher", at=broker), client("one", at=broker), client("sender", at=broker)
    one.subscribe((f"{unique}/t", 2))
    sender.publish(f"{unique}/t", b"first", qos=1)
    sender.publish(f"{unique}/t", b"second", qos=1)
    first, second = one.receive(), one.receive()  # and does not acknowledge
    sender.send(mqtt.publish(f"{unique}/nobody", b"x", qos=2, packet_id=77))
    sender.expect(mqtt.PUBREC)
    watcher.subscribe("$SYS/#")
    wanted = {"messages/inflight": b"3", "messages/inflight/in": b"1", "messages/inflight/out": b"2"}
    stored = {"store/messages/count": str(len(TOPICS) + 2).encode(), "messages/queued": b"0"}
    wait_values(watcher, wanted | stored)
    one.accept(first)
    one.accept(second)
    sender.send(mqtt.pubrel(77))
    sender.expect(mqtt.PUBCOMP)
    wanted = {"messages/inflight": b"0", "messages/inflight/in": b"0", "messages/inflight/out": b"0"}
    wait_values(watcher, wanted | {"store/messages/count": str(len(TOPICS)).encode()})


@ours
def test_what_is_dropped_is_counted(client, make_broker, unique):
    broker = make_broker(sys_interval=1, limits={"queued_messages_max": 5})
    away = client("away", at=broker, clean=False)
    away.subscribe((unique, 1))
    away.disconnect()
    sender = client("sender", at=broker)
    sender.publish_many([(unique, b"x")] * 8, qos=1)
    sender.subscribe("$SYS/broker/#")
    wait_values(sender, {"publish/messages/dropped": b"3", "messages/publish/dropped": b"3", "messages/queued": b"5"})


@ours
def test_limits_on_retained_messages_do_not_concern_them(client, make_broker, unique):
    broker = make_broker(sys_interval=1, limits={"retained_messages_max": 1, "retained_bytes_max": 100})
    sender = client("sender", at=broker)
    sender.publish(f"{unique}/kept", b"x" * 20, qos=1, retain=True)
    sender.subscribe("$SYS/#", f"{unique}/#")
    next_round(sender)
    values, _ = next_round(sender)
    assert values["publish/messages/dropped"] == "0" and values["retained messages/count"] == str(len(TOPICS) + 1)
    late = client("late", at=broker)
    late.subscribe(f"{unique}/#")
    late.expect_publish(f"{unique}/kept", retain=True)
    late.subscribe("$SYS/broker/version")
    late.expect_publish("$SYS/broker/version", retain=True)
    assert "is not kept" not in broker.process.stderr()


@ours
def test_the_most_clients_are_counted_between_rounds_as_well(client, make_broker):
    """They come and go within one interval."""
    broker = make_broker(sys_interval=2)
    watcher = client("watcher", at=broker)
    watcher.subscribe("$SYS/broker/clients/+")
    wait_values(watcher, {"clients/connected": b"1"})
    for one in [client(at=broker) for _ in range(5)]:
        one.disconnect()
    wait_values(watcher, {"clients/connected": b"1", "clients/maximum": b"6"})


@ours
def test_averages_follow_what_happens(client, sys_broker):
    """20 connections within a few rounds of a second: each adds about 60 / 60 to the average of a minute, 60 / 300 to that of
    five, and 60 / 900 to that of fifteen; what has faded meanwhile is a twentieth in three seconds."""
    for _ in range(20):
        client(at=sys_broker).disconnect()
    watcher = client("watcher", at=sys_broker)
    watcher.subscribe("$SYS/#")
    deadline, highest = Deadline(15), {}
    while not (14 < highest.get("load/connections/1min", 0) <= 21 and 14 < highest.get("load/sockets/1min", 0) <= 21):
        assert not deadline.passed(), highest
        values = {topic: float(value) for topic, value in next_round(watcher)[0].items() if topic.startswith("load/")}
        highest = {topic: max(value, highest.get(topic, 0)) for topic, value in values.items()}
    assert 3 < highest["load/connections/5min"] <= 4.3
    assert 1 < highest["load/connections/15min"] <= 1.5
    assert highest["load/messages/received/1min"] > highest["load/messages/received/15min"] > 0
    assert highest["load/publish/sent/1min"] > 0 and highest["load/bytes/sent/1min"] > highest["load/bytes/received/1min"]


@ours
def test_memory_and_processor_time_are_those_of_the_process(client, sys_broker):
    watcher = client("watcher", at=sys_broker)
    watcher.subscribe("$SYS/#")
    next_round(watcher)
    values, _ = next_round(watcher)
    assert sys_broker.rss_bytes() / 2 < int(values["heap/size"]) < sys_broker.rss_bytes() * 2
    assert int(values["heap/maximum"]) >= int(values["heap/size"])
    assert 0 <= float(values["cpu/percent"]) <= float(values["cpu/maximum"]) < 6400


def test_fault_values_are_retained(client, sys_broker):
    """The original published them without RETAIN, so that nobody had them at once."""
    first = client("first", at=sys_broker)
    first.subscribe("$SYS/broker/uptime", "$SYS/broker/version")
    seen = set()
    while len(seen) < 2:  # the first round
        seen.add(first.receive().topic)
    second = client("second", at=sys_broker)
    second.subscribe("$SYS/broker/version")
    second.expect_publish("$SYS/broker/version", retain=True)
    second.subscribe("$SYS/broker/uptime")
    second.expect_publish("$SYS/broker/uptime", retain=True)


def test_values_are_fresh(client, sys_broker):
    one = client("one", at=sys_broker)
    one.subscribe("$SYS/broker/clients/connected")
    wait_values(one, {"clients/connected": b"1"})
    others = [client(f"other-{number}", at=sys_broker) for number in range(3)]
    wait_values(one, {"clients/connected": b"4"})
    for other in others:
        other.disconnect()
    wait_values(one, {"clients/connected": b"1"})


@ours
def test_counts_follow_what_happens(client, sys_broker):
    one = client("one", at=sys_broker)
    one.subscribe("$SYS/broker/#")
    sender = client("sender", at=sys_broker)
    sender.subscribe("x", "y", "z/#")
    away = client("away", at=sys_broker, clean=False)
    away.disconnect()
    wait_values(one, {"clients/maximum": b"3", "clients/disconnected": b"1", "messages/subscriptions/count": b"4"})
    sender.unsubscribe("x")
    sender.publish("kept", b"x", qos=1, retain=True)
    wait_values(one, {"messages/subscriptions/count": b"3"})
    sender.disconnect()
    wait_values(one, {"messages/subscriptions/count": b"1", "clients/connected": b"1"})


def test_uptime_goes_up(client, sys_broker):
    one = client(at=sys_broker)
    one.subscribe("$SYS/broker/uptime")
    values = [int(one.receive().payload.split()[0]) for _ in range(3)]
    assert values == sorted(values) and values[-1] > values[0]


@pytest.mark.parametrize("topic_filter", ["#", "+/broker/version", "+/#", "+/broker/#"])
def test_fault_wildcards_do_not_see_them(client, sys_broker, topic_filter):
    """In the original retained $SYS topics leaked to `#`. Neither the live nor the retained ones may."""
    insider, one = client("insider", at=sys_broker), client("one", at=sys_broker)
    insider.subscribe("$SYS/broker/uptime")
    one.subscribe(topic_filter)
    for _ in range(2):
        insider.receive()
    late = client("late", at=sys_broker)
    late.subscribe(topic_filter)
    sender = client("sender", at=sys_broker)
    for peer in (one, late):
        assert [message.topic for message in fence(sender, peer) if message.topic.startswith("$")] == []


@ours
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("topic", ["$SYS/broker/version", "$SYS/mine"])
def test_clients_cannot_write_them(client, unique, topic, qos):
    """A PUBLISH to $SYS is acknowledged as its QoS asks and goes nowhere. [MQTT-3.3.5-2]"""
    topic = f"{topic}/{unique}"
    watcher, sender = client("watcher"), client("sender")
    watcher.subscribe((topic, 2))
    sender.publish(topic, b"forged", qos=qos, retain=True)
    assert fence(sender, watcher) == []
    late = client("late")
    late.subscribe((topic, 2))
    assert fence(sender, late) == []


@ours
@pytest.mark.parametrize("shards", [1, 2])
def test_clients_cannot_erase_them(client, make_broker, shards):
    broker = make_broker(sys_interval=3600, shards=shards)
    sender = client("sender", at=broker)
    for qos in range(3):
        sender.publish("$SYS/broker/version", b"", qos=qos, retain=True)
    for number in range(4):
        late = client(f"late-{number}", at=broker)
        late.subscribe("$SYS/broker/version")
        late.expect_publish("$SYS/broker/version", retain=True)


@ours
@pytest.mark.parametrize("retain", [False, True])
def test_a_will_cannot_write_them(client, unique, retain):
    """A will is a PUBLISH of the client, and bound by the same rule. A witness shows when it has been handled."""
    watcher = client("watcher")
    watcher.subscribe(f"$SYS/{unique}")
    client("one", will=mqtt.Will(f"$SYS/{unique}", b"forged", 1, retain)).reset()
    again = client("one")
    assert fence(again, watcher) == []
    late = client("late")
    late.subscribe(f"$SYS/{unique}")
    assert fence(again, late) == []


@pytest.mark.differs("keeps $SYS... for itself, whatever follows")
def test_other_dollar_topics_are_ordinary(client, unique):
    """$SYS is reserved, `$SYSTEM` and `$other` are not."""
    one = client()
    for topic in (f"$SYSTEM/{unique}", f"$other/{unique}", f"$sys/{unique}"):
        one.subscribe(topic)
        one.publish(topic, b"x")
        one.expect_publish(topic, b"x")


def test_interval_0_publishes_none(client, make_broker):
    """A broker with interval 1 beside it shows when a round would have come."""
    silent, loud = make_broker(sys_interval=0), make_broker(sys_interval=1)
    one, clock = client("one", at=silent), client("clock", at=loud)
    one.subscribe("$SYS/#")
    clock.subscribe("$SYS/broker/uptime")
    for _ in range(2):
        clock.receive()
    assert fence(client("sender", at=silent), one) == []
