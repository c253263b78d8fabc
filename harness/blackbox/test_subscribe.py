# SPDX-License-Identifier: MIT
"""SUBSCRIBE and UNSUBSCRIBE: what is answered, and what matches."""

import packet as mqtt
import pytest
from peer import fence
from tables import cases

ours = pytest.mark.ours


def payloads(messages):
    return [message.payload for message in messages]


# SUBACK and UNSUBACK


def test_one_suback_has_a_code_for_each_filter_in_order(client, unique):
    """[MQTT-3.8.4-4, -5, MQTT-3.9.3-1]"""
    client().subscribe((f"{unique}/a", 2), (f"{unique}/b/+", 0), (f"{unique}/#", 1), (f"{unique}/c", 2))


@pytest.mark.parametrize("packet_id", [1, 256, 65535])
def test_identifiers_are_echoed(client, unique, packet_id):
    """[MQTT-2.3.1-7]"""
    one = client()
    one.send(mqtt.subscribe(packet_id, [(f"{unique}/a", 1)]))
    one.expect(mqtt.SUBACK, packet_id=packet_id, codes=[1])
    one.send(mqtt.unsubscribe(packet_id, [f"{unique}/a"]))
    one.expect(mqtt.UNSUBACK, packet_id=packet_id)


def test_pipelined_requests_are_answered_in_order(client, unique):
    one = client()
    one.send(*(mqtt.subscribe(number, [(f"{unique}/{number}", number % 3)]) for number in range(1, 101)))
    for number in range(1, 101):
        one.expect(mqtt.SUBACK, packet_id=number, codes=[number % 3])


@ours
def test_what_is_asked_behind_a_subscribe_is_answered_behind_its_suback(client, unique):
    """Clients that pipeline expect it, though no statement asks for it."""
    one = client()
    for first in range(1, 2000, 4):
        topic = f"{unique}/{first}"
        one.send(
            mqtt.subscribe(first, [(topic, 1)]),
            mqtt.pingreq(),
            mqtt.unsubscribe(first + 1, [topic]),
            mqtt.subscribe(first + 2, [(topic, 2)]),
            mqtt.unsubscribe(first + 3, [topic]),
            mqtt.pingreq(),
        )
    for first in range(1, 2000, 4):
        one.expect(mqtt.SUBACK, packet_id=first, codes=[1])
        one.expect(mqtt.PINGRESP)
        one.expect(mqtt.UNSUBACK, packet_id=first + 1)
        one.expect(mqtt.SUBACK, packet_id=first + 2, codes=[2])
        one.expect(mqtt.UNSUBACK, packet_id=first + 3)
        one.expect(mqtt.PINGRESP)


def test_one_subscribe_with_a_thousand_filters(client, unique):
    one = client()
    one.subscribe(*((f"{unique}/{number}", number % 3) for number in range(1000)))
    sender = client("sender")
    for number in (0, 1, 500, 999):
        sender.publish(f"{unique}/{number}", b"x")
        one.expect_publish(f"{unique}/{number}", b"x")


def test_unsuback_comes_even_if_nothing_was_subscribed(client, unique):
    """[MQTT-3.10.4-5]"""
    client().unsubscribe(f"{unique}/never")


def test_unsubscribe_of_several_filters(client, unique):
    """[MQTT-3.10.4-6]"""
    one = client()
    one.subscribe(*(f"{unique}/{name}" for name in "abcd"))
    one.unsubscribe(f"{unique}/a", f"{unique}/b", f"{unique}/never", f"{unique}/d")
    sender = client("sender")
    for name in "abcd":
        sender.publish(f"{unique}/{name}", name.encode())
    assert payloads(fence(sender, one)) == [b"c"]


def test_unsubscribe_compares_filters_byte_for_byte(client, unique):
    """[MQTT-3.10.4-1]: a wildcard is no pattern here."""
    one = client()
    one.subscribe(f"{unique}/a", f"{unique}/+/b")
    one.unsubscribe(f"{unique}/#", f"{unique}/+", f"{unique}/A", f"{unique}/a/", f"{unique}/x/b")
    sender = client("sender")
    sender.publish(f"{unique}/a", b"1")
    sender.publish(f"{unique}/y/b", b"2")
    assert payloads(fence(sender, one)) == [b"1", b"2"]
    one.unsubscribe(f"{unique}/+/b")
    sender.publish(f"{unique}/a", b"3")
    sender.publish(f"{unique}/y/b", b"4")
    assert payloads(fence(sender, one)) == [b"3"]


def test_unsubscribe_touches_nobody_else(client, unique):
    one, other = client("one"), client("other")
    for peer in (one, other):
        peer.subscribe(f"{unique}/t")
    one.unsubscribe(f"{unique}/t")
    sender = client("sender")
    sender.publish(f"{unique}/t", b"x")
    assert fence(sender, one) == []
    other.expect_publish(f"{unique}/t", b"x")


