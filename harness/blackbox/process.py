# SPDX-License-Identifier: MIT
"""Child processes whose output is collected line by line, and that are never left behind."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import threading

from deadline import EVENT_S, Deadline

LINES_MAX = 50_000  # of one stream; further ones are read and dropped

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class ProcessError(AssertionError):
    """A process did something that it should not."""


def die_with_parent():
    """Runs in the child: nothing outlives the test run, however that ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Lines:
    """The lines of one output stream, read by a thread of its own until the stream ends."""

    def __init__(self, stream):
        self.lines = []
        self._stream = stream
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for raw in self._stream:
            with self._changed:
                if len(self.lines) < LINES_MAX:
                    self.lines.append(raw.decode(errors="replace").removesuffix("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def now(self):
        with self._changed:
            return list(self.lines)

    def wait(self, found, what, seconds=EVENT_S):
        """Waits until `found(lines)` is true, and returns its value; None when the stream has ended without."""
        deadline = Deadline(seconds)
        with self._changed:
            while True:
                value = found(self.lines)
                if value or self._ended:
                    return value or None
                if deadline.passed():
                    shown = "\n".join(self.lines[-50:])
                    raise ProcessError(f"not within {deadline.seconds:g} s: {what}; seen:\n{shown}")
                self._changed.wait(deadline.left())

    def wait_match(self, pattern, seconds=EVENT_S):
        """The match of the first line in which `pattern` is found; None when the stream has ended without."""

        def first(lines):
            return next(filter(None, (re.search(pattern, line) for line in lines)), None)

        return self.wait(first, f"a line with {pattern!r}", seconds)

    def wait_count(self, count, seconds=EVENT_S):
        """The first `count` lines."""
        self.wait(lambda lines: len(lines) >= count, f"{count} lines", seconds)
        assert len(self.now()) >= count, f"the output ended after {len(self.now())} of {count} lines"
        return self.now()[:count]

    def finish(self, seconds=5):
        self._reader.join(Deadline(seconds).left())
        self._stream.close()


class Process:
    """One child: .err holds the lines of its stderr, .out those of its stdout, `send` writes to its stdin."""

    def __init__(self, argv, *, env=None, preexec=None, pass_fds=()):
        self.argv = [str(part) for part in argv]
        if not shutil.which(self.argv[0]):
            raise ProcessError(f"there is no program {self.argv[0]}: set HBMQTT_BUILD, or install its package")

        def in_child():
            die_with_parent()
            if preexec:
                preexec()

        self.popen = subprocess.Popen(
            self.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | (env or {}),
            preexec_fn=in_child,
            pass_fds=pass_fds,
        )
        self.out, self.err = Lines(self.popen.stdout), Lines(self.popen.stderr)

    @property
    def pid(self):
        return self.popen.pid

    def stderr(self):
        return "\n".join(self.err.now())

    def send(self, data, close=False):
        if data:
            self.popen.stdin.write(data)
            self.popen.stdin.flush()
        if close:
            self.popen.stdin.close()

    def signal(self, number):
        self.popen.send_signal(number)

    def alive(self):
        return self.popen.poll() is None

    def wait_exit(self, seconds=EVENT_S):
        """The exit status; fails, and kills, when it does not come in time. The output is complete afterwards."""
        deadline = Deadline(seconds)
        try:
            status = self.popen.wait(deadline.left())
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessError(f"{self.argv[0]} had not ended after {deadline.seconds:g} s:\n{self.stderr()}") from None
        self._finish()
        return status

    def kill(self):
        """Ends the process if it is still there, and waits for that."""
        if self.alive():
            self.popen.kill()
        self.popen.wait()
        self._finish()

    def _finish(self):
        try:
            self.popen.stdin.close()
        except BrokenPipeError:
            pass
        for stream in (self.out, self.err):
            stream.finish()
