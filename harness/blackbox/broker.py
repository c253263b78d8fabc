# SPDX-License-Identifier: MIT
"""Broker processes: spawned on ephemeral ports of the loopback interface, watched, and ended by their own pid.

    Broker(settings) -> start() -> .address, .pid, .rss_bytes(), ... -> stop()

`settings` is the configuration as a tree of dicts: what hbmqtt reads as YAML. Mosquitto is given the same meaning in its own
words (`mosquitto_conf`), so that tests which hold for any broker can be checked against a second opinion.

Environment:
    HBMQTT_BUILD           build directory; default: ../../build as seen from here
    HBMQTT_TEST_BROKER     `hbmqtt` (default) or `mosquitto`
    HBMQTT_SHARDS          -j of our broker, default 1
    HBMQTT_RING_DISABLE    read by the broker itself
    HBMQTT_WRAPPER         a command put in front of our broker, e.g. `valgrind -q --error-exitcode=9`
"""

import functools
import getpass
import os
import re
import shlex
import shutil
import signal
import socket
from pathlib import Path

import transport
from deadline import wait_until
from process import Process, ProcessError

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("HBMQTT_BUILD", HERE.parent.parent / "build")).resolve()
KIND = os.environ.get("HBMQTT_TEST_BROKER", "hbmqtt")
SHARDS = int(os.environ.get("HBMQTT_SHARDS", "1"))
WRAPPER = shlex.split(os.environ.get("HBMQTT_WRAPPER", ""))

if WRAPPER:
    os.environ.setdefault("HBMQTT_SECCOMP", "off")  # its filter knows the broker's system calls, not those of what runs it

HBMQTT = BUILD / "server" / "hbmqtt"
HBMQTT_PUB = BUILD / "client" / "hbmqtt_pub"
HBMQTT_SUB = BUILD / "client" / "hbmqtt_sub"
HBMQTT_PASSWD = BUILD / "server" / "passwd" / "hbmqtt_passwd"
MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "runtime error:", "LeakSanitizer", "ThreadSanitizer")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@functools.cache
def is_sanitized(program):
    """Whether a program was built with a sanitizer, or runs under a wrapper, so that its memory says nothing."""
    data = Path(program).read_bytes()
    return bool(WRAPPER) or any(name in data for name in (b"__asan_init", b"__tsan_init", b"__msan_init"))


def to_yaml(tree, indent=0):
    """A tree of dicts and scalars as block YAML."""
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict):
            lines += [f"{' ' * indent}{key}:", to_yaml(value, indent + 2)]
        else:
            shown = str(value).lower() if isinstance(value, bool) else value
            lines.append(f"{' ' * indent}{key}: {shown}")
    return "\n".join(lines)


def settings_with(**parts):
    """The configuration that most tests use; keyword arguments replace or add top-level keys."""
    return {
        "listeners": {"default": transport.listener_settings() | {"bind": "127.0.0.1:0"}},
        "sys_interval": 0,
        "auth": {"allow-anonymous": True},
    } | parts


MOSQUITTO_LIMITS = {
    "packet_size_max": "max_packet_size",
    "connections_max": "max_connections",
    "inflight_max": "max_inflight_messages",
    "queued_messages_max": "max_queued_messages",
    "queued_bytes_max": "max_queued_bytes",
}


def mosquitto_conf(settings, port):
    """The same configuration in mosquitto's words. KeyError where it has none."""
    limits = {"inflight_max": 1024, "queued_messages_max": 0} | settings.get("limits", {})
    auth = settings.get("auth", {})
    anonymous = auth.get("allow-anonymous", True)
    lines = [
        f"listener {port} 127.0.0.1",
        f"allow_anonymous {str(anonymous).lower()}",
        f"sys_interval {settings.get('sys_interval', 0)}",
        "allow_duplicate_messages false",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    ]
    if "acl_file" in settings:
        lines.append(f"acl_file {settings['acl_file']}")
    if "password-file" in auth:
        lines.append(f"password_file {auth['password-file']}")
    if "acl_file" in settings or "password-file" in auth:
        lines.append(f"user {getpass.getuser()}")  # who can read them
    return "\n".join(lines + [f"{MOSQUITTO_LIMITS[key]} {value}" for key, value in limits.items()]) + "\n"


