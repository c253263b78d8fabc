# SPDX-License-Identifier: MIT
"""What lies between a peer's socket and MQTT: nothing, TLS, WebSocket, or both.

    HBMQTT_TRANSPORT    tcp (default), tls, ws, wss: what the tests speak to our broker, and its listener

Each wraps a socket that is connected and looks like one that does not block: send, recv, fileno, close.
"""

import base64
import functools
import hashlib
import os
import select
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
from pathlib import Path

KIND = os.environ.get("HBMQTT_TRANSPORT", "tcp")
KINDS = ("tcp", "tls", "ws", "wss")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10


@functools.cache
def certificates():
    """A folder of throw-away certificates, made once for each process of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="hbmqtt-certs-"))
    script = Path(__file__).resolve().parents[2] / "ci" / "certs"
    subprocess.run(["bash", script, folder], check=True, capture_output=True)
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def listener_settings(kind=None):
    """The keys of a listener of this kind, without its bind."""
    kind = kind or KIND
    settings = {"type": "ws" if kind in ("ws", "wss") else "tcp"}
    if kind in ("tls", "wss"):
        settings |= {"ssl": True, "certfile": certificates() / "server.pem", "keyfile": certificates() / "server.key"}
    return settings


def client_context(**options):
    context = ssl.create_default_context(cafile=certificates() / "ca.pem")
    for name, value in options.items():
        setattr(context, name, value)
    return context


def set_option(sock, level, *option):
    """All peers' sockets are asked for TCP_NODELAY, which is nothing for a unix socket."""
    if sock.family != socket.AF_UNIX or level != socket.IPPROTO_TCP:
        sock.setsockopt(level, *option)


class UnixSocket(socket.socket):
    def setsockopt(self, level, *option):
        set_option(super(), level, *option)


class Tls:
    def __init__(self, sock, context=None, server_hostname="localhost"):
        self.wrapped = (context or client_context()).wrap_socket(sock, server_hostname=server_hostname)

    def send(self, data):
        try:
            return self.wrapped.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLEOFError:
            raise BrokenPipeError from None

    def recv(self, size):
        try:
            return self.wrapped.recv(size)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def setsockopt(self, level, *option):
        set_option(self.wrapped, level, *option)

    def __getattr__(self, name):
        return getattr(self.wrapped, name)


def frame(opcode, payload, mask=b"\x11\x22\x33\x44", final=True):
    """A frame as a client sends it."""
    head = bytes([(0x80 if final else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack(">BH", 0x80 | 126, len(payload))
    else:
        head += struct.pack(">BQ", 0x80 | 127, len(payload))
    length = len(payload)
    pad = int.from_bytes((mask * (length // 4 + 1))[:length], "big") if length else 0
    masked = (int.from_bytes(payload, "big") ^ pad).to_bytes(length, "big") if length else b""
    return head + mask + masked


def take_frame(buffer):
    """(opcode, final, payload) of a frame that a server sent, taken off the buffer; None while it is cut."""
    if len(buffer) < 2:
        return None
    at, length = 2, buffer[1]
    if length == 126:
        at, length = 4, int.from_bytes(buffer[2:4], "big")
    elif length == 127:
        at, length = 10, int.from_bytes(buffer[2:10], "big")
    if len(buffer) < at + length:
        return None
    head, payload = buffer[0], bytes(buffer[at : at + length])
    del buffer[: at + length]
    return head & 0x0F, bool(head & 0x80), payload


def upgrade_request(path="/mqtt", key=None, **headers):
    lines = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key or base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": "mqtt",
        "Sec-WebSocket-Version": "13",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    shown = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"GET {path} HTTP/1.1\r\n{shown}\r\n".encode()


class WebSocket:
    """Each send is one frame. Pings are answered; the broker's close is the end of the stream."""

    def __init__(self, sock, path="/mqtt", **headers):
        self.wrapped = sock
        self.unsent, self.raw, self.ready = b"", bytearray(), b""
        self.ended = False
        key = base64.b64encode(os.urandom(16)).decode()
        sock.sendall(upgrade_request(path, key, **headers))
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = sock.recv(4096)
            assert piece, f"the broker closed during the upgrade: {answer!r}"
            answer += piece
        head, _, rest = answer.partition(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())
        assert head.startswith(b"HTTP/1.1 101 ") and b"Sec-WebSocket-Accept: " + accept in head, head
        self.raw += rest

    def _flush(self):
        while self.unsent:
            self.unsent = self.unsent[self.wrapped.send(self.unsent) :]

    def _push(self):
        """Flushes as long as the broker takes something or a moment has not passed, and reads meanwhile."""
        poller = select.poll()
        poller.register(self.wrapped.fileno(), select.POLLIN | select.POLLOUT)
        while self.unsent:
            try:
                self._flush()
            except BlockingIOError:
                if not any(events & select.POLLOUT for _, events in poller.poll(500)):
                    try:
                        self.raw += self.wrapped.recv(65536)
                    except BlockingIOError:
                        return

    def send(self, data):
        self._flush()
        piece = bytes(data[: 1 << 20])
        self.unsent = frame(BINARY, piece)
        self._push()
        return len(piece)

    def recv(self, size):
        try:
            self._flush()
        except BlockingIOError:
            pass
        while True:  # all that is here: nobody is told that some was left
            while (taken := take_frame(self.raw)) is not None:
                self._take(*taken)
            if self.ready or self.ended:
                self.ready, data = b"", self.ready
                return data
            piece = self.wrapped.recv(size)
            if not piece:
                return b""
            self.raw += piece

    def _take(self, opcode, _, payload):
        if opcode == CLOSE:
            self.ended = True
        elif opcode == PING:
            self.unsent += frame(PONG, payload)
        elif opcode == BINARY:
            self.ready += payload

    def __getattr__(self, name):
        return getattr(self.wrapped, name)


def wrap(sock, kind=None):
    """A connected socket that blocks, as what peers use."""
    kind = kind or KIND
    if kind in ("tls", "wss"):
        sock = Tls(sock)
    if kind in ("ws", "wss"):
        sock = WebSocket(sock)
    return sock


def connect(address, kind="tcp", *, before=b"", context=None, hostname="localhost", seconds=10.0, **upgrade):
    """A socket that blocks, connected to (host, port) or to the path of a unix socket, through the layers of this kind.

    `before` is sent first, in front of all layers, such as a header of the PROXY protocol.
    """
    if isinstance(address, tuple):
        sock = socket.create_connection(address, timeout=seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    else:
        sock = UnixSocket(socket.AF_UNIX)
        sock.settimeout(seconds)
        sock.connect(str(address))
    try:
        if before:
            sock.sendall(before)
        if kind in ("tls", "wss"):
            sock = Tls(sock, context, hostname)
        if kind in ("ws", "wss"):
            sock = WebSocket(sock, **upgrade)
    except BaseException:
        sock.close()
        raise
    return sock
