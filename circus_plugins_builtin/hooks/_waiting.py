"""Waiting until something answers, without holding up the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, Self

from circus_core.errors import OptionError
from circus_core.options import OnChange, kinds, option, read_options
from circus_core.quick_dataclass import dataclass
from circus_core.threads import in_thread

_SHORTEST_TRY: Final = 1.0  #: seconds; less tells only that the machine is busy
_LONGEST_TRY: Final = 5.0  #: seconds; what swallows packets is asked again


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Options of a hook that waits: for how long, and the one that says for what.

    :raises OptionError: that one is missing
    """

    prefix: ClassVar[str]  #: of its options, ``hook.NAME``
    needed: ClassVar[str]  #: the option that it cannot do without
    example: ClassVar[str]  #: a value of that

    timeout: float = option(
        kinds.SECONDS,
        20.0,
        "Longest time to wait before the hook fails. ``hook_timeout`` ends it too.",
        unit="s",
        on_change=OnChange.NOTHING,
    )
    interval: float = option(kinds.SECONDS, 0.2, "Pause between two tries.", unit="s", on_change=OnChange.NOTHING)

    def __post_init__(self) -> None:
        if getattr(self, self.needed) is None:
            option = f"{self.prefix}.{self.needed}"
            raise OptionError(option, None, why="missing", fix=f"write {option} = {self.example}")

    @classmethod
    def of(cls, options: Any) -> Self:
        """Return the options of the hook among *options* of a watcher, a mapping or pairs."""
        return read_options(cls, cls.prefix, dict(options))


async def wait_until(probe: Callable[[float], None], waiting: Waiting, what: str) -> bool:
    """Return ``True`` as soon as *probe* returns.

    :param probe: takes the seconds that it may block, in a thread; raises :class:`OSError` as long as it is not ready
    :raises TimeoutError: names *what* and why it was not ready the last time
    """
    end_at = time.monotonic() + waiting.timeout
    while True:
        left = end_at - time.monotonic()
        try:
            await in_thread(probe, min(max(left, _SHORTEST_TRY), _LONGEST_TRY))
        except OSError as exc:
            why = exc
        else:
            return True
        if time.monotonic() + waiting.interval >= end_at:
            raise TimeoutError(f"{what} is not ready after {waiting.timeout:g}s: {why}")
        await asyncio.sleep(waiting.interval)
