# SPDX-License-Identifier: MIT
"""Who gets in with a password file: the forms of hashes, odd passwords, lists of plugins, and what a refused client may not touch."""

import signal
import subprocess
import time

import argon2
import credentials
import packet as mqtt
import pytest
from broker import HBMQTT, WRAPPER, Broker, settings_with, to_yaml
from credentials import FORMS, SECRET, next_source, sha512
from deadline import wait_until
from peer import Peer, fence
from tables import cases

pytestmark = pytest.mark.ours

GOOD, UNAVAILABLE, WRONG, NOT_AUTHORIZED = 0, 3, 4, 5
SLOW = 100_000  # rounds of $6$ that take tens of milliseconds


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """A broker that knows a user for each form of hash, and lets in nobody else."""
    directory = tmp_path_factory.mktemp("forms")
    users = directory / "users"
    credentials.write_all_forms(users)
    broker = Broker(directory, settings_with(auth={"allow-anonymous": False, "password-file": users})).start()
    yield broker
    broker.stop()


@pytest.fixture
def try_in(timeline):
    """Tries to get in, from an address of its own unless told: the code of the CONNACK. Who is refused is closed."""
    opened = []

    def attempt(broker, username=None, password=None, *, source=None, **fields):
        one = Peer.open(broker.address, source=source or next_source(), timeline=timeline)
        opened.append(one)
        one.send(mqtt.connect("", username=username, password=password, **fields))
        code = one.expect(mqtt.CONNACK, session_present=False).code
        if code == GOOD:
            one.ping()
        else:
            one.expect_close()
        return code

    yield attempt
    for one in opened:
        one.close()


@pytest.fixture
def users(tmp_path):
    """Two users with hashes that take no time."""
    return credentials.write(tmp_path / "users", {"alice": sha512(), "bob": sha512("another")})


@pytest.fixture(params=[1, 2], ids=["1-shard", "2-shards"])
def closed(request, make_broker, users):
    """A broker for those two users alone."""
    return make_broker(shards=request.param, auth={"allow-anonymous": False, "password-file": users})


# Forms of hashes


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_hash(forms, try_in, form):
    assert try_in(forms, form, SECRET) == GOOD
    for guess in (SECRET + "x", SECRET[:-1], SECRET.lower(), "x", ""):
        assert try_in(forms, form, guess) == WRONG
    assert try_in(forms, form, SECRET) == GOOD


@pytest.mark.parametrize("form", FORMS)
def test_passwords_with_a_zero_byte_are_others(forms, try_in, form):
    for guess in (SECRET + "\0", SECRET + "\0x", "\0" + SECRET, "\0"):
        assert try_in(forms, form, guess) == WRONG


@pytest.mark.parametrize("form", FORMS)
def test_passwords_of_any_length_are_wrong(forms, try_in, form):
    for length in (511, 512, 65_535):
        assert try_in(forms, form, (SECRET * 5000).encode()[:length]) == WRONG


def test_odd_passwords_that_are_right(make_broker, try_in, tmp_path):
    longest = "x" * 511
    hashes = {
        "none": sha512(""),
        "longest": sha512(longest),
        "zero": argon2.PasswordHasher(time_cost=1, memory_cost=64).hash(b"a\0b"),
        "binary": argon2.PasswordHasher(time_cost=1, memory_cost=64).hash(b"\xff\xfe\x80"),
        "two words": sha512(" two words "),
        "\u03bc": sha512("\u03bc"),
    }
    broker = make_broker(auth={"allow-anonymous": False, "password-file": credentials.write(tmp_path / "users", hashes)})
    right = {"none": "", "longest": longest, "zero": "a\0b", "binary": b"\xff\xfe\x80", "two words": " two words ", "\u03bc": "\u03bc"}
    assert {user: try_in(broker, user, password) for user, password in right.items()} == dict.fromkeys(right, GOOD)
    for user, password in (("none", None), ("longest", longest + "x"), ("zero", "a"), ("zero", "a\0"), ("binary", ""), ("two words", "two words")):
        assert try_in(broker, user, password) == WRONG


