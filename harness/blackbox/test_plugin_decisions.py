# SPDX-License-Identifier: MIT
"""What plugins decide: at once, later, or never; and what that does to the client that waits, and to all others."""

import packet as mqtt
import pytest
from peer import fence
from puppet import Puppet

pytestmark = pytest.mark.ours
KINDS = ["worker", "inline"]
NOBODY = {"auth": {"allow-anonymous": False}}


@pytest.fixture
def start(make_broker, tmp_path):
    """Starts a broker with the plugin: start("worker", plugin={settings}, limits={...})."""
    return lambda kind="worker", **options: Puppet(make_broker, tmp_path, kind, **options)


@pytest.fixture(params=KINDS)
def puppet(request, start):
    return start(request.param)


@pytest.fixture
def at(puppet, peers):
    """Opens clients of the broker with the plugin: at("alice", username=...)."""

    def connect(name, **fields):
        one = peers(name, at=puppet.broker)
        one.connect(name, **fields)
        return one

    return connect


# Who may connect


def test_says_who_may_connect(puppet, at):
    at("good", username="allow", password=b"pass").ping()
    at("bad", username="deny", password=b"pass", code=4).expect_close()
    assert puppet.lines("^authenticate 'good'") == [
        "authenticate 'good' user 'allow' password 'pass' clean 1 keepalive 0 protocol 4 listener 'default'"
    ]
    assert puppet.lines("^connect") == ["connect 'good' user 'allow' vouched 1"]


def test_whom_nobody_knows_gets_in_as_the_configuration_says(puppet, at):
    at("nameless").ping()
    at("unknown", username="none").ping()
    assert puppet.lines("^connect") == ["connect 'nameless' user '' vouched 0", "connect 'unknown' user 'none' vouched 0"]


@pytest.mark.parametrize("kind", KINDS)
def test_without_anonymous_access_one_has_to_say_yes(start, peers, kind):
    puppet = start(kind, **NOBODY)
    for fields, code in ((dict(username="allow"), 0), (dict(username="none"), 4), (dict(username="aside"), 4), (dict(), 5)):
        one = peers(at=puppet.broker)
        one.connect("one", code=code, **fields)
        one.ping() if code == 0 else one.expect_close()


def test_plugins_that_were_not_chosen_are_not_asked(start, peers):
    puppet = start("worker", auth={"allow-anonymous": True, "plugins": "[auth_anonymous]"})
    one = peers(at=puppet.broker)
    one.connect("one", username="deny")
    one.ping()
    assert not puppet.lines("^authenticate")
    assert puppet.lines("^connect") == ["connect 'one' user 'deny' vouched 0"]


def test_may_refuse_whom_another_has_let_in(puppet, at):
    at("deny-this", username="allow", code=5).expect_close()


def test_gives_the_user_its_name(puppet, at):
    one = at("one", username="rename-me")
    assert puppet.lines("^connect") == ["connect 'one' user 'renamed' vouched 1"]
    one.ping()


def test_connects_when_the_answer_comes(puppet, at, peers):
    other = at("other")
    one = peers("waiting", at=puppet.broker)
    one.send(mqtt.connect("waiting", username="pend") + mqtt.subscribe(1, [("a", 0)]) + mqtt.publish("a", b"mine") + mqtt.pingreq())
    puppet.wait("authenticate 'waiting'")
    other.ping()
    assert not one.look()
    other.publish("answer/allow")
    one.expect(mqtt.CONNACK, code=0)
    assert {one.receive().kind for _ in range(3)} == {mqtt.SUBACK, mqtt.PUBLISH, mqtt.PINGRESP}


def test_is_refused_when_the_answer_comes(puppet, at, peers):
    other = at("other")
    one = peers("waiting", at=puppet.broker)
    one.send(mqtt.connect("waiting", username="pend"))
    puppet.wait("authenticate 'waiting'")
    other.publish("answer/deny")
    one.expect(mqtt.CONNACK, code=4)
    one.expect_close()


