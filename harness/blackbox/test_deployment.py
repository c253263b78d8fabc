# SPDX-License-Identifier: MIT
"""What goes with the broker to where it runs: units of systemd, the seccomp profile of containers, the Dockerfile.

Neither systemd nor a container engine runs here. Units are judged by systemd-analyze; and filters of system calls, which both put
on what they start, are put on the broker by the tests.
"""

import configparser
import errno
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import broker as brokers
import pytest
from broker import Broker, settings_with, to_yaml
from hub import Hub, listener
from peer import Peer
from process import Process

seccomp = pytest.importorskip("seccomp", reason="python3-seccomp is not installed")

pytestmark = pytest.mark.ours

ROOT = Path(__file__).resolve().parents[2]
SERVICE, SOCKET = brokers.BUILD / "server/service/hbmqtt.service", ROOT / "server/service/hbmqtt.socket"
PROFILE = json.loads((ROOT / "ci/seccomp.json").read_text())
IO_URING = {"io_uring_setup", "io_uring_enter", "io_uring_register"}
NOBODY = pwd.getpwnam("nobody")
EXPOSURE_MAX = 20  # tenths, as systemd-analyze counts it

analyze = shutil.which("systemd-analyze")
with_systemd = pytest.mark.skipif(analyze is None, reason="systemd-analyze is not installed")


@pytest.fixture
def folder():
    """One that every user may read, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="hbmqtt-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture
def units(tmp_path):
    """The units, with a program that is there."""
    text = SERVICE.read_text()
    text, count = re.subn(r"^ExecStart=\S+", f"ExecStart={brokers.HBMQTT}", text, flags=re.M)
    assert count == 1
    (tmp_path / SERVICE.name).write_text(text)
    shutil.copy(SOCKET, tmp_path)
    return [tmp_path / SERVICE.name, tmp_path / SOCKET.name]


def systemd_analyze(*arguments):
    return subprocess.run([analyze, *arguments], capture_output=True, text=True, timeout=60, check=False)


# Units


@with_systemd
def test_units_are_right(units):
    done = systemd_analyze("verify", "--man=no", *units)
    assert done.returncode == 0 and done.stdout + done.stderr == ""


@with_systemd
def test_service_is_confined(units):
    done = systemd_analyze("security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE_MAX}", units[0])
    assert done.returncode == 0, done.stdout


def test_socket_is_that_of_the_packaged_configuration():
    """By its name and by its address."""
    unit = configparser.ConfigParser(delimiters="=", strict=False)
    unit.optionxform = str
    unit.read(SOCKET)
    assert unit["Socket"]["FileDescriptorName"] == "default"
    packaged = (ROOT / "debian/hbmqtt.yaml").read_text()
    assert re.search(rf"^  default:\n    bind: {re.escape(unit['Socket']['ListenStream'])}$", packaged, re.M)


def test_service_waits_for_the_broker_to_stop():
    """Longer than a broker with the default limits may take."""
    limit = re.search(r"shutdown_timeout_ms, +(\d+)ull", (ROOT / "server/config/limits.def").read_text())
    stop = re.search(r"^TimeoutStopSec=(\d+)$", SERVICE.read_text(), re.M)
    assert int(stop[1]) * 1000 >= 2 * int(limit[1])


def calls_of_group(name, known={}):  # noqa: B006 - a cache
    """The system calls of a group such as @system-service, as systemd has it."""
    if name not in known:
        lines = systemd_analyze("syscall-filter", "--no-pager", name).stdout.split("\n")[1:]
        words = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        known[name] = set().union(*(calls_of_group(word) if word.startswith("@") else {word} for word in words))
    return known[name]


def calls_of_service():
    """What SystemCallFilter= lets through: lines one after the other, those with ~ taking away."""
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", SERVICE.read_text(), re.M):
        calls = set().union(*(calls_of_group(word) if word[0] == "@" else {word} for word in line.lstrip("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def calls_of_profile():
    return set().union(*(rule["names"] for rule in PROFILE["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW"))


def confine(calls, user=None):
    """For preexec: whatever is not among these calls fails with EPERM."""
    filter_ = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in calls:
        try:
            filter_.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            pass  # this machine has no such call

    def in_child():
        if user and os.geteuid() == 0:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        filter_.load()

    return in_child


def skip_where_more_is_called():
    if brokers.WRAPPER or brokers.is_sanitized(brokers.HBMQTT):
        pytest.skip("a sanitizer, or a program around the broker, makes system calls of its own")


def check_whole_life(folder, preexec, timeline):
    """Start, clients over all transports, reload, stop."""
    path = folder / "run"
    path.mkdir()
    shutil.chown(path, *(("nobody", NOBODY.pw_gid) if os.geteuid() == 0 else ()) or (os.geteuid(),))
    listeners = {"tcp": listener(), "ws": listener("ws"), "unix": listener(bind=f"unix:{path / 'socket'}")}
    broker = Broker(folder, settings_with(listeners=listeners, sys_interval=1), preexec=preexec)
    try:
        broker.start()
        hub = Hub(broker, timeline)
        for name in listeners:
            hub.check_serves(name)
        broker.process.signal(signal.SIGHUP)
        hub.check_serves("tcp")
        hub.close()
        broker.process.signal(signal.SIGTERM)
        assert broker.process.wait_exit() == 0
        assert [line for line in broker.process.err.now() if " error: " in line] == []
        assert not (path / "socket").exists()
    finally:
        broker.process.kill()


@with_systemd
def test_service_may_call_what_it_needs(folder, timeline):
    skip_where_more_is_called()
    check_whole_life(folder, confine(calls_of_service(), NOBODY), timeline)


@with_systemd
def test_service_may_not_call_what_it_does_not_need():
    refused = {"ptrace", "mount", "bpf", "init_module", "kexec_load", "setuid", "reboot", "swapon", "perf_event_open", "chroot"}
    assert not refused & calls_of_service()


# Containers


def test_profile_has_what_an_engine_expects():
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO" and PROFILE["defaultErrnoRet"] == errno.EPERM
    assert {entry["architecture"] for entry in PROFILE["archMap"]} >= {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"}
    for rule in PROFILE["syscalls"]:
        assert rule["action"] == "SCMP_ACT_ALLOW" and rule["names"] == sorted(set(rule["names"]))


def test_profile_allows_what_the_broker_calls():
    """All that it allows itself once it serves, and io_uring."""
    own = set(re.findall(r"ALLOWED\((\w+)\)", (ROOT / "server/service/sandbox.def").read_text()))
    own |= set(re.findall(r'^    \{"(\w+)", \d', (ROOT / "server/service/sandbox.c").read_text(), re.M))
    assert len(own) > 80 and IO_URING <= calls_of_profile()
    assert own - calls_of_profile() == set()


def test_profile_forbids_what_makes_a_container_one():
    refused = {"mount", "umount2", "pivot_root", "bpf", "ptrace", "init_module", "kexec_load", "reboot", "setns", "unshare", "keyctl"}
    assert not refused & calls_of_profile()


def test_broker_lives_under_the_profile(folder, timeline):
    skip_where_more_is_called()
    check_whole_life(folder, confine(calls_of_profile(), NOBODY), timeline)


def test_tools_live_under_the_profile(broker):
    """The check of the image's health is one."""
    skip_where_more_is_called()
    preexec = confine(calls_of_profile())
    host, port = broker.address
    check = ["/bin/sh", "-c", f"{brokers.HBMQTT_SUB} --url mqtt://{host}:{port} -t profile -n 1 && echo well"]
    done = Process([brokers.HBMQTT_PUB, "--url", f"mqtt://{host}:{port}", "-t", "profile", "-m", "x", "-r"], preexec=preexec)
    assert done.wait_exit() == 0
    done = Process(check, preexec=preexec)
    assert done.wait_exit() == 0 and done.out.now() == ["x", "well"]
    one = Peer.open(broker.address)
    one.connect("profile")
    one.publish("profile", b"", qos=1, retain=True)
    one.disconnect()


