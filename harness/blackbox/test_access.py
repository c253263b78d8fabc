# SPDX-License-Identifier: MIT
"""Who may publish, subscribe to and be sent what: the rules of a configuration at a broker that runs."""

import itertools
import json
import signal
import subprocess

import broker as brokers
import packet as mqtt
import pytest
from deadline import wait_until
from hub import listener, make_hub  # noqa: F401 - a fixture
from tables import cases
from tls_hub import context_of, file

pytestmark = pytest.mark.ours
REFUSED = 0x80
PASSWORD = b"pass"
USERS = ["alice", "bob", "carol", "admin", "a/b", "a+", "a#", "+", "$x", "%c", "anonymous", "*", "@team"]


@pytest.fixture(scope="session")
def password_file(tmp_path_factory):
    """One in which all users have the same password, and so the same hash."""
    path = tmp_path_factory.mktemp("users") / "passwords"
    command = [brokers.HBMQTT_PASSWD, "-c", "-b", "-s", "sha512", "-r", "1000", path, "alice", PASSWORD.decode()]
    subprocess.run(command, check=True, timeout=20)
    hashed = path.read_text().strip().partition(":")[2]
    path.write_text("".join(f"{user}:{hashed}\n" for user in USERS))
    return path


class House:
    """A broker with rules, and clients of it by the names of users."""

    def __init__(self, make_broker, peers, users, **parts):
        self.peers = peers
        auth = {"allow-anonymous": True} | ({"password-file": users} if users else {})
        self.broker = make_broker(**({"auth": auth} | self.in_yaml(parts)))

    @staticmethod
    def in_yaml(parts):
        """JSON is YAML: it takes any name for a key."""
        return {key: json.dumps(value) if key in ("topic-check", "plugins") else value for key, value in parts.items()}

    def client(self, user=None, client_id=None, **fields):
        one = self.peers(client_id or user, at=self.broker)
        credentials = {} if user is None else {"username": user, "password": PASSWORD}
        one.inbox = []  # what came before something that was waited for
        one.connect(client_id if client_id is not None else user or "", **credentials, **fields)
        return one

    def reload(self, **parts):
        """Has the broker read other rules, and waits until they hold."""
        self.broker.settings = self.broker.settings | self.in_yaml(parts)
        (self.broker.directory / "hbmqtt.yaml").write_text(brokers.to_yaml(self.broker.settings) + "\n")
        self.broker.process.signal(signal.SIGHUP)


@pytest.fixture
def house(make_broker, peers, password_file):
    """house(rules, ...): a broker with this topic-check. Names of users count, as there is a password file."""

    def start(check=None, users=password_file, **parts):
        if check is not None:
            parts["topic-check"] = {"enabled": True} | check
        return House(make_broker, peers, users, **parts)

    return start


_numbers = itertools.count(1)


def take(one, wanted):
    """The next packet that is wanted. What comes before it is answered, and kept in the inbox."""
    for packet in one.inbox:
        if wanted(packet):
            one.inbox.remove(packet)
            return packet
    while True:
        packet = one.receive()
        one.answer(packet)
        if wanted(packet):
            return packet
        one.inbox.append(packet)


def send(sender, topic, payload=b"x", qos=1, retain=False):
    """A PUBLISH with its whole exchange, whatever else the sender is sent meanwhile."""
    packet_id = next(sender.next_id) if qos else None
    sender.send(mqtt.publish(topic, payload, qos=qos, retain=retain, packet_id=packet_id))
    if qos:
        take(sender, lambda packet: packet.kind == (mqtt.PUBACK if qos == 1 else mqtt.PUBCOMP) and packet.packet_id == packet_id)


def arrived(sender, watcher, qos=0):
    """The messages that reached the watcher up to now from the sender: those before one that only this call knows."""
    topic, packet_id = f"fence/{next(_numbers)}", next(watcher.next_id)
    watcher.send(mqtt.subscribe(packet_id, [(topic, qos)]))
    assert take(watcher, lambda packet: packet.kind == mqtt.SUBACK and packet.packet_id == packet_id).codes == [qos]
    send(sender, topic, qos=qos)
    take(watcher, lambda packet: packet.is_publish(topic))
    messages = [packet for packet in watcher.inbox if packet.kind == mqtt.PUBLISH and not packet.topic.startswith("fence/")]
    watcher.inbox.clear()
    return messages