def test_connect_may_be_pending_twice(puppet, at, peers):
    """Once for who it is, once for whether it may connect; and each client waits for itself, wherever it lives."""
    other = at("other")
    waiting = []
    for number in range(20):
        one = peers(f"pend-{number}", at=puppet.broker)
        one.send(mqtt.connect(f"pend-{number}", username="pend", will=mqtt.Will(f"pend/{number}", b"x")))
        waiting.append(one)
    for step in ("^authenticate 'pend", "^connect 'pend", "^filter 1 'pend"):
        puppet.wait(step, 20)
        other.publish("answer/allow")
    for one in waiting:
        one.expect(mqtt.CONNACK, code=0)
        one.ping()


def test_nothing_of_a_session_is_touched_before(puppet, at, peers):
    owner = at("owner", clean=False, username="allow")
    owner.subscribe(("a", 1))
    for username, code in (("deny", 4), ("pend", 4)):
        thief = peers("thief", at=puppet.broker)
        thief.send(mqtt.connect("owner", clean=True, username=username))
        puppet.wait(f"authenticate 'owner' user '{username}'")
        owner.ping()
        owner.publish("answer/deny")
        thief.expect(mqtt.CONNACK, code=code)
        thief.expect_close()
    owner.send(mqtt.publish("a", b"still mine", qos=0))
    owner.expect_publish("a", b"still mine")
    owner.disconnect()
    at("owner", clean=False, username="allow", session_present=True)


def test_the_time_for_connect_is_over_when_it_has_come(start, peers):
    """Then the plugin's own deadline holds, past which nobody has said that the credentials are wrong."""
    puppet = start("inline", plugin={"answer-timeout-ms": 500}, limits={"connect_timeout_ms": 100})
    one = peers(at=puppet.broker)
    one.connect("one", username="never", code=3)
    one.expect_close()


# What may be done with a topic


def test_a_denied_message_is_acknowledged_and_dropped(at):
    watcher, one = at("watcher"), at("one")
    watcher.subscribe("#")
    for qos in (0, 1, 2):
        one.publish(f"deny/{qos}", b"x", qos=qos)
        one.publish(f"none/{qos}", b"x", qos=qos)  # nobody has an opinion, so no rule allows it
        one.publish(f"allow/{qos}", b"x", qos=qos)
    assert [message.topic for message in fence(one, watcher)] == ["allow/0", "allow/1", "allow/2"]


def test_where_nobody_is_concerned_a_topic_is_free(at):
    one = at("one")
    one.subscribe("aside/#")
    one.publish("aside/1", b"x")
    one.expect_publish("aside/1", b"x")


def test_a_denied_subscription_is_refused(at):
    one = at("one")
    one.subscribe(("deny/#", 1), ("allow/#", 1), ("none/#", 1), ("allow/2", 0), codes=[0x80, 1, 0x80, 0])
    one.publish("allow/1", b"x")
    assert one.collect(1)[0].topic == "allow/1"


def test_a_subscription_waits_for_each_of_its_filters(puppet, at, peers):
    one, other = at("one"), at("other")
    one.send(mqtt.subscribe(7, [("pend/1", 0), ("deny/2", 0), ("pend/3", 1), ("allow/4", 2)]) + mqtt.pingreq())
    puppet.wait("filter 2 'pend/1'")
    other.publish("answer/allow")
    puppet.wait("filter 2 'pend/3'")
    assert len(puppet.lines("filter 2 'pend/1'")) == 1
    other.publish("answer/deny")
    answers = [one.receive(), one.receive()]  # SUBACK may have to wait for other shards
    suback = next(packet for packet in answers if packet.kind == mqtt.SUBACK)
    assert (suback.packet_id, suback.codes) == (7, [0, 0x80, 0x80, 2])
    other.publish("allow/4", b"x", qos=0)
    one.expect_publish("allow/4", b"x")


