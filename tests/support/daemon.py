"""A real ``circusd`` on an ini file, and everything that a user does to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from circus_core import testing
from tests.support import procs
from tests.support.flavour import Flavour
from tests.support.ini import Section
from tests.support.waiting import PATIENCE, wait_for
from tests.support.wire import Events, Reply, Wire

ARBITER = "circus-arbiter"  #: the name of the process that thinks, where circusd is the keeper
OFF = {"false", "no", "off", "0"}


MOVED = re.compile(r"the keeper has pid (\d+) from now on")


class Daemon(testing.Daemon):
    """Our own or the published ``circusd``, driven by clients that share nothing with it."""

    _running: ClassVar[set[Daemon]] = set()

    def __init__(self, flavour: Flavour) -> None:
        super().__init__()
        self.flavour = flavour
        self._wire: Wire | None = None
        self._elsewhere = set(procs.descendants_of(os.getpid()))
        self._has_moved = False

    # The program

    @property
    def circusd(self) -> Sequence[str]:
        return self.flavour.circusd

    @property
    def circusctl(self) -> Sequence[str]:
        return self.flavour.circusctl

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

    def launch(self, *args: str, **how: Any) -> subprocess.Popen[bytes]:
        """Run ``circusd`` with *args* only, and return at once; it ends with us."""
        self._running.add(self)
        return super().launch(*args, **{"preexec_fn": procs.end_with_parent, **how})

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

    def wait_until_up(self, timeout: float = PATIENCE) -> None:
        """Return when it answers a command; fail when it ended instead."""
        limit = time.monotonic() + timeout
        self.wire.send("numwatchers")
        while self.wire.receive(0.1) is None:
            if not self.is_running:
                pytest.fail(f"circusd ended with {self.wait_exit()}; it says: {self.log}{self.output}")
            if time.monotonic() > limit:
                pytest.fail(f"circusd does not answer within {timeout:g}s; it says: {self.log}{self.output}")

    # What it says

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

    def ask(self, command: str, properties: Mapping[str, Any]) -> Reply:
        """Send a command and return its reply, an error reply too."""
        # The published daemon refuses commands while another one runs; it has to be asked again.
        reply = self.wire.ask(command, **properties)
        while self.flavour.name == "oracle" and "already running" in str(reply.get("reason")):
            reply = self.wire.ask(command, **properties)
        return reply

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

    # Its own processes

    def arbiters(self) -> list[int]:
        """Return the pids of its arbiters: one, but while they change; none where it is itself the arbiter."""
        orphans = procs.children_of(os.getpid()) if self._has_moved else []
        pids = [pid for pid in (*procs.children_of(self.pid), *orphans) if pid not in self._elsewhere]
        return [pid for pid in pids if procs.name_of(pid) == ARBITER and procs.is_alive(pid)]

    @property
    def arbiter(self) -> int:
        """The pid of the process that thinks."""
        found = self.arbiters()
        return found[0] if found else self.pid

    def child_pids(self) -> list[int]:
        """Return the pids of the processes that ``circusd`` is the parent of, but its own."""
        own = self.arbiters()
        return [pid for pid in procs.children_of(self.pid) if pid not in own]

    def kill_arbiter(self) -> int:
        """Kill the process that thinks; return the pid of the next one, which need not serve yet."""
        old = self.arbiter
        os.kill(old, signal.SIGKILL)
        return wait_for(lambda: next((pid for pid in self.arbiters() if pid != old), None), "another arbiter", 20)

    def kill_keeper(self) -> int:
        """Kill ``circusd``; return its new pid, and drive that one from now on."""
        assert self._child is not None
        moves = len(MOVED.findall(self.log))
        arbiter = self.arbiter
        os.kill(self.pid, signal.SIGKILL)
        self._child.wait()
        moved = wait_for(lambda: MOVED.findall(self.log)[moves:], f"another keeper; log: {self.log[-2000:]}", 20)
        self._has_moved = True
        self.pid = int(moved[0])
        self._child.pid, self._child.returncode = self.pid, None  # it came to us, as orphans do
        assert self.arbiter == arbiter
        return self.pid

    def kill(self) -> None:
        """End ``circusd`` with all that belongs to it so that nothing of it goes on, and nothing is put in order."""
        os.kill(self.pid, signal.SIGSTOP)
        for pid in self.arbiters():
            os.kill(pid, signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)
        self.wait_exit()

    # The end

    def left_processes(self) -> list[int]:
        """Return the live processes that came from ours, wherever they hang now, but ``circusd`` itself."""
        own = {self.pid, *self.arbiters()} if self.is_running else {self.pid}
        others = {daemon.pid for daemon in self._running if daemon is not self}
        descendants = procs.descendants_of(os.getpid(), but=others)
        found = [pid for pid in descendants if pid not in self._elsewhere and pid not in own]
        return [pid for pid in found if procs.is_alive(pid) and procs.name_of(pid) not in procs.BROWSERS]

    def left_files(self) -> list[str]:
        """Return the names of the socket files and pidfiles that are in our folder."""
        return sorted(p.name for p in self.home.iterdir() if p.is_socket() or p.suffix == ".pid")

    def end(self) -> str:
        """End it and all that came from it; return what was wrong with its end, ``""`` when nothing was."""
        try:
            if self.is_running:
                return self._end()
            return self._what_is_left() if self._child is not None else ""
        finally:
            self._sweep()
            self._running.discard(self)

    def _end(self) -> str:
        assert self._child is not None
        tries, timeout = (1, self.end_timeout) if self.flavour.is_tidy else (15, 1.0)
        for _ in range(tries):
            self.signal(signal.SIGTERM)
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                continue
            return self._what_is_left()
        return f"circusd did not end within {tries * timeout:g}s of TERM; its log: {self.log[-3000:]}"

    def _what_is_left(self) -> str:
        limit = time.monotonic() + 1.0  # the `sleep 0.1` of a script outlives it by as much
        while (pids := self.left_processes()) and time.monotonic() < limit:
            time.sleep(0.02)
        commands = [f"{pid} {procs.command_of(pid)}" for pid in pids]
        files = self.left_files() if self.flavour.is_tidy else []
        return f"circusd left processes {commands}, files {files}" if commands or files else ""

    def _sweep(self) -> None:
        if self._child is not None:
            if self._child.poll() is None:
                self.kill()  # not one after the other: they would bring each other back
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
