# SPDX-License-Identifier: MIT
"""hbmqtt_pub and hbmqtt_sub: every option, what it makes them send, what they print, and how they end.

Where a test has to see the packets themselves, it plays the broker (`fake_broker`).
"""

import os
import re
import signal
import socket

import packet as mqtt
import pytest
from broker import HBMQTT_PUB, HBMQTT_SUB, free_port
from peer import fence
from tables import cases

DONE, REFUSED, USAGE, UNREACHABLE, LOST, PROTOCOL, LOCAL = range(7)
TOOLS = {"pub": HBMQTT_PUB, "sub": HBMQTT_SUB}
SECONDS = 20


def ended(process, status=DONE):
    """Waits for the end of a tool, and returns the lines of its stderr: one, unless all went well."""
    assert process.wait_exit(SECONDS) == status, process.stderr()
    lines = process.err.now()
    if status != DONE:
        assert len(lines) == 1, lines
    return lines


def one_line(process, status, *words):
    """That a tool fails with this status, and one line that holds all of these words."""
    (line,) = ended(process, status)
    for word in words:
        assert str(word).lower() in line.lower(), f"{word!r} is not in {line!r}"


@pytest.fixture
def pub(spawn, broker):
    """hbmqtt_pub at the shared broker."""
    return lambda *arguments, **options: spawn(HBMQTT_PUB, "--url", broker.url, *arguments, **options)


@pytest.fixture
def sub(spawn, broker):
    """hbmqtt_sub at the shared broker, once it has subscribed."""

    def start(*arguments, **options):
        process = spawn(HBMQTT_SUB, "--url", broker.url, "-d", *arguments, **options)
        assert process.err.wait_match("received SUBACK"), process.stderr()
        return process

    return start


# What a person types first


def test_first_two_commands(spawn, client, broker):
    """As the README has them: options glued to their values."""
    subscriber = spawn(HBMQTT_SUB, "--url", broker.url, "-t/gateway")
    watcher = client("watcher")
    watcher.subscribe("/gateway", "/server")
    # hbmqtt_sub says nothing when it is ready, so the message goes out until it has been seen.
    while not subscriber.out.now():
        ended(spawn(HBMQTT_PUB, "--url", broker.url, "-t/gateway", "-mHi,gateway!"))
        watcher.expect_publish("/gateway", b"Hi,gateway!", qos=0, retain=False)
    assert subscriber.out.now()[0] == "Hi,gateway!"
    ended(spawn(HBMQTT_PUB, "--url", broker.url, "-t", "/server", "-m", "Hi, server!"))
    watcher.expect_publish("/server", b"Hi, server!")


@pytest.mark.parametrize("tool", cases(TOOLS))
def test_version(spawn, tool):
    process = spawn(tool, "--version")
    ended(process)
    assert re.fullmatch(tool.name + r" \d+\.\d+\.\d+", process.out.now()[0])


@pytest.mark.parametrize("tool", cases(TOOLS))
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(spawn, tool, option):
    process = spawn(tool, option)
    ended(process)
    text = "\n".join(process.out.now())
    wanted = "--url -t --topic -c --config-file -i --client-id -q --qos -d -k --keep-alive --clean-session --ca-file --ca-path"
    wanted += " --ca-data --will-topic --will-message --will-qos --will-retain --extra-headers --version --help"
    wanted += " -f --file -l --lines -m --message -n --no-message -s --stdin -r" if tool == HBMQTT_PUB else " -n --count"
    missing = [name for name in wanted.split() if not re.search(rf"(^|[ ,]){re.escape(name)}\b", text, re.MULTILINE)]
    assert not missing


# Where messages come from

MESSAGES = {
    "-m": (["-m", "text"], None, [b"text"]),
    "-m-glued": (["-mtext"], None, [b"text"]),
    "--message": (["--message", "text"], None, [b"text"]),
    "--message=": (["--message=text"], None, [b"text"]),
    "-m-utf8": (["-m", "Gr\u00fc\u00dfe \u20ac"], None, ["Gr\u00fc\u00dfe \u20ac".encode()]),
    "-m-empty": (["-m", ""], None, [b""]),
    "-m-begins-with-a-dash": (["-m", "-5"], None, [b"-5"]),
    "-n": (["-n"], None, [b""]),
    "--no-message": (["--no-message"], None, [b""]),
    "-s": (["-s"], b"two\nlines\n\nand more\n", [b"two\nlines\n\nand more\n"]),
    "--stdin": (["--stdin"], bytes(range(256)), [bytes(range(256))]),
    "-s-empty": (["-s"], b"", [b""]),
    "-l": (["-l"], b"one\n\ntwo\nthree", [b"one", b"two", b"three"]),
    "--lines": (["--lines"], b"\n\none\n", [b"one"]),
    "-l-nothing": (["-l"], b"", []),
    "-l-long-line": (["-l"], b"x" * 300_000 + b"\ny\n", [b"x" * 300_000, b"y"]),
}


