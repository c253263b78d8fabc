# SPDX-License-Identifier: MIT
"""The configuration of hbmqtt: --check, files of the Python brokers, the examples, variables, limits of listeners.

Faults of single keys, as a start tells them, are in test_process.py.
"""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import broker as brokers
import packet as mqtt
import pytest
import transport
from broker import Broker, to_yaml
from peer import Peer
from tables import cases

pytestmark = pytest.mark.ours

EXIT_USAGE = 2
ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "server" / "config" / "examples").glob("*.yaml"))


@pytest.fixture
def check(tmp_path):
    """Runs --check on a file of these words: status, standard output, and the lines of stderr as (kind, text)."""

    def check_it(text, **env):
        path = tmp_path / "hbmqtt.yaml"
        path.write_text(text)
        return check_file(path, **env)

    return check_it


def check_file(path, **env):
    done = subprocess.run(
        [*brokers.WRAPPER, brokers.HBMQTT, "--check", "-c", path],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ | env,
    )
    lines = [re.fullmatch(r"\S+Z (\w+): (.*)", line).groups() for line in done.stderr.splitlines()]
    return done.returncode, done.stdout, lines


def errors(lines):
    return [text for kind, text in lines if kind == "error"]


# --check


def test_a_right_file_is_ok(check):
    status, out, lines = check("listeners: {a: {bind: '127.0.0.1:0'}}\n")
    assert (status, lines) == (0, [])
    assert re.fullmatch(r".*hbmqtt\.yaml: OK\n", out)


