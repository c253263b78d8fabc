# SPDX-License-Identifier: MIT
"""hbmqtt under a service manager: what it tells it, its watchdog, and sockets that it is passed."""

import os
import re
import shutil
import signal
import socket
from pathlib import Path

import broker as brokers
import pytest
from broker import Broker, settings_with, to_yaml
from deadline import SCALE, wait_until
from hub import listener, make_hub  # noqa: F401 - a fixture
from peer import Peer
from service import FrozenThread, Manager, listening, passing

pytestmark = pytest.mark.ours

EXIT_USAGE = 2


@pytest.fixture
def manager(tmp_path):
    one = Manager(tmp_path / "notify")
    yield one
    one.close()


@pytest.fixture
def sockets():
    """Closes what it is given: sockets(listening())."""
    opened = []

    def keep(sock):
        opened.append(sock)
        return sock

    yield keep
    for sock in opened:
        sock.close()


def check_serves(address):
    one = Peer.open(address)
    one.connect("service")
    one.ping()
    one.disconnect()


# What the manager is told


def test_ready_when_it_serves(make_broker, manager):
    broker = make_broker(env=manager.environment())
    message = manager.hear_of("READY")
    assert message["READY"] == "1" and message["MAINPID"] == str(broker.pid)
    host, port = broker.address
    assert f"{host}:{port}" in message["STATUS"]
    check_serves(broker.address)


def test_reload_and_stop_are_told(make_broker, manager):
    broker = make_broker(env=manager.environment())
    manager.hear_of("READY")
    for _ in range(3):
        broker.process.signal(signal.SIGHUP)
        message = manager.hear()
        assert message["RELOADING"] == "1" and int(message["MONOTONIC_USEC"]) > 0
        assert manager.hear()["READY"] == "1"
    broker.process.signal(signal.SIGTERM)
    assert manager.hear() == {"STOPPING": "1"}
    assert broker.process.wait_exit() == 0


def test_fault_is_never_ready(tmp_path, manager, sockets):
    port = sockets(listening()).getsockname()[1]
    broker = Broker(tmp_path, settings_with(listeners={"default": {"bind": f"127.0.0.1:{port}"}}), env=manager.environment())
    process = broker.spawn_hbmqtt(to_yaml(broker.settings))
    assert process.wait_exit() == EXIT_USAGE
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.socket.recv(65536)


@pytest.mark.parametrize("where", ["/nonexistent/socket", "vsock:2:1", "relative", ""])
def test_manager_that_cannot_be_told(make_broker, where):
    """Is a warning: the broker serves."""
    broker = make_broker(env={"NOTIFY_SOCKET": where, "WATCHDOG_USEC": "100000"})
    check_serves(broker.address)
    broker.process.err.wait_match(r" warning: .*manager cannot be told")


def test_abstract_socket(make_broker, tmp_path):
    name = f"\0hbmqtt-{tmp_path}"
    manager = Manager(name)
    try:
        make_broker(env={"NOTIFY_SOCKET": f"@{name[1:]}"})
        assert manager.hear_of("READY")
    finally:
        manager.close()


# The watchdog

WATCHDOG_S = 0.4 * SCALE


@pytest.mark.parametrize("shards", [1, 3])
def test_watchdog_of_a_broker_that_sleeps(make_broker, manager, shards):
    make_broker(env=manager.environment(WATCHDOG_S), shards=shards)
    for _ in range(8):
        manager.hear_of("WATCHDOG", WATCHDOG_S / SCALE)


@pytest.mark.parametrize("of", [None, "another"], ids=["not-asked-for", "for-another-process"])
def test_no_watchdog(make_broker, manager, of):
    asked = manager.environment() if of is None else manager.environment(WATCHDOG_S, watchdog_pid=1)
    broker = make_broker(env=asked)
    manager.hear_of("READY")
    assert manager.hear(WATCHDOG_S / SCALE) is None
    check_serves(broker.address)


