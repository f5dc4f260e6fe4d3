"""The options of the ``health`` plugin, of its own section and of watchers."""

from __future__ import annotations

import re
import shlex
import signal
from enum import Enum
from functools import partial
from typing import Any, Final

from circus_core.options import Kind, OnChange, kinds, option
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.plugins._kinds import PERIOD, url

_option: Final[Any] = partial(option, on_change=OnChange.NOTHING)


class Action(Enum):
    """What is done about a target that is not well."""

    RESTART = "restart"
    SIGNAL = "signal"
    EVENT = "event"


def _action(text: str) -> str:
    return Action(text.strip().lower()).value


_ACTION: Final = Kind(name="word", parse=_action, fix=f"write one of {', '.join(action.value for action in Action)}")


def _address(text: str) -> str:
    address = text.strip()
    found = re.fullmatch(r"(?:\[[^\]]+\]|[^:\[\]/]+):(\d+|.*\$\(.+\).*)", address)
    if not address.startswith("/") and not found:
        raise ValueError("neither HOST:PORT nor the path of a unix socket")
    if found and found[1].isdecimal() and not 0 < int(found[1]) < 65536:
        raise ValueError("not a port from 1 to 65535")
    return address


_ADDRESS: Final = Kind(name="address", parse=_address, fix="write HOST:PORT, or the path of a unix socket")


def _command(text: str) -> str:
    if not shlex.split(text):
        raise ValueError("empty")
    return text


_COMMAND: Final = Kind(name="command line", parse=_command, fix="write the command line to run")


@dataclass(frozen=True, kw_only=True)
class HealthOptions:
    """What is probed, how often, and what follows; written in the section of a watcher as ``health.http`` and so on."""

    http: str | None = _option(url("http", "https"), None, "URL that has to answer with a status from 200 to 399.")
    tcp: str | None = _option(
        _ADDRESS, None, "``HOST:PORT``, or path of a unix socket, that has to accept a connection."
    )
    command: str | None = _option(_COMMAND, None, "Command line that has to exit with 0.")
    per_process: bool | None = _option(
        kinds.BOOL,
        None,
        "Probe each process on its own, not the watcher as a whole;"
        " the default when a probe names ``$(circus.wid)`` or ``$(circus.pid)``.",
    )
    interval: float = _option(PERIOD, 10.0, "Pause between two probes.", unit="s")
    timeout: float = _option(PERIOD, 5.0, "Time that a probe may take.", unit="s")
    failures: int = _option(kinds.whole(1), 3, "Failures in a row after which the target counts as unhealthy.")
    successes: int = _option(kinds.whole(1), 1, "Successes in a row after which it counts as healthy again.")
    grace: float = _option(
        kinds.SECONDS, 10.0, "Time from its start in which failures do not count, until a first success.", unit="s"
    )
    action: str = _option(
        _ACTION,
        Action.RESTART.value,
        "What to do with an unhealthy target: ``restart`` it, send it a ``signal``, or only publish the ``event``.",
    )
    signal: int = _option(kinds.SIGNAL, int(signal.SIGTERM), "Signal for ``action = signal``.")

    @property
    def has_probe(self) -> bool:
        """Whether there is anything to probe."""
        return bool(self.http or self.tcp or self.command)

    @property
    def is_per_process(self) -> bool:
        """Whether each process is a target of its own."""
        if self.per_process is not None:
            return self.per_process
        probes = " ".join(filter(None, (self.http, self.tcp, self.command))).lower()
        return "$(circus.wid)" in probes or "$(circus.pid)" in probes
