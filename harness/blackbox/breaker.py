# SPDX-License-Identifier: MIT
"""A proxy that lets every connection live for a number of bytes, and then resets both sides.

    breaker = Breaker(broker.address, lives=[2000, 300, ...])

A connection gets the next life of the list, in bytes of both directions, and may be cut in the middle of a packet; when the list is
used up, connections live on.
"""

import select
import socket
import threading


class Breaker:
    def __init__(self, broker_address, lives):
        self.broker_address = broker_address
        self.lives = list(lives)
        self.breaks = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _next_life(self):
        with self._lock:
            return self.lives.pop(0) if self.lives else None

    def _forward(self, client):
        life = self._next_life()
        try:
            broker = socket.create_connection(self.broker_address)
        except OSError:
            client.close()
            return
        try:
            self._pump(client, broker, life)
        except OSError:
            pass
        finally:
            for end in (client, broker):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                end.close()

    def _pump(self, client, broker, life):
        other = {client: broker, broker: client}
        while True:
            for end in select.select([client, broker], [], [])[0]:
                data = end.recv(65_536 if life is None else min(65_536, life))
                other[end].sendall(data)
                if not data:
                    return
                if life is not None:
                    life -= len(data)
                if life == 0:
                    with self._lock:
                        self.breaks += 1
                    return
