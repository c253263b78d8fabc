# SPDX-License-Identifier: MIT
"""CONNECT: every field, every refusal, and what a refusal must leave alone."""

import packet as mqtt
import pytest
import transport
from deadline import wait_until
from peer import fence
from tables import cases

ours = pytest.mark.ours


# What is accepted


@pytest.mark.parametrize("keepalive", [0, 1, 60, 65535])
@pytest.mark.parametrize("clean", [True, False])
def test_accepts_clean_flag_and_keepalive(peers, unique, clean, keepalive):
    one = peers()
    one.connect(f"{unique}", clean=clean, keepalive=keepalive, session_present=False)  # [MQTT-3.1.4-4]
    one.ping()
    one.disconnect()


@pytest.mark.parametrize(
    "fields",
    [
        dict(username="user"),
        dict(username=""),
        dict(username="user", password=b""),
        dict(username="user", password=b"\x00\xff\xfe binary"),
        dict(username="\N{GREEK SMALL LETTER MU}", password="secret"),
        dict(will=mqtt.Will("w")),
        dict(will=mqtt.Will("w", b"", 2, True), username="user", password="secret"),
        dict(will=mqtt.Will("w", b"\x00" * 65535, 1)),
    ],
    ids=["user", "empty-user", "empty-password", "binary-password", "user-utf8", "will", "all", "long-will"],
)
def test_accepts_optional_fields(peers, unique, fields):
    one = peers()
    one.connect(unique, **fields)
    one.disconnect()


@pytest.mark.parametrize(
    "client_id",
    [
        "a",
        "0123456789abcdefghijklm",  # 23 bytes [MQTT-3.1.3-5]
        "NOPQRSTUVWXYZ",
        "hbmqtt_sub/4711-host.example",
        "spaces and / + # $",
        "\N{SNOWMAN}\ufeff",
        "x" * 1000,
    ],
    ids=["1", "23", "capitals", "tool", "punctuation", "utf8", "1000"],
)
def test_accepts_client_ids(peers, client_id):
    one = peers()
    one.connect(client_id)  # [MQTT-3.1.3-5]
    one.disconnect()


def test_serves_mqtt_3_1(client, peers, unique):
    """MQIsdp at level 3 is served in full, and the flags byte of CONNACK stays 0 there."""
    subscriber = peers("old")
    subscriber.connect(f"{unique}-old", name="MQIsdp", level=3, session_present=False)
    subscriber.subscribe((f"{unique}/t", 2))
    client("new").publish(f"{unique}/t", b"hello", qos=2)
    got = subscriber.expect_publish(f"{unique}/t", b"hello", qos=2)
    subscriber.accept(got)
    subscriber.disconnect()


def test_3_1_resumes_its_session(peers, unique):
    old = dict(name="MQIsdp", level=3, clean=False)
    first = peers()
    first.connect(unique, **old)
    first.subscribe((f"{unique}/t", 1))
    first.disconnect()
    sender = peers()
    sender.connect(f"{unique}-sender")
    sender.publish(f"{unique}/t", b"kept", qos=1)
    second = peers()
    second.connect(unique, **old)
    assert second.collect(1)[0].payload == b"kept"


def test_empty_id_gets_served_and_is_unique(peers, client, unique):
    """[MQTT-3.1.3-6]: two clients without an id are two clients."""
    first, second = peers("first"), peers("second")
    first.connect("", clean=True, session_present=False)
    second.connect("", clean=True, session_present=False)
    for one in (first, second):
        one.subscribe(f"{unique}/t")
    client("sender").publish(f"{unique}/t", b"both")
    for one in (first, second):
        one.expect_publish(f"{unique}/t", b"both")
    first.ping()


def test_client_ids_are_case_sensitive(client):
    lower, upper = client("id"), client("ID")
    lower.ping()
    upper.ping()


def test_nothing_comes_before_connack(peers, unique, client):
    """[MQTT-3.2.0-1]: the queue of a session follows its CONNACK."""
    one = client("sleeper", clean=False)
    one.subscribe((f"{unique}/t", 1))
    one.disconnect()
    client("sender").publish(f"{unique}/t", b"queued", qos=1)
    again = peers("again")
    again.send(mqtt.connect(one.client_id, clean=False) + mqtt.pingreq())
    again.expect(mqtt.CONNACK, code=0, session_present=True)


