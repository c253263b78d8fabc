# SPDX-License-Identifier: MIT
"""The tools while their broker goes away and comes back: restart, kill -9, SIGSTOP, an unplugged network, and a connection that is cut
at any byte.

Both brokers keep the sessions of a connection that breaks. A broker that is killed forgets what it had not written down, so that only this
can hold over it: whatever was not acknowledged is published again, and messages that arrive are in order.
"""

import os
import random
import shutil
import signal
import subprocess

import packet as mqtt
import pytest
from breaker import Breaker
from broker import HBMQTT, HBMQTT_PUB, HBMQTT_SUB, MOSQUITTO, SHARDS, free_port, settings_with, to_yaml
from deadline import Deadline, wait_until
from process import Process

# HBMQTT_RECONNECT_MESSAGES=100000 is what the promise says; the default is as many as a stage of CI has time for.
MESSAGES = int(os.environ.get("HBMQTT_RECONNECT_MESSAGES", "10000"))
SOME = MESSAGES // 2  # bytes of output: a tenth of the messages has come, and the rest has not
SECONDS = 120


class Restartable:
    """A broker that always listens at the same address. mosquitto writes its sessions down when it ends in order."""

    def __init__(self, kind, directory, host="127.0.0.1", prefix=()):
        self.kind, self.host, self.prefix = kind, host, list(prefix)
        self.port = free_port()
        self.url = f"mqtt://{host}:{self.port}"
        self.config = directory / f"{kind}.conf"
        self.config.write_text(self._mosquitto(directory) if kind == "mosquitto" else self._hbmqtt())
        self.process = None

    def _hbmqtt(self):
        limits = {"queued_messages_max": 2 * MESSAGES, "queued_bytes_max": 1 << 28}
        return to_yaml(settings_with(listeners={"default": {"bind": f"{self.host}:{self.port}"}}, limits=limits)) + "\n"

    def _mosquitto(self, directory):
        lines = [f"listener {self.port} {self.host}", "allow_anonymous true", "sys_interval 0", "max_queued_messages 0"]
        lines += ["max_inflight_messages 1000", "persistence true", f"persistence_location {directory}/", "set_tcp_nodelay true"]
        return "\n".join([*lines, "log_dest stderr", "log_type error", "user root"]) + "\n"

    def start(self):
        argv = [MOSQUITTO] if self.kind == "mosquitto" else [HBMQTT, "-j", SHARDS]
        self.process = Process([*self.prefix, *argv, "-c", self.config])
        return self

    def stop(self, number):
        self.process.signal(number)
        self.process.wait_exit(30)


@pytest.fixture(params=["hbmqtt", "mosquitto"])
def place(request, tmp_path):
    one = Restartable(request.param, tmp_path).start()
    yield one
    one.process.kill()


@pytest.fixture
def numbers(tmp_path):
    """A file of lines with their numbers."""

    def write(count):
        path = tmp_path / "numbers"
        path.write_text("".join(f"{number}\n" for number in range(count)))
        return path

    return write


class Pair:
    """hbmqtt_sub that writes into a file, and hbmqtt_pub that reads one."""

    def __init__(self, spawn, tmp_path, unique, qos, options=()):
        self.spawn, self.unique, self.qos = spawn, unique, str(qos)
        self.output = tmp_path / "output"
        self.options = ["--auto-reconnect", "--reconnect-max-interval", "1", "-q", self.qos, "-k2", *options]
        self.sub = self.pub = None

    def subscribe(self, url, count):
        command = [HBMQTT_SUB, "--url", url, "-t", f"{self.unique}/t", "-i", f"{self.unique}-sub", *self.options, "-n", str(count)]
        shown = " ".join(map(str, command))
        self.sub = self.spawn("sh", "-c", f"exec {shown} > {self.output}")

    def publish(self, url, source, *more):
        command = [HBMQTT_PUB, "--url", url, "-t", f"{self.unique}/t", "-i", f"{self.unique}-pub", *self.options, "-f", source, *more]
        self.pub = self.spawn(*command)

    def lines(self):
        return self.output.read_text().split()

    def wait_for(self, size):
        """Until the output has so many bytes."""
        wait_until(lambda: self.output.exists() and self.output.stat().st_size >= size, "output grows", SECONDS)


