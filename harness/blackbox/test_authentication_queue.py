# SPDX-License-Identifier: MIT
"""Passwords that are guessed and passwords that are many: the throttle of each address, and the queue before the verifier.

HBMQTT_TEST_AUTHENTICATIONS says how many clients the largest test opens at once.
"""

import os
import resource
import select
import socket
import time

import credentials
import packet as mqtt
import pytest
from credentials import SECRET, next_source, sha512
from deadline import Deadline, wait_until
from hub import listener, make_hub  # noqa: F401 - a fixture

pytestmark = pytest.mark.ours

GOOD, UNAVAILABLE, WRONG = 0, 3, 4
CLIENTS = int(os.environ.get("HBMQTT_TEST_AUTHENTICATIONS", "300"))
FREE_FAILURES = 6  # wrong passwords that an address is told of before it has to wait


@pytest.fixture
def start(make_broker, tmp_path):
    def start_it(rounds=1000, **options):
        users = credentials.write(tmp_path / "users", {"alice": sha512(rounds=rounds), "quick": sha512()})
        return make_broker(auth={"allow-anonymous": False, "password-file": users}, **options)

    return start_it


def code_of(one, password):
    one.send(mqtt.connect("", username="alice", password=password))
    return one.expect(mqtt.CONNACK).code


def guess_on(open_peer, count):
    """The codes of so many guesses. Each wait is twice the one before it, so a slow machine sees few more that are looked at."""
    began = time.monotonic()
    codes = [code_of(open_peer(), "x") for _ in range(count)]
    looked_at = codes.count(WRONG)
    assert codes[:FREE_FAILURES] == [WRONG] * FREE_FAILURES and set(codes) == {WRONG, UNAVAILABLE}
    assert 2 ** (looked_at - FREE_FAILURES) - 1 <= time.monotonic() - began
    return codes


@pytest.mark.parametrize("shards", [1, 2])
def test_an_address_that_guesses_has_to_wait_and_no_other(start, peers, shards):
    broker = start(rounds=100_000, shards=shards)
    guesser = next_source()
    before = broker.cpu_seconds()
    guess_on(lambda: peers(at=broker, source=guesser), FREE_FAILURES + 1)
    looked_at = broker.cpu_seconds() - before
    refused = [code_of(peers(at=broker, source=guesser), SECRET) for _ in range(40)]
    assert refused.count(UNAVAILABLE) >= 38  # the right password waits as well
    assert broker.cpu_seconds() - before - looked_at < 2 * looked_at  # 40 hashes would be six times as much
    assert code_of(peers(at=broker, source=next_source()), SECRET) == GOOD


def test_who_gets_in_starts_afresh(start, peers):
    broker = start()
    source = next_source()
    for _ in range(4):
        assert [code_of(peers(at=broker, source=source), guess) for guess in ("x", "y", "z", SECRET)] == [WRONG] * 3 + [GOOD]


def test_addresses_behind_a_proxy_are_told_apart(make_hub, tmp_path):
    users = credentials.write(tmp_path / "users", {"alice": sha512()})
    hub = make_hub({"tcp": listener(proxy_protocol=True)}, auth={"allow-anonymous": False, "password-file": users})

    def behind(address):
        family = 6 if ":" in address else 4
        return hub.peer("tcp", before=f"PROXY TCP{family} {address} {address} 4711 1883\r\n".encode())

    guess_on(lambda: behind("192.0.2.7"), 10)
    assert code_of(behind("192.0.2.8"), SECRET) == GOOD
    assert code_of(behind("192.0.2.7"), SECRET) == UNAVAILABLE
    guess_on(lambda: behind("2001:db8::7"), 10)
    assert code_of(behind("2001:db8::8"), SECRET) == UNAVAILABLE  # who has one address of a network has all
    assert code_of(behind("2001:db8:0:1::7"), SECRET) == GOOD


