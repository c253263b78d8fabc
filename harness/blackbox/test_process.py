# SPDX-License-Identifier: MIT
"""hbmqtt as a process: arguments, configuration faults, signals, and a system that does not give it what it needs."""

import contextlib
import ctypes
import errno
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile

import broker as brokers
import packet as mqtt
import pytest
from broker import Broker, settings_with, to_yaml
from deadline import wait_until
from peer import Peer
from process import Process, die_with_parent
from tables import cases

pytestmark = pytest.mark.ours

EXIT_SYSTEM, EXIT_USAGE = 1, 2
FEATURES = [
    "multishot-accept",
    "multishot-receive",
    "buffer-ring",
    "single-issuer",
    "defer-taskrun",
    "coop-taskrun",
    "ext-arg",
]


@pytest.fixture
def run(tmp_path):
    """Runs hbmqtt to its end: run("-x") or run(config="..."). Returns status and the lines of stderr."""

    def run_it(*arguments, config=None, env=None, preexec=None):
        argv = [*brokers.WRAPPER, brokers.HBMQTT]
        if config is not None:
            path = tmp_path / "broken.yaml"
            path.write_bytes(config if isinstance(config, bytes) else config.encode())
            argv += ["-c", path]
        process = Process([*argv, *arguments], env=env, preexec=preexec)
        status = process.wait_exit()
        process.kill()
        return status, process.stderr().splitlines()

    return run_it


def said_once(lines, *words):
    """That stderr is one line, which holds all of these words."""
    lines = [line for line in lines if " warning: " not in line]
    assert len(lines) == 1, lines
    for word in words:
        assert word.lower() in lines[0].lower(), f"{word!r} is not in {lines[0]!r}"


# Arguments