class Broker:
    """One broker, ours or mosquitto, listening on one address."""

    def __init__(
        self, directory, settings=None, *, kind=None, shards=None, arguments=(), env=None, preexec=None, launcher=(), pass_fds=()
    ):
        self.kind = kind or KIND
        self.settings = settings or settings_with()
        self.shards = SHARDS if shards is None else shards
        self.directory = Path(directory)
        self.arguments, self.env, self.preexec = list(arguments), env, preexec
        self.launcher, self.pass_fds = list(launcher), pass_fds
        self.process = self.address = None

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        host, port = self.address
        return f"mqtt://[{host}]:{port}" if ":" in host else f"mqtt://{host}:{port}"

    def ports(self):
        """The ports of all listeners of our broker, in the order of the configuration."""
        line = self.process.err.wait_match(r"listening on .*")[0]
        return [int(port) for port in re.findall(r":(\d+) \(", line)]

    def start(self):
        if self.kind == "mosquitto":
            self._start_mosquitto()
        else:
            self._start_hbmqtt()
        self.idle_descriptors = self.descriptors()
        return self

    def spawn_hbmqtt(self, config_text):
        """Starts our broker with a configuration file of these words, without waiting for anything."""
        config = self.directory / "hbmqtt.yaml"
        config.write_text(config_text)
        argv = [*self.launcher, *WRAPPER, HBMQTT, "-c", config, "-j", str(self.shards), *self.arguments]
        self.process = Process(argv, env=self.env, preexec=self.preexec, pass_fds=self.pass_fds)
        return self.process

    def _start_hbmqtt(self):
        self.spawn_hbmqtt(to_yaml(self.settings) + "\n")
        found = self.process.err.wait_match(r"listening on (\S+):(\d+)", 20)
        if not found:
            status = self.process.wait_exit()
            raise ProcessError(f"hbmqtt did not start (exit status {status}):\n{self.process.stderr()}")
        self.address = (found[1].strip("[]"), int(found[2]))

    def _start_mosquitto(self):
        for _ in range(5):  # the port can be gone by the time that mosquitto binds it
            port = free_port()
            config = self.directory / "mosquitto.conf"
            config.write_text(mosquitto_conf(self.settings, port))
            self.process = Process([MOSQUITTO, "-c", config], preexec=self.preexec)
            self.address = ("127.0.0.1", port)
            wait_until(lambda: self.answers() or not self.process.alive(), "mosquitto listens or ends")
            if self.process.alive():
                return
            self.process.kill()
        raise ProcessError(f"mosquitto did not start:\n{self.process.stderr()}")

    def answers(self):
        try:
            socket.create_connection(self.address, timeout=1).close()
            return True
        except OSError:
            return False

    def alive(self):
        return self.process is not None and self.process.alive()

    def stop(self, number=signal.SIGTERM):
        """Asks the broker to end and checks that it does so well."""
        if self.process.alive():
            self.process.signal(number)
        status = self.process.wait_exit(15)
        self.check_reports()
        self.process.kill()
        if status != 0:
            raise ProcessError(f"the broker ended with status {status} on {number!r}:\n{self.process.stderr()[-4000:]}")

    def check_reports(self):
        lines = self.process.stderr().splitlines()
        for at, line in enumerate(lines):
            if any(report in line for report in SANITIZER_REPORTS):
                raise ProcessError("the broker printed a sanitizer report:\n" + "\n".join(lines[at : at + 60]))

    def is_sanitized(self):
        return self.kind == "hbmqtt" and is_sanitized(HBMQTT)

    def rss_bytes(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise ProcessError("the broker has no memory any more")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))
