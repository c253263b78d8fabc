# SPDX-License-Identifier: MIT
"""Brokers with several listeners, which are known by the names that they have in the configuration.

Test files import the fixture `make_hub` from here.
"""

import itertools

import broker as brokers
import packet as mqtt
import pytest
import transport
from deadline import Deadline
from peer import Peer

LOOPBACK = "127.0.0.1:0"
_numbers = itertools.count(1)


def listener(kind="tcp", **settings):
    """A listener of this kind on a free port, or where `bind` says, with further keys."""
    keys = {name.replace("_", "-"): value for name, value in settings.items()}
    return transport.listener_settings(kind) | {"bind": LOOPBACK} | keys


class Hub:
    """A broker, and peers of any kind at it. The first of its listeners has to be on TCP."""

    def __init__(self, broker, timeline=None):
        self.broker, self.timeline = broker, timeline
        self.opened, self.marks = [], {}  # of a socket: how long the log was before it
        self.listeners = broker.settings["listeners"]
        ports = iter(broker.ports())
        self.addresses = {}
        for name, settings in self.listeners.items():
            path = str(settings["bind"]).removeprefix("unix:")
            self.addresses[name] = path if path != settings["bind"] else ("127.0.0.1", next(ports))

    def kind(self, name):
        settings = self.listeners[name]
        secure = bool(settings.get("ssl"))
        return ("wss" if secure else "ws") if settings.get("type") == "ws" else ("tls" if secure else "tcp")

    def plain(self, name, before=b""):
        """A socket that blocks, connected to that listener, without anything between."""
        return self._opened(lambda: transport.connect(self.addresses[name], before=before, seconds=Deadline().left()))

    def socket(self, name, **options):
        """The same through the layers that the listener wants."""
        return self._opened(lambda: transport.connect(self.addresses[name], self.kind(name), seconds=Deadline().left(), **options))

    def _opened(self, connect):
        mark = len(self.log())
        sock = connect()
        self.opened.append(sock)
        self.marks[sock.getsockname()] = mark
        return sock

    def log(self):
        return self.broker.process.err.now()

    def peer(self, name, peer_name=None, **options):
        """A peer that has not sent a CONNECT."""
        return Peer(self.socket(name, **options), name=peer_name or f"{name}-{next(_numbers)}", timeline=self.timeline)

    def client(self, name, client_id=None, options=None, **fields):
        """A peer that has done its CONNECT."""
        one = self.peer(name, **(options or {}))
        one.client_id = client_id or f"hub-{next(_numbers)}"
        one.connect(one.client_id, **fields)
        return one

    def check_serves(self, name, **options):
        """A fresh client is served there, so the broker is alive."""
        one = self.client(name, options=options)
        one.ping()
        one.disconnect()

    def log_of(self, sock, seconds=10.0):
        """The lines about the peer with that socket, as soon as there is one."""
        host, port = sock.getsockname()
        mark = self.marks[host, port]  # a port may have been another client's before

        def about(lines):
            return [line for line in lines[mark:] if f"{host}:{port}:" in line]

        return self.broker.process.err.wait(about, f"a line about {host}:{port}", seconds)

    def close(self):
        for one in self.opened:
            one.close()


@pytest.fixture
def make_hub(make_broker, timeline):
    """Starts brokers with listeners of this test's own: make_hub({"secure": listener("tls")}, limits={...})."""
    hubs = []

    def make(listeners, **options):
        hubs.append(Hub(make_broker(listeners=listeners, **options), timeline))
        return hubs[-1]

    yield make
    for one in hubs:
        one.close()


def shared_hub(directories, listeners, **options):
    """A broker for all tests of a file; a generator for a fixture of the scope `module`."""
    broker = brokers.Broker(directories.mktemp("hub"), brokers.settings_with(listeners=listeners), **options).start()
    try:
        yield Hub(broker)
        assert broker.alive(), broker.process.stderr()[-4000:]
        broker.stop()
    finally:
        broker.process.kill()


def read_to_end(sock, seconds=10.0):
    """All bytes up to the end of the stream."""
    deadline, data = Deadline(seconds), b""
    while True:
        sock.settimeout(deadline.left() or 0.001)
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


def read_exactly(sock, count, seconds=10.0):
    deadline, data = Deadline(seconds), b""
    while len(data) < count:
        sock.settimeout(deadline.left() or 0.001)
        piece = sock.recv(count - len(data))
        assert piece, f"the broker closed after {data!r}"
        data += piece
    return data


def exchange_at_all_qos(sender, receiver, topic, payload=b"payload"):
    """What one publishes reaches the other, at each QoS."""
    receiver.subscribe((topic, 2))
    for qos in (0, 1, 2):
        sender.publish(topic, payload, qos=qos)
        message = receiver.collect(1)[0]
        assert (message.topic, message.payload, message.qos) == (topic, payload, qos)
    while_released(receiver)


def while_released(receiver):
    """Completes the last exchange of QoS 2, in which the broker has the last word but one."""
    release = receiver.expect(mqtt.PUBREL)
    receiver.answer(release)


@pytest.fixture
def hub(shared, timeline):
    """What the module's fixture `shared` has started, for one test."""
    shared.timeline = timeline
    yield shared
    shared.close()
    shared.opened.clear()
    assert shared.broker.alive(), shared.broker.process.stderr()[-4000:]
