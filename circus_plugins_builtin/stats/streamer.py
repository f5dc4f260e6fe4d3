"""Samples what runs and publishes it, while somebody listens."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import resource
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import zmq

from circus_core.procinfo import Sampler
from circus_plugins_builtin.stats.aggregate import aggregate
from circus_plugins_builtin.stats.directory import DAEMON, Directory, Group
from circus_plugins_builtin.stats.publisher import StatsPublisher
from circus_plugins_builtin.stats.sockets import SocketFigures

logger: Final = logging.getLogger("circus")

_LOOK_EVERY: Final = 0.02  # seconds
_SOCKETS: Final = "sockets"
_DAEMON: Final = "circus"

Infos = Mapping[int, dict[str, Any]]


class StatsStreamer:
    """Publishes the figures of the processes of a daemon, once in *delay* seconds, and of its sockets.

    While nobody is subscribed it does nothing at all.

    :param endpoint: where the daemon takes commands
    :param pubsub_endoint: where it publishes events
    :param stats_endpoint: the address to bind
    :param ssh_server: ``user@host[:port]`` to reach the first two through
    :param delay: seconds
    :param loop: accepted as ever; it needs none
    :raises ConfigError: *stats_endpoint* cannot be had
    """

    def __init__(  # noqa: PLR0917 - as documented
        self,
        endpoint: str,
        pubsub_endoint: str,
        stats_endpoint: str,
        ssh_server: str | None = None,
        delay: float = 1.0,
        loop: object = None,
    ) -> None:
        self.delay = delay
        self.publisher = StatsPublisher(stats_endpoint)
        self._directory = Directory(endpoint, pubsub_endoint, ssh_server)
        self._sampler = Sampler(is_periodic=True)
        self._sockets = SocketFigures()
        self._wakeup, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._is_stopping = self._hears_signals = False
        self._next_round: float | None = None
        self._next_look = 0.0

    def start(self) -> None:
        """Publish until :meth:`stop`."""
        _raise_descriptor_limit()
        poller = zmq.Poller()
        poller.register(self.publisher.socket, zmq.POLLIN)
        poller.register(self._wakeup, zmq.POLLIN)
        try:
            while not self._is_stopping:
                if self.publisher.socket in dict(poller.poll(self._patience())):
                    self.publisher.take_subscriptions()
                if self.publisher.wants("stat."):
                    self._work()
                elif self._next_round is not None:
                    self._rest()
        finally:
            self._close()

    def stop(self) -> None:
        """Have :meth:`start` return; from any thread, or a signal handler. May be called twice."""
        self._is_stopping = True
        with contextlib.suppress(OSError):
            os.write(self._waker, b".")

    def stop_at(self, signals: Iterable[int]) -> None:
        """Have each of these signals do that; the main thread's to call, which then has to be in :meth:`start`."""
        for signum in signals:
            signal.signal(signum, lambda *_: self.stop())
        # The handler runs only between two steps of Python: one that comes just before the poll has to end that.
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._hears_signals = True

    def get_pids(self, watcher: str | None = None) -> list[int]:
        """Return the pids that are known of a watcher, or of all."""
        groups = [group for group in self._directory.groups if watcher is None or watcher in (group.name, group.topic)]
        return [member.pid for group in groups for member in group.members]

    def round(self) -> None:
        """Sample and publish everything that somebody wants, once."""
        self.publisher.begin_round()
        self._directory.refresh()
        groups = [group for group in self._directory.groups if group.name.lower() not in DAEMON]
        wanted = [group for group in groups if self.publisher.wants(f"stat.{group.topic}")]
        daemon = self._daemon_pids() if self.publisher.wants(f"stat.{_DAEMON}") else {}
        pids = [member.pid for group in wanted for member in group.members]
        sampled = self._sampler.sample([*pids, *daemon], with_children=False, min_age=self._directory.age)
        infos = {pid: info for pid, info in sampled.items() if isinstance(info, dict)}
        for group in wanted:
            self._publish_group(group, infos)
        if daemon:
            self._publish_daemon(daemon, infos)
        self._publish_sockets()

    def _publish_group(self, group: Group, infos: Infos) -> None:
        publish = self.publisher.publish
        found = {}
        for member in group.members:
            info = infos.get(member.pid)
            if info is not None:
                found[member.pid] = info
                more = {"subtopic": member.pid, "name": None, "wid": member.wid, "state": member.state}
                publish(group.topic, {**info, **more})
        about = {"name": group.name, "state": group.state}
        numbers = {"numprocesses": group.numprocesses, "restarts": group.restarts}
        publish(group.topic, {**aggregate(found), **about, **numbers})

    def _publish_daemon(self, names: Mapping[int, str], infos: Infos) -> None:
        found = {pid: infos[pid] for pid in names if pid in infos}
        for pid, info in found.items():
            self.publisher.publish(_DAEMON, {**info, "subtopic": pid, "name": names[pid]})
        self.publisher.publish(_DAEMON, aggregate(found))

    def _daemon_pids(self) -> dict[int, str]:
        groups = [group for group in self._directory.groups if group.name.lower() in DAEMON]
        names = {member.pid: group.name.lower() for group in groups for member in group.members}
        names[os.getpid()] = "circusd-stats"
        if self._directory.daemon_pid is not None:
            names[self._directory.daemon_pid] = "circusd"
        return names

    def _publish_sockets(self) -> None:
        listed = self._directory.sockets
        if not listed or not self.publisher.wants(f"stat.{_SOCKETS}"):
            if self._sockets.is_watching:
                self._sockets.close()
            return
        self._sockets.watch(listed)
        payloads = self._sockets.payloads()
        for payload in payloads:
            self.publisher.publish(_SOCKETS, payload)
        self.publisher.publish(_SOCKETS, _all_sockets(payloads))

    def _patience(self) -> int | None:
        """Return the milliseconds until there is something to do; ``None`` while nobody is subscribed."""
        if self._next_round is None:
            return None
        due = min(self._next_round, self._next_look) if self._sockets.is_watching else self._next_round
        return max(0, math.ceil((due - time.monotonic()) * 1000))

    def _work(self) -> None:
        now = time.monotonic()
        if self._next_round is None or now >= self._next_round:
            # A round that is late is not made up for: figures tell of the time since the one before.
            on_time = None if self._next_round is None else self._next_round + self.delay
            self._next_round = on_time if on_time is not None and on_time > now else now + self.delay
            self.round()
        if now >= self._next_look:
            self._sockets.look()
            self._next_look = now + _LOOK_EVERY

    def _rest(self) -> None:
        self._next_round = None
        self._directory.rest()
        self._sampler.close()
        self._sockets.close()

    def _close(self) -> None:
        self._rest()
        self._directory.close()
        self.publisher.stop()
        if self._hears_signals:
            signal.set_wakeup_fd(-1)
        os.close(self._wakeup)
        os.close(self._waker)


def _all_sockets(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "addresses": [payload["address"] for payload in payloads],
        **{
            key: round(sum(payload[key] for payload in payloads if not isinstance(payload[key], str)), 1)
            for key in ("reads", "queue", "accepted", "connections")
        },
    }


def _raise_descriptor_limit() -> None:
    """Allow as many descriptors as we may have: each process takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