@pytest.fixture
def pair(spawn, tmp_path, unique):
    return lambda qos, *options: Pair(spawn, tmp_path, unique, qos, options)


def probe(one, url, word):
    """Publishes a word until the subscriber has printed it: so its subscription stands."""
    command = [HBMQTT_PUB, "--url", url, "-t", f"{one.unique}/t", "-m", word, "-q", one.qos]
    deadline = Deadline(60)
    while not (one.output.exists() and word in one.output.read_text()):
        assert not deadline.passed(), one.sub.stderr()
        subprocess.run(command, check=False, capture_output=True)


def start_pair(one, place, source, count, *more):
    one.subscribe(place.url, count)
    probe(one, place.url, "first")
    one.publish(place.url, source, *more)


def judge(one, count, qos):
    """Everything arrived, in order; at QoS 2 exactly once."""
    assert one.pub.wait_exit(SECONDS) == 0, one.pub.stderr()
    numbers = [int(line) for line in one.lines() if line != "first"]
    first_copies = list(dict.fromkeys(numbers))
    assert first_copies == list(range(count))
    assert qos == 1 or len(numbers) == count, f"{len(numbers) - count} came twice"


def finish(one, count):
    """Ends the subscriber once the last message has come."""
    last = f"\n{count - 1}\n"
    wait_until(lambda: one.output.read_text().endswith(last), "the last message comes", SECONDS)
    one.sub.signal(signal.SIGTERM)
    one.sub.wait_exit(30)


# Freezing


@pytest.mark.parametrize("qos", [1, 2])
def test_frozen_broker(place, pair, numbers, qos):
    """A half-open connection is noticed within the keep-alive period, and the session goes on afterwards."""
    one = pair(qos)
    start_pair(one, place, numbers(MESSAGES), 0)
    one.wait_for(SOME)
    place.process.signal(signal.SIGSTOP)
    assert one.sub.err.wait_match("trying again", 30)
    place.process.signal(signal.SIGCONT)
    assert one.pub.wait_exit(SECONDS) == 0, one.pub.stderr()
    finish(one, MESSAGES)
    judge(one, MESSAGES, qos)


# Cuts at any byte