@pytest.mark.parametrize("case", cases(MESSAGES))
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_where_messages_come_from(client, pub, unique, case, qos):
    arguments, stdin, wanted = case
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 2))
    process = pub("-t", f"{unique}/t", "-q", str(qos), *arguments)
    process.send(stdin, close=True)
    ended(process)
    got = fence(client("sender"), watcher, qos=2) if not wanted else watcher.collect(len(wanted))
    assert [message.payload for message in got] == wanted
    assert {message.qos for message in got} <= {qos}


@pytest.mark.parametrize("option", ["-f", "--file"])
@pytest.mark.parametrize("last_newline", [True, False])
def test_lines_of_a_file(client, pub, unique, tmp_path, option, last_newline):
    path = tmp_path / "lines"
    path.write_text("one\ntwo\nthree" + ("\n" if last_newline else ""))
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 1))
    ended(pub("-t", f"{unique}/t", option, path, "-q1"))
    assert [message.payload for message in watcher.collect(3)] == [b"one", b"two", b"three"]


def test_lines_go_out_as_they_are_typed(client, pub, unique):
    """Not at the end of the input, and not when some buffer is full."""
    watcher = client("watcher")
    watcher.subscribe(f"{unique}/t")
    process = pub("-t", f"{unique}/t", "-l")
    for word in (b"first", b"second"):
        process.send(word + b"\n")
        watcher.expect_publish(f"{unique}/t", word)
    process.send(b"unfinished", close=True)
    watcher.expect_publish(f"{unique}/t", b"unfinished")
    ended(process)


def test_many_lines_at_each_qos(client, pub, unique):
    for qos in (0, 1, 2):
        watcher = client(f"watcher-{qos}")
        watcher.subscribe((f"{unique}/{qos}", qos))
        process = pub("-t", f"{unique}/{qos}", "-l", "-q", str(qos))
        process.send(b"".join(b"%d\n" % number for number in range(5000)), close=True)
        got = watcher.collect(5000, 30)
        assert [int(message.payload) for message in got] == list(range(5000))
        ended(process)


def test_ten_megabytes_from_stdin(client, pub, unique):
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 1))
    payload = os.urandom(10_000_000)
    process = pub("-t", f"{unique}/t", "-s", "-q1")
    process.send(payload, close=True)
    assert watcher.collect(1, 60)[0].payload == payload
    ended(process)


@pytest.mark.parametrize("option", [[], ["-r"]])
def test_retain(client, pub, unique, option):
    ended(pub("-t", f"{unique}/t", "-m", "x", "-q1", *option))
    late = client("late")
    late.subscribe(f"{unique}/t")
    assert [message.retain for message in fence(client("sender"), late)] == [True] * len(option)


# What CONNECT says


def connect_of(spawn, fake_broker, tool, *arguments, url=None):
    """The CONNECT that a tool sends for these arguments."""
    rest = ["-t", "t"] + (["-m", "x"] if tool == HBMQTT_PUB else [])
    process = spawn(tool, "--url", url or fake_broker.url, *rest, *arguments)
    connect = fake_broker.accept().expect(mqtt.CONNECT, name="MQTT", level=4)
    process.kill()
    return connect, process


@pytest.mark.parametrize("tool", cases(TOOLS))
def test_connect_by_default(spawn, fake_broker, tool):
    connect, process = connect_of(spawn, fake_broker, tool)
    assert connect.client_id == f"{tool.name}/{process.pid}-{socket.gethostname()}"
    assert (connect.keepalive, connect.clean) == (10, True)
    assert connect.will is connect.username is connect.password is None


CONNECT_OPTIONS = {
    "-i": (["-i", "my-id"], dict(client_id="my-id")),
    "-i-glued": (["-imy-id"], dict(client_id="my-id")),
    "--client-id": (["--client-id", "my-id"], dict(client_id="my-id")),
    "-k": (["-k", "77"], dict(keepalive=77)),
    "-k-0": (["-k0"], dict(keepalive=0)),
    "--keep-alive": (["--keep-alive", "65535"], dict(keepalive=65535)),
    "--keep-alive=": (["--keep-alive=5"], dict(keepalive=5)),
    "--clean-session": (["--clean-session", "-i", "my-id"], dict(clean=True)),
    "will": (["--will-topic", "w", "--will-message", "bye"], dict(will=mqtt.Will("w", b"bye"))),
    "will-empty": (["--will-topic", "w"], dict(will=mqtt.Will("w", b""))),
    "will-in-full": (
        ["--will-topic", "w", "--will-message", "bye", "--will-qos", "2", "--will-retain"],
        dict(will=mqtt.Will("w", b"bye", 2, True)),
    ),
}


