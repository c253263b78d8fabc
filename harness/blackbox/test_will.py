# SPDX-License-Identifier: MIT
"""Will messages: when they go out, when they do not, and how they arrive."""

import packet as mqtt
import pytest
from peer import fence
from tables import cases


@pytest.fixture
def watcher(client, unique):
    one = client("watcher")
    one.subscribe((f"{unique}/will", 2))
    return one


def will_for(unique, payload=b"gone", qos=0, retain=False):
    return mqtt.Will(f"{unique}/will", payload, qos, retain)


def bytes_that_close(data):
    def end(one):
        one.send(data)
        one.expect_close()

    return end


# Every way in which a connection ends without DISCONNECT. [MQTT-3.1.2-8]
ENDS = {
    "close": lambda one: one.close(),
    "reset": lambda one: one.reset(),
    "close-in-a-packet": lambda one: (one.send(b"\x30\x20\x00\x05half"), one.close()),
    "malformed": bytes_that_close(b"\xf0\x00"),
    "reserved-flags": bytes_that_close(b"\xc1\x00"),
    "disconnect-with-reserved-flags": bytes_that_close(b"\xe1\x00"),  # [MQTT-3.14.1-1]
    "disconnect-with-a-body": bytes_that_close(b"\xe0\x01\x00"),
    "second-connect": bytes_that_close(mqtt.connect("x")),  # [MQTT-3.1.0-2]
    "wildcard-in-a-topic": bytes_that_close(mqtt.publish("a/#", b"x")),
    "publish-qos-3": bytes_that_close(mqtt.publish("a", b"x", qos=3, packet_id=1)),
}


@pytest.mark.parametrize("end", cases(ENDS, differs=["reserved-flags", "second-connect"]))
def test_goes_out_when_the_connection_ends_without_disconnect(client, unique, watcher, end):
    one = client("one", will=will_for(unique, qos=1))
    end(one)
    watcher.accept(watcher.expect_publish(f"{unique}/will", b"gone", qos=1, retain=False))
    assert fence(client("sender"), watcher) == [], "the will came twice"


def test_disconnect_removes_it(client, unique, watcher):
    """[MQTT-3.14.4-3]"""
    client("one", will=will_for(unique)).disconnect()
    assert fence(client("sender"), watcher) == []


def test_disconnect_removes_it_even_if_a_reset_follows(client, unique, watcher):
    one = client("one", will=will_for(unique))
    one.send(mqtt.disconnect())
    one.expect_close()
    one.reset()
    assert fence(client("sender"), watcher) == []


def test_connection_without_will_publishes_none(client, watcher):
    """[MQTT-3.1.2-12]"""
    client("one").reset()
    client("one").ping()
    assert fence(client("sender"), watcher) == []


def test_goes_out_on_keepalive_timeout(client, unique, watcher):
    one = client("one", keepalive=1, will=will_for(unique))
    watcher.expect_publish(f"{unique}/will", b"gone", 20)
    one.expect_close()


def test_goes_out_on_takeover(client, unique, watcher):
    """[MQTT-3.1.4-2]: the first connection ends without DISCONNECT."""
    first = client("one", will=will_for(unique, b"of the first"))
    second = client("one", will=will_for(unique, b"of the second"))
    first.expect_close()
    watcher.expect_publish(f"{unique}/will", b"of the first")
    second.disconnect()
    assert fence(client("sender"), watcher) == []


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "persistent"])
def test_belongs_to_the_connection_not_to_the_session(client, unique, watcher, clean):
    """A new connection of the session without a will has none."""
    client("one", clean=clean, will=will_for(unique)).reset()
    watcher.expect_publish(f"{unique}/will", b"gone")
    client("one", clean=clean).reset()
    client("one", clean=clean).ping()
    assert fence(client("sender"), watcher) == []


def test_persistent_session_may_change_its_will(client, unique, watcher):
    client("one", clean=False, will=will_for(unique, b"old")).disconnect()
    client("one", clean=False, will=will_for(unique, b"new")).reset()
    watcher.expect_publish(f"{unique}/will", b"new")