@pytest.mark.parametrize("seed", range(1, 1 + max(1, 3 * MESSAGES // 100_000)))
@pytest.mark.parametrize("qos", [1, 2])
def test_connection_that_breaks_again_and_again(place, pair, numbers, qos, seed):
    count = MESSAGES // 5
    rng = random.Random(seed)
    one = pair(qos)
    address = (place.host, place.port)
    breaker = Breaker(address, [rng.choice((1, 13, 20, 400, 5_000, 60_000)) + rng.randrange(9) for _ in range(40)])
    # mosquitto 2.0.11 sends PUBLISH again after PUBREL when a connection breaks twice in a row, against [MQTT-4.3.3-6].
    one.subscribe(place.url if place.kind == "mosquitto" and qos == 2 else breaker.url, 0)
    probe(one, place.url, "first")
    one.publish(breaker.url, numbers(count))
    assert one.pub.wait_exit(SECONDS) == 0, one.pub.stderr()
    finish(one, count)
    breaker.close()
    assert breaker.breaks > 5
    judge(one, count, qos)


# Going away


@pytest.mark.parametrize("qos", [1, 2])
def test_restarted_broker_that_writes_down(tmp_path, pair, numbers, qos):
    """mosquitto keeps its sessions over an end in order, and so everything holds."""
    place = Restartable("mosquitto", tmp_path).start()
    one = pair(qos)
    start_pair(one, place, numbers(MESSAGES), 0)
    one.wait_for(SOME)
    place.stop(signal.SIGTERM)
    assert one.sub.err.wait_match("trying again", 30)
    place.start()
    assert one.pub.wait_exit(SECONDS) == 0, one.pub.stderr()
    finish(one, MESSAGES)
    judge(one, MESSAGES, qos)
    place.process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("qos", [1, 2])
def test_broker_that_forgets(place, pair, qos, number):
    """What it had acknowledged and not passed on is gone with it, and so is the subscription until the subscriber is back. All the rest
    arrives, in order, and the tools end well."""
    one = pair(qos)
    start_pair(one, place, "-", 0)
    half = MESSAGES // 2
    one.pub.send(b"".join(b"%d\n" % line for line in range(half)))
    one.wait_for(SOME)
    place.stop(number)
    assert one.sub.err.wait_match("trying again", 30)
    place.start()
    probe(one, place.url, "again")
    one.pub.send(b"".join(b"%d\n" % line for line in range(half, MESSAGES)), close=True)
    assert one.pub.wait_exit(SECONDS) == 0, one.pub.stderr()
    finish(one, MESSAGES)
    got = [int(line) for line in one.lines() if line not in ("first", "again")]
    first_copies = list(dict.fromkeys(got))
    assert first_copies == sorted(first_copies)
    gaps = sum(after != before + 1 for before, after in zip(first_copies, first_copies[1:]))
    assert gaps <= 1, "lost at more than the one moment of its death"
    assert first_copies[-half:] == list(range(half, MESSAGES))


def test_everything_unacknowledged_reaches_the_next_broker(spawn, fake_broker, tmp_path):
    """The broker dies with messages in every state; the next one, which knows nothing, gets all that was not acknowledged."""
    source = tmp_path / "lines"
    source.write_text("".join(f"{number}\n" for number in range(4)))
    options = ["-i", "id", "--auto-reconnect", "--reconnect-max-interval", "0"]
    process = spawn(HBMQTT_PUB, "--url", fake_broker.url, "-t", "t", "-q2", "-f", source, *options)
    peer, connect = fake_broker.serve_connect()
    assert not connect.clean
    ids = [peer.expect_publish("t", b"%d" % number, qos=2, dup=False).packet_id for number in range(4)]
    peer.send(mqtt.pubrec(ids[0]) + mqtt.pubrec(ids[1]))
    peer.expect(mqtt.PUBREL, packet_id=ids[0])
    peer.send(mqtt.pubcomp(ids[0]))
    peer.expect(mqtt.PUBREL, packet_id=ids[1])
    peer.reset()
    peer, _ = fake_broker.serve_connect()
    for number in (1, 2, 3):
        publish = peer.expect_publish("t", b"%d" % number, qos=2, dup=False)
        peer.send(mqtt.pubrec(publish.packet_id))
    for _ in range(3):
        peer.send(mqtt.pubcomp(peer.expect(mqtt.PUBREL).packet_id))
    peer.expect(mqtt.DISCONNECT)
    assert process.wait_exit() == 0


def test_session_goes_on_in_order_and_with_dup(spawn, fake_broker, tmp_path):
    """[MQTT-4.4.0-1, MQTT-4.6.0-1]: PUBREL where PUBREC had come, the rest with DUP and its identifier, then what is new."""
    source = tmp_path / "lines"
    source.write_text("".join(f"{number}\n" for number in range(5)))
    options = ["-i", "id", "--auto-reconnect", "--reconnect-max-interval", "0", "-M", "4"]
    process = spawn(HBMQTT_PUB, "--url", fake_broker.url, "-t", "t", "-q2", "-f", source, *options)
    peer, _ = fake_broker.serve_connect()
    ids = [peer.expect_publish("t", b"%d" % number, qos=2).packet_id for number in range(4)]
    peer.send(mqtt.pubrec(ids[0]))
    peer.expect(mqtt.PUBREL, packet_id=ids[0])
    peer.reset()
    peer = fake_broker.accept()
    peer.expect(mqtt.CONNECT)
    peer.send(mqtt.connack(session_present=True))
    peer.expect(mqtt.PUBREL, packet_id=ids[0])
    for number in (1, 2, 3):
        peer.expect_publish("t", b"%d" % number, qos=2, dup=True, packet_id=ids[number])
    peer.send(b"".join(map(mqtt.pubrec, ids[1:])))
    for number in (1, 2, 3):
        peer.expect(mqtt.PUBREL, packet_id=ids[number])
    peer.send(b"".join(map(mqtt.pubcomp, ids)))
    last = peer.expect_publish("t", b"4", qos=2, dup=False)
    peer.send(mqtt.pubrec(last.packet_id))
    peer.expect(mqtt.PUBREL)
    peer.send(mqtt.pubcomp(last.packet_id))
    peer.expect(mqtt.DISCONNECT)
    assert process.wait_exit() == 0


def test_clean_session_subscribes_again(spawn, fake_broker):
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "a/#", "-t", "b", "-q1", "-n2", "--auto-reconnect",
                    "--reconnect-max-interval", "0")
    peer, _ = fake_broker.serve_connect()
    peer.send(mqtt.suback(peer.expect(mqtt.SUBSCRIBE).packet_id, [1, 1]) + mqtt.publish("b", b"one"))
    process.out.wait_count(1)
    peer.reset()
    peer, _ = fake_broker.serve_connect()
    subscribe = peer.expect(mqtt.SUBSCRIBE)
    assert sorted(subscribe.filters) == [("a/#", 1), ("b", 1)]
    peer.send(mqtt.suback(subscribe.packet_id, [1, 1]) + mqtt.publish("b", b"two"))
    peer.expect(mqtt.DISCONNECT)
    peer.close()
    assert process.wait_exit() == 0
    assert process.out.now() == ["one", "two"]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_number_of_retries(spawn, fake_broker, retries):
    """Each attempt is seen, and the last failure is told."""
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "t", "--auto-reconnect", "--reconnect-retries", str(retries),
                    "--reconnect-max-interval", "0")
    peer, _ = fake_broker.serve_connect()
    peer.send(mqtt.suback(peer.expect(mqtt.SUBSCRIBE).packet_id, [0]))
    peer.reset()
    for _ in range(retries):
        again = fake_broker.accept()
        again.expect(mqtt.CONNECT)
        again.reset()
    assert process.wait_exit(30) == 4
    assert "lost" in process.err.now()[-1]


def test_refusal_ends_the_attempts(spawn, fake_broker):
    """Bad credentials will not become better; a service that is not available may."""
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "t", "--auto-reconnect", "--reconnect-max-interval", "0")
    for code in (3, 3, 4):
        peer = fake_broker.accept()
        peer.expect(mqtt.CONNECT)
        peer.send(mqtt.connack(code))
        peer.close()
    assert process.wait_exit(30) == 1
    assert "user name or password" in process.err.now()[-1]


