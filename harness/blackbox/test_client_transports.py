# SPDX-License-Identifier: MIT
"""What the client can go through: proxies, unix sockets, several addresses, and TLS sessions that are resumed."""

import os
import socket
import ssl
import threading

import packet as mqtt
import pytest
from broker import HBMQTT_PUB, HBMQTT_SUB, free_port
from listeners import certificates, served  # noqa: F401 - fixtures
from proxies import HttpProxy, SocksProxy
from tables import cases
from test_tools import DONE, UNREACHABLE, USAGE, ended, one_line

PROXIES = {"http": HttpProxy, "socks5": SocksProxy}


@pytest.fixture
def make_proxy():
    started = []

    def make(kind, target, credentials=None):
        started.append(kind(target, credentials))
        return started[-1]

    yield make
    for one in started:
        one.close()


# Proxies


@pytest.mark.parametrize("transport", ["mqtt", "mqtts", "ws", "wss"])
@pytest.mark.parametrize("kind", cases(PROXIES))
def test_through_a_proxy(spawn, served, certificates, make_proxy, unique, kind, transport):
    """By whatever name the broker goes: the proxy looks it up, and the certificate is judged by it."""
    proxy = make_proxy(kind, ("127.0.0.1", served.ports[transport]), "me:p@ss")
    url = served.url(transport)
    through = ["--proxy", f"{proxy.scheme}://me:p%40ss@127.0.0.1:{proxy.port}", "--ca-file", certificates.pem("ca"), "--quiet"]
    if transport in ("mqtt", "ws"):
        through = through[:2]
    subscriber = spawn(HBMQTT_SUB, "--url", url, *[one for one in through if one != "--quiet"], "-t", unique, "-q1", "-n1", "-d")
    assert subscriber.err.wait_match("received SUBACK"), subscriber.stderr()
    assert ended(spawn(HBMQTT_PUB, "--url", url, *through, "-t", unique, "-m", "x", "-q1")) == []
    ended(subscriber)
    assert subscriber.out.now() == ["x"]
    assert proxy.asked == [("localhost", int(served.ports[transport]))] * 2


@pytest.mark.parametrize("kind", cases(PROXIES))
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "broker.invalid"])
def test_proxy_is_asked_for_the_broker(spawn, broker, make_proxy, unique, kind, host):
    proxy = make_proxy(kind, broker.address)
    shown = f"[{host}]" if ":" in host else host
    ended(spawn(HBMQTT_PUB, "--url", f"mqtt://{shown}:7777", "--proxy", f"{proxy.scheme}://127.0.0.1:{proxy.port}", "-t", unique, "-n", "-q1"))
    assert proxy.asked == [(shown if kind is HttpProxy else host, 7777)]


