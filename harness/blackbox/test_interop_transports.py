# SPDX-License-Identifier: MIT
"""Other people's clients over TLS, WebSocket and both: mosquitto's tools, paho, MQTT.js in Node and in a browser."""

import http.server
import json
import shutil
import subprocess
import threading
import uuid
from pathlib import Path

import pytest
from hub import hub, listener, make_hub, shared_hub  # noqa: F401 - a fixture
from process import Process
from transport import certificates

paho = pytest.importorskip("paho.mqtt.client", reason="python3-paho-mqtt is not installed")

pytestmark = pytest.mark.ours

MOSQUITTO_PUB, MOSQUITTO_SUB = shutil.which("mosquitto_pub"), shutil.which("mosquitto_sub")
LINE_BUFFERED = ["stdbuf", "-oL"]  # it tells what it does on stdout, and does not flush that
LINES = [f"line {number}: \u20ac und \u00fc" for number in range(50)]
CHROMIUM = "/usr/bin/chromium"
KINDS = ("tls", "ws", "wss")


def file(name):
    return str(certificates() / name)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    listeners = {
        "tcp": listener(),
        "tls": listener("tls"),
        "ws": listener("ws", path="/mqtt"),
        "wss": listener("wss", path="/mqtt"),
        "required": listener("tls", client_certificate="required", cafile=file("ca.pem"), crlfile=file("ca.crl")),
    }
    yield from shared_hub(tmp_path_factory, listeners, arguments=["-d"])


# mosquitto's tools


def mosquitto_where(hub, name, certificate=None):
    where = ["-h", "localhost", "-p", str(hub.addresses[name][1]), "-V", "311", "--cafile", file("ca.pem")]
    return where + (["--cert", file(f"{certificate}.pem"), "--key", file(f"{certificate}.key")] if certificate else [])


def finished(process, status=0):
    assert process.wait_exit(30) == status, process.stderr()
    return process.out.now()


needs_mosquitto = pytest.mark.skipif(not (MOSQUITTO_PUB and MOSQUITTO_SUB), reason="mosquitto-clients are not installed")


@needs_mosquitto
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
@pytest.mark.parametrize("name, certificate", [("tls", None), ("required", "client")])
def test_mosquitto_over_tls(hub, spawn, unique, name, certificate, version, qos):
    where = [*mosquitto_where(hub, name, certificate), "--tls-version", version, "-t", f"{unique}/t", "-q", str(qos)]
    receiver = spawn(*LINE_BUFFERED, MOSQUITTO_SUB, *where, "-d", "-F", "payload:%p", "-C", str(len(LINES)))
    assert receiver.out.wait_match("^Subscribed"), receiver.stderr()
    sender = spawn(MOSQUITTO_PUB, *where, "-l")
    sender.send("".join(line + "\n" for line in LINES).encode(), close=True)
    finished(sender)
    assert [line.removeprefix("payload:") for line in finished(receiver) if line.startswith("payload:")] == LINES


@needs_mosquitto
@pytest.mark.parametrize("certificate", [None, "client-expired", "client-revoked", "client-stranger"])
def test_mosquitto_without_a_good_certificate(hub, spawn, unique, certificate):
    where = mosquitto_where(hub, "required", certificate)
    process = spawn(MOSQUITTO_PUB, *where, "-t", f"{unique}/t", "-q", "1", "-m", "x")
    assert process.wait_exit(30) != 0
    assert spawn(MOSQUITTO_PUB, *mosquitto_where(hub, "required", "client"), "-t", "t", "-q", "1", "-m", "x").wait_exit(30) == 0


@needs_mosquitto
def test_mosquitto_with_alpn(hub, spawn):
    where = mosquitto_where(hub, "tls")
    finished(spawn(MOSQUITTO_PUB, *where, "--tls-alpn", "mqtt", "-t", "t", "-q", "1", "-m", "x"))
    assert spawn(MOSQUITTO_PUB, *where, "--tls-alpn", "h2", "-t", "t", "-q", "1", "-m", "x").wait_exit(30) != 0


@needs_mosquitto
def test_mosquitto_with_psk(make_hub, spawn):
    hub = make_hub({"psk": {"bind": "127.0.0.1:0", "ssl": True, "psk-file": file("psk")}})
    where = ["-h", "localhost", "-p", str(hub.addresses["psk"][1]), "-V", "311", "-t", "t", "-q", "2", "-m", "x"]
    key = "000102030405060708090a0b0c0d0e0f"
    finished(spawn(MOSQUITTO_PUB, *where, "--psk", key, "--psk-identity", "device"))
    assert spawn(MOSQUITTO_PUB, *where, "--psk", key[::-1], "--psk-identity", "device").wait_exit(30) != 0


