# SPDX-License-Identifier: MIT
"""The service manager that starts a broker, played by a test: what it hears, what it passes, and what it sees in /proc."""

import ctypes
import os
import shutil
import socket
from pathlib import Path

from deadline import EVENT_S, Deadline


class Manager:
    """A socket as systemd has it, to which the broker tells what it does."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def environment(self, watchdog_s=None, watchdog_pid=None):
        values = {"NOTIFY_SOCKET": self.path}
        if watchdog_s is not None:
            values["WATCHDOG_USEC"] = str(int(watchdog_s * 1_000_000))
        if watchdog_pid is not None:
            values["WATCHDOG_PID"] = str(watchdog_pid)
        return values

    def hear(self, seconds=EVENT_S):
        """The next message as a dict; None when none came in time."""
        self.socket.settimeout(Deadline(seconds).left() or 0.001)
        try:
            message = self.socket.recv(65536).decode()
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in message.split("\n"))

    def hear_of(self, name, seconds=EVENT_S):
        """The next message that has this variable; others are passed over."""
        deadline = Deadline(seconds)
        while not deadline.passed():
            message = self.hear(deadline.left())
            if message and name in message:
                return message
        raise AssertionError(f"the manager did not hear of {name} within {deadline.seconds:g} s")

    def forget(self):
        """Passes over what has come."""
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(65536)
        except BlockingIOError:
            pass

    def close(self):
        self.socket.close()


def passing(named, pid="$$"):
    """Options of a broker that is passed these sockets, a list of (name, socket): from descriptor 3 on, with the variables that
    say so. The names are left out where all are None."""
    descriptors = [sock.fileno() for _, sock in named]
    moves = " ".join(f"{200 + index}<&{fd}" for index, fd in enumerate(descriptors))
    places = " ".join(f"{3 + index}<&{200 + index} {200 + index}<&-" for index in range(len(descriptors)))
    env = {"LISTEN_FDS": str(len(named))}
    if any(name is not None for name, _ in named):
        env["LISTEN_FDNAMES"] = ":".join(name or "" for name, _ in named)
    script = f'exec {moves}; export LISTEN_PID={pid}; exec "$@" {places}'
    return {"launcher": [shutil.which("bash"), "-c", script, "launcher"], "env": env, "pass_fds": descriptors}


def listening(host="127.0.0.1", family=socket.AF_INET, port=0):
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind((host, port))
    sock.listen(16)
    return sock


def thread_states(pid):
    """What /proc/PID/task/*/status says of each thread, as dicts, the first thread first."""
    states = []
    for task in sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda path: int(path.name)):
        lines = (task / "status").read_text().splitlines()
        states.append({name: value.strip() for name, _, value in (line.partition(":") for line in lines)})
    return states


_libc = ctypes.CDLL(None, use_errno=True)
_PTRACE_SEIZE, _PTRACE_INTERRUPT, _PTRACE_DETACH, _WALL = 0x4206, 0x4207, 17, 0x40000000


class FrozenThread:
    """One thread of a process, held by the kernel while the others run. OSError where that is not permitted."""

    def __init__(self, thread):
        self.thread = thread
        self._ptrace(_PTRACE_SEIZE)
        self._ptrace(_PTRACE_INTERRUPT)
        os.waitpid(thread, _WALL)

    def _ptrace(self, request):
        zero = ctypes.c_void_p(0)
        if _libc.ptrace(ctypes.c_long(request), ctypes.c_long(self.thread), zero, zero) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def thaw(self):
        self._ptrace(_PTRACE_DETACH)