@pytest.mark.parametrize("kind", cases(PROXIES))
@pytest.mark.parametrize("user", ["", "me:wrong@"])
def test_proxy_that_refuses(spawn, broker, make_proxy, kind, user):
    proxy = make_proxy(kind, broker.address, "me:right")
    process = spawn(HBMQTT_PUB, "--url", broker.url, "--proxy", f"{proxy.scheme}://{user}127.0.0.1:{proxy.port}", "-t", "t", "-n")
    one_line(process, UNREACHABLE, "proxy", f"127.0.0.1:{proxy.port}")
    assert "wrong" not in process.stderr()


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_proxy_that_is_not_there(spawn, broker, scheme):
    port = free_port()
    one_line(spawn(HBMQTT_PUB, "--url", broker.url, "--proxy", f"{scheme}://127.0.0.1:{port}", "-t", "t", "-n"), UNREACHABLE, port)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("answer", [b"", b"\x20\x02\x00\x00", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"])
def test_proxy_that_answers_something_else(spawn, broker, scheme, answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            client, _ = listener.accept()
            client.sendall(answer)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
            client.close()

        threading.Thread(target=serve, daemon=True).start()
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        one_line(spawn(HBMQTT_PUB, "--url", broker.url, "--proxy", url, "-t", "t", "-n"), UNREACHABLE, "proxy")


# Unix sockets


@pytest.mark.ours
def test_unix_socket(spawn, make_broker, tmp_path, unique):
    path = tmp_path / "a socket"
    make_broker(listeners={"default": {"bind": "127.0.0.1:0"}, "local": {"type": "tcp", "bind": f"unix:{path}"}})
    url = "unix://" + str(path).replace(" ", "%20")
    subscriber = spawn(HBMQTT_SUB, "--url", url, "-t", unique, "-q2", "-n1", "-d")
    assert subscriber.err.wait_match("received SUBACK"), subscriber.stderr()
    ended(spawn(HBMQTT_PUB, "--url", url, "-t", unique, "-m", "x", "-q2"))
    ended(subscriber)
    assert subscriber.out.now() == ["x"]


def test_unix_socket_that_is_not_there(spawn, tmp_path):
    one_line(spawn(HBMQTT_PUB, "--url", f"unix://{tmp_path}/none", "-t", "t", "-n"), UNREACHABLE, f"{tmp_path}/none")
    one_line(spawn(HBMQTT_PUB, "--url", f"unix:///{'x' * 200}", "-t", "t", "-n"), USAGE, "at most")


# Several addresses


def test_address_that_does_not_answer_is_not_waited_for(spawn, broker, tmp_path, unique):
    """RFC 8305: the next address is tried after a quarter of a second, and the first that answers is taken. A socket whose backlog is
    full does not answer."""
    port = broker.address[1]
    try:
        silent = socket.socket(socket.AF_INET6)
        silent.bind(("::1", port))
        silent.listen(0)
    except OSError:
        pytest.skip("no IPv6 on this machine, or the port is taken there")
    fillers = []
    for _ in range(4):
        one = socket.socket(socket.AF_INET6)
        one.setblocking(False)
        one.connect_ex(("::1", port))
        fillers.append(one)
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 both.test\n127.0.0.1 both.test\n")
    command = f"mount --bind {hosts} /etc/hosts && exec {HBMQTT_PUB} --url mqtt://both.test:{port} -t {unique} -n -q1"
    process = spawn("unshare", "-m", "sh", "-c", command)
    status = process.wait_exit(10)
    if "unshare" in process.stderr() or "mount" in process.stderr():
        pytest.skip("not permitted to have a hosts file of our own")
    assert status == DONE, process.stderr()
    for one in [silent, *fillers]:
        one.close()


# TLS


def test_tls_session_is_resumed(spawn, certificates, tmp_path):
    """The second connection of a handle asks for the session of the first, and gets it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.pem("server"), certificates.key("server"))
    reused = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"mqtts://localhost:{listener.getsockname()[1]}"
        options = ["--auto-reconnect", "--reconnect-max-interval", "0", "--ca-file", certificates.pem("ca")]
        process = spawn(HBMQTT_SUB, "--url", url, "-t", "t", "-n1", *options)
        for round_ in range(3):
            listener.settimeout(20)
            raw, _ = listener.accept()
            with context.wrap_socket(raw, server_side=True) as client:
                reused.append(client.session_reused)
                client.recv(1000)
                client.sendall(mqtt.connack())
                packet_id = client.recv(1000)[2:4]
                client.sendall(b"\x90\x03" + packet_id + b"\x00")
                if round_ == 2:
                    client.sendall(mqtt.publish("t", b"x"))
                    client.recv(1000)
        process.kill()
    assert reused == [False, True, True]


def test_insecure_and_client_certificate(spawn, served, certificates, unique):
    url = served.url("mqtts-mutual")
    ours = ["--cert", certificates.pem("client"), "--key", certificates.key("client")]
    assert ended(spawn(HBMQTT_PUB, "--url", url, "--ca-file", certificates.pem("ca"), *ours, "-t", unique, "-n", "-q1")) == []
    assert ended(spawn(HBMQTT_PUB, "--url", served.url("mqtts-misnamed"), "--insecure", "-t", unique, "-n", "-q1")) == []


# Large messages


@pytest.mark.parametrize("transport", ["mqtt", "mqtts", "ws"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_whole_file_is_read_as_it_leaves(spawn, served, certificates, tmp_path, unique, qos, transport):
    path = tmp_path / "large"
    path.write_bytes(os.urandom(3_000_000).hex().encode())
    trust = ["--ca-file", certificates.pem("ca")] if transport == "mqtts" else []
    subscriber = spawn(HBMQTT_SUB, "--url", served.url("mqtt"), "-t", unique, "-q2", "-n1", "-d")
    assert subscriber.err.wait_match("received SUBACK"), subscriber.stderr()
    publisher = spawn(HBMQTT_PUB, "--url", served.url(transport), *trust, "-t", unique, "--whole-file", path, "-q", str(qos))
    assert publisher.wait_exit(60) == DONE, publisher.stderr()
    ended(subscriber)
    assert subscriber.out.now() == [path.read_text()]