@pytest.mark.parametrize("tool", cases(TOOLS))
@pytest.mark.parametrize("case", cases(CONNECT_OPTIONS))
def test_connect_options(spawn, fake_broker, tool, case):
    arguments, wanted = case
    connect, _ = connect_of(spawn, fake_broker, tool, *arguments)
    assert {field: getattr(connect, field) for field in wanted} == wanted


URLS = {
    "user-and-password": ("mqtt://user:secret@127.0.0.1:{}", ("user", b"secret")),
    "user-alone": ("mqtt://user@127.0.0.1:{}", ("user", None)),
    "percent": ("mqtt://us%40er:p%3Aw%2f%25@127.0.0.1:{}", ("us@er", b"p:w/%")),
    "name": ("mqtt://localhost:{}", (None, None)),
    "scheme-in-capitals": ("MQTT://127.0.0.1:{}", (None, None)),
    "slash": ("mqtt://127.0.0.1:{}/", (None, None)),
}


@pytest.mark.parametrize("case", cases(URLS))
def test_urls(spawn, fake_broker, case):
    url, wanted = case
    connect, _ = connect_of(spawn, fake_broker, HBMQTT_PUB, url=url.format(fake_broker.address[1]))
    assert (connect.username, connect.password) == wanted


@pytest.mark.ours
def test_url_with_ipv6(spawn, make_broker, client):
    try:
        broker = make_broker(listeners={"default": {"bind": "'[::1]:0'"}})
    except AssertionError:
        pytest.skip("no IPv6 on this machine")
    watcher = client("watcher", at=broker)
    watcher.subscribe("t")
    ended(spawn(HBMQTT_PUB, "--url", broker.url, "-t", "t", "-m", "six"))
    watcher.expect_publish("t", b"six")


def test_will_goes_out_when_the_tool_is_killed(client, broker, spawn, unique):
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/will", 1))
    will = ["--will-topic", f"{unique}/will", "--will-message", "bye", "--will-qos", "1"]
    process = spawn(HBMQTT_SUB, "--url", broker.url, "-d", "-t", f"{unique}/t", *will)
    process.err.wait_match("received SUBACK")
    process.kill()
    assert watcher.collect(1)[0].payload == b"bye"


def test_session_of_a_chosen_id_is_kept(pub, sub, spawn, broker, unique):
    """-i without --clean-session: what comes while hbmqtt_sub is away waits for it."""
    arguments = ["-t", f"{unique}/t", "-i", f"{unique}-id", "-q1"]
    away = sub(*arguments)
    away.signal(signal.SIGTERM)
    ended(away)
    ended(pub("-t", f"{unique}/t", "-m", "meanwhile", "-q1"))
    again = spawn(HBMQTT_SUB, "--url", broker.url, *arguments, "-n1")
    assert again.out.wait_count(1) == ["meanwhile"]
    ended(again)


# What follows CONNECT


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publish_on_the_wire(spawn, fake_broker, qos):
    """CONNECT, PUBLISH, its exchange, DISCONNECT, the close: and nothing else. [MQTT-3.14.4-1, -2]"""
    process = spawn(HBMQTT_PUB, "--url", fake_broker.url, "-t", "t", "-m", "x", "-q", str(qos), "-r")
    peer, _ = fake_broker.serve_connect()
    publish = peer.expect_publish("t", b"x", qos=qos, retain=True, dup=False)
    if qos == 1:
        peer.send(mqtt.puback(publish.packet_id))
    if qos == 2:
        peer.send(mqtt.pubrec(publish.packet_id))
        peer.expect(mqtt.PUBREL, packet_id=publish.packet_id)
        peer.send(mqtt.pubcomp(publish.packet_id))
    peer.expect(mqtt.DISCONNECT)
    peer.expect_close()
    ended(process)


