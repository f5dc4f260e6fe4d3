"""A real nginx: an ordinary process on ports of the loopback, with the configuration that the docs show."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.ports import free_ports
from tests.support.waiting import wait_for

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
_FRAME = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
user {user};
events {{}}
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{site}
}}
"""


class Nginx:
    """Serves *site*, the text of a configuration, in which each of *changes* is made and ``PORT`` is a free port."""

    def __init__(self, folder: Path, site: str, changes: Mapping[str, str]) -> None:
        (self.port,) = free_ports(1)
        for old, new in changes.items():
            assert old in site, old
            site = site.replace(old, new.replace("PORT", f"127.0.0.1:{self.port}"))
        self._folder = folder
        user = pwd.getpwuid(os.geteuid()).pw_name
        config = folder / "nginx.conf"
        config.write_text(_FRAME.format(folder=folder, user=user, site=site))
        assert PROGRAM is not None
        with open(folder / "nginx.log", "wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-p", str(folder), "-e", "stderr", "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        wait_for(self._listens, f"nginx to listen; it says: {self.log}")

    @property
    def log(self) -> str:
        return (self._folder / "nginx.log").read_text()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Return the paths of a new certificate for *name* and of its key."""
    certificate, key = folder / "cert.pem", folder / "cert.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key