def test_a_denied_message_does_not_reach_whom_it_is_not_for(start, peers):
    """Receiving is decided for inline plugins only: as the message goes out, as it waits, as it is retained."""
    puppet = start("inline")
    absent, one, late = (peers(at=puppet.broker) for _ in range(3))
    absent.connect("absent", clean=False)
    absent.subscribe(("#", 1))
    absent.disconnect()
    one.connect("one")
    for topic in ("deny/a", "allow/a", "none/a"):
        one.publish(f"do/broadcast/{topic}", b"x", qos=1, retain=True)
        puppet.wait(f"broker_retained_message '' '{topic}'")
    again = peers(at=puppet.broker)
    again.connect("absent", clean=False, session_present=True)
    wanted = {"allow/a"}
    assert {m.topic for m in fence(one, again, qos=1) if not m.topic.startswith("do/")} == wanted
    late.connect("late")
    late.subscribe("+/a")
    assert {m.topic for m in fence(one, late)} == wanted


def test_a_denied_will_is_not_sent(puppet, at):
    watcher = at("watcher")
    watcher.subscribe("#")
    for topic in ("deny/will", "allow/will"):
        one = at(topic[:5], will=mqtt.Will(topic, b"x")) if topic[0] == "a" else at("d", will=mqtt.Will(topic, b"x"))
        one.reset()
        puppet.wait(f"broker_client_disconnected '{'allow' if topic[0] == 'a' else 'd'}'")
    watcher.expect_publish("allow/will")
    watcher.ping()


def test_what_is_stable_is_asked_once(puppet, at):
    one, watcher = at("one"), at("watcher")
    watcher.subscribe("stable/#")
    for _ in range(3):
        one.publish("stable/1", b"x", qos=1)
        one.publish("allow/1", b"x", qos=1)
    one.publish("stable/2", b"x", qos=1)
    assert len(puppet.lines("filter 1 'stable/1'")) == 1
    assert len(puppet.lines("filter 1 'allow/1'")) == 3
    assert len(watcher.collect(4)) == 4
    one.publish("do/forget")
    puppet.wait("did 'do/forget'")
    one.publish("stable/1", b"x", qos=1)
    assert len(puppet.lines("filter 1 'stable/1'")) == 2
    puppet.reload(word="anew")
    puppet.wait("settings 'anew'")
    one.publish("stable/3", b"x", qos=1)
    one.publish("stable/1", b"x", qos=1)
    assert len(puppet.lines("filter 1 'stable/1'")) == 3
    one.disconnect()
    at("one").publish("stable/1", b"x", qos=1)
    assert len(puppet.lines("filter 1 'stable/1'")) == 4


@pytest.mark.parametrize("kind", ["inline", "filter"])
def test_bursts_go_on_where_verdicts_are_stable(start, peers, kind):
    puppet = start(kind)
    watchers = [peers(at=puppet.broker) for _ in range(3)]
    for number, one in enumerate(watchers):
        one.connect(f"watcher-{number}")
        one.subscribe("stable/#", "allow/#")
    sender = peers(at=puppet.broker)
    sender.connect("sender")
    payloads = [str(number).encode() for number in range(2000)]
    sender.send(b"".join(mqtt.publish("stable/1" if number % 100 else "allow/1", one) for number, one in enumerate(payloads)))
    for one in watchers:
        assert [message.payload for message in one.collect(2000)] == payloads


# Messages


def test_changes_a_message(puppet, at):
    watcher, one = at("watcher"), at("one")
    watcher.subscribe(("#", 2))
    one.publish("change/1", b"payload", qos=2)
    got = watcher.expect_publish("changed/1", b"<payload>", qos=2)
    watcher.accept(got)
    puppet.wait("broker_message_received 'one' 'changed/1' '<payload>' qos 2 retain 0")


def test_changes_a_will(puppet, at):
    watcher = at("watcher")
    watcher.subscribe("#")
    one = at("one", will=mqtt.Will("change/will", b"bye"))
    one.reset()
    watcher.expect_publish("changed/will", b"<bye>")


