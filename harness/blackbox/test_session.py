# SPDX-License-Identifier: MIT
"""Sessions: clean and persistent, away and back, taken over, and what is sent again after each stage of QoS 1 and 2."""

import os
import signal
import time

import packet as mqtt
import pytest
from deadline import Deadline
from peer import fence

ours = pytest.mark.ours


def sleeper(client, unique, qos=1, **options):
    """A client with a persistent session and one subscription, gone away in peace."""
    one = client("sleeper", clean=False, session_present=False, **options)
    one.subscribe((f"{unique}/#", qos))
    one.disconnect()
    return one


def back(client, **options):
    return client("sleeper", clean=False, session_present=True, **options)


# Away and back


@pytest.mark.parametrize("qos", [1, 2])
def test_queues_for_an_absent_session(client, unique, qos):
    """[MQTT-3.1.2-5], in order, each at its own QoS."""
    sleeper(client, unique, qos)
    sender = client("sender")
    for number in range(20):
        sender.publish(f"{unique}/t", b"%d" % number, qos=qos)
    one = back(client)
    messages = one.collect(20)
    assert [int(message.payload) for message in messages] == list(range(20))
    assert {message.qos for message in messages} == {qos}
    assert not any(message.dup for message in messages), "DUP on what was never sent before"


def test_queued_qos_is_the_minimum(client, unique):
    sleeper(client, unique, 1)
    client("sender").publish(f"{unique}/t", b"x", qos=2)
    assert back(client).collect(1)[0].qos == 1


def test_keeps_no_qos_0_for_an_absent_session(client, unique):
    sleeper(client, unique, 2)
    sender = client("sender")
    sender.publish(f"{unique}/t", b"not kept", qos=0)
    sender.publish(f"{unique}/t", b"kept", qos=1)
    assert [message.payload for message in back(client).collect(1)] == [b"kept"]


@pytest.mark.parametrize("retained_before", [False, True])
def test_fault_queued_messages_have_retain_unset(client, unique, retained_before):
    """[MQTT-3.3.1-9]: for the sleeper it is a live message, however it was published."""
    sender = client("sender")
    if retained_before:
        sender.publish(f"{unique}/t", b"old", qos=1, retain=True)
        one = client("sleeper", clean=False)
        one.subscribe((f"{unique}/#", 1))
        assert one.collect(1)[0].retain
        one.ping()
        one.disconnect()
    else:
        sleeper(client, unique)
    sender.publish(f"{unique}/t", b"new", qos=1, retain=True)
    got = back(client).collect(1)[0]
    assert (got.payload, got.retain) == (b"new", False)


def test_subscriptions_survive_a_reconnect(client, unique):
    sleeper(client, unique)
    one = back(client)
    client("sender").publish(f"{unique}/t", b"x", qos=1)
    one.accept(one.expect_publish(f"{unique}/t", b"x", qos=1))


def test_unsubscribing_in_one_life_holds_in_the_next(client, unique):
    sleeper(client, unique)
    one = back(client)
    one.unsubscribe(f"{unique}/#")
    one.disconnect()
    client("sender").publish(f"{unique}/t", b"x", qos=1)
    back(client).ping()


def test_clean_connect_wipes_the_session(client, unique):
    """[MQTT-3.1.2-6]: queue and subscriptions are gone, also for a later persistent connect."""
    sleeper(client, unique)
    sender = client("sender")
    sender.publish(f"{unique}/t", b"x", qos=1)
    one = client("sleeper", clean=True, session_present=False)
    assert fence(sender, one) == []
    one.disconnect()
    again = client("sleeper", clean=False, session_present=False)
    sender.publish(f"{unique}/t", b"y", qos=1)
    assert fence(sender, again) == []


def test_clean_session_ends_with_its_connection(client, unique):
    one = client("sleeper", clean=True)
    one.subscribe((f"{unique}/#", 1))
    one.disconnect()
    client("sender").publish(f"{unique}/t", b"x", qos=1)
    client("sleeper", clean=False, session_present=False).ping()


