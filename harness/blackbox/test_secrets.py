# SPDX-License-Identifier: MIT
"""What nobody may find in a log, at any level: passwords, keys, payloads, credentials in headers and URLs."""

import json
import re
import shutil
import signal
import subprocess

import broker as brokers
import credentials
import packet as mqtt
import pytest
import transport
from credentials import sha512
from hub import listener, make_hub  # noqa: F401 - a fixture
from peer import Peer

pytestmark = pytest.mark.ours

PASSWORD, WRONG_PASSWORD = "pa55-Geheimnis", "wr0ng-Geheimnis"
PAYLOAD, WILL_PAYLOAD, RETAINED = "payl0ad-Geheimnis", "w1ll-Geheimnis", "reta1ned-Geheimnis"
TOKEN = "t0ken-Geheimnis"
PSK, WRONG_PSK = "000102030405060708090a0b0c0d0e0f", "f0e0d0c0b0a090807060504030201000"
SECRETS = [PASSWORD, WRONG_PASSWORD, PAYLOAD, WILL_PAYLOAD, RETAINED, TOKEN, PSK, WRONG_PSK, "Geheimnis"]


def expect_no_secret(text):
    """Neither as it is, nor in the two forms in which bytes are shown."""
    for secret in SECRETS:
        for form in (secret, secret.encode().hex(), secret.encode().hex(" ")):
            assert form.lower() not in text.lower(), [line for line in text.splitlines() if form.lower() in line.lower()]


def say_everything(open_peer):
    """Clients that show secrets in every way: in order, and wrong in every way that is told of in the log."""
    will = mqtt.Will("w", WILL_PAYLOAD.encode(), 1)
    one = open_peer()
    one.connect("right", username="user", password=PASSWORD, will=will)
    for qos in range(3):
        one.publish("t", PAYLOAD.encode(), qos=qos)
    one.publish("kept", RETAINED.encode(), qos=1, retain=True)
    one.publish("kept-too", RETAINED.encode(), qos=1, retain=True)  # more than the limit
    one.subscribe("kept")
    one.expect_publish("kept", RETAINED)
    one.reset()  # the will is sent
    connect = mqtt.connect("wrong", username="user", password=WRONG_PASSWORD, will=will)
    wrong = [
        connect + connect,  # a second CONNECT
        connect + mqtt.publish("t", PAYLOAD.encode())[:-1] + b"\xff" * 9,  # a packet that ends elsewhere
        connect + mqtt.frame(0x36, mqtt.text("t") + PAYLOAD.encode()),  # QoS 3
        connect + mqtt.publish("a/#", PAYLOAD.encode()),
        mqtt.connect("wrong", username="user", password=WRONG_PASSWORD, name=PASSWORD),
        mqtt.connect("wrong", username="user", password=WRONG_PASSWORD, level=9),
        mqtt.connect("wrong", username="user", password=WRONG_PASSWORD, flags=0xFF),
        mqtt.connect("wrong", username="user", password=WRONG_PASSWORD, tail=PASSWORD.encode()),
        mqtt.publish("t", PAYLOAD.encode()),  # before any CONNECT
        PASSWORD.encode(),
    ]
    for data in wrong:
        one = open_peer()
        one.send(data)
        while one.poll() is not None:
            pass
        one.close()


def test_a_broker_that_tells_everything_tells_no_secret(make_broker, timeline):
    broker = make_broker(arguments=["-d"], limits={"retained_messages_max": 1})
    say_everything(lambda: Peer.open(broker.address, timeline=timeline))
    broker.stop()
    text = broker.process.stderr()
    assert "is not kept" in text and text.count("connection closed") >= 8  # it has told of them
    expect_no_secret(text)


@pytest.mark.parametrize("reload", [False, True], ids=["once", "again"])
def test_fault_passwords_and_hashes_are_no_secret_in_the_log(make_broker, timeline, tmp_path, reload):
    """Right and wrong ones, those of unknown users and of who has to wait, as the original's debug log told the hashes."""
    hashes = {"user": sha512(PASSWORD), "other": sha512(WRONG_PASSWORD + "x")}
    users = credentials.write(tmp_path / "users", hashes)
    broker = make_broker(arguments=["-d"], auth={"allow-anonymous": False, "password-file": users})
    if reload:
        broker.process.signal(signal.SIGHUP)
    codes = []
    for username, password in [("user", PASSWORD), ("nobody", PASSWORD)] + [("user", WRONG_PASSWORD)] * 9:
        one = Peer.open(broker.address, source="127.0.0.9", timeline=timeline)
        one.send(mqtt.connect("", username=username, password=password))
        codes.append(one.expect(mqtt.CONNACK).code)
        one.close()
    assert codes[:7] == [0] + [4] * 6 and 3 in codes
    broker.stop()
    text = broker.process.stderr()
    expect_no_secret(text)
    for hashed in hashes.values():
        for part in (hashed, hashed.rpartition("$")[2], "saltstring"):
            assert part not in text


