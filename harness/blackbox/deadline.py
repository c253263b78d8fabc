# SPDX-License-Identifier: MIT
"""How long a test waits for an event before it fails. No test sleeps for a fixed time.

HBMQTT_DEADLINE_SCALE stretches every deadline, for sanitizer builds and loaded machines.
"""

import os
import time

SCALE = float(os.environ.get("HBMQTT_DEADLINE_SCALE", "1"))
EVENT_S = 10.0  # what takes milliseconds on an idle machine
POLL_S = 0.01  # between two looks at something that tells nobody when it changes, such as /proc


class Deadline:
    def __init__(self, seconds=EVENT_S, *, scaled=True):
        self.seconds = seconds * (SCALE if scaled else 1)
        self.end = time.monotonic() + self.seconds

    def left(self):
        """Seconds that are left, 0 when it is past."""
        return max(0.0, self.end - time.monotonic())

    def passed(self):
        return self.left() == 0.0


def wait_until(condition, what, seconds=EVENT_S):
    """Waits until `condition()` is true, and returns its value. For states that can only be looked at."""
    deadline = Deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        assert not deadline.passed(), f"not within {deadline.seconds:g} s: {what}"
        time.sleep(POLL_S)
