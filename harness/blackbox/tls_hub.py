# SPDX-License-Identifier: MIT
"""What tests of TLS share: a broker with listeners of every kind, contexts of clients, and clients that show their bytes."""

import re
import select
import ssl
import subprocess

import packet as mqtt
import pytest
from deadline import Deadline
from hub import hub, listener, shared_hub  # noqa: F401 - a fixture
from transport import certificates, client_context

EXIT_USAGE = 2
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {"1.2": V12, "1.3": V13}


def file(name):
    return certificates() / name


def context_of(version=None, certificate=None, alpn=None, **options):
    """A client's context that believes the CA, of one version, with a certificate of ci/certs."""
    context = client_context(**options)
    if version:
        context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain(file(f"{certificate}.pem"), file(f"{certificate}.key"))
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def any_name(**options):
    """A context that takes any name of the CA's."""
    return context_of(check_hostname=False, **options)


def served_name(sock):
    return dict(pair for entry in sock.getpeercert()["subject"] for pair in entry)["commonName"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    judged = {"cafile": file("ca.pem"), "crlfile": file("ca.crl")}
    listeners = {
        "tcp": listener(),
        "tls": listener("tls"),
        "tls13": listener("tls", tls_version_min=1.3),
        "required": listener("tls", client_certificate="required", **judged),
        "optional": listener("tls", client_certificate="optional", **judged),
        "chains": listener("tls", client_certificate="required", cafile=file("ca.pem")),
        "wss": listener("wss"),
        "ws": listener("ws"),
        "sni": listener("tls", certificates=[
            {"certfile": str(file("server-other.pem")), "keyfile": str(file("server-other.key"))},
            {"certfile": str(file("server-rsa.pem")), "keyfile": str(file("server-rsa.key"))},
        ]),
    }  # fmt: skip
    yield from shared_hub(tmp_path_factory, listeners, arguments=["-d"])  # no line of the log is kept back


def refused(hub, where, **options):
    """A client that the broker does not want; returns the lines of the log about it."""
    sock = hub.plain(where)
    try:
        wrapped = options.pop("context").wrap_socket(sock, server_hostname=options.pop("hostname", "localhost"))
        wrapped.sendall(mqtt.connect("refused"))
        seen = wrapped.recv(100)
        wrapped.close()
        assert seen == b"", f"it was served: {seen!r}"
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        pass
    return hub.log_of(sock) if sock.fileno() >= 0 else []


def log_about_refused(hub, where, pattern, **options):
    mark = len(hub.log())
    refused(hub, where, **options)
    found = hub.broker.process.err.wait(
        lambda lines: [line for line in lines[mark:] if re.search(f"connection closed: {pattern}", line)], f"a line with {pattern}"
    )
    assert len(found) == 1, found


class BioClient:
    """A TLS client that shows every byte that it sends."""

    def __init__(self, sock, context=None):
        self.sock, self.incoming, self.outgoing = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or context_of()).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.size = None  # of the pieces that are sent

    def begin(self):
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def push(self):
        data = self.outgoing.read()
        for at in range(0, len(data), self.size or len(data) or 1):
            self.sock.sendall(data[at : at + (self.size or len(data))])

    def receive(self):
        piece = self.sock.recv(65536)
        assert piece, "the broker closed"
        self.incoming.write(piece)

    def shake_hands(self):
        while True:
            done = self.begin()
            self.push()
            if done:
                return
            self.receive()

    def seal(self, data):
        self.tls.write(data)

    def seal_close(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass

    def write(self, data):
        self.seal(data)
        self.push()

    def read(self, count):
        data = b""
        while len(data) < count:
            try:
                data += self.tls.read(count - len(data))
            except ssl.SSLWantReadError:
                self.receive()
        return data


class OpensslClient:
    def __init__(self, address, *options):
        host, port = address
        command = ["openssl", "s_client", "-quiet", "-connect", f"{host}:{port}", *options]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def exchange(self, data, count):
        """Sends, and reads so many bytes, or less if it ends."""
        deadline, seen = Deadline(), b""
        try:
            self.popen.stdin.write(data)
            self.popen.stdin.flush()
        except BrokenPipeError:
            return b""
        poller = select.poll()
        poller.register(self.popen.stdout, select.POLLIN)
        while len(seen) < count:
            assert poller.poll(deadline.left() * 1000), f"only {seen!r} came"
            piece = self.popen.stdout.read1(count - len(seen))
            if not piece:
                break
            seen += piece
        return seen

    def close(self):
        self.popen.kill()
        self.popen.communicate()


@pytest.fixture
def openssl_client():
    clients = []

    def open_one(*arguments):
        clients.append(OpensslClient(*arguments))
        return clients[-1]

    yield open_one
    for one in clients:
        one.close()
