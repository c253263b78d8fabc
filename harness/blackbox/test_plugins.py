# SPDX-License-Identifier: MIT
"""Plugins: what they hear of, what they can use of the broker, how they come and go, and what comes of those that do not behave."""

import signal

import broker as brokers
import packet as mqtt
import pytest
from deadline import wait_until
from peer import fence
from puppet import MODULES, Puppet

pytestmark = pytest.mark.ours
KINDS = ["worker", "inline"]


@pytest.fixture(params=KINDS)
def puppet(request, make_broker, tmp_path):
    return Puppet(make_broker, tmp_path, request.param)


@pytest.fixture
def start(make_broker, tmp_path):
    """Starts a broker with the plugin: start("worker", plugin={settings}, limits={...})."""
    return lambda kind="worker", **options: Puppet(make_broker, tmp_path, kind, **options)


# Events


def test_hears_of_everything_in_order(puppet, peers):
    one = peers(at=puppet.broker)
    one.connect("one", keepalive=60)
    one.subscribe(("a/#", 1))
    one.send(mqtt.publish("a/b", b"hello", qos=1, packet_id=7, retain=True))
    one.collect(1)
    one.expect(mqtt.PUBACK, packet_id=7)
    one.unsubscribe("a/#")
    one.unsubscribe("never/there")
    one.disconnect()
    puppet.wait("broker_client_disconnected")
    assert puppet.lines("^broker_") == [
        "broker_pre_start '' ",
        "broker_post_start '' ",
        "broker_client_connected 'one' ",
        "broker_client_subscribed 'one' 'a/#' qos 1",
        "broker_message_received 'one' 'a/b' 'hello' qos 1 retain 1",
        "broker_message_broadcast 'one' 'a/b' 'hello' qos 1 retain 1",
        "broker_retained_message '' 'a/b' 'hello' qos 1 retain 1",
        "broker_client_unsubscribed 'one' 'a/#' qos 0",
        "broker_client_disconnected 'one' disconnected",
    ]


def test_hears_of_the_end(puppet):
    puppet.broker.stop()
    assert puppet.lines("shutdown|finished") == ["broker_pre_shutdown '' ", "broker_post_shutdown '' ", "finished"]


def test_hears_of_packets_both_ways(puppet, peers):
    one = peers(at=puppet.broker)
    one.connect("one")
    one.subscribe("a")
    one.send(mqtt.publish("a", b"x" * 100) + mqtt.publish("a", b"y" * 1000) + mqtt.pingreq())
    one.expect_publish("a", b"x" * 100)
    one.expect_publish("a", b"y" * 1000)
    one.expect(mqtt.PINGRESP)
    one.disconnect()
    puppet.wait("mqtt_packet_received 'one' DISCONNECT")
    received = [line.split("' ")[1] for line in puppet.lines("mqtt_packet_received")]
    assert received == ["CONNECT 17", "SUBSCRIBE 8", "PUBLISH 105", "PUBLISH 1006", "PINGREQ 2", "DISCONNECT 2"]
    puppet.wait("mqtt_packet_sent 'one' PINGRESP")
    sent = [line.split("' ")[1] for line in puppet.lines("mqtt_packet_sent")]
    assert sent == ["CONNACK 4", "SUBACK 5", "PUBLISH 105", "PUBLISH 1006", "PINGRESP 2"]


def test_hears_why_a_connection_ended(puppet, peers):
    one = peers(at=puppet.broker)
    one.connect("one")
    two = peers(at=puppet.broker)
    two.connect("one")
    puppet.wait("broker_client_disconnected 'one' session taken over")
    two.send(b"\xf0\x00")
    two.expect_close()
    puppet.wait("broker_client_disconnected 'one' (malformed|protocol)")


def test_hears_of_the_end_of_a_session(puppet, peers):
    kept = peers(at=puppet.broker)
    kept.connect("kept", clean=False)
    kept.disconnect()
    clean = peers(at=puppet.broker)
    clean.connect("clean")
    clean.disconnect()
    puppet.wait("expired 'clean'")
    again = peers(at=puppet.broker)
    again.connect("kept", clean=True)
    puppet.wait("expired 'kept'")