@needs_mosquitto
def test_mosquitto_over_a_unix_socket(make_hub, spawn, tmp_path):
    hub = make_hub({"tcp": listener(), "local": {"bind": f"unix:{tmp_path}/s"}})
    watcher = hub.client("tcp")
    watcher.subscribe(("t", 2))
    process = spawn(MOSQUITTO_PUB, "--unix", tmp_path / "s", "-V", "311", "-t", "t", "-q", "2", "-m", "from afar")
    finished(process)
    assert watcher.collect(1)[0].payload == b"from afar"


# paho


# paho's library for C


@pytest.fixture(scope="module")
def paho_c(tmp_path_factory):
    """The program of paho_c.c, built with Debian's library."""
    if not Path("/usr/include/MQTTClient.h").exists():
        pytest.skip("libpaho-mqtt-dev is not installed")
    program = tmp_path_factory.mktemp("paho") / "paho_c"
    source = Path(__file__).with_name("paho_c.c")
    subprocess.run(["cc", "-Wall", "-Werror", "-o", program, source, "-lpaho-mqtt3cs"], check=True)
    return program


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("scheme, name, certificate", [
    ("tcp", "tcp", None), ("ssl", "tls", None), ("ssl", "required", "client"),
])  # fmt: skip
def test_paho_c(hub, spawn, unique, paho_c, scheme, name, certificate, qos):
    """Not over WebSocket: its 1.3.12 leaves the second packet of a frame unread until more comes [MQTT-6.0.0-2]."""
    url = f"{scheme}://localhost:{hub.addresses[name][1]}"
    files = [file(f"{certificate}.pem"), file(f"{certificate}.key")] if certificate else ["", ""]
    process = spawn(paho_c, url, file("ca.pem"), *files, f"{unique}/t", str(qos), "20")
    assert finished(process) == [f"message {number}" for number in range(20)]


def test_paho_c_without_its_certificate_is_refused(hub, spawn, unique, paho_c):
    url = f"ssl://localhost:{hub.addresses['required'][1]}"
    process = spawn(paho_c, url, file("ca.pem"), "", "", f"{unique}/t", "0", "1")
    assert process.wait_exit(30) == 1
    hub.plain("tcp")


class Paho:
    """A client whose loop runs in a thread of its own."""

    def __init__(self, hub, kind, client_id=""):
        self.client = paho.Client(client_id=client_id, protocol=paho.MQTTv311, transport="websockets" if "ws" in kind else "tcp")
        if "ws" in kind:
            self.client.ws_set_options(path="/mqtt")
        if kind in ("tls", "wss"):
            self.client.tls_set(ca_certs=file("ca.pem"))
        self.client.max_queued_messages_set(0)
        self.changed = threading.Condition()
        self.subscribed, self.published, self.received = 0, 0, []
        self.client.on_subscribe = lambda *_: self._count("subscribed")
        self.client.on_publish = lambda *_: self._count("published")
        self.client.on_message = self._receive
        self.client.connect("localhost", hub.addresses[kind][1], keepalive=60)
        self.client.loop_start()

    def _count(self, name):
        with self.changed:
            setattr(self, name, getattr(self, name) + 1)
            self.changed.notify_all()

    def _receive(self, _client, _data, message):
        with self.changed:
            self.received.append(message.payload.decode())
            self.changed.notify_all()

    def wait(self, condition, what):
        with self.changed:
            assert self.changed.wait_for(condition, 30), what

    def subscribe(self, topic, qos):
        self.client.subscribe(topic, qos)
        self.wait(lambda: self.subscribed, "no SUBACK")

    def publish_all(self, topic, lines, qos):
        for line in lines:
            self.client.publish(topic, line, qos)
        self.wait(lambda: self.published >= len(lines), "not all were published")

    def payloads(self, count):
        self.wait(lambda: len(self.received) >= count, f"fewer than {count} messages")
        return list(self.received)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def open_paho(hub):
    clients = []

    def open_one(kind):
        clients.append(Paho(hub, kind))
        return clients[-1]

    yield open_one
    for one in clients:
        one.stop()


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", ["tcp", *KINDS])
def test_paho(open_paho, unique, kind, other, qos):
    """In both directions between two transports."""
    ends = open_paho(kind), open_paho(other)
    for at, (sender, receiver) in enumerate([ends, ends[::-1]]):
        receiver.subscribe(f"{unique}/{at}", qos)
        sender.publish_all(f"{unique}/{at}", LINES, qos)
        assert receiver.payloads(len(LINES)) == LINES


@pytest.mark.parametrize("kind", KINDS)
def test_paho_with_a_large_message(open_paho, unique, kind):
    one = open_paho(kind)
    one.subscribe(f"{unique}/t", 2)
    payload = "x" * 3_000_000
    one.publish_all(f"{unique}/t", [payload], 2)
    assert one.payloads(1) == [payload]


# MQTT.js. Its version is fixed: it is what this was tried with, and the newest may want a newer Node.

MQTT_JS = "mqtt@5.10.1"