def test_sessions_do_not_mix(client, unique):
    """[MQTT-3.1.3-2]"""
    for name in ("a", "b"):
        one = client(name, clean=False)
        one.subscribe((f"{unique}/{name}", 1))
        one.disconnect()
    sender = client("sender")
    sender.publish(f"{unique}/b", b"for b", qos=1)
    sender.publish(f"{unique}/a", b"for a", qos=1)
    for name in ("a", "b"):
        got = client(name, clean=False, session_present=True).collect(1)
        assert [message.payload for message in got] == [b"for %s" % name.encode()]


def test_lost_connection_keeps_the_session(client, unique):
    one = client("sleeper", clean=False)
    one.subscribe((f"{unique}/#", 1))
    one.reset()
    client("sender").publish(f"{unique}/t", b"x", qos=1)
    assert back(client).collect(1)[0].payload == b"x"


def test_many_returns_deliver_everything_once(client, unique):
    sleeper(client, unique)
    sender = client("sender")
    for number in range(30):
        sender.publish(f"{unique}/t", b"%d" % number, qos=1)
        one = back(client)
        got = one.collect(1)[0]
        assert (int(got.payload), got.dup) == (number, False)
        one.ping()
        one.disconnect()
    back(client).ping()


# Taken over


def test_fault_duplicate_id_takes_over(client):
    """[MQTT-3.1.4-2]; the original let the second client wait for ever."""
    first = client("twin")
    second = client("twin")
    first.expect_close()
    second.ping()


def test_takeover_again_and_again(client):
    """Many ids, each taken over several times: with several shards the connections are accepted anywhere."""
    for number in range(20):
        lives = [client(f"twin-{number}", clean=False) for _ in range(4)]
        for old in lives[:-1]:
            old.expect_close()
        lives[-1].ping()


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "persistent"])
def test_takeover_decides_about_the_session_by_the_new_flag(client, unique, clean):
    first = client("twin", clean=False)
    first.subscribe((f"{unique}/t", 1))
    second = client("twin", clean=clean, session_present=not clean)
    first.expect_close()
    sender = client("sender")
    sender.publish(f"{unique}/t", b"x", qos=1)
    got = fence(sender, second)
    assert [message.payload for message in got] == ([] if clean else [b"x"])


def test_takeover_of_a_clean_session_starts_fresh(client, unique):
    first = client("twin", clean=True)
    first.subscribe((f"{unique}/t", 1))
    second = client("twin", clean=False, session_present=False)
    first.expect_close()
    sender = client("sender")
    sender.publish(f"{unique}/t", b"x", qos=1)
    assert fence(sender, second) == []


def test_takeover_resends_what_the_first_did_not_acknowledge(client, unique):
    first = client("twin", clean=False)
    first.subscribe((f"{unique}/t", 1))
    sender = client("sender")
    sender.publish(f"{unique}/t", b"x", qos=1)
    sent = first.expect_publish(f"{unique}/t", b"x", qos=1, dup=False)
    second = client("twin", clean=False, session_present=True)
    second.expect_publish(f"{unique}/t", b"x", qos=1, dup=True, packet_id=sent.packet_id)
    first.expect_close()


def test_takeover_in_a_race_leaves_one(peers, unique):
    """Twenty CONNECTs with one id at once: exactly one connection lives on, and it works."""
    racers = [peers(f"racer-{number}") for number in range(20)]
    for racer in racers:
        racer.send(mqtt.connect(unique, clean=False))
    for racer in racers:
        racer.expect(mqtt.CONNACK, code=0)
    closed = []
    deadline = Deadline()
    while len(closed) < 19:
        assert not deadline.passed(), f"only {len(closed)} of 19 losers were closed"
        for racer in racers:
            if racer not in closed:
                if racer.look():
                    closed.append(racer)
    (winner,) = [racer for racer in racers if racer not in closed]
    winner.ping()


# Sent again, after a break in every stage. The sleeper is the receiver.


