"""A real ``circusd`` on an ini file, and everything that a user does to it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from circus_core.client import CircusClient
from circus_core.consumer import CircusConsumer
from circus_core.errors import CallError
from circus_core.testing._waiting import PATIENCE, wait_for

Reply = dict[str, Any]


class Daemon:
    """Owns a folder, the ``circusd`` that runs in it and every process that comes from that.

    The folder is short-named: a unix socket's path has at most 107 bytes.
    """

    circusd: Sequence[str] = (sys.executable, "-P", "-m", "circus_core.cli.circusd")
    circusctl: Sequence[str] = (sys.executable, "-P", "-m", "circus_core.cli.circusctl")
    end_timeout: ClassVar[float] = 25.0  #: seconds to end in; after 30 it kills what does not, unseen

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="circus-", dir="/tmp"))
        self.home.chmod(0o755)
        self.endpoint = f"ipc://{self.home}/ctl"
        self.pubsub_endpoint = f"ipc://{self.home}/pub"
        self.config = self.home / "circus.ini"
        self.pid = 0
        self.has_failed = False
        self._child: subprocess.Popen[bytes] | None = None
        self._client: CircusClient | None = None
        self._open = ExitStack()

    # The program

    def write(self, *sections: object) -> Path:
        """Write the ini file: a ``[circus]`` section with our endpoints, then the text of each of *sections*."""
        options = {
            "endpoint": self.endpoint,
            "pubsub_endpoint": self.pubsub_endpoint,
            "multicast_endpoint": "",
        }
        ours = "\n".join(["[circus]", *(f"{name} = {value}".rstrip() for name, value in options.items()), ""])
        self.config.write_text("\n".join([ours, *map(str, sections)]))
        return self.config

    def launch(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        via: Sequence[str] = (),
        cwd: Path | None = None,
        **popen: Any,
    ) -> subprocess.Popen[bytes]:
        """Run ``circusd`` with *args* only, and return at once.

        :param env: its environment, by default our own
        :param via: words before it, as of ``nice`` or ``unshare``
        :param popen: what :class:`subprocess.Popen` takes
        """
        with open(self.home / "stdout", "ab") as stdout, open(self.home / "stderr", "ab") as stderr:
            self._child = subprocess.Popen(
                [*via, *self.circusd, *args],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd or self.home,
                env=dict(os.environ if env is None else env),
                start_new_session=True,
                **popen,
            )
        self.pid = self._child.pid
        return self._child

    def start(self, *sections: object, args: Sequence[str] = (), **how: Any) -> None:
        """Run ``circusd`` on *sections*, the text of the ini file; return when it answers.

        :param args: options for its command line
        :param how: what :meth:`launch` takes
        """
        self.write(*sections)
        self.launch(*args, str(self.config), **how)
        self.wait_until_up()

    def wait_until_up(self, timeout: float = PATIENCE) -> None:
        """Return when it answers a command; fail when it ended instead."""
        limit = time.monotonic() + timeout
        while not self.is_answering(0.5):
            if not self.is_running:
                pytest.fail(f"circusd ended with {self.wait_exit()}; it says: {self.log}{self.output}")
            if time.monotonic() > limit:
                pytest.fail(f"circusd does not answer within {timeout:g}s; it says: {self.log}{self.output}")

    def wait_exit(self, timeout: float = PATIENCE) -> int:
        """Return the exit code of ``circusd`` once it ended."""
        assert self._child is not None
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"circusd runs on after {timeout:g}s; its log: {self.log}")

    def stop(self) -> int:
        """End it as a user does, with ``SIGTERM``, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_exit()

    def signal(self, signum: int) -> None:
        """Send a signal to ``circusd`` alone."""
        os.kill(self.pid, signum)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._child is not None and self._child.poll() is None

    def is_answering(self, timeout: float) -> bool:
        """Return whether it answers a command within *timeout* seconds."""
        with CircusClient(endpoint=self.endpoint, timeout=timeout) as client:
            try:
                return "numwatchers" in client.send_message("numwatchers")
            except CallError:
                return False

    # What it says

    @property
    def log(self) -> str:
        """What it wrote to standard error."""
        return self._read("stderr")

    @property
    def output(self) -> str:
        """What it and its processes wrote to standard output."""
        return self._read("stdout")

    def _read(self, name: str) -> str:
        path = self.home / name
        return path.read_text(errors="replace") if path.exists() else ""

    # Commands

    def ask(self, command: str, properties: Mapping[str, Any]) -> Reply:
        """Send a command and return its reply, an error reply too."""
        if self._client is None:
            self._client = self._open.enter_context(CircusClient(endpoint=self.endpoint, timeout=PATIENCE))
        return self._client.send_message(command, **properties)

    def call(self, command: str, /, **properties: Any) -> Reply:
        """Send a command and return its reply; fail when that is an error."""
        reply = self.ask(command, properties)
        assert reply["status"] != "error", f"{command} {properties}: {reply}"
        return reply

    def refused(self, command: str, /, **properties: Any) -> Reply:
        """Send a command and return its reply; fail unless that is an error."""
        reply = self.ask(command, properties)
        assert reply["status"] == "error", f"{command} {properties}: {reply}"
        return reply

    def ctl(
        self, *words: str, env: Mapping[str, str] | None = None, stdin: str | None = None, timeout: float = PATIENCE
    ) -> subprocess.CompletedProcess[str]:
        """Run ``circusctl`` on our endpoint."""
        return subprocess.run(
            [*self.circusctl, "--endpoint", self.endpoint, *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=dict(os.environ if env is None else env),
            input=stdin if stdin is not None else "",
        )

    def status(self, watcher: str) -> str:
        """Return the state of a watcher."""
        return str(self.call("status", name=watcher)["status"])

    def wait_status(self, watcher: str, status: str, timeout: float = PATIENCE) -> None:
        """Return when a watcher is in that state."""
        seen = [""]

        def probe() -> bool:
            seen[0] = self.status(watcher)
            return seen[0] == status

        wait_for(probe, f"{watcher} to be {status}; log: {self.log[-2000:]}", timeout)

    def pids(self, watcher: str) -> list[int]:
        """Return the pids of a watcher's live processes, sorted."""
        return sorted(self.call("list", name=watcher)["pids"])

    def consumer(self, *topics: str) -> CircusConsumer:
        """Return a consumer of the events of *topics* (all by default) that gets every one from now on."""
        consumer = CircusConsumer(topics or [""], endpoint=self.pubsub_endpoint, timeout=PATIENCE)
        self._open.enter_context(consumer).synchronise()
        return consumer

    # The end

    def close(self, *, check: bool = True) -> None:
        """End what still runs, remove the folder; fail when something was left.

        :param check: ``False`` after a failure, which is not to be hidden by what it left
        """
        self._open.close()
        try:
            complaint = self.end()
        finally:
            shutil.rmtree(self.home, ignore_errors=True)
        if check and complaint:
            pytest.fail(complaint)

    def end(self) -> str:
        """End it and all that came from it; return what was wrong with its end, ``""`` when nothing was."""
        if self._child is None or not self.is_running:
            return ""
        children = psutil.Process(self.pid).children(recursive=True)
        self.signal(signal.SIGTERM)
        try:
            self._child.wait(self.end_timeout)
            complaint = ""
        except subprocess.TimeoutExpired:
            complaint = f"circusd did not end within {self.end_timeout:g}s of TERM; its log: {self.log[-3000:]}"
            self._child.send_signal(signal.SIGSTOP)  # keeper and arbiter would start each other again
            for process in psutil.Process(self.pid).children(recursive=True):
                process.kill()
            self._child.kill()
            self._child.wait()
        _, left = psutil.wait_procs(children, timeout=5)
        for process in left:
            complaint = complaint or f"circusd left {process}"
            process.kill()
        psutil.wait_procs(left, timeout=3)
        return complaint
