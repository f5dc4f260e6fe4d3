"""Debian's Chromium, and people who sit in front of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urljoin

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, Playwright, StorageState, expect

# The shell is the same engine without the windows around the page, and takes a third of the processor time.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, _PROGRAMS)), None)
DESK = (1280, 800)
PHONE = (390, 844)

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_PATIENCE = 60_000.0  #: milliseconds


class Person:
    """Somebody with a browser window and cookies of their own, who hears all that the browser complains about."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("requestfailed", lambda request: self._hear_failure(request.url, str(request.failure)))
        self._is_used_to: list[str] = []

    def is_used_to(self, *patterns: str) -> None:
        """Let the browser say what one of *patterns* matches: every refusal is a line in its log."""
        self._is_used_to += patterns

    def go(self, path: str) -> None:
        """Open a page, and wait until it is live where it can be."""
        self.page.goto(urljoin(self.url, path))
        self.wait_live()

    def wait_live(self) -> None:
        """Return when the page is told what changes."""
        if self.page.locator("body:not([data-live='{}'])").count():
            expect(self.page.locator("body")).to_have_attribute("data-way", "live")

    def watcher(self, name: str) -> Locator:
        """Return the row of a watcher in the list."""
        return self.page.locator(f'[data-row="w:{name}"]')

    def processes(self) -> Locator:
        """Return the rows of processes on the page of a watcher."""
        return self.page.locator('[data-region="processes"] tr:not(.leaving)')

    def button(self, name: str) -> Locator:
        """Return the button with exactly that name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def said(self, text: str) -> None:
        """Wait for a message of the console that contains *text*."""
        message = self.page.locator(".toast, .flash", has_text=text)
        expect(message.first).to_be_visible()

    def width_too_much(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def leave(self) -> list[str]:
        """Close the window and return what the browser complained about."""
        # What was told last arrives before the answer to a question.
        self.page.evaluate("0")
        self.page.context.close()
        return self.complaints

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._complain(f"{message.text} ({message.location.get('url')})")

    def _hear_failure(self, url: str, why: str) -> None:
        # A page that is left takes its unanswered questions along.
        if "ERR_ABORTED" not in why:
            self._complain(f"{url}: {why}")

    def _complain(self, text: str) -> None:
        if not any(re.search(pattern, text) for pattern in self._is_used_to):
            self.complaints.append(text)


class Chromium:
    """A running Chromium; each person has a profile of their own."""

    def __init__(self, playwright: Playwright) -> None:
        if PROGRAM is None and not os.environ.get("CI"):
            pytest.skip("needs a browser: apt-get install chromium-headless-shell")
        assert PROGRAM is not None, "there is no chromium: apt-get install chromium-headless-shell"
        expect.set_options(timeout=_PATIENCE)
        self._browser = playwright.chromium.launch(executable_path=PROGRAM, args=_FLAGS)

    def person(
        self,
        url: str,
        *,
        cookies: StorageState | None = None,
        window: Sequence[int] = DESK,
        scheme: Literal["light", "dark"] = "light",
    ) -> Person:
        """Return somebody at a window of that size in front of the console at *url*."""
        how: dict[str, Any] = {"is_mobile": True, "has_touch": True} if window is PHONE else {}
        context = self._browser.new_context(
            storage_state=cookies,
            viewport={"width": window[0], "height": window[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
            **how,
        )
        context.set_default_timeout(_PATIENCE)
        return Person(context.new_page(), url)

    def close(self) -> None:
        """End it."""
        self._browser.close()