def test_resends_qos_1_without_puback(client, unique):
    sleeper(client, unique, 1)
    client("sender").publish(f"{unique}/t", b"x", qos=1)
    first = back(client)
    sent = first.expect_publish(f"{unique}/t", b"x", qos=1, dup=False)
    first.reset()
    second = back(client)
    again = second.expect_publish(f"{unique}/t", b"x", qos=1, dup=True, packet_id=sent.packet_id)  # [MQTT-4.4.0-1]
    second.accept(again)
    second.ping()
    second.disconnect()
    back(client).ping()


def test_resends_qos_2_without_pubrec_as_publish(client, unique):
    sleeper(client, unique, 2)
    client("sender").publish(f"{unique}/t", b"x", qos=2)
    first = back(client)
    sent = first.expect_publish(f"{unique}/t", b"x", qos=2, dup=False)
    first.reset()
    second = back(client)
    again = second.expect_publish(f"{unique}/t", b"x", qos=2, dup=True, packet_id=sent.packet_id)
    second.accept(again)
    second.ping()
    second.disconnect()
    back(client).ping()


def test_resends_qos_2_after_pubrec_as_pubrel_alone(client, unique):
    """[MQTT-4.3.3-1]: never the PUBLISH again after its PUBREC."""
    sleeper(client, unique, 2)
    client("sender").publish(f"{unique}/t", b"x", qos=2)
    first = back(client)
    sent = first.expect_publish(f"{unique}/t", b"x", qos=2)
    first.send(mqtt.pubrec(sent.packet_id))
    first.expect(mqtt.PUBREL, packet_id=sent.packet_id)
    first.reset()
    second = back(client)
    second.expect(mqtt.PUBREL, packet_id=sent.packet_id)
    second.send(mqtt.pubcomp(sent.packet_id))
    second.ping()
    second.disconnect()
    back(client).ping()


def test_resends_every_stage_in_order(client, unique):
    """Unacknowledged QoS 1, PUBRELs and unacknowledged QoS 2 together: PUBLISHes in their order, PUBRELs in theirs."""
    sleeper(client, unique, 2)
    sender = client("sender")
    for number in range(9):
        sender.publish(f"{unique}/t", b"%d" % number, qos=1 + number % 2)
    first = back(client)
    sent = [first.expect_publish(f"{unique}/t", b"%d" % number) for number in range(9)]
    received = [sent[1], sent[5]]
    for message in received:
        first.send(mqtt.pubrec(message.packet_id))
        first.expect(mqtt.PUBREL, packet_id=message.packet_id)
    first.send(mqtt.puback(sent[4].packet_id))
    first.ping()
    first.reset()
    second = back(client)
    again = [second.receive() for _ in range(8)]
    publishes = [packet for packet in again if packet.kind == mqtt.PUBLISH]
    pubrels = [packet for packet in again if packet.kind == mqtt.PUBREL]
    assert [int(packet.payload) for packet in publishes] == [0, 2, 3, 6, 7, 8]  # [MQTT-4.6.0-6]
    assert [packet.packet_id for packet in publishes] == [sent[number].packet_id for number in (0, 2, 3, 6, 7, 8)]
    assert all(packet.dup for packet in publishes)  # [MQTT-3.3.1-1]
    assert [packet.packet_id for packet in pubrels] == [message.packet_id for message in received]


def test_resends_before_what_was_queued_meanwhile(client, unique):
    sleeper(client, unique, 1)
    sender = client("sender")
    sender.publish(f"{unique}/t", b"0", qos=1)
    first = back(client)
    first.expect_publish(f"{unique}/t", b"0", dup=False)
    first.reset()
    sender.publish(f"{unique}/t", b"1", qos=1)
    second = back(client)
    second.accept(second.expect_publish(f"{unique}/t", b"0", dup=True))
    second.accept(second.expect_publish(f"{unique}/t", b"1", dup=False))
    second.ping()


def test_resends_again_after_a_second_break(client, unique):
    sleeper(client, unique, 1)
    client("sender").publish(f"{unique}/t", b"x", qos=1)
    first = back(client)
    sent = first.expect_publish(f"{unique}/t", b"x")
    for _ in range(3):
        first.reset()
        first = back(client)
        first.expect_publish(f"{unique}/t", b"x", dup=True, packet_id=sent.packet_id)
    first.send(mqtt.puback(sent.packet_id))
    first.ping()


