# SPDX-License-Identifier: MIT
"""hbmqtt_passwd: what it makes of a file, what it refuses, and that others understand its hashes and it theirs."""

import base64
import hashlib
import os
import pty
import re
import resource
import select
import signal
import stat
import subprocess
import warnings
from pathlib import Path

import argon2
import bcrypt
import pytest
from broker import HBMQTT_PASSWD
from credentials import OTHERS, SECRET
from deadline import Deadline, wait_until
from tables import cases

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

DONE, WRONG, USAGE, FILE = range(4)
CHEAP = ["-s", "sha512", "-r", "1000"]
NOBODY = 65534


@pytest.fixture
def users(tmp_path):
    """The path of the file; nothing else may ever lie in its directory."""
    path = tmp_path / "files" / "users"
    path.parent.mkdir()
    yield path
    assert {name.name for name in path.parent.iterdir()} <= {"users"}


@pytest.fixture
def passwd(spawn):
    """Runs hbmqtt_passwd, and returns the lines of its stderr: none after a success, else one, and never a secret."""

    def run(*arguments, stdin=None, status=DONE, secret=SECRET, **options):
        process = spawn(HBMQTT_PASSWD, *arguments, **options)
        try:
            process.send((stdin or "").encode(), close=True)
        except BrokenPipeError:
            pass  # it has ended without reading
        assert process.wait_exit(20) == status, process.stderr()
        lines = process.err.now()
        assert len(lines) == (status != DONE), lines
        assert secret not in process.stderr()
        assert process.out.now() == []
        return lines

    return run


def said(lines, *words):
    for word in words:
        assert str(word) in lines[0], f"{word!r} is not in {lines[0]!r}"


def entries(path):
    return dict(line.split(":", 1) for line in path.read_text().splitlines())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# What it prints


def test_version(spawn):
    process = spawn(HBMQTT_PASSWD, "--version")
    assert process.wait_exit() == DONE
    assert re.fullmatch(r"hbmqtt_passwd \d+\.\d+\.\d+", process.out.now()[0])


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(spawn, option):
    process = spawn(HBMQTT_PASSWD, option)
    assert process.wait_exit() == DONE
    text = "\n".join(process.out.now())
    wanted = "-c --create -f --force -D --delete -v --check -U --upgrade -b --batch -s --scheme -r --rounds --version -h --help"
    assert [name for name in wanted.split() if not re.search(rf"(^|[ ,\[]){name}\b", text, re.MULTILINE)] == []


# Creating, changing, deleting, checking


@pytest.mark.parametrize("umask", [0o022, 0o000, 0o777])
def test_new_file_is_for_its_owner_alone(passwd, users, umask):
    passwd("-c", users, "alice", stdin=SECRET, preexec=lambda: os.umask(umask))
    assert mode(users) == 0o600
    assert list(entries(users)) == ["alice"]
    assert entries(users)["alice"].startswith("$argon2id$")
    passwd("-v", users, "alice", stdin=SECRET)


def test_existing_file_is_not_created(passwd, users):
    passwd("-c", users, "alice", stdin=SECRET)
    before = users.read_bytes()
    said(passwd("-c", users, "bob", stdin=SECRET, status=FILE), users, "--force")
    assert users.read_bytes() == before
    passwd("-c", "-f", users, "bob", stdin=SECRET)
    assert list(entries(users)) == ["bob"]
    users.unlink()
    passwd("--create", "--force", users, "carol", stdin=SECRET)
    assert list(entries(users)) == ["carol"]


def test_missing_file_is_told(passwd, users):
    for arguments in ([users, "alice"], ["-D", users, "alice"], ["-U", users]):
        said(passwd(*arguments, stdin=SECRET, status=FILE), users, "no such file", "--create")
    said(passwd("-v", users, "alice", stdin=SECRET, status=FILE), users, "No such file")
    assert not users.exists()


