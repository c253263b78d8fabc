# SPDX-License-Identifier: MIT
"""Fixtures of the black-box suite: one shared broker, brokers with settings of their own, and peers that are closed at the end.

The shared broker serves all tests of a run, so every test uses client ids and topics that begin with `unique`. After each
test it must be alive; at the end it must end with status 0 on SIGTERM, without a sanitizer report.
"""

import itertools
import os

import broker as brokers
import pytest
from peer import FakeBroker, Peer, Timeline
from process import Process

_numbers = itertools.count(1)
_worker = os.environ.get("PYTEST_XDIST_WORKER", "w")


def pytest_configure(config):
    config.addinivalue_line("markers", "ours: only true for hbmqtt, by design; skipped with another broker")
    config.addinivalue_line("markers", "differs(reason): a known deviation of mosquitto; skipped there")


def pytest_report_header():
    masked = os.environ.get("HBMQTT_RING_DISABLE", "")
    wrapper = " ".join(brokers.WRAPPER)
    return f"broker: {brokers.KIND}, build {brokers.BUILD}, shards {brokers.SHARDS}, masked [{masked}], wrapper [{wrapper}]"


def pytest_collection_modifyitems(items):
    if brokers.KIND != "mosquitto":
        return
    for item in items:
        if item.get_closest_marker("ours"):
            item.add_marker(pytest.mark.skip(reason="only true for hbmqtt"))
        differs = item.get_closest_marker("differs")
        if differs:
            item.add_marker(pytest.mark.skip(reason=f"mosquitto: {differs.args[0]}"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    timeline = getattr(item, "funcargs", {}).get("timeline")
    if report.failed and timeline:
        report.sections.append(("what the peers did", "\n".join(timeline.lines())))


@pytest.fixture
def timeline():
    return Timeline()


@pytest.fixture
def unique():
    """A short text that no other test uses, for client ids and topics."""
    return f"{_worker}{next(_numbers)}"


class SharedBroker:
    """Starts again for the next test when a test has lost it, so that one crash is one failure."""

    def __init__(self, directories):
        self.directories = directories
        self.broker = None

    def get(self):
        if self.broker is None:
            self.broker = brokers.Broker(self.directories.mktemp("broker")).start()
        return self.broker

    def check(self):
        if self.broker and not self.broker.alive():
            lost, self.broker = self.broker, None
            lost.check_reports()
            status = lost.process.wait_exit()
            pytest.fail(f"the broker ended (status {status}) during this test:\n{lost.process.stderr()[-4000:]}")

    def stop(self):
        if self.broker:
            self.broker.stop()


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory):
    shared = SharedBroker(tmp_path_factory)
    yield shared
    shared.stop()


@pytest.fixture
def broker(shared_broker):
    """The broker that all tests share, with default settings."""
    yield shared_broker.get()
    shared_broker.check()


@pytest.fixture
def make_broker(tmp_path_factory):
    """Starts brokers of this test's own: make_broker(limits={...}, kind=..., shards=...). They are stopped and checked."""
    started = []
    options = ("kind", "shards", "arguments", "env", "preexec", "launcher", "pass_fds")

    def make(**parts):
        directory = tmp_path_factory.mktemp("broker")
        given = {name: parts.pop(name) for name in options if name in parts}
        one = brokers.Broker(directory, brokers.settings_with(**parts), **given)
        started.append(one)
        return one.start()

    yield make
    launched = [one for one in started if one.process]
    try:
        for one in launched:
            if one.alive():
                one.stop()
            else:
                one.check_reports()
    finally:
        for one in launched:
            one.process.kill()


@pytest.fixture
def peers(request, timeline, make_broker):
    """Opens raw peers: peers() at the shared broker, peers(at=broker) at another one. make_broker is named so that peers close
    before the brokers are stopped: a broker that stops waits for them a while."""
    opened = []

    def open_peer(name=None, *, at=None, address=None, **options):
        if address is None:
            address = (at or request.getfixturevalue("broker")).address
        one = Peer.open(address, name=name, timeline=timeline, **options)
        opened.append(one)
        return one

    yield open_peer
    for one in opened:
        one.socket.close()


@pytest.fixture
def client(peers, unique):
    """Opens peers that have done their CONNECT: client("alice") has an id that begins with `unique`."""
    numbers = itertools.count(1)

    def open_client(name=None, *, at=None, session_present=None, receive_buffer=None, **fields):
        name = name or f"client-{next(numbers)}"
        one = peers(name, at=at, receive_buffer=receive_buffer)
        one.client_id = f"{unique}-{name}"
        one.connect(one.client_id, session_present=session_present, **fields)
        return one

    return open_client


@pytest.fixture
def spawn():
    """Starts commands: spawn(program, argument, ...). What still runs at the end of the test is killed."""
    started = []

    def start(*argv, **options):
        started.append(Process(argv, **options))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture
def fake_broker(timeline):
    """A broker that the test plays itself, packet by packet."""
    one = FakeBroker(timeline)
    yield one
    one.close()


@pytest.fixture(scope="session")
def shared_mosquitto(tmp_path_factory):
    one = brokers.Broker(tmp_path_factory.mktemp("mosquitto"), kind="mosquitto").start()
    yield one
    one.stop()


@pytest.fixture
def config(tmp_path):
    """Writes a client configuration: its path."""

    def write(text):
        path = tmp_path / "client.yaml"
        path.write_text(text)
        return path

    return write
