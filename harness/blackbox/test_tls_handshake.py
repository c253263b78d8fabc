# SPDX-License-Identifier: MIT
"""TLS handshakes byte by byte, those that never end, and many at once."""

import resource
import select
import signal
import socket
import ssl
import subprocess

import packet as mqtt
import pytest
from deadline import Deadline, wait_until
from hub import listener, make_hub, read_to_end  # noqa: F401 - a fixture
from tables import cases
from tls_hub import BioClient, VERSIONS, context_of, hub, openssl_client, shared  # noqa: F401 - fixtures

pytestmark = pytest.mark.ours


@pytest.mark.parametrize("version", cases(VERSIONS))
@pytest.mark.parametrize("size", [1, 5, 100])
def test_tls_in_small_pieces(hub, unique, size, version):
    one = BioClient(hub.plain("tls"), context_of(version))
    one.size = size
    one.shake_hands()
    one.write(mqtt.connect(f"{unique}-slow") + mqtt.pingreq())
    assert one.read(6) == b"\x20\x02\x00\x00\xd0\x00"
    hub.check_serves("tls")


def test_client_certificate_in_small_pieces(hub, unique):
    one = BioClient(hub.plain("required"), context_of(certificate="client"))
    one.size = 3
    one.shake_hands()
    one.write(mqtt.connect(f"{unique}-slow"))
    assert one.read(4) == b"\x20\x02\x00\x00"


def stall(hub, how):
    """A connection that gets so far and no further."""
    one = BioClient(hub.plain("tls"))
    if how == "nothing":
        return one.sock
    if how == "handshake-without-connect":
        one.shake_hands()
        return one.sock
    one.begin()
    data = one.outgoing.read()
    one.sock.sendall(data[:1] if how == "one-byte" else data[: len(data) // 2] if how == "half-a-hello" else data)
    return one.sock


STALLS = ("nothing", "one-byte", "half-a-hello", "hello", "handshake-without-connect")


@pytest.mark.parametrize("how", STALLS)
def test_stalled_client_is_closed_by_connect_timeout(make_hub, how):
    hub = make_hub({"tls": listener("tls"), "tcp": listener()}, limits={"connect_timeout_ms": 1000})
    stalled = [stall(hub, how) for _ in range(20)]
    hub.check_serves("tls")
    hub.check_serves("tcp")
    for sock in stalled:
        read_to_end(sock)
        sock.close()
    wait_until(lambda: hub.broker.descriptors() <= hub.broker.idle_descriptors, "their sockets are closed")
    hub.check_serves("tls")


def test_trickling_handshake_is_closed_by_connect_timeout(make_hub):
    hub = make_hub({"tls": listener("tls")}, limits={"connect_timeout_ms": 1000})
    one = BioClient(hub.plain("tls"))
    one.begin()
    data = one.outgoing.read()
    poller = select.poll()
    poller.register(one.sock, select.POLLRDHUP)
    deadline, sent = Deadline(10), 0
    while not poller.poll(20):
        assert not deadline.passed() and sent < len(data) - 1, "a trickle keeps a connection"
        sent += one.sock.send(data[sent : sent + 1])
    hub.check_serves("tls")


def answered(clients):
    """How many of the clients have something to read."""
    poller = select.poll()
    for one in clients:
        poller.register(one.sock, select.POLLIN)
    return len(poller.poll(0))


def test_storm_of_handshakes_does_not_delay_others(make_hub, unique):
    """One that asks after 200 handshakes have begun is answered before most of them."""
    hub = make_hub({"tls": listener("tls", handshakes_max=1), "tcp": listener()}, shards=1)
    other = hub.client("tcp", unique)
    storm = [BioClient(hub.plain("tls")) for _ in range(200)]
    other.ping()
    hub.broker.process.signal(signal.SIGSTOP)
    for one in storm:
        one.sock.settimeout(30)
        one.begin()
        one.push()
    other.send(mqtt.pingreq())
    hub.broker.process.signal(signal.SIGCONT)
    other.expect(mqtt.PINGRESP)
    hub.broker.process.signal(signal.SIGSTOP)
    early = answered(storm)
    hub.broker.process.signal(signal.SIGCONT)
    assert early < 100
    for one in storm:
        one.shake_hands()
    hub.check_serves("tls")


@pytest.mark.parametrize("shards", [1, 2])
def test_one_handshake_at_a_time_serves_everybody(make_hub, shards):
    """Also behind clients whose handshake never ends."""
    hub = make_hub(
        {"tls": listener("tls", handshakes_max=1), "tcp": listener()}, limits={"connect_timeout_ms": 1500}, shards=shards
    )
    for _ in range(2):
        stall(hub, "hello")
    waiting = [BioClient(hub.plain("tls")) for _ in range(40)]
    for one in waiting:
        one.sock.settimeout(30)
        one.begin()
        one.push()
    hub.check_serves("tcp")
    served = 0
    for number, one in enumerate(waiting):
        try:
            one.shake_hands()
            one.write(mqtt.connect(f"client-{number}"))
            served += one.read(4) == b"\x20\x02\x00\x00"
        except (AssertionError, ConnectionResetError, BrokenPipeError, ssl.SSLError):
            pass  # its time may have run out while the others were ahead
    hub.check_serves("tls")
    assert served == len(waiting)


def test_client_that_resets_in_the_handshake_gives_its_place_back(make_hub):
    hub = make_hub({"tls": listener("tls", handshakes_max=1)}, shards=1)
    for _ in range(30):
        sock = stall(hub, "hello")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        sock.close()
    for _ in range(5):
        hub.check_serves("tls")


def test_a_thousand_connections_at_once(make_hub, unique):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("not enough files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    hub = make_hub({"tls": listener("tls"), "tcp": listener()})
    hub.check_serves("tls")
    before = hub.broker.rss_bytes()
    context = context_of()
    clients = []
    for number in range(1000):
        clients.append(hub.client("tls", f"{unique}-{number}", {"context": context}))
        clients[-1].subscribe((f"{unique}/all", 1))
    if not hub.broker.is_sanitized():
        assert (hub.broker.rss_bytes() - before) / 1000 < 128 << 10
    hub.client("tcp", f"{unique}-sender").publish(f"{unique}/all", b"x" * 5000, qos=1)
    for one in clients:
        one.answer(one.expect_publish(f"{unique}/all", b"x" * 5000))
    for one in clients:
        one.disconnect()
    hub.check_serves("tls")


def test_renegotiation_is_refused(hub, openssl_client):
    """s_client asks for one when its input has a line with R."""
    host, port = hub.addresses["tls"]
    command = ["openssl", "s_client", "-tls1_2", "-connect", f"{host}:{port}"]
    process = subprocess.run(command, input=b"R\n", capture_output=True, timeout=20, check=False)
    assert b"renegotiation" in (process.stdout + process.stderr).lower()
    hub.check_serves("tls")