@pytest.mark.parametrize("kind", KINDS)
def test_hears_of_a_session_that_was_left(start, peers, kind):
    puppet = start(kind, session_expiry_interval=1)
    one = peers(at=puppet.broker)
    one.connect("left", clean=False)
    one.disconnect()
    puppet.wait("expired 'left'")


def test_hears_of_wills_and_retained_messages_of_others(puppet, peers):
    one = peers(at=puppet.broker)
    one.connect("one", will=mqtt.Will("gone", b"bye", 1, True))
    one.reset()
    puppet.wait("broker_retained_message '' 'gone' 'bye' qos 1 retain 1")
    assert puppet.lines("broker_message_broadcast") == ["broker_message_broadcast '' 'gone' 'bye' qos 1 retain 1"]


def test_ticks(puppet):
    puppet.wait("^tick$", 3)


def test_inline_hears_whom_a_message_goes_to(start, peers):
    puppet = start("inline")
    for name in ("one", "two"):
        peer = peers(at=puppet.broker)
        peer.connect(name)
        peer.subscribe("a")
    sender = peers(at=puppet.broker)
    sender.connect("sender")
    for _ in range(3):
        sender.publish("a", b"x", qos=1)
    puppet.wait("sent 'a' to", 6)
    assert sorted(set(puppet.lines("^sent"))) == ["sent 'a' to 'one'", "sent 'a' to 'two'"]


# What it can use


def test_looks_into_the_broker(start, peers):
    puppet = start("worker")
    one = peers(at=puppet.broker)
    one.connect("one", username="allow-one")
    one.subscribe(("a/+", 2), ("b/#", 0))
    two = peers(at=puppet.broker)
    two.connect("two", clean=False)
    two.disconnect()
    one.publish("keep/this", b"kept", qos=1, retain=True)
    one.publish("keep/that", b"too", retain=True)
    one.publish("do/sessions")
    puppet.wait("did 'do/sessions': 0")
    assert sorted(puppet.lines("^session ")) == [
        "session 'one' user 'allow-one' connected 1",
        "session 'two' user '' connected 0",
    ]
    one.publish("do/session/two")
    puppet.wait("did 'do/session/two': 0")
    assert len(puppet.lines("^session 'two'")) == 2
    one.publish("do/session/nobody")
    puppet.wait("did 'do/session/nobody': -6")
    one.publish("do/subscriptions/one")
    puppet.wait("did 'do/subscriptions/one': 0")
    assert sorted(puppet.lines("^subscription")) == [
        "subscription 'one' 'a/+' qos 2",
        "subscription 'one' 'b/#' qos 0",
    ]
    one.publish("do/subscriptions/")
    puppet.wait("did 'do/subscriptions/': 0")
    assert len(puppet.lines("^subscription")) == 4
    one.publish("do/retained", b"keep/#")
    puppet.wait("did 'do/retained': 0")
    assert sorted(puppet.lines("^retained")) == ["retained 'keep/that' 'too' qos 0", "retained 'keep/this' 'kept' qos 1"]
    one.publish("do/retained", b"#/wrong")
    puppet.wait("did 'do/retained': -1")


def test_inline_cannot_wait_for_itself(start, peers):
    puppet = start("inline")
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("do/sessions")
    puppet.wait("did 'do/sessions': -3")
    one.ping()


def test_many_sessions_and_messages_come_in_portions(start, peers):
    puppet = start("worker")
    count = 700
    for number in range(count):
        peer = peers(at=puppet.broker)
        peer.connect(f"client-{number}", clean=False)
        peer.disconnect()
    one = peers(at=puppet.broker)
    one.connect("one")
    for number in range(1500):
        one.send(mqtt.publish(f"big/{number}", b"x" * 900, retain=True))
    one.ping()
    one.publish("do/sessions")
    puppet.wait("did 'do/sessions': 0")
    assert {line.split("'")[1] for line in puppet.lines("^session ")} == {f"client-{n}" for n in range(count)} | {"one"}
    one.publish("do/retained", b"big/#")
    puppet.wait("did 'do/retained': 0")
    assert len(puppet.lines("^retained 'big/")) == 1500