def test_several_brokers(spawn, fake_broker, broker, unique):
    """The first is gone, the second takes over."""
    with_port = f"mqtt://127.0.0.1:{free_port()}"
    process = spawn(HBMQTT_PUB, "--url", with_port, "--url", broker.url, "-t", f"{unique}/t", "-m", "x", "-q1")
    assert process.wait_exit() == 0, process.stderr()


def test_messages_of_a_time_away_are_sent_afterwards(spawn, fake_broker):
    """hbmqtt_pub goes on reading while there is no broker."""
    process = spawn(HBMQTT_PUB, "--url", fake_broker.url, "-t", "t", "-q1", "-l", "--auto-reconnect", "--reconnect-max-interval", "0")
    peer, _ = fake_broker.serve_connect()
    process.send(b"one\n")
    publish = peer.expect_publish("t", b"one")
    peer.send(mqtt.puback(publish.packet_id))
    peer.reset()
    assert process.err.wait_match("trying again")
    process.send(b"two\nthree\n", close=True)
    peer, _ = fake_broker.serve_connect()
    for word in (b"two", b"three"):
        peer.send(mqtt.puback(peer.expect_publish("t", word).packet_id))
    peer.expect(mqtt.DISCONNECT)
    assert process.wait_exit() == 0


@pytest.mark.parametrize("qos", [1, 2])
def test_queue_file_outlives_the_process(spawn, fake_broker, tmp_path, qos):
    """hbmqtt_pub is killed with messages under way; the next one with the same file sends them, as the session wants it."""
    options = ["-i", "id", "--queue-file", tmp_path / "queue", "-q", str(qos), "-t", "t"]
    first = spawn(HBMQTT_PUB, "--url", fake_broker.url, *options, "-l")
    peer, _ = fake_broker.serve_connect()
    first.send(b"one\ntwo\n")
    ids = [peer.expect_publish("t", word, qos=qos).packet_id for word in (b"one", b"two")]
    first.kill()
    second = spawn(HBMQTT_PUB, "--url", fake_broker.url, *options, "-m", "three")
    peer = fake_broker.accept()
    peer.expect(mqtt.CONNECT)
    peer.send(mqtt.connack(session_present=True))
    for word, packet_id in ((b"one", ids[0]), (b"two", ids[1])):
        peer.expect_publish("t", word, qos=qos, dup=True, packet_id=packet_id)
    ids.append(peer.expect_publish("t", b"three", qos=qos, dup=False).packet_id)
    peer.send(b"".join(map(mqtt.puback if qos == 1 else mqtt.pubrec, ids)))
    if qos == 2:
        for packet_id in ids:
            peer.expect(mqtt.PUBREL, packet_id=packet_id)
        peer.send(b"".join(map(mqtt.pubcomp, ids)))
    peer.expect(mqtt.DISCONNECT)
    assert second.wait_exit() == 0, second.stderr()


