"""``Watcher``: a face over the core's watcher, with the attributes and methods that programs know."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Self

from circus_core._environment import expand_variables
from circus_core.compat._alone import Alone
from circus_core.compat._gate import Future, done
from circus_core.compat._watcher_face import WatcherFace
from circus_core.compat.process import Process
from circus_core.errors import LibraryError, MessageError
from circus_core.interfaces import Change, Outcome
from circus_core.keywords import default_name, watcher_config
from circus_core.options import STREAM_NAMES, WatcherConfig, table
from circus_core.watcher import Watcher as CoreWatcher

_OPTIONS = (*table(WatcherConfig), "env", "rlimits", "hooks", *STREAM_NAMES)
_Shape = Callable[[Outcome], Any]


class Watcher(WatcherFace):
    """A named group of identical processes.

    Give it to an arbiter, or let it run by itself: after :meth:`initialize`, :meth:`start` needs a running event loop
    and nothing else.

    What changes something is a method that returns a future, of the loop's kind on the loop's thread, of
    :mod:`concurrent.futures` in others; nobody has to wait for it. Each option is an attribute; what is assigned counts
    from the next spawn, stop or look at it.

    :param env: the environment, whole unless *copy_env*
    :param prereload_fn: called with the watcher before it is reloaded
    :param rlimits: name of a limit, such as ``nofile``, to its value
    :param stdout_stream: ``class`` (a name or a class) and its options, or ``stream`` (an object)
    :param hooks: name of a hook to a callable or dotted path, or a pair of one and whether its failure is ignored
    :param options: options of the table that have no parameter; any others are kept for plugins and hooks
    :raises KeywordError: an option cannot have its value
    """

    def __init__(
        self,
        name: str,
        cmd: str,
        args: str | Sequence[str] | None = None,
        numprocesses: int = 1,
        warmup_delay: float = 0.0,
        working_dir: str | None = None,
        shell: bool = False,
        shell_args: str | None = None,
        uid: int | str | None = None,
        max_retry: int = 5,
        gid: int | str | None = None,
        send_hup: bool = False,
        stop_signal: int = 15,
        stop_children: bool = False,
        env: Mapping[str, str] | None = None,
        graceful_timeout: float = 30.0,
        prereload_fn: Callable[[Any], object] | None = None,
        rlimits: Mapping[str, int] | None = None,
        executable: str | None = None,
        stdout_stream: Mapping[str, Any] | None = None,
        stderr_stream: Mapping[str, Any] | None = None,
        priority: int = 0,
        loop: Any = None,
        singleton: bool = False,
        use_sockets: bool = False,
        copy_env: bool = False,
        copy_path: bool = False,
        max_age: int = 0,
        max_age_variance: int = 30,
        hooks: Mapping[str, Any] | None = None,
        respawn: bool = True,
        autostart: bool = True,
        on_demand: bool = False,
        virtualenv: str | None = None,
        stdin_socket: str | None = None,
        close_child_stdin: bool = True,
        close_child_stdout: bool = False,
        close_child_stderr: bool = False,
        virtualenv_py_ver: str | None = None,
        **options: Any,
    ) -> None:
        given = locals()
        named = {key: given[key] for key in _OPTIONS if key in given and key != "cmd"}
        options.pop("stopped", None)
        super().__init__(watcher_config(name, cmd, {**options, **named}), loop=loop, prereload_fn=prereload_fn)
        self._alone: Alone | None = None

    @classmethod
    def load_from_config(cls, config: MutableMapping[str, Any]) -> Self:
        """Return the watcher that *config* describes, as ``get_config`` has it; ``name`` and ``cmd`` are taken out.

        ``$NAME`` in values of ``env`` is replaced from the environment.
        """
        cmd = config.pop("cmd", "")
        name = config.pop("name", None) or default_name(cmd)
        config.pop("__name__", None)
        options = dict(config)
        if isinstance(options.get("env"), Mapping):
            options["env"] = {key: expand_variables(str(v), os.environ) for key, v in options["env"].items()}
        return cls(name, cmd, **options)

    @classmethod
    def _of(cls, config: WatcherConfig) -> Self:
        """Return a face for a configuration that is made already."""
        watcher = cls.__new__(cls)
        WatcherFace.__init__(watcher, config, loop=None, prereload_fn=None)
        watcher._alone = None
        return watcher

    def initialize(self, evpub_socket: Any, sockets: Mapping[str, Any] | None, arbiter: Any) -> None:
        """Let it run by itself.

        :param evpub_socket: a ZeroMQ socket to publish its events at, or ``None``
        :param sockets: managed sockets by name, bound
        :param arbiter: what its hooks are given
        """
        self.evpub_socket = evpub_socket
        self.sockets = sockets or {}
        self.arbiter = arbiter
        self._alone = Alone(self)

    # -- what changes it ----------------------------------------------------------------------------------------

    def start(self) -> Future:
        """Start it; comes to the pids in ``started`` and ``kept``."""
        if self._core is None and self._alone is not None:
            alone = self._alone
            return self._gate.change(alone.start, pids("started", "kept"))
        return self._change(lambda core: core.start(), pids("started", "kept"))

    def stop(self) -> Future:
        """Stop it."""
        if self._core is None:
            return done()
        if self._alone is not None:
            return self._gate.change(self._alone.stop, _nothing, about=self._core)
        return self._change(lambda core: core.stop(), _nothing)

    def restart(self) -> Future:
        """Stop it, then start it; comes to the pids in ``stopped``, ``started`` and ``kept``."""
        return self._change(lambda core: core.restart(), pids("stopped", "started", "kept"))

    def reload(self, graceful: bool = True, sequential: bool = False) -> Future:
        """Replace its processes; comes to the pids in ``stopped``, ``started`` and ``kept``.

        :param graceful: spawn new ones before the old ones stop
        :param sequential: one after the other
        """
        return self._change(
            lambda core: core.reload(graceful=graceful, sequential=sequential), pids("stopped", "started", "kept")
        )

    def incr(self, nb: int = 1) -> Future:
        """Add processes; comes to their new number."""
        return self.set_numprocesses(self.numprocesses + nb)

    def decr(self, nb: int = 1) -> Future:
        """Take processes away; comes to their new number."""
        return self.set_numprocesses(self.numprocesses - nb)

    def set_numprocesses(self, np: int) -> Future:
        """Have that many processes; comes to their new number."""
        if self._core is None:
            self.numprocesses = max(0, np)
            return done(self.numprocesses)
        core = self._core
        return self._change(lambda core: core.resize(np), lambda _: core.numprocesses)

    def do_action(self, num: int) -> Future:
        """Do what :meth:`set_opt` returned: 0 look after its processes, 1 replace them, less nothing."""
        if num < 0:
            return done()
        return self.reload() if num else self.manage_processes()

    def manage_processes(self) -> Future:
        """Return when there are as many processes as there should be; it sees to that by itself."""
        if self._core is None:
            return done()
        return self._change(lambda core: core.resize(core.numprocesses), _nothing)

    spawn_processes = manage_processes
    remove_expired_processes = manage_processes
    reap_and_manage_processes = manage_processes

    def spawn_process(self, recovery_wid: int | None = None) -> Future:
        """Return when there are as many processes as there should be."""
        return self.manage_processes()

    def reap_processes(self) -> None:
        """Do nothing: the end of a process is noticed when it happens."""

    def reap_process(self, pid: int, status: int | None = None) -> None:
        """Do nothing: the end of a process is noticed when it happens."""

    def kill_process(
        self, process: Process, stop_signal: int | None = None, graceful_timeout: float | None = None
    ) -> Future:
        """Stop one of its processes, which is replaced."""
        return self._kill(process.pid, stop_signal, graceful_timeout)

    def kill_processes(self, stop_signal: int | None = None, graceful_timeout: float | None = None) -> Future:
        """Stop all of its processes, which are replaced."""
        return self._kill(None, stop_signal, graceful_timeout)

    def send_signal(self, pid: int, signum: int) -> None:
        """Send a signal to one of its processes; another pid gets none."""
        self._signal(signum, pid)

    def send_signal_process(self, process: Process, signum: int, recursive: bool = False) -> None:
        """Send a signal to one of its processes, *recursive* to all that descends from it too."""
        self._signal(signum, process.pid, recursive=recursive)

    def send_signal_child(self, pid: int, child_id: int, signum: int) -> None:
        """Send a signal to a child of one of its processes; where there is none nothing happens."""
        self._signal(signum, pid, childpid=child_id)

    def send_signal_children(self, pid: int, signum: int, recursive: bool = False) -> None:
        """Send a signal to the children of one of its processes."""
        self._signal(signum, pid, children=True, recursive=recursive)

    # -- inside -------------------------------------------------------------------------------------------------

    def _get_sockets_fds(self) -> dict[str, int]:
        return {name: sock.fileno() for name, sock in self.sockets.items()}

    @property
    def _status(self) -> str:
        return self.status()

    @property
    def _nextwid(self) -> int:
        taken = {process.wid for process in self.processes.values()}
        return next(wid for wid in range(1, len(taken) + 2) if wid not in taken)

    def _kill(self, pid: int | None, signum: int | None, graceful_timeout: float | None) -> Future:
        return self._change(lambda core: core.kill(pid, signum=signum, graceful_timeout=graceful_timeout), _nothing)

    def _signal(self, signum: int, pid: int, **options: Any) -> None:
        core = self._running()
        try:
            self._gate.call(lambda: core.signal(int(signum), pid, **options))
        except MessageError:
            pass  # no such process

    def _change(self, begin: Callable[[CoreWatcher], Change], shape: _Shape) -> Future:
        core = self._running()
        return self._gate.change(lambda: begin(core), shape, about=core)

    def _running(self) -> CoreWatcher:
        if self._core is None:
            raise LibraryError(f"watcher {self.name!r} does not run; start its arbiter, or initialize() it, first")
        return self._core


def pids(*names: str) -> _Shape:
    """Return what makes of an outcome its pids under *names*."""
    return lambda outcome: {name: sorted(getattr(outcome, name)) for name in names}


def _nothing(outcome: Outcome) -> None:
    return None