def test_acknowledges_late_after_the_resend(client, unique):
    """PUBACK once for the repeat ends it; a second PUBACK for the same identifier disturbs nothing."""
    sleeper(client, unique, 1)
    client("sender").publish(f"{unique}/t", b"x", qos=1)
    back(client).expect_publish(f"{unique}/t", b"x")
    second = back(client)
    got = second.expect_publish(f"{unique}/t", b"x", dup=True)
    second.send(mqtt.puback(got.packet_id) + mqtt.puback(got.packet_id))
    second.ping()


def test_unsubscribe_does_not_stop_the_resend(client, unique):
    """[MQTT-3.10.4-3]: a delivery that has begun is finished."""
    one = client("sleeper", clean=False)
    one.subscribe((f"{unique}/t", 2))
    client("sender").publish(f"{unique}/t", b"x", qos=2)
    sent = one.expect_publish(f"{unique}/t", b"x", qos=2)
    one.unsubscribe(f"{unique}/t")
    one.reset()
    second = back(client)
    again = second.expect_publish(f"{unique}/t", b"x", qos=2, dup=True, packet_id=sent.packet_id)
    second.accept(again)
    second.ping()


# The sleeper is the sender.


def test_repeated_publish_of_qos_1_is_a_new_message(client, unique):
    """[MQTT-4.3.2-2]: after PUBACK the broker has forgotten the identifier, whatever DUP says."""
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 1))
    one = client("sender", clean=False)
    one.publish(f"{unique}/t", b"x", qos=1, packet_id=7)
    one.reset()
    again = client("sender", clean=False, session_present=True)
    again.send(mqtt.publish(f"{unique}/t", b"x", qos=1, packet_id=7, dup=True))
    again.expect(mqtt.PUBACK, packet_id=7)
    assert len(watcher.collect(2)) == 2


def test_repeated_publish_of_qos_2_in_a_new_connection_is_delivered_once(client, unique):
    """[MQTT-4.3.3-2]: the identifiers that the broker has received are part of the session."""
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 2))
    one = client("sender", clean=False)
    one.send(mqtt.publish(f"{unique}/t", b"x", qos=2, packet_id=7))
    one.expect(mqtt.PUBREC, packet_id=7)
    one.reset()
    again = client("sender", clean=False, session_present=True)
    again.send(mqtt.publish(f"{unique}/t", b"x", qos=2, packet_id=7, dup=True))
    again.expect(mqtt.PUBREC, packet_id=7)
    again.send(mqtt.pubrel(7))
    again.expect(mqtt.PUBCOMP, packet_id=7)
    assert [message.payload for message in fence(again, watcher, qos=2)] == [b"x"]


def test_pubrel_in_a_new_connection_completes_the_message(client, unique):
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 2))
    one = client("sender", clean=False)
    one.send(mqtt.publish(f"{unique}/t", b"x", qos=2, packet_id=7))
    one.expect(mqtt.PUBREC, packet_id=7)
    one.reset()
    again = client("sender", clean=False, session_present=True)
    again.send(mqtt.pubrel(7))
    again.expect(mqtt.PUBCOMP, packet_id=7)
    assert [message.payload for message in fence(again, watcher, qos=2)] == [b"x"]


def test_clean_reconnect_forgets_the_received_identifiers(client, unique):
    """Identifier 7 of a wiped session means nothing in the next: a new PUBLISH under it is a new message."""
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 0))
    for payload in (b"first", b"second"):
        one = client("sender", clean=True)
        one.send(mqtt.publish(f"{unique}/t", payload, qos=2, packet_id=7))
        one.expect(mqtt.PUBREC, packet_id=7)
        one.send(mqtt.pubrel(7))
        one.expect(mqtt.PUBCOMP, packet_id=7)
        one.reset()
    assert [message.payload for message in fence(client("last"), watcher)] == [b"first", b"second"]