def test_a_hash_that_is_none_stops_the_start(make_broker, tmp_path):
    for hashed in ("secret", "$1$abc$iCQ2D3nhptRYi27fDYv2s1", "$6$rounds=999999999$salt$x"):
        users = credentials.write(tmp_path / "users", {"alice": hashed})
        broker = Broker(tmp_path)
        process = broker.spawn_hbmqtt(f"listeners: {{a: {{bind: '127.0.0.1:0'}}}}\nauth: {{password-file: {users}}}\n")
        assert process.wait_exit() == 2
        assert f"{users}:1: " in process.stderr() and hashed not in process.stderr()


# Who names what


@pytest.mark.parametrize("anonymous, code", [(True, GOOD), (False, NOT_AUTHORIZED)])
def test_without_a_user_name(make_broker, users, try_in, anonymous, code):
    broker = make_broker(auth={"allow-anonymous": anonymous, "password-file": users})
    assert try_in(broker) == code
    assert try_in(broker, "alice", SECRET) == GOOD
    for username, password in (("alice", "x"), ("alice", None), ("nobody", SECRET), ("nobody", None), ("", SECRET), ("", ""), ("", None)):
        assert try_in(broker, username, password) == WRONG


NOT_ALICE = ["bob", "alic", "alicex", "Alice", "alice ", " alice", "alice:", "#alice", "anonymous", "x" * 65_535]


@pytest.mark.parametrize("name", NOT_ALICE, ids=lambda name: repr(name[:8]))
def test_names_are_compared_exactly(closed, try_in, name):
    assert try_in(closed, name, SECRET) == WRONG


def cost_of(broker, attempts):
    """Seconds of the broker's processors that these take; each has to be refused."""
    before = broker.cpu_seconds()
    for attempt in attempts:
        assert attempt() == WRONG
    return broker.cpu_seconds() - before


def test_unknown_users_cost_as_much_as_known_ones(make_broker, tmp_path, try_in):
    """So that nobody can find out by the clock which users there are."""
    users = credentials.write(tmp_path / "users", {"alice": sha512(rounds=SLOW)})
    broker = make_broker(auth={"allow-anonymous": False, "password-file": users})
    known, unknown, too_long = (
        cost_of(broker, [lambda: try_in(broker, user, password)] * 8) for user, password in (("alice", "x"), ("nobody", "x"), ("alice", "x" * 512))
    )
    assert known > 0.1
    assert 0.5 < unknown / known < 2
    assert too_long > 0.2 * known  # it is not even copied, but the hash of nothing is made


# Lists of plugins, and files of the Python brokers

BIND = "listeners: {default: {type: tcp, bind: '127.0.0.1:0'}}\n"
FILE_CLASS, ANONYMOUS_CLASS = "plugins.authentication.FileAuthPlugin", "plugins.authentication.AnonymousAuthPlugin"



def auth(plugins, anonymous):
    return BIND + to_yaml({"auth": {"plugins": plugins, "allow-anonymous": anonymous, "password-file": "USERS"}})


HBMQTT_FILE = """
listeners:
    default:
        max-connections: 50000
        type: tcp
    my-tcp-1:
        bind: 127.0.0.1:0
timeout-disconnect-delay: 2
auth:
    plugins: ['auth_file', 'auth_anonymous']
    allow-anonymous: true
    password-file: USERS
"""

AMQTT_FILE = """
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:0
    max_connections: 10
timeout_disconnect_delay: 0
plugins:
  amqtt.plugins.logging_amqtt.EventLoggerPlugin:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: false
  amqtt.plugins.authentication.FileAuthPlugin:
    password_file: USERS
  amqtt.plugins.sys.broker.BrokerSysPlugin:
    sys_interval: 20
"""

