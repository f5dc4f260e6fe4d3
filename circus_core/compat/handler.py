"""``get_arbiter``: an arbiter from the options of its watchers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import zmq

from circus_core.compat.arbiter import Arbiter
from circus_core.compat.threaded import ThreadedArbiter
from circus_core.compat.watcher import Watcher
from circus_core.options import CircusConfig

_DEFAULT = CircusConfig()


class ArbiterHandler:
    """Makes arbiters; ``circus.get_arbiter`` is the one there is."""

    def __call__(
        self,
        watchers: str | MutableMapping[str, Any] | Iterable[MutableMapping[str, Any]],
        controller: str | int | None = None,
        pubsub_endpoint: str | None = None,
        statsd: bool = False,
        stats_endpoint: str | None = None,
        statsd_close_outputs: bool = False,
        multicast_endpoint: str | None = None,
        env: Mapping[str, str] | None = None,
        name: str | None = None,
        context: zmq.Context[Any] | None = None,
        background: bool = False,
        stream_backend: str = "thread",
        httpd: bool = False,
        plugins: Iterable[Mapping[str, Any]] | None = None,
        debug: bool = False,
        proc_name: str = "circusd",
        loop: Any = None,
        check_delay: float = 1.0,
        **kw: Any,
    ) -> Arbiter:
        """Return an arbiter that is not started yet.

        The mappings are changed: ``name`` and ``cmd`` are taken out, ``stream_backend`` is added.

        :param watchers: options of one or several watchers, each with ``cmd``; or a command, whose number of processes
            follows as the second argument
        :param controller: where commands are taken, ``tcp://127.0.0.1:5555`` by default
        :param pubsub_endpoint: where events are published, ``tcp://127.0.0.1:5556`` by default
        :param stats_endpoint: where statistics are published; turns *statsd* on
        :param multicast_endpoint: where it can be discovered; the usual group by default, empty for nowhere
        :param env: environment of a watcher that is given as a command
        :param name: name of a watcher that is given as a command
        :param background: run in a thread of its own
        :param kw: further arguments of :class:`~circus_core.compat.arbiter.Arbiter`
        :raises KeywordError: an option cannot have its value
        """
        if isinstance(watchers, str):
            count, controller = (controller, None) if isinstance(controller, int) else (1, controller)
            options: dict[str, Any] = {"cmd": watchers, "numprocesses": count, "env": dict(env or {})}
            given: list[MutableMapping[str, Any]] = [{**options, "name": name} if name else options]
        else:
            given = [watchers] if isinstance(watchers, MutableMapping) else list(watchers)
        arbiter_type = ThreadedArbiter if background else Arbiter
        return arbiter_type(
            [_watcher(options, stream_backend) for options in given],
            _DEFAULT.endpoint if controller is None else str(controller),
            _DEFAULT.pubsub_endpoint if pubsub_endpoint is None else pubsub_endpoint,
            statsd=statsd,
            stats_endpoint=stats_endpoint,
            statsd_close_outputs=statsd_close_outputs,
            multicast_endpoint=_DEFAULT.multicast_endpoint if multicast_endpoint is None else multicast_endpoint,
            context=context,
            httpd=httpd,
            plugins=plugins,
            debug=debug,
            proc_name=proc_name,
            loop=loop,
            check_delay=check_delay,
            **kw,
        )

    def __repr__(self) -> str:
        return "<circus.get_arbiter>"


def _watcher(options: MutableMapping[str, Any], stream_backend: str) -> Watcher:
    options.setdefault("stream_backend", stream_backend)
    return Watcher.load_from_config(options)


get_arbiter = ArbiterHandler()
