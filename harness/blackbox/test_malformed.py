# SPDX-License-Identifier: MIT
"""Malformed input after CONNECT: it closes that connection and no other, and costs the broker nothing that stays."""

import random

import packet as mqtt
import pytest
from broker import SHARDS
from deadline import wait_until
from peer import Peer, fence
from tables import cases

ours = pytest.mark.ours


# Bad text, in every field that holds some. [MQTT-1.5.3-1, -2]
BAD_TEXT = {
    "lone-continuation": b"a\x80",
    "lone-ff": b"\xff",
    "lone-fe": b"\xfe",
    "cut-two": b"a\xc3",
    "cut-three": b"a\xe2\x82",
    "cut-four": b"a\xf0\x9f\x98",
    "cut-in-the-middle": b"\xe2\x82a",
    "overlong-two": b"\xc0\xaf",
    "overlong-two-nul": b"\xc0\x80",
    "overlong-three": b"\xe0\x80\xaf",
    "overlong-four": b"\xf0\x80\x80\xaf",
    "surrogate-low": b"\xed\xa0\x80",
    "surrogate-high": b"\xed\xbf\xbf",
    "surrogate-pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond-10ffff": b"\xf4\x90\x80\x80",
    "five-bytes": b"\xf8\x88\x80\x80\x80",
    "nul": b"a\0b",
    "behind-ascii": b"abcdefgh" * 4 + b"\xff",
}

# Any packet with wrong fixed-header flags. [MQTT-2.2.2-2]
FLAGS = {
    f"{mqtt.NAMES[kind]}-{flags:x}": bytes([kind << 4 | flags]) + packet[1:]
    for kind, packet in (
        (mqtt.PUBACK, mqtt.puback(1)),
        (mqtt.PUBREC, mqtt.pubrec(1)),
        (mqtt.PUBREL, mqtt.pubrel(1)),
        (mqtt.PUBCOMP, mqtt.pubcomp(1)),
        (mqtt.SUBSCRIBE, mqtt.subscribe(1, [("t", 0)])),
        (mqtt.UNSUBSCRIBE, mqtt.unsubscribe(1, ["t"])),
        (mqtt.PINGREQ, mqtt.pingreq()),
        (mqtt.DISCONNECT, mqtt.disconnect()),
    )
    for flags in (0, 1, 2, 3, 8, 15)
    if flags != mqtt.FLAGS[kind]
}