def test_users_are_added_changed_and_deleted(passwd, users):
    users.write_text("# our users\n\nfaulty line\n")
    for user in ("alice", "bob", "carol"):
        passwd(*CHEAP, users, user, stdin=f"{user}'s secret")
    passwd(*CHEAP, users, "bob", stdin="another")
    text = users.read_text()
    assert text.startswith("# our users\n\nfaulty line\nalice:$6$rounds=1000$")
    assert [line.split(":")[0] for line in text.splitlines()[3:]] == ["alice", "bob", "carol"]
    passwd("-D", users, "alice")
    passwd("--delete", users, "carol")
    said(passwd("-D", users, "alice", status=WRONG), users, "alice")
    left = users.read_text()
    assert left == "\n".join(line for line in text.splitlines() if not line.startswith(("alice", "carol"))) + "\n"


def test_passwords_are_checked(passwd, users):
    passwd("-c", *CHEAP, users, "alice", stdin=SECRET)
    passwd("-v", users, "alice", stdin=SECRET)
    passwd("--check", users, "alice", stdin=SECRET + "\n")
    passwd("-v", "-b", users, "alice", SECRET)
    for guess in ("x", "", "\n", SECRET + "x", SECRET[:-1], SECRET.lower()):
        if guess:
            said(passwd("-v", users, "alice", stdin=guess, status=WRONG, secret="\0"), users, "alice")
    said(passwd("-v", users, "bob", stdin=SECRET, status=WRONG), users, "bob")


def test_check_reads_the_file_as_the_broker_does(passwd, users):
    users.write_text(f"alice:{SECRET}\n")
    said(passwd("-v", users, "alice", stdin=SECRET, status=FILE), f"{users}:1: ", "plain text")


def test_file_that_everybody_may_read_is_a_warning(passwd, users, spawn):
    passwd("-c", *CHEAP, users, "alice", stdin=SECRET)
    users.chmod(0o644)
    process = spawn(HBMQTT_PASSWD, "-v", users, "alice")
    process.send(SECRET.encode(), close=True)
    assert process.wait_exit() == DONE
    said(process.err.now(), users, "everybody", "read")


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o660, 0o400, 0o2660])
def test_mode_and_owner_are_kept(passwd, users, permissions):
    passwd("-c", *CHEAP, users, "alice", stdin=SECRET)
    if os.geteuid() == 0:
        os.chown(users, NOBODY, NOBODY)
    elif not permissions & 0o200:
        pytest.skip("only root writes what may not be written")
    users.chmod(permissions)
    owner = (users.stat().st_uid, users.stat().st_gid)
    passwd(*CHEAP, users, "bob", stdin=SECRET)
    passwd("-D", users, "alice")
    assert (mode(users), (users.stat().st_uid, users.stat().st_gid)) == (permissions, owner)


def test_many_at_once_lose_nothing(spawn, users):
    users.write_text("")
    names = [f"user-{number}" for number in range(12)]
    processes = [spawn(HBMQTT_PASSWD, "-b", *CHEAP, users, name, SECRET) for name in names]
    for process in processes:
        assert process.wait_exit(30) == DONE, process.stderr()
    assert sorted(entries(users)) == sorted(names)


# Where the password comes from


def test_standard_input_is_read_line_by_line(spawn, users):
    """So that a script can set the passwords of several users from one stream."""
    passwd_c = f"{HBMQTT_PASSWD} {' '.join(CHEAP)}"
    process = spawn("sh", "-c", f"{passwd_c} -c {users} alice && {passwd_c} {users} bob")
    process.send(b"first one\nsecond one\n", close=True)
    assert process.wait_exit(20) == DONE
    for user, secret in (("alice", "first one"), ("bob", "second one")):
        assert crypt.crypt(secret, entries(users)[user]) == entries(users)[user]


LINES = {
    "blanks": (" two words ", DONE),
    "511-bytes": ("x" * 511, DONE),
    "512-bytes": ("x" * 512, USAGE),
    "endless": ("x" * 100_000, USAGE),
    "zero-byte": ("a\0b", USAGE),
    "nothing": ("", USAGE),
    "empty-line": ("\n", USAGE),
}


