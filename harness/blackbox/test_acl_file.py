# SPDX-License-Identifier: MIT
"""Mosquitto's ACL files: what our reader of them allows, and what mosquitto allows with the same file.

Both answer the same grid of clients, topics and actions: mosquitto by what it delivers, ours through `acl_ask`. Mosquitto
takes any SUBSCRIBE, so subscribing to everything shows what a client may be sent.
"""

import random
import subprocess

import packet as mqtt
import pytest
from broker import BUILD
from process import ProcessError

ACL_ASK = BUILD / "server" / "access" / "acl_ask"
SEEDS = range(1, 9)

LEVELS = ["a", "b", "", "u1", "c1", "%u", "%c", "c$"]
FILTER_LEVELS = [*LEVELS, "+", "+", "#"]
CLIENTS = [("u1", "c1"), ("", "c1"), ("u2", "c2"), ("a", "b"), ("%u", "c1"), ("u1", "c$")]
ODD_CLIENTS = [("u1", "c+"), ("u1", "#"), ("u+", "c1"), ("+", "b"), ("u1", "c1")]
TOPICS = ["$x", "$x/a", "$x/a/b"]
TOPICS += [*LEVELS[:2], *LEVELS[3:]]
TOPICS += [f"{first}/{second}" for first in LEVELS for second in LEVELS]
TOPICS += [f"a/{second}/{third}" for second in LEVELS for third in ("a", "b", "")]

ADMIN = "\nuser admin\ntopic #\ntopic $x/#\n"


class Mosquitto:
    """Answers a grid with mosquitto: {(action, user, client id, topic): whether it is allowed}."""

    def __init__(self, make_broker, peers, path):
        self.broker = make_broker(kind="mosquitto", acl_file=path, limits={"queued_messages_max": 10_000})
        self.peers = peers
        self.admin = self.open("admin", "admin")

    def open(self, user, client_id):
        one = self.peers(client_id, at=self.broker)
        one.connect(client_id, username=user or None)
        return one

    def flush(self, one):
        """The topics of all that was on its way to this peer. Mosquitto has one thread: the answer comes behind them."""
        one.send(mqtt.pingreq())
        topics = set()
        while (packet := one.receive()).kind != mqtt.PINGRESP:
            topics.add(packet.topic)
        return topics

    def allowed(self, clients, topics):
        answers = {}
        for user, client_id in clients:
            one = self.open(user, client_id)
            one.subscribe("#", "$x/#")
            self.admin.publish_many([(topic, b"") for topic in topics], qos=1)
            received = self.flush(one)
            one.unsubscribe("#", "$x/#")
            self.admin.subscribe("#", "$x/#")
            one.publish_many([(topic, b"") for topic in topics], qos=1)
            published = self.flush(self.admin)
            self.admin.unsubscribe("#", "$x/#")
            one.disconnect()
            for topic in topics:
                answers["publish", user, client_id, topic] = topic in published
                answers["receive", user, client_id, topic] = topic in received
        return answers


def ours(path, questions):
    text = "".join("\t".join(question) + "\n" for question in questions)
    done = subprocess.run([ACL_ASK, path], input=text, capture_output=True, text=True, timeout=30, check=True)
    return dict(zip(questions, (line == "yes" for line in done.stdout.splitlines()), strict=True))


def random_filter(rng):
    levels = rng.choices(FILTER_LEVELS, k=rng.choice((1, 1, 2, 2, 3)))
    if "#" in levels:
        del levels[levels.index("#") + 1 :]
    return rng.choice(("$x/#", "$x/a", "#", *["/".join(levels) or "/"] * 3))


def random_pattern_of_both(rng):
    """With user name and client id."""
    return rng.choice(("", "a/", "+/")) + rng.choice(("%u/%c", "%c/%u", "%u%c")) + rng.choice(("", "/#", "/+"))


def random_line(rng, pattern):
    if rng.random() < 0.2:
        return "user " + rng.choice([user for user, _ in CLIENTS + ODD_CLIENTS if user])
    if rng.random() < 0.05:
        return rng.choice(["", "# user admin", "   "])
    access = rng.choice(("", "read ", "write ", "readwrite "))
    if rng.random() < 0.4:
        return f"pattern {access}{pattern(rng)}"
    return f"topic {rng.choice((access, access, access, 'deny '))}{random_filter(rng)}"


def random_lines(rng, pattern):
    return "\n".join(random_line(rng, pattern) for _ in range(rng.randrange(4, 40)))


def write(tmp_path, text):
    path = tmp_path / "acl"
    path.write_text(text + ADMIN)
    return path


def compare(make_broker, peers, tmp_path, clients, pattern):
    """With files of `pattern` lines made by that function: every answer is the same, and neither yes nor no is rare."""
    answers = []
    for seed in SEEDS:
        path = write(tmp_path, random_lines(random.Random(seed), pattern))
        theirs = Mosquitto(make_broker, peers, path).allowed(clients, TOPICS)
        mine = ours(path, list(theirs))
        differing = [question for question in theirs if mine[question] != theirs[question]]
        assert not differing, f"seed {seed}: {len(differing)} differ, such as {differing[:5]}, with\n{path.read_text()}"
        answers += mine.values()
    assert 0.1 < answers.count(True) / len(answers) < 0.9


def test_mosquitto_allows_the_same(make_broker, peers, tmp_path):
    compare(make_broker, peers, tmp_path, CLIENTS, random_filter)


def test_values_with_wildcards_are_not_put_in(make_broker, peers, tmp_path):
    """Mosquitto gives such clients no `pattern` line at all, ours none that has a place for the value: so each has."""
    compare(make_broker, peers, tmp_path, ODD_CLIENTS, random_pattern_of_both)


def test_where_mosquitto_is_known_to_differ(make_broker, peers, tmp_path):
    path = write(tmp_path, "pattern deny a/b\npattern a/%c/#\npattern %c/#\nuser u1\ntopic a/#\ntopic deny a/secret")
    clients = [("u1", "c1"), ("u2", "b/c"), ("u2", "$x")]
    theirs = Mosquitto(make_broker, peers, path).allowed(clients, ["a/b", "a/a", "a/b/c/d", "$x/a"])
    mine = ours(path, list(theirs))
    allowed_there = {question for question in theirs if theirs[question] and not mine[question]}
    assert {question[1:] for question in allowed_there} == {
        ("u1", "c1", "a/b"),  # a `topic` line has decided before `pattern deny` is asked
        ("u2", "b/c", "a/b/c/d"),  # a '/' is put in
        ("u2", "$x", "$x/a"),  # a value opens topics that begin with '$'
    }
    assert not any(mine[question] and not theirs[question] for question in theirs)
    subscriptions = [("subscribe", "u1", "c1", topic_filter) for topic_filter in ("a/#", "a/a/#", "#")]
    assert list(ours(path, subscriptions).values()) == [False, True, False]  # mosquitto grants all of them


@pytest.mark.parametrize("text", ["topic a#", "topic rw a", "topik a", "topic", "user"])
def test_what_is_no_line_is_refused_by_both(make_broker, tmp_path, text):
    path = write(tmp_path, text)
    refused = subprocess.run([ACL_ASK, path], input="", capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1
    assert f"{path}:1: expected " in refused.stderr
    with pytest.raises(ProcessError, match="did not start"):
        make_broker(kind="mosquitto", acl_file=path)