def test_packets_right_behind_connect_are_served(peers, unique):
    """CONNECT, SUBSCRIBE and PUBLISH in one segment, without waiting for CONNACK."""
    one = peers()
    topic = f"{unique}/t"
    one.send(mqtt.connect(unique) + mqtt.subscribe(1, [(topic, 0)]) + mqtt.publish(topic, b"mine") + mqtt.pingreq())
    one.expect(mqtt.CONNACK, code=0)
    # A subscription may be served before its SUBACK is sent, so the three come in any order.
    assert {one.receive().kind for _ in range(3)} == {mqtt.SUBACK, mqtt.PUBLISH, mqtt.PINGRESP}


def test_disconnect_is_followed_by_close(client):
    client().disconnect()


def test_nothing_behind_disconnect_is_acted_on(client, unique):
    """[MQTT-3.14.4-2]"""
    watcher, one = client("watcher"), client("one")
    watcher.subscribe(f"{unique}/t")
    one.send(mqtt.disconnect() + mqtt.publish(f"{unique}/t", b"late"))
    one.expect_close()
    assert fence(client("sender"), watcher) == []


# Session present


def test_session_present_tells_the_truth(client):
    """[MQTT-3.2.2-1, -2, -3]"""
    client("a", clean=False, session_present=False).disconnect()
    client("a", clean=False, session_present=True).disconnect()
    client("a", clean=True, session_present=False).disconnect()
    client("a", clean=False, session_present=False).disconnect()


def test_session_present_after_live_takeover(client):
    client("a", clean=False, session_present=False)
    client("a", clean=False, session_present=True)
    client("a", clean=True, session_present=False)
    client("a", clean=False, session_present=False)


# What is refused with a code


@pytest.mark.parametrize("level", [0, 1, 2, 3, 6, 9, 0x7F, 0x83, 0x84, 0xFF])
@pytest.mark.differs("serves the bridge bit 0x80, and 3.1 under the name MQTT")
def test_unsupported_level_is_refused_with_code_1(peers, unique, level):
    """[MQTT-3.1.2-2]"""
    one = peers()
    one.connect(unique, level=level, code=1, session_present=False)
    one.expect_close()


@ours
def test_mqtt_5_is_refused_in_its_own_words(peers, unique):
    """CONNACK with reason 0x84 in the form of 5.0: flags, reason, no properties."""
    one = peers()
    one.send(mqtt.connect_5(unique))
    assert one.read_bytes(5) == bytes.fromhex("20 03 00 84 00")
    one.expect_close()


@pytest.mark.parametrize("version", [dict(), dict(name="MQIsdp", level=3)], ids=["3.1.1", "3.1"])
def test_empty_id_without_clean_is_refused_with_code_2(peers, version):
    """[MQTT-3.1.3-8]"""
    one = peers()
    one.connect("", clean=False, code=2, session_present=False, **version)
    one.expect_close()  # [MQTT-3.2.2-5]


@ours
def test_id_beyond_the_ceiling_is_refused_with_code_2(peers, make_broker):
    """[MQTT-3.1.3-9]"""
    broker = make_broker(limits={"client_id_bytes_max": 23})
    peers(at=broker).connect("x" * 23)
    one = peers(at=broker)
    one.connect("x" * 24, code=2)
    one.expect_close()


# With `allow-anonymous: false`: (fields of CONNECT, the code)
REFUSED = {
    "no-credentials": (dict(), 5),
    "user-and-password": (dict(username="user", password="secret"), 4),
    "user-alone": (dict(username="user"), 4),
    "empty-user": (dict(username="", password=""), 4),
}


@pytest.fixture
def closed_broker(make_broker):
    return make_broker(auth={"allow-anonymous": False})


@pytest.mark.parametrize("case", cases(REFUSED))
@pytest.mark.differs("answers 5 whatever the credentials")
def test_refusal_without_anonymous_access(peers, closed_broker, unique, case):
    fields, code = case
    one = peers(at=closed_broker)
    one.connect(unique, code=code, session_present=False, **fields)
    one.expect_close()


def test_fault_refused_credentials_get_a_connack(peers, closed_broker, unique):
    """The original closed without CONNACK."""
    one = peers(at=closed_broker)
    one.send(mqtt.connect(unique))
    connack = one.expect(mqtt.CONNACK, session_present=False)
    assert connack.code in (4, 5)
    one.expect_close()


def test_fault_any_user_name_passes_without_anonymous_access(peers, closed_broker, unique):
    """The original accepted any user name without its password."""
    one = peers(at=closed_broker)
    one.send(mqtt.connect(unique, username="anybody"))
    assert one.expect(mqtt.CONNACK).code in (4, 5)
    one.expect_close()


