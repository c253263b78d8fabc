# SPDX-License-Identifier: MIT
"""The three example plugins, as anybody would use them: JSON Web Tokens, decisions of a web server, changed messages."""

import base64
import hashlib
import hmac
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import broker as brokers
import packet as mqtt
import pytest
from deadline import EVENT_S, wait_until
from peer import fence

pytestmark = pytest.mark.ours
EXAMPLES = brokers.BUILD / "server" / "plugin" / "example"
SECRET = b"a secret that is long enough for it"


@pytest.fixture
def start(make_broker):
    """A broker with one of the examples: start("jwt", {settings}, ...)."""

    def make(name, settings, **options):
        return make_broker(plugins={str(EXAMPLES / f"{name}.so"): settings}, **options)

    return make


# JSON Web Tokens


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(sign, claims, **header):
    head = {"typ": "JWT"} | header
    signed = encode(json.dumps(head).encode()) + b"." + encode(claims if isinstance(claims, bytes) else json.dumps(claims).encode())
    return signed + b"." + encode(sign(signed))


def hs256(signed, secret=SECRET):
    return hmac.new(secret, signed, hashlib.sha256).digest()


def claims(**changed):
    return {"sub": "alice", "exp": time.time() + 3600} | changed


@pytest.fixture
def keys(tmp_path):
    """An RSA key: its private and its public part, and a signature with it."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)

    def sign(signed):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", private], input=signed, check=True, capture_output=True).stdout

    return public, sign


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\n")
    return path


STRICT = {"auth": {"allow-anonymous": False}}


def test_jwt_lets_in_who_shows_a_token(start, peers, secret_file):
    one = start("jwt", {"secret-file": secret_file}, **STRICT)
    peer = peers(at=one)
    peer.connect("one", username="whoever", password=token(hs256, claims(), alg="HS256"))
    peer.ping()


def test_jwt_names_the_user(start, peers, secret_file, make_broker):
    logged = make_broker(
        plugins={
            str(EXAMPLES / "jwt.so"): {"secret-file": secret_file, "user-claim": "name"},
            "event_logger_plugin": {},
        },
        **STRICT,
    )
    peers(at=logged).connect("one", username="whoever", password=token(hs256, claims(name="bob"), alg="HS256"))
    assert logged.process.err.wait_match(r"broker_client_connected: client 'one' \(user 'bob'\)")


BAD = {
    "expired": (claims(exp=1), {}),
    "no-expiry": ({"sub": "alice"}, {}),
    "expiry-is-text": (claims(exp="tomorrow"), {}),
    "not-yet": (claims(nbf=time.time() + 3600), {}),
    "no-user": (claims(sub=""), {}),
    "user-is-number": (claims(sub=7), {}),
    "issuer": (claims(iss="somebody else"), {}),
    "audience": (claims(aud=["other", "another"]), {}),
    "alg-none": (claims(), {"alg": "none"}),
    "alg-other": (claims(), {"alg": "HS512"}),
    "alg-missing": (claims(), {"alg": None}),
    "critical": (claims(), {"crit": ["x"]}),
    "no-json": (b"{", {}),
    "no-object": (b"[1]", {}),
    "double-key": (b'{"sub":"alice","sub":"root","exp":99999999999}', {}),
}


@pytest.mark.parametrize("name", BAD)
def test_jwt_refuses_a_token_that_is_not_right(start, peers, secret_file, name):
    body, header = BAD[name]
    one = start("jwt", {"secret-file": secret_file, "issuer": "me", "audience": "broker"})
    right = {"iss": "me", "aud": ["broker"]}
    peer = peers(at=one)
    peer.connect("good", username="u", password=token(hs256, claims(**right), alg="HS256"))
    wrong = peers(at=one)
    body = right | body if isinstance(body, dict) else body
    wrong.connect("bad", username="u", password=token(hs256, body, **({"alg": "HS256"} | header)), code=4)
    wrong.expect_close()
    peer.ping()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: good[:-4] + b"AAAA",
        lambda good: good.rsplit(b".", 1)[0] + b".",
        lambda good: good.rsplit(b".", 1)[0] + b".!!!",
        lambda good: b"." + good.split(b".", 1)[1],
        lambda good: b"..",
        lambda good: good + b"=",
        lambda good: good.replace(b"_", b"/").replace(b"-", b"+") + b"\n",
    ],
    ids=["signature", "none", "no-base64", "no-header", "empty", "padding", "line"],
)
def test_jwt_refuses_what_is_not_signed(start, peers, secret_file, spoil):
    one = start("jwt", {"secret-file": secret_file})
    peer = peers(at=one)
    peer.connect("bad", username="u", password=spoil(token(hs256, claims(), alg="HS256")), code=4)
    peer.expect_close()


def test_jwt_takes_the_signature_of_a_public_key(start, peers, keys):
    public, sign = keys
    one = start("jwt", {"public-key-file": public}, **STRICT)
    peer = peers(at=one)
    peer.connect("one", username="u", password=token(sign, claims(), alg="RS256"))
    peer.ping()
    bad = peers(at=one)
    bad.connect("bad", username="u", password=token(lambda signed: sign(signed + b"x"), claims(), alg="RS256"), code=4)


def test_jwt_is_not_fooled_about_the_algorithm(start, peers, keys):
    """The public key, which everybody has, is no secret for HS256."""
    public, _ = keys
    one = start("jwt", {"public-key-file": public})
    peer = peers(at=one)
    forged = token(lambda signed: hs256(signed, public.read_bytes()), claims(), alg="HS256")
    peer.connect("bad", username="u", password=forged, code=4)


def test_jwt_leaves_other_passwords_to_others(start, peers, secret_file):
    settings = {"secret-file": secret_file}
    open_to_all, closed = start("jwt", settings), start("jwt", settings, **STRICT)
    for one, code in ((open_to_all, 0), (closed, 4)):
        peers(at=one).connect("one", username="u", password=b"password", code=code)


@pytest.mark.parametrize(
    "settings, told",
    [
        ({}, "secret-file, public-key-file: one of them has to be given"),
        ({"secret-file": "/nowhere"}, "/nowhere: the secret cannot be opened"),
        ({"secret-file": "/dev/null"}, "/dev/null: a secret has 32 to 4095 bytes"),
        ({"public-key-file": "/dev/null"}, "/dev/null: expected a public key of RSA"),
        ({"secret": "x"}, "there is no setting 'secret'"),
    ],
    ids=["none", "absent", "short", "no-key", "key"],
)
def test_jwt_tells_what_is_wrong_with_its_settings(tmp_path, settings, told):
    parts = brokers.settings_with(plugins={str(EXAMPLES / "jwt.so"): settings})
    one = brokers.Broker(tmp_path, parts, kind="hbmqtt")
    process = one.spawn_hbmqtt(brokers.to_yaml(parts) + "\n")
    assert process.wait_exit() == 2
    assert process.err.wait_match(told)


# A web server


class Web:
    """A web server that answers as the test says: `rules` maps (path, client) to a status, or to an event that it waits for."""

    def __init__(self):
        self.rules, self.requests = {}, []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
                fields = {key: values[0] for key, values in form.items()}
                web.requests.append((self.path, fields))
                status = web.rules.get((self.path, fields["client"]), 200)
                if isinstance(status, threading.Event):
                    status.wait(EVENT_S)
                    status = 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def of(self, path):
        return [fields for where, fields in self.requests if where == path]


@pytest.fixture
def web():
    one = Web()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_http_asks_who_may_connect(start, peers, web):
    one = start("http", {"authenticate-url": web.url("/auth")}, **STRICT)
    web.rules = {("/auth", "bad"): 403, ("/auth", "broken"): 500}
    peer = peers(at=one)
    peer.connect("good", username="al & ice=\u00e9", password=b"p%20w\x00\xff")
    peers(at=one).connect("bad", username="u", password=b"p", code=4)
    peers(at=one).connect("broken", username="u", password=b"p", code=4)
    assert web.of("/auth")[0] | {"password": ""} == {"client": "good", "user": "al & ice=\u00e9", "password": ""}
    peer.publish("free/topic", b"x", qos=1)  # without a topic-url topics are none of its business
    assert not web.of("/topic")


def test_http_asks_about_topics(start, peers, web):
    one = start("http", {"topic-url": web.url("/topic")})
    web.rules = {("/topic", "bad"): 401}
    watcher, good, bad = (peers(at=one) for _ in range(3))
    watcher.connect("watcher")
    watcher.subscribe(("#", 2))
    good.connect("good")
    bad.connect("bad")
    bad.publish("a/b", b"x", qos=1)
    bad.subscribe("a/b", codes=[0x80])
    good.publish("a/b", b"x", qos=2)
    watcher.collect(1)
    assert fence(good, watcher) == []
    assert web.of("/topic")[:4] == [
        {"client": "watcher", "user": "", "action": "subscribe", "topic": "#", "qos": "2"},
        {"client": "bad", "user": "", "action": "publish", "topic": "a/b", "qos": "1"},
        {"client": "bad", "user": "", "action": "subscribe", "topic": "a/b", "qos": "0"},
        {"client": "good", "user": "", "action": "publish", "topic": "a/b", "qos": "2"},
    ]


@pytest.mark.parametrize("remember, count", [("yes", 1), ("no", 3)])
def test_http_may_remember(start, peers, web, remember, count):
    one = start("http", {"topic-url": web.url("/topic"), "remember": remember})
    peer = peers(at=one)
    peer.connect("one")
    for _ in range(3):
        peer.publish("a/b", b"x", qos=1)
    assert len(web.of("/topic")) == count


def test_http_lets_nobody_wait_for_another(start, peers, web):
    one = start("http", {"authenticate-url": web.url("/auth"), "topic-url": web.url("/topic")})
    gates = {name: threading.Event() for name in ("slow-1", "slow-2")}
    web.rules = {("/auth", name): gate for name, gate in gates.items()}
    slow = [peers(name, at=one) for name in gates]
    for peer, name in zip(slow, gates):
        peer.send(mqtt.connect(name, username="u"))
    wait_until(lambda: len(web.of("/auth")) == 2, "both are asked about")
    quick = peers("quick", at=one)
    quick.connect("quick", username="u")
    for _ in range(20):
        quick.publish("a/b", b"x", qos=1)
    assert not any(peer.look() for peer in slow)
    for name, peer in reversed(list(zip(gates, slow))):
        gates[name].set()
        peer.expect(mqtt.CONNACK, code=0)


def test_http_without_an_answer_denies(start, peers, web):
    gate = threading.Event()
    one = start("http", {"authenticate-url": web.url("/auth"), "timeout-ms": 100}, **STRICT)
    web.rules = {("/auth", "slow"): gate}
    peers(at=one).connect("slow", username="u", code=4)
    assert one.process.err.wait_match(r"warning: plugin .*http\.so: http://127\.0\.0\.1:\d+/auth: Timeout")
    gate.set()
    peers(at=one).connect("quick", username="u")


def test_http_that_nobody_serves_denies(start, peers):
    one = start("http", {"authenticate-url": f"http://127.0.0.1:{brokers.free_port()}/"}, **STRICT)
    peers(at=one).connect("one", username="u", code=4)


def test_http_stops_while_requests_are_under_way(start, peers, web):
    one = start("http", {"authenticate-url": web.url("/auth"), "timeout-ms": 300})
    gate = threading.Event()
    web.rules = {("/auth", "slow"): gate}
    peer = peers(at=one)
    peer.send(mqtt.connect("slow", username="u"))
    wait_until(lambda: web.of("/auth"), "it is asked about")
    one.stop()
    gate.set()


# Changed messages


def test_transform_moves_topics_and_wraps_payloads(start, peers):
    one = start("transform", {"from": "old/", "to": "new/place/", "envelope": True})
    watcher, peer = peers(at=one), peers(at=one)
    watcher.connect("watcher")
    watcher.subscribe(("new/#", 1), "other")
    peer.connect("gauge", username="alice")
    peer.publish("old/level", "42 \N{SNOWMAN} \"", qos=1)
    got = watcher.expect_publish("new/place/level", qos=1)
    watcher.accept(got)
    assert json.loads(got.payload) == {"client": "gauge", "user": "alice", "topic": "old/level", "payload": "42 \N{SNOWMAN} \""}
    peer.publish("other", b"", qos=0)
    assert json.loads(watcher.expect_publish("other").payload)["payload"] == ""
    peer.publish("other", b"\xff\xfe", qos=1)  # no text: refused
    peer.publish("old/end", b"", qos=0)
    watcher.expect_publish("new/place/end")


def test_transform_moves_topics_alone(start, peers):
    one = start("transform", {"from": "a", "to": "b", "bytes-max": 10})
    watcher, peer = peers(at=one), peers(at=one)
    watcher.connect("watcher")
    watcher.subscribe("#")
    peer.connect("one")
    peer.publish("a/1", b"\xff\x00")
    watcher.expect_publish("b/1", b"\xff\x00")
    peer.publish("c/1", b"same")
    watcher.expect_publish("c/1", b"same")
    peer.publish("c/1", b"more than ten", qos=1)
    peer.publish("a" + "/x" * 60, b"y", retain=True)
    watcher.expect_publish("b" + "/x" * 60, b"y")
    late = peers(at=one)
    late.connect("late")
    late.subscribe("b/#")
    late.expect_publish("b" + "/x" * 60, b"y", retain=True)
