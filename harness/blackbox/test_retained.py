# SPDX-License-Identifier: MIT
"""Retained messages: stored, replaced, erased, replayed, and the RETAIN flag that each receiver sees."""

import packet as mqtt
import pytest
from peer import fence


def replayed(client, sender, *filters):
    """What a fresh client gets for subscribing, as {topic: payload}; all of it has to carry RETAIN."""
    late = client()
    late.subscribe(*filters)
    messages = fence(sender, late)
    assert all(message.retain for message in messages), "a replayed message without RETAIN"  # [MQTT-3.3.1-8]
    assert len({message.topic for message in messages}) == len(messages), "a topic was replayed twice"
    return {message.topic: message.payload for message in messages}


@pytest.mark.parametrize("subscribe_qos", [0, 1, 2])
@pytest.mark.parametrize("publish_qos", [0, 1, 2])
def test_is_stored_with_its_qos(client, unique, publish_qos, subscribe_qos):
    """[MQTT-3.3.1-5]; QoS 0 is stored as well, which the standard leaves open."""
    sender = client("sender")
    sender.publish(f"{unique}/t", b"kept", qos=publish_qos, retain=True)
    sender.ping()
    late = client("late")
    late.subscribe((f"{unique}/t", subscribe_qos))
    got = late.expect_publish(f"{unique}/t", b"kept", retain=True, dup=False, qos=min(publish_qos, subscribe_qos))
    late.accept(got)
    late.ping()


def test_flag_is_unset_for_standing_subscriptions(client, unique):
    """[MQTT-3.3.1-9]"""
    standing = client("standing")
    standing.subscribe((f"{unique}/t", 1))
    client("sender").publish(f"{unique}/t", b"x", qos=1, retain=True)
    standing.accept(standing.expect_publish(f"{unique}/t", b"x", retain=False))


def test_later_one_replaces(client, unique):
    sender = client("sender")
    for payload in (b"one", b"two", b"three"):
        sender.publish(f"{unique}/t", payload, qos=1, retain=True)
    assert replayed(client, sender, f"{unique}/t") == {f"{unique}/t": b"three"}


def test_qos_0_replaces_qos_1(client, unique):
    """[MQTT-3.3.1-7]"""
    sender = client("sender")
    sender.publish(f"{unique}/t", b"one", qos=1, retain=True)
    sender.publish(f"{unique}/t", b"two", qos=0, retain=True)
    assert replayed(client, sender, f"{unique}/t").get(f"{unique}/t") != b"one"


def test_last_of_many_wins_whoever_sent_it(client, unique):
    """Each publisher waits for its acknowledgement, so there is a last one, wherever the publishers are served."""
    for number in range(20):
        client(f"sender-{number}").publish(f"{unique}/t", b"%d" % number, qos=1, retain=True)
        assert replayed(client, client("other"), f"{unique}/t") == {f"{unique}/t": b"%d" % number}


def test_acknowledged_one_is_retained_for_everybody(client, unique):
    """Who subscribes after the PUBACK was seen gets the message as a retained one, not as one that just passes by, wherever the
    two clients are served and however many messages were on their way between."""
    senders = [client(f"sender-{number}") for number in range(4)]
    readers = [client(f"reader-{number}") for number in range(4)]
    for reader in readers:
        reader.subscribe(f"{unique}/burst/#")
    for number in range(40):
        topic = f"{unique}/kept/{number}"
        for sender in senders:
            burst = [mqtt.publish(f"{unique}/burst/{at}", bytes(64)) for at in range(100)]
            kept = mqtt.publish(f"{topic}/{sender.client_id}", b"x", qos=1, packet_id=1, retain=True)
            sender.send(*burst, kept)
        for sender in senders:
            sender.expect(mqtt.PUBACK, packet_id=1)
        for reader in readers:
            reader.send(mqtt.subscribe(1, [(f"{topic}/+", 0)]))
        for reader in readers:
            got = reader.collect(len(senders) * 101)
            kept = [message for message in got if message.topic.startswith(topic)]
            assert len(kept) == len(senders) and all(message.retain for message in kept)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_empty_payload_erases(client, unique, qos):
    """[MQTT-3.3.1-10, -11]; whoever is subscribed gets the empty message like any other."""
    sender, standing = client("sender"), client("standing")
    sender.publish(f"{unique}/t", b"kept", qos=1, retain=True)
    standing.subscribe((f"{unique}/t", 0))
    standing.expect_publish(f"{unique}/t", b"kept", retain=True)
    sender.publish(f"{unique}/t", b"", qos=qos, retain=True)
    standing.expect_publish(f"{unique}/t", b"", retain=False)
    assert replayed(client, sender, f"{unique}/t") == {}