def test_packets_behind_a_refused_connect_are_not_acted_on(peers, client, unique):
    """[MQTT-3.1.4-5]: neither forwarded nor retained, and nothing is answered."""
    watcher = client("watcher")
    watcher.subscribe(f"{unique}/t")
    one = peers("refused")
    behind = mqtt.subscribe(1, [("#", 0)]) + mqtt.publish(f"{unique}/t", b"no", retain=True)
    one.send(mqtt.connect("", clean=False) + behind)
    one.expect(mqtt.CONNACK, code=2)
    one.expect_close()
    assert fence(client("sender"), watcher) == []
    late = client("late")
    late.subscribe(f"{unique}/t")
    late.ping()


def refuse_unsupported_level(one, client_id):
    one.connect(client_id, level=9, code=1)


def refuse_malformed(one, client_id):
    one.send(mqtt.connect(client_id, flags=0x03))


def refuse_will_qos_3(one, client_id):
    one.send(mqtt.connect(client_id, will=mqtt.Will("w", b"x", 3)))


def refuse_mqtt_5(one, client_id):
    one.send(mqtt.connect_5(client_id, clean=True))
    one.read_bytes(5)


@pytest.mark.parametrize(
    "refuse",
    [
        pytest.param(refuse_unsupported_level, id="level"),
        pytest.param(refuse_malformed, id="reserved-flag"),
        pytest.param(refuse_will_qos_3, id="will-qos-3"),
        pytest.param(refuse_mqtt_5, id="mqtt-5", marks=ours),
    ],
)
@pytest.mark.parametrize("clean", [True, False], ids=["clean", "persistent"])
def test_fault_refused_connect_leaves_the_live_session_alone(peers, client, unique, refuse, clean):
    """The original deleted or took over the session before it had judged the CONNECT."""
    live = client("live", clean=clean)
    live.subscribe((f"{unique}/t", 1))
    intruder = peers("intruder")
    refuse(intruder, live.client_id)
    intruder.expect_close()
    client("sender").publish(f"{unique}/t", b"still here", qos=1)
    live.accept(live.expect_publish(f"{unique}/t", b"still here", qos=1))
    live.ping()


@pytest.mark.parametrize("code", [1, 2])
def test_refused_connect_publishes_no_will(peers, client, unique, code):
    watcher = client("watcher")
    watcher.subscribe(f"{unique}/will")
    refused = peers("refused")
    will = mqtt.Will(f"{unique}/will")
    if code == 1:
        refused.connect(unique, level=9, code=1, will=will)
    else:
        refused.connect("", clean=False, code=2, will=will)
    refused.expect_close()
    assert fence(client("sender"), watcher) == []


# What just closes: malformed, so no CONNACK [MQTT-3.1.4-1]


def connect_body(raw):
    return mqtt.frame(0x10, raw)


HEAD = mqtt.text("MQTT") + b"\x04"