def topics_of(messages):
    return [message.topic for message in messages]


def published(sender, watcher, topics, qos=1):
    """Publishes to each of them, and returns those that arrived."""
    payload = b"%d" % next(_numbers)
    for topic in topics:
        send(sender, topic, payload, qos)
    return topics_of(message for message in arrived(sender, watcher, qos) if message.payload == payload)


# Whom a rule is about

ABOUT = {
    "alice": "alice/#",
    "anonymous": "nobody/#",
    "*": ["all/#", {"deny": "all/secret/#"}],
    "@team": ["team/#", "fence/#"],
    "bob": [{"deny": "team/no"}],
}
TOPICS = ["alice/1", "nobody/1", "all/1", "all/secret/1", "team/1", "team/no", "else"]
ALLOWED = {
    "alice": ["alice/1", "all/1", "team/1", "team/no"],
    "bob": ["all/1", "team/1"],
    "carol": ["all/1"],
    None: ["nobody/1", "all/1"],
}


@pytest.fixture
def about(house):
    return lambda key: house({key: ABOUT | {"admin": "#", "*": [*ABOUT["*"], "fence/#"]}, "groups": {"team": ["alice", "bob"]}})


@pytest.mark.parametrize("key", ["publish-acl", "acl"])
def test_who_may_publish(about, key):
    one = about(key)
    watcher = one.client("admin")
    watcher.subscribe(*(["#"] if key == "publish-acl" else [topic for topic in TOPICS if topic != "all/secret/1"]))
    for user, allowed in ALLOWED.items():
        assert published(one.client(user), watcher, TOPICS) == allowed, user


@pytest.mark.parametrize("key", ["subscribe-acl", "acl"])
def test_who_may_subscribe(about, key):
    one = about(key)
    for user, allowed in ALLOWED.items():
        codes = [1 if topic in allowed else REFUSED for topic in TOPICS]
        one.client(user).subscribe(*[(topic, 1) for topic in TOPICS], codes=codes)


def test_who_may_receive(about):
    one = about("receive-acl")
    sender = one.client("carol")
    for user, allowed in ALLOWED.items():
        watcher = one.client(user, f"watcher-{user}")
        watcher.subscribe("#")
        assert published(sender, watcher, TOPICS) == allowed, user


def test_names_that_nobody_vouches_for_are_anonymous(house):
    one = house({"publish-acl": {"alice": "a/#", "anonymous": ["b", "fence/#"]}}, users=None)
    watcher, alice = one.client(), one.client("alice")
    watcher.subscribe("a/#", "b")
    assert published(alice, watcher, ["a/1", "b"]) == ["b"]


def test_names_of_certificates_count(make_hub):
    asks = {"client_certificate": "required", "cafile": file("ca.pem"), "user_name_from": "common-name"}
    rules = {"enabled": True, "publish-acl": {"client": ["certified", "fence/#"], "anonymous": ["free", "fence/#"]}}
    hub = make_hub({"tcp": listener(), "tls": listener("tls", **asks)}, **House.in_yaml({"topic-check": rules}))
    certified = hub.client("tls", "certified", {"context": context_of(certificate="client")}, username="somebody")
    claims = hub.client("tcp", "claims", username="client")
    watcher = hub.client("tcp", "watcher")
    for one in (certified, claims, watcher):
        one.inbox = []
    watcher.subscribe("#")
    assert published(certified, watcher, ["certified", "free"]) == ["certified"]
    assert published(claims, watcher, ["certified", "free"]) == ["free"]


ODD = {"a/b": 0, "a+": 0, "a#": 0, "+": 0, "$x": 2, "%c": 2, "anonymous": 2, "alice": 2}


@pytest.mark.parametrize("user", ODD)
def test_user_names_stand_in_for_u(house, user):
    """A value that would be more than a part of one level stands nowhere. `$x` does not open what begins with '$'."""
    subscribing = {"*": ["of/%u/#", "fence/#"], "admin": ["#", "$x/#"]}
    one = house({"publish-acl": {"*": ["of/%u/#", "of-%u", "%u/first", "fence/#"]}, "subscribe-acl": subscribing})
    watcher, sender = one.client("admin"), one.client(user, "c1")
    watcher.subscribe("#", "$x/#")
    bare = user.strip("+#")
    topics = ["of/alice/1", "of/a/b", "of/a", f"of/{bare}/1", f"of-{bare}", "x/first", "/first"]
    others = [topic for topic in topics if topic not in (f"of/{user}/1", f"of-{user}") or not ODD[user]]
    got = published(sender, watcher, topics)
    assert not set(got) & set(others)
    assert len(set(got)) == ODD[user]
    send(sender, "$x/first", b"x", qos=1)
    assert arrived(sender, watcher) == []
    codes = [0 if ODD[user] else REFUSED, REFUSED, REFUSED]
    sender.subscribe(f"of/{user}/#" if ODD[user] else "of/a/#", "of/+/#", "of/#", codes=codes)


