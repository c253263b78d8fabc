# SPDX-License-Identifier: MIT
"""$SYS topics: there, retained, fresh, seen by those who ask for them, and nobody's to write."""

import re

import packet as mqtt
import pytest
from deadline import Deadline
from peer import fence

ours = pytest.mark.ours

# Every topic of the original that this version has: (topic below $SYS/broker/, what its payload looks like)
TOPICS = {
    "version": r"hbmqtt version \d+\.\d+\.\d+",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "uptime": r"\d+( seconds)?",
    "uptime/formated": r"\d+ days, \d\d:\d\d:\d\d",
    "uptime/formatted": r"\d+ days, \d\d:\d\d:\d\d",
    "load/bytes/received": r"\d+",
    "load/bytes/sent": r"\d+",
    "messages/received": r"\d+",
    "messages/sent": r"\d+",
    "messages/publish/received": r"\d+",
    "messages/publish/sent": r"\d+",
    "messages/inflight": r"\d+",
    "messages/retained/count": r"\d+",
    "messages/subscriptions/count": r"\d+",
    "clients/connected": r"\d+",
    "clients/disconnected": r"\d+",
    "clients/maximum": r"\d+",
    "clients/total": r"\d+",
}


@pytest.fixture
def sys_broker(make_broker):
    return make_broker(sys_interval=1)


def wait_values(peer, wanted):
    """Reads rounds of $SYS messages until all of these topics have these values."""
    deadline, values = Deadline(15), {}
    while any(values.get(topic) != value for topic, value in wanted.items()):
        assert not deadline.passed(), f"{ {topic: values.get(topic) for topic in wanted} } instead of {wanted}"
        packet = peer.receive()
        values[packet.topic.removeprefix("$SYS/broker/")] = packet.payload


@ours
def test_every_topic_is_published(client, sys_broker):
    one = client(at=sys_broker)
    one.subscribe("$SYS/#")
    seen, deadline = {}, Deadline(15)
    while not TOPICS.keys() <= {topic.removeprefix("$SYS/broker/") for topic in seen}:
        missing = TOPICS.keys() - {topic.removeprefix("$SYS/broker/") for topic in seen}
        assert not deadline.passed(), f"missing: {sorted(missing)}"
        packet = one.receive()
        seen[packet.topic] = packet.payload.decode()
    for topic, pattern in TOPICS.items():
        assert re.fullmatch(pattern, seen[f"$SYS/broker/{topic}"]), (topic, seen[f"$SYS/broker/{topic}"])
    assert all(topic.startswith("$SYS/broker/") for topic in seen)


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
    wait_values(one, {"clients/maximum": b"2", "clients/disconnected": b"1", "messages/subscriptions/count": b"4"})
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