MALFORMED = {
    # Types
    "type-0": bytes.fromhex("00 00"),
    "type-0-with-a-body": bytes.fromhex("00 02 00 00"),
    "type-15": bytes.fromhex("f0 00"),
    "type-15-as-auth": bytes.fromhex("f0 02 18 00"),
    # What only a server sends
    "connack": bytes.fromhex("20 02 00 00"),
    "suback": bytes.fromhex("90 03 00 01 00"),
    "unsuback": bytes.fromhex("b0 02 00 01"),
    "pingresp": bytes.fromhex("d0 00"),
    # Remaining length
    "length-of-five-bytes": bytes.fromhex("30 ff ff ff ff 01"),
    "length-of-five-bytes-of-zero": bytes.fromhex("c0 80 80 80 80 00"),
    "length-is-not-the-shortest": bytes.fromhex("c0 80 00"),
    # PUBLISH
    "publish-qos-3": bytes.fromhex("36 05 00 01 61 00 01"),  # [MQTT-3.3.1-4]
    "publish-qos-3-dup": bytes.fromhex("3e 05 00 01 61 00 01"),
    "publish-qos-0-dup": bytes.fromhex("38 03 00 01 61"),  # [MQTT-3.3.1-2]
    "publish-empty": bytes.fromhex("30 00"),
    "publish-half-a-length": bytes.fromhex("30 01 00"),
    "publish-topic-is-cut": bytes.fromhex("30 04 00 05 61 62"),
    "publish-topic-empty": bytes.fromhex("30 02 00 00"),  # [MQTT-4.7.3-1]
    "publish-topic-plus": mqtt.publish("a/+/b", b"x"),  # [MQTT-3.3.2-2]
    "publish-topic-hash": mqtt.publish("a/#", b"x"),
    "publish-topic-plus-inside": mqtt.publish("a+b", b"x"),
    "publish-topic-hash-inside": mqtt.publish("a#b", b"x"),
    "publish-no-identifier": bytes.fromhex("32 03 00 01 61"),
    "publish-half-an-identifier": bytes.fromhex("32 04 00 01 61 00"),
    "publish-identifier-0": mqtt.publish("t", b"x", qos=1, packet_id=0),  # [MQTT-2.3.1-1]
    "publish-identifier-0-qos-2": mqtt.publish("t", b"x", qos=2, packet_id=0),
    # Acknowledgements
    "puback-empty": bytes.fromhex("40 00"),
    "puback-short": bytes.fromhex("40 01 00"),
    "puback-long": bytes.fromhex("40 03 00 01 00"),
    "puback-0": mqtt.puback(0),
    "pubrec-empty": bytes.fromhex("50 00"),
    "pubrec-long": bytes.fromhex("50 04 00 01 00 00"),
    "pubrec-0": mqtt.pubrec(0),
    "pubrel-empty": bytes.fromhex("62 00"),
    "pubrel-short": bytes.fromhex("62 01 01"),
    "pubrel-long": bytes.fromhex("62 03 00 01 00"),
    "pubrel-0": mqtt.pubrel(0),
    "pubcomp-empty": bytes.fromhex("70 00"),
    "pubcomp-long": bytes.fromhex("70 03 00 01 00"),
    "pubcomp-0": mqtt.pubcomp(0),
    # SUBSCRIBE
    "subscribe-empty": bytes.fromhex("82 00"),
    "subscribe-half-an-identifier": bytes.fromhex("82 01 00"),
    "subscribe-no-filter": mqtt.subscribe(1, []),  # [MQTT-3.8.3-3]
    "subscribe-identifier-0": mqtt.subscribe(0, [("t", 0)]),
    "subscribe-no-options": bytes.fromhex("82 05 00 01 00 01 61"),
    "subscribe-filter-is-cut": bytes.fromhex("82 06 00 01 00 05 61 62"),
    "subscribe-second-filter-is-cut": bytes.fromhex("82 08 00 01 00 01 61 00 00 05"),
    "subscribe-byte-behind": bytes.fromhex("82 07 00 01 00 01 61 00 00"),
    # UNSUBSCRIBE
    "unsubscribe-empty": bytes.fromhex("a2 00"),
    "unsubscribe-no-filter": mqtt.unsubscribe(1, []),  # [MQTT-3.10.3-2]
    "unsubscribe-identifier-0": mqtt.unsubscribe(0, ["t"]),
    "unsubscribe-filter-is-cut": bytes.fromhex("a2 06 00 01 00 05 61 62"),
    "unsubscribe-byte-behind": bytes.fromhex("a2 06 00 01 00 01 61 00"),
    # What has no body
    "pingreq-with-a-body": bytes.fromhex("c0 01 00"),
    "disconnect-with-a-body": bytes.fromhex("e0 01 00"),
    "disconnect-of-5.0": bytes.fromhex("e0 02 00 00"),
    # Other protocols
    "http": b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
}

TOLERATED_BY_MOSQUITTO = [
    *(name for name in FLAGS if name.startswith(("PINGREQ", "DISCONNECT", "PUBACK", "PUBREC", "PUBCOMP"))),
    "suback",
    "unsuback",
    "pingresp",
    "puback-long",
    "pubrec-long",
    "pubrel-long",
    "pubcomp-long",
    "http",
    "length-is-not-the-shortest",
    "publish-qos-0-dup",
    "pingreq-with-a-body",
    "disconnect-of-5.0",
]

TABLE = (
    MALFORMED
    | FLAGS
    | {f"topic-{name}": mqtt.publish(raw, b"x") for name, raw in BAD_TEXT.items()}
    | {f"filter-{name}": mqtt.subscribe(1, [(raw, 0)]) for name, raw in BAD_TEXT.items()}
    | {f"unsubscribe-{name}": mqtt.unsubscribe(1, [raw]) for name, raw in BAD_TEXT.items()}
)


@pytest.fixture(scope="module")
def bystander(shared_broker):
    """A connection that lives through the whole table."""
    one = Peer.open(shared_broker.get().address, name="bystander")
    one.connect("bystander-of-the-table")
    yield one
    one.socket.close()


@pytest.mark.parametrize("data", cases(TABLE, differs=TOLERATED_BY_MOSQUITTO))
def test_closes_that_connection_alone(client, bystander, data):
    one = client("bad")
    one.send(data)
    one.expect_close()
    bystander.ping()
    client("fresh").ping()