def test_published_identifiers_are_distinct(spawn, fake_broker):
    """[MQTT-2.3.1-2]: acknowledgements are withheld as long as the tool goes on without them."""
    process = spawn(HBMQTT_PUB, "--url", fake_broker.url, "-t", "t", "-l", "-q1")
    process.send(b"".join(b"%d\n" % number for number in range(200)), close=True)
    peer, _ = fake_broker.serve_connect()
    open_ids, seen = [], 0
    while seen < 200:
        publish = peer.expect_publish("t", b"%d" % seen)
        assert publish.packet_id not in open_ids
        open_ids.append(publish.packet_id)
        seen += 1
        if not peer.buffer and not peer.poller.poll_for(1, 0.2):  # it waits
            peer.send(b"".join(map(mqtt.puback, open_ids)))
            open_ids.clear()
    peer.send(b"".join(map(mqtt.puback, open_ids)))
    peer.expect(mqtt.DISCONNECT)
    ended(process)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_subscribe_on_the_wire(spawn, fake_broker, qos):
    """All filters at the QoS asked for; each message acknowledged; after COUNT of them DISCONNECT."""
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "a/+", "--topic", "b", "-tc/#", "-q", str(qos), "-n", "2")
    peer, _ = fake_broker.serve_connect()
    subscribe = peer.expect(mqtt.SUBSCRIBE)
    assert subscribe.filters == [("a/+", qos), ("b", qos), ("c/#", qos)]
    peer.send(mqtt.suback(subscribe.packet_id, [qos] * 3))
    for number in range(2):
        peer.send(mqtt.publish("b", b"%d" % number, qos=qos, packet_id=5 + number if qos else None))
        if qos == 1:
            peer.expect(mqtt.PUBACK, packet_id=5 + number)
        if qos == 2:
            peer.expect(mqtt.PUBREC, packet_id=5 + number)
            peer.send(mqtt.pubrel(5 + number))
        if qos == 2 and number == 0:
            peer.expect(mqtt.PUBCOMP, packet_id=5 + number)
    last = peer.receive()
    if last.kind == mqtt.PUBCOMP:  # the last one is printed before its exchange is complete, which may be cut short
        last = peer.receive()
    assert last.kind == mqtt.DISCONNECT
    peer.close()
    ended(process)
    assert process.out.now() == ["0", "1"]


def test_repeated_message_of_qos_2_is_printed_once(spawn, fake_broker):
    """[MQTT-4.3.3-2]"""
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "t", "-q2", "-n2")
    peer, _ = fake_broker.serve_connect()
    peer.send(mqtt.suback(peer.expect(mqtt.SUBSCRIBE).packet_id, [2]))
    for dup in (False, True, True):
        peer.send(mqtt.publish("t", b"once", qos=2, packet_id=9, dup=dup))
        peer.expect(mqtt.PUBREC, packet_id=9)
    peer.send(mqtt.pubrel(9))
    peer.expect(mqtt.PUBCOMP, packet_id=9)
    peer.send(mqtt.publish("t", b"end"))
    peer.expect(mqtt.DISCONNECT)
    ended(process)
    assert process.out.now() == ["once", "end"]


def test_broker_that_sends_byte_by_byte(spawn, fake_broker):
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "t", "-n3")
    peer = fake_broker.accept()
    peer.expect(mqtt.CONNECT)
    peer.send_in_pieces(mqtt.connack())
    peer.send_in_pieces(mqtt.suback(peer.expect(mqtt.SUBSCRIBE).packet_id, [0]))
    peer.send_in_pieces(b"".join(mqtt.publish("t", b"%d" % number * 200) for number in range(3)))
    peer.expect(mqtt.DISCONNECT)
    ended(process)
    assert process.out.now() == [str(number) * 200 for number in range(3)]


def test_pings_in_time(spawn, fake_broker):
    """[MQTT-3.1.2-23]: with keep-alive 1 a PINGREQ comes within each second; the bound leaves room for a busy machine."""
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "t", "-k1")
    peer, _ = fake_broker.serve_connect()
    peer.send(mqtt.suback(peer.expect(mqtt.SUBSCRIBE).packet_id, [0]))
    for _ in range(2):
        peer.expect(mqtt.PINGREQ, 1.5)
        peer.send(mqtt.pingresp())
    assert process.alive()


def test_broker_that_stops_answering_is_lost(spawn, fake_broker):
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "t", "-k1")
    peer, _ = fake_broker.serve_connect()
    peer.send(mqtt.suback(peer.expect(mqtt.SUBSCRIBE).packet_id, [0]))
    peer.expect(mqtt.PINGREQ)
    one_line(process, LOST)


# What hbmqtt_sub prints


def test_prints_each_payload_and_a_newline(client, sub, unique):
    process = sub("-t", f"{unique}/+", "-n", "4")
    sender = client("sender")
    for payload in (b"one", b"", b"two words", "\u20ac".encode()):
        sender.publish(f"{unique}/t", payload)
    ended(process)
    assert process.out.now() == ["one", "", "two words", "\u20ac"]