@pytest.mark.parametrize("client_id", ["c1", "x/y", "x+", "#", "%u"])
def test_client_ids_stand_in_for_c(house, client_id):
    fits = not set(client_id) & set("/+#")
    one = house({"subscribe-acl": {"*": "to/%c/#"}})
    own = client_id if fits else "x"
    codes = [1 if fits else REFUSED, REFUSED, REFUSED]
    one.client("alice", client_id).subscribe((f"to/{own}/1", 1), ("to/+/1", 1), ("to/#", 0), codes=codes)


def test_rules_for_names_that_mean_something_else(house):
    """A user called `anonymous`, `*` or `@team` gets what everybody gets, and nothing that is said about those."""
    one = house({"publish-acl": {"anonymous": "nobody", "@team": "team", "*": ["all", "fence/#"]}, "groups": {"team": ["carol"]}})
    watcher = one.client("admin")
    watcher.subscribe("#")
    for user in ("anonymous", "*", "@team"):
        assert published(one.client(user), watcher, ["nobody", "team", "all"]) == ["all"], user


# PUBLISH


@pytest.mark.parametrize("retain", [False, True])
def test_a_denied_publish_is_acknowledged_and_goes_nowhere(house, retain):
    one = house({"publish-acl": {"*": ["ok/#", "fence/#"]}})
    sender, watcher, late = one.client("alice"), one.client("bob"), one.client("carol")
    watcher.subscribe(("#", 2))
    for qos in (0, 1, 2):
        send(sender, f"no/{qos}", b"x", qos=qos, retain=retain)
        send(sender, f"ok/{qos}", b"x", qos=qos, retain=retain)
    assert topics_of(arrived(sender, watcher, qos=2)) == ["ok/0", "ok/1", "ok/2"]
    late.subscribe(("#", 0))
    assert sorted(topics_of(arrived(sender, late))) == (["ok/0", "ok/1", "ok/2"] if retain else [])


def test_what_is_retained_cannot_be_erased_by_who_may_not_publish(house):
    one = house({"publish-acl": {"alice": ["a", "fence/#"], "*": "fence/#"}})
    alice, bob = one.client("alice"), one.client("bob")
    send(alice, "a", b"kept", qos=1, retain=True)
    send(bob, "a", b"", qos=1, retain=True)
    bob.subscribe("a")
    bob.expect_publish("a", b"kept", retain=True)


def test_denied_bursts_reach_nobody_and_hold_up_nobody(house):
    one = house({"publish-acl": {"*": ["ok", "fence/#"]}})
    sender, watcher = one.client("alice"), one.client("bob")
    watcher.subscribe("#")
    sender.publish_many([("no" if number % 3 else "ok", b"%d" % number) for number in range(3000)])
    assert [message.payload for message in watcher.collect(1000)] == [b"%d" % number for number in range(0, 3000, 3)]
    assert arrived(sender, watcher) == []


def test_wills(house):
    one = house({"publish-acl": {"*": ["ok", "fence/#"]}})
    watcher = one.client("bob")
    watcher.subscribe("#")
    one.client("alice", "no", will=mqtt.Will("no", retain=True)).reset()
    one.client("alice", "ok", will=mqtt.Will("ok", retain=True)).reset()
    watcher.expect_publish("ok")
    assert arrived(watcher, watcher) == []
    late = one.client("carol")
    late.subscribe("#")
    assert topics_of(arrived(watcher, late)) == ["ok"]


# SUBSCRIBE, and the faults of the original