@pytest.mark.parametrize("case", cases(LINES))
def test_line_of_standard_input(passwd, users, case):
    line, status = case
    passwd("-c", *CHEAP, users, "alice", stdin=line, status=status, secret=line.strip() or "\0")
    assert users.exists() == (status == DONE)
    if status == DONE:
        passwd("-v", users, "alice", stdin=line, secret=line)


def test_bcrypt_refuses_what_it_would_cut(passwd, users):
    said(passwd("-c", "-s", "bcrypt", "-r4", users, "alice", stdin="x" * 73, status=USAGE, secret="xx"), "72 bytes")
    passwd("-c", "-s", "bcrypt", "-r4", users, "alice", stdin="x" * 72, secret="xx")


def test_password_on_the_command_line_is_wiped(spawn, users):
    """Others see it for as long as it takes to read it, and not for as long as hashing takes."""
    process = spawn(HBMQTT_PASSWD, "-b", "-c", "-s", "sha512", "-r1000000", users, "alice", "visible")
    shown = wait_until(lambda: _hidden(process), "the password is gone from the command line")
    assert b"alice" in shown
    assert process.wait_exit(60) == DONE
    assert "visible" not in users.read_text()


def _hidden(process):
    shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    return shown if str(HBMQTT_PASSWD.name).encode() in shown and b"visible" not in shown else None


def test_password_may_begin_with_a_dash(passwd, users):
    passwd("-c", "-b", *CHEAP, users, "alice", "-secret", secret="-secret")
    passwd("-v", "-b", users, "alice", "-secret", secret="-secret")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(argv[0], [str(part) for part in argv])
        self.shown = b""

    def read(self):
        assert select.select([self.fd], [], [], Deadline().left())[0], self.shown
        try:
            data = os.read(self.fd, 1000)
        except OSError:  # how a terminal ends
            data = b""
        self.shown += data
        return data

    def answer(self, question, data):
        """Types at once: when it is asked, the echo is off."""
        while question not in self.shown:
            assert self.read(), self.shown
        os.write(self.fd, data)

    def wait(self):
        while self.read():
            pass
        return self.reap()

    def reap(self):
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        self.pid = None
        return status


@pytest.fixture
def terminal():
    """Starts programs on terminals; what still runs at the end of the test is killed."""
    started = []

    def start(*argv):
        started.append(Terminal(*argv))
        return started[-1]

    yield start
    for one in started:
        if one.pid:
            os.kill(one.pid, signal.SIGKILL)
            one.reap()


def test_terminal_asks_twice_without_echo(terminal, passwd, users):
    program = terminal(HBMQTT_PASSWD, "-c", *CHEAP, users, "alice")
    program.answer(b"Password of alice: ", b"typed\n")
    program.answer(b"again: ", b"typed\n")
    assert program.wait() == DONE
    assert b"typed" not in program.shown
    passwd("-v", users, "alice", stdin="typed", secret="typed")
    program = terminal(HBMQTT_PASSWD, "-v", users, "alice")
    program.answer(b"Password of alice: ", b"typed\n")
    assert program.wait() == DONE
    assert b"again" not in program.shown and b"typed" not in program.shown


def test_terminal_with_two_different_passwords(terminal, users):
    program = terminal(HBMQTT_PASSWD, "-c", *CHEAP, users, "alice")
    program.answer(b"Password of alice: ", b"typed\n")
    program.answer(b"again: ", b"typo\n")
    assert program.wait() == USAGE
    assert b"differ" in program.shown and b"typ" not in program.shown
    assert not users.exists()


def test_terminal_takes_as_much_as_there_is_room_for(terminal, passwd, users):
    program = terminal(HBMQTT_PASSWD, "-c", *CHEAP, users, "alice")
    program.answer(b"Password of alice: ", b"x" * 511 + b"\n")
    program.answer(b"again: ", b"x" * 511 + b"\n")
    assert program.wait() == DONE
    passwd("-v", users, "alice", stdin="x" * 511, secret="xx")