def test_prints_at_once_into_a_pipe(client, sub, unique):
    process = sub("-t", f"{unique}/t")
    sender = client("sender")
    for number in range(3):
        sender.publish(f"{unique}/t", b"%d" % number)
        process.out.wait_count(number + 1)


def test_prints_many(client, sub, unique):
    process = sub("-t", f"{unique}/t", "-q1", "-n", "20000")
    sender = client("sender")
    for first in range(0, 20_000, 500):
        sender.publish_many([(f"{unique}/t", b"%d" % number) for number in range(first, first + 500)], qos=1)
    ended(process)
    assert process.out.now() == [str(number) for number in range(20_000)]


def test_receives_retained_messages(client, spawn, broker, unique):
    client("sender").publish(f"{unique}/t", b"kept", qos=1, retain=True)
    process = spawn(HBMQTT_SUB, "--url", broker.url, "-t", f"{unique}/t", "-n1")
    ended(process)
    assert process.out.now() == ["kept"]


@pytest.mark.parametrize("option", ["-n", "--count"])
def test_count_ends_it(client, sub, unique, option):
    process = sub("-t", f"{unique}/t", option, "3")
    client("sender").publish_many([(f"{unique}/t", b"%d" % number) for number in range(10)])
    ended(process)
    assert process.out.now() == ["0", "1", "2"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_disconnects_in_order(spawn, fake_broker, number):
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "t")
    peer, _ = fake_broker.serve_connect()
    peer.send(mqtt.suback(peer.expect(mqtt.SUBSCRIBE).packet_id, [0]) + mqtt.publish("t", b"x"))
    process.out.wait_count(1)
    process.signal(number)
    peer.expect(mqtt.DISCONNECT)
    peer.close()
    assert process.wait_exit() == DONE
    assert process.err.now() == []


def test_full_disk_is_told(spawn, broker, client, unique):
    client("sender").publish(f"{unique}/t", b"x", qos=1, retain=True)
    process = spawn("sh", "-c", f"exec {HBMQTT_SUB} --url {broker.url} -t {unique}/t -n1 >/dev/full")
    one_line(process, LOCAL, "standard output")


def test_reader_that_goes_away_is_told(spawn, broker, client, unique):
    """`hbmqtt_sub | head -1`: it ends, and says why, instead of dying of a signal."""
    client("sender").publish(f"{unique}/t", b"x", qos=1, retain=True)
    process = spawn("sh", "-c", f"{{ {HBMQTT_SUB} --url {broker.url} -t {unique}/t -n1; echo $? >&2; }} | true")
    process.wait_exit(SECONDS)
    assert process.err.now()[-1] in (str(DONE), str(LOCAL))


# How they end when something is wrong


@pytest.mark.parametrize("tool", cases(TOOLS))
@pytest.mark.parametrize("code", [1, 2, 3, 4, 5])
def test_fault_refused_connection_is_told(spawn, fake_broker, tool, code):
    """The original ended with status 0."""
    process = spawn(tool, "--url", fake_broker.url, "-t", "t", *(["-m", "x"] if tool == HBMQTT_PUB else []))
    peer = fake_broker.accept()
    peer.expect(mqtt.CONNECT)
    peer.send(mqtt.connack(code))
    one_line(process, REFUSED, "refused")


@pytest.mark.ours
@pytest.mark.parametrize("tool", cases(TOOLS))
@pytest.mark.parametrize("user", ["", "user:secret@"])
def test_refused_by_the_broker_itself(spawn, make_broker, tool, user):
    broker = make_broker(auth={"allow-anonymous": False})
    url = broker.url.replace("//", f"//{user}")
    process = spawn(tool, "--url", url, "-t", "t", *(["-m", "x"] if tool == HBMQTT_PUB else []))
    one_line(process, REFUSED, "refused", "user name or password" if user else "authori")


@pytest.mark.parametrize("tool", cases(TOOLS))
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_fault_unreachable_is_told(spawn, tool, host):
    """The original ended with status 0."""
    process = spawn(tool, "--url", f"mqtt://{host}:{free_port()}", "-t", "t", *(["-m", "x"] if tool == HBMQTT_PUB else []))
    one_line(process, UNREACHABLE, host)


def refuse_filters(spawn, fake_broker, codes):
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "a", "-t", "b", "-n1")
    peer, _ = fake_broker.serve_connect()
    peer.send(mqtt.suback(peer.expect(mqtt.SUBSCRIBE).packet_id, codes))
    return process, peer


def test_all_filters_refused(spawn, fake_broker):
    process, _ = refuse_filters(spawn, fake_broker, [0x80, 0x80])
    assert process.wait_exit() == REFUSED
    assert len(process.err.now()) == 2