SUBSCRIPTIONS = {  # what is allowed: filters that are granted, and such that are not
    "a/+": (["a/b", "a/+", "a/"], ["a/#", "a", "a/b/c"]),
    "+": (["a", "+"], ["#", "+/+", "$SYS"]),
    "a/#": (["a", "a/#", "a/b/+"], ["#", "+", "ab"]),
    "#": (["#", "+/a"], ["$SYS/#"]),
    "$SYS/#": (["$SYS/broker/version"], ["#"]),
    "a/b": (["a/b"], ["a/+", "a/b/#"]),
    "+/b": (["a/b"], ["+/+"]),
    "a/+/c": (["a/b/c"], ["a/#"]),
    "/": (["/"], ["+/+"]),
}


@pytest.mark.parametrize("allowed", SUBSCRIPTIONS)
def test_a_filter_is_refused_that_matches_more(house, allowed):
    granted, refused = SUBSCRIPTIONS[allowed]
    one = house({"subscribe-acl": {"*": allowed}})
    codes = [2] * len(granted) + [REFUSED] * len(refused)
    one.client("alice").subscribe(*[(topic_filter, 2) for topic_filter in granted + refused], codes=codes)


def test_a_filter_is_refused_that_matches_what_is_denied(house):
    one = house({"subscribe-acl": {"*": ["#", {"deny": "a/+/secret"}]}})
    filters = {"#": REFUSED, "a/#": REFUSED, "a/b/secret": REFUSED, "+/+/+": REFUSED, "a/+": 0, "b/#": 0, "a/b/secret/c": 0}
    one.client("alice").subscribe(*filters, codes=list(filters.values()))


def test_several_rules_together_cover_a_filter(house):
    one = house({"subscribe-acl": {"*": ["a", "a/+", "a/+/+/#"]}})
    one.client("alice").subscribe("a/#", "a/+", "#", codes=[0, 0, REFUSED])


def test_a_refused_filter_takes_no_retained_message_and_the_others_do(house):
    one = house({"subscribe-acl": {"*": ["a/#", "fence/#"]}})
    sender, watcher = one.client("alice"), one.client("bob")
    for topic in ("a/1", "b/1"):
        send(sender, topic, b"x", qos=1, retain=True)
    watcher.subscribe("#", ("a/#", 1), "b/1", codes=[REFUSED, 1, REFUSED])
    assert topics_of(arrived(sender, watcher, qos=1)) == ["a/1"]


def test_a_refused_filter_leaves_an_earlier_subscription_alone(house):
    one = house({"subscribe-acl": {"*": ["a/#", "fence/#"]}})
    watcher = one.client("bob")
    watcher.subscribe(("a/1", 1))
    watcher.subscribe("+/1", codes=[REFUSED])
    watcher.unsubscribe("+/1")
    assert published(one.client("alice"), watcher, ["a/1"]) == ["a/1"]


def test_nobody_may_subscribe_where_nothing_is_allowed(house):
    house({"subscribe-acl": {"alice": "a"}}).client("bob").subscribe("a", "#", codes=[REFUSED, REFUSED])
    house({"subscribe-acl": {"alice": None}}).client("bob").subscribe("a", "#", codes=[REFUSED, REFUSED])


# $SYS


def test_nobody_publishes_below_sys(house):
    one = house({"publish-acl": {"*": ["#", "$SYS/#"]}})
    alice, watcher = one.client("alice"), one.client("bob")
    watcher.subscribe("$SYS/mine", "#")
    assert published(alice, watcher, ["$SYS/mine", "a"]) == ["a"]


def test_rules_hold_for_sys(house):
    receiving = {"admin": ["#", "$SYS/broker/version"], "*": "#"}
    one = house({"subscribe-acl": {"admin": "$SYS/#", "*": "#"}, "receive-acl": receiving}, sys_interval=1)
    alice, admin = one.client("alice"), one.client("admin")
    alice.subscribe("#", "$SYS/#", "$SYS/broker/version", codes=[0, REFUSED, REFUSED])
    admin.subscribe("$SYS/#")
    first = admin.collect(1)[0]
    assert first.topic == "$SYS/broker/version"
    assert arrived(alice, alice) == []


# What may be received


