"""Connections through an ssh tunnel; imported only by who asks for one.

The ``ssh`` program leads a unix socket of ours to an address as seen from the server. It lives as long as the
connection that it was made for, is started again when it breaks, and ends with us whatever happens: on the server runs
a ``cat`` that reads a pipe which we hold.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from typing import Final

from circus_core.errors import CallError

_REMOTE_COMMAND: Final = "echo ready; exec cat"
_OPTIONS: Final = (
    "-T",
    *("-o", "ConnectTimeout=15"),
    *("-o", "ControlPath=none"),
    *("-o", "ExitOnForwardFailure=yes"),
    *("-o", "ServerAliveInterval=15"),
    *("-o", "StreamLocalBindUnlink=yes"),
)
_FIRST_PAUSE: Final = 0.5  #: seconds before a broken tunnel is made anew; doubled each time
_LONGEST_PAUSE: Final = 30.0  #: seconds
_END_LIMIT: Final = 2.0  #: seconds that ssh has to end


class Tunnel:
    """An ``ssh`` process that leads ``url`` to *endpoint*, and its successors.

    :raises CallError: it could not be made
    """

    def __init__(self, endpoint: str, server: str, keyfile: str | None = None) -> None:
        self._server = server
        self._words = _words(server, keyfile)
        target = _target(endpoint, server)
        self._folder = tempfile.mkdtemp(prefix="circus-ssh-")
        self.url = f"ipc://{self._folder}/socket"
        self._forward = ["-L", f"{self._folder}/socket:{target}"]
        self._is_closed = threading.Event()
        try:
            self._process = self._start()
        except CallError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        threading.Thread(target=self._keep, name="circus-ssh", daemon=True).start()

    def close(self) -> None:
        """End it. May be called twice."""
        if self._is_closed.is_set():
            return
        self._is_closed.set()
        _end(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> subprocess.Popen[bytes]:
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    ["ssh", *_OPTIONS, *self._forward, *self._words, _REMOTE_COMMAND],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    bufsize=0,
                )
            except OSError as exc:
                raise CallError(f"--ssh {self._server}: cannot run ssh: {exc}; install the OpenSSH client") from exc
            assert process.stdout is not None
            # What the shell of the server says of its own accord may come before our word.
            while line := process.stdout.readline():
                if line.strip() == b"ready":
                    return process
            _end(process)
            said.seek(0)
            words = " ".join(said.read().decode(errors="replace").split()) or f"ssh ended with {process.returncode}"
        raise CallError(f"--ssh {self._server}: no tunnel: {words}; does `ssh {shlex.join(self._words)}` log in?")

    def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while not self._is_closed.is_set():
            self._process.wait()
            if self._is_closed.wait(pause):
                return
            try:
                process = self._start()
            except CallError:
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            _end(self._process)
            self._process, pause = process, _FIRST_PAUSE
        _end(self._process)  # closed while it was made anew


def _words(server: str, keyfile: str | None) -> list[str]:
    """Return the words of a command line of ssh that say where to log in, and how."""
    host, colon, port = server.rpartition(":")
    words = ["-p", port] if colon and port.isdigit() else []
    if keyfile:
        words += ["-i", os.path.expanduser(keyfile)]
    return [*words, "--", host if colon and port.isdigit() else server]


def _target(endpoint: str, server: str) -> str:
    address = re.fullmatch(r"tcp://(.+:\d+)|ipc://(/.+)", endpoint)
    if address is None:
        raise CallError(f"endpoint {endpoint!r}: write tcp://HOST:PORT or ipc:///PATH, as seen from {server}")
    return address[1] or address[2]


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.terminate()
    try:
        process.wait(_END_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
