"""What a watcher's face reads and assigns, of the core's watcher where it has one, else of its own configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from circus_core.compat import _hooks
from circus_core.compat._events import ProgramEvent, send
from circus_core.compat._gate import Gate
from circus_core.compat._options import WatcherOptions, changed
from circus_core.compat.process import ManagedProcess, Process, infos
from circus_core.events import Event
from circus_core.options import OnChange, StreamConfig, WatcherConfig
from circus_core.output.legacy import LegacyStream
from circus_core.states import WatcherState

if TYPE_CHECKING:
    from circus_core.watcher import Watcher as CoreWatcher


class WatcherFace(WatcherOptions):
    """State, options and figures of a watcher."""

    def __init__(self, config: WatcherConfig, *, loop: Any, prereload_fn: Callable[[Any], object] | None) -> None:
        super().__init__(config.name)
        self._gate = Gate()
        self._core: CoreWatcher | None = None
        self._draft = config
        self._faces: dict[tuple[int, float], ManagedProcess] = {}
        self.arbiter: Any = None
        self.evpub_socket: Any = None
        self.loop = loop
        self.prereload_fn = prereload_fn
        self.sockets: Mapping[str, Any] = {}
        self.stream_redirector: Any = None  #: there is none, the pump moves output

    # -- between the two ----------------------------------------------------------------------------------------

    def _bind(self, core: CoreWatcher, gate: Gate) -> None:
        """Show *core* from now on, whose loop is behind *gate*."""
        self._core, self._gate = core, gate

    def _unbind(self) -> None:
        """Keep the configuration that the core's watcher had last; called on the loop."""
        if self._core is not None:
            self._draft, self._core = self._core.config, None
        self._gate = Gate()

    @property
    def _config(self) -> WatcherConfig:
        core = self._core
        return self._draft if core is None else self._gate.call(lambda: core.config)

    def _assign(self, fields: Mapping[str, Any]) -> None:
        """Change fields of the configuration; nothing that runs is restarted."""
        core = self._core
        if core is None:
            self._draft = changed(self._draft, fields)
            return

        def change() -> None:
            core.reconfigure(changed(core.config, fields), OnChange.NOTHING, command="set")

        self._gate.call(change)

    def _publish(self, event: Event) -> None:
        core = self._core
        if core is not None:
            self._gate.call(lambda: core.publish(event))
        elif self.evpub_socket is not None:
            send(self.evpub_socket, event)

    # -- what goes on -------------------------------------------------------------------------------------------

    def status(self) -> str:
        """Return ``stopped``, ``starting``, ``active`` or ``stopping``."""
        core = self._core
        return (WatcherState.STOPPED if core is None else self._gate.call(lambda: core.state)).value

    def is_active(self) -> bool:
        """Return whether it is active."""
        return self.status() == "active"

    def is_stopped(self) -> bool:
        """Return whether it is stopped."""
        return self.status() == "stopped"

    def is_stopping(self) -> bool:
        """Return whether it is stopping."""
        return self.status() == "stopping"

    @property
    def processes(self) -> dict[int, Process]:
        """The processes that are not dead, by pid."""
        core = self._core
        views = [] if core is None else self._gate.call(core.processes)
        faces = {(v.pid, v.started): self._faces.get((v.pid, v.started)) or self._face(v) for v in views}
        self._faces = faces
        return {pid: face for (pid, _), face in faces.items()}

    @property
    def pids(self) -> list[int]:
        """The pids of :attr:`processes`."""
        return list(self.processes)

    def get_active_processes(self) -> list[Process]:
        """Return the processes that run."""
        return [process for process in self.processes.values() if process.is_alive()]

    def get_active_pids(self) -> list[int]:
        """Return their pids."""
        return [process.pid for process in self.get_active_processes()]

    def info(self, extended: bool = False) -> dict[int, Any]:
        """Return pid to figures of each process, as ``stats`` tells them.

        :param extended: let its ``extended_stats`` hook add to them
        """
        processes = self.processes
        found = infos(processes.values())
        return {pid: self._extended(pid, info) if extended else info for pid, info in found.items()}

    def process_info(self, pid: int, extended: bool = False) -> Any:
        """Return the figures of one of its processes.

        :raises KeyError: it has no such process
        """
        info = self.processes[pid].info()
        return self._extended(pid, info) if extended else info

    def notify_event(self, topic: str, msg: Mapping[str, Any]) -> None:
        """Publish *msg* as an event ``watcher.<name>.<topic>``."""
        self._publish(ProgramEvent(watcher=self.name, what=topic, content=msg))

    def __len__(self) -> int:
        return len(self.processes)

    def __repr__(self) -> str:
        return f"<circus.Watcher name={self.name} numprocesses={self.numprocesses}>"

    def call_hook(self, hook_name: str, **kwargs: Any) -> Any:
        """Call one of its hooks and return what the hook returns, ``True`` without one; publish how it went.

        An exception counts as its flag says. What a coroutine function returns has to be awaited.
        """
        return _hooks.call(self, hook_name, kwargs)

    # -- inside -------------------------------------------------------------------------------------------------

    def _face(self, view: Any) -> ManagedProcess:
        core = self._core

        def exit_code() -> int | None:
            last = None if core is None else self._gate.call(core.report).last_exit
            return last["exit_code"] if last is not None and last["pid"] == view.pid else None

        return ManagedProcess(self, self._config, view, exit_code)

    def _extended(self, pid: int, info: Any) -> Any:
        if isinstance(info, dict):
            self.call_hook("extended_stats", pid=pid, stats=info)
        return info

    def _stream(self, name: str) -> Any:
        core = self._core
        stream = None if core is None else self._gate.call(lambda: core.stream(name))
        if stream is not None:
            return stream.target if isinstance(stream, LegacyStream) else stream
        config: StreamConfig | None = getattr(self._config, f"{name}_stream")
        return None if config is None or isinstance(config.class_name, (str, type)) else config.class_name
