"""``Process``: one child, by itself or of a watcher."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any, Final

import psutil

from circus_core import command_line
from circus_core.direct import DirectSpawner
from circus_core.interfaces import ProcessView
from circus_core.keywords import watcher_config
from circus_core.machine import resolve_credentials
from circus_core.options import WatcherConfig
from circus_core.procinfo import Sampler
from circus_core.spawner import Spawned, SpawnFailure, SpawnRequest, Stdio
from circus_core.states import ProcessState
from circus_core.values import rlimit_number

RUNNING: Final = 0
DEAD_OR_ZOMBIE: Final = 1
UNEXISTING: Final = 2
OTHER: Final = 3

_DEAD: Final = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
_HALTED: Final = {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}
_NEVER: Final = 86400.0
_sampler: Final = Sampler()


class Process:
    """A child of this program, spawned at once unless *spawn* is false.

    Its end is collected when it is asked for, by :meth:`poll`, :meth:`wait` or :meth:`returncode`, and nobody else's.
    ``Process(name, cmd)`` works too; the slot is 1 then.

    :param name: for messages
    :param wid: replaces ``$(circus.wid)`` in the command
    :param args: more words for the command, as text or as a list
    :param env: the whole environment
    :param rlimits: name of a limit, such as ``nofile``, to its value
    :param use_fds: leave descriptors that are inheritable open in the child
    :raises OSError: it cannot be spawned
    """

    def __init__(
        self,
        name: str,
        wid: Any,
        cmd: str | None = None,
        args: str | Sequence[str] | None = None,
        working_dir: str | None = None,
        shell: bool = False,
        uid: int | str | None = None,
        gid: int | str | None = None,
        env: Mapping[str, str] | None = None,
        rlimits: Mapping[str, int] | None = None,
        executable: str | None = None,
        use_fds: bool = False,
        watcher: Any = None,
        spawn: bool = True,
        pipe_stdout: bool = True,
        pipe_stderr: bool = True,
        close_child_stdin: bool = True,
        close_child_stdout: bool = False,
        close_child_stderr: bool = False,
    ) -> None:
        if cmd is None:
            wid, cmd = 1, wid
        options: dict[str, Any] = {"args": args, "working_dir": working_dir, "shell": shell, "uid": uid, "gid": gid}
        options |= {"env": env, "rlimits": rlimits, "executable": executable}
        options |= {"close_child_stdin": close_child_stdin, "close_child_stdout": close_child_stdout}
        self._config = watcher_config(name, cmd, {**options, "close_child_stderr": close_child_stderr}, {})
        self.name = name
        self.wid = wid
        self.cmd = cmd
        self.args = args
        self.working_dir = self._config.working_dir
        self.shell = shell
        self.uid = uid
        self.gid = gid
        self.env = dict(self._config.env)
        self.rlimits = dict(rlimits or {})
        self.executable = executable
        self.use_fds = use_fds
        self.watcher = watcher
        self.pipe_stdout = pipe_stdout
        self.pipe_stderr = pipe_stderr
        self.close_child_stdin = close_child_stdin
        self.close_child_stdout = close_child_stdout
        self.close_child_stderr = close_child_stderr
        self.stopping = False
        self.redirected = False
        self.started = 0.0
        self._child: psutil.Process | None = None
        self._code: int | None = None
        self._is_collected = False
        self._pipes: list[IO[bytes] | None] = [None, None]
        if spawn:
            self.spawn()

    @property
    def pid(self) -> int:
        """Its pid, 0 before it was spawned."""
        return self._child.pid if self._child is not None else 0

    @property
    def stdout(self) -> IO[bytes] | None:
        """The read end of its pipe, ``None`` without one."""
        return self._pipes[0]

    @property
    def stderr(self) -> IO[bytes] | None:
        """The read end of its pipe, ``None`` without one."""
        return self._pipes[1]

    @property
    def status(self) -> int:
        """One of ``RUNNING``, ``DEAD_OR_ZOMBIE``, ``UNEXISTING``, ``OTHER``."""
        return UNEXISTING if self._child is None or self._is_collected else status_of(self._child)

    def spawn(self) -> None:
        """Create it.

        :raises OSError: it cannot be spawned
        """
        spawned = spawn_now(self._request(), closes_fds=not self.use_fds)
        self.started = spawned.started
        self._child = psutil.Process(spawned.pid)
        self._code, self._is_collected = None, False
        self._pipes = [_pipe(spawned.stdout), _pipe(spawned.stderr)]

    def format_args(self, sockets_fds: Mapping[str, int] | None = None) -> list[str]:
        """Return the words of its command, variables replaced; one text when it runs in a shell.

        :param sockets_fds: name of a socket to its descriptor
        """
        sockets = self._sockets() if sockets_fds is None else sockets_fds
        words = command_line.build(self._config, self.wid, sockets={n.lower(): fd for n, fd in sockets.items()})
        return [words[2]] if self.shell else list(words)

    def poll(self) -> int | None:
        """Return its exit code, minus the signal number; ``None`` while it runs, or when somebody else took it."""
        try:
            self.wait(timeout=0)
        except psutil.TimeoutExpired:
            return None
        return self._code

    def returncode(self) -> int | None:
        """Return what :meth:`poll` returns."""
        return self.poll()

    def wait(self, timeout: float | None = None) -> None:
        """Return when it has ended.

        :raises psutil.TimeoutExpired: it has not within *timeout* seconds
        """
        if self._child is not None and not self._is_collected:
            code = self._child.wait(timeout)
            self._code = None if code is None else int(code)
            self._is_collected = True

    def is_alive(self) -> bool:
        """Return whether it runs."""
        return self.status in (RUNNING, OTHER)

    def stop(self) -> None:
        """Ask it to end if it runs, and close its pipes."""
        try:
            if self.is_alive() and self._child is not None:
                self._child.terminate()
        except psutil.NoSuchProcess:
            pass
        finally:
            self.close_output_channels()

    def close_output_channels(self) -> None:
        """Close its pipes."""
        for pipe in self._pipes:
            if pipe is not None:
                pipe.close()

    def send_signal(self, sig: int) -> None:
        """Send it a signal.

        :raises psutil.NoSuchProcess: it is gone
        """
        self._system().send_signal(sig)

    def send_signal_child(self, pid: int, signum: int) -> None:
        """Send a signal to one of its direct children.

        :raises psutil.NoSuchProcess: it has no such child
        """
        for child in self._system().children():
            if child.pid == pid:
                child.send_signal(signum)
                return
        raise psutil.NoSuchProcess(pid)

    def send_signal_children(self, signum: int, recursive: bool = False) -> None:
        """Send a signal to its direct children, or to all that descends from it."""
        for child in self._system().children(recursive):
            try:
                child.send_signal(signum)
            except psutil.NoSuchProcess:
                continue

    def children(self, recursive: bool = False) -> list[int]:
        """Return the pids of its direct children, or of all that descends from it."""
        try:
            return [child.pid for child in self._system().children(recursive)]
        except psutil.NoSuchProcess:
            return []

    def is_child(self, pid: int) -> bool:
        """Return whether *pid* is one of its direct children."""
        return pid in self.children()

    def age(self) -> float:
        """Return the seconds since it was spawned."""
        return time.time() - self.started

    def info(self) -> dict[str, Any] | str:
        """Return its figures as ``stats`` tells them, or a text when it is gone."""
        found: dict[str, Any] | str = infos([self])[self.pid]
        return found

    def _system(self) -> psutil.Process:
        if self._child is None:
            raise psutil.NoSuchProcess(0, self.name, "it was not spawned")
        return self._child

    def _sockets(self) -> dict[str, int]:
        found = getattr(self.watcher, "sockets", None) or {}
        return {name: sock.fileno() for name, sock in found.items()}

    def _request(self) -> SpawnRequest:
        config: WatcherConfig = self._config
        sockets = {name.lower(): fd for name, fd in self._sockets().items()}
        limits = {rlimit_number(name): (-1, -1) if value is None else (value, value)
                  for name, value in config.rlimits.items()}  # fmt: skip
        return SpawnRequest(
            argv=command_line.build(config, self.wid, sockets=sockets),
            executable=config.executable,
            env=self.env,
            cwd=config.working_dir,
            credentials=resolve_credentials(config.uid, config.gid),
            limits=limits,
            stdin=Stdio.NULL if self.close_child_stdin else Stdio.INHERIT,
            stdout=_output(self.close_child_stdout, self.pipe_stdout),
            stderr=_output(self.close_child_stderr, self.pipe_stderr),
        )


class ManagedProcess(Process):
    """A process of a watcher, which alone spawns it, watches it and collects its end."""

    def __init__(
        self, watcher: Any, config: WatcherConfig, view: ProcessView, exit_code: Callable[[], int | None]
    ) -> None:
        self._config = config
        self._view = view
        self._exit_code = exit_code
        self._pipes = [None, None]
        self._child = _found(view.pid)
        self.name = config.name
        self.wid = view.wid
        self.watcher = watcher
        self.started = view.started
        self.stopping = view.state is ProcessState.STOPPING
        self.env = dict(config.env)
        self.cmd, self.args, self.working_dir, self.shell = config.cmd, config.args, config.working_dir, config.shell
        self.uid, self.gid, self.executable = config.uid, config.gid, config.executable
        self.rlimits = {name: value for name, value in config.rlimits.items() if value is not None}
        self.use_fds = config.use_sockets
        self.redirected = config.stdout_stream is not None or config.stderr_stream is not None

    @property
    def pid(self) -> int:
        return self._view.pid

    @property
    def status(self) -> int:
        return UNEXISTING if self._child is None else status_of(self._child)

    def poll(self) -> int | None:
        return self._exit_code()

    def wait(self, timeout: float | None = None) -> None:
        """Return when it has ended; its exit status stays the watcher's to collect."""
        limit = None if timeout is None else time.monotonic() + timeout
        pause = threading.Event()
        while self.is_alive():
            if limit is not None and time.monotonic() >= limit:
                raise psutil.TimeoutExpired(timeout, self.pid, self.name)
            pause.wait(0.02)

    def stop(self) -> None:
        """Have the watcher end it; it is replaced."""
        self.watcher.kill_process(self)