def test_queue_file_is_for_one_process(spawn, fake_broker, tmp_path):
    options = ["-i", "id", "--queue-file", tmp_path / "queue", "-t", "t"]
    first = spawn(HBMQTT_PUB, "--url", fake_broker.url, *options, "-l")
    fake_broker.serve_connect()
    second = spawn(HBMQTT_PUB, "--url", fake_broker.url, *options, "-m", "x")
    assert second.wait_exit() == 2
    assert "another process" in second.stderr()
    first.kill()


@pytest.mark.parametrize("reconnecting", [[], ["--auto-reconnect"]])
def test_queue_file_that_cannot_grow(spawn, fake_broker, tmp_path, reconnecting):
    """What cannot be written down is not taken, and that is the end, with a line that says so."""
    options = f"-i id --queue-file {tmp_path}/queue -q1 -t t -l {' '.join(reconnecting)}"
    process = spawn("bash", "-c", f"trap '' XFSZ; ulimit -f 1; exec {HBMQTT_PUB} --url {fake_broker.url} {options}")
    fake_broker.serve_connect()
    process.send((b"x" * 50 + b"\n") * 100, close=True)
    assert process.wait_exit() == 6, process.stderr()
    (line,) = process.err.now()
    assert "queue file" in line and str(tmp_path) in line


# Unplugged


def run(*command):
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def wire(unique):
    """A network namespace at the other end of a wire that can be unplugged: (prefix of commands in there, its address, plug)."""
    tag = f"{os.getpid() % 10000}"
    name, near, far = f"hbmqtt{tag}", f"hbn{tag}", f"hbf{tag}"
    if shutil.which("ip") is None or run("ip", "netns", "add", name).returncode != 0:
        pytest.skip("no network namespaces: ip(8) is missing or not permitted")
    subnet = f"10.213.{os.getpid() % 250}"
    steps = [
        ["ip", "link", "add", near, "type", "veth", "peer", "name", far],
        ["ip", "link", "set", far, "netns", name],
        ["ip", "addr", "add", f"{subnet}.1/24", "dev", near],
        ["ip", "link", "set", near, "up"],
        ["ip", "netns", "exec", name, "ip", "addr", "add", f"{subnet}.2/24", "dev", far],
        ["ip", "netns", "exec", name, "ip", "link", "set", far, "up"],
        ["ip", "netns", "exec", name, "ip", "link", "set", "lo", "up"],
    ]
    failed = next((done.stderr for done in map(lambda step: run(*step), steps) if done.returncode != 0), None)
    if failed is not None:
        run("ip", "netns", "del", name)
        pytest.skip(f"no wire between network namespaces: {failed.strip()}")
    yield ["ip", "netns", "exec", name], f"{subnet}.2", lambda up: run("ip", "link", "set", near, "up" if up else "down")
    run("ip", "link", "del", near)
    run("ip", "netns", "del", name)


@pytest.mark.parametrize("kind", ["hbmqtt", "mosquitto"])
@pytest.mark.parametrize("qos", [1, 2])
def test_unplugged_network(wire, tmp_path, pair, numbers, kind, qos):
    prefix, host, plug = wire
    place = Restartable(kind, tmp_path, host=host, prefix=prefix).start()
    one = pair(qos)
    start_pair(one, place, numbers(MESSAGES), 0)
    one.wait_for(SOME)
    plug(False)
    assert one.sub.err.wait_match("trying again", 30)
    plug(True)
    assert one.pub.wait_exit(SECONDS) == 0, one.pub.stderr()
    finish(one, MESSAGES)
    judge(one, MESSAGES, qos)
    place.process.kill()