def test_one_filter_refused(spawn, fake_broker):
    """That is told, and the other one is served."""
    process, peer = refuse_filters(spawn, fake_broker, [0x80, 0])
    peer.send(mqtt.publish("b", b"x"))
    assert process.wait_exit() == DONE
    assert len(process.err.now()) == 1 and "'a'" in process.err.now()[0]
    assert process.out.now() == ["x"]


LOSSES = {
    "close-without-connack": lambda peer: peer.close(),
    "reset-without-connack": lambda peer: peer.reset(),
    "close-after-connack": lambda peer: (peer.send(mqtt.connack()), peer.close()),
    "reset-in-a-packet": lambda peer: (peer.send(mqtt.connack() + b"\x30\x10\x00"), peer.reset()),
}


@pytest.mark.parametrize("tool", cases(TOOLS))
@pytest.mark.parametrize("lose", cases(LOSSES))
def test_lost_connection_is_told(spawn, fake_broker, tool, lose):
    process = spawn(tool, "--url", fake_broker.url, "-t", "t", *(["-m", "x", "-q1"] if tool == HBMQTT_PUB else []))
    peer = fake_broker.accept()
    peer.expect(mqtt.CONNECT)
    lose(peer)
    one_line(process, LOST)


@pytest.mark.parametrize("qos", [1, 2])
def test_publish_that_is_not_acknowledged_is_no_success(spawn, fake_broker, qos):
    process = spawn(HBMQTT_PUB, "--url", fake_broker.url, "-t", "t", "-m", "x", "-q", str(qos))
    peer, _ = fake_broker.serve_connect()
    publish = peer.expect_publish("t", b"x")
    if qos == 2:
        peer.send(mqtt.pubrec(publish.packet_id))
        peer.expect(mqtt.PUBREL)
    peer.close()
    one_line(process, LOST)


@pytest.mark.ours
@pytest.mark.parametrize("tool", cases(TOOLS))
def test_broker_that_is_stopped_is_lost(spawn, make_broker, tool):
    broker = make_broker()
    process = spawn(tool, "--url", broker.url, "-t", "t", "-d", *(["-l"] if tool == HBMQTT_PUB else []))
    process.err.wait_match("received CONNACK" if tool == HBMQTT_PUB else "received SUBACK")
    broker.stop()
    assert process.wait_exit() == LOST
    assert not process.err.now()[-1].startswith(f"{tool.name}: received")


