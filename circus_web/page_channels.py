"""The live part of pages and panels that extensions add."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import ClassVar, Final

from circus_core.threads import in_thread
from circus_web.channels import Ask, Channel, Row
from circus_web.html import Html, escaped
from circus_web.pages import Page, Panel, View
from circus_web.system import System

_PATIENCE: Final = 3.0  #: seconds that a page of ours waits for a part of somebody else's


class RenderedChannel(Channel):
    """A page or panel of an extension, rendered on a thread, anew in its period.

    :param argument: the watcher that a panel is about
    :param view: makes what it is handed
    """

    name: ClassVar[str] = "part"

    def __init__(self, name: str, part: Page | Panel, argument: str, view: Callable[[], View]) -> None:
        super().__init__(f"{name}:{argument}" if argument else name)
        self._part = part
        self._view = view
        self._rendered = asyncio.Event()

    @property
    def region(self) -> str:
        """Where its HTML goes."""
        return f"part:{self.argument}"

    def rows(self, system: System) -> Iterator[Row]:
        return iter(())

    async def ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._rendered.wait()

    async def follow(self, ask: Ask, system: System, changed: Callable[[], None]) -> None:
        while True:
            html = await self._html()
            self.document.put_html(self.region, html, lambda: html)  # noqa: B023 - called at once
            self._rendered.set()
            changed()
            if self._part.period is None:
                return
            await asyncio.sleep(self._part.period)

    async def _html(self) -> Html:
        try:
            shown = await in_thread(self._part.render, self._view())
            return Html("") if shown is None else escaped(shown)
        except Exception as exc:  # it is a stranger's code
            return Html(f'<p class="fault">{escaped(f"{type(exc).__name__}: {exc}")}</p>')