@pytest.mark.parametrize("key", cases({"ctrl-c": b"\x03", "ctrl-d": b"\x04", "too-long": b"x" * 512 + b"\n"}))
def test_terminal_is_left(terminal, users, key):
    program = terminal(HBMQTT_PASSWD, "-c", *CHEAP, users, "alice")
    program.answer(b"Password of alice: ", key)
    assert program.wait() == (-signal.SIGINT if key == b"\x03" else USAGE)
    assert not users.exists()


def test_terminal_echoes_again_after_an_interruption(terminal, users):
    """In a shell that stays: what it reads next is seen."""
    program = terminal("/bin/sh", "-c", f"trap : INT; {HBMQTT_PASSWD} -c {users} alice; echo status $?; stty -a")
    program.answer(b"Password of alice: ", b"\x03")
    assert program.wait() == DONE
    assert b"status 130" in program.shown and re.search(rb"[ ;]echo\b", program.shown)


# What is refused


WRONG_ARGUMENTS = {
    "nothing": [],
    "file-alone": ["f"],
    "password-without-b": ["f", "alice", SECRET],
    "b-without-password": ["-b", "f", "alice"],
    "b-with-more": ["-b", "f", "alice", SECRET, SECRET],
    "two-actions": ["-D", "-v", "f", "alice"],
    "create-and-delete": ["-c", "-D", "f", "alice"],
    "force-alone": ["-f", "f", "alice"],
    "batch-and-delete": ["-b", "-D", "f", "alice"],
    "upgrade-of-a-user": ["-U", "f", "alice"],
    "scheme-and-check": ["-v", "-s", "sha512", "f", "alice"],
    "unknown-option": ["--loudly", "f", "alice"],
    "unknown-scheme": ["-s", "md5", "f", "alice"],
    "scheme-that-is-only-read": ["-s", "argon2i", "f", "alice"],
    "scheme-missing": ["-s"],
    "rounds-word": ["-r", "many", "f", "alice"],
    "rounds-negative": ["-r", "-5", "f", "alice"],
    "rounds-too-low": ["-s", "sha512", "-r", "999", "f", "alice"],
    "rounds-too-high": ["-s", "bcrypt", "-r", "15", "f", "alice"],
    "rounds-endless": ["-r", "99999999999999999999", "f", "alice"],
    "user-empty": ["f", ""],
    "user-with-colon": ["f", "al:ice"],
    "user-with-newline": ["f", "al\nice"],
    "user-comment": ["f", "#alice"],
    "user-blank-at-its-end": ["f", "alice "],
    "user-too-long": ["f", "x" * 65536],
}


@pytest.mark.parametrize("arguments", cases(WRONG_ARGUMENTS))
def test_wrong_arguments(passwd, arguments, tmp_path):
    passwd(*arguments, stdin=SECRET, status=USAGE, preexec=lambda: os.chdir(tmp_path))
    assert list(tmp_path.iterdir()) == []


def as_nobody():
    os.umask(0o022)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


@pytest.fixture
def reachable(users):
    """The file in a directory that everybody may enter, unlike those of pytest."""
    for parent in users.parents:
        if parent.stat().st_uid == os.geteuid() and not mode(parent) & 0o001:
            parent.chmod(mode(parent) | 0o011)
    return users


def test_file_that_may_not_be_written(passwd, reachable):
    reachable.write_text("bob:x\n")
    reachable.chmod(0o444)
    for arguments in ([reachable, "alice"], ["-D", reachable, "bob"], ["-U", reachable]):
        said(passwd(*arguments, stdin=SECRET, status=FILE, preexec=as_nobody), reachable, "Permission denied")
    assert reachable.read_text() == "bob:x\n"


def test_directory_that_may_not_be_written(passwd, reachable):
    reachable.write_text("bob:x\n")
    reachable.chmod(0o666)
    reachable.parent.chmod(0o555)
    if os.geteuid() == 0:  # who owns a directory may write to it all the same
        assert mode(reachable.parent) == 0o555
    for arguments in ([*CHEAP, reachable, "alice"], ["-D", reachable, "bob"]):
        said(passwd(*arguments, stdin=SECRET, status=FILE, preexec=as_nobody), reachable, "Permission denied", "nothing was changed")
    said(passwd("-c", f"{reachable}.new", "alice", stdin=SECRET, status=FILE, preexec=as_nobody), "Permission denied")
    assert reachable.read_text() == "bob:x\n"
    reachable.parent.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of others")