OFFENCES = {
    "publish-before-connack": mqtt.publish("t", b"x"),
    "connack-with-a-reserved-flag": bytes.fromhex("20 02 02 00"),
    "connack-too-short": bytes.fromhex("20 01 00"),
    "connack-of-5.0": bytes.fromhex("20 03 00 00 00"),
    "connack-with-an-unknown-code": mqtt.connack(6),
    "connect": mqtt.connect("x"),
    "second-connack": mqtt.connack() + mqtt.connack(),
    "pingreq": mqtt.connack() + mqtt.pingreq(),
    "type-0": mqtt.connack() + b"\x00\x00",
    "publish-qos-3": mqtt.connack() + b"\x36\x05\x00\x01\x61\x00\x01",
    "publish-with-wildcard": mqtt.connack() + mqtt.publish("a/+", b"x"),
    "publish-not-utf8": mqtt.connack() + mqtt.publish(b"\xff", b"x"),
    "publish-identifier-0": mqtt.connack() + mqtt.publish("t", b"x", qos=1, packet_id=0),
    "length-of-five-bytes": mqtt.connack() + b"\x30\xff\xff\xff\xff\x01",
    "puback-with-flags": mqtt.connack() + b"\x41\x02\x00\x01",
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("data", cases(OFFENCES))
def test_broker_that_breaks_the_rules_is_told(spawn, fake_broker, data):
    """[MQTT-4.8.0-1] holds for clients, too: they end, with a status of its own."""
    process = spawn(HBMQTT_SUB, "--url", fake_broker.url, "-t", "t")
    peer = fake_broker.accept()
    peer.expect(mqtt.CONNECT)
    peer.send(data)
    one_line(process, PROTOCOL)


WRONG = {
    "nothing": (HBMQTT_PUB, []),
    "no-url": (HBMQTT_PUB, ["-t", "t", "-m", "x"]),
    "no-topic": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-m", "x"]),
    "no-message": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t"]),
    "two-messages": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-m", "x", "-n"]),
    "qos-3": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "-q3"]),
    "qos-word": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "-q", "high"]),
    "qos-negative": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "-q", "-1"]),
    "keep-alive-too-long": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "-k", "65536"]),
    "unknown-option": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "--loudly"]),
    "extra-argument": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "extra"]),
    "missing-value": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-n", "-t"]),
    "wildcard-in-topic": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "a/#", "-n"]),
    "empty-topic": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "", "-n"]),
    "two-topics-one-wrong": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "a", "-t", "b/#", "-n"]),
    "repeated-lines": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-l", "--repeat", "2"]),
    "proxy-of-another-scheme": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "--proxy", "ftp://h"]),
    "unix-without-path": (HBMQTT_PUB, ["--url", "unix://", "-t", "t", "-n"]),
    "queue-file-in-nowhere": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "--queue-file", "/nonexistent/q"]),
    "queue-file-that-is-none": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "--queue-file", "/etc/passwd"]),
    "format-unknown": (HBMQTT_SUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-F", "%k"]),
    "format-cut": (HBMQTT_SUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-F", "%p%"]),
    "will-without-topic": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "--will-message", "x"]),
    "will-qos-3": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "--will-topic", "w", "--will-qos", "3"]),
    "missing-file": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-f", "/nonexistent"]),
    "missing-config": (HBMQTT_PUB, ["-c", "/nonexistent.yaml", "-t", "t", "-n"]),
    "url-without-scheme": (HBMQTT_PUB, ["--url", "127.0.0.1", "-t", "t", "-n"]),
    "url-of-another-scheme": (HBMQTT_PUB, ["--url", "http://127.0.0.1", "-t", "t", "-n"]),
    "url-without-host": (HBMQTT_PUB, ["--url", "mqtt://", "-t", "t", "-n"]),
    "url-port-too-high": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:65536", "-t", "t", "-n"]),
    "url-port-word": (HBMQTT_PUB, ["--url", "mqtt://127.0.0.1:http", "-t", "t", "-n"]),
    "url-open-bracket": (HBMQTT_PUB, ["--url", "mqtt://[::1:1883", "-t", "t", "-n"]),
    "url-bad-percent": (HBMQTT_PUB, ["--url", "mqtt://a%zz@127.0.0.1", "-t", "t", "-n"]),
    "url-path-blank": (HBMQTT_SUB, ["--url", "ws://127.0.0.1/a b", "-t", "t"]),
    "sub-no-topic": (HBMQTT_SUB, ["--url", "mqtt://127.0.0.1:1"]),
    "sub-bad-filter": (HBMQTT_SUB, ["--url", "mqtt://127.0.0.1:1", "-t", "a/#/b"]),
    "sub-count-word": (HBMQTT_SUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "all"]),
    "sub-count-negative": (HBMQTT_SUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-n", "-1"]),
    "sub-retain": (HBMQTT_SUB, ["--url", "mqtt://127.0.0.1:1", "-t", "t", "-r"]),
}


@pytest.mark.parametrize("case", cases(WRONG))
def test_wrong_arguments(spawn, case):
    """One clear line, status 2, before any connection is tried (nobody listens on port 1)."""
    tool, arguments = case
    process = spawn(tool, *arguments)
    process.send(b"", close=True)
    one_line(process, USAGE, tool.name)


# The configuration file of the client


@pytest.mark.parametrize("section", ["broker", "connection"])
def test_fault_configured_uri_is_used(spawn, client, broker, config, unique, section):
    """The original ignored it."""
    watcher = client("watcher")
    watcher.subscribe(f"{unique}/t")
    ended(spawn(HBMQTT_PUB, "-c", config(f"{section}:\n  uri: {broker.url}\n"), "-t", f"{unique}/t", "-m", "x"))
    watcher.expect_publish(f"{unique}/t", b"x")


def test_url_of_the_command_line_goes_before(spawn, client, broker, config, unique):
    watcher = client("watcher")
    watcher.subscribe(f"{unique}/t")
    path = config("broker:\n  uri: mqtt://127.0.0.1:1\n")
    ended(spawn(HBMQTT_PUB, "--config-file", path, "--url", broker.url, "-t", f"{unique}/t", "-m", "x"))
    watcher.expect_publish(f"{unique}/t", b"x")


def published(client, spawn, broker, config, unique, text, *arguments):
    """(QoS, RETAIN for a late subscriber) of what hbmqtt_pub publishes with this configuration."""
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/t", 2))
    ended(spawn(HBMQTT_PUB, "--url", broker.url, "-c", config(text), "-t", f"{unique}/t", "-m", "x", *arguments))
    late = client("late")
    late.subscribe(f"{unique}/t")
    return watcher.collect(1)[0].qos, bool(fence(client("sender"), late))


