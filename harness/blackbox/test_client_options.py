# SPDX-License-Identifier: MIT
"""What users of mosquitto_pub and mosquitto_sub reach for, in hbmqtt_pub and hbmqtt_sub."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import packet as mqtt
import pytest
from broker import HBMQTT_PUB, HBMQTT_SUB
from deadline import Deadline, wait_until
from tables import cases
from test_tools import DONE, LOCAL, ended, one_line, pub, sub  # noqa: F401 (fixtures)

TIMED_OUT = 8
CLIENT = Path(__file__).resolve().parents[2] / "client"


# hbmqtt_pub


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_several_topics(client, pub, unique, qos):
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/+", 2))
    ended(pub("-t", f"{unique}/a", "-t", f"{unique}/b", "-m", "x", "-q", str(qos)))
    assert [(one.topic, one.payload, one.qos) for one in watcher.collect(2)] == [(f"{unique}/{name}", b"x", qos) for name in "ab"]


def test_lines_of_stdin_by_a_dash(client, pub, unique):
    watcher = client("watcher")
    watcher.subscribe((unique, 1))
    process = pub("-t", unique, "-f", "-", "-q1")
    process.send(b"one\n\ntwo\n", close=True)
    ended(process)
    assert [one.payload for one in watcher.collect(2)] == [b"one", b"two"]


def test_url_with_a_topic(client, pub, spawn, broker, unique):
    watcher = client("watcher")
    watcher.subscribe((f"{unique}/a/b", 1))
    ended(spawn(HBMQTT_PUB, "-L", f"{broker.url}/{unique}/a/b", "-m", "x", "-q1"))
    watcher.expect_publish(f"{unique}/a/b", b"x")


@pytest.mark.parametrize("delay", [[], ["--repeat-delay", "0.01"]])
def test_repetition(client, pub, unique, delay):
    watcher = client("watcher")
    watcher.subscribe((unique, 1))
    ended(pub("-t", unique, "-m", "x", "-q1", "--repeat", "5", *delay))
    assert [one.payload for one in watcher.collect(5)] == [b"x"] * 5


def test_request_and_response(client, pub, unique):
    """The subscription stands before the request leaves."""
    responder = client("responder")
    responder.subscribe((f"{unique}/request", 1))
    process = pub("-t", f"{unique}/request", "-m", "what?", "-e", f"{unique}/response", "-q1", "-W", "20")
    responder.collect(1)
    responder.publish(f"{unique}/response", b"that", qos=1)
    ended(process)
    assert process.out.now() == ["that"]


def test_request_without_response(pub, unique):
    one_line(pub("-t", unique, "-n", "-e", f"{unique}/response", "-W", "0.2"), TIMED_OUT, "0.2 s")


def test_user_and_password(spawn, fake_broker):
    process = spawn(HBMQTT_PUB, "--url", fake_broker.url, "-t", "t", "-n", "-u", "me", "-P", "secret")
    connect = fake_broker.accept().expect(mqtt.CONNECT)
    assert (connect.username, connect.password) == ("me", b"secret")
    process.kill()


# hbmqtt_sub


def publish(client, *messages):
    client("sender").publish_many(list(messages), qos=1)


def test_filter_out(client, sub, unique):
    process = sub("-t", f"{unique}/#", "-T", f"{unique}/noise/#", "-T", f"{unique}/+/more", "-v", "-n", "2")
    names = ("a", "noise", "noise/b", "x/more", "z")
    publish(client, *[(f"{unique}/{name}", b"1") for name in names])
    ended(process)
    assert process.out.now() == [f"{unique}/a 1", f"{unique}/z 1"]


def test_count_by_the_other_name(client, sub, unique):
    process = sub("-t", unique, "-C", "2")
    publish(client, *[(unique, b"%d" % number) for number in range(5)])
    ended(process)
    assert process.out.now() == ["0", "1"]


def test_no_retained(client, sub, unique):
    client("early").publish(f"{unique}/kept", b"old", qos=1, retain=True)
    process = sub("-t", f"{unique}/#", "-R", "-n1")
    publish(client, (f"{unique}/live", b"new"))
    ended(process)
    assert process.out.now() == ["new"]


@pytest.mark.parametrize("count, status", [([], DONE), (["-C", "1"], TIMED_OUT)])
def test_time_out(spawn, broker, unique, count, status):
    process = spawn(HBMQTT_SUB, "--url", broker.url, "-t", unique, "-W", "0.2", *count)
    ended(process, status)


def test_no_newline(client, spawn, broker, unique):
    process = spawn(HBMQTT_SUB, "--url", broker.url, "-t", unique, "-N", "-n2", "-d")
    assert process.err.wait_match("received SUBACK")
    publish(client, (unique, b"a"), (unique, b"b"))
    process.wait_exit()
    assert process.out.now() == ["ab"]


FORMATS = {
    "parts": ("%t|%p|%q|%l|%%", r"TOPIC\|hi \"you\"\|1\|8\|%"),
    "hex": ("%x %X", "68692022796f7522 68692022796F7522"),
    "escapes": (r"a\tb%p", 'a\tbhi "you"'),
    "iso": ("%I", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d{4}"),
    "unix": ("%U", r"\d{10}\.\d{9}"),
    "date": ("@Y-@m-@d @H:@M:@S", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
}


@pytest.mark.parametrize("case", cases(FORMATS))
def test_formats(client, sub, unique, case):
    shape, wanted = case
    process = sub("-t", unique, "-F", shape, "-n1", "-q1")
    publish(client, (unique, b'hi "you"'))
    ended(process)
    assert re.fullmatch(wanted.replace("TOPIC", re.escape(unique)), process.out.now()[0])


@pytest.mark.parametrize("payload", [b"text", b'quotes " and \\ and \n', "\u20ac".encode(), b"", bytes(range(256))])
def test_json_is_json(client, sub, unique, payload):
    process = sub("-t", unique, "-F", "%j", "-n1", "-q1")
    publish(client, (unique, payload))
    ended(process)
    got = json.loads("\n".join(process.out.now()))
    assert (got["topic"], got["qos"], got["retain"], got["payloadlen"]) == (unique, 1, 0, len(payload))
    if payload == bytes(range(256)):
        assert got["payload_base64"].startswith("AAECAwQF")
    else:
        assert got["payload"].encode() == payload


def test_payload_that_is_json(client, sub, unique):
    process = sub("-t", unique, "-F", "%J", "-n1")
    publish(client, (unique, b'{"a": [1, 2]}'))
    ended(process)
    assert json.loads(process.out.now()[0])["payload"] == {"a": [1, 2]}


def test_output_that_nobody_reads_any_more(client, spawn, broker, unique):
    """head(1) has had its line: the next message makes hbmqtt_sub end with a line that says so, and it is not acknowledged."""
    session = f"{unique}-session"
    command = f"{{ {HBMQTT_SUB} --url {broker.url} -t {unique} -q1 -i {session} -d; echo status $? >&2; }} | head -1"
    process = spawn("bash", "-c", command)
    assert process.err.wait_match("received SUBACK")
    publish(client, (unique, b"first"))
    process.out.wait_count(1)
    while not process.err.wait(lambda lines: [line for line in lines if "status" in line] or lines, "a line"):
        pass
    publisher = client("again")
    wait_until(lambda: publisher.publish(unique, b"second", qos=1) or "status" in process.stderr(), "it ends")
    process.wait_exit()
    assert f"status {LOCAL}" in process.stderr()
    assert "standard output" in process.stderr()
    again = spawn(HBMQTT_SUB, "--url", broker.url, "-t", unique, "-q1", "-i", session, "-n1")
    again.out.wait_count(1)
    assert again.out.now() == ["second"]


# On a terminal


def on_terminal(argv, stdin):
    """Runs a program whose stderr is a terminal; all that it wrote there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(part) for part in argv], stdin=stdin, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    text = b""
    try:
        while data := os.read(ours, 4096):
            text += data
    except OSError:  # the other side has closed
        pass
    os.close(ours)
    return process.wait(), text.decode()


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_progress(fake_broker, spawn, tmp_path, quiet):
    """A long file: rate and time left, drawn over itself and wiped away. Nothing of it with --quiet."""
    path = tmp_path / "lines"
    path.write_bytes((b"x" * 99 + b"\n") * 600)
    command = [HBMQTT_PUB, "--url", fake_broker.url, "-t", "t", "-q1", "-M", "1", "-f", path, *quiet]

    def serve():
        peer, _ = fake_broker.serve_connect()
        for number in range(600):
            packet_id = peer.receive().packet_id
            if number == 100:
                assert not peer.poller.poll_for(1, 1.2)  # it waits, and so this is work that takes long
            peer.send(mqtt.puback(packet_id))
        peer.expect(mqtt.DISCONNECT)
        peer.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    status, text = on_terminal(command, subprocess.DEVNULL)
    thread.join(20)
    assert status == DONE
    assert bool(re.search(r"\r\x1b\[K\d+ messages, \d+/s, \d+%, 0:00:\d\d left", text)) == (not quiet)
    assert text.endswith("\r\x1b[K") or quiet


