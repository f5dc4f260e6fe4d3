"""What runs, as the daemon tells it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import zmq

from circus_core.client import CircusClient, connect
from circus_core.errors import CallError
from circus_core.events import res_name
from circus_core.quick_dataclass import dataclass

logger: Final = logging.getLogger("circus")

DAEMON: Final = {"circusd-stats", "circushttpd"}
"""The watchers that are parts of the daemon."""

_ANSWER_WITHIN: Final = 1.0  # seconds
_TRY_AGAIN: Final = 3.0  # seconds after the daemon did not answer
_AT_LEAST_EVERY: Final = 5.0  # seconds; events may be missed
_MOST_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a watcher."""

    pid: int
    wid: int
    state: str


@dataclass(frozen=True, slots=True)
class Group:
    """A watcher, and the processes that it had when the daemon told it.

    :param topic: its name as topics have it
    """

    name: str
    topic: str
    state: str
    numprocesses: int
    restarts: int
    members: tuple[Member, ...]


class Directory:
    """Knows the watchers, their processes and the sockets: asks when an event says that something changed.

    :param clock: seconds, monotonic
    """

    def __init__(
        self,
        endpoint: str,
        pubsub_endpoint: str,
        ssh_server: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.groups: Sequence[Group] = ()
        self.sockets: Sequence[Mapping[str, Any]] = ()
        self.daemon_pid: int | None = None
        self._endpoint = endpoint
        self._pubsub_endpoint = pubsub_endpoint
        self._ssh_server = ssh_server
        self._clock = clock
        self._context: zmq.Context[Any] = zmq.Context()
        self._client: CircusClient | None = None
        self._events: zmq.Socket[bytes] | None = None
        self._end_tunnel: Callable[[], None] = lambda: None
        self._told_at: float | None = None
        self._next = clock()
        self._is_down = False

    @property
    def age(self) -> float:
        """Seconds since the daemon told all this; 0 when it never did."""
        return 0.0 if self._told_at is None else self._clock() - self._told_at

    def refresh(self) -> None:
        """Ask the daemon, if it may have anything new to tell."""
        has_news = self._has_news() and not self._is_down
        if not has_news and self._clock() < self._next:
            return
        try:
            self._ask()
        except CallError as exc:
            if not self._is_down:
                logger.warning("%s; going on with what was known", exc)
            self._is_down = True
            self._next = self._clock() + _TRY_AGAIN
        else:
            if self._is_down:
                logger.info("%s answers again", self._endpoint)
            self._is_down = False
            self._next = self._clock() + _AT_LEAST_EVERY

    def rest(self) -> None:
        """Listen to nothing until the next :meth:`refresh`."""
        if self._events is not None:
            self._events.close(linger=0)
            self._events = None
            self._end_tunnel()
        self._next = self._clock()

    def close(self) -> None:
        """Close every connection. May be called twice."""
        self.rest()
        if self._client is not None:
            self._client.stop()
            self._client = None
        self._context.destroy(linger=0)

    def _has_news(self) -> bool:
        """Take all events, and tell if any says that the answers may differ now."""
        if self._events is None:
            self._events = self._context.socket(zmq.SUB)
            self._events.rcvhwm = _MOST_EVENTS
            self._events.setsockopt(zmq.SUBSCRIBE, b"watcher.")
            try:
                self._end_tunnel = connect(self._events, self._pubsub_endpoint, self._ssh_server)
            except CallError as exc:
                logger.error("%s; processes are looked up every %g s", exc, _AT_LEAST_EVERY)
            return True
        has_news = False
        while True:
            try:
                topic, _ = self._events.recv_multipart(zmq.NOBLOCK)[:2]
            except zmq.Again:
                return has_news
            has_news = has_news or not topic.rpartition(b".")[2].startswith(b"hook_")

    def _ask(self) -> None:
        if self._client is None:
            self._client = CircusClient(
                context=self._context, endpoint=self._endpoint, timeout=_ANSWER_WITHIN, ssh_server=self._ssh_server
            )
        processes = self._call("list", long=True).get("processes", {})
        told_at = self._clock()
        reports = self._call("status", long=True).get("watchers", {})
        self.sockets = self._call("listsockets").get("sockets", [])
        info = self._call("dstats").get("info")
        self.daemon_pid = info["pid"] if isinstance(info, dict) else None
        self.groups = [_group(name, report, processes.get(name, ())) for name, report in reports.items()]
        self._told_at = told_at

    def _call(self, command: str, **properties: Any) -> dict[str, Any]:
        assert self._client is not None
        reply = self._client.send_message(command, **properties)
        if reply.get("status") == "error":
            raise CallError(f"{self._endpoint} refuses {command!r}: {reply.get('reason')}")
        return reply


def _group(name: str, report: Mapping[str, Any], processes: Sequence[Mapping[str, Any]]) -> Group:
    return Group(
        name=name,
        topic=res_name(name),
        state=report["state"],
        numprocesses=report["numprocesses"],
        restarts=report["restarts"],
        members=tuple(Member(process["pid"], process["wid"], process["state"]) for process in processes),
    )