def test_fault_qos_0_of_the_command_line_is_not_overridden(client, spawn, broker, config, unique):
    """In the original the configuration won over publish(qos=0)."""
    assert published(client, spawn, broker, config, unique, "default_qos: 2\n", "-q0") == (0, False)


QUALITIES = {
    "default-qos": ("default_qos: 1\n", (1, False)),
    "default-qos-with-dash": ("default-qos: 1\n", (1, False)),
    "default-retain": ("default_retain: true\n", (0, True)),
    "topic": ("default_qos: 1\ntopics:\n  {}/t:\n    qos: 2\n    retain: true\n", (2, True)),
    "topic-beats-default": ("default_retain: true\ntopics:\n  {}/t:\n    retain: false\n", (0, False)),
    "other-topic": ("topics:\n  other:\n    qos: 2\n", (0, False)),
}


@pytest.mark.parametrize("case", cases(QUALITIES))
def test_qos_and_retain_of_the_configuration(client, spawn, broker, config, unique, case):
    text, wanted = case
    assert published(client, spawn, broker, config, unique, text.format(unique)) == wanted


CONFIGURED = {
    "keep_alive": ("keep_alive: 33\n", [], dict(keepalive=33)),
    "keep_alive-overridden": ("keep_alive: 33\n", ["-k", "44"], dict(keepalive=44)),
    "cleansession": ("cleansession: false\n", [], dict(clean=False)),
    "cleansession-overridden": ("cleansession: false\n", ["--clean-session"], dict(clean=True)),
    "will": ("will:\n  topic: w\n  message: bye\n  qos: 1\n  retain: true\n", [], dict(will=mqtt.Will("w", b"bye", 1, True))),
    "will-overridden": ("will:\n  topic: w\n  message: bye\n", ["--will-topic", "v"], dict(will=mqtt.Will("v", b"bye"))),
    "all-of-the-original": (
        "keep_alive: 10\nping_delay: 1\ndefault_qos: 0\ndefault_retain: false\nauto_reconnect: false\n"
        "reconnect_max_interval: 10\nreconnect_retries: 2\ncertfile: null\nkeyfile: null\ncheck_hostname: true\n"
        "connection_timeout: 60\ncleansession: true\nverify_cert: true\n",
        [],
        dict(keepalive=10, clean=True),
    ),
}


@pytest.mark.parametrize("case", cases(CONFIGURED))
def test_connect_of_the_configuration(spawn, fake_broker, config, case):
    text, arguments, wanted = case
    connect, process = connect_of(spawn, fake_broker, HBMQTT_PUB, "-c", config(text), *arguments)
    assert {field: getattr(connect, field) for field in wanted} == wanted
    assert process.err.now() == []


def test_unknown_key_is_a_warning(spawn, broker, config, unique):
    process = spawn(HBMQTT_PUB, "--url", broker.url, "-c", config("keep_alive: 5\nsurprise: 1\n"), "-t", unique, "-n")
    (line,) = ended(process)
    assert "client.yaml:2" in line and "surprise" in line


@pytest.mark.parametrize(
    "text, words",
    [
        ("keep_alive: long\n", ["client.yaml:1", "keep_alive"]),
        ("default_qos: 1\ndefault_qos: 3\n", ["client.yaml:2", "default_qos"]),
        ("broker:\n  uri: [1]\n", ["client.yaml:2", "uri"]),
        ("topics: 5\n", ["client.yaml:1", "topics"]),
        ("- a\n", ["client.yaml"]),
        ("a: [\n", ["client.yaml"]),
    ],
)
def test_wrong_type_is_an_error(spawn, broker, config, unique, text, words):
    process = spawn(HBMQTT_PUB, "--url", broker.url, "-c", config(text), "-t", unique, "-n")
    one_line(process, USAGE, *words)


@pytest.mark.parametrize("option", ["--ca-file=/x", "--ca-path=/x", "--ca-data=x", '--extra-headers={"a": "b"}'])
def test_options_of_other_transports_are_taken(spawn, broker, unique, option):
    """They mean nothing to mqtt://; a script that passes them goes on working."""
    process = spawn(HBMQTT_PUB, "--url", broker.url, "-t", unique, "-n", option)
    assert process.wait_exit() == DONE


@pytest.mark.parametrize("option", ["-d", "--debug"])
def test_debug_names_packets(spawn, broker, unique, option):
    process = spawn(HBMQTT_PUB, "--url", broker.url, "-t", unique, "-m", "x", "-q2", option)
    assert process.wait_exit() == DONE
    said = process.stderr()
    for name in ("CONNECT", "CONNACK", "PUBLISH", "PUBREC", "PUBREL", "PUBCOMP", "DISCONNECT"):
        assert name in said