def test_owner_that_cannot_be_kept(passwd, reachable):
    """A file of somebody else that everybody may write would become ours: then the broker might not read it any more."""
    reachable.write_text("bob:x\n")
    reachable.chmod(0o666)
    reachable.parent.chmod(0o777)
    said(passwd(*CHEAP, reachable, "alice", stdin=SECRET, status=FILE, preexec=as_nobody), reachable, "owner")
    assert reachable.read_text() == "bob:x\n"


def test_symbolic_link_is_not_replaced(passwd, users, tmp_path):
    target = tmp_path / "target"
    target.write_text("bob:x\n")
    users.symlink_to(target)
    for arguments in ([users, "alice"], ["-D", users, "bob"], ["-U", users], ["-c", "-f", *CHEAP, users, "alice"]):
        said(passwd(*arguments, stdin=SECRET, status=FILE), users, "symbolic link")
    said(passwd("-c", users, "alice", stdin=SECRET, status=FILE), users, "there already")
    assert users.is_symlink() and target.read_text() == "bob:x\n"
    target.unlink()
    said(passwd("-c", "-f", *CHEAP, users, "alice", stdin=SECRET, status=FILE), users, "symbolic link")
    assert users.is_symlink() and not target.exists()


def test_what_is_no_file_is_told(passwd, users):
    users.mkdir()
    said(passwd(users, "alice", stdin=SECRET, status=FILE), users, "directory")
    said(passwd("-v", users, "alice", stdin=SECRET, status=FILE), users, "no regular file")
    users.rmdir()
    os.mkfifo(users)
    for arguments in ([users, "alice"], ["-v", users, "alice"]):
        said(passwd(*arguments, stdin=SECRET, status=FILE), users, "no regular file")
    said(passwd("-c", users / "x", "alice", stdin=SECRET, status=FILE), users, "Not a directory")


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))


def test_disk_that_is_full_loses_nothing(passwd, users):
    """A limit on the size of files fails in the same place."""
    text = f"bob:{'x' * 100}\n"
    users.write_text(text)
    said(passwd(*CHEAP, users, "alice", stdin=SECRET, status=FILE, preexec=limit_files), users, "nothing was changed")
    assert users.read_text() == text
    users.unlink()
    said(passwd("-c", *CHEAP, users, "alice", stdin=SECRET, status=FILE, preexec=limit_files), users, "cannot be written")
    assert not users.exists()


# Passwords in plain text


def test_plain_text_is_hashed(passwd, users):
    users.write_text(f"# users\nalice:{SECRET}\nbob:a:b\n\n")
    users.chmod(0o600)
    passwd("-U", *CHEAP, users)
    assert SECRET not in users.read_text()
    for user, secret in (("alice", SECRET), ("bob", "a:b")):
        passwd("-v", users, user, stdin=secret, secret=SECRET)
    before = users.read_bytes()
    passwd("--upgrade", users)  # once more, nothing is left to do
    assert users.read_bytes() == before


def test_hashes_that_are_not_known_are_not_hashed_again(passwd, users):
    text = f"alice:{SECRET}\nbob:$1$abc$iCQ2D3nhptRYi27fDYv2s1\n"
    users.write_text(text)
    said(passwd("-U", *CHEAP, users, status=FILE), f"{users}:2: ", "nothing was changed")
    assert users.read_text() == text


# Others' hashes


@pytest.mark.parametrize("make", cases(OTHERS))
def test_hashes_of_other_programs(passwd, users, make):
    users.write_text(f"alice:{make()}\n")
    users.chmod(0o600)
    passwd("-v", users, "alice", stdin=SECRET)
    passwd("-v", users, "alice", stdin=SECRET + "x", status=WRONG)