MALFORMED = {
    "reserved-flag": mqtt.connect("c", flags=0x03),  # [MQTT-3.1.2-3]
    "wrong-name": mqtt.connect("c", name="MQTX"),  # [MQTT-3.1.2-1]
    "name-in-lower-case": mqtt.connect("c", name="mqtt"),
    "empty-name": mqtt.connect("c", name=""),
    "long-name": mqtt.connect("c", name="MQTTMQTT"),
    "name-is-cut": connect_body(b"\x00\x04MQ"),
    "will-qos-3": mqtt.connect("c", will=mqtt.Will("w", b"x", 3)),  # [MQTT-3.1.2-14]
    "will-qos-without-will": mqtt.connect("c", flags=0x0A),  # [MQTT-3.1.2-13]
    "will-retain-without-will": mqtt.connect("c", flags=0x22),  # [MQTT-3.1.2-15]
    "will-without-fields": mqtt.connect("c", flags=0x06),  # [MQTT-3.1.2-9]
    "will-without-message": mqtt.connect("c", flags=0x06, tail=mqtt.text("w")),
    "will-fields-without-flag": mqtt.connect("c", tail=mqtt.text("w") + mqtt.text("x")),  # [MQTT-3.1.2-11]
    "will-topic-with-plus": mqtt.connect("c", will=mqtt.Will("w/+")),
    "will-topic-with-hash": mqtt.connect("c", will=mqtt.Will("#")),
    "will-topic-empty": mqtt.connect("c", will=mqtt.Will("")),  # [MQTT-4.7.3-1]
    "will-topic-not-utf8": mqtt.connect("c", will=mqtt.Will(b"w\xff")),  # [MQTT-3.1.3-10]
    "will-topic-with-nul": mqtt.connect("c", will=mqtt.Will("w\0")),
    "user-flag-without-user": mqtt.connect("c", flags=0x82),  # [MQTT-3.1.2-19]
    "user-without-flag": mqtt.connect("c", tail=mqtt.text("user")),  # [MQTT-3.1.2-18]
    "password-without-user": mqtt.connect("c", password="secret"),  # [MQTT-3.1.2-22]
    "password-flag-without-password": mqtt.connect("c", flags=0xC2, tail=mqtt.text("user")),  # [MQTT-3.1.2-21]
    "password-without-flag": mqtt.connect("c", username="user", tail=mqtt.text("secret")),  # [MQTT-3.1.2-20]
    "user-not-utf8": mqtt.connect("c", username=b"\xc3"),  # [MQTT-3.1.3-11]
    "user-with-surrogate": mqtt.connect("c", username=b"\xed\xa0\x80"),  # [MQTT-1.5.3-1]
    "user-with-nul": mqtt.connect("c", username="a\0b"),
    "id-not-utf8": mqtt.connect(b"\xff"),  # [MQTT-3.1.3-4]
    "id-with-overlong-slash": mqtt.connect(b"a\xc0\xaf"),
    "id-with-surrogate": mqtt.connect(b"a\xed\xbf\xbf"),
    "id-beyond-unicode": mqtt.connect(b"a\xf4\x90\x80\x80"),
    "id-with-nul": mqtt.connect("a\0b"),  # [MQTT-1.5.3-2]
    "no-id": connect_body(HEAD + b"\x02\x00\x00"),  # [MQTT-3.1.3-3]
    "id-is-cut": connect_body(HEAD + b"\x02\x00\x00\x00\x05abc"),
    "no-keepalive": connect_body(HEAD + b"\x02"),
    "no-flags": connect_body(HEAD),
    "no-level": connect_body(mqtt.text("MQTT")),
    "empty-body": connect_body(b""),
    "bytes-behind-the-last-field": mqtt.connect("c", tail=b"\x00"),
    "flags-of-fixed-header": mqtt.frame(0x11, mqtt.connect("c")[2:]),  # [MQTT-2.2.2-2]
    "mqisdp-reserved-flag": mqtt.connect("c", name="MQIsdp", level=3, flags=0x03),
}


@pytest.mark.parametrize("data", cases(MALFORMED, differs=["mqisdp-reserved-flag"]))
def test_malformed_connect_closes_without_connack(peers, unique, data):
    one = peers()
    one.send(data)
    one.expect_close()
    peers("fresh").connect(unique)


@ours
@pytest.mark.parametrize("name", ["MQTT", "MQIsdp"])
def test_names_and_levels_do_not_mix(peers, unique, name):
    """`MQTT` at level 3 and `MQIsdp` at level 4 are neither 3.1 nor 3.1.1."""
    one = peers()
    one.send(mqtt.connect(unique, name=name, level=3 if name == "MQTT" else 4))
    packet = one.poll()
    assert packet is None or (packet.kind == mqtt.CONNACK and packet.code == 1)
    if packet:
        one.expect_close()


# Order


def test_fault_second_connect_closes(client):
    """[MQTT-3.1.0-2]; the original ignored it."""
    one = client("one")
    one.send(mqtt.connect(one.client_id))
    one.expect_close()
    client("one").ping()


def test_second_connect_with_another_id_closes(client):
    one, other = client("one"), client("other")
    one.send(mqtt.connect(other.client_id))
    one.expect_close()
    other.ping()


def test_two_connects_in_one_segment_close(peers, unique):
    one = peers()
    one.send(mqtt.connect(unique) + mqtt.connect(unique))
    one.expect(mqtt.CONNACK, code=0)
    one.expect_close()


BEFORE_CONNECT = {
    "PUBLISH": mqtt.publish("t", b"x"),
    "PUBLISH-1": mqtt.publish("t", b"x", qos=1, packet_id=1),
    "PUBACK": mqtt.puback(1),
    "PUBREC": mqtt.pubrec(1),
    "PUBREL": mqtt.pubrel(1),
    "PUBCOMP": mqtt.pubcomp(1),
    "SUBSCRIBE": mqtt.subscribe(1, [("#", 0)]),
    "UNSUBSCRIBE": mqtt.unsubscribe(1, ["#"]),
    "PINGREQ": mqtt.pingreq(),
    "DISCONNECT": mqtt.disconnect(),
    "CONNACK": bytes.fromhex("20 02 00 00"),
    "SUBACK": bytes.fromhex("90 03 00 01 00"),
    "PINGRESP": bytes.fromhex("d0 00"),
    "type-0": bytes.fromhex("00 00"),
    "type-15": bytes.fromhex("f0 00"),
    "CONNECT-with-flags": bytes.fromhex("16 0c 00 04") + b"MQTT" + bytes.fromhex("04 02 00 00 00 00"),
}


