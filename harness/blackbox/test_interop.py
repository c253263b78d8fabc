# SPDX-License-Identifier: MIT
"""Other people's clients with our broker, our tools with another broker, and all of them with each other."""

import shutil
import threading

import packet as mqtt
import pytest
from broker import HBMQTT_PUB, HBMQTT_SUB
from deadline import SCALE, wait_until
from proxy import CuttingProxy

paho = pytest.importorskip("paho.mqtt.client", reason="python3-paho-mqtt is not installed")

MOSQUITTO_PUB = shutil.which("mosquitto_pub") or "mosquitto_pub"
MOSQUITTO_SUB = shutil.which("mosquitto_sub") or "mosquitto_sub"
LINE_BUFFERED = ["stdbuf", "-oL"]  # it tells what it does on stdout, and does not flush that
LINES = [f"line {number}: \u20ac und \u00fc" for number in range(50)]


# Subscribers: started with a topic, a QoS and the number of messages; they return what ends with the payloads in order.


def hbmqtt_sub(spawn, broker, topic, qos, count):
    process = spawn(HBMQTT_SUB, "--url", broker.url, "-d", "-t", topic, "-q", str(qos), "-n", str(count))
    assert process.err.wait_match("received SUBACK"), process.stderr()
    return lambda: finished(process)


def mosquitto_sub(spawn, broker, topic, qos, count):
    host, port = broker.address
    arguments = ["-h", host, "-p", str(port), "-t", topic, "-q", str(qos), "-C", str(count), "-V", "311"]
    process = spawn(*LINE_BUFFERED, MOSQUITTO_SUB, "-d", "-F", "payload:%p", *arguments)
    assert process.out.wait_match("^Subscribed"), process.stderr()

    def payloads():
        return [line.removeprefix("payload:") for line in finished(process) if line.startswith("payload:")]

    return payloads


def finished(process):
    assert process.wait_exit(30) == 0, process.stderr()
    return process.out.now()


class Paho:
    """A paho client whose loop runs in a thread of its own."""

    def __init__(self, address, client_id="", clean=True):
        self.client = paho.Client(client_id=client_id, clean_session=clean, protocol=paho.MQTTv311)
        self.client.reconnect_delay_set(min_delay=0.02, max_delay=0.1)
        self.client.max_queued_messages_set(0)
        self.client.max_inflight_messages_set(20)
        self.subscribed, self.changed = threading.Event(), threading.Condition()
        self.received, self.published = [], 0
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_publish = self._note_published
        self.client.on_message = self._receive
        self.client.connect(*address, keepalive=60)
        self.client.loop_start()

    def _receive(self, _client, _data, message):
        with self.changed:
            self.received.append(message.payload.decode())
            self.changed.notify_all()

    def subscribe(self, topic, qos):
        self.subscribed.clear()
        self.client.subscribe(topic, qos)
        assert self.subscribed.wait(10 * SCALE), "no SUBACK"

    def payloads(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, 30 * SCALE), f"{len(self.received)} of {count}"
            return list(self.received)

    def _note_published(self, *_):
        with self.changed:
            self.published += 1
            self.changed.notify_all()

    def publish_all(self, topic, lines, qos):
        """Publishes, and waits until every exchange is complete, over reconnects if need be."""
        for line in lines:
            self.client.publish(topic, line, qos)
        with self.changed:
            done = self.changed.wait_for(lambda: self.published >= len(lines), 30 * SCALE)
        assert done, f"{self.published} of {len(lines)} exchanges are complete"

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def paho_sub(_spawn, broker, topic, qos, count):
    one = Paho(broker.address)
    one.subscribe(topic, qos)

    def payloads():
        got = one.payloads(count)
        one.stop()
        return got

    return payloads


# Publishers: send these lines to a topic at a QoS.


def hbmqtt_pub(spawn, broker, topic, qos, lines):
    process = spawn(HBMQTT_PUB, "--url", broker.url, "-t", topic, "-q", str(qos), "-l")
    process.send("".join(line + "\n" for line in lines).encode(), close=True)
    finished(process)


def mosquitto_pub(spawn, broker, topic, qos, lines):
    host, port = broker.address
    process = spawn(MOSQUITTO_PUB, "-h", host, "-p", str(port), "-t", topic, "-q", str(qos), "-V", "311", "-l")
    process.send("".join(line + "\n" for line in lines).encode(), close=True)
    finished(process)


def paho_pub(_spawn, broker, topic, qos, lines):
    one = Paho(broker.address)
    one.publish_all(topic, lines, qos)
    one.stop()


PUBLISHERS = (hbmqtt_pub, mosquitto_pub, paho_pub)
SUBSCRIBERS = (hbmqtt_sub, mosquitto_sub, paho_sub)
AT_OURS = [("broker", publisher, subscriber) for publisher in PUBLISHERS for subscriber in SUBSCRIBERS]
# With another broker a pair says something about us only where one of ours takes part.
AT_MOSQUITTO = [("shared_mosquitto", *pair) for _, *pair in AT_OURS if hbmqtt_pub in pair or hbmqtt_sub in pair]


def name_of(value):
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("where, publisher, subscriber", AT_OURS + AT_MOSQUITTO, ids=name_of)
def test_everybody_with_everybody(request, spawn, unique, where, publisher, subscriber, qos):
    """Fifty lines in order, each once, from each publisher to each subscriber through both brokers."""
    broker = request.getfixturevalue(where)
    payloads = subscriber(spawn, broker, f"{unique}/t", qos, len(LINES))
    publisher(spawn, broker, f"{unique}/t", qos, LINES)
    assert payloads() == LINES


