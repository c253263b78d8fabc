# SPDX-License-Identifier: MIT
"""Certificates for one run of the tests: those of ci/certs, and what only clients have to do with."""

import subprocess
from pathlib import Path

CERTS = Path(__file__).resolve().parents[2] / "ci" / "certs"


class Certificates:
    """A directory of NAME.pem and NAME.key: what ci/certs lists, and

    named       as server, but the address stands where names do
    both        certificate and key of client in one file
    locked      the key of client with a passphrase
    ca_path     a directory that holds the CA `ca`
    """

    def __init__(self, directory):
        self.directory = Path(directory)
        self._run(CERTS, self.directory)
        self._sign("named", "DNS:localhost,DNS:127.0.0.1")
        self._run("openssl", "pkey", "-aes128", "-passout", "pass:secret", "-in", self.key("client"), "-out", self.key("locked"))
        Path(self.pem("both")).write_text(self.text("client") + Path(self.key("client")).read_text())
        self.ca_path = self.directory / "trusted"
        self.ca_path.mkdir()
        (self.ca_path / "ca.pem").write_text(self.text("ca"))
        self._run("openssl", "rehash", self.ca_path)

    def pem(self, name):
        return str(self.directory / f"{name}.pem")

    def key(self, name):
        return str(self.directory / f"{name}.key")

    def text(self, name):
        return Path(self.pem(name)).read_text()

    def _run(self, *command):
        words = [str(word) for word in command]
        run = subprocess.run(words, capture_output=True, text=True, cwd=self.directory, check=False)
        assert run.returncode == 0, f"{' '.join(words)}:\n{run.stderr}"

    def _sign(self, name, names):
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName = {names}\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.key(name)]
        self._run("openssl", "req", *key, "-subj", f"/CN={name}", "-out", request)
        ca = ["-CA", self.pem("ca"), "-CAkey", self.key("ca"), "-set_serial", "1000"]
        self._run("openssl", "x509", "-req", "-in", request, *ca, "-days", "2", "-extfile", extensions, "-out", self.pem(name))
