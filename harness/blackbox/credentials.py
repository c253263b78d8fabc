# SPDX-License-Identifier: MIT
"""Password files for tests, with hashes that other programs have made, and addresses of clients that nobody else has.

Guesses count against the address that they come from, and the whole of 127.0.0.0/8 is ours: a test that fails to authenticate
on purpose takes addresses of its own.
"""

import itertools
import subprocess
import warnings

import argon2
import bcrypt
from broker import HBMQTT_PASSWD

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

SECRET = "Zw\u00f6lf Boxk\u00e4mpfer"
_sources = itertools.count(1)


def next_source():
    number = next(_sources)
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def sha512(secret=SECRET, rounds=1000):
    return crypt.crypt(secret, f"$6$rounds={rounds}$saltstring")


def by_crypt(setting):
    return lambda: crypt.crypt(SECRET, setting)


# The hash of SECRET in each form that there is, but those that need a program to be made.
OTHERS = {
    "sha256": by_crypt("$5$saltstring"),
    "sha256-rounds": by_crypt("$5$rounds=1000$saltstring"),
    "sha512": by_crypt("$6$saltstring"),
    "sha512-rounds": by_crypt("$6$rounds=20000$saltstring"),
    "yescrypt": by_crypt("$y$j9T$saltofyescrypt22cCb1x."),
    "gost-yescrypt": by_crypt("$gy$j9T$saltofyescrypt22cCb1x."),
    "bcrypt-2y": by_crypt("$2y$05$abcdefghijklmnopqrstuu"),
    "bcrypt-2b": lambda: bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(6)).decode(),
    "bcrypt-2a": lambda: bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(6, b"2a")).decode(),
    "argon2id": lambda: argon2.PasswordHasher().hash(SECRET),
    "argon2i": lambda: argon2.PasswordHasher(type=argon2.Type.I).hash(SECRET),
}
OURS = ("argon2id", "yescrypt", "sha512", "sha256", "bcrypt", "mosquitto")  # what hbmqtt_passwd -s makes
MOSQUITTO = ("sha512", "sha512-pbkdf2")  # what mosquitto_passwd -H makes


def write(path, entries):
    """A password file of {user: hash}."""
    path.write_text("".join(f"{user}:{hashed}\n" for user, hashed in entries.items()))
    path.chmod(0o600)
    return path


def add_by_program(path, user, program, *options):
    subprocess.run([program, *options, "-b", path, user, SECRET], check=True, capture_output=True)


def write_all_forms(path):
    """One user for each form, with the password SECRET; returns their names."""
    write(path, {user: make() for user, make in OTHERS.items()})
    for scheme in OURS:
        add_by_program(path, f"ours-{scheme}", HBMQTT_PASSWD, "-s", scheme)
    for hashing in MOSQUITTO:
        add_by_program(path, f"mosquitto-{hashing}", "mosquitto_passwd", "-H", hashing)
    path.chmod(0o600)
    return FORMS


FORMS = [*OTHERS, *(f"ours-{scheme}" for scheme in OURS), *(f"mosquitto-{hashing}" for hashing in MOSQUITTO)]