@pytest.mark.parametrize("version", ["31", "311"])
def test_mosquitto_clients_in_both_versions(spawn, broker, unique, version):
    host, port = broker.address
    where = ["-h", host, "-p", str(port), "-V", f"mqttv{version}", "-t", f"{unique}/t"]
    spawn_and_finish(spawn, MOSQUITTO_PUB, *where, "-q", "1", "-r", "-m", "kept")
    assert spawn_and_finish(spawn, MOSQUITTO_SUB, *where, "-C", "1") == ["kept"]
    spawn_and_finish(spawn, MOSQUITTO_PUB, *where, "-q", "1", "-r", "-n")
    assert spawn_and_finish(spawn, MOSQUITTO_SUB, *where, "-W", "1", status=27) == []


@pytest.mark.ours
def test_mosquitto_client_of_5_0_is_told(spawn, broker, unique):
    """It has to understand our refusal."""
    host, port = broker.address
    process = spawn(MOSQUITTO_PUB, "-h", host, "-p", str(port), "-V", "mqttv5", "-t", f"{unique}/t", "-m", "x")
    assert process.wait_exit() != 0
    assert "protocol version" in process.stderr().lower()


def spawn_and_finish(spawn, *argv, status=0):
    process = spawn(*argv)
    assert process.wait_exit(30) == status, process.stderr()
    return process.out.now()


def test_mosquitto_sub_with_a_persistent_session(spawn, broker, unique):
    host, port = broker.address
    where = ["-h", host, "-p", str(port), "-V", "mqttv311"]
    arguments = [*where, "-t", f"{unique}/t", "-q", "1", "-i", f"{unique}-id", "-c"]
    spawn_and_finish(spawn, MOSQUITTO_SUB, *arguments, "-E")
    for number in range(5):
        spawn_and_finish(spawn, MOSQUITTO_PUB, *where, "-t", f"{unique}/t", "-q", "1", "-m", str(number))
    assert spawn_and_finish(spawn, MOSQUITTO_SUB, *arguments, "-C", "5") == ["0", "1", "2", "3", "4"]


def test_will_of_mosquitto_sub(spawn, broker, client, unique):
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/will", 1))
    host, port = broker.address
    will = ["--will-topic", f"{unique}/will", "--will-payload", "bye", "--will-qos", "1"]
    process = spawn(*LINE_BUFFERED, MOSQUITTO_SUB, "-d", "-h", host, "-p", str(port), "-t", f"{unique}/t", *will)
    process.out.wait_match("^Subscribed")
    process.kill()
    assert watcher.collect(1)[0].payload == b"bye"


# A reconnect in the middle of QoS 2. paho connects again by itself; the proxy loses one packet of each kind with the connection.


@pytest.fixture
def proxy(broker):
    one = CuttingProxy(broker.address)
    yield one
    one.close()


@pytest.mark.parametrize("lost", [mqtt.PUBLISH, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP], ids=lambda kind: mqtt.NAMES[kind])
def test_publisher_reconnects_in_the_middle_of_qos_2(proxy, client, unique, lost):
    """Whatever packet of the exchange is lost, each message arrives once."""
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 2))
    sender = Paho(proxy.address, f"{unique}-paho", clean=False)
    proxy.cut_at(lost, lost)
    sender.publish_all(f"{unique}/t", LINES[:10], 2)
    proxy.wait_all_cut()
    client("last").publish(f"{unique}/t", b"end", qos=2)
    got = []
    while "end" not in got:
        got.append(watcher.collect(1)[0].payload.decode())
    assert sorted(got[:-1]) == LINES[:10]
    sender.stop()


@pytest.mark.parametrize("lost", [mqtt.PUBLISH, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP], ids=lambda kind: mqtt.NAMES[kind])
def test_subscriber_reconnects_in_the_middle_of_qos_2(proxy, client, unique, lost):
    receiver = Paho(proxy.address, f"{unique}-paho", clean=False)
    receiver.subscribe(f"{unique}/t", 2)
    proxy.cut_at(lost, lost)
    sender = client("sender")
    for line in LINES[:10]:
        sender.publish(f"{unique}/t", line, qos=2)
    assert receiver.payloads(10) == LINES[:10]
    proxy.wait_all_cut()
    sender.publish(f"{unique}/t", b"end", qos=2)
    assert receiver.payloads(11) == LINES[:10] + ["end"]
    receiver.stop()


@pytest.mark.parametrize("lost", [mqtt.PUBLISH, mqtt.PUBACK], ids=lambda kind: mqtt.NAMES[kind])
def test_subscriber_reconnects_in_the_middle_of_qos_1(proxy, client, unique, lost):
    """Here a message may come twice, but none is lost and the first copies are in order."""
    receiver = Paho(proxy.address, f"{unique}-paho", clean=False)
    receiver.subscribe(f"{unique}/t", 1)
    proxy.cut_at(lost, lost)
    sender = client("sender")
    for line in [*LINES[:10], "end"]:
        sender.publish(f"{unique}/t", line, qos=1)
    wait_until(lambda: "end" in receiver.received, "the last message arrives", 30)
    assert list(dict.fromkeys(receiver.received)) == [*LINES[:10], "end"]
    receiver.stop()