def test_a_message_goes_to_one_of_two(house):
    """Live, one by one and in bursts, from every shard to every shard."""
    one = house({"receive-acl": {"@in": "#", "*": ["open", "fence/#"]}, "groups": {"in": ["alice"]}})
    insiders = [one.client("alice", f"in-{number}") for number in range(4)]
    outsiders = [one.client("bob", f"out-{number}") for number in range(4)]
    for watcher in insiders + outsiders:
        watcher.subscribe("+")
    sent = [("secret" if number % 50 else "open", b"%d" % number) for number in range(2000)]
    for sender in (one.client("carol", "sender-0"), one.client("carol", "sender-1"), one.client("carol", "sender-2")):
        sender.publish_many(sent)
        for watcher in insiders:
            assert [message.payload for message in watcher.collect(2000)] == [payload for _, payload in sent]
        for watcher in outsiders:
            assert [message.payload for message in watcher.collect(40)] == [payload for topic, payload in sent if topic == "open"]
            assert arrived(sender, watcher) == []


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_goes_to_one_of_two_at_each_qos(house, qos):
    one = house({"receive-acl": {"alice": "#", "*": "fence/#"}})
    alice, bob, sender = one.client("alice"), one.client("bob"), one.client("carol")
    for watcher in (alice, bob):
        watcher.subscribe(("a/+", qos), ("a/#", qos))
    sender.publish_many([("a/b", b"%d" % number) for number in range(200)], qos=qos)
    assert arrived(sender, bob, qos=qos) == []
    assert {message.payload for message in arrived(sender, alice, qos=qos)} == {b"%d" % number for number in range(200)}


def test_who_publishes_does_not_matter(house):
    one = house({"receive-acl": {"alice": "a", "*": "fence/#"}})
    bob = one.client("bob")
    bob.subscribe("a")
    assert published(bob, bob, ["a"]) == []


def test_retained_messages(house):
    one = house({"receive-acl": {"alice": "#", "*": ["open", "fence/#"]}})
    sender = one.client("carol")
    for topic in ("open", "secret", "secret/2"):
        send(sender, topic, b"x", qos=1, retain=True)
    for user, topics in (("alice", {"open", "secret", "secret/2"}), ("bob", {"open"})):
        watcher = one.client(user, clean=False)
        for _ in range(2):
            watcher.subscribe(("#", 1))
            assert set(topics_of(arrived(sender, watcher, qos=1))) == topics
            watcher.disconnect()
            watcher = one.client(user, clean=False, session_present=True)


def test_messages_for_who_is_away(house):
    one = house({"receive-acl": {"alice": "#", "*": ["open", "fence/#"]}})
    sender = one.client("carol")
    for user in ("alice", "bob"):
        watcher = one.client(user, clean=False)
        watcher.subscribe(("#", 1))
        watcher.disconnect()
    for number in range(100):
        send(sender, "secret" if number % 2 else "open", b"x", qos=1)
    for user, topics in (("alice", ["open", "secret"] * 50), ("bob", ["open"] * 50)):
        watcher = one.client(user, clean=False, session_present=True)
        assert topics_of(arrived(sender, watcher, qos=1)) == topics


def test_what_waits_is_judged_by_the_rules_of_the_day(house):
    one = house({"receive-acl": {"alice": "#", "*": ["open", "fence/#"]}})
    sender, watcher, other = one.client("carol"), one.client("alice", clean=False), one.client("bob")
    for subscriber in (watcher, other):
        subscriber.subscribe(("#", 1))
    watcher.disconnect()
    for topic in ("open", "secret", "open"):
        send(sender, topic, b"x", qos=1)
    one.reload(**{"topic-check": {"enabled": True, "receive-acl": {"*": ["open", "late", "fence/#"]}}})
    reloaded(one, sender, other, "late", True)
    watcher = one.client("alice", clean=False, session_present=True)
    assert set(topics_of(arrived(sender, watcher, qos=1))) == {"open", "late"}


SECRETS = {"publish-acl": {"*": "#"}, "subscribe-acl": {"alice": "#", "*": "fence/#"}}


@pytest.mark.parametrize("user", ["bob", None])
@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("away", [False, True])
def test_a_session_is_nothing_for_another_user(house, user, clean, away):
    """Neither what waits in it, nor its subscriptions, which nobody would judge again."""
    one = house(SECRETS)
    sender, owner = one.client("carol"), one.client("alice", "shared", clean=False)
    owner.subscribe(("secret", 1))
    if away:
        owner.disconnect()
        send(sender, "secret", b"queued")
    other = one.client(user, "shared", clean=clean, session_present=False)
    if not away:
        owner.expect_close()
    assert published(sender, other, ["secret"]) == []
    other.disconnect()
    owner = one.client("alice", "shared", clean=False, session_present=user is None and not clean)
    assert published(sender, owner, ["secret"]) == []  # it is gone for good
    assert "another user" in one.broker.process.stderr()


