"""What processes printed, for commands: the last of it, and what comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Final

from circus_core.errors import MessageError
from circus_core.interfaces import OutputPage, OutputSource
from circus_core.output.rings import Rings, Wanted

LONGEST_WAIT: Final = 60.0  #: seconds that a reader may wait for news
GATHER: Final = 0.05  #: seconds in which more may come once there is news, so that a flood is read in big parts


async def read_output(
    rings: Rings, sources: Iterable[OutputSource], *, lines: int, after: str | None = None, wait: float = 0.0
) -> OutputPage:
    """Return what processes printed; see :meth:`circus_core.interfaces.ArbiterHandle.read_output`."""
    wanted = [(rings.of(source.watcher), source.wid, source.pid) for source in sources]
    if after is None:
        excerpt = rings.last(wanted, lines)
    else:
        number = _number(rings, after)
        if wait > 0:
            await _news(rings, wanted, number, min(wait, LONGEST_WAIT))
        excerpt = rings.after(wanted, number, lines)
    return OutputPage(chunks=excerpt.chunks, cursor=f"{rings.id}.{excerpt.number}", gaps=excerpt.gaps)


def _number(rings: Rings, cursor: str) -> int:
    """Return how far a reader has got; one who read from a daemon that is no more has got nowhere."""
    owner, _, number = cursor.partition(".")
    if not number.isdecimal():
        raise MessageError(f"{cursor!r} is no cursor; give the one of an earlier reply")
    return int(number) if owner == rings.id else 0


async def _news(rings: Rings, wanted: Sequence[Wanted], number: int, limit: float) -> None:
    """Return once something came after the entry *number*, or all are woken, or *limit* seconds passed."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits any more
            loop.call_soon_threadsafe(came.set)

    rings.notify(tell, wanted, number)
    try:
        async with asyncio.timeout(limit):
            await came.wait()
    except TimeoutError:
        return
    finally:
        rings.forget(tell)
    await asyncio.sleep(GATHER)