def test_empty_payload_is_never_stored(client, unique):
    sender = client("sender")
    sender.publish(f"{unique}/t", b"", qos=1, retain=True)
    assert replayed(client, sender, f"{unique}/#") == {}


def test_stores_again_after_an_erasure(client, unique):
    sender = client("sender")
    for payload in (b"one", b"", b"two"):
        sender.publish(f"{unique}/t", payload, qos=1, retain=True)
    assert replayed(client, sender, f"{unique}/t") == {f"{unique}/t": b"two"}


def test_erasure_by_another_client(client, unique):
    """Many pairs of clients, so that storing and erasing happen on different shards."""
    for number in range(20):
        client(f"a-{number}").publish(f"{unique}/{number}", b"x", qos=1, retain=True)
        client(f"b-{number}").publish(f"{unique}/{number}", b"", qos=1, retain=True)
    assert replayed(client, client("other"), f"{unique}/#") == {}


def test_message_without_the_flag_changes_nothing(client, unique):
    """[MQTT-3.3.1-12]"""
    sender = client("sender")
    sender.publish(f"{unique}/t", b"kept", qos=1, retain=True)
    sender.publish(f"{unique}/t", b"passing", qos=1)
    sender.publish(f"{unique}/t", b"", qos=1)
    assert replayed(client, sender, f"{unique}/t") == {f"{unique}/t": b"kept"}


def test_outlives_its_publisher_and_its_session(client, unique):
    """[MQTT-3.1.2-7]"""
    sender = client("sender", clean=False)
    sender.publish(f"{unique}/t", b"kept", qos=1, retain=True)
    sender.disconnect()
    client("sender", clean=True).disconnect()
    assert replayed(client, client("other"), f"{unique}/t") == {f"{unique}/t": b"kept"}


@pytest.mark.parametrize(
    "topic_filter, wanted",
    [
        ("{}/#", ["{}", "{}/a", "{}/a/b", "{}/a/b/c", "{}/b", "{}//b"]),
        ("{}/+", ["{}/a", "{}/b"]),
        ("{}/+/b", ["{}/a/b", "{}//b"]),
        ("{}/a/#", ["{}/a", "{}/a/b", "{}/a/b/c"]),
        ("{}/a/b", ["{}/a/b"]),
        ("{}//+", ["{}//b"]),
        ("{}/none/+", []),
        ("{}/A", []),
    ],
)
def test_wildcard_replay(client, unique, topic_filter, wanted):
    """[MQTT-3.3.1-6]"""
    sender = client("sender")
    for number, name in enumerate(["{}", "{}/a", "{}/a/b", "{}/a/b/c", "{}/b", "{}//b"]):
        sender.publish(name.format(unique), b"%d" % number, qos=1, retain=True)
    got = replayed(client, sender, topic_filter.format(unique))
    assert sorted(got) == sorted(topic.format(unique) for topic in wanted)


@pytest.mark.parametrize("topic_filter", ["#", "+/{}", "+/#"])
def test_wildcards_in_front_replay_no_dollar_topics(client, unique, topic_filter):
    """[MQTT-4.7.2-1] holds for what is retained, too."""
    sender = client("sender")
    sender.publish(f"$private/{unique}", b"hidden", qos=1, retain=True)
    got = replayed(client, sender, topic_filter.format(unique))
    assert f"$private/{unique}" not in got
    assert replayed(client, sender, f"$private/{unique}") == {f"$private/{unique}": b"hidden"}
    sender.publish(f"$private/{unique}", b"", qos=1, retain=True)


def test_replay_of_a_thousand(client, unique):
    sender = client("sender")
    topics = {f"{unique}/{number % 10}/{number}": b"%d" % number for number in range(1000)}
    sender.send(*(mqtt.publish(topic, payload, retain=True) for topic, payload in topics.items()))
    sender.ping()
    assert replayed(client, sender, f"{unique}/#") == topics
    one_of_ten = {topic: payload for topic, payload in topics.items() if topic.startswith(f"{unique}/3/")}
    assert replayed(client, sender, f"{unique}/3/+") == one_of_ten


def test_large_one_is_replayed_whole(client, unique):
    sender = client("sender")
    payload = bytes(range(256)) * 4096
    sender.publish(f"{unique}/t", payload, qos=1, retain=True)
    assert replayed(client, sender, f"{unique}/t") == {f"{unique}/t": payload}
    sender.publish(f"{unique}/t", b"", qos=1, retain=True)


# To whom