@pytest.mark.parametrize("will_qos", [0, 1, 2])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_qos_is_the_minimum(client, unique, will_qos, qos):
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/will", qos))
    client("one", will=will_for(unique, qos=will_qos)).reset()
    watcher.accept(watcher.expect_publish(f"{unique}/will", b"gone", qos=min(qos, will_qos)))
    watcher.ping()


def test_queues_for_an_absent_session(client, unique):
    sleeper = client("sleeper", clean=False)
    sleeper.subscribe((f"{unique}/will", 1))
    sleeper.disconnect()
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/will", 0))
    client("one", will=will_for(unique, qos=1)).reset()
    watcher.expect_publish(f"{unique}/will", b"gone")
    again = client("sleeper", clean=False, session_present=True)
    assert again.collect(1)[0].payload == b"gone"


def test_retained_will_is_retained(client, unique, watcher):
    """[MQTT-3.1.2-17]; for the one who watches, it is a live message."""
    client("one", will=will_for(unique, qos=1, retain=True)).reset()
    watcher.accept(watcher.expect_publish(f"{unique}/will", b"gone", retain=False))
    late = client("late")
    late.subscribe((f"{unique}/will", 1))
    late.accept(late.expect_publish(f"{unique}/will", b"gone", retain=True, qos=1))


def test_other_will_is_not_retained(client, unique, watcher):
    """[MQTT-3.1.2-16]"""
    client("one", will=will_for(unique)).reset()
    watcher.expect_publish(f"{unique}/will", b"gone", retain=False)
    late = client("late")
    late.subscribe(f"{unique}/will")
    assert fence(client("sender"), late) == []


def test_fault_empty_will_is_accepted_and_sent(client, unique, watcher):
    """The original refused an empty will payload."""
    client("one", will=will_for(unique, b"")).reset()
    watcher.expect_publish(f"{unique}/will", b"")


def test_empty_retained_will_erases(client, unique, watcher):
    client("sender").publish(f"{unique}/will", b"here", qos=1, retain=True)
    watcher.accept(watcher.expect_publish(f"{unique}/will", b"here"))
    client("one", will=will_for(unique, b"", retain=True)).reset()
    watcher.expect_publish(f"{unique}/will", b"", retain=False)
    late = client("late")
    late.subscribe(f"{unique}/will")
    assert fence(client("other"), late) == []


def test_payload_is_any_bytes_up_to_the_largest(client, unique, watcher):
    payload = bytes(range(256)) * 255 + b"end"
    client("one", will=will_for(unique, payload, qos=2)).reset()
    watcher.accept(watcher.expect_publish(f"{unique}/will", payload, qos=2))


def test_goes_to_everybody_but_not_to_its_own_dead_connection(client, unique):
    watchers = [client(f"watcher-{number}") for number in range(5)]
    for one in watchers:
        one.subscribe(f"{unique}/+")
    dying = client("one", will=will_for(unique))
    dying.subscribe(f"{unique}/+")
    dying.reset()
    for one in watchers:
        one.expect_publish(f"{unique}/will", b"gone")


def test_own_persistent_session_gets_its_own_will(client, unique):
    one = client("one", clean=False, will=will_for(unique, qos=1))
    one.subscribe((f"{unique}/will", 1))
    watcher = client("watcher")
    watcher.subscribe(f"{unique}/will")
    one.reset()
    watcher.expect_publish(f"{unique}/will", b"gone")
    again = client("one", clean=False, session_present=True)
    assert again.collect(1)[0].payload == b"gone"


def test_comes_after_what_the_client_published_before(client, unique):
    """One publisher, one topic, one order: also when the last message is its will."""
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/will", 1))
    one = client("one", will=will_for(unique, qos=1))
    one.send(*(mqtt.publish(f"{unique}/will", b"%d" % number, qos=1, packet_id=number + 1) for number in range(50)))
    for number in range(50):
        one.expect(mqtt.PUBACK, packet_id=number + 1)
    one.reset()
    assert [message.payload for message in watcher.collect(51)] == [b"%d" % number for number in range(50)] + [b"gone"]