def test_publishes(puppet, peers):
    subscriber = peers(at=puppet.broker)
    subscriber.connect("subscriber")
    subscriber.subscribe(("from/plugin", 2))
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("do/broadcast/from/plugin", b"hello", qos=2)
    assert subscriber.collect(1)[0].payload == b"hello"
    puppet.wait("broker_message_broadcast '' 'from/plugin' 'hello' qos 2 retain 0")
    assert not puppet.lines("filter 1 'from/plugin'")


def test_publishes_in_order(start, peers):
    puppet = start("worker", shards=5)
    subscriber = peers(at=puppet.broker)
    subscriber.connect("subscriber")
    subscriber.subscribe(("t", 1))
    one = peers(at=puppet.broker)
    one.connect("one")
    for number in range(200):
        one.send(mqtt.publish("do/broadcast/t", str(number), qos=0))
    assert [int(message.payload) for message in subscriber.collect(200)] == list(range(200))


def test_retains_without_sending(puppet, peers):
    subscriber, one = peers(at=puppet.broker), peers(at=puppet.broker)
    subscriber.connect("subscriber")
    subscriber.subscribe("kept/#")
    one.connect("one")
    one.publish("do/retain/kept/a", b"hello", qos=1)
    puppet.wait("broker_retained_message '' 'kept/a' 'hello'")
    assert [message.topic for message in fence(one, subscriber)] == []
    for name in ("late-1", "late-2", "late-3"):  # whichever shard they live on
        late = peers(at=puppet.broker)
        late.connect(name)
        late.subscribe("kept/#")
        late.expect_publish("kept/a", b"hello", retain=True)
    one.publish("do/retain/kept/a", b"", qos=1)
    puppet.wait("broker_retained_message '' 'kept/a' ''")


def test_what_it_publishes_has_to_be_a_message(puppet, peers):
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("do/broadcast/")
    puppet.wait("did 'do/broadcast/': -1")


# Coming and going


def test_reload_brings_new_settings(puppet, peers):
    one = peers(at=puppet.broker)
    one.connect("one")
    puppet.reload(word="second")
    puppet.wait("settings 'second'")
    one.ping()
    assert not puppet.lines("finished")


def test_reload_with_wrong_settings_keeps_the_old_ones(puppet, peers):
    puppet.reload(word="wrong")
    puppet.log(r"plugin .*puppet.*: it cannot take the new settings")
    puppet.wait("settings 'wrong'")
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("stable/1", b"x", qos=1)
    puppet.wait("filter 1 'stable/1'")


def test_reload_takes_plugins_away_and_brings_others(puppet, peers):
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("deny/1", b"x", qos=1)
    path = puppet.path
    puppet.path = MODULES / f"puppet_{'inline' if puppet.kind == 'worker' else 'worker'}.so"
    puppet.rewrite()
    puppet.wait("finished")
    puppet.wait("settings ''", 2)
    one.publish("a/1", b"x", qos=1)
    puppet.wait("filter 1 'a/1'")
    puppet.path = path
    puppet.broker.settings = puppet.broker.settings | {"plugins": {}}
    (puppet.broker.directory / "hbmqtt.yaml").write_text(brokers.to_yaml(puppet.broker.settings | {"plugins": "[]"}) + "\n")
    puppet.broker.process.signal(signal.SIGHUP)
    puppet.wait("finished", 2)
    one.subscribe("deny/1")
    one.publish("deny/1", b"free", qos=0)
    one.expect_publish("deny/1", b"free")


def test_reload_without_the_file_changes_nothing(puppet, peers):
    puppet.path = MODULES / "absent.so"
    puppet.rewrite()
    puppet.log(r"plugin .*absent\.so cannot be read")
    puppet.log(r"goes on with the configuration that it has")
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("a/1", b"x", qos=1)
    puppet.wait("filter 1 'a/1'")