# The shell


@pytest.mark.parametrize("program", [HBMQTT_PUB, HBMQTT_SUB])
def test_completion_in_bash(program):
    script = f"""
        source {CLIENT}/completion/hbmqtt.bash
        complete_ ()  {{ COMP_WORDS=({program} "$@"); COMP_CWORD=$#; COMPREPLY=(); _hbmqtt; printf '%s ' "${{COMPREPLY[@]}}"; echo; }}
        complete_ --re
        complete_ -q ""
        complete_ --url m
        complete_ --ca-file /etc/pass
    """
    lines = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    wanted = {"--repeat", "--retain", "--response-topic"} if program == HBMQTT_PUB else set()
    assert wanted | {"--reconnect-retries", "--reconnect-max-interval"} <= set(lines[0].split())
    assert lines[1:3] == ["0 1 2 ", "mqtt:// mqtts:// "]
    assert "/etc/passwd" in lines[3].split()


def test_completion_in_zsh():
    if shutil.which("zsh") is None:
        pytest.skip("no zsh on this machine")
    subprocess.run(["zsh", "-n", CLIENT / "completion" / "_hbmqtt"], check=True)


def read_until(fd, word, seconds=20):
    """What a terminal shows, up to a word."""
    seen, deadline = b"", Deadline(seconds)
    while word not in seen:
        assert select.select([fd], [], [], max(0, deadline.left()))[0], f"{word} does not come: {seen}"
        seen += os.read(fd, 4096)
    return seen


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("--reconnect-re", b"--reconnect-retries"), ("--url un", b"unix://"), ("--ca-file /etc/passw", b"/etc/passwd")],
)
def test_completion_in_a_zsh_that_runs(program_in_zsh, typed, shown):
    os.write(program_in_zsh, typed.encode() + b"\t")
    read_until(program_in_zsh, shown)


