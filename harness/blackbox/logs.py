# SPDX-License-Identifier: MIT
"""What tests of the log share."""

import re

from peer import Peer

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
TEXT_LINE = re.compile(rf"{TIME} (error|warning|info|debug): \S.*")

# What a client may call itself and a log had better not repeat as it is, and how a line of text shows it.
NASTY = {
    "a line feed": ("two\nlines", r"two\x0alines"),
    "a forged line": ("x\n2026-01-01T00:00:00.000Z error: forged", r"x\x0a2026-01-01T00:00:00.000Z error: forged"),
    "an escape sequence": ("\x1b[31mred\x7f", r"\x1b[31mred\x7f"),
    "C1 controls": ("a\u009b2Jb\u0085c", r"a\u009b2Jb\u0085c"),
    "line separators": ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
    "another direction": ("a\u202eb", r"a\u202eb"),
    "JSON": ('","level":"error","x":"\\', '","level":"error","x":"\\'),
    "letters": ("Größe-\u20ac-\U0001f600", "Größe-\u20ac-\U0001f600"),
}


def wrong_end(broker, client_id):
    """A client with this id that is told of in the log: it sends what is no packet."""
    one = Peer.open(broker.address)
    one.connect(client_id)
    one.send(b"\xf0\x00")
    one.expect_close()
    one.close()
