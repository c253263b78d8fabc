# SPDX-License-Identifier: MIT
"""What a running hbmqtt may still do: whose process it is, which rights it has, which system calls; and where it says that
anybody may come."""

import os
import pwd
import shutil
import signal
import tempfile
from pathlib import Path

import broker as brokers
import pytest
from broker import Broker, settings_with, to_yaml
from hub import Hub, listener, make_hub  # noqa: F401 - a fixture
from service import listening, passing, thread_states
from tables import cases
from transport import certificates

pytestmark = pytest.mark.ours

EXIT_USAGE = 2
NOBODY = pwd.getpwnam("nobody")
LEAKS_UNSEEN = {"ASAN_OPTIONS": "detect_leaks=0"}  # a process that changed its user may not be looked into, nor by itself

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="only root may become somebody else")


@pytest.fixture
def folder():
    """One that every user may read, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="hbmqtt-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


def run_to_end(directory, settings, **options):
    broker = Broker(directory, settings, **options)
    process = broker.spawn_hbmqtt(to_yaml(broker.settings))
    status = process.wait_exit()
    lines = [line for line in process.stderr().splitlines() if " warning: " not in line]
    return status, lines


# The user


@as_root
@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    ("keys", "user", "group"),
    [
        ({"user": "nobody"}, NOBODY.pw_uid, NOBODY.pw_gid),
        ({"user": "nobody", "group": "daemon"}, NOBODY.pw_uid, 1),
        ({"user": 4242, "group": 4343}, 4242, 4343),
    ],
)
def test_every_thread_belongs_to_the_user(make_broker, client, keys, user, group, shards):
    broker = make_broker(shards=shards, env=LEAKS_UNSEEN, **keys)
    client(at=broker).ping()
    states = thread_states(broker.pid)
    assert len(states) >= 1 + shards
    for state in states:
        assert state["Uid"].split() == [str(user)] * 4
        assert state["Gid"].split() == [str(group)] * 4
        assert set(state["Groups"].split()) <= {str(group), str(NOBODY.pw_gid)}
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(state[name], 16) == 0, name
        assert state["NoNewPrivs"] == "1"
    assert "runs as root" not in broker.process.stderr()


@as_root
def test_listeners_are_opened_by_root(make_hub, tmp_path):
    """In a folder that the user may not even enter. So its file stays behind, and the next broker replaces it."""
    path = tmp_path / "socket"
    tmp_path.chmod(0o700)
    listeners = {"tcp": listener(), "unix": listener(bind=f"unix:{path}")}
    for _ in range(2):
        hub = make_hub(listeners, user="nobody", env=LEAKS_UNSEEN)
        hub.check_serves("unix")
        hub.broker.stop()
        assert path.exists()


@as_root
def test_root_that_stays_root_is_told(make_broker):
    broker = make_broker()
    assert " warning: the broker runs as root" in broker.process.stderr()
    assert all(state["NoNewPrivs"] == "1" for state in thread_states(broker.pid))


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["start", "check"])
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"user": "no-such-user"}, ["no user 'no-such-user'"]),
        ({"user": "nobody", "group": "no-such-group"}, ["no group 'no-such-group'"]),
        ({"user": 4242}, ["4242", "name a group"]),
        ({"group": "nogroup"}, ["'nogroup'", "name a user"]),
    ],
)
def test_user_at_fault(tmp_path, keys, words, arguments):
    path = tmp_path / "socket"
    listeners = {"tcp": {"bind": "127.0.0.1:0"}, "unix": {"bind": f"unix:{path}"}}
    status, lines = run_to_end(tmp_path, settings_with(listeners=listeners, **keys), arguments=arguments)
    assert status == EXIT_USAGE and len(lines) == 1
    for word in ["hbmqtt.yaml:", *words]:
        assert word in lines[0]
    assert not path.exists()


@as_root
def test_another_user_cannot_become_a_third(folder):
    def drop():
        os.setgid(NOBODY.pw_gid)
        os.setuid(NOBODY.pw_uid)

    status, lines = run_to_end(folder, settings_with(user="daemon"), preexec=drop, env=LEAKS_UNSEEN)
    assert status == EXIT_USAGE and len(lines) == 1
    assert "cannot become user 'daemon'" in lines[0] and "start hbmqtt as root" in lines[0]


@not_as_root
def test_somebody_cannot_become_another(tmp_path):
    status, lines = run_to_end(tmp_path, settings_with(user="root"))
    assert status == EXIT_USAGE and len(lines) == 1 and "cannot become user 'root'" in lines[0]


def test_oneself_can_be_named(make_broker, client):
    broker = make_broker(user=os.geteuid(), group=os.getegid())
    client(at=broker).ping()
    assert all(int(state["CapEff"], 16) == 0 for state in thread_states(broker.pid))
    assert "runs as root" not in broker.process.stderr()


@as_root
def test_certificates_are_read_by_root_first_and_by_the_user_then(timeline, folder):
    """A key for root alone serves, but cannot be read again; a key that the user may read can."""
    for name in ("server.pem", "server.key"):
        shutil.copy(certificates() / name, folder)
    key = folder / "server.key"
    key.chmod(0o600)
    secure = listener("tls", certfile=folder / "server.pem", keyfile=key)
    broker = Broker(folder, settings_with(listeners={"tcp": listener(), "tls": secure}, user="nobody"), env=LEAKS_UNSEEN)
    broker.start()
    hub = Hub(broker, timeline)
    try:
        hub.check_serves("tls")
        broker.process.signal(signal.SIGHUP)
        assert broker.process.err.wait_match(r"server\.key.*Permission denied")
        assert broker.process.err.wait_match("goes on with the configuration that it has")
        hub.check_serves("tls")
        os.chown(key, NOBODY.pw_uid, NOBODY.pw_gid)
        broker.process.signal(signal.SIGHUP)
        assert broker.process.err.wait_match("'tls': certificates were read again")
        hub.check_serves("tls")
    finally:
        hub.close()
        broker.stop()


@as_root
def test_socket_that_is_passed_needs_no_root(folder, peers):
    """As a service manager starts it: the user never was root."""

    def drop():
        os.setgid(NOBODY.pw_gid)
        os.setuid(NOBODY.pw_uid)

    with listening() as sock:
        options = passing([("default", sock)])
        options["env"] |= LEAKS_UNSEEN
        broker = Broker(folder, settings_with(listeners={"default": {"bind": "127.0.0.1:1"}}), preexec=drop, **options)
        broker.start()
        try:
            peers(at=broker).connect("one")
            assert all(int(state["CapPrm"], 16) == 0 for state in thread_states(broker.pid))
        finally:
            broker.process.signal(signal.SIGTERM)
            assert broker.process.wait_exit() == 0


# System calls


def skip_without_filter(broker):
    if brokers.WRAPPER:
        pytest.skip("the filter is not for the program around the broker")
    if broker.is_sanitized():
        assert "seccomp: not in this program, because it was built with a sanitizer" in broker.process.stderr()
        pytest.skip("a program that was built with a sanitizer has no filter")


def test_every_thread_is_under_the_filter(make_broker, client):
    broker = make_broker(shards=3)
    client(at=broker).ping()
    skip_without_filter(broker)
    states = thread_states(broker.pid)
    assert len(states) >= 4
    assert {state["Seccomp"] for state in states} == {"2"}


@pytest.mark.parametrize(
    ("key", "value", "filtered"), [(True, "off", False), (True, "on", True), (True, "", True), (False, "", False), (False, "on", False)]
)
def test_filter_can_be_switched_off(make_broker, key, value, filtered):
    broker = make_broker(seccomp=key, env={"HBMQTT_SECCOMP": value})
    if filtered:
        skip_without_filter(broker)
    assert {state["Seccomp"] for state in thread_states(broker.pid)} == {"2" if filtered else "0"}
    assert ("seccomp: switched off by" in broker.process.stderr()) != filtered


# Where anybody may come

OPEN = "no authentication is configured: anybody who reaches"


def everywhere(kind="tcp", **settings):
    return listener(kind, bind="0.0.0.0:0", **settings)


def with_client_certificates(how):
    return everywhere("tls", cafile=certificates() / "ca.pem", client_certificate=how)


# name: (what makes the listeners, whether there is a warning)
EXPOSURES = {
    "loopback": (lambda: {"a": listener(), "b": listener(bind="127.1.2.3:0")}, False),
    "everywhere": (lambda: {"a": everywhere()}, True),
    "one-of-two": (lambda: {"a": listener(), "b": everywhere()}, True),
    "tls-shows-the-broker-alone": (lambda: {"a": everywhere("tls")}, True),
    "client-certificates": (lambda: {"a": with_client_certificates("required")}, False),
    "optional-client-certificates": (lambda: {"a": with_client_certificates("optional")}, True),
}


@pytest.mark.parametrize("case", cases(EXPOSURES))
def test_anybody_may_come(make_broker, case):
    listeners, warned = case
    lines = [line for line in make_broker(listeners=listeners()).process.err.now() if OPEN in line]
    assert len(lines) == warned
    if warned:
        assert " warning: " in lines[0] and "0.0.0.0:" in lines[0] and "127.0.0.1" not in lines[0]


def test_nobody_may_come_without_credentials(make_broker):
    broker = make_broker(listeners={"a": {"bind": "0.0.0.0:0"}}, auth={"allow-anonymous": False})
    assert OPEN not in broker.process.stderr()


def test_socket_that_was_passed_may_reach_out(make_broker):
    """What counts is the socket and not the configuration."""
    with listening("0.0.0.0") as sock:
        broker = make_broker(listeners={"default": {"bind": "127.0.0.1:0"}}, **passing([("default", sock)]))
        assert OPEN in broker.process.stderr()