# Ceilings of the queue


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.differs("counts in-flight slots and the queue together")
def test_queue_ends_at_its_messages_ceiling(client, make_broker, unique, qos):
    """The oldest stay, the newest are dropped, and the session works on."""
    broker = make_broker(limits={"queued_messages_max": 10})
    one = client("sleeper", at=broker, clean=False)
    one.subscribe((f"{unique}/#", qos))
    one.disconnect()
    sender = client("sender", at=broker)
    for number in range(25):
        sender.publish(f"{unique}/t", b"%d" % number, qos=qos)
    again = back(client, at=broker)
    assert [int(message.payload) for message in again.collect(10)] == list(range(10))
    assert fence(sender, again, qos=1) == []
    sender.publish(f"{unique}/t", b"after", qos=qos)
    assert again.collect(1)[0].payload == b"after"


@ours
def test_queue_ends_at_its_bytes_ceiling(client, make_broker, unique):
    broker = make_broker(limits={"queued_bytes_max": 100_000})
    one = client("sleeper", at=broker, clean=False)
    one.subscribe((f"{unique}/#", 1))
    one.disconnect()
    sender = client("sender", at=broker)
    for number in range(30):
        sender.publish(f"{unique}/t", b"%06d" % number + bytes(10_000), qos=1)
    again = back(client, at=broker)
    got = [int(message.payload[:6]) for message in fence(sender, again, qos=1)]
    assert got == list(range(len(got))), "not the oldest were kept"
    assert 5 <= len(got) <= 10


@ours
def test_queue_of_zero_messages_keeps_nothing(client, make_broker, unique):
    broker = make_broker(limits={"queued_messages_max": 0})
    one = client("sleeper", at=broker, clean=False)
    one.subscribe((f"{unique}/#", 1))
    one.disconnect()
    sender = client("sender", at=broker)
    sender.publish(f"{unique}/t", b"x", qos=1)
    again = back(client, at=broker)
    assert fence(sender, again) == []


# Absences that end a session


@pytest.fixture
def forgetful(make_broker, client):
    """Starts a broker that ends sessions, with a client that waits for its figures: forgetful(interval, shards=...)."""

    def start(interval, **options):
        broker = make_broker(session_expiry_interval=interval, sys_interval=1, **options)
        watcher = client("watcher", at=broker)
        watcher.subscribe("$SYS/broker/#")
        return broker, lambda **wanted: wait_figures(watcher, wanted)

    return start


def wait_figures(watcher, wanted):
    """Until the figures have these values in $SYS messages: clients_expired=2 is that of clients/expired."""
    deadline, seen = Deadline(20), {}
    while any(seen.get(name) != value for name, value in wanted.items()):
        assert not deadline.passed(), f"{ {name: seen.get(name) for name in wanted} } instead of {wanted}"
        packet = watcher.receive()
        seen[packet.topic.removeprefix("$SYS/broker/").replace("/", "_")] = packet.payload.decode()


@ours
@pytest.mark.parametrize("shards", [1, 2])
def test_session_ends_when_its_client_stays_away(client, forgetful, unique, shards):
    """With its subscriptions and with what waited; and what comes later does not wait for it."""
    broker, wait = forgetful(1, shards=shards)
    names = [f"sleeper-{number}" for number in range(6)]  # on both shards
    for name in names:
        one = client(name, at=broker, clean=False)
        one.subscribe((f"{unique}/#", 1))
        one.disconnect()
    sender = client("sender", at=broker)
    sender.publish(f"{unique}/t", b"before", qos=1)
    wait(clients_expired="6", clients_total="2", clients_disconnected="0", messages_queued="0", subscriptions_count="1")
    sender.publish(f"{unique}/t", b"after", qos=1)
    for name in names:
        again = client(name, at=broker, clean=False, session_present=False)
        assert fence(sender, again) == []