def test_message_published_after_suback_is_never_missed(client, unique):
    """SUBACK means that every publisher is heard from now on. Many fresh pairs, so that all shards meet."""
    for number in range(25):
        subscriber, sender = client(f"subscriber-{number}"), client(f"sender-{number}")
        subscriber.subscribe(f"{unique}/{number}")
        sender.publish(f"{unique}/{number}", b"x")
        subscriber.expect_publish(f"{unique}/{number}", b"x")


def test_message_published_after_unsuback_never_comes(client, unique):
    """[MQTT-3.10.4-2]"""
    for number in range(25):
        subscriber, sender = client(f"subscriber-{number}"), client(f"sender-{number}")
        subscriber.subscribe(f"{unique}/{number}")
        subscriber.unsubscribe(f"{unique}/{number}")
        sender.publish(f"{unique}/{number}", b"x")
        assert fence(sender, subscriber) == []


# Invalid filters close the connection

INVALID = {
    "empty": "",  # [MQTT-4.7.3-1]
    "hash-in-the-middle": "a/#/b",  # [MQTT-4.7.1-2]
    "hash-first": "#/a",
    "hash-in-a-level": "a/b#",
    "hash-before-text": "#a",
    "two-hashes": "##",
    "plus-in-a-level": "a/b+",  # [MQTT-4.7.1-3]
    "plus-before-text": "+a/b",
    "two-pluses": "a/++",
    "plus-and-hash": "a/+#",
    "nul": "a\0b",  # [MQTT-4.7.3-2]
    "not-utf8": b"a\xff",
    "surrogate": b"a/\xed\xa0\x80",
}


@pytest.mark.parametrize("topic_filter", cases(INVALID))
@pytest.mark.parametrize("position", ["alone", "behind-a-good-one"])
def test_invalid_filter_closes(client, unique, topic_filter, position):
    one = client("one")
    good = [] if position == "alone" else [(f"{unique}/good", 0)]
    one.send(mqtt.subscribe(1, good + [(topic_filter, 0)]))
    one.expect_close()
    client("fresh").ping()


@pytest.mark.parametrize("topic_filter", cases({key: INVALID[key] for key in ("empty", "nul", "not-utf8", "surrogate")}))
def test_invalid_filter_in_unsubscribe_closes(client, topic_filter):
    one = client("one")
    one.send(mqtt.unsubscribe(1, [topic_filter]))
    one.expect_close()
    client("fresh").ping()


@pytest.mark.parametrize("options", [3, 4, 0x40, 0x80, 0xFF])
def test_reserved_options_close(client, unique, options):
    """[MQTT-3.8.3-4]"""
    one = client("one")
    one.send(mqtt.subscribe(1, [(f"{unique}/t", options)]))
    one.expect_close()
    client("fresh").ping()


# What matches: [MQTT-4.7.1-2, -3, MQTT-4.7.3-4]. {prefix} keeps the tests of a shared broker apart.

MATCHING = [
    ("{}/a", ["{}/a"], ["{}", "{}/", "{}/a/", "{}/A", "{}/a/b", "{}/aa"]),
    ("{}/+", ["{}/a", "{}/", "{}/b c"], ["{}", "{}/a/b", "{}/a/"]),
    ("{}/a/+", ["{}/a/b", "{}/a/"], ["{}/a", "{}/a/b/c", "{}/b/a"]),
    ("{}/+/+", ["{}/a/b", "{}//", "{}//b", "{}/a/"], ["{}/a", "{}/a/b/c"]),
    ("{}/+/c", ["{}/a/c", "{}//c"], ["{}/c", "{}/a/b/c", "{}/a/c/"]),
    ("{}/a/#", ["{}/a", "{}/a/", "{}/a/b", "{}/a/b/c", "{}/a//"], ["{}/b", "{}/aa", "{}"]),
    ("{}/#", ["{}", "{}/", "{}/a", "{}/a/b/c/d/e/f/g"], []),
    ("{}/+/#", ["{}/a", "{}/", "{}/a/b"], ["{}"]),
    ("{}/+/b/#", ["{}/a/b", "{}/a/b/c"], ["{}/a", "{}/a/c"]),
    ("{}//b", ["{}//b"], ["{}/b", "{}/a/b"]),
    ("{}/a b", ["{}/a b"], ["{}/ab"]),
    ("{}/\N{LATIN SMALL LETTER E WITH ACUTE}", ["{}/\u00e9"], ["{}/e\u0301"]),
    ("+/{}/x", ["a/{}/x", "/{}/x"], ["{}/x", "$a/{}/x"]),
    ("/{}", ["/{}"], ["{}", "//{}"]),
    ("/{}/#", ["/{}", "/{}/a"], ["{}/a"]),
    ("$x/{}/#", ["$x/{}/a"], ["x/{}/a"]),
    ("$x/+/{}", ["$x/a/{}"], ["$y/a/{}"]),
]


