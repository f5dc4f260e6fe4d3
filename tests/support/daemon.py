"""A real ``circusd`` on an ini file, and everything that a user does to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support import procs
from tests.support.flavour import Flavour
from tests.support.ini import Section
from tests.support.waiting import wait_for
from tests.support.wire import Events, Reply, Wire

OFF = {"false", "no", "off", "0"}


class Daemon:
    """Owns a folder, the ``circusd`` that runs in it and every process that comes from that.

    The folder is short-named: a unix socket's path has at most 107 bytes.
    """

    def __init__(self, flavour: Flavour) -> None:
        self.flavour = flavour
        self.home = Path(tempfile.mkdtemp(prefix="circus-", dir="/tmp"))
        self.home.chmod(0o755)
        self.endpoint = f"ipc://{self.home}/ctl"
        self.pubsub_endpoint = f"ipc://{self.home}/pub"
        self.config = self.home / "circus.ini"
        self.pid = 0
        self.has_failed = False
        self._child: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        self._open = ExitStack()
        self._elsewhere = set(procs.descendants_of(os.getpid()))

    # The program

    def write(self, *sections: Section) -> Path:
        """Write the ini file; the ``[circus]`` section holds our endpoints and what *sections* say of it."""
        options: dict[str, object] = {
            "endpoint": self.endpoint,
            "pubsub_endpoint": self.pubsub_endpoint,
            "multicast_endpoint": "",
            **self.flavour.defaults,
        }
        for section in sections:
            options.update(section.options if section.name == "circus" else {})
        others = [section for section in sections if section.name != "circus"]
        self.config.write_text("\n".join(map(str, [Section("circus", options), *others])))
        return self.config

    def launch(
        self, *args: str, env: Mapping[str, str] | None = None, via: Sequence[str] = (), cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Run ``circusd`` with *args* only, and return at once.

        :param via: words before it, as of ``nice`` or ``unshare``
        """
        with open(self.home / "stdout", "ab") as stdout, open(self.home / "stderr", "ab") as stderr:
            self._child = subprocess.Popen(
                [*via, *self.flavour.circusd, *args],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd or self.home,
                env=dict(os.environ if env is None else env),
                start_new_session=True,
                preexec_fn=procs.end_with_parent,  # noqa: PLW1509  no thread of a test runs when it launches
            )
        self.pid = self._child.pid
        return self._child

    def start(self, *sections: Section, args: Sequence[str] = (), wait: bool = True, **how: Any) -> None:
        """Run ``circusd`` on *sections*; return when it answers and every watcher that it starts is active.

        :param wait: ``False`` returns when it answers
        """
        self.write(*sections)
        self.launch(*args, str(self.config), **how)
        self.wait_until_up()
        if wait:
            for section in sections:
                kind, _, name = section.name.partition(":")
                if kind == "watcher" and _is_started(section):
                    self.wait_status(name, "active")

    def wait_until_up(self, timeout: float = 20.0) -> None:
        """Return when it answers a command; fail when it ended instead."""
        limit = time.monotonic() + timeout
        self.wire.send("numwatchers")
        while self.wire.receive(0.1) is None:
            if not self.is_running:
                pytest.fail(f"circusd ended with {self.wait_exit()}; it says: {self.log}{self.output}")
            if time.monotonic() > limit:
                pytest.fail(f"circusd does not answer within {timeout:g}s; it says: {self.log}{self.output}")

    def wait_exit(self, timeout: float = 15.0) -> int:
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
        return self._child is not None and self._child.poll() is None

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

    def said(self, word: str, watcher: str) -> list[list[str]]:
        """Return the further words of each line ``word watcher ...`` that processes printed, oldest first."""
        lines = (line.split(" ") for line in self.output.splitlines())
        return [line[2:] for line in lines if line[:2] == [word, watcher]]

    def ready_pids(self, watcher: str, *, count: int, without: int | Sequence[int] = ()) -> dict[int, int] | None:
        """Return wid to pid of the live processes that said ``ready``, once they are *count* and not *without*."""
        gone = {without} if isinstance(without, int) else set(without)
        said = ((int(wid), int(pid)) for wid, pid in self.said("ready", watcher))
        alive = {wid: pid for wid, pid in said if procs.is_alive(pid)}
        return alive if len(alive) == count and not gone & set(alive.values()) else None

    def wait_ready(self, watcher: str, count: int = 1, *, without: int | Sequence[int] = ()) -> dict[int, int]:
        """Return wid to pid when *count* processes are ready, none of them of *without*."""
        what = f"{count} ready processes of {watcher}" + (f" without {without}" if without else "")
        return wait_for(lambda: self.ready_pids(watcher, count=count, without=without), what)

    def identities(self, watcher: str, count: int = 1) -> list[dict[str, Any]]:
        """Return what each process of ``identity.py`` found, by wid, once they are *count*."""
        found = wait_for(
            lambda: said if len(said := self.said("identity", watcher)) >= count else None,
            f"{count} processes of {watcher} to say what they got",
        )
        return sorted((json.loads(" ".join(words[1:])) for words in found), key=lambda facts: int(facts["wid"]))

    def identity(self, watcher: str) -> dict[str, Any]:
        """Return what the first process of ``identity.py`` found."""
        return self.identities(watcher)[0]

    # Commands

    @property
    def wire(self) -> Wire:
        """A connection to the command endpoint, opened once."""
        if self._wire is None:
            self._wire = self.connect()
        return self._wire

    def connect(self) -> Wire:
        """Return a further connection, closed with the daemon."""
        return self._open.enter_context(Wire(self.endpoint))

    def call(self, command: str, /, **properties: Any) -> Reply:
        """Send a command and return its reply; fail when that is an error."""
        reply = self._ask_patiently(command, properties)
        assert reply["status"] != "error", f"{command} {properties}: {reply}"
        return reply

    def refused(self, command: str, /, **properties: Any) -> Reply:
        """Send a command and return its reply; fail unless that is an error."""
        reply = self._ask_patiently(command, properties)
        assert reply["status"] == "error", f"{command} {properties}: {reply}"
        return reply

    def _ask_patiently(self, command: str, properties: Mapping[str, Any]) -> Reply:
        # The published daemon refuses commands while another one runs; it has to be asked again.
        reply = self.wire.ask(command, **properties)
        while self.flavour.name == "oracle" and "already running" in str(reply.get("reason")):
            reply = self.wire.ask(command, **properties)
        return reply

    def ctl(
        self, *words: str, env: Mapping[str, str] | None = None, stdin: str | None = None, timeout: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """Run ``circusctl`` on our endpoint."""
        return subprocess.run(
            [*self.flavour.circusctl, "--endpoint", self.endpoint, *words],
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

    def wait_status(self, watcher: str, status: str, timeout: float = 10.0) -> None:
        """Return when a watcher is in that state."""
        seen: list[str] = []
        probe: Callable[[], bool] = lambda: (seen.append(self.status(watcher)) or seen[-1]) == status  # noqa: E731
        wait_for(probe, f"{watcher} to be {status}; log: {self.log[-2000:]}", timeout)

    def pids(self, watcher: str) -> list[int]:
        """Return the pids of a watcher's live processes, sorted."""
        return sorted(self.call("list", name=watcher)["pids"])

    def wids(self, watcher: str) -> dict[int, int]:
        """Return wid to pid of a watcher's processes."""
        infos = self.call("stats", name=watcher)["info"].values()
        return {info["wid"]: info["pid"] for info in infos if isinstance(info, dict)}

    def events(self) -> Events:
        """Return a subscriber, connected, closed with the daemon; there has to be a watcher."""
        name = self.call("list")["watchers"][0]
        value = self.call("get", name=name, keys=["graceful_timeout"])["options"]["graceful_timeout"]

        def mark() -> float:
            return float(self.call("set", name=name, options={"graceful_timeout": value}, waiting=True)["time"])

        topic = f"watcher.{name.replace(' ', '_')}.updated"
        return self._open.enter_context(Events(self.pubsub_endpoint, mark, topic))

    # The end

    def left_processes(self) -> list[int]:
        """Return the live processes that came from ours, wherever they hang now, but ``circusd`` itself."""
        found = [pid for pid in procs.descendants_of(os.getpid()) if pid not in self._elsewhere and pid != self.pid]
        return [pid for pid in found if procs.is_alive(pid)]

    def left_files(self) -> list[str]:
        """Return the names of the socket files and pidfiles that are in our folder."""
        return sorted(p.name for p in self.home.iterdir() if p.is_socket() or p.suffix == ".pid")

    def close(self, *, check: bool = True) -> None:
        """End what still runs, remove the folder; fail when something was left.

        :param check: ``False`` after a failure, which is not to be hidden by what it left
        """
        self._open.close()
        complaint = ""
        try:
            if self.is_running:
                complaint = self._end()
            elif self._child is not None:
                complaint = self._what_is_left()
        finally:
            self._sweep()
            shutil.rmtree(self.home, ignore_errors=True)
        if check and complaint:
            pytest.fail(complaint)

    def _end(self) -> str:
        assert self._child is not None
        tries, timeout = (1, 15.0) if self.flavour.is_tidy else (15, 1.0)
        for _ in range(tries):
            self.signal(signal.SIGTERM)
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                continue
            return self._what_is_left()
        return f"circusd did not end within 15s of TERM; its log: {self.log[-3000:]}"

    def _what_is_left(self) -> str:
        pids = self.left_processes()
        commands = [f"{pid} {procs.command_of(pid)}" for pid in pids]
        files = self.left_files() if self.flavour.is_tidy else []
        return f"circusd left processes {commands}, files {files}" if commands or files else ""

    def _sweep(self) -> None:
        if self._child is not None:
            if self._child.poll() is None:
                self._child.kill()
            self._child.wait()
        for pid in self.left_processes():
            procs.kill_quietly(pid)
        for pid in procs.children_of(os.getpid()):
            if pid not in self._elsewhere:
                procs.reap_quietly(pid)


def _is_started(section: Section) -> bool:
    options = section.options
    is_automatic = str(options.get("autostart", True)).lower() not in OFF
    return is_automatic and str(options.get("on_demand", False)).lower() in OFF