@pytest.mark.parametrize(
    "plugins, told",
    [
        ({"/nowhere/x.so": {}}, r"hbmqtt.yaml:\d+: plugin /nowhere/x\.so cannot be read: No such file"),
        ({"nothing": {}}, r"plugin nothing: cannot load it: .*/hbmqtt/plugins/nothing\.so"),
        ({str(MODULES / "module_abi.so"): {}}, r"it has the ABI 2, this broker has 1"),
        ({str(MODULES / "puppet_worker.so"): {"typo": 1}}, r"there is no setting 'typo'"),
        ({str(MODULES / "puppet_worker.so"): {"word": "wrong"}}, r"it cannot begin \(-1\)"),
        ({str(MODULES / "puppet_worker.so"): {"answer-default": "x"}}, r"'answer-default': expected deny, allow or no-opinion"),
        ({"event_logger_plugin": {"level": "loud"}}, r"setting 'level': expected error, warning, info or debug"),
    ],
    ids=["path", "name", "abi", "key", "refuses", "terms", "builtin"],
)
def test_one_that_cannot_begin_stops_the_start(tmp_path, plugins, told):
    one = brokers.Broker(tmp_path, brokers.settings_with(plugins=plugins), kind="hbmqtt")
    process = one.spawn_hbmqtt(brokers.to_yaml(one.settings) + "\n")
    assert process.wait_exit() == 2
    assert process.err.wait_match(told)
    one.check_reports()


def test_by_name_it_is_found_in_the_directory(make_broker, tmp_path, peers):
    journal = tmp_path / "journal"
    one = make_broker(**{"plugin-directory": MODULES}, plugins={"puppet_worker": {"journal": journal}})
    peers(at=one).connect("one")
    wait_until(lambda: "broker_client_connected 'one'" in journal.read_text(), "the plugin hears of the client")


# Those built in


def test_event_logger_writes_events_to_the_log(make_broker, peers):
    one = make_broker(plugins={"event_logger_plugin": {}})
    peer = peers(at=one)
    peer.connect("one", username="user")
    peer.subscribe(("a/#", 1))
    peer.publish("a/b", b"hello")
    peer.expect_publish("a/b", b"hello")
    peer.disconnect()
    for line in (
        r"info: plugin event_logger_plugin: broker_pre_start: the broker",
        r"broker_client_connected: client 'one' \(user 'user'\) at \S+:\d+$",
        r"broker_client_subscribed: client 'one' .*, filter 'a/#', QoS 1",
        r"broker_message_received: client 'one' .*, topic 'a/b', 5 bytes, QoS 0",
        r"broker_client_disconnected: client 'one' .*, disconnected",
    ):
        assert one.process.err.wait_match(line)


def test_packet_logger_writes_packets_to_the_log(make_broker, peers):
    one = make_broker(plugins={"packet_logger_plugin": {"level": "info"}})
    peer = peers(at=one)
    peer.connect("one", username="user", password=b"secret")
    peer.ping()
    for line in (
        r"client '' at \S+:\d+ -> CONNECT, \d+ bytes",
        r"client 'one' \(user 'user'\) at \S+:\d+ <- CONNACK, 4 bytes",
        r"client 'one' .* -> PINGREQ, 2 bytes",
        r"client 'one' .* <- PINGRESP, 2 bytes",
    ):
        assert one.process.err.wait_match(line)
    assert "secret" not in one.process.stderr()


def test_taboo_topics_are_for_nobody(make_broker, peers):
    one = make_broker(**{"topic-check": {"enabled": True, "plugins": "[topic_taboo]"}})
    peer, watcher = peers(at=one), peers(at=one)
    watcher.connect("watcher")
    watcher.subscribe("prohibited", "top-secret", "data/classified", "data/+", codes=[0x80, 0x80, 0x80, 0])
    watcher.subscribe("#")
    peer.connect("one", username="admin")  # anybody can say so
    for topic in ("prohibited", "data/classified", "data/open"):
        peer.publish(topic, b"x", qos=1)
    assert [message.topic for message in fence(peer, watcher)] == ["data/open"]