@pytest.mark.parametrize("topic_filter, matching, others", MATCHING, ids=[row[0].format("p") for row in MATCHING])
def test_matching(client, unique, topic_filter, matching, others):
    one, sender = client("one"), client("sender")
    one.subscribe(topic_filter.format(unique))
    topics = [topic.format(unique) for topic in matching + others]
    sender.send(*(mqtt.publish(topic, b"x") for topic in topics))
    assert [message.topic for message in fence(sender, one)] == topics[: len(matching)]


def test_fault_plus_matches_one_level_only(client, unique):
    """In the original `a/+` matched `a/b/c`."""
    one, sender = client("one"), client("sender")
    one.subscribe(f"{unique}/a/+")
    sender.publish(f"{unique}/a/b/c", b"no")
    sender.publish(f"{unique}/a/b", b"yes")
    assert payloads(fence(sender, one)) == [b"yes"]


def test_fault_hash_matches_its_parent(client, unique):
    """In the original `a/#` missed `a`."""
    one, sender = client("one"), client("sender")
    one.subscribe(f"{unique}/a/#")
    sender.publish(f"{unique}/a", b"parent")
    assert payloads(fence(sender, one)) == [b"parent"]


@pytest.mark.parametrize("topic_filter", ["#", "+/#", "+/{}", "+/+", "+/{}/#"])
def test_wildcards_in_front_do_not_see_dollar_topics(client, unique, topic_filter):
    """[MQTT-4.7.2-1]"""
    one, sender, insider = client("one"), client("sender"), client("insider")
    one.subscribe(topic_filter.format(unique))
    insider.subscribe(f"$private/{unique}")
    sender.publish(f"$private/{unique}", b"hidden")
    insider.expect_publish(f"$private/{unique}", b"hidden")
    got = [message for message in fence(sender, one) if unique in message.topic]
    assert got == []


def test_hash_matches_everything_else(client, make_broker):
    broker = make_broker()
    one, sender = client("one", at=broker), client("sender", at=broker)
    one.subscribe("#")
    topics = ["a", "/", "//", "a/b/c", "/a", "a/", " ", "a/$b", "\ufeff"]
    for topic in topics:
        sender.publish(topic, b"x")
        one.expect_publish(topic, b"x")


def test_topics_are_not_normalised(client, unique):
    """[MQTT-4.7.3-4]: no case folding, no trimming, no decoding, no Unicode normal forms."""
    one, sender = client("one"), client("sender")
    names = ["a", "A", "a/", "/a", " a", "a ", "%61", "\u00e9", "e\u0301", "\ufeffa", "a\u200b", "a//b", "a/./b", "a/../b"]
    topics = [f"{unique}/{name}" for name in names]
    for at, topic in enumerate(topics):
        one.subscribe((topic, 1))
        sender.send(*(mqtt.publish(other, b"%d" % at) for other in topics))
        assert [message.topic for message in fence(sender, one)] == [topic]
        one.unsubscribe(topic)


def test_longest_topic_is_delivered_whole(client, unique):
    """[MQTT-4.7.3-3]: 65,535 bytes, in 128 levels at most."""
    one, sender = client("one"), client("sender")
    topic = unique + "/" + "x" * (65535 - len(unique) - 1)
    one.subscribe(f"{unique}/+")
    sender.publish(topic, b"x")
    assert one.receive().topic == topic
    other = client("other")
    other.subscribe(topic)
    sender.publish(topic, b"y")
    assert other.receive().topic == topic


# Overlapping and repeated subscriptions


@pytest.mark.differs("takes the first match, whatever its QoS")
def test_overlapping_subscriptions_deliver_once_at_the_highest_qos(client, unique):
    """[MQTT-3.3.5-1]; one copy, though the standard would allow more."""
    one, sender = client("one"), client("sender")
    one.subscribe((f"{unique}/#", 0), (f"{unique}/+", 2), (f"{unique}/a", 1), (f"{unique}/a/#", 0))
    sender.publish(f"{unique}/a", b"x", qos=2)
    got = fence(sender, one, qos=2)
    assert [(message.payload, message.qos) for message in got] == [(b"x", 2)]


@pytest.mark.parametrize("order", ["rising", "falling"])
@pytest.mark.parametrize("publish_qos", [0, 1, 2])
@pytest.mark.differs("takes the first match, whatever its QoS")
def test_overlap_does_not_depend_on_order(client, unique, order, publish_qos):
    one, sender = client("one"), client("sender")
    filters = [(f"{unique}/#", 0), (f"{unique}/+", 1), (f"{unique}/a", 2)]
    for entry in filters if order == "rising" else reversed(filters):
        one.subscribe(entry)
    sender.publish(f"{unique}/a", b"x", qos=publish_qos)
    got = fence(sender, one, qos=2)
    assert [(message.payload, message.qos) for message in got] == [(b"x", publish_qos)]