def test_a_change_that_is_no_message_is_refused(puppet, at):
    watcher, one = at("watcher"), at("one")
    watcher.subscribe("#")
    one.publish("change/1", b"bad", qos=1)
    assert fence(one, watcher) == []
    puppet.log(r"plugin .*puppet.*: its answer cannot be: no verdict, or no topic, QoS or user name of MQTT")


def test_refuses_a_message(puppet, at):
    watcher, one = at("watcher"), at("one")
    watcher.subscribe("#")
    one.publish("allow/1", b"message:deny", qos=1)
    one.publish("allow/2", b"message:allow", qos=1)
    assert [message.topic for message in fence(one, watcher)] == ["allow/2"]


# Waiting


def test_a_held_client_keeps_its_order_and_holds_up_nobody(puppet, at):
    watcher, held, other = at("watcher"), at("held"), at("other")
    watcher.subscribe(("#", 1))
    held.send(b"".join(mqtt.publish(topic, b"x", qos=1, packet_id=number + 1) for number, topic in enumerate(("pend/1", "allow/2", "pend/3", "allow/4"))))
    puppet.wait("filter 1 'pend/1'")
    for number in range(500):
        other.publish(f"stable/{number % 7}", b"x", qos=1)
    assert [message.topic for message in watcher.collect(500)] == [f"stable/{number % 7}" for number in range(500)]
    assert not held.look()
    other.publish("answer/allow")
    puppet.wait("filter 1 'pend/3'")
    other.publish("answer/allow")
    topics = [message.topic for message in watcher.collect(6) if not message.topic.startswith("answer")]
    assert topics == ["pend/1", "allow/2", "pend/3", "allow/4"]
    assert [held.receive().packet_id for _ in range(4)] == [1, 2, 3, 4]


@pytest.mark.parametrize("default, delivered", [(None, []), ("deny", []), ("allow", ["never/1"]), ("no-opinion", [])])
def test_past_the_deadline_the_default_holds(start, peers, default, delivered):
    settings = {"answer-timeout-ms": 100} | ({"answer-default": default} if default else {})
    puppet = start("inline", plugin=settings)
    watcher, one = peers(at=puppet.broker), peers(at=puppet.broker)
    watcher.connect("watcher")
    watcher.subscribe("never/1", codes=[{"allow": 0}.get(default, 0x80)])
    one.connect("one")
    one.publish("never/1", b"x", qos=1)
    assert [message.topic for message in fence(one, watcher)] == delivered


def test_a_blocked_worker_denies_past_the_deadline(start, peers):
    puppet = start("worker", plugin={"answer-timeout-ms": 200})
    one, two = peers(at=puppet.broker), peers(at=puppet.broker)
    one.connect("one")
    two.connect("two")
    two.subscribe("#")
    one.publish("block/1", b"x", qos=1)
    one.publish("allow/1", b"x", qos=1)  # waits behind it in the plugin's queue, in vain
    two.ping()
    puppet.open_gate()
    puppet.log(r"it answered a question after its deadline")
    one.publish("allow/2", b"x", qos=1)
    two.expect_publish("allow/2")
    assert not puppet.lines("filter 1 'allow/1'")


def test_while_it_is_held_a_client_need_not_be_alive(puppet, at):
    one, other = at("one", keepalive=1), at("other")
    one.send(mqtt.publish("pend/1", b"x", qos=1, packet_id=1))
    puppet.wait("filter 1 'pend/1'")
    puppet.wait_ticks(50)  # 2.5 s
    other.publish("answer/allow")
    one.expect(mqtt.PUBACK, packet_id=1)
    puppet.wait_ticks(14)  # 0.7 s: a time of 1.5 s begins when it is let go
    one.ping()