@pytest.mark.parametrize("hashing", [[], ["-H", "sha512"], ["-H", "sha512-pbkdf2"]])
def test_files_of_mosquitto_passwd(passwd, users, hashing):
    for user, secret in (("alice", SECRET), ("bob", "another")):
        create = [] if users.exists() else ["-c"]
        subprocess.run(["mosquitto_passwd", *hashing, *create, "-b", users, user, secret], check=True)
    users.chmod(0o600)
    passwd("-v", users, "alice", stdin=SECRET)
    passwd("-v", users, "bob", stdin="another")
    passwd("-v", users, "bob", stdin=SECRET, status=WRONG)
    passwd(*CHEAP, users, "bob", stdin="changed")
    passwd("-v", users, "alice", stdin=SECRET)


def test_plain_text_hashed_by_mosquitto_passwd(passwd, users):
    users.write_text(f"alice:{SECRET}\n")
    subprocess.run(["mosquitto_passwd", "-U", users], check=True)
    users.chmod(0o600)
    passwd("-v", users, "alice", stdin=SECRET)


# Our hashes


def pbkdf2(hashed, secret):
    _, kind, iterations, salt, digest = hashed.split("$")
    made = hashlib.pbkdf2_hmac("sha512", secret.encode(), base64.b64decode(salt), int(iterations))
    return kind == "7" and made == base64.b64decode(digest)


def is_argon2(hashed, secret):
    try:
        return argon2.PasswordHasher().verify(hashed, secret)
    except argon2.exceptions.VerifyMismatchError:
        return False


def is_crypt(hashed, secret):
    return crypt.crypt(secret, hashed) == hashed


JUDGES = {
    "yescrypt": (["-s", "yescrypt"], r"\$y\$j9T\$", is_crypt),
    "yescrypt-rounds": (["-s", "yescrypt", "-r", "1"], r"\$y\$j75\$", is_crypt),
    "sha512": (["-s", "sha512"], r"\$6\$", is_crypt),
    "sha512-rounds": (["--scheme=sha512", "--rounds=12345"], r"\$6\$rounds=12345\$", is_crypt),
    "sha256": (["-s", "sha256", "-r1000"], r"\$5\$rounds=1000\$", is_crypt),
    "bcrypt": (["-s", "bcrypt", "-r", "5"], r"\$2b\$05\$", lambda hashed, secret: bcrypt.checkpw(secret.encode(), hashed.encode())),
    "bcrypt-by-crypt": (["-s", "bcrypt"], r"\$2b\$10\$", is_crypt),
    "argon2id": (["-s", "argon2id"], r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", is_argon2),
    "argon2id-rounds": (["-s", "argon2id", "-r", "3"], r"\$argon2id\$v=19\$m=19456,t=3,p=1\$", is_argon2),
    "mosquitto": (["-s", "mosquitto"], r"\$7\$20000\$", pbkdf2),
    "mosquitto-rounds": (["-s", "mosquitto", "-r", "101"], r"\$7\$101\$", pbkdf2),
}


@pytest.mark.parametrize("case", cases(JUDGES))
def test_other_programs_understand_our_hashes(passwd, users, case):
    arguments, form, judge = case
    passwd("-c", *arguments, users, "alice", stdin=SECRET)
    hashed = entries(users)["alice"]
    assert re.match(form, hashed), hashed
    assert judge(hashed, SECRET)
    assert not judge(hashed, SECRET + "x")


def test_mosquitto_serves_our_file(passwd, users, make_broker, peers):
    for user in ("alice", "bob"):
        passwd("-s", "mosquitto", *([] if users.exists() else ["-c"]), users, user, stdin=f"{user}'s secret")
    broker = make_broker(kind="mosquitto", auth={"allow-anonymous": False, "password-file": users})
    peers(at=broker).connect("a", username="alice", password="alice's secret")
    peers(at=broker).connect("b", username="bob", password="bob's secret")
    peers(at=broker).connect("c", username="bob", password="alice's secret", code=5)
    peers(at=broker).connect("d", username="carol", password="alice's secret", code=5)
    peers(at=broker).connect("e", code=5)
