# SPDX-License-Identifier: MIT
"""Peers that write down every byte that they send and get, for tests that count for themselves what a broker counts."""

import packet as mqtt
from peer import Peer


class CountedPeer(Peer):
    def __init__(self, sock, **options):
        self.sent, self.got = bytearray(), bytearray()
        super().__init__(sock, **options)

    def _write(self, data, deadline):
        self.sent += data
        super()._write(data, deadline)

    def _receive(self):
        before = len(self.buffer)
        super()._receive()
        self.got += self.buffer[before:]


def publish_payload_bytes(packet):
    topic = 2 + int.from_bytes(packet[1][:2], "big")
    qos = packet[0] >> 1 & 3
    return len(packet[1]) - topic - (2 if qos else 0)


class Sums:
    """What is in streams of whole packets."""

    def __init__(self, streams):
        self.bytes = self.packets = self.publishes = self.publish_bytes = 0
        for stream in streams:
            self.add(bytes(stream))

    def add(self, stream):
        self.bytes += len(stream)
        at = 0
        while at < len(stream):
            size, start = mqtt.first_frame(stream[at : at + 5])
            first, body = stream[at], stream[at + start : at + size]
            at += size
            self.packets += 1
            if first >> 4 == mqtt.PUBLISH:
                self.publishes += 1
                self.publish_bytes += publish_payload_bytes((first, body))
        assert at == len(stream), "the stream ends in the middle of a packet"
