# SPDX-License-Identifier: MIT
"""Proxies that a client may have to go through: HTTP CONNECT and SOCKS5. They note whom they were asked for."""

import base64
import contextlib
import select
import socket
import struct
import threading


class Proxy:
    """One thread for each connection. `target` is where everybody ends up, whatever was asked for."""

    def __init__(self, target, credentials=None):
        self.target, self.credentials = target, credentials
        self.asked = []  # (host, port) of each request
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client):
        with client, contextlib.suppress(OSError):
            if not self._greet(client):
                return
            with socket.create_connection(self.target) as broker:
                self._accept(client)
                other = {client: broker, broker: client}
                while True:
                    for end in select.select([client, broker], [], [])[0]:
                        data = end.recv(65_536)
                        if not data:
                            return
                        other[end].sendall(data)

    @staticmethod
    def read(client, count):
        data = b""
        while len(data) < count:
            more = client.recv(count - len(data))
            if not more:
                raise OSError("ended")
            data += more
        return data


class HttpProxy(Proxy):
    scheme = "http"

    def _greet(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.read(client, 1)
        lines = head.decode().split("\r\n")
        method, where, version = lines[0].split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        assert fields["Host"] == where
        host, _, port = where.rpartition(":")
        self.asked.append((host, int(port)))
        wanted = self.credentials and "Basic " + base64.b64encode(self.credentials.encode()).decode()
        if fields.get("Proxy-Authorization") != wanted:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return False
        return True

    def _accept(self, client):
        client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: us\r\n\r\n")


class SocksProxy(Proxy):
    scheme = "socks5"

    def _greet(self, client):
        version, count = self.read(client, 2)
        methods = self.read(client, count)
        assert version == 5
        if self.credentials:
            if 2 not in methods:
                client.sendall(b"\x05\xff")
                return False
            client.sendall(b"\x05\x02")
            _, length = self.read(client, 2)
            user = self.read(client, length)
            password = self.read(client, self.read(client, 1)[0])
            right = user + b":" + password == self.credentials.encode()
            client.sendall(b"\x01" + (b"\x00" if right else b"\x01"))
            if not right:
                return False
        else:
            client.sendall(b"\x05\x00")
        version, command, _, kind = self.read(client, 4)
        assert (version, command) == (5, 1)
        host = {
            1: lambda: socket.inet_ntop(socket.AF_INET, self.read(client, 4)),
            3: lambda: self.read(client, self.read(client, 1)[0]).decode(),
            4: lambda: socket.inet_ntop(socket.AF_INET6, self.read(client, 16)),
        }[kind]()
        self.asked.append((host, struct.unpack(">H", self.read(client, 2))[0]))
        return True

    def _accept(self, client):
        client.sendall(b"\x05\x00\x00\x03\x04host\x00\x00")
