# SPDX-License-Identifier: MIT
"""hbmqtt_conformance --address: a broker that runs already is judged, and stays as it was."""

import json
import os
import socket
import subprocess

import pytest
from broker import BUILD

PROGRAM = os.path.join(BUILD, "conformance/hbmqtt_conformance")
PICKED = ["3.12/ping", "3.1/takeover", "3.1.3/no-will", "4.3/all-stages", "3.3/denied"]


def judge(address, report=None):
    words = [word for name in PICKED for word in ("--case", name)]
    words += ["--json", report] if report else []
    return subprocess.run([PROGRAM, "--address", address, *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("which", ["broker", "shared_mosquitto"])
def test_a_running_broker_is_judged(request, which, tmp_path):
    host, port = request.getfixturevalue(which).address[:2]
    report = tmp_path / "report.json"
    run = judge(f"{host}:{port}", report)
    assert run.returncode == 0, run.stdout + run.stderr
    verdicts = {case["case"]: case["verdict"] for case in json.loads(report.read_text())["subjects"][0]["cases"]}
    assert verdicts == dict.fromkeys(PICKED, "pass") | {"3.3/denied": "not applicable"}


def test_nobody_at_the_address_is_one_line():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        run = judge("127.0.0.1:{}".format(nobody.getsockname()[1]))
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "no broker that speaks tcp at 127.0.0.1:" in run.stderr


def test_an_address_without_a_port_is_one_line():
    run = judge("127.0.0.1")
    assert (run.returncode, run.stderr) == (2, "hbmqtt_conformance: --address wants HOST:PORT, not '127.0.0.1'\n")
