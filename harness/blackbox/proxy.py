# SPDX-License-Identifier: MIT
"""A proxy between one client and a broker that cuts the connection at a chosen packet, so that the packet is lost.

    proxy = CuttingProxy(broker.address)
    proxy.cut_at(mqtt.PUBREC)      # the next PUBREC, from whichever side, does not arrive: both sides are reset
    client.connect(proxy.address)  # may connect again as often as it likes

The proxy looks at first bytes and lengths only. It runs in a thread of its own and serves one connection at a time.
"""

import select
import socket
import threading

import packet as mqtt
from deadline import Deadline


class CuttingProxy:
    def __init__(self, broker_address):
        self.broker_address = broker_address
        self._cuts = []  # packet types, in the order in which they are to be cut at
        self._changed = threading.Condition()
        self._stop, self._stopped = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut_at(self, *kinds):
        with self._changed:
            self._cuts += kinds

    def wait_all_cut(self, seconds=10):
        """Until every cut that was asked for has been made."""
        deadline = Deadline(seconds)
        with self._changed:
            while self._cuts:
                assert not deadline.passed(), f"no {mqtt.NAMES[self._cuts[0]]} came by to be cut at"
                self._changed.wait(deadline.left())

    def close(self):
        self._stop.send(b"x")
        self._thread.join(10)
        for one in (self._stop, self._stopped, self._listener):
            one.close()

    def _serve(self):
        while self._wait(self._listener):
            client, _ = self._listener.accept()
            broker = socket.create_connection(self.broker_address)
            try:
                self._forward(client, broker)
            finally:
                for end in (client, broker):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                    end.close()

    def _wait(self, *sockets):
        """The sockets that can be read; none when the proxy is to end."""
        ready, _, _ = select.select([*sockets, self._stopped], [], [])
        return [] if self._stopped in ready else ready

    def _forward(self, client, broker):
        """Until one side closes, a cut is due, or the proxy is to end."""
        other = {client: broker, broker: client}
        buffers = {client: bytearray(), broker: bytearray()}
        while ready := self._wait(client, broker):
            for end in ready:
                try:
                    data = end.recv(65_536)
                except ConnectionError:
                    return
                buffers[end] += data
                if not data or not self._pass_on(buffers[end], other[end]):
                    return

    def _pass_on(self, buffer, to):
        """Sends the whole packets of `buffer` on; False at a cut."""
        while found := mqtt.first_frame(buffer) if len(buffer) > 1 else None:
            if len(buffer) < found[0]:
                break
            if self._cut_due(buffer[0] >> 4):
                return False
            try:
                to.sendall(buffer[: found[0]])
            except ConnectionError:
                return False
            del buffer[: found[0]]
        return True

    def _cut_due(self, kind):
        with self._changed:
            if self._cuts and self._cuts[0] == kind:
                del self._cuts[0]
                self._changed.notify_all()
                return True
        return False