def output(*arguments):
    done = subprocess.run([brokers.HBMQTT, *arguments], capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout, done.stderr


def test_version():
    status, out, err = output("--version")
    assert status == 0 and err == ""
    assert re.fullmatch(r"hbmqtt \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option):
    status, out, err = output(option)
    assert status == 0 and err == ""
    assert out.startswith("usage: hbmqtt") and "-c" in out


@pytest.mark.parametrize(
    "arguments", ["-x", "--nonsense", "-c", "-j", "extra", "-j0", "-j many", "-j -1", "-j 1000", "-d extra", "--version=2"]
)
def test_wrong_arguments(arguments):
    status, out, err = output(*arguments.split())
    assert status == EXIT_USAGE and out == ""
    assert err.count("\n") <= 2 and "hbmqtt" in err


# Configuration

GOOD = "listeners:\n  default:\n    bind: 127.0.0.1:0\n"

# name: (file, line of the fault, what else has to be named)
FAULTS = {
    "unknown-key": (GOOD + "surprise: 1\n", 4, ["surprise"]),
    "unknown-key-of-a-listener": ("listeners:\n  default:\n    bind: 127.0.0.1:0\n    bond: x\n", 4, ["bond"]),
    "unknown-key-of-auth": (GOOD + "auth:\n  allow-anonymus: true\n", 5, ["allow-anonymus"]),
    "unknown-limit": (GOOD + "limits:\n  connections_max: 5\n  connections_min: 5\n", 6, ["connections_min"]),
    "text-for-a-number": (GOOD + "sys_interval: often\n", 4, ["sys_interval", "often"]),
    "number-for-true-or-false": (GOOD + "auth:\n  allow-anonymous: 7\n", 5, ["allow-anonymous", "7"]),
    "list-for-a-map": ("listeners:\n  - 127.0.0.1:0\n", 1, ["listeners"]),
    "map-for-a-number": (GOOD + "sys_interval:\n  x: 1\n", 4, ["sys_interval"]),
    "negative": (GOOD + "sys_interval: -1\n", 4, ["sys_interval", "-1"]),
    "fraction": (GOOD + "sys_interval: 1.5\n", 4, ["sys_interval", "1.5"]),
    "limit-too-low": (GOOD + "limits:\n  packet_size_max: 1\n", 5, ["packet_size_max"]),
    "limit-too-high": (GOOD + "limits:\n  topic-levels-max: 99999999\n", 5, ["levels"]),
    "same-key-twice": (GOOD + "sys_interval: 1\nsys-interval: 2\n", 5, ["sys"]),
    "broken-yaml": ("listeners: {default: {bind: 127.0.0.1:0}\n", 2, []),
    "tab": ("listeners:\n\tdefault: 1\n", 2, []),
    "bind-without-port-number": ("listeners:\n  default:\n    bind: 127.0.0.1:http\n", 3, ["bind"]),
    "port-too-high": ("listeners:\n  default:\n    bind: 127.0.0.1:65536\n", 3, ["bind"]),
    "type-that-is-not-there": (GOOD + "    type: carrier-pigeon\n", 4, ["carrier-pigeon"]),
    "no-listener": ("listeners:\n  default:\n    type: tcp\n", 1, ["bind"]),
    "type-that-is-not-its-own": (GOOD + "    type: wss\n", 4, ["type", "tcp or ws", "wss"]),
    "ssl-without-a-certificate": (GOOD + "    ssl: on\n", 4, ["default", "ssl", "certfile", "psk-file"]),
    "keyfile-alone": (GOOD + "    ssl: on\n    psk-file: p\n    keyfile: k\n", 6, ["keyfile", "certfile"]),
    "client-certificate-without-authority": (
        GOOD + "    ssl: on\n    certfile: c\n    client-certificate: required\n",
        6,
        ["client-certificate", "cafile", "capath", "cadata"],
    ),
    "client-certificate-without-ssl": (GOOD + "    cafile: a\n    client-certificate: required\n", 5, ["client-certificate", "ssl"]),
    "user-name-without-client-certificate": (
        GOOD + "    ssl: on\n    certfile: c\n    user-name-from: common-name\n",
        6,
        ["user-name-from", "client-certificate"],
    ),
    "old-version-of-tls": (GOOD + "    ssl: on\n    certfile: c\n    tls-version-min: 1.0\n", 6, ["1.2 or 1.3", "1.0"]),
    "cadata-that-is-a-file": (GOOD + "    ssl: on\n    cadata: ca.pem\n", 5, ["cadata", "PEM", "ca.pem"]),
    "certificate-without-its-file": (GOOD + "    ssl: on\n    certificates:\n      - keyfile: k\n", 6, ["certificates", "certfile"]),
    "path-of-tcp": (GOOD + "    path: /mqtt\n", 4, ["path", "ws"]),
    "path-without-a-slash": (GOOD + "    type: ws\n    path: mqtt\n", 5, ["path", "/mqtt"]),
    "origin-without-a-scheme": (GOOD + "    type: ws\n    origins: [example.com]\n", 5, ["origins", "example.com"]),
    "mode-of-tcp": (GOOD + "    mode: 0660\n", 4, ["mode", "unix"]),
    "mode-in-letters": ("listeners:\n  a:\n    bind: unix:/tmp/a\n    mode: rw-rw----\n", 4, ["mode", "octal"]),
    "unix-path-too-long": (f"listeners:\n  a:\n    bind: unix:/{'a' * 107}\n", 3, ["bind", "107 bytes"]),
    "unix-path-that-is-relative": ("listeners:\n  a:\n    bind: unix:a\n", 3, ["bind", "absolute"]),
    "unix-path-twice": ("listeners:\n  a: {bind: 'unix:/tmp/a'}\n  b: {bind: 'unix:/tmp/a'}\n", 3, ["same address", "'a'"]),
    "shards-beyond-reason": (GOOD + "shards: 100000\n", 4, ["shards"]),
}


@pytest.mark.parametrize("case", cases(FAULTS))
def test_configuration_fault_is_one_line_with_its_place(run, case):
    config, line, words = case
    status, lines = run(config=config)
    assert status == EXIT_USAGE
    said_once(lines, f"broken.yaml:{line}", *words)


def test_near_miss_of_a_key_gets_a_hint(run):
    status, lines = run(config=GOOD + "sys_intervall: 3\n")
    assert status == EXIT_USAGE
    said_once(lines, "sys_intervall", "did you mean 'sys_interval'")


def test_what_keeps_somebody_out_is_not_ignored(run):
    """A plugin of the original that this version has not stops the start: ignoring it would let somebody in."""
    status, lines = run(config=GOOD + "plugins: [my.own.Guard]\n")
    assert status == EXIT_USAGE
    said_once(lines, "broken.yaml:", "not supported")


def test_certificate_without_ssl_is_a_warning(make_broker, client):
    """A file of the original that has certificates lying ready starts; the warning names the listener."""
    broker = make_broker(listeners={"plain": {"bind": "127.0.0.1:0", "certfile": "/nonexistent/cert.pem", "ssl": "off"}})
    assert "listener 'plain': certfile has no effect" in broker.process.stderr()
    client(at=broker).ping()


def test_missing_file(run):
    status, lines = run("-c", "/nonexistent/hbmqtt.yaml")
    assert status == EXIT_USAGE
    said_once(lines, "/nonexistent/hbmqtt.yaml", "No such file")


def test_directory_as_file(run):
    status, lines = run("-c", "/")
    assert status == EXIT_USAGE
    said_once(lines, "/")


RUBBISH = {
    "byte-order-mark-of-utf-16": b"\xff\xfe\x00",
    "nuls": b"\x00" * 100,
    "not-utf8": b"listeners: \xc3\x28\n",
    "alias-of-itself": b"&a [*a, *a]",
    "deep-maps": b"{" * 5000,
    "deep-lists": b"[" * 5000,
    "program": b"\x7fELF\x02\x01\x01" + bytes(range(256)),
    "too-long": b"#" * 79 + b"\n" * 1_100_000,
}


@pytest.mark.parametrize("config", cases(RUBBISH))
def test_file_of_rubbish(run, config):
    status, lines = run(config=config)
    assert status == EXIT_USAGE
    said_once(lines, "broken.yaml")


def test_empty_file_is_the_default(run):
    """As no file at all: port 1883. Either it is free, or the fault is that it is not."""
    with busy_port(1883):
        status, lines = run(config="")
    assert status == EXIT_USAGE
    said_once(lines, "1883")


def test_file_with_both_spellings_and_quotes(make_broker, client):
    listeners = {"my-listener": {"type": "tcp", "bind": "'127.0.0.1:0'"}}
    broker = make_broker(listeners=listeners, limits={"connect-timeout-ms": 9_000})
    client(at=broker).ping()


def test_file_of_the_original(tmp_path, peers):
    """A configuration as the original's documentation shows it starts, with a warning for what has no effect."""
    config = """
listeners:
    default:
        type: tcp
        max-connections: 50000
    my-tcp-1:
        bind: 127.0.0.1:0
timeout-disconnect-delay: 2
sys_interval: 10
auth:
    plugins: ['auth_anonymous']
    allow-anonymous: true
topic-check:
    enabled: false
    plugins: ['topic_taboo']
"""
    broker = Broker(tmp_path)
    process = broker.spawn_hbmqtt(config)
    found = process.err.wait_match(r"listening on (\S+):(\d+)")
    assert found, process.stderr()
    broker.address = (found[1], int(found[2]))
    peers(at=broker).connect("one")
    assert "timeout-disconnect-delay" in process.stderr()
    broker.stop()


# Addresses


@contextlib.contextmanager
def busy_port(port=0, host="127.0.0.1"):
    """A port that somebody listens on. If somebody else has it already, so much the better."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, port))
            taken.listen()
        except OSError:
            assert port, "no free port"
        yield port or taken.getsockname()[1]


def test_port_in_use(run):
    with busy_port() as port:
        status, lines = run(config=f"listeners:\n  mine:\n    bind: 127.0.0.1:{port}\n")
    assert status == EXIT_USAGE
    said_once(lines, "mine", f"127.0.0.1:{port}", "in use")


def test_address_that_is_not_ours(run):
    status, lines = run(config="listeners:\n  mine:\n    bind: 192.0.2.1:0\n")
    assert status == EXIT_USAGE
    said_once(lines, "mine", "192.0.2.1")


def test_name_that_does_not_exist(run):
    status, lines = run(config="listeners:\n  mine:\n    bind: no-such-host.invalid:0\n")
    assert status == EXIT_USAGE
    said_once(lines, "mine", "no-such-host.invalid")


def test_bind_by_name(make_broker, peers):
    broker = make_broker(listeners={"default": {"bind": "localhost:0"}})
    peers(at=broker).connect("one")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_fault_bind_to_ipv6(make_broker, peers):
    """The original split `bind` at its first colon."""
    broker = make_broker(listeners={"default": {"bind": "'[::1]:0'"}})
    assert broker.address[0] == "::1"
    peers(at=broker).connect("one")


def test_two_listeners_are_one_broker(make_broker, peers):
    broker = make_broker(listeners={"a": {"bind": "127.0.0.1:0"}, "b": {"bind": "127.0.0.2:0"}})
    first, second = broker.ports()
    subscriber, sender = peers(address=("127.0.0.1", first)), peers(address=("127.0.0.2", second))
    subscriber.connect("subscriber")
    subscriber.subscribe("t")
    sender.connect("sender")
    sender.publish("t", b"across")
    subscriber.expect_publish("t", b"across")


def test_port_is_free_again_at_once(make_broker, peers, client):
    """A broker that is started again binds its port although connections of the old one linger."""
    old = make_broker()
    client("one", at=old).subscribe("t")
    old.stop()
    new = make_broker(listeners={"default": {"bind": f"127.0.0.1:{old.address[1]}"}})
    assert new.address == old.address
    peers(at=new).connect("one")


def test_without_arguments_listens_on_1883(peers):
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", 1883))
        except OSError:
            pytest.skip("port 1883 is in use on this machine")
    process = Process([*brokers.WRAPPER, brokers.HBMQTT])
    try:
        found = process.err.wait_match(r"listening on (\S+):(\d+)")
        if not found and "in use" in process.stderr():
            pytest.skip("port 1883 is in use on this machine")
        assert found and found[1] == "0.0.0.0" and found[2] == "1883", process.stderr()
        peers(address=("127.0.0.1", 1883)).connect("anonymous")
        process.signal(signal.SIGTERM)
        assert process.wait_exit() == 0
    finally:
        process.kill()


# The start line, shards and features


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_start_line_names_everything(make_broker, shards):
    broker = make_broker(shards=shards)
    (line,) = [line for line in broker.process.stderr().splitlines() if "listening on" in line]
    pattern = r"hbmqtt \d+\.\d+\.\d+ listening on 127\.0\.0\.1:\d+ \(tcp\), (\d+) shards?, ring: (.+)$"
    found = re.search(pattern, line)
    assert found and int(found[1]) == shards, line


def test_shards_by_default_follow_the_processors(tmp_path):
    process = Process([brokers.HBMQTT, "-c", written(tmp_path, GOOD)])
    try:
        found = process.err.wait_match(r"(\d+) shards?,")
        assert int(found[1]) == len(process_affinity())
    finally:
        process.kill()


def process_affinity():
    return os.sched_getaffinity(0)


def written(directory, text):
    path = directory / "hbmqtt.yaml"
    path.write_text(text)
    return path


def ring_line(broker):
    return broker.process.err.wait_match(r"ring: (.*)$")[1]


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_can_be_masked(make_broker, client, feature):
    """Without it the broker serves as before, and does not name it."""
    broker = make_broker(env={"HBMQTT_RING_DISABLE": feature})
    assert feature not in ring_line(broker)
    one, sender = client("one", at=broker), client("sender", at=broker)
    one.subscribe(("t", 1))
    sender.publish("t", bytes(100_000), qos=1)
    one.accept(one.expect_publish("t", bytes(100_000)))
    sender.disconnect()


@pytest.mark.parametrize("masked", ["all", ",".join(FEATURES), "multishot-receive,buffer-ring", ""])
@pytest.mark.parametrize("shards", [1, 2])
def test_several_features_can_be_masked(make_broker, client, masked, shards):
    broker = make_broker(env={"HBMQTT_RING_DISABLE": masked}, shards=shards)
    names = FEATURES if masked == "all" else [name for name in masked.split(",") if name]
    assert not any(name in ring_line(broker) for name in names)
    one, sender = client("one", at=broker), client("sender", at=broker)
    one.subscribe(("t", 2))
    for number in range(100):
        sender.publish("t", b"%d" % number, qos=2)
    assert [int(message.payload) for message in one.collect(100)] == list(range(100))


@pytest.mark.parametrize("names", ["teleport", "all,teleport", "buffer-ring,teleport,ext-arg", "buffer-rings"])
def test_unknown_feature_is_told(run, names):
    wrong = "teleport" if "teleport" in names else "buffer-rings"
    status, lines = run(config=GOOD, env={"HBMQTT_RING_DISABLE": names})
    assert status == EXIT_USAGE
    said_once(lines, "HBMQTT_RING_DISABLE", wrong)


def test_debug_tells_more(make_broker, client):
    loud, quiet = make_broker(arguments=["-d"]), make_broker()
    for broker in (loud, quiet):
        client("one", at=broker).disconnect()
        broker.stop()
    assert len(loud.process.err.now()) > len(quiet.process.err.now())


def test_log_does_not_grow_with_what_peers_do(make_broker, peers):
    """Ten thousand faults of peers are not ten thousand lines."""
    broker = make_broker()
    for _ in range(2000):
        one = peers(at=broker)
        one.send(b"\xff\xff")
        one.expect_close()
        one.close()
    assert len(broker.process.err.now()) < 200


def test_log_that_nobody_reads_does_not_end_the_broker(tmp_path, peers):
    """stderr is a pipe whose reader has gone: the broker serves on."""
    config = written(tmp_path, to_yaml(settings_with()) + "\n")
    popen = subprocess.Popen(
        [brokers.HBMQTT, "-d", "-c", config], stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent
    )
    try:
        port = int(re.search(r"listening on \S+:(\d+)", "".join(iter_until(popen.stderr, "listening")))[1])
        popen.stderr.close()
        for number in range(20):
            peers(address=("127.0.0.1", port)).connect(f"one-{number}")
        popen.send_signal(signal.SIGTERM)
        assert popen.wait(20) == 0
    finally:
        popen.kill()
        popen.wait()


def iter_until(stream, word):
    for line in stream:
        yield line
        if word in line:
            return


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_with_status_0(make_broker, client, number):
    broker = make_broker()
    clients = [client(f"client-{at}", at=broker) for at in range(5)]
    broker.process.signal(number)
    for one in clients:
        one.expect_close()
        one.close()
    broker.stop(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_before_any_client(make_broker, number):
    make_broker().stop(number)


def test_signal_to_a_broker_with_many_idle_connections(make_broker, peers):
    broker = make_broker()
    everybody = [peers(at=broker) for _ in range(300)]
    for at, one in enumerate(everybody):
        if at % 2:
            one.connect(f"one-{at}")
    broker.process.signal(signal.SIGTERM)
    for one in everybody:
        one.expect_close()
        one.close()
    broker.stop()


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("shards", [1, 2, 5])
def test_signal_flushes_what_is_queued(make_broker, client, qos, shards):
    """What the broker has taken before the signal reaches the subscriber, more than the socket takes at once; then it closes."""
    broker = make_broker(shards=shards, limits={"outbox_bytes_max": 256 << 20})
    subscriber, sender = client("subscriber", at=broker, receive_buffer=65_536), client("sender", at=broker)
    subscriber.subscribe(("t", qos))
    count = 600
    sender.publish_many([("t", b"%08d" % number + bytes(20_000)) for number in range(count)], qos=qos, seconds=30)
    sender.ping()
    broker.process.signal(signal.SIGTERM)
    broker.process.err.wait_match("stopping")
    got = [subscriber.expect_publish("t") for _ in range(count)]
    assert [int(message.payload[:8]) for message in got] == list(range(count))
    subscriber.expect_close()
    subscriber.close()
    sender.expect_close()
    sender.close()
    broker.stop()


def test_signal_does_not_wait_for_ever_for_a_slow_reader(make_broker, client):
    """shutdown_timeout_ms bounds the flushing."""
    broker = make_broker(limits={"shutdown_timeout_ms": 300})
    deaf, sender = client("deaf", at=broker, receive_buffer=4096), client("sender", at=broker)
    deaf.subscribe("t")
    sender.publish("t", bytes(12_000_000))
    sender.ping()
    broker.process.signal(signal.SIGTERM)
    assert broker.process.wait_exit(5) == 0
    broker.stop()


def test_signal_while_everybody_publishes(make_broker, client):
    broker = make_broker()
    senders = [client(f"sender-{number}", at=broker) for number in range(10)]
    for one in senders:
        one.subscribe(("t", 1))
    data = b"".join(mqtt.publish("t", b"x" * 100, qos=1, packet_id=number + 1) for number in range(500))
    for one in senders:
        one.send(data)
    broker.process.signal(signal.SIGTERM)
    for one in senders:
        while one.poll(20) is not None:
            pass
        one.close()
    broker.stop()


def test_second_signal_does_no_harm(make_broker, client):
    broker = make_broker(limits={"shutdown_timeout_ms": 300})
    deaf, sender = client("deaf", at=broker, receive_buffer=4096), client("sender", at=broker)
    deaf.subscribe("t")
    sender.publish("t", bytes(12_000_000))
    sender.ping()
    for _ in range(3):
        broker.process.signal(signal.SIGTERM)
    assert broker.process.wait_exit(5) in (0, -signal.SIGTERM)


def test_no_client_is_accepted_after_the_signal(make_broker, client):
    broker = make_broker(limits={"shutdown_timeout_ms": 2000})
    deaf, sender = client("deaf", at=broker, receive_buffer=4096), client("sender", at=broker)
    deaf.subscribe("t")
    sender.publish("t", bytes(12_000_000))
    sender.ping()
    broker.process.signal(signal.SIGTERM)
    sender.expect_close()

    def refused():
        try:
            late = Peer.open(broker.address)
        except OSError:
            return True
        late.send(mqtt.connect("late"))
        late.expect_close()
        return True

    wait_until(refused, "a late client is turned away")
    deaf.close()
    assert broker.process.wait_exit() == 0


# A system that does not play along. A seccomp filter stands for containers, and for kernels without io_uring.

SYSCALL_IO_URING_SETUP = 425
_BPF_LOAD_SYSCALL, _BPF_JUMP_EQUAL, _BPF_RETURN = 0x20, 0x15, 0x06
_SECCOMP_RETURN_ERRNO, _SECCOMP_ALLOW = 0x00050000, 0x7FFF0000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def forbid_io_uring(number):
    """For preexec: io_uring_setup fails with this errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = (_Instruction * 4)(
        _Instruction(_BPF_LOAD_SYSCALL, 0, 0, 0),
        _Instruction(_BPF_JUMP_EQUAL, 0, 1, SYSCALL_IO_URING_SETUP),
        _Instruction(_BPF_RETURN, 0, 0, _SECCOMP_RETURN_ERRNO | number),
        _Instruction(_BPF_RETURN, 0, 0, _SECCOMP_ALLOW),
    )
    program = _Program(4, instructions)

    def in_child():
        zero = ctypes.c_ulong(0)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero):
            raise OSError(ctypes.get_errno(), "no_new_privs")
        if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(program), zero, zero):
            raise OSError(ctypes.get_errno(), "seccomp")

    return in_child


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS, errno.EACCES], ids=["EPERM", "ENOSYS", "EACCES"])
def test_io_uring_forbidden_by_seccomp(run, number):
    """One line that names the cause, and status 1; nobody was served meanwhile."""
    status, lines = run(config=GOOD, preexec=forbid_io_uring(number))
    assert status == EXIT_SYSTEM
    said_once(lines, "io_uring", "seccomp")