@pytest.fixture(params=[HBMQTT_PUB, HBMQTT_SUB])
def program_in_zsh(request):
    """A terminal with an interactive zsh that knows the completion, at a line that begins with the program."""
    if shutil.which("zsh") is None:
        pytest.skip("no zsh on this machine")
    child, fd = pty.fork()
    if child == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "PS1": ""})
    setup = f"fpath=({CLIENT}/completion $fpath); autoload -Uz compinit; compinit -u -D; unsetopt beep zle_bracketed_paste; print rea''dy\n"
    os.write(fd, setup.encode())
    read_until(fd, b"ready")
    os.write(fd, f"{request.param} ".encode())
    yield fd
    os.kill(child, signal.SIGKILL)
    os.close(fd)
    os.waitpid(child, 0)


# What else users of mosquitto reach for


def test_subscribe_only_leaves_a_session_that_collects(spawn, broker, unique):
    place = ["--host", "127.0.0.1", "-p", broker.url.rsplit(":", 1)[1]]
    session = [*place, "-i", f"{unique}-session", "-q1"]
    assert spawn(HBMQTT_SUB, *session, "-t", f"{unique}/a", "-t", f"{unique}/b", "-E").wait_exit() == 0
    assert spawn(HBMQTT_SUB, *session, "-U", f"{unique}/a", "-E").wait_exit() == 0
    for topic in "ab":
        assert spawn(HBMQTT_PUB, *place, "-t", f"{unique}/{topic}", "-q1", "-m", topic).wait_exit() == 0
    last = spawn(HBMQTT_SUB, *session, "-t", f"{unique}/c", "-n1")
    assert last.wait_exit() == 0
    assert last.out.now() == ["b"]


# The examples


@pytest.fixture(scope="session")
def examples(tmp_path_factory):
    """The programs of client/example, built with nothing but the header and the library: as C and as C++."""
    build = Path(HBMQTT_PUB).parent
    directory = tmp_path_factory.mktemp("examples")
    (directory / "hbmqtt.h").write_text((CLIENT / "hbmqtt.h").read_text())
    flags = [f"-I{directory}", build / "libhbmqtt.so", f"-Wl,-rpath,{build.resolve()}"]
    if "asan" in os.environ.get("HBMQTT_BUILD", ""):
        pytest.skip("a library with sanitizers needs a program with them")
    for source in sorted((CLIENT / "example").glob("*.c")):
        target = directory / source.stem
        subprocess.run(["cc", "-Wall", "-Werror", source, *flags, "-o", target], check=True)
    return directory


def test_examples_do_what_the_originals_did(spawn, broker, client, examples):
    subscriber = spawn(examples / "sub", broker.url)
    watcher = client("watcher")
    watcher.subscribe(("server", 1), ("gateway", 2))
    sender = client("sender")
    while not subscriber.out.now():  # it says nothing when it is ready
        sender.publish("server", b"are you there?", qos=1)
        watcher.collect(1)
    ended(spawn(examples / "pub", broker.url))
    wanted = ["server => at most once", "server => at least once", "gateway => exactly once"]
    subscriber.out.wait(lambda lines: lines[-3:] == wanted, "three messages")
    got = [(one.topic, one.payload, one.qos) for one in watcher.collect(3)]
    assert got == [("server", b"at most once", 0), ("server", b"at least once", 1), ("gateway", b"exactly once", 2)]
    subscriber.signal(signal.SIGTERM)
    subscriber.wait_exit()


def test_example_with_one_loop(spawn, broker, client, examples):
    watcher = client("watcher")
    watcher.subscribe(("server", 1))
    process = spawn(examples / "poll", broker.url)
    process.send(b"a line\n")
    watcher.expect_publish("server", b"a line")
    sender = client("sender")
    while not process.out.now():
        sender.publish("gateway", b"hello", qos=1)
        sender.ping()
    assert process.out.now()[0] == "gateway => hello"
    process.send(b"", close=True)
    ended(process)