def test_what_was_sent_before_the_end_is_carried_out(puppet, at, peers):
    """As a program that publishes one message and leaves: nothing of it may be lost because it had to wait."""
    watcher, other = at("watcher"), at("other")
    watcher.subscribe("#")
    one = peers(at=puppet.broker)
    one.send(mqtt.connect("one", username="pend") + mqtt.publish("pend/1", b"x") + mqtt.publish("allow/2", b"y") + mqtt.disconnect())
    one.close()
    puppet.wait("authenticate 'one'")
    other.publish("answer/allow")
    puppet.wait("filter 1 'pend/1'")
    other.publish("answer/allow")
    assert [m.topic for m in watcher.collect(4) if not m.topic.startswith("answer")] == ["pend/1", "allow/2"]
    puppet.wait("broker_client_disconnected 'one' disconnected")


def test_an_answer_for_one_who_has_gone_finds_nobody(puppet, at):
    one, other = at("one"), at("other")
    one.send(mqtt.publish("pend/1", b"x", qos=1, packet_id=1))
    puppet.wait("filter 1 'pend/1'")
    again = at("one")  # takes over, and lets go of what was held
    one.expect_close()
    other.publish("answer/allow")
    puppet.wait("answered -2")
    again.ping()
    assert not puppet.lines("broker_message_received 'one'")
    assert "answered a question" not in puppet.broker.process.stderr()


def test_a_message_of_qos_2_that_was_held_is_taken_when_it_comes_again(puppet, at):
    """It was not acknowledged, so it was not received: its repetition is no duplicate."""
    watcher, one = at("watcher"), at("one", clean=False)
    watcher.subscribe(("#", 2))
    one.send(mqtt.publish("pend/1", b"x", qos=2, packet_id=9))
    puppet.wait("filter 1 'pend/1'")
    one.reset()
    other = at("other")
    again = at("one", clean=False, session_present=True)
    again.send(mqtt.publish("pend/1", b"x", qos=2, packet_id=9, dup=True))
    puppet.wait("filter 1 'pend/1'", 2)
    other.publish("answer/allow")
    again.expect(mqtt.PUBREC, packet_id=9)
    again.send(mqtt.pubrel(9))
    again.expect(mqtt.PUBCOMP, packet_id=9)
    assert [m.topic for m in watcher.collect(2) if not m.topic.startswith("answer")] == ["pend/1"]


def test_large_packets_in_pieces_are_held(puppet, at):
    watcher, one, other = at("watcher"), at("one"), at("other")
    watcher.subscribe("allow/#")
    payload = bytes(range(256)) * 2000
    one.send(mqtt.publish("pend/1", payload) + mqtt.publish("allow/1", payload) + mqtt.publish("allow/2", b"end"))
    puppet.wait("filter 1 'pend/1'")
    other.publish("answer/deny")
    watcher.expect_publish("allow/1", payload)
    watcher.expect_publish("allow/2", b"end")


def test_many_small_packets_behind_a_held_one(puppet, at):
    watcher, one, other = at("watcher"), at("one"), at("other")
    watcher.subscribe("stable/#")
    payloads = [str(number).encode() for number in range(5000)]
    one.send(mqtt.publish("pend/1") + b"".join(mqtt.publish("stable/1", payload) for payload in payloads))
    puppet.wait("filter 1 'pend/1'")
    other.publish("answer/allow")
    assert [message.payload for message in watcher.collect(5000, 60)] == payloads


def test_other_plugins_are_asked_anew(puppet, at):
    """A question that is open when the plugins change goes to those that there are then."""
    one = at("one")
    one.send(mqtt.publish("pend/1", b"x", qos=1, packet_id=1))
    puppet.wait("filter 1 'pend/1'")
    puppet.reload(word="anew")
    puppet.wait("filter 1 'pend/1'", 2)
    at("other").publish("answer/allow")
    one.expect(mqtt.PUBACK, packet_id=1)
    assert puppet.wait("^answered", 2) == ["answered -2", "answered 0"]
    assert len(puppet.wait("broker_message_received 'one'")) == 1


def test_a_broker_that_stops_gives_up_who_is_held(puppet, at):
    one = at("one")
    one.send(mqtt.publish("pend/1", b"x", qos=1, packet_id=1))
    puppet.wait("filter 1 'pend/1'")
    puppet.broker.stop()
    one.expect_close()
