# SPDX-License-Identifier: MIT
"""The log on standard error: a line for each event, whatever peers do, and nobody waits for it."""

import os
import re
import select
import signal
import subprocess
from datetime import datetime, timedelta, timezone

import broker as brokers
import pytest
from broker import settings_with, to_yaml
from deadline import Deadline, wait_until
from logs import NASTY, TEXT_LINE, TIME, wrong_end
from process import Process, die_with_parent

pytestmark = pytest.mark.ours


# Lines


def test_every_line_is_text_with_time_and_level(client, make_broker):
    broker = make_broker(arguments=["-d"])
    client("one", at=broker).disconnect()
    wrong_end(broker, "guilty")
    broker.stop()
    lines = broker.process.err.now()
    assert len(lines) >= 6 and all(TEXT_LINE.fullmatch(line) for line in lines), lines
    when = datetime.strptime(lines[-1][:24], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert abs(datetime.now(timezone.utc) - when) < timedelta(seconds=60)


@pytest.mark.parametrize("name, shown", NASTY.values(), ids=NASTY.keys())
def test_a_client_id_is_one_harmless_line(make_broker, name, shown):
    broker = make_broker()
    wrong_end(broker, name)
    line = broker.process.err.wait_match(r".*connection closed.*")[0]
    assert TEXT_LINE.fullmatch(line)
    assert f" info: client '{shown}' at 127.0.0.1:" in line
    broker.stop()
    assert len([line for line in broker.process.err.now() if "client '" in line]) == 1


def test_a_long_client_id_is_cut(make_broker):
    broker = make_broker(limits={"client_id_bytes_max": 65535})
    wrong_end(broker, "x" * 60000)
    assert len(broker.process.err.wait_match(r".*connection closed.*")[0]) < 1000


# Nobody waits for the log


def start_with_pipe(tmp_path, arguments=("-d",)):
    """A broker whose standard error is a pipe that is read by the test alone: popen, address."""
    config = tmp_path / "hbmqtt.yaml"
    config.write_text(to_yaml(settings_with()) + "\n")
    popen = subprocess.Popen([brokers.HBMQTT, "-c", config, *arguments], stderr=subprocess.PIPE, preexec_fn=die_with_parent)
    text = b""
    while b"listening on" not in text or not text.endswith(b"\n"):
        text += os.read(popen.stderr.fileno(), 4096)
    return popen, ("127.0.0.1", int(re.search(rb"listening on \S+:(\d+) ", text)[1]))


def read_ready(stream):
    """What is in a pipe now."""
    data = b""
    while select.select([stream], [], [], 0)[0]:
        piece = os.read(stream.fileno(), 65536)
        data += piece
        if not piece:
            break
    return data


def test_a_reader_that_stands_still_holds_up_nobody(tmp_path, peers):
    """The pipe takes 64 KiB; then the broker serves on, counts what it cannot write, and says so when it can."""
    popen, address = start_with_pipe(tmp_path)
    try:
        for number in range(1200):
            one = peers(address=address)
            one.connect(f"client-with-a-rather-long-name-{number}")
            one.disconnect()
        lines = read_ready(popen.stderr).decode().splitlines(keepends=True)
        assert sum(map(len, lines)) <= 65536
        one = peers(address=address)
        one.connect("late")
        one.ping()
        one.disconnect()
        popen.send_signal(signal.SIGTERM)
        lines += popen.stderr.read().decode().splitlines(keepends=True)
        assert popen.wait(Deadline(20).left()) == 0
    finally:
        popen.kill()
        popen.wait()
    told = [line for line in lines if "could not be written" in line]
    assert len(told) == 1
    lost = re.fullmatch(
        rf"{TIME} warning: (\d+) lines of the log could not be written: who reads them did not keep up\n", told[0]
    )
    assert all(TEXT_LINE.fullmatch(line.removesuffix("\n")) for line in lines), "a line is broken"
    about = sum("client 'client-" in line for line in lines)
    assert about + int(lost[1]) == 2 * 1200  # each has come and gone


def test_what_the_journal_reads_has_priorities(client, tmp_path):
    """systemd names the stream in the environment; a time of our own would be one too many there."""
    config = tmp_path / "hbmqtt.yaml"
    config.write_text(to_yaml(settings_with()) + "\n")
    script = 'export JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr); exec "$0" "$@"'
    process = Process(["sh", "-c", script, brokers.HBMQTT, "-d", "-c", config])
    try:
        found = process.err.wait_match(r"^<6>hbmqtt \S+ listening on \S+:(\d+) ")
        assert found, process.stderr()
        broker = brokers.Broker(tmp_path)
        broker.process, broker.address = process, ("127.0.0.1", int(found[1]))
        wrong_end(broker, "guilty")
        assert process.err.wait_match(r"^<6>client 'guilty' at 127\.0\.0\.1:\d+: connection closed: ")
        assert process.err.wait_match(r"^<7>client '.*' at 127\.0\.0\.1:\d+: connected, with a clean session$")
        broker.stop()
    finally:
        process.kill()


def test_faults_of_peers_are_rationed(make_broker):
    """A burst of 50 lines passes, then 10 in each second; how many were kept back is said."""
    broker = make_broker()
    clock = Deadline(3600, scaled=False)
    for number in range(200):
        wrong_end(broker, f"guilty-{number}")
    seconds = 3600 - clock.left()
    lines = [line for line in broker.process.err.now() if "guilty" in line]
    assert 50 <= len(lines) <= 50 + 10 * (seconds + 1)

    def told():
        wrong_end(broker, "once-more")
        return re.findall(r"(\d+) lines about clients were kept back", broker.process.stderr())

    wait_until(told, "it says how many were kept back")
    shown = len([line for line in broker.process.err.now() if "guilty" in line])
    assert sum(map(int, told())) >= 200 - shown