def test_headers_of_websocket_are_no_secret_in_the_log(make_hub):
    """Those of an upgrade that is served, and of some that are refused."""
    hub = make_hub({"ws": listener("ws"), "tcp": listener()}, arguments=["-d"])
    for wrong in ({}, {"Sec_WebSocket_Version": "12"}, {"Upgrade": "h2c"}, {"Sec_WebSocket_Protocol": "chat"}):
        sock = hub.plain("ws", before=transport.upgrade_request(Authorization=f"Bearer {TOKEN}", Cookie=f"x={TOKEN}", **wrong))
        assert sock.recv(100).startswith(b"HTTP/1.1 4" if wrong else b"HTTP/1.1 101")
        sock.close()
    sock = hub.plain("tcp", before=transport.upgrade_request(Authorization=f"Bearer {TOKEN}"))
    assert sock.recv(100).startswith(b"HTTP/1.1 4")
    hub.check_serves("tcp")
    hub.broker.stop()
    assert hub.broker.process.stderr().count("connection closed") >= 4
    expect_no_secret(hub.broker.process.stderr())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_pre_shared_keys_are_no_secret_in_the_log(make_hub):
    certificates = transport.certificates()
    assert PSK in (certificates / "psk").read_text()
    hub = make_hub({"tcp": listener(), "psk": {"bind": "127.0.0.1:0", "ssl": True, "psk-file": certificates / "psk"}}, arguments=["-d"])
    for key in (PSK, WRONG_PSK):
        where = f"127.0.0.1:{hub.addresses['psk'][1]}"
        command = ["openssl", "s_client", "-connect", where, "-tls1_2", "-cipher", "PSK", "-psk_identity", "device", "-psk", key]
        subprocess.run(command, input=mqtt.connect("x") + mqtt.disconnect(), capture_output=True, timeout=20, check=False)
    assert hub.broker.process.err.wait_match("connection closed")
    hub.check_serves("tcp")
    hub.broker.stop()
    expect_no_secret(hub.broker.process.stderr())


def test_a_file_of_keys_that_is_wrong_is_told_of_without_them(spawn, tmp_path):
    keys, config = tmp_path / "psk", tmp_path / "hbmqtt.yaml"
    for content in (f"device:{PSK}x\n", f"{PSK}\n", f"device:{PSK}\ndevice:{WRONG_PSK}\n", f"device {PSK}\n", f":{PSK}\n"):
        keys.write_text(content)
        keys.chmod(0o600)
        listeners = {"default": {"bind": "127.0.0.1:0", "ssl": True, "psk-file": keys}}
        config.write_text(brokers.to_yaml(brokers.settings_with(listeners=listeners)) + "\n")
        process = spawn(brokers.HBMQTT, "-d", "-c", config)
        assert process.wait_exit() == 2
        assert str(keys) in process.stderr()
        expect_no_secret(process.stderr())


HEADERS = json.dumps({"Authorization": f"Bearer {TOKEN}"})
TOOLS = [(brokers.HBMQTT_PUB, ("-t", "t", "-m", PAYLOAD)), (brokers.HBMQTT_SUB, ("-t", "t", "-n", "1"))]


@pytest.mark.parametrize("tool, arguments", TOOLS, ids=["pub", "sub"])
def test_the_tools_tell_no_secret(make_hub, spawn, tool, arguments):
    """With -d: of a connection that is served, refused, or to where nobody or somebody else listens."""
    hub = make_hub({"tcp": listener(), "ws": listener("ws")}, arguments=["-d"])
    (_, tcp), (_, ws) = hub.addresses["tcp"], hub.addresses["ws"]
    nobody = brokers.free_port()
    hub.client("tcp").publish("t", PAYLOAD.encode(), qos=1, retain=True)
    will = ("--will-topic", "w", "--will-message", WILL_PAYLOAD)
    for scheme, port in (("mqtt", tcp), ("ws", ws), ("mqtt", nobody), ("ws", nobody), ("ws", tcp), ("mqtt", ws), ("mqtts", tcp), ("http", tcp)):
        url = f"{scheme}://user:{PASSWORD}@127.0.0.1:{port}/mqtt"
        process = spawn(tool, "-d", "--url", url, "--extra-headers", HEADERS, *will, *arguments)
        served = (scheme, port) in (("mqtt", tcp), ("ws", ws))
        assert (process.wait_exit() == 0) == served, process.stderr()
        assert re.search("sent CONNECT" if served else r"\S", process.stderr())
        expect_no_secret(process.stderr())
        if tool == brokers.HBMQTT_PUB:
            expect_no_secret("\n".join(process.out.now()))
    for headers in (f'{{"Authorization": "Bearer {TOKEN}"', f'{{"Authorization": ["{TOKEN}"]}}', f'"{TOKEN}"'):
        process = spawn(tool, "-d", "--url", f"ws://127.0.0.1:{ws}/mqtt", "--extra-headers", headers, *arguments)
        assert process.wait_exit() != 0
        expect_no_secret(process.stderr())
    hub.broker.stop()
    expect_no_secret(hub.broker.process.stderr())


def test_a_configuration_of_the_tools_that_is_wrong_is_told_of_without_secrets(spawn, config):
    for text in (f"broker:\n  uri: user:{PASSWORD}@nowhere\n", f"broker:\n  uri: mqtt://user:{PASSWORD}@127.0.0.1:99999\n"):
        process = spawn(brokers.HBMQTT_PUB, "-d", "-c", config(text), "-t", "t", "-m", PAYLOAD)
        assert process.wait_exit() != 0
        expect_no_secret(process.stderr())