def thread_of_shard(pid, number):
    """Known by its name: there are other threads, and a sanitizer has some of its own."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == f"hbmqtt-shard-{number}":
            return int(task.name)
    raise AssertionError(f"no thread is that of shard {number}")


@pytest.mark.parametrize("held", [0, 1])
def test_shard_that_is_held_up_stops_the_watchdog(make_broker, manager, held):
    """And what else happens, a reload for example, does not tell that the broker lives. It waits for the shard."""
    broker = make_broker(env=manager.environment(WATCHDOG_S), shards=2)
    manager.hear_of("WATCHDOG")
    try:
        frozen = FrozenThread(thread_of_shard(broker.pid, held))
    except OSError as error:
        pytest.skip(f"threads cannot be held here: {error}")
    try:
        assert broker.process.err.wait_match(rf" error: shard {held} has not answered for \d+ ms")
        manager.forget()
        broker.process.signal(signal.SIGHUP)
        assert "RELOADING" in manager.hear()
        assert manager.hear(2 * WATCHDOG_S / SCALE) is None
    finally:
        frozen.thaw()
    manager.hear_of("READY")
    assert broker.process.err.wait_match("all shards answer again")
    manager.hear_of("WATCHDOG")
    assert sum("has not answered" in line for line in broker.process.err.now()) == 1
    check_serves(broker.address)


# Sockets that are passed


def test_socket_found_by_its_name(make_broker, sockets):
    """Wherever the configuration would have bound it."""
    sock = sockets(listening())
    listeners = {"first": {"bind": "127.0.0.1:1"}, "second": {"bind": "127.0.0.1:0"}}
    broker = make_broker(listeners=listeners, **passing([("first", sock)]))
    ports = broker.ports()
    assert ports[0] == sock.getsockname()[1] and ports[1] not in (0, 1)
    for port in ports:
        check_serves(("127.0.0.1", port))


@pytest.mark.parametrize("name", [None, "", "hbmqtt.socket"])
def test_socket_found_by_its_address(make_broker, sockets, name):
    sock = sockets(listening())
    port = sock.getsockname()[1]
    broker = make_broker(
        listeners={"other": {"bind": "127.0.0.1:0"}, "mine": {"bind": f"localhost:{port}"}}, **passing([(name, sock)])
    )
    assert broker.ports()[1] == port
    check_serves(("127.0.0.1", port))


def test_several_sockets(make_hub, sockets, tmp_path):
    """Names go before addresses; layers and limits are those of the listener."""
    path = str(tmp_path / "socket")
    by_path = sockets(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    by_path.bind(path)
    by_path.listen(16)
    secure, page = sockets(listening()), sockets(listening())
    page.setblocking(False)  # as systemd passes it with NonBlocking=yes
    port = page.getsockname()[1]
    hub = make_hub(
        {
            "secure": listener("tls"),
            "page": listener("ws", bind=f"127.0.0.1:{port}"),
            "local": listener(bind=f"unix:{path}"),
            "own": listener(),
        },
        **passing([("nobody", by_path), ("secure", secure), ("", page)]),
    )
    assert hub.addresses["secure"][1] == secure.getsockname()[1] and hub.addresses["page"][1] == port
    for name in hub.addresses:
        hub.check_serves(name)
        hub.check_serves(name)
    hub.broker.stop()
    assert os.path.exists(path), "the file of a passed socket is not the broker's to remove"


def test_clients_that_came_before_the_broker_are_served(make_broker, sockets, timeline):
    """What socket activation is for: nobody is refused while the broker starts."""
    sock = sockets(listening())
    early = Peer.open(sock.getsockname(), timeline=timeline)
    make_broker(listeners={"default": {"bind": "127.0.0.1:0"}}, **passing([("default", sock)]))
    early.connect("early")
    early.ping()
    early.disconnect()


def test_sockets_for_another_process_are_not_taken(make_broker, sockets):
    sock = sockets(listening())
    broker = make_broker(**passing([("default", sock)], pid="1"))
    assert broker.address[1] != sock.getsockname()[1]
    check_serves(broker.address)


def datagrams():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def bound_only():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


# name: (what makes the sockets with their names, what has to be said)
PASSED_FAULTS = {
    "fits-no-listener": (lambda: [("stranger", listening())], ["descriptor 3", "'stranger'", "fits no listener"]),
    "two-for-one": (lambda: [("default", listening()), ("default", listening())], ["descriptor 4", "fits no listener"]),
    "datagrams": (lambda: [("default", datagrams())], ["'default'", "descriptor 3", "not a stream"]),
    "nobody-listens": (lambda: [("default", bound_only())], ["'default'", "descriptor 3", "nobody listens"]),
    "a-file": (lambda: [("default", open(os.devnull, "rb"))], ["'default'", "descriptor 3", "no socket"]),
}


@pytest.mark.parametrize("case", PASSED_FAULTS)
def test_passed_socket_at_fault(tmp_path, sockets, case):
    make, words = PASSED_FAULTS[case]
    named = make()
    for _, sock in named:
        sockets(sock)
    broker = Broker(tmp_path, settings_with(listeners={"default": {"bind": "127.0.0.1:0"}}), **passing(named))
    process = broker.spawn_hbmqtt(to_yaml(broker.settings))
    assert process.wait_exit() == EXIT_USAGE
    lines = [line for line in process.stderr().splitlines() if " warning: " not in line]
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    "variables", [{"LISTEN_FDS": "many"}, {"LISTEN_FDS": "65"}, {"LISTEN_FDNAMES": "one:two"}, {"LISTEN_FDS": "5"}], ids=str
)
def test_variables_at_fault(tmp_path, sockets, variables):
    options = passing([("default", sockets(listening()))])
    options["env"] |= variables
    broker = Broker(tmp_path, **options)
    process = broker.spawn_hbmqtt(to_yaml(broker.settings))
    assert process.wait_exit() == EXIT_USAGE
    assert len(process.stderr().splitlines()) == 1 and "LISTEN_FD" in process.stderr()


def test_started_by_systemd_itself(tmp_path, spawn):
    """systemd-socket-activate opens the socket and starts the broker for the first client."""
    launcher = shutil.which("systemd-socket-activate")
    if launcher is None:
        pytest.skip("systemd-socket-activate is not installed")
    config = tmp_path / "hbmqtt.yaml"
    config.write_text(to_yaml(settings_with(listeners={"mqtt": {"bind": "127.0.0.1:0"}})))
    path = str(tmp_path / "socket")
    process = spawn(launcher, "-l", path, "--fdname=mqtt", *brokers.WRAPPER, brokers.HBMQTT, "-c", config)
    assert process.err.wait_match("Listening on ")
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.sendall(bytes.fromhex("100d00044d5154540402003c000161"))
    client.settimeout(20 * SCALE)
    assert client.recv(4) == bytes.fromhex("20020000")
    assert process.err.wait_match(rf"listening on unix:{re.escape(path)} \(unix\)")
    client.close()
    process.signal(signal.SIGTERM)
    assert process.wait_exit() == 0
