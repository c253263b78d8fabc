# SPDX-License-Identifier: MIT
"""WebSocket byte for byte: one end of frames, and the pieces that frames are made of."""

import struct

import packet as mqtt
from deadline import Deadline
from hub import read_to_end
from transport import BINARY, CLOSE, PONG, client_context, frame, take_frame, upgrade_request

TEXT, CONTINUATION = 1, 0
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1001, 1002, 1003
NOT_TEXT, POLICY, TOO_LARGE = 1007, 1008, 1009
MASK = b"\x11\x22\x33\x44"


class Frames:
    """One end of frames, byte for byte."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, bytearray()

    @classmethod
    def upgraded(cls, hub, where="ws", behind=b"", **headers):
        """`behind` is sent in one piece with the request."""
        sock = hub.plain(where)
        if hub.kind(where) == "wss":  # an end without close_notify is an error here
            sock = client_context().wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)
            hub.opened.append(sock)
        one = cls(sock)
        one.sock.sendall(upgrade_request(headers.pop("path", "/mqtt"), **headers) + behind)
        one.answer = one.read_answer()
        assert one.answer.startswith("HTTP/1.1 101 "), one.answer
        return one

    @classmethod
    def connected(cls, hub, client_id, where="ws", **fields):
        one = cls.upgraded(hub, where)
        one.send(frame(BINARY, mqtt.connect(client_id, **fields)))
        one.expect(BINARY, b"\x20\x02\x00\x00")
        return one

    def read_answer(self):
        deadline = Deadline()
        while b"\r\n\r\n" not in self.buffer:
            self._receive(deadline)
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        return head.decode()

    def _receive(self, deadline):
        self.sock.settimeout(deadline.left() or 0.001)
        piece = self.sock.recv(65536)
        assert piece, f"the broker closed after {bytes(self.buffer)!r}"
        self.buffer += piece

    def send(self, data, size=None):
        """In pieces of `size` bytes, else whole. The broker may have closed before the last one."""
        try:
            for at in range(0, len(data), size or len(data) or 1):
                self.sock.sendall(data[at : at + (size or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def next(self):
        """(opcode, payload) of the next frame, which is whole and not masked, as all of a server are here."""
        deadline = Deadline()
        while True:
            if len(self.buffer) >= 2:
                assert self.buffer[0] & 0x70 == 0 and self.buffer[1] & 0x80 == 0, bytes(self.buffer[:2]).hex()
            taken = take_frame(self.buffer)
            if taken:
                assert taken[1], "a server has no reason to fragment"
                return taken[0], taken[2]
            self._receive(deadline)

    def expect(self, opcode, payload):
        assert self.next() == (opcode, payload)

    def expect_end(self, close):
        """The bytes of a close frame and nothing behind them, and the end of the stream. `close`: a code, or its payload."""
        payload = struct.pack(">H", close) if isinstance(close, int) else close
        wanted = bytes([0x80 | CLOSE, len(payload)]) + payload
        assert (bytes(self.buffer) + read_to_end(self.sock)).hex(" ") == wanted.hex(" ")
        self.buffer.clear()

    def expect_binary(self, data):
        """Exactly these bytes of MQTT, over as many frames as it takes."""
        seen = b""
        while len(seen) < len(data):
            opcode, payload = self.next()
            assert opcode == BINARY
            seen += payload
        assert seen == data

    def read_packets(self, count):
        """So many packets of MQTT. Pongs in between are counted."""
        data, packets, self.pongs = bytearray(), [], 0
        while len(packets) < count:
            opcode, piece = self.next()
            assert opcode in (BINARY, PONG)
            self.pongs += opcode == PONG
            data += piece if opcode == BINARY else b""
            while (packet := mqtt.split(data, mqtt.FROM_SERVER)) is not None:
                packets.append(packet)
        assert not data, "a packet is cut"
        return packets


def head(first, second, longer=b"", mask=MASK):
    """The header of a frame in any form."""
    return bytes([first, second]) + longer + mask


def close_frame(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)