def test_without_a_file_the_defaults_are_checked():
    done = subprocess.run([brokers.HBMQTT, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("OK\n")


def test_nothing_is_listened_on(check, tmp_path):
    """A port that somebody else has does not matter, and no socket appears."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, lines = check(f"listeners:\n  a: {{bind: '127.0.0.1:{port}'}}\n  b: {{bind: 'unix:{tmp_path}/socket'}}\n")
    assert (status, lines) == (0, [])
    assert not (tmp_path / "socket").exists()


def test_warnings_are_those_of_a_start(check):
    status, out, lines = check("timeout-disconnect-delay: 2\nlisteners: {a: {bind: '127.0.0.1:0'}}\n")
    assert status == 0 and out.endswith("OK\n")
    assert len(lines) == 1 and lines[0][0] == "warning"
    assert ":1: timeout-disconnect-delay has no effect" in lines[0][1]


GOOD = "listeners:\n  a:\n    bind: 127.0.0.1:0\n"

# name: (file, line of the fault, what else is said)
WRONG = {
    "key": (GOOD + "surprise: 1\n", 4, ["surprise"]),
    "value": (GOOD + "log:\n  level: loud\n", 5, ["log.level", "error, warning, info or debug", "loud"]),
    "no-password-file": (GOOD + "auth:\n  password-file: /nonexistent/passwords\n", 5, ["/nonexistent/passwords", "No such file"]),
    "no-acl-file": (GOOD + "topic-check:\n  enabled: on\n  acl-file: /nonexistent\n", 6, ["acl-file", "/nonexistent", "No such file"]),
    "acl-file-that-is-a-directory": (GOOD + "topic-check:\n  enabled: on\n  acl-file: /\n", 6, ["acl-file", "directory"]),
    "no-plugin": (GOOD + "plugins:\n  - /nonexistent/p.so\n", 5, ["plugin", "/nonexistent/p.so", "No such file"]),
    "no-plugin-directory": (GOOD + "plugin-directory: /nonexistent\n", 4, ["plugin-directory", "/nonexistent", "No such file"]),
    "no-certificate": (GOOD + "    ssl: on\n    certfile: /nonexistent\n", 5, ["listener 'a'", "certfile", "/nonexistent", "No such"]),
    "no-authority": (
        GOOD + "    ssl: on\n    psk-file: /dev/null\n    capath: /nonexistent\n",
        6,
        ["listener 'a'", "capath", "/nonexistent", "No such"],
    ),
    "no-such-owner": ("listeners:\n  a:\n    bind: unix:/x\n    owner: nobody-of-that-name\n", 3, ["no user 'nobody-of-that-name'"]),
    "no-group-of-rules": (GOOD + "topic-check:\n  enabled: on\n  acl:\n    '@x': [a]\n", 7, ["no group 'x'"]),
    "no-variable": (GOOD + "user: ${HBMQTT_TEST_UNSET}\n", 4, ["no variable HBMQTT_TEST_UNSET"]),
}


@pytest.mark.parametrize("case", cases(WRONG))
def test_a_wrong_file_is_one_line_and_status_2(check, case):
    config, line, words = case
    status, out, lines = check(config)
    assert (status, out) == (EXIT_USAGE, "")
    assert len(errors(lines)) == 1, lines
    for word in [f"hbmqtt.yaml:{line}: ", *words]:
        assert word.lower() in errors(lines)[0].lower(), f"{word!r} is not in {errors(lines)[0]!r}"


@pytest.mark.parametrize("case", cases({name: WRONG[name] for name in ("value", "no-certificate", "no-variable", "no-password-file")}))
def test_a_start_says_the_same(check, tmp_path, case):
    checked = check(case[0])[2]
    process = Broker(tmp_path).spawn_hbmqtt(case[0])
    assert process.wait_exit() == EXIT_USAGE
    process.kill()
    started = [re.fullmatch(r"\S+Z (\w+): (.*)", line).groups() for line in process.stderr().splitlines()]
    assert errors(started) == errors(checked)


def test_a_certificate_is_looked_into(check, tmp_path):
    (tmp_path / "cert.pem").write_text("nonsense\n")
    status, _, lines = check(GOOD + f"    ssl: on\n    certfile: {tmp_path}/cert.pem\n")
    assert status == EXIT_USAGE
    assert len(errors(lines)) == 1 and "hbmqtt.yaml:3: listener 'a': certfile" in errors(lines)[0]


def test_a_port_in_use_is_said_with_its_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = Broker(tmp_path).spawn_hbmqtt(f"listeners:\n  a:\n    type: tcp\n    bind: 127.0.0.1:{port}\n")
        assert process.wait_exit() == EXIT_USAGE
        process.kill()
    assert len(process.stderr().splitlines()) == 1
    assert re.search(rf"hbmqtt\.yaml:4: listener 'a': .*127\.0\.0\.1:{port}.*in use", process.stderr())


# The examples


@pytest.fixture
def etc(tmp_path):
    """What the examples name, as it is in /etc/hbmqtt."""
    made = transport.certificates()
    for name, source in {"server.pem": "server.pem", "server.key": "server.key", "devices-ca.pem": "ca.pem", "devices.crl": "ca.crl"}.items():
        shutil.copy(made / source, tmp_path / name)
    # The password is "secret".
    line = "alice:$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.\n"
    for name in ("passwords", "programs.passwords"):
        (tmp_path / name).write_text(f"# users\n{line}")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "fleet.acl").write_text("pattern readwrite devices/%u/#\nuser dispatcher\ntopic readwrite #\n")
    return tmp_path


def test_there_are_examples():
    assert [path.stem for path in EXAMPLES] == ["fleet", "home", "public"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_right(etc, path):
    status, out, lines = check_file(path, HBMQTT_ETC=str(etc), HBMQTT_USER="nobody")
    assert (status, lines) == (0, [])
    assert out.endswith("OK\n")


# Files of the Python brokers

# As the scripts of hbmqtt 0.9 start it without -c.
HBMQTT_DEFAULT = """
listeners:
  default:
    type: tcp
    bind: 0.0.0.0:1883
sys_interval: 20
auth:
  allow-anonymous: true
plugins:
  - auth_file
  - auth_anonymous
topic-check:
  enabled: False
"""

# With every key that its manual shows.
HBMQTT_FULL = """
listeners:
    default:
        max-connections: 50000
        type: tcp
    my-tcp-1:
        bind: 127.0.0.1:1883
    my-tcp-2:
        bind: 127.0.0.1:1884
        max-connections: 1000
    my-ws-1:
        bind: 127.0.0.1:8080
        type: ws
timeout-disconnect-delay: 2
sys_interval: 10
auth:
    plugins: ['auth.anonymous']
    allow-anonymous: true
persistence:
    file: /var/lib/hbmqtt/sessions
topic-check:
    enabled: false
    plugins: ['topic_acl']
    acl:
        username1: ['repositories/+/master', 'calendar/#', 'data/memes']
        anonymous: []
"""

# As amqtt 0.11 starts without -c.
AMQTT_DEFAULT = """
---
listeners:
  default:
    type: tcp
    bind: 0.0.0.0:1883
timeout_disconnect_delay: 0
plugins:
  amqtt.plugins.logging_amqtt.EventLoggerPlugin:
  amqtt.plugins.logging_amqtt.PacketLoggerPlugin:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
  amqtt.plugins.sys.broker.BrokerSysPlugin:
    sys_interval: 20
"""

# amqtt's lists of maps, and listeners of all kinds.
AMQTT_FULL = """
listeners:
    default:
        max_connections: 500
        type: tcp
    my-tcp-1:
        bind: 127.0.0.1:1883
    my-ws-1:
        bind: 0.0.0.0:8080
        type: ws
session_expiry_interval: 3600
qos1_puback_timeout: 5
plugins:
  - amqtt.plugins.authentication.AnonymousAuthPlugin:
      allow_anonymous: true
  - amqtt.plugins.logging_amqtt.EventLoggerPlugin
  - amqtt.contrib.persistence.SessionDBPlugin:
      file: /var/lib/amqtt/sessions.db
      clear_on_shutdown: false
"""

PYTHON = {"hbmqtt-default": HBMQTT_DEFAULT, "hbmqtt-full": HBMQTT_FULL, "amqtt-default": AMQTT_DEFAULT, "amqtt-full": AMQTT_FULL}


@pytest.mark.parametrize("text", cases(PYTHON))
def test_a_file_of_a_python_broker_is_right(check, text):
    status, _, lines = check(text)
    assert status == 0 and not errors(lines), lines


@pytest.mark.parametrize("text", cases(PYTHON))
def test_a_file_of_a_python_broker_starts_one_that_serves(tmp_path, unique, text):
    """The ports are exchanged for free ones, and nothing else."""
    broker = Broker(tmp_path)
    process = broker.spawn_hbmqtt(re.sub(r"bind: [\d.]+:\d+", "bind: 127.0.0.1:0", text))
    try:
        port = broker.ports()[0]
        one, other = Peer.open(("127.0.0.1", port)), Peer.open(("127.0.0.1", port))
        one.connect(f"{unique}-one")
        other.connect(f"{unique}-other")
        one.subscribe((f"{unique}/#", 1))
        other.publish(f"{unique}/t", b"x", qos=1)
        one.expect_publish(f"{unique}/t", b"x", qos=1)
        one.disconnect()
        other.disconnect()
        broker.stop()
    finally:
        process.kill()


def test_ten_thousand_rules_are_read(check):
    rules = {f"user-{number}": f"[fleet/{number}/#, 'all/+']" for number in range(10_000)}
    status, _, lines = check(GOOD + to_yaml({"topic-check": {"enabled": True, "publish-acl": rules}}) + "\n")
    assert (status, errors(lines)) == (0, [])


# Variables


def test_variables_of_the_environment(make_broker, client):
    listeners = {"default": {"bind": "${HBMQTT_TEST_HOST}:0"}}
    broker = make_broker(listeners=listeners, env={"HBMQTT_TEST_HOST": "localhost"})
    client(at=broker).ping()


def test_a_variable_is_no_yaml(check):
    status, _, lines = check(GOOD + "user: ${HBMQTT_TEST_USER}\n", HBMQTT_TEST_USER="a\nauth: {allow-anonymous: true}")
    assert status == EXIT_USAGE
    assert "hbmqtt.yaml:4: user: expected a name or a number" in errors(lines)[0]


# What single keys do


def test_max_qos_is_what_a_subscription_gets(make_broker, client, unique):
    broker = make_broker(**{"max-qos": 1})
    sender = client("sender", at=broker)
    sender.publish(f"{unique}/kept", b"kept", qos=2, retain=True)
    one = client("one", at=broker)
    one.subscribe((f"{unique}/#", 2), ("other", 0), ("third", 1), codes=[1, 0, 1])
    one.accept(one.expect_publish(f"{unique}/kept", b"kept", qos=1, retain=True))
    sender.publish(f"{unique}/t", b"x", qos=2)
    one.accept(one.expect_publish(f"{unique}/t", b"x", qos=1))


def test_max_qos_0(make_broker, client, unique):
    broker = make_broker(**{"max-qos": 0})
    one, sender = client("one", at=broker), client("sender", at=broker)
    one.subscribe((f"{unique}/t", 2), codes=[0])
    sender.publish(f"{unique}/t", b"x", qos=2)
    one.expect_publish(f"{unique}/t", b"x", qos=0)


@pytest.fixture
def narrow(make_broker, peers):
    """A broker with a listener that has limits of its own, and one that has those of the file: a function that opens peers."""
    limits = {
        "packet_size_max": 100, "topic_levels_max": 2, "client_id_bytes_max": 30, "session_subscriptions_max": 1, "inflight_max": 1,
        "queued_messages_max": 1, "connect_timeout_ms": 300,
    }
    listeners = {
        "default": {"type": "tcp"},
        "narrow": {"bind": "127.0.0.1:0", "limits": limits},
        "wide": {"bind": "127.0.0.1:0"},
    }
    broker = make_broker(listeners=listeners, limits={"topic_levels_max": 3})
    ports = dict(zip(("narrow", "wide"), broker.ports()))
    return lambda where: peers(where, address=("127.0.0.1", ports[where]))


def test_limits_of_one_listener_for_packets(narrow, unique):
    one, other = narrow("narrow"), narrow("wide")
    one.connect(f"{unique}-one")
    other.connect(f"{unique}-other")
    other.publish(f"{unique}/x/y", b"x" * 200, qos=1)
    one.send(mqtt.publish(f"{unique}/x", b"x" * 200))
    one.expect_close()


@pytest.mark.parametrize("levels, where, good", [(2, "narrow", True), (3, "narrow", False), (3, "wide", True), (4, "wide", False)])
def test_limits_of_one_listener_for_topics(narrow, unique, levels, where, good):
    topic = "/".join([unique, "a", "b", "c"][:levels])
    one = narrow(where)
    one.connect(f"{unique}-one")
    one.subscribe(topic, codes=[0 if good else 0x80])
    one.send(mqtt.publish(topic, b"x"))
    if good:
        one.expect_publish(topic, b"x")
    else:
        one.expect_close()


def test_limits_of_one_listener_for_clients(narrow, unique):
    long = f"{unique}-".ljust(31, "x")
    narrow("wide").connect(long)
    refused = narrow("narrow")
    refused.connect(long, code=2)
    refused.expect_close()
    silent, patient = narrow("narrow"), narrow("wide")
    silent.expect_close()
    patient.connect(f"{unique}-patient")


def test_limits_of_one_listener_for_sessions(narrow, unique):
    """Also while the client is away: its session has the limits of where it was last."""
    one, sender = narrow("narrow"), narrow("wide")
    sender.connect(f"{unique}-sender")
    one.connect(f"{unique}-one", clean=False)
    one.subscribe((f"{unique}/t", 1), (f"{unique}/u", 1), codes=[1, 0x80])
    for number in range(3):
        sender.publish(f"{unique}/t", b"%d" % number, qos=1)
    first = one.expect_publish(f"{unique}/t", b"0", qos=1)  # 1 waits in the queue, which is full
    one.accept(first)
    one.accept(one.expect_publish(f"{unique}/t", b"1", qos=1))
    one.ping()
    one.disconnect()
    for number in range(3, 6):
        sender.publish(f"{unique}/t", b"%d" % number, qos=1)
    again = narrow("wide")
    again.connect(f"{unique}-one", clean=False, session_present=True)
    again.accept(again.expect_publish(f"{unique}/t", b"3", qos=1))
    again.ping()
    again.subscribe((f"{unique}/u", 1), (f"{unique}/v", 1))


def test_log_level_of_the_file(make_broker, client):
    broker = make_broker(log={"level": "debug"})
    client("loud", at=broker).disconnect()
    broker.process.err.wait_match(r"debug: .*")
