# SPDX-License-Identifier: MIT
"""Where the log goes, and in which form: the keys of `log`."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import broker as brokers
import pytest
from broker import settings_with, to_yaml
from deadline import Deadline, wait_until
from logs import NASTY, TEXT_LINE, TIME, wrong_end
from process import Process

pytestmark = pytest.mark.ours

EXIT_USAGE = 2


class LoggingBroker(brokers.Broker):
    """A broker whose start is seen in the log, wherever that is: `read` returns its text so far."""

    def begin(self, read, before=()):
        config = self.directory / "hbmqtt.yaml"
        config.write_text(to_yaml(self.settings) + "\n")
        argv = [*before, *brokers.WRAPPER, brokers.HBMQTT, "-c", config, "-j", str(self.shards), *self.arguments]
        self.process = Process(argv, env=self.env)
        self.read = read
        found = wait_until(
            lambda: re.search(r"listening on (\S+):(\d+) ", read()) or not self.alive(), "the log tells of the start"
        )
        assert found is not True, f"it has ended: {self.process.stderr()}"
        self.address = (found[1], int(found[2]))
        return self


@pytest.fixture
def make_logging(tmp_path):
    """Starts brokers that do not log to standard error: make_logging({...keys of `log`}, read, before=[command])."""
    started = []

    def make(log, read, *, arguments=(), before=(), **parts):
        directory = Path(tempfile.mkdtemp(dir=tmp_path))
        started.append(LoggingBroker(directory, settings_with(log=log, **parts), arguments=arguments))
        return started[-1].begin(read, before)

    yield make
    for one in started:
        if one.process and one.alive():
            one.stop()


def silent_broker(tmp_path, log):
    """A broker whose log may say nothing of its start, so that its port is chosen before."""
    broker = brokers.Broker(tmp_path, settings_with(log=log))
    broker.address = ("127.0.0.1", brokers.free_port())
    broker.settings["listeners"]["default"]["bind"] = f"127.0.0.1:{broker.address[1]}"
    broker.spawn_hbmqtt(to_yaml(broker.settings) + "\n")
    wait_until(broker.answers, "it listens")
    return broker


# Form


def test_json_lines_are_objects(client, make_broker):
    broker = make_broker(log={"format": "json"}, arguments=["-d"])
    for name, _ in NASTY.values():
        wrong_end(broker, name)
    broker.stop()
    objects = [json.loads(line) for line in broker.process.err.now()]
    for one in objects:
        assert {"time", "level", "message"} <= one.keys() <= {"time", "level", "message", "client", "address"}
        assert re.fullmatch(TIME, one["time"]) and one["level"] in ("error", "warning", "info", "debug")
    closed = [one for one in objects if "connection closed" in one["message"]]
    assert [one["client"] for one in closed] == [name for name, _ in NASTY.values()]
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+", one["address"]) for one in closed)
    assert any(one["message"].startswith("hbmqtt ") and "client" not in one for one in objects)


@pytest.mark.parametrize("level, shown", [("error", 0), ("warning", 0), ("info", 1), ("debug", 2)])
def test_level(client, tmp_path, level, shown):
    """The lines about a client that does wrong, at each level."""
    path = tmp_path / "log"
    broker = silent_broker(tmp_path, {"level": level, "file": path})
    wrong_end(broker, "guilty")
    broker.stop()
    text = path.read_text()
    assert len(re.findall("client 'guilty'", text)) == shown
    assert ("stopped" in text) == (level in ("info", "debug"))


def test_faults_of_peers_are_rationed(make_broker):
    """A burst of lines passes, then some in each second; how many were kept back is said."""
    broker = make_broker(log={"peer-burst": 10, "peer-per-second": 2})
    clock = Deadline(3600, scaled=False)
    for number in range(100):
        wrong_end(broker, f"guilty-{number}")
    seconds = 3600 - clock.left()
    lines = [line for line in broker.process.err.now() if "guilty" in line]
    assert 10 <= len(lines) <= 10 + 2 * (seconds + 1)

    def told():
        wrong_end(broker, "once-more")
        return re.findall(r"(\d+) lines about clients were kept back", broker.process.stderr())

    wait_until(told, "it says how many were kept back")
    shown = len([line for line in broker.process.err.now() if "guilty" in line])
    assert sum(map(int, told())) >= 100 - shown


# A file


def count(text, what):
    return len(re.findall(what, text))


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_a_file_is_rotated_without_losing_a_line(client, make_logging, tmp_path, number):
    """As logrotate does it: the file is renamed while lines come, then the broker is told."""
    path = tmp_path / "log"
    broker = make_logging({"file": path}, lambda: path.read_text() if path.exists() else "", arguments=["-d"])
    assert path.stat().st_mode & 0o007 == 0
    for turn in range(5):
        for at in range(20):
            client(f"{turn}-{at}", at=broker).disconnect()
        path.rename(tmp_path / f"log.{turn}")
        for at in range(20, 40):
            client(f"{turn}-{at}", at=broker).disconnect()
        broker.process.signal(number)
        wait_until(path.exists, "the file is opened again")
    client("last", at=broker).disconnect()
    broker.stop()
    files = [(tmp_path / f"log.{turn}").read_text() for turn in range(5)] + [path.read_text()]
    text = "".join(files)
    assert all(TEXT_LINE.fullmatch(line) for line in text.splitlines())
    assert count(text, "connection ends: disconnected") == 5 * 40 + 1
    assert all(count(one, "connection ends: disconnected") >= 1 for one in files)
    assert broker.process.stderr() == ""


def test_a_file_is_appended_to(make_logging, tmp_path):
    path = tmp_path / "log"
    path.write_text("before\n")
    make_logging({"file": path}, path.read_text).stop()
    lines = path.read_text().splitlines()
    assert lines[0] == "before" and any("listening on" in line for line in lines[1:]) and lines[-1].endswith("stopped")


def test_a_file_that_cannot_be_opened_again_stays(client, make_logging, tmp_path):
    path = tmp_path / "log"
    broker = make_logging({"file": path}, lambda: path.read_text() if path.exists() else "")
    moved = path.rename(tmp_path / "log.1")
    path.mkdir()
    broker.process.signal(signal.SIGUSR1)
    line = broker.process.err.wait_match(".*cannot be opened again.*")[0]  # errors are on standard error as well
    assert TEXT_LINE.fullmatch(line) and "Is a directory" in line
    wrong_end(broker, "guilty")
    broker.stop()
    assert "client 'guilty'" in moved.read_text() and line in moved.read_text()


@pytest.mark.parametrize("log, words", [
    ({"file": "/nonexistent/log"}, ["/nonexistent/log", "No such file"]),
    ({"file": "/tmp"}, ["/tmp", "directory"]),
    ({"to": "syslog"}, ["syslog"]),
    ({"to": "journal"}, ["journal"]),
], ids=["no-folder", "a-folder", "no-syslog", "no-journal"])  # fmt: skip
def test_a_log_that_cannot_be_opened_is_one_line(spawn, tmp_path, log, words):
    if (log.get("to") == "syslog" and os.path.exists("/dev/log")) or os.path.exists("/run/systemd/journal/socket"):
        pytest.skip("there is one here")
    config = tmp_path / "hbmqtt.yaml"
    config.write_text(to_yaml(settings_with(log=log)) + "\n")
    process = spawn(brokers.HBMQTT, "-c", config)
    assert process.wait_exit() == EXIT_USAGE
    (line,) = process.err.now()
    assert TEXT_LINE.fullmatch(line) and " error: " in line and re.search(r"hbmqtt\.yaml:\d+: cannot log to ", line)
    for word in words:
        assert word in line


def test_a_full_disk_ends_nothing(client, tmp_path):
    """/dev/full takes nothing, as a disk does that is full."""
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    broker = silent_broker(tmp_path, {"file": path, "level": "debug"})
    for number in range(10):
        client(f"{number}", at=broker).disconnect()
    path.unlink()  # there is room again
    broker.process.signal(signal.SIGUSR1)
    wait_until(path.exists, "the file is opened again")
    client("late", at=broker).disconnect()
    broker.stop()
    lines = path.read_text().splitlines()
    told = re.fullmatch(rf"{TIME} warning: (\d+) lines of the log could not be written: No space left on device", lines[0])
    assert int(told[1]) >= 21 and any("late" in line for line in lines)


# Services


class Service:
    """A socket in a folder that is mounted over another one, for the broker alone."""

    def __init__(self, place, name):
        self.folder = Path(tempfile.mkdtemp(prefix="hbmqtt-log-"))
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.before = ["unshare", "-Urm", "sh", "-c", f'mount --bind {self.folder} {place} && exec "$0" "$@"']
        self.lines = []

    def usable(self):
        return subprocess.run([*self.before, "true"], capture_output=True, check=False).returncode == 0

    def read(self):
        while select.select([self.socket], [], [], 0)[0]:
            self.lines.append(self.socket.recv(65536).decode())
        return "\n".join(self.lines) + " "

    def close(self):
        self.socket.close()
        shutil.rmtree(self.folder)


@pytest.fixture
def make_service():
    opened = []

    def make(place, name):
        opened.append(Service(place, name))
        if not opened[-1].usable():
            pytest.skip("no namespaces for mounts here")
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_syslog(client, make_logging, make_service, log_format):
    service = make_service("/dev", "log")
    broker = make_logging({"to": "syslog", "format": log_format}, service.read, before=service.before)
    wrong_end(broker, "gui\nlty")
    wait_until(lambda: "connection closed" in service.read(), "a line about the client")
    broker.stop()
    service.read()
    head = rf"<(28|30)>[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d hbmqtt\[{broker.pid}\]: "
    assert all(re.match(head, line) and "\n" not in line for line in service.lines)
    messages = [re.sub(head, "", line) for line in service.lines]
    if log_format == "json":
        assert "gui\nlty" in [json.loads(message).get("client") for message in messages]
    else:
        assert any(message.startswith(r"client 'gui\x0alty' at 127.0.0.1:") for message in messages)
    assert broker.process.stderr() == ""


def test_journal(client, make_logging, make_service):
    service = make_service("/run", "systemd/journal/socket")
    broker = make_logging({"to": "journal"}, service.read, before=service.before, arguments=["-d"])
    wrong_end(broker, "gui\nlty")
    wait_until(lambda: "connection closed" in service.read(), "a line about the client")
    broker.stop()
    service.read()
    entries = [dict(field.split("=", 1) for field in line.removesuffix("\n").split("\n")) for line in service.lines]
    assert all(entry["SYSLOG_IDENTIFIER"] == "hbmqtt" and entry["PRIORITY"] in "3467" for entry in entries)
    (closed,) = [entry for entry in entries if "connection closed" in entry["MESSAGE"]]
    assert closed["PRIORITY"] == "6" and closed["HBMQTT_CLIENT"] == r"gui\x0alty"
    assert re.fullmatch(r"127\.0\.0\.1:\d+", closed["HBMQTT_ADDRESS"])
    assert closed["MESSAGE"].startswith(f"client '{closed['HBMQTT_CLIENT']}' at {closed['HBMQTT_ADDRESS']}: connection closed: ")
    assert broker.process.stderr() == ""


def test_a_service_that_does_not_read_holds_up_nobody(client, make_logging, make_service):
    service = make_service("/run", "systemd/journal/socket")
    broker = make_logging({"to": "journal"}, service.read, before=service.before, arguments=["-d"])
    for number in range(500):  # a socket takes some hundred datagrams, or a few
        client(f"{number}", at=broker).disconnect()
    client("late", at=broker).ping()
    service.read()
    client("later", at=broker).disconnect()
    wait_until(lambda: "lines of the log could not be written: who reads them did not keep up" in service.read(), "it says so")