SCRIPT = """
const mqtt = require('mqtt');
const [url, ca, topic, qos] = process.argv.slice(2);
const lines = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const client = mqtt.connect(url, {ca: ca ? require('fs').readFileSync(ca) : undefined, protocolVersion: 4, reconnectPeriod: 0});
client.on('error', error => { console.error(String(error)); process.exit(1); });
client.on('message', (name, payload) => {
    if (name === topic + '/end') client.end(false, {}, () => process.exit(0));
    else console.log('got ' + payload);
});
client.on('connect', () => client.subscribe(topic + '/#', {qos: +qos}, error => {
    if (error) { console.error(String(error)); process.exit(1); }
    console.log('subscribed');
    for (const line of lines) client.publish(topic + '/own', line, {qos: +qos}, error => { if (error) process.exit(1); });
}));
"""


@pytest.fixture(scope="session")
def mqtt_js(tmp_path_factory):
    """A folder with MQTT.js and a script, installed once."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no npm, or no node")
    folder = tmp_path_factory.mktemp("mqtt-js")
    command = [npm, "install", "--no-audit", "--no-fund", "--no-save", "--prefix", folder, MQTT_JS]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not come to an end")
    if done.returncode != 0:
        pytest.skip(f"npm could not install {MQTT_JS}: {done.stderr[-200:]}")
    (folder / "client.js").write_text(SCRIPT)
    return folder


def url_of(hub, kind):
    return f"{kind}://localhost:{hub.addresses[kind][1]}/mqtt"


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("kind", ["ws", "wss"])
def test_mqtt_js(hub, spawn, mqtt_js, unique, kind, qos):
    """Its messages reach it and a raw peer; a raw peer's reach it."""
    watcher = hub.client("tcp", f"{unique}-watcher")
    watcher.subscribe((f"{unique}/own", 2))
    arguments = [url_of(hub, kind), file("ca.pem") if kind == "wss" else "", unique, str(qos)]
    process = spawn("node", mqtt_js / "client.js", *arguments)
    process.send(json.dumps(LINES).encode(), close=True)
    assert [message.payload.decode() for message in watcher.collect(len(LINES), 30)] == LINES
    assert len(process.out.wait_count(1 + len(LINES), 30)) == 1 + len(LINES)
    sender = hub.client("tls", f"{unique}-sender")
    for line in LINES:
        sender.publish(f"{unique}/theirs", line, qos=qos)
    sender.publish(f"{unique}/end", b"", qos=qos)
    assert finished(process) == ["subscribed"] + [f"got {line}" for line in LINES] * 2


# A browser, which masks, fragments and closes as it likes, and is the only one to send an Origin.

PAGE = """<!doctype html><meta charset="utf-8"><title>MQTT.js</title><script src="mqtt.min.js"></script><script>
const client = mqtt.connect('URL', {protocolVersion: 4, reconnectPeriod: 0, clientId: 'TOPIC'});
let got = 0, bytes = 0;
client.on('message', (name, payload) => {
    bytes += payload.length;
    if (++got < 60) return;
    client.publish('TOPIC/done', 'got ' + got + ' of ' + bytes + ' bytes', {qos: 2}, () => client.end());
});
client.on('connect', () => client.subscribe('TOPIC/t', {qos: 2}, () => {
    for (let number = 0; number < 60; number++) client.publish('TOPIC/t', new Uint8Array(number * 5000), {qos: number % 3});
}));
</script>"""


@pytest.fixture
def serve_folder():
    servers = []

    def serve(folder):
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=str(folder))

            def log_message(self, *_):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].server_address[1]

    yield serve
    for one in servers:
        one.shutdown()
        one.server_close()


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no {CHROMIUM}")
def test_mqtt_js_in_a_browser(make_hub, mqtt_js, tmp_path, serve_folder, timeline):
    """Only the page's own origin may connect."""
    topic = uuid.uuid4().hex
    script = mqtt_js / "node_modules" / "mqtt" / "dist" / "mqtt.min.js"
    shutil.copy(script, tmp_path)
    port = serve_folder(tmp_path)
    hub = make_hub({"ws": listener("ws", path="/mqtt", origins=[f"http://localhost:{port}"]), "tcp": listener()})
    watcher = hub.client("tcp", "watcher")
    watcher.subscribe((f"{topic}/done", 2))
    (tmp_path / "page.html").write_text(PAGE.replace("URL", url_of(hub, "ws")).replace("TOPIC", topic))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}/profile"]
    browser = Process([CHROMIUM, *options, "--remote-debugging-port=0", f"http://localhost:{port}/page.html"])
    try:
        assert watcher.collect(1, 60)[0].payload == b"got 60 of %d bytes" % sum(number * 5000 for number in range(60))
    finally:
        browser.kill()
    hub.check_serves("ws", Origin=f"http://localhost:{port}")
