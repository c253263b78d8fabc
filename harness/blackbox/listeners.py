# SPDX-License-Identifier: MIT
"""Brokers that listen for every transport, and one that the test plays inside WebSocket and TLS."""

import base64
import hashlib
import os
import pwd
import re
import socket
import ssl
import struct
from pathlib import Path

import packet as mqtt
import pytest
from broker import HBMQTT, MOSQUITTO, SHARDS, free_port, settings_with, to_yaml
from certificates import Certificates
from deadline import EVENT_S, Deadline, wait_until
from process import Process, ProcessError
from tables import cases

SECURE = ("mqtts", "wss")
TRANSPORTS = ("mqtts", "ws", "wss")

# Listeners by name: the scheme, the certificate if there is TLS, and whether the client must have one.
LISTENERS = {
    "mqtt": ("mqtt", None, False),
    "mqtts": ("mqtts", "server", False),
    "ws": ("ws", None, False),
    "wss": ("wss", "server", False),
    "mqtts-expired": ("mqtts", "server-expired", False),
    "wss-expired": ("wss", "server-expired", False),
    "mqtts-misnamed": ("mqtts", "server-other", False),
    "wss-misnamed": ("wss", "server-other", False),
    "mqtts-mutual": ("mqtts", "server", True),
    "wss-mutual": ("wss", "server", True),
}


def mosquitto_listener(port, scheme, certificate, mutual, certificates):
    lines = [f"listener {port} 127.0.0.1"]
    if scheme.startswith("ws"):
        lines.append("protocol websockets")
    if certificate:
        lines += [f"certfile {certificates.pem(certificate)}", f"keyfile {certificates.key(certificate)}"]
    if mutual:
        lines += [f"cafile {certificates.pem('ca')}", "require_certificate true"]
    return lines


class WithTransports:
    """A broker with all of these listeners: url("wss-expired") is where that one is."""

    def __init__(self, directory, certificates):
        self.certificates = certificates
        self.config = Path(directory) / "configuration"
        self.ports = {}
        self.process = None

    def url(self, name, host="localhost", path=""):
        return f"{LISTENERS[name][0]}://{host}:{self.ports[name]}{path}"

    def stop(self):
        self.process.kill()


class HbmqttWithTransports(WithTransports):
    def start(self):
        listeners = {}
        for name, (scheme, certificate, mutual) in LISTENERS.items():
            listeners[name] = {"type": "ws" if scheme.startswith("ws") else "tcp", "bind": "127.0.0.1:0"}
            if certificate:
                files = {"certfile": self.certificates.pem(certificate), "keyfile": self.certificates.key(certificate)}
                listeners[name] |= {"ssl": True} | files
            if mutual:
                listeners[name] |= {"cafile": self.certificates.pem("ca"), "client-certificate": "required"}
        self.config.write_text(to_yaml(settings_with(listeners=listeners)) + "\n")
        self.process = Process([HBMQTT, "-j", SHARDS, "-c", self.config])
        found = self.process.err.wait_match(r"listening on .*")
        assert found, self.process.stderr()
        self.ports = dict(zip(LISTENERS, re.findall(r"127\.0\.0\.1:(\d+)", found[0]), strict=True))
        return self


class MosquittoWithTransports(WithTransports):
    def start(self):
        for _ in range(5):  # a port can be gone by the time that mosquitto binds it
            self.ports = {name: free_port() for name in LISTENERS}
            lines = ["allow_anonymous true", "log_dest stderr", "log_type error", "set_tcp_nodelay true", "sys_interval 0"]
            lines += ["max_queued_messages 0", f"user {pwd.getpwuid(os.getuid()).pw_name}"]  # who can read the keys
            for name, listener in LISTENERS.items():
                lines += mosquitto_listener(self.ports[name], *listener, self.certificates)
            self.config.write_text("\n".join(lines) + "\n")
            self.process = Process([MOSQUITTO, "-c", self.config])
            wait_until(lambda: self._answers() or not self.process.alive(), "mosquitto listens or ends")
            if self.process.alive():
                return self
        raise ProcessError(f"mosquitto did not start:\n{self.process.stderr()}")

    def _answers(self):
        try:
            for port in self.ports.values():
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return False