@pytest.mark.parametrize("data", cases({name: MALFORMED[name] for name in ("type-15", "publish-qos-3", "subscribe-no-filter")}))
@pytest.mark.parametrize("where", ["byte-by-byte", "behind-good-packets", "before-good-packets"])
def test_closes_wherever_the_fault_stands(client, unique, data, where):
    """What came before the fault has been served; what comes behind it is not looked at."""
    one, watcher = client("bad"), client("watcher")
    watcher.subscribe((f"{unique}/#", 0))
    good = mqtt.publish(f"{unique}/good", b"x")
    if where == "byte-by-byte":
        one.send_in_pieces(data)
    else:
        one.send(good + data if where == "behind-good-packets" else data + good)
    one.expect_close()
    seen = fence(client("sender"), watcher)
    assert len(seen) == (1 if where == "behind-good-packets" else 0)


@pytest.mark.parametrize("data", [mqtt.publish("a" * 50, b"x" * 200)[:-1], b"\x30", b"\x30\x80", b"\x82\x7f\x00"])
def test_close_in_the_middle_of_a_packet_does_no_harm(client, data):
    for end in ("close", "reset"):
        one = client("bad")
        one.send(data)
        getattr(one, end)()
    client("fresh").ping()


def test_claim_of_a_large_packet_takes_no_memory(client, broker):
    """A hundred clients say that 256 MiB will come, and send little of it."""
    liars = [client(f"liar-{number}") for number in range(100)]
    before = broker.rss_bytes()
    for one in liars:
        one.send(b"\x30\xff\xff\xff\x7f\x00\x01a" + bytes(1000))
    client("fresh").ping()
    if not broker.is_sanitized() and broker.kind == "hbmqtt":
        assert broker.rss_bytes() - before < 16 << 20
    for one in liars:
        one.reset()


def test_random_bytes_do_no_harm(peers, client):
    """Seeded noise as the first thing on a connection and behind a good CONNECT: nothing to expect but survival."""
    for seed in range(150):
        rng = random.Random(seed)
        noise = rng.randbytes(rng.randrange(1, 3000))
        one = peers(f"noise-{seed}") if seed % 2 else client(f"noise-{seed}")
        one.send(noise)
        one.socket.close()
    client("fresh").ping()


def test_flipped_bits_do_no_harm(peers, client, unique):
    """A good conversation with some seeded bits turned over."""
    good = mqtt.connect(unique, will=mqtt.Will(f"{unique}/w"), username="u", password="p")
    good += mqtt.subscribe(1, [(f"{unique}/+", 1), (f"{unique}/#", 2)])
    good += mqtt.publish(f"{unique}/t", b"x" * 40, qos=2, packet_id=3)
    good += mqtt.pubrel(3) + mqtt.unsubscribe(2, [f"{unique}/+"]) + mqtt.pingreq() + mqtt.disconnect()
    for seed in range(300):
        rng = random.Random(seed)
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        one = peers(f"flipped-{seed}")
        one.send(bytes(bad))
        one.socket.close()
    client("fresh").ping()


def bad_lives(broker, witness, timeline, count):
    """Connections that end in every bad way. Every fifty of them, a good one is served."""
    table = list(TABLE.values())
    for number in range(count):
        one = Peer.open(broker.address, name="bad", timeline=timeline)
        bad = table[number // 4 % len(table)]
        if number % 4 == 0:
            one.send(bad)
        elif number % 4 == 1:
            one.send(mqtt.connect(f"bad-{number}", will=mqtt.Will("w")) + bad)
        elif number % 4 == 2:
            one.send(mqtt.connect("x" * (number % 1000)) + mqtt.publish("t", bytes(number % 3000))[:-1])
        else:
            one.send(mqtt.connect(f"bad-{number}") + mqtt.subscribe(1, [(f"{number}/+", 2)]))
        one.socket.close()
        if number % 50 == 0:
            witness.ping()
    wait_until(lambda: broker.descriptors() <= broker.idle_descriptors + 1, "the broker closes its bad connections", 30)
    return broker.rss_bytes()


def test_memory_returns_after_ten_thousand_bad_connections(client, make_broker, timeline):
    """The first 2,000 may warm up what each shard keeps for re-use; the 10,000 behind them may not add to it."""
    broker = make_broker()
    witness = client("witness", at=broker)
    before = bad_lives(broker, witness, timeline, 2_000)
    after = bad_lives(broker, witness, timeline, 10_000)
    witness.ping()
    if not broker.is_sanitized():
        assert after - before < SHARDS << 20, f"{after - before} bytes more after 10,000 bad connections"
