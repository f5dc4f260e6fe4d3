"""The page and the panel that the docs show how to add, installed with pip; and ones that are broken."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console import ConsoleServer, Visitor
from tests.support.daemon import Daemon
from tests.support.ini import circus, watcher
from tests.support.pages import TUTORIALS, blocks
from tests.support.venvs import Venv
from tests.support.waiting import wait_for

PAGE = TUTORIALS.parent / "how-to" / "console.md"
BROKEN = """
from circus_web.hookspecs import hookimpl
from circus_web.pages import Page

def fail(view):
    raise RuntimeError("<b>no</b>")

@hookimpl
def circus_console_pages():
    return [Page(slug="failing", title="<i>Failing</i>", render=fail)]
"""
GREEDY = """
from circus_web.hookspecs import hookimpl
from circus_web.pages import Page

@hookimpl
def circus_console_pages():
    return [Page(slug="login", title="Log in", render=lambda view: "give me your password")]
"""
CHANGING = """
from circus_web.hookspecs import hookimpl
from circus_web.pages import Page

def show(view):
    view.call("stop", name="web")
    return "stopped"

def ask(view):
    return view.call("console-link")

@hookimpl
def circus_console_pages():
    return [Page(slug="stopper", title="Stopper", render=show), Page(slug="linker", title="Linker", render=ask)]
"""


@pytest.fixture(scope="module")
def venv(circus_venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment with Circus and the distribution of the how-to."""
    home = tmp_path_factory.mktemp("added")
    source = home / "source"
    source.mkdir()
    for kind, text, name in blocks(PAGE):
        if kind in {"python", "toml"}:
            (source / name).write_text(text)
    venv = circus_venv.copy(home / "venv")
    venv.install(source)
    return venv


@pytest.fixture
def visitor(daemon: Daemon, venv: Venv) -> Iterator[Visitor]:
    """Somebody who looks at the console of that environment, which a daemon of it runs."""
    daemon.flavour = venv.flavour
    console = ConsoleServer(daemon.home, daemon.endpoint)
    daemon.start(circus(httpd=True, httpd_port=0), watcher("web", cmd="sleep 1000"), env=console.environ)
    found = wait_for(lambda: re.search(r"Open (http://\S+/)login", daemon.output), "the console to say where it is")
    console.url = found[1]
    return console.logged_in()


def test_page_and_panel_of_the_how_to_are_shown(daemon: Daemon, visitor: Visitor) -> None:
    assert '<a href="./commands">' in visitor.get("/").body
    page = visitor.get("/commands").body
    assert re.search(r'<a href="watcher\?name=web">web</a></th><td class="mono">sleep 1000</td>', page)
    panel = visitor.get("/watcher?name=web").body
    assert "Restarts" in panel and "0 processes were replaced in the last five minutes." in panel
    assert "commands" in visitor.get("/extensions").body


def add(folder: Path, **modules: str) -> dict[str, str]:
    """Return the environment of programs that find *modules* as extensions of the console."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[circus.console]\n{name} = {name}\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def test_page_that_fails_says_why_and_breaks_nothing(daemon: Daemon, console: ConsoleServer, tmp_path: Path) -> None:
    daemon.start(watcher("web"))
    console.start(env=add(tmp_path, failing=BROKEN))
    visitor = console.logged_in()
    page = visitor.get("/failing")
    assert page.status == 200
    assert "RuntimeError: &lt;b&gt;no&lt;/b&gt;" in page.body
    assert "<i>Failing" not in page.body and "&lt;i&gt;Failing" in page.body
    assert visitor.get("/").status == 200


def test_page_that_takes_the_place_of_ours_is_left_out(daemon: Daemon, console: ConsoleServer, tmp_path: Path) -> None:
    daemon.start(watcher("web"))
    console.start(env=add(tmp_path, greedy=GREEDY))
    assert "give me your password" not in console.visitor().get("/login").body
    assert "greedy" in console.log and "'login' is taken" in console.log


def test_page_changes_nothing_in_a_read_only_console(daemon: Daemon, console: ConsoleServer, tmp_path: Path) -> None:
    daemon.start(watcher("web"))
    console.start("--readonly", env=add(tmp_path, changing=CHANGING))
    visitor = console.logged_in()
    assert "this console is read-only" in visitor.get("/stopper").body
    assert "this console is read-only" in visitor.get("/linker").body, "of another console it might let in"
    assert daemon.status("web") == "active"