def test_a_session_that_nobody_vouched_for_is_taken_up_by_a_user(house):
    """As when an operator begins to ask for passwords."""
    one = house({"publish-acl": {"*": "#"}, "subscribe-acl": {"*": "#"}})
    sender, nobody = one.client("carol"), one.client(None, "shared", clean=False)
    nobody.subscribe(("open", 1))
    nobody.disconnect()
    send(sender, "open", b"queued")
    user = one.client("alice", "shared", clean=False, session_present=True)
    assert [message.payload for message in arrived(sender, user, qos=1)] == [b"queued"]
    user.disconnect()
    one.client("alice", "shared", clean=False, session_present=True)


# Other rules


def reloaded(one, sender, watcher, topic, arrives):
    """Waits until a change has come into force."""
    wait_until(lambda: bool(published(sender, watcher, [topic])) == arrives, f"{topic} arrives: {arrives}")


def test_new_rules_hold_for_messages_at_once(house):
    both = {"a": ["alice", "bob"], "b": ["alice"]}
    one = house({"publish-acl": {"@a": "a", "@b": "b", "*": "fence/#"}, "groups": both})
    sender, watcher = one.client("bob"), one.client("alice")
    watcher.subscribe("#")
    assert published(sender, watcher, ["a", "b"]) == ["a"]
    rules = {"enabled": True, "publish-acl": {"@a": "a", "@b": "b", "*": "fence/#"}}
    one.reload(**{"topic-check": rules | {"groups": {"a": ["alice"], "b": ["bob"]}}})
    reloaded(one, sender, watcher, "b", True)
    assert published(sender, watcher, ["a", "b"]) == ["b"]
    one.reload(**{"topic-check": {"enabled": False}})
    reloaded(one, sender, watcher, "a", True)
    one.reload(**{"topic-check": rules | {"groups": both}})
    reloaded(one, sender, watcher, "b", False)
    assert published(sender, watcher, ["a", "b"]) == ["a"]


def test_new_rules_and_what_was_subscribed_before(house):
    """receive-acl takes at once what subscribe-acl takes from later subscriptions only."""
    free = {"enabled": True, "publish-acl": {"*": "#"}, "subscribe-acl": {"*": "#"}, "receive-acl": {"*": "#"}}
    one = house(free)
    sender, watcher, away = one.client("alice"), one.client("bob"), one.client("carol", clean=False)
    watcher.subscribe(("#", 1))
    away.subscribe(("secret", 1))
    away.disconnect()
    send(sender, "secret", b"x", qos=1)
    watcher.collect(1)
    one.reload(**{"topic-check": free | {"subscribe-acl": {"*": "fence/#"}}})

    def is_refused():
        watcher.send(mqtt.subscribe(77, [("probe", 0)]))
        return watcher.expect(mqtt.SUBACK).codes == [REFUSED]

    wait_until(is_refused, "the new rules hold")
    assert published(sender, watcher, ["secret"]) == ["secret"]
    one.reload(**{"topic-check": free | {"receive-acl": {"*": ["open", "fence/#"]}}})
    reloaded(one, sender, watcher, "secret", False)
    assert published(sender, watcher, ["open", "secret"]) == ["open"]
    back = one.client("carol", clean=False, session_present=True)
    assert arrived(sender, back, qos=1) == []  # what waited is judged by the rules of now


def test_wrong_rules_change_nothing(house):
    one = house({"publish-acl": {"*": ["a", "fence/#"]}})
    sender, watcher = one.client("alice"), one.client("bob")
    watcher.subscribe("#")
    one.reload(**{"topic-check": {"publish-acl": {"*": "b/#/c"}}})
    assert one.broker.process.err.wait_match(r"expected a topic filter")
    assert published(sender, watcher, ["a", "b"]) == ["a"]


# Files of others


FILE = """
topic read public/#
pattern readwrite own/%u/#
pattern readwrite fence/#
user alice
topic a/#
topic deny a/secret
user bob
topic read a/+
topic write b
"""