# Those that do not behave


def test_one_that_blocks_loses_events_and_nobody_else_anything(start, peers):
    puppet = start("filter", limits={"plugin_queue_max": 10})
    subscriber, one = peers(at=puppet.broker), peers(at=puppet.broker)
    subscriber.connect("subscriber")
    subscriber.subscribe("stable/1")
    one.connect("one")
    one.publish("stable/1", b"remembered", qos=1)
    one.publish("stall", b"")
    one.ping()
    for number in range(1000):
        one.send(mqtt.publish("stable/1", str(number)))
    assert [message.payload for message in subscriber.collect(1001)][1:] == [str(n).encode() for n in range(1000)]
    puppet.log(r"plugin .*puppet_filter\.so: it does not keep up: \d+ events dropped so far \(limit plugin_queue_max\)")
    puppet.open_gate()
    one.disconnect()
    subscriber.disconnect()
    puppet.broker.stop()
    assert puppet.log(r"unloaded; .* (\d+) events dropped").group(1) != "0"


def test_one_that_blocks_does_not_hold_up_the_end(start, peers):
    puppet = start("worker", limits={"shutdown_timeout_ms": 300})
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("stall", b"")
    puppet.wait("broker_message_received 'one' 'stall'")
    one.disconnect()
    puppet.broker.process.signal(signal.SIGTERM)
    assert puppet.broker.process.wait_exit() == 0
    assert puppet.log(r"plugin .*puppet_worker\.so: it is still at work; the broker ends without it")
    assert not puppet.lines("finished")


def test_one_that_crashes_takes_the_broker_with_it(start, peers):
    """As hbmqtt_plugin.h says: it is one process, and whoever watches over it starts it again."""
    puppet = start("worker")
    one = peers(at=puppet.broker)
    one.connect("one")
    one.send(mqtt.publish("crash", b""))
    status = puppet.broker.process.wait_exit()
    assert status == -signal.SIGSEGV or puppet.broker.is_sanitized()
    puppet.broker.process.kill()
    puppet.broker.process.err.lines.clear()  # a sanitizer tells of the crash, which was wanted


def test_one_that_answers_twice_is_heard_once(puppet, peers):
    one = peers(at=puppet.broker)
    one.connect("one", username="again")
    one.ping()
    puppet.log(r"plugin .*puppet.*: it answered a question a second time, which changes nothing \(1 so far\)")
    one.disconnect()
    puppet.broker.stop()
    puppet.log(r"unloaded; 0 questions not answered in time, 0 answers too late, 1 answers given twice")


def test_one_that_never_answers_is_counted(start, peers):
    puppet = start("inline", plugin={"answer-timeout-ms": 100})
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("never/1", b"x", qos=1)
    puppet.log(r"plugin .*puppet_inline\.so: no answer within 100 ms: denied \(1 times so far\)")
    one.disconnect()
    puppet.broker.stop()
    puppet.log(r"unloaded; 1 questions not answered in time")


def test_one_that_answers_too_late_is_counted(start, peers):
    puppet = start("inline", plugin={"answer-timeout-ms": 100})
    one, other = peers(at=puppet.broker), peers(at=puppet.broker)
    one.connect("one")
    one.publish("pend/1", b"x", qos=1)
    other.connect("other")
    other.publish("answer/allow", b"")
    puppet.wait("answered -2")
    one.disconnect()
    other.disconnect()
    puppet.broker.stop()
    puppet.log(r"unloaded; 1 questions not answered in time, 1 answers too late")


def test_a_slow_inline_call_is_told(start, peers):
    puppet = start("inline")
    one = peers(at=puppet.broker)
    one.connect("one")
    one.publish("slow/1", b"x", qos=1)
    puppet.log(r"plugin .*puppet_inline\.so: topic_filtering took \d+ ms, for which all clients of a thread waited")
