# SPDX-License-Identifier: MIT
"""Brokers with the plugin that does what its clients tell it (server/plugin/test/module/puppet.c), and what it has written down."""

import re
import signal
from pathlib import Path

import broker as brokers
from deadline import wait_until

MODULES = brokers.BUILD / "server" / "plugin" / "test"


class Puppet:
    """A broker with the plugin; kind is `worker`, `inline`, or `filter`: a worker that takes no part in what becomes of messages."""

    def __init__(self, make_broker, directory, kind, *, plugin=None, other_plugins=None, **options):
        self.kind = kind
        self.path = MODULES / f"puppet_{kind}.so"
        self.journal = Path(directory) / "journal"
        self.gate = Path(directory) / "gate"
        self.settings = {"journal": self.journal, "gate": self.gate} | (plugin or {})
        self.other_plugins = other_plugins or {}
        self.broker = make_broker(plugins=self.plugins(), **options)

    def plugins(self):
        return {str(self.path): self.settings} | self.other_plugins

    def reload(self, **settings):
        """Writes other settings and has the broker read them."""
        self.settings = self.settings | settings
        self.rewrite()

    def rewrite(self):
        self.broker.settings = self.broker.settings | {"plugins": self.plugins()}
        (self.broker.directory / "hbmqtt.yaml").write_text(brokers.to_yaml(self.broker.settings) + "\n")
        self.broker.process.signal(signal.SIGHUP)

    def lines(self, pattern=""):
        """What it has written so far, as far as it matches."""
        text = self.journal.read_text() if self.journal.exists() else ""
        return [line for line in text.split("\n")[:-1] if re.search(pattern, line)]

    def wait(self, pattern, count=1):
        """Waits for so many lines that match, and returns them."""

        def look():
            alive = self.broker.alive()
            found = self.lines(pattern)
            if len(found) >= count:
                return found
            assert alive, f"the broker has ended with status {self.broker.process.wait_exit()}:\n{self.broker.process.stderr()[-4000:]}"
            return None

        return wait_until(look, f"{count} lines with {pattern!r} in the journal")

    def wait_ticks(self, count):
        """Lets the plugin's clock go on, 50 ms at a time."""
        self.wait("^tick$", len(self.lines("^tick$")) + count)

    def open_gate(self):
        self.gate.touch()

    def log(self, pattern):
        return self.broker.process.err.wait_match(pattern)
