"""A Spawner in a loop of its own, driven step by step."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from circus_core.direct import DirectSpawner
from circus_core.keeper import start
from circus_core.keeper_link import KeeperLink
from circus_core.keeper_spawner import KeeperSpawner
from circus_core.spawner import Exited, Spawned, Spawner, SpawnFailure, SpawnRequest, Stdio
from circus_core.states import ChildId
from tests.support.waiting import PATIENCE

REPORT = """
import json, os, resource, sys
fds = {}
for name in os.listdir("/proc/self/fd"):
    try:
        fds[name] = os.readlink("/proc/self/fd/" + name)
    except OSError:
        pass  # the descriptor of the folder itself
umask = os.umask(0)
names = "RLIMIT_CORE RLIMIT_FSIZE RLIMIT_NOFILE RLIMIT_STACK".split()
print(json.dumps({
    "pid": os.getpid(), "pgid": os.getpgid(0), "sid": os.getsid(0), "cwd": os.getcwd(), "umask": umask, "fds": fds,
    "uids": os.getresuid(), "gids": os.getresgid(), "groups": sorted(os.getgroups()), "argv": sys.argv[1:],
    "env": dict(os.environ), "limits": {name: resource.getrlimit(getattr(resource, name)) for name in names},
}), flush=True)
"""
"""A program that tells what it was given; ``env`` also has what Python itself adds."""

PATH = {"PATH": "/bin:/usr/bin"}


def request(*argv: str, **fields: Any) -> SpawnRequest:
    """Return a request for *argv* with a small environment."""
    return SpawnRequest(argv=argv, **{"env": PATH, **fields})


def report_request(*args: str, **fields: Any) -> SpawnRequest:
    """Return a request for a program that tells on its standard output what it was given."""
    return request(sys.executable, "-I", "-S", "-c", REPORT, *args, **{"stdout": Stdio.PIPE, **fields})


BORN_SOFT = 77
"""A soft limit of descriptors that no other test has."""

EACH_WAY: Final[list[dict[str, Any]]] = [{}, {"umask": 0o22}]
"""Fields of requests for the direct way, for the exact one."""


def born_limit() -> tuple[int, int]:
    """Return what some Spawners give their children as their limit of descriptors."""
    return BORN_SOFT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def wraps_all() -> Spawner:
    """Return a Spawner that needs the exec wrapper for every child."""
    return DirectSpawner(closes_fds=False, born_nofile=born_limit(), uses_posix_spawn=False)


def start_keeper(*command: str) -> socket.socket:
    """Start a keeper whose arbiter we are, and return the connection with it; it is nobody's child.

    :param command: starts another program in its place
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [str(number) for number in (theirs.fileno(), os.getpid(), 0, *born_limit())]
    with theirs:
        subprocess.run([*command, *words] if command else start.command(words), pass_fds=[theirs.fileno()], check=True)
    return ours


def with_keeper(*command: str) -> KeeperSpawner:
    """Return a Spawner with a keeper of its own, which ends when the Spawner is closed."""
    arbiter = [sys.executable, "-c", "raise SystemExit('a keeper of a test starts no arbiter')"]
    link = KeeperLink(start_keeper(*command), arbiter)
    link.greet()
    return KeeperSpawner(link)


class Heir:
    """Gives a Spawner another keeper each time that it loses one, as circusd does.

    :param command: starts the first keeper, which may be another program
    """

    def __init__(self, *command: str) -> None:
        self.deaths = 0
        self._command = command
        self._tasks: list[asyncio.Task[None]] = []

    def make(self) -> Spawner:
        """Return the Spawner."""
        self.spawner = with_keeper(*self._command)
        self.link = self.spawner._link
        self.link.on_lost = self._lost
        return self.spawner

    def _lost(self) -> None:
        self.deaths += 1
        self.spawner.is_alone()
        self._tasks.append(asyncio.get_running_loop().create_task(self._replace()))

    async def _replace(self) -> None:
        await self.link.open_again(start_keeper(), 20.0)
        await self.spawner.move()


MAKERS: dict[str, Callable[[], Spawner]] = {
    "library": DirectSpawner,
    "daemon": lambda: DirectSpawner(closes_fds=False, born_nofile=born_limit()),
    "popen": lambda: DirectSpawner(uses_posix_spawn=False),
    "keeper": with_keeper,
    "sweep": lambda: DirectSpawner(uses_kernel_events=False, check_delay=0.02),
}