# name: (file, codes without a name, with the right password, with a wrong one, with a name alone)
FILES = {
    "both": (auth("[auth_anonymous, auth_file]", True), GOOD, GOOD, WRONG, WRONG),
    "both-closed": (auth("[auth_file, auth_anonymous]", False), NOT_AUTHORIZED, GOOD, WRONG, WRONG),
    "file": (auth("[auth_file]", True), NOT_AUTHORIZED, GOOD, WRONG, WRONG),
    "dotted": (auth("['auth.anonymous', 'auth.file']", True), GOOD, GOOD, WRONG, WRONG),
    "anonymous": (auth("[auth_anonymous]", True), GOOD, GOOD, GOOD, GOOD),
    "anonymous-closed": (auth("[auth_anonymous]", False), NOT_AUTHORIZED, WRONG, WRONG, WRONG),
    "no-list": (BIND + "auth: {password-file: USERS}\n", GOOD, GOOD, WRONG, WRONG),
    "empty-list": (auth("", False), NOT_AUTHORIZED, GOOD, WRONG, WRONG),
    "amqtt-list": (
        BIND + f"plugins: [amqtt.{ANONYMOUS_CLASS}: {{allow_anonymous: true}}, amqtt.{FILE_CLASS}: {{password_file: USERS}}]\n",
        GOOD, GOOD, WRONG, WRONG,
    ),
    "amqtt-file": (BIND + f"plugins: {{amqtt.{FILE_CLASS}: {{password_file: USERS}}}}\n", NOT_AUTHORIZED, GOOD, WRONG, WRONG),
    "hbmqtt-class": (BIND + f"plugins: {{hbmqtt.{FILE_CLASS}: {{password-file: USERS}}}}\n", NOT_AUTHORIZED, GOOD, WRONG, WRONG),
    "file-of-hbmqtt": (HBMQTT_FILE, GOOD, GOOD, WRONG, WRONG),
    "file-of-amqtt": (AMQTT_FILE, NOT_AUTHORIZED, GOOD, WRONG, WRONG),
}  # fmt: skip


@pytest.mark.parametrize("case", cases(FILES))
def test_lists_of_plugins(tmp_path, users, try_in, case):
    text, *codes = case
    broker = Broker(tmp_path)
    process = broker.spawn_hbmqtt(text.replace("USERS", str(users)))
    try:
        broker.address = ("127.0.0.1", broker.ports()[0])
        tries = ((None, None), ("alice", SECRET), ("alice", "x"), ("alice", None))
        assert [try_in(broker, username, password) for username, password in tries] == codes
        broker.stop()
    finally:
        process.kill()


# What those who are refused may not touch

REFUSED = {
    "wrong-password": (dict(username="alice", password="x"), WRONG),
    "unknown-user": (dict(username="nobody", password=SECRET), WRONG),
    "name-alone": (dict(username="alice"), WRONG),
    "nothing": (dict(), NOT_AUTHORIZED),
}


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "persistent"])
@pytest.mark.parametrize("case", cases(REFUSED))
def test_fault_wrong_credentials_leave_the_live_session_alone(closed, client, peers, case, clean):
    """The original deleted or took over the session before it had looked at the credentials."""
    fields, code = case
    right = dict(at=closed, username="alice", password=SECRET)
    live = client("live", clean=False, will=mqtt.Will("will"), **right)
    live.subscribe(("t", 1))
    watcher, sender = client("watcher", **right), client("sender", **right)
    watcher.subscribe("#")
    thief = peers("thief", at=closed, source=next_source())
    behind = mqtt.publish("t", b"no", retain=True) + mqtt.subscribe(1, [("#", 0)])
    thief.send(mqtt.connect(live.client_id, clean=clean, will=mqtt.Will("will"), **fields) + behind)
    thief.expect(mqtt.CONNACK, code=code, session_present=False)
    thief.expect_close()
    live.ping()
    assert fence(sender, watcher) == []
    live.disconnect()
    sender.publish("t", b"queued", qos=1)
    again = client("live", clean=False, session_present=True, **right)
    again.accept(again.expect_publish("t", b"queued", qos=1))


@pytest.mark.parametrize("case", cases(REFUSED))
def test_fault_returning_session_is_authenticated_with_what_it_brings(closed, client, peers, case):
    """The original took the credentials that were stored with the session."""
    fields, code = case
    right = dict(at=closed, clean=False, username="alice", password=SECRET)
    first = client("one", session_present=False, **right)
    first.disconnect()
    for _ in range(2):
        back = peers("back", at=closed, source=next_source())
        back.connect(first.client_id, clean=False, code=code, session_present=False, **fields)
        back.expect_close()
    client("one", session_present=True, **right)


