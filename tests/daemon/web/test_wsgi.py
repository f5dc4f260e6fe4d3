"""The console as a WSGI application behind other servers, as the docs show it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from tests.support.console import ConsoleServer, Visitor
from tests.support.daemon import Daemon
from tests.support.pages import TUTORIALS
from tests.support.waiting import wait_for

PAGE: Final = (TUTORIALS.parent / "how-to" / "console.md").read_text()
BEHIND_GUNICORN: Final = next(b for b in re.findall(r"^```ini\n(.*?)^```$", PAGE, re.M | re.S) if "gunicorn" in b)


class Behind:
    """A daemon that runs the console behind gunicorn, and a watcher ``web``."""

    def __init__(self, daemon: Daemon, *, more: str = "", workers: int = 1) -> None:
        text = BEHIND_GUNICORN.replace("tcp://127.0.0.1:5555", daemon.endpoint).replace("port = 8080", "port = 0")
        text = text.replace("--workers 1", f"--workers {workers}")
        config = daemon.write()
        config.write_text(f"{config.read_text()}\n{text}{more}\n[watcher:web]\ncmd = sleep 1000\n")
        self.console = ConsoleServer(daemon.home, daemon.endpoint)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        daemon.launch(str(config), env={**self.console.environ, "PATH": path, "HOME": str(daemon.home)})
        daemon.wait_until_up()
        (managed,) = daemon.call("listsockets")["sockets"]
        self.console.url = f"http://localhost:{managed['port']}/"
        self.daemon = daemon

    def visitor(self) -> Visitor:
        """Return a browser, once the console answers."""
        visitor = self.console.visitor()
        wait_for(lambda: self._answers(visitor), f"gunicorn to answer; log: {self.daemon.log[-2000:]}")
        return visitor

    def logged_in(self) -> Visitor:
        self.visitor()
        return self.console.logged_in()

    def _answers(self, visitor: Visitor) -> bool:
        try:
            return visitor.get("/login").status == 200
        except OSError:
            return False


@pytest.fixture
def behind(daemon: Daemon) -> Behind:
    return Behind(daemon)


def test_console_works_behind_gunicorn(behind: Behind) -> None:
    visitor = behind.logged_in()
    assert 'data-row="w:web"' in visitor.get("/").body
    assert visitor.do("incr", name="web").status == 200
    wait_for(lambda: len(behind.daemon.pids("web")) == 2, "the button to work")
    assert "circushttpd" not in behind.daemon.call("list")["watchers"]


def test_pages_behind_gunicorn_are_told_what_changes_by_polling(behind: Behind) -> None:
    visitor = behind.logged_in()
    query = quote('{"index:":""}')
    (first,) = visitor.get(f"/poll?since={query}").json  # type: ignore[misc]
    assert first["up"] is True
    assert visitor.get("/live?c=index:&since=").status in {404, 400}
    visitor.do("stop", name="web")

    def told() -> bool:
        since = quote(f'{{"index:":"{first["v"]}"}}')
        (message,) = visitor.get(f"/poll?since={since}").json  # type: ignore[misc]
        return "is-stopped" in str(message.get("rows"))

    wait_for(told, "the change to be told")


def test_requests_are_refused_behind_gunicorn_as_everywhere(behind: Behind) -> None:
    assert behind.visitor().get("/").status == 303
    visitor = behind.logged_in()
    assert visitor.get("/", headers={"Host": "evil.example"}).status == 421
    form = {"do": "stop", "name": "web"}
    assert visitor.post("/do", form, headers={"Origin": "http://evil.example"}).status == 403
    assert visitor.post("/do", form, csrf="x").status == 403
    assert visitor.post("/add", {"name": "x", "cmd": "y" * 100_000}).status == 413
    assert behind.daemon.status("web") == "active"


def test_name_that_the_first_visitor_made_up_stands_in_no_link(behind: Behind) -> None:
    """A link leads to who may then use it."""

    def refused() -> bool:
        try:
            return behind.console.visitor().get("/", headers={"Host": "203.0.113.1"}).status == 303
        except OSError:
            return False

    wait_for(refused, "gunicorn to answer")
    assert behind.console.new_link().startswith(behind.console.url)


def test_read_only_variable_is_obeyed(daemon: Daemon) -> None:
    behind = Behind(daemon, more="CIRCUS_HTTPD_READONLY = 1\n")
    visitor = behind.logged_in()
    assert "read-only" in visitor.get("/").body
    assert visitor.do("stop", name="web").status == 403


def test_several_workers_know_the_same_sessions(daemon: Daemon) -> None:
    behind = Behind(daemon, workers=3)
    visitor = behind.logged_in()
    copy = dict(visitor.cookies)
    assert {visitor.get("/connect").status for _ in range(20)} == {200}
    assert visitor.post("/logout", {}).status == 303
    for _ in range(20):
        visitor.cookies = dict(copy)
        assert visitor.get("/connect").status == 303