@pytest.mark.parametrize("data", cases(BEFORE_CONNECT))
def test_packet_before_connect_closes(peers, unique, data):
    """[MQTT-3.1.0-1]; not even a CONNECT behind it is looked at."""
    one = peers()
    one.send(data + mqtt.connect(unique))
    one.expect_close()
    peers("fresh").connect(unique)


BEGUN_BEFORE_CONNECT = {
    "PUBLISH": "30 ff ff ff 7f",
    "PUBLISH-one-byte": "30",
    "PUBREC": "50 52",
    "SUBSCRIBE": "82 ff ff 03",
    "CONNECT-too-long": "10 92 80 14",  # one byte more than five fields of 64 KiB need
    "CONNECT-of-256-MiB": "10 ff ff ff 7f",
}


@ours
@pytest.mark.parametrize("begun", cases(BEGUN_BEFORE_CONNECT))
def test_packet_that_begins_before_connect_is_not_waited_for(peers, make_broker, begun):
    """Who is not known yet cannot make the broker hold the 256 MiB of a packet that will never be good."""
    one = peers(at=make_broker(limits={"connect_timeout_ms": 60_000}))
    one.send(bytes.fromhex(begun))
    one.expect_close()


@ours
def test_longest_connect(peers, make_broker):
    most = "x" * 65535
    one = peers(at=make_broker(limits={"client_id_bytes_max": 65535}))
    one.connect(most, will=mqtt.Will(most, most), username=most, password=most, name="MQIsdp", level=3)
    one.ping()


def test_long_packet_right_behind_connect(peers, unique):
    """Only what comes before it is bounded by the longest CONNECT; a client id decides which shard goes on."""
    for number in range(8):
        one = peers(f"peer-{number}")
        one.send(mqtt.connect(f"{unique}-{number}") + mqtt.publish(unique, bytes(400_000), qos=1, packet_id=1))
        one.expect(mqtt.CONNACK, code=0)
        one.expect(mqtt.PUBACK, packet_id=1)


@ours
def test_second_connect_is_not_waited_for(peers, unique):
    one = peers()
    one.connect(unique)
    one.send(bytes.fromhex("10 ff 01"))
    one.expect_close()


@ours
@pytest.mark.skipif(transport.KIND not in ("tcp", "tls"), reason="there HTTP is what is spoken")
def test_http_request_is_answered_in_http(peers, unique, make_broker):
    broker = make_broker()
    one = peers(at=broker)
    one.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + mqtt.connect(unique))
    assert one.read_bytes(12) == b"HTTP/1.1 400"
    wait_until(lambda: "it speaks HTTP" in broker.process.stderr(), "the log tells of the mistaken port")
    peers("fresh", at=broker).connect(unique)


# Time


@ours
@pytest.mark.parametrize("begun", [b"", mqtt.connect("x" * 20)[:-1]], ids=["silent", "all-but-one-byte"])
def test_connect_that_does_not_come_closes(peers, make_broker, begun):
    broker = make_broker(limits={"connect_timeout_ms": 300})
    one = peers(at=broker)
    if begun:
        one.send(begun)
    one.expect_close()
    peers(at=broker).connect("fresh")


@ours
def test_connect_timeout_does_not_outlive_connect(peers, make_broker):
    """A client that connected in time is not closed by the timer: a second peer shows that its time has come."""
    broker = make_broker(limits={"connect_timeout_ms": 300})
    one, silent = peers("one", at=broker), peers("silent", at=broker)
    one.connect("one")
    silent.expect_close()
    one.ping()


@ours
def test_drops_of_bytes_do_not_prolong_the_connect_timeout(peers, make_broker):
    """One byte at a time, each as soon as it may be: the clock runs from the accept, not from the last byte."""
    broker = make_broker(limits={"connect_timeout_ms": 300})
    witness, one = peers("witness", at=broker), peers("one", at=broker)
    begun = mqtt.connect("x" * 65000)
    one.send_in_pieces(begun[:200])
    witness.expect_close()
    one.expect_close()