def test_a_session_that_returns_is_who_it_says_now(closed, client, unique):
    """Not who it was: another user has another session."""
    first = client("one", at=closed, clean=False, username="alice", password=SECRET)
    first.subscribe(("t", 1))
    first.disconnect()
    second = client("one", at=closed, clean=False, username="bob", password="another", session_present=False)
    second.publish("t", b"x", qos=1)
    second.ping()
    second.disconnect()
    client("one", at=closed, clean=False, username="alice", password=SECRET, session_present=False)


# While a password is verified: hashes that take tens of milliseconds or more, and other clients meanwhile


@pytest.fixture
def slow(make_broker, tmp_path):
    """A broker with a user whose hash takes a while, and one whose hash does not."""

    def start(rounds=SLOW, **options):
        users = credentials.write(tmp_path / "users", {"slow": sha512(rounds=rounds), "quick": sha512()})
        limits = {"authentication_threads": 1} | options.pop("limits", {})
        return make_broker(auth={"allow-anonymous": False, "password-file": users}, limits=limits, **options)

    return start


QUICK = dict(username="quick", password=SECRET)
LATE = dict(username="slow", password=SECRET)


def test_what_follows_connect_is_carried_out_after_it_in_order(slow, client, peers):
    broker = slow()
    watcher = client("watcher", at=broker, **QUICK)
    watcher.subscribe(("t", 1))
    one = peers("one", at=broker)
    behind = [mqtt.publish("t", str(number).encode(), qos=1, packet_id=number) for number in range(1, 2001)]
    one.send(mqtt.connect("one", **LATE) + mqtt.subscribe(9, [("own", 0)]) + behind[0], *behind[1:1000])
    watcher.ping()  # nothing came before
    one.send(*behind[1000:], mqtt.publish("own", b"x"), mqtt.pingreq())
    one.expect(mqtt.CONNACK, code=GOOD)
    answers = [one.receive() for _ in range(2003)]  # a SUBACK waits for other shards; acknowledgements need not
    assert [answer.packet_id for answer in answers if answer.kind == mqtt.PUBACK] == list(range(1, 2001))
    assert sorted(answer.kind for answer in answers if answer.kind != mqtt.PUBACK) == [mqtt.PUBLISH, mqtt.SUBACK, mqtt.PINGRESP]
    assert [message.payload for message in watcher.collect(2000)] == [str(number).encode() for number in range(1, 2001)]


def test_one_that_leaves_before_its_answer(slow, client, peers):
    """What it sent before is carried out all the same, and its will if there was no DISCONNECT."""
    broker = slow()
    watcher = client("watcher", at=broker, **QUICK)
    watcher.subscribe("#")
    gone = peers("gone", at=broker)
    gone.send(mqtt.connect("gone", will=mqtt.Will("will"), **LATE) + mqtt.publish("gone", b"x"))
    gone.reset()
    polite = peers("polite", at=broker)
    polite.send(mqtt.connect("polite", will=mqtt.Will("will"), **LATE) + mqtt.publish("polite", b"x") + mqtt.disconnect())
    polite.socket.shutdown(1)
    assert sorted(message.topic for message in watcher.collect(3)) == ["gone", "polite", "will"]
    assert fence(client("sender", at=broker, **QUICK), watcher) == []


def test_two_with_one_id_the_later_answer_takes_over(slow, peers, client):
    broker = slow()
    both = peers("one", at=broker), peers("other", at=broker)
    for one in both:
        one.send(mqtt.connect("one", clean=False, **LATE))
    present = {one.expect(mqtt.CONNACK, code=GOOD).session_present: one for one in both}
    present[False].expect_close()
    present[True].ping()


def test_one_that_waits_does_not_hold_up_its_live_session(slow, peers, client):
    broker = slow()
    live = client("live", at=broker, **QUICK)
    later = peers("later", at=broker)
    later.send(mqtt.connect(live.client_id, **LATE))
    live.ping()
    later.expect(mqtt.CONNACK, code=GOOD)
    live.expect_close()