@pytest.mark.parametrize("number", [errno.ENOMEM, errno.EMFILE, errno.ENFILE])
def test_io_uring_that_cannot_be_had(run, number):
    status, lines = run(config=GOOD, preexec=forbid_io_uring(number))
    assert status == EXIT_SYSTEM
    said_once(lines, "io_uring" if number == errno.ENOMEM else "")


@pytest.fixture
def public_directory():
    """One that every user may read, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield path


@pytest.mark.parametrize("shards", [1, 2])
def test_small_memlock_limit(public_directory, peers, shards):
    """Kernels since 5.12 do not charge rings to it: the broker starts and serves, or says in one line what is too small."""

    def limit():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096))
        drop_privileges()

    broker = Broker(public_directory, shards=shards, preexec=limit)
    process = broker.spawn_hbmqtt(to_yaml(settings_with()) + "\n")
    found = process.err.wait_match(r"listening on (\S+):(\d+)")
    if found:
        broker.address = (found[1], int(found[2]))
        peers(at=broker).connect("one")
        peers(at=broker).connect("two")
        broker.process.signal(signal.SIGTERM)
        assert broker.process.wait_exit() == 0
    else:
        assert process.wait_exit() == EXIT_SYSTEM
        said_once(process.stderr().splitlines(), "memlock")


def drop_privileges():
    """Root is not bound by the limit."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