def test_same_filter_twice_in_one_packet_takes_the_later_qos(client, unique):
    """[MQTT-3.8.4-4]"""
    one, sender = client("one"), client("sender")
    one.subscribe((f"{unique}/a", 2), (f"{unique}/a", 0))
    sender.publish(f"{unique}/a", b"x", qos=2)
    assert [(message.payload, message.qos) for message in fence(sender, one)] == [(b"x", 0)]


@pytest.mark.parametrize("old, new", [(0, 1), (0, 2), (1, 2), (2, 1), (2, 0), (1, 0)])
def test_fault_resubscription_updates_the_qos(client, unique, old, new):
    """[MQTT-3.8.4-3]; the original kept the first QoS for ever."""
    one, sender = client("one"), client("sender")
    one.subscribe((f"{unique}/a", old))
    one.subscribe((f"{unique}/a", new))
    sender.publish(f"{unique}/a", b"x", qos=2)
    assert [(message.payload, message.qos) for message in fence(sender, one, qos=2)] == [(b"x", new)]


def test_resubscription_replays_retained_messages(client, unique):
    """[MQTT-3.8.4-3]"""
    one, sender = client("one"), client("sender")
    sender.publish(f"{unique}/a", b"kept", qos=1, retain=True)
    for _ in range(3):
        one.subscribe((f"{unique}/+", 1))
        one.accept(one.expect_publish(f"{unique}/a", b"kept", retain=True, qos=1))
    one.ping()


def test_resubscription_loses_no_live_message(client, unique):
    """A stream of messages runs while the filter is subscribed again and again: none is lost, none comes twice."""
    one, sender = client("one"), client("sender")
    one.subscribe((f"{unique}/a", 1))
    count, got = 500, []
    for number in range(count):
        sender.send(mqtt.publish(f"{unique}/a", b"%d" % number))
        if number % 5 == 0:
            one.send(mqtt.subscribe(1 + number, [(f"{unique}/a", number % 2)]))
    while len(got) < count:
        packet = one.receive()
        if packet.kind == mqtt.PUBLISH:
            got.append(int(packet.payload))
    assert got == list(range(count))
    assert fence(sender, one) == []


# Many topics


def test_ten_thousand_topics_with_wildcards(client, unique):
    """One filter for each topic at one client, wildcards at three others; each message reaches exactly those that match."""
    exact, level, tree, odd = (client(name) for name in ("exact", "level", "tree", "odd"))
    topics = [f"{unique}/site-{number % 100}/device-{number}/{'even' if number % 2 == 0 else 'odd'}" for number in range(10_000)]
    for at in range(0, len(topics), 500):
        exact.subscribe(*topics[at : at + 500])
    level.subscribe(f"{unique}/site-7/+/+")
    tree.subscribe(f"{unique}/#")
    odd.subscribe(f"{unique}/+/+/odd")
    sender = client("sender")
    for at in range(0, len(topics), 1000):
        part = topics[at : at + 1000]
        sender.send(*(mqtt.publish(topic, b"x") for topic in part))
        for one, wanted in (
            (exact, part),
            (tree, part),
            (odd, [topic for topic in part if topic.endswith("odd")]),
            (level, [topic for topic in part if "/site-7/" in topic]),
        ):
            assert [message.topic for message in one.collect(len(wanted))] == wanted
    for one in (exact, level, tree, odd):
        assert fence(sender, one) == []


def test_deep_filters_with_many_wildcards_do_not_explode(client, unique):
    """What a backtracking matcher needs for ever for: every level of a deep topic may be `+` or a word."""
    one, sender = client("one"), client("sender")
    depth = 16
    filters = ["/".join("+" if number >> level & 1 else "a" for level in range(depth)) for number in range(0, 1 << depth, 33)]
    for at in range(0, len(filters), 500):
        one.subscribe(*(f"{unique}/{name}" for name in filters[at : at + 500]))
    topic = unique + "/" + "/".join("a" * depth)
    for _ in range(20):
        sender.publish(topic, b"x")
    sender.publish(topic + "/b", b"no")
    assert len(fence(sender, one)) == 20


def test_subscriptions_go_away_with_many_unsubscribes(client, unique):
    one, sender = client("one"), client("sender")
    filters = [f"{unique}/{number}/+/x" for number in range(3000)]
    for _ in range(2):
        for at in range(0, len(filters), 500):
            one.subscribe(*filters[at : at + 500])
        for at in range(0, len(filters), 500):
            one.unsubscribe(*filters[at : at + 500])
    sender.publish(f"{unique}/7/y/x", b"no")
    assert fence(sender, one) == []
