"""A real ssh server: an ordinary process on a port of the loopback, with keys of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.support import procs
from tests.support.ports import free_ports
from tests.support.waiting import wait_for

PROGRAM = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class SshServer:
    """Lets the user of the tests in with ``keyfile``, as ``address``; ``bin`` has an ``ssh`` that trusts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self.keyfile = folder / "key"
        self.bin = folder / "bin"
        for name in ("key", "stranger", "hostkey"):
            self._run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self._write_client()

    @property
    def address(self) -> str:
        """What ``--ssh`` takes."""
        return f"{getpass.getuser()}@127.0.0.1:{self._port}"

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def start(self) -> None:
        """Serve, on the same port as before."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it insists
        if not self._port:
            (self._port,) = free_ports(1)
        config = self._folder / "sshd_config"
        config.write_text(
            f"Port {self._port}\nListenAddress 127.0.0.1\nHostKey {self._folder}/hostkey\n"
            f"AuthorizedKeysFile {self._folder}/authorized_keys\nStrictModes no\nUsePAM no\nPidFile none\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            # What the user has a shell run at each login is not ours to wait for, nor to end in the middle.
            f"SetEnv HOME={self._folder}\n"
        )
        assert PROGRAM is not None
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for(self._listens, f"sshd to listen; it says: {self.log}")

    def stop(self) -> None:
        """End it, with every login and what a login runs."""
        assert self._process is not None
        logins = procs.descendants_of(self._process.pid)
        self._process.terminate()
        self._process.wait(60)
        for pid in logins:
            procs.kill_quietly(pid)
        wait_for(lambda: not any(map(procs.is_alive, logins)), "the logins to end")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _write_client(self) -> None:
        """Write an ``ssh`` that knows the server's key, as a person's does after the first login, and never asks."""
        hostkey = (self._folder / "hostkey.pub").read_text()
        (self._folder / "known_hosts").write_text(f"[127.0.0.1]:{self._port} {hostkey}")
        config = self._folder / "ssh_config"
        config.write_text(f"UserKnownHostsFile {self._folder}/known_hosts\nIdentitiesOnly yes\nBatchMode yes\n")
        self.bin.mkdir()
        (self.bin / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
        (self.bin / "ssh").chmod(0o755)

    def _run(self, *words: str) -> None:
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