def test_a_file_of_mosquitto(house, tmp_path):
    path = tmp_path / "acl"
    path.write_text(FILE)
    one = house({"acl-file": str(path)})
    alice, bob, nobody = one.client("alice"), one.client("bob"), one.client()
    alice.subscribe("a/+/#", "a/#", "own/alice/#", codes=[REFUSED, REFUSED, 0])
    bob.subscribe("a/+", ("a/1", 1), "b", codes=[0, 1, REFUSED])
    nobody.subscribe("public/#", "own/+", codes=[0, REFUSED])
    topics = ["a/1", "a/secret", "own/alice/1", "own/bob/1", "public/1", "b"]
    assert published(alice, bob, topics) == ["a/1"]
    assert published(bob, alice, topics) == []
    assert published(nobody, nobody, topics) == []
    path.write_text("pattern readwrite fence/#\nuser alice\ntopic readwrite a/#\nuser bob\ntopic read nothing\n")
    one.broker.process.signal(signal.SIGHUP)
    reloaded(one, alice, bob, "a/1", False)  # granted before; a file judges each message


RULES = {"alice": ["a/#", "fence/#"], "anonymous": ["n", "fence/#"]}
CHECK = {"enabled": True, "plugins": ["topic_acl"]}
AMQTT = "amqtt.plugins.topic_checking"
PYTHON = {
    "hbmqtt": {"topic-check": CHECK | {"acl": RULES}},
    "amqtt 0.10": {"topic-check": CHECK | {"publish-acl": RULES, "subscribe-acl": RULES}},
    "amqtt 0.11": {"plugins": {f"{AMQTT}.TopicAccessControlListPlugin": {"acl": RULES}}},
}


def house_of_form(make_broker, peers, users, form):
    """The list of plugins of amqtt has everything in it, also who may connect."""
    if "plugins" not in form:
        return House(make_broker, peers, users, **form)
    authentication = {
        "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(users)},
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
    }
    return House(make_broker, peers, None, plugins=form["plugins"] | authentication)


@pytest.mark.parametrize("form", cases(PYTHON))
def test_forms_of_the_python_brokers(make_broker, peers, password_file, form):
    one = house_of_form(make_broker, peers, password_file, form)
    alice, nobody = one.client("alice"), one.client()
    alice.subscribe("a/#", "a", "n", "#", codes=[0, 0, REFUSED, REFUSED])
    nobody.subscribe("a", "n", codes=[REFUSED, 0])
    assert published(alice, nobody, ["a/1", "n"]) == []
    assert published(nobody, alice, ["a/1", "n"]) == []
    assert published(alice, alice, ["a/1", "n"]) == ["a/1"]


TABOO = {
    "hbmqtt": {"topic-check": {"enabled": True, "plugins": ["topic_taboo"]}},
    "amqtt": {"plugins": {f"{AMQTT}.TopicTabooPlugin": {}}},
}


@pytest.mark.parametrize("form", cases(TABOO))
def test_taboo(make_broker, peers, password_file, form):
    one = house_of_form(make_broker, peers, password_file, form)
    taboo = ["prohibited", "top-secret", "data/classified"]
    alice, admin = one.client("alice"), one.client("admin")
    alice.subscribe(*taboo, "prohibited/1", "#", codes=[REFUSED, REFUSED, REFUSED, 0, 0])
    admin.subscribe(*taboo)
    assert published(alice, admin, [*taboo, "else"]) == []
    assert published(admin, admin, taboo) == taboo
    assert topics_of(arrived(alice, alice)) == ["else"]


# Others have their turn


def test_a_subscribe_that_takes_long_to_judge_holds_up_nobody(house):
    """Each of its filters has to be held against thousands of denials."""
    denials = [{"deny": f"a{number}/b/secret"} for number in range(5000)]
    one = house({"subscribe-acl": {"*": ["#", *denials]}}, shards=1)
    slow, other = one.client("alice"), one.client("bob")
    slow.send(mqtt.subscribe(1, [(f"+/+/{number}", number % 3) for number in range(300)] + [("+/b/+", 0)]) + mqtt.pingreq())
    pings = 0
    while not slow.look():
        if slow.buffer:
            break
        other.ping()
        pings += 1
    assert slow.expect(mqtt.SUBACK, packet_id=1).codes == [number % 3 for number in range(300)] + [REFUSED]
    slow.expect(mqtt.PINGRESP)
    assert pings > 5
    other.publish("x/y/7", b"x")
    slow.expect_publish("x/y/7", b"x")
    slow.send(mqtt.subscribe(2, [(f"+/+/{number}", 0) for number in range(300, 600)]))
    slow.reset()  # while it is judged
    other.ping()