def test_keep_alive_begins_with_the_answer(slow, peers):
    """Three wait for a second and more altogether, which is nobody's silence."""
    broker = slow()
    waiting = [peers(at=broker) for _ in range(5)]
    for one in waiting:
        one.send(mqtt.connect("", keepalive=1, **LATE))
    for one in waiting:
        one.expect(mqtt.CONNACK, code=GOOD)
        one.ping()


def test_the_time_for_connect_is_over_when_it_has_come(slow, peers):
    broker = slow(limits={"connect_timeout_ms": 100})
    waiting = [peers(at=broker) for _ in range(4)]
    for one in waiting:
        one.send(mqtt.connect("", **LATE))
    for one in waiting:
        one.expect(mqtt.CONNACK, code=GOOD)
        one.ping()


def test_who_waits_too_long_is_told_that_the_server_is_unavailable(slow, peers):
    """Not that the password is wrong: nobody knows."""
    broker = slow(rounds=1_000_000, limits={"authentication_timeout_ms": 20})
    one, two = peers(at=broker), peers(at=broker)
    for waiting in (one, two):
        waiting.send(mqtt.connect("", **LATE))
    for waiting in (one, two):
        waiting.expect(mqtt.CONNACK, code=UNAVAILABLE)
        waiting.expect_close()


@pytest.mark.parametrize("shards", [1, 2])
def test_a_broker_that_stops_lets_go_of_all_who_wait(slow, peers, shards):
    broker = slow(shards=shards)
    waiting = [peers(at=broker, source=next_source()) for _ in range(300)]
    for one in waiting:
        one.send(mqtt.connect("", **LATE))
    wait_until(lambda: [one for one in waiting if one.look() or one.buffer], "one of them is let in")
    began = time.monotonic()
    broker.stop()
    assert time.monotonic() - began < 15
    answers = [one.poll() for one in waiting]
    assert all(answer is None or answer.code == GOOD for answer in answers)  # nobody is told that the password is wrong
    assert answers.count(None) > 200
    for one, answer in zip(waiting, answers):
        if answer:
            one.expect_close()


# SIGHUP


@pytest.mark.parametrize("shards", [1, 2])
def test_a_file_that_has_changed_holds_after_sighup(make_broker, tmp_path, try_in, client, shards):
    users = credentials.write(tmp_path / "users", {"alice": sha512(), "bob": sha512("another")})
    broker = make_broker(shards=shards, auth={"allow-anonymous": False, "password-file": users})
    inside = client("inside", at=broker, username="alice", password=SECRET)
    credentials.write(users, {"alice": sha512("changed"), "carol": sha512("third")})
    assert try_in(broker, "alice", SECRET) == GOOD  # not before it is told
    broker.process.signal(signal.SIGHUP)
    wait_until(lambda: try_in(broker, "carol", "third") == GOOD, "the file is read again")
    assert [try_in(broker, *one) for one in (("alice", SECRET), ("alice", "changed"), ("bob", "another"))] == [WRONG, GOOD, WRONG]
    inside.ping()


def test_a_file_that_everybody_may_read_is_told_once_each_time_that_it_is_read(make_broker, users):
    users.chmod(0o644)
    broker = make_broker(auth={"allow-anonymous": False, "password-file": users})
    told = f"{users}: everybody on this machine may read it"
    assert broker.process.stderr().count(told) == 1
    broker.process.signal(signal.SIGHUP)
    broker.process.err.wait_match(".*configuration read again.*")
    assert broker.process.stderr().count(told) == 2
    checked = subprocess.run([*WRAPPER, HBMQTT, "--check", "-c", broker.directory / "hbmqtt.yaml"], capture_output=True, text=True, timeout=60, check=True)
    assert checked.stderr.count(told) == 1


def test_a_file_that_is_wrong_changes_nothing(make_broker, users, try_in):
    broker = make_broker(auth={"allow-anonymous": False, "password-file": users})
    credentials.write(users, {"alice": "plain text"})
    broker.process.signal(signal.SIGHUP)
    assert broker.process.err.wait_match(rf"{users}:1: ")
    assert try_in(broker, "alice", SECRET) == GOOD
    assert "plain text" not in broker.process.stderr().replace("in plain text", "")