def test_who_finds_no_place_is_refused_at_once(start, peers):
    broker = start(rounds=200_000, limits={"authentications_max": 4, "authentication_threads": 1, "authentication_timeout_ms": 100_000})
    waiting = [peers(at=broker, source=next_source()) for _ in range(12)]
    for one in waiting:
        one.send(mqtt.connect("", username="alice", password=SECRET))
    codes = [one.expect(mqtt.CONNACK, 60).code for one in waiting]
    assert codes.count(GOOD) >= 4 and UNAVAILABLE in codes and set(codes) == {GOOD, UNAVAILABLE}
    assert code_of(peers(at=broker, source=next_source()), SECRET) == GOOD  # there is room again


def test_one_address_does_not_take_all_places(start, peers):
    broker = start(rounds=200_000, limits={"authentications_max": 8, "authentication_threads": 1, "authentication_timeout_ms": 100_000})
    greedy = next_source()
    waiting = [peers(at=broker, source=greedy) for _ in range(12)]
    for one in waiting:
        one.send(mqtt.connect("", username="alice", password=SECRET))
    assert code_of(peers(at=broker, source=next_source()), SECRET) == GOOD
    codes = [one.expect(mqtt.CONNACK, 60).code for one in waiting]
    assert codes.count(GOOD) >= 6 and UNAVAILABLE in codes


# Many at once


def raise_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def open_all(broker, count):
    """Connections from addresses of their own."""
    opened = []
    for _ in range(count):
        sock = socket.socket()
        sock.bind((next_source(), 0))
        sock.connect(broker.address)
        opened.append(sock)
    return opened


def read_codes(socks, seconds):
    """The codes of all CONNACKs, by the number of the socket."""
    deadline, codes, poll = Deadline(seconds), {}, select.epoll()
    numbers = {sock.fileno(): number for number, sock in enumerate(socks)}
    for fd in numbers:
        poll.register(fd, select.EPOLLIN)
    while len(codes) < len(socks):
        assert not deadline.passed(), f"{len(socks) - len(codes)} of {len(socks)} have no answer"
        for fd, _ in poll.poll(0.5):
            answer = socks[numbers[fd]].recv(4)
            assert len(answer) == 4 and answer[0] == 0x20, (numbers[fd], answer)
            codes[numbers[fd]] = answer[3]
            poll.unregister(fd)
    poll.close()
    return codes


def test_many_clients_are_let_in_in_the_order_in_which_they_came(start, client):
    """And a publisher and a subscriber go on meanwhile. Each client says its number when it is let in."""
    raise_descriptors()
    limits = {"authentication_threads": 1, "authentication_timeout_ms": 600_000, "connections_max": CLIENTS + 10}
    broker = start(rounds=5000, shards=1, limits=limits)
    quick = dict(at=broker, username="quick", password=SECRET)
    publisher, subscriber, watcher = client("publisher", **quick), client("subscriber", **quick), client("watcher", **quick)
    subscriber.subscribe(("work", 1))
    watcher.subscribe("number")
    socks = open_all(broker, CLIENTS)
    wait_until(lambda: broker.descriptors() >= broker.idle_descriptors + CLIENTS + 3, "all are accepted", 60)
    publisher.ping()  # and read from
    began = time.monotonic()
    for number, sock in enumerate(socks):
        sock.sendall(mqtt.connect(f"c{number}", username="alice", password=SECRET) + mqtt.publish("number", str(number)))
        if number % 10 == 9:
            publisher.ping()  # what the broker finds waiting all at once has no order
    for number in range(CLIENTS):
        publisher.publish("work", str(number).encode(), qos=1)
        subscriber.accept(subscriber.expect_publish("work", str(number).encode(), qos=1))
    worked_s = time.monotonic() - began
    codes = read_codes(socks, 600)
    order = [int(message.payload) for message in watcher.collect(CLIENTS, 60)]
    print(f"{CLIENTS} clients in {time.monotonic() - began:.1f} s; as many messages there and back within the first {worked_s:.1f} s")
    for sock in socks:
        sock.close()
    assert set(codes.values()) == {GOOD}
    assert order == list(range(CLIENTS))