BROKERS = {"hbmqtt": HbmqttWithTransports, "mosquitto": MosquittoWithTransports}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session", params=cases(BROKERS))
def served(request, tmp_path_factory, certificates):
    """A broker that listens for every transport."""
    one = request.param(tmp_path_factory.mktemp("transports"), certificates).start()
    yield one
    one.stop()


# A broker that the test plays. Bytes are sent and read as they are, so that anything can be wrong.

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(payload=b"", opcode=BINARY, *, fin=True):
    """What a server sends: not masked."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 65536:
        return head + struct.pack(">BH", 126, len(payload)) + payload
    return head + struct.pack(">BQ", 127, len(payload)) + payload


class Request:
    """An HTTP request: its first line, and its headers by lower-case name."""

    def __init__(self, text):
        self.line, *rest = text.split("\r\n")
        pairs = [line.split(":", 1) for line in rest if line]
        self.headers = {name.strip().lower(): value.strip() for name, value in pairs}

    def accept(self):
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        digest = hashlib.sha1((self.headers["sec-websocket-key"] + guid).encode()).digest()
        return base64.b64encode(digest).decode()

    def agree(self, **changes):
        """The answer that accepts the upgrade; changes replace headers, None leaves one out."""
        headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        headers |= {"Sec-WebSocket-Accept": self.accept(), "Sec-WebSocket-Protocol": "mqtt"}
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return ("HTTP/1.1 101 Switching Protocols\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()


class Caller:
    """One connection of a client to the played broker."""

    def __init__(self, sock):
        self.socket = sock
        self.buffer = b""
        self.socket.settimeout(Deadline(EVENT_S).left())

    def send(self, data):
        self.socket.sendall(data)

    def _read(self, size):
        while len(self.buffer) < size:
            data = self.socket.recv(65536)
            assert data, f"the client closed; left over: {self.buffer!r}"
            self.buffer += data
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read_packet(self):
        """A short MQTT packet that no frame is around."""
        head = self._read(2)
        return head + self._read(head[1])

    def read_request(self):
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            text += self._read(1)
        return Request(text.decode("latin-1"))

    def read_frame(self):
        """(opcode, payload) of a whole message or control frame; clients mask [RFC 6455, 5.1]."""
        first, second = self._read(2)
        size = second & 0x7F
        if size > 125:
            (size,) = struct.unpack(">H", self._read(2)) if size == 126 else struct.unpack(">Q", self._read(8))
        assert first & 0x80 and second & 0x80, "a frame is fragmented or not masked"
        mask = self._read(4)
        return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(self._read(size)))

    def upgrade(self):
        self.send(self.read_request().agree())

    def serve_connect(self):
        """After the upgrade, CONNECT and CONNACK."""
        self.upgrade()
        opcode, payload = self.read_frame()
        assert opcode == BINARY and payload[0] >> 4 == mqtt.CONNECT
        self.send(frame(mqtt.connack()))

    def at_end(self):
        """True when the client has closed; what it sent before is dropped."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


class PlayedBroker:
    def __init__(self, certificates=None, certificate="server", address="127.0.0.1"):
        """With certificates: in TLS; `names` are those that clients asked for (SNI)."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.host = f"[{address}]" if ":" in address else address
        self.callers = []
        self.names = []
        self.context = None
        if certificates:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificates.pem(certificate), certificates.key(certificate))
            self.context.sni_callback = lambda _socket, name, _context: self.names.append(name)

    def url(self, scheme, path="", host=None):
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def accept(self):
        self.listener.settimeout(Deadline(EVENT_S).left())
        sock, _ = self.listener.accept()
        if self.context:
            # The end of TLS must be told, not only that of TCP.
            sock = self.context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        self.callers.append(Caller(sock))
        return self.callers[-1]

    def close(self):
        for one in self.callers:
            one.socket.close()
        self.listener.close()