def infos(processes: Iterable[Process]) -> dict[int, Any]:
    """Return pid to figures of several processes, read in one pass."""
    by_pid = {process.pid: process for process in processes}
    found = _sampler.sample(by_pid)
    return {
        pid: info if isinstance(info, str) else {**info, "started": by_pid[pid].started, "wid": by_pid[pid].wid}
        for pid, info in found.items()
    }


def status_of(process: psutil.Process) -> int:
    """Return the constant that says what a process does."""
    try:
        status = process.status() if process.is_running() else psutil.STATUS_DEAD
    except psutil.NoSuchProcess:
        return UNEXISTING
    if status in _DEAD:
        return DEAD_OR_ZOMBIE if psutil.pid_exists(process.pid) else UNEXISTING
    return OTHER if status in _HALTED else RUNNING


def spawn_now(request: SpawnRequest, *, closes_fds: bool) -> Spawned:
    """Create a child and return it; its end is the caller's to collect.

    :raises OSError: it cannot be spawned
    """
    answers: list[Spawned | SpawnFailure] = []

    async def spawn() -> None:
        # One that looks for ends would take the exit status.
        spawner = DirectSpawner(closes_fds=closes_fds, uses_kernel_events=False, check_delay=_NEVER)
        await spawner.open(lambda exits: None)
        try:
            answers.extend(await spawner.spawn([request]))
        finally:
            await spawner.close()

    # A loop of its own needs a thread of its own: this one may be running a loop.
    thread = threading.Thread(target=lambda: asyncio.run(spawn()), name="circus-spawn")
    thread.start()
    thread.join()
    if not answers:
        raise OSError(f"{request.argv[0]!r} could not be spawned")
    answer = answers[0]
    if isinstance(answer, SpawnFailure):
        raise OSError(answer.errno, answer.error) if answer.errno else OSError(answer.error)
    return answer


def _pipe(fd: int | None) -> IO[bytes] | None:
    if fd is None:
        return None
    os.set_blocking(fd, True)
    return os.fdopen(fd, "rb")


def _output(is_closed: bool, is_pipe: bool) -> Stdio:
    if is_closed:
        return Stdio.NULL
    return Stdio.PIPE if is_pipe else Stdio.INHERIT


def _found(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