@pytest.mark.parametrize("missing", sorted(IO_URING))
def test_profile_without_io_uring_is_named(tmp_path, missing):
    skip_where_more_is_called()
    broker = Broker(tmp_path, preexec=confine(calls_of_profile() - {missing}))
    process = broker.spawn_hbmqtt(to_yaml(broker.settings))
    assert process.wait_exit() == 1
    errors = [line for line in process.stderr().splitlines() if " error: " in line]
    assert len(errors) == 1 and "seccomp" in errors[0] and all(name in errors[0] for name in IO_URING)


def instructions():
    """The Dockerfile as pairs of an instruction and its words."""
    text = (ROOT / "ci/Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())]


def test_dockerfile():
    """It refers to what is there, and the broker in it is not root."""
    found = instructions()
    stages = [rest for name, rest in found if name == "FROM"]
    assert stages == ["debian:12-slim AS build", "debian:12-slim"]
    last = found[len(found) - 1 - [name for name, _ in reversed(found)].index("FROM") :]
    said = dict(last)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said["USER"])
    assert f"--uid {said['USER'].split(':')[0]} " in said["RUN"] and " hbmqtt " in said["RUN"]
    assert "1883" in said["EXPOSE"].split()
    assert json.loads(said["ENTRYPOINT"]) == ["/usr/bin/hbmqtt"]
    assert "hbmqtt_sub" in said["HEALTHCHECK"] and "$SYS/broker/version" in said["HEALTHCHECK"]
    assert said["COPY"].startswith("--from=build ")
    for script in re.findall(r"\bci/\w+", (ROOT / "ci/Dockerfile").read_text()):
        assert (ROOT / script).exists() or script == "ci/seccomp"
