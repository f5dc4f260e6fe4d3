"""Reading and following what processes printed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from circus_core.errors import MessageError
from circus_core.interfaces import OutputPage, OutputSource
from circus_core.output.rings import Rings
from circus_core.output.targets import Source
from circus_core.output_reading import read_output

WEB = [OutputSource("web")]


@pytest.fixture
def rings() -> Rings:
    rings = Rings()
    rings.of("web").resize(1000)
    return rings


def say(rings: Rings, text: bytes) -> None:
    rings.of("web").put(Source("web", 1, 101, "stdout"), memoryview(text))


def data(page: OutputPage) -> bytes:
    return b"".join(chunk.data for chunk in page.chunks)


def while_waiting(rings: Rings, happens: Callable[[], object], *, wait: float = 50.0) -> OutputPage:
    """Return what one who follows reads when something *happens* meanwhile."""

    async def follow() -> OutputPage:
        cursor = (await read_output(rings, WEB, lines=0)).cursor
        task = asyncio.create_task(read_output(rings, WEB, lines=9, after=cursor, wait=wait))
        await asyncio.sleep(0)
        assert rings._waiting
        await asyncio.to_thread(happens)
        return await asyncio.wait_for(task, 10)

    return asyncio.run(follow())


def run(reading: Awaitable[OutputPage]) -> OutputPage:
    async def read() -> OutputPage:
        return await reading

    return asyncio.run(read())


def test_what_comes_wakes_who_waits(rings: Rings) -> None:
    say(rings, b"before\n")
    assert data(while_waiting(rings, lambda: say(rings, b"news\n"))) == b"news\n"
    assert rings._waiting == {}


def test_who_waits_in_vain_gets_an_empty_page(rings: Rings) -> None:
    page = run(read_output(rings, WEB, lines=9, after=f"{rings.id}.0", wait=0.01))
    assert (page.chunks, page.cursor) == ((), f"{rings.id}.0")
    assert rings._waiting == {}


def test_a_daemon_that_stops_lets_nobody_wait(rings: Rings) -> None:
    assert while_waiting(rings, rings.wake).chunks == ()


def test_the_cursor_of_another_daemon_begins_anew(rings: Rings) -> None:
    say(rings, b"all\n")
    assert data(run(read_output(rings, WEB, lines=9, after="00000000.999", wait=9))) == b"all\n"


@pytest.mark.parametrize("cursor", ["", "x", "abc.", "abc.-1", "1.x"])
def test_what_is_no_cursor_is_refused(rings: Rings, cursor: str) -> None:
    with pytest.raises(MessageError, match="is no cursor"):
        run(read_output(rings, WEB, lines=9, after=cursor))