OF_ONES_OWN: Final = {name: maker for name, maker in MAKERS.items() if name != "keeper"}
"""Those whose children are this process's own."""


class Harness:
    """Drives *spawner*; its loop runs only inside the methods, so a test decides when ends are heard of."""

    def __init__(self, make: Callable[[], Spawner]) -> None:
        self.runner = asyncio.Runner()
        self.batches: list[list[Exited]] = []
        self.pids: dict[ChildId, int] = {}
        self._heard = asyncio.Event()
        self.spawner = self.runner.run(self._open(make))

    async def _open(self, make: Callable[[], Spawner]) -> Spawner:
        spawner = make()
        await spawner.open(self._on_exits)
        return spawner

    def _on_exits(self, exits: Sequence[Exited]) -> None:
        self.batches.append(list(exits))
        self._heard.set()

    @property
    def exits(self) -> dict[ChildId, Exited]:
        """Every end that was told, by child."""
        return {exited.child: exited for batch in self.batches for exited in batch}

    def answers(self, *requests: SpawnRequest) -> list[Spawned | SpawnFailure]:
        """Spawn and return the answers."""
        answers = self.runner.run(self.spawner.spawn(requests))
        self.pids |= {answer.child: answer.pid for answer in answers if isinstance(answer, Spawned)}
        return answers

    def spawn(self, *requests: SpawnRequest) -> list[Spawned]:
        """Spawn and return the children; fail when one did not come about."""
        spawned = []
        for answer in self.answers(*requests):
            assert isinstance(answer, Spawned), answer
            spawned.append(answer)
        return spawned

    def spawn_one(self, wanted: SpawnRequest) -> Spawned:
        """Spawn a single child."""
        return self.spawn(wanted)[0]

    def failure(self, wanted: SpawnRequest) -> SpawnFailure:
        """Spawn what cannot be, and return why."""
        (answer,) = self.answers(wanted)
        assert isinstance(answer, SpawnFailure), answer
        return answer

    def wait_for_exits(self, children: Sequence[Spawned], timeout: float = PATIENCE) -> list[int | None]:
        """Run the loop until all of *children* have ended, and return their exit codes."""
        wanted = [spawned.child for spawned in children]

        async def wait() -> None:
            async with asyncio.timeout(timeout):
                while not self.exits.keys() >= set(wanted):
                    self._heard.clear()
                    await self._heard.wait()

        try:
            self.runner.run(wait())
        except TimeoutError:
            missing = [child for child in wanted if child not in self.exits]
            pytest.fail(f"waited {timeout:g}s for {len(missing)} of {len(wanted)} ends, such as {missing[:3]}")
        return [self.exits[child].exit_code for child in wanted]

    def run_for_a_turn(self) -> None:
        """Let the loop do what it has to do now."""
        self.runner.run(asyncio.sleep(0.01))

    def output(self, spawned: Spawned) -> bytes:
        """Return all that a child wrote to its standard output, until its end."""
        assert spawned.stdout is not None
        os.set_blocking(spawned.stdout, True)
        with open(spawned.stdout, "rb") as file:
            return file.read()

    def report(self, wanted: SpawnRequest) -> Any:
        """Spawn a :func:`report_request` and return what it told, once it has ended."""
        spawned = self.spawn_one(wanted)
        text = self.output(spawned)
        assert self.wait_for_exits([spawned]) == [0]
        return json.loads(text)

    def close(self) -> None:
        """End all children, then the spawner."""
        left = [record.spawned for record in self.spawner.children() if record.exited is None]
        for spawned in left:
            self.spawner.signal(spawned.child, 9)
        self.wait_for_exits(left)
        self.runner.run(self.spawner.close())
        self.runner.close()


def write_program(path: Path, script: str, *, first: str = "#!/bin/sh\n", mode: int = 0o755) -> None:
    """Write a script to *path*, in a folder that need not be there."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{first}{script}\n")
    path.chmod(mode)


def reap(pid: int) -> int:
    """Wait for a child of this process and return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def is_stuck(pid: int) -> bool:
    """Tell if *pid* is a child of this process that nobody has collected."""
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    return False