def test_replay_goes_to_the_new_subscription_only(client, unique):
    sender = client("sender")
    sender.publish(f"{unique}/t", b"kept", qos=1, retain=True)
    first = client("first")
    first.subscribe(f"{unique}/t")
    first.expect_publish(f"{unique}/t", b"kept", retain=True)
    second = client("second")
    second.subscribe(f"{unique}/t")
    second.expect_publish(f"{unique}/t", b"kept", retain=True)
    assert fence(sender, first) == []


def test_replay_follows_the_new_filter_only(client, unique):
    """A further subscription replays what it matches, not what the others of that client match."""
    sender, one = client("sender"), client("one")
    for name in "ab":
        sender.publish(f"{unique}/{name}", name.encode(), qos=1, retain=True)
    one.subscribe(f"{unique}/a")
    one.expect_publish(f"{unique}/a", b"a", retain=True)
    one.subscribe(f"{unique}/b")
    one.expect_publish(f"{unique}/b", b"b", retain=True)
    assert fence(sender, one) == []


def test_fault_reconnect_replays_nothing(client, unique):
    """The original replayed retained messages on a reconnect, even those for the filters of other clients."""
    sender = client("sender")
    for name in ("mine", "others"):
        sender.publish(f"{unique}/{name}", b"kept", qos=1, retain=True)
    other = client("other")
    other.subscribe(f"{unique}/others")
    one = client("one", clean=False)
    one.subscribe((f"{unique}/mine", 1))
    one.accept(one.expect_publish(f"{unique}/mine", b"kept", retain=True))
    one.ping()
    one.disconnect()
    again = client("one", clean=False, session_present=True)
    assert fence(sender, again) == []
    again.subscribe((f"{unique}/mine", 1))
    again.accept(again.expect_publish(f"{unique}/mine", b"kept", retain=True))
    again.ping()


def test_replay_comes_for_each_filter_of_one_subscribe(client, unique):
    """Two filters that match the same topic are two subscriptions: each may replay it, and it comes at least once."""
    sender, one = client("sender"), client("one")
    sender.publish(f"{unique}/t", b"kept", qos=1, retain=True)
    one.subscribe(f"{unique}/t", f"{unique}/+")
    got = fence(sender, one)
    assert 1 <= len(got) <= 2 and all(message.retain and message.payload == b"kept" for message in got)


def test_unsubscribing_and_subscribing_again_replays(client, unique):
    sender, one = client("sender"), client("one")
    sender.publish(f"{unique}/t", b"kept", qos=1, retain=True)
    for _ in range(3):
        one.subscribe(f"{unique}/t")
        one.expect_publish(f"{unique}/t", b"kept", retain=True)
        one.unsubscribe(f"{unique}/t")


def test_refused_filter_replays_nothing(client, unique):
    client("sender").publish(f"{unique}/t", b"kept", qos=1, retain=True)
    one = client("one")
    one.send(mqtt.subscribe(1, [(f"{unique}/t", 3)]))
    one.expect_close()


def test_replay_to_a_session_that_is_lost_meanwhile(client, unique):
    """A replayed QoS 1 message that was not acknowledged is sent again like any other, and keeps its RETAIN."""
    client("sender").publish(f"{unique}/t", b"kept", qos=1, retain=True)
    one = client("one", clean=False)
    one.subscribe((f"{unique}/t", 1))
    sent = one.expect_publish(f"{unique}/t", b"kept", retain=True)
    one.reset()
    again = client("one", clean=False, session_present=True)
    again.expect_publish(f"{unique}/t", b"kept", retain=True, dup=True, packet_id=sent.packet_id)


@pytest.mark.ours
def test_replay_goes_on_behind_a_message_that_was_erased_meanwhile(client, make_broker):
    """The window is full when the second of three is erased: the acknowledgement of the first brings the third."""
    broker = make_broker(limits={"inflight_max": 1}, shards=1)  # where the erasure is there before the acknowledgement
    sender, one = client("sender", at=broker), client("one", at=broker)
    for name in "abc":
        sender.publish(name, name.encode(), qos=1, retain=True)
    one.subscribe(("a", 1), ("b", 1), ("c", 1))
    first = one.expect_publish("a", b"a", retain=True)
    other = client("other", at=broker)
    other.publish("b", b"", retain=True)
    other.ping()
    # The erasure is published to the subscription too; it waits behind what is retained.
    one.send(mqtt.puback(first.packet_id))
    third = one.expect_publish("c", b"c", retain=True)
    one.send(mqtt.puback(third.packet_id))
    one.expect_publish("b", b"", retain=False)