@ours
@pytest.mark.parametrize("shards", [1, 2])
def test_session_whose_client_is_back_stays(client, forgetful, unique, shards):
    """However long its first absence is ago. It is taken over at last, so that no second one can end it."""
    broker, wait = forgetful(2, shards=shards)
    sleeper(client, unique, at=broker)
    one = back(client, at=broker)
    for number in range(4):
        client(f"gone-{number}", at=broker, clean=False).disconnect()
    wait(clients_expired="4", clients_total="2")
    again = back(client, at=broker)
    one.expect_close()
    client("sender", at=broker).publish(f"{unique}/t", b"x", qos=1)
    again.accept(again.expect_publish(f"{unique}/t", b"x", qos=1))


@ours
def test_clean_session_does_not_count_as_expired(client, forgetful):
    broker, wait = forgetful(0)
    client("clean", at=broker, clean=True).disconnect()
    client("kept", at=broker, clean=False).disconnect()
    wait(clients_expired="1", clients_total="1")


@ours
def test_many_sessions_end_that_were_left_at_once(client, forgetful):
    """More than a shard ends in one turn."""
    broker, wait = forgetful(0, shards=1)
    leaving = [client(at=broker, clean=False) for _ in range(600)]
    os.kill(broker.pid, signal.SIGSTOP)
    for one in leaving:
        one.send(mqtt.disconnect())
    os.kill(broker.pid, signal.SIGCONT)
    wait(clients_expired="600", clients_total="1")


# Keep-alive


def silent_seconds(client):
    """How long the broker bears the silence of a client with keep-alive 1, from just before its CONNECT."""
    begun = time.monotonic()
    client(keepalive=1).expect_close(20)
    return time.monotonic() - begun


def test_keepalive_closes_after_one_and_a_half_times(client):
    """[MQTT-3.1.2-24]: not before one period, and at about one and a half. The upper bound leaves room for a busy machine."""
    silent = silent_seconds(client)
    assert 1.0 <= silent <= 6.0, f"closed after {silent:.2f} s"


@ours
def test_keepalive_is_not_shorter_than_one_and_a_half_times(client):
    silent = silent_seconds(client)
    assert silent >= 1.49, f"closed after {silent:.2f} s"


def test_any_packet_keeps_the_connection_alive(client, unique):
    """Both clients ask for the same; the one that goes on sending outlives the one that is silent, twice over."""
    for packet, reply in ((mqtt.pingreq(), mqtt.PINGRESP), (mqtt.publish(f"{unique}/t", b"x", qos=1, packet_id=1), mqtt.PUBACK)):
        active, silent = client("active", keepalive=1), client("silent", keepalive=1)
        while not silent.closed_by_broker:
            active.send(packet)
            active.expect(reply)
            silent.look(0.3)
        active.ping()


def test_messages_to_a_client_do_not_keep_it_alive(client, unique):
    """Only what the client sends counts."""
    one = client("one", keepalive=1)
    one.subscribe(f"{unique}/t")
    sender = client("sender")
    deadline = Deadline(20)
    while not one.closed_by_broker:
        assert not deadline.passed(), "a client that sends nothing was kept"
        sender.publish(f"{unique}/t", b"x")
        one.look(0.1)


def test_keepalive_0_means_no_limit(client):
    """A client without keep-alive outlives one with it that connected later."""
    for_ever, short = client("for-ever", keepalive=0), client("short", keepalive=1)
    short.expect_close(20)
    for_ever.ping()


# Growth


def test_fault_dead_sessions_do_not_grow(peers, broker, unique):
    """Clean sessions leave nothing behind: the second 2,000 cost no memory that the first did not."""
    if broker.is_sanitized():
        pytest.skip("a sanitizer keeps freed memory")

    def lives(first):
        for number in range(first, first + 2000):
            one = peers("short-lived")
            one.send(mqtt.connect(f"{unique}-{number}") + mqtt.subscribe(1, [(f"{unique}/{number}/+/x", 1)]))
            one.expect(mqtt.CONNACK)
            one.expect(mqtt.SUBACK)
            one.socket.close()
        return broker.rss_bytes()

    before = lives(0)
    after = lives(2000)
    assert after - before < 512 * 1024, f"{(after - before) / 2000:.0f} bytes for each dead session"
