"""Extensions of others: installed with pip, seen through circusd and circusctl."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import circus, watcher
from tests.support.venvs import DISTRIBUTIONS, Venv
from tests.support.waiting import wait_for

SAYS_READY = '/bin/sh -c "echo ready to serve $DEMO_GOOD; exec sleep 100"'


@pytest.fixture(scope="session")
def good_venv(circus_venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """Has the distribution whose extensions all work."""
    venv = circus_venv.copy(tmp_path_factory.mktemp("good") / "venv")
    venv.install(DISTRIBUTIONS / "good")
    return venv


@pytest.fixture(scope="session")
def both_venv(good_venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """Has that one, and the one whose extensions are all broken."""
    venv = good_venv.copy(tmp_path_factory.mktemp("both") / "venv")
    venv.install(DISTRIBUTIONS / "broken")
    return venv


@pytest.fixture(scope="session")
def bare_venv(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """Has circus without any of its extensions."""
    venv = Venv(tmp_path_factory.mktemp("bare") / "venv")
    venv.install_circus(with_built_ins=False)
    return venv


class Stack:
    """A daemon of some environment, whose extensions note in a file what they see."""

    def __init__(self, venv: Venv) -> None:
        self.daemon = Daemon(venv.flavour)
        self.notes_path = self.daemon.home / "notes"
        self.env = {**os.environ, "DEMO_NOTES": str(self.notes_path)}

    @property
    def notes(self) -> list[str]:
        return self.notes_path.read_text().splitlines() if self.notes_path.exists() else []

    def extensions(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Return what ``circusctl extensions`` lists, by group, name and distribution."""
        reply = json.loads(ok(self.daemon, "--json", "extensions"))
        return {(e["group"], e["name"], e["distribution"]): e for e in reply["extensions"]}


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    stack = Stack(request.getfixturevalue(request.param))
    yield stack
    stack.daemon.close()


with_good = pytest.mark.parametrize("stack", ["good_venv"], indirect=True, ids=["good"])
with_both = pytest.mark.parametrize("stack", ["both_venv"], indirect=True, ids=["both"])
with_none = pytest.mark.parametrize("stack", ["bare_venv"], indirect=True, ids=["bare"])


def ok(daemon: Daemon, *words: str) -> str:
    done = daemon.ctl(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@with_good
def test_every_kind_of_extension_works_without_a_line_of_ours(stack: Stack) -> None:
    daemon = stack.daemon
    out = daemon.home / "out"
    web = watcher(
        "web",
        cmd=SAYS_READY,
        **{"stdout_stream.class": "UpperStream", "stdout_stream.filename": out, "hooks.before_start": "demo_note"},
    )
    daemon.start(web, env=stack.env)

    wait_for(lambda: out.exists() and out.read_text() == "READY TO SERVE WAS HERE\n", "stream and spawn hookimpl")
    assert ok(daemon, "hello", "bob") == "hello bob, 1 watchers\n"
    assert "hello" in ok(daemon, "--help")
    refused = daemon.ctl("rm", "web")
    assert (refused.returncode, refused.stderr) == (3, "error: web is not to be removed\n")
    assert daemon.status("web") == "active"
    assert stack.notes[:2] == ["starting", "before_start of web"]
    assert {"watcher.web.spawn", "watcher.web.start"} <= set(stack.notes)
    listed = stack.extensions()
    states = {name: (e["version"], e["state"]) for (_, name, owner), e in listed.items() if owner == "circus-demo-good"}
    assert states == {
        "hello": ("1.2", "loaded"),
        "UpperStream": ("1.2", "loaded"),
        "demo_note": ("1.2", "loaded"),
        "demo_shared": ("1.2", "available"),
        "demo_good": ("1.2", "loaded"),
    }
    assert daemon.stop() == 0
    assert "stopping" in stack.notes


@with_good
def test_disabled_extension_is_left_out(stack: Stack) -> None:
    daemon = stack.daemon
    words = "circus-demo-good"
    daemon.start(circus(disable_extensions=words), watcher("web", cmd=SAYS_READY), env=stack.env)

    assert daemon.refused("hello")["errno"] == 2
    assert {e["state"] for (_, _, owner), e in stack.extensions().items() if owner == words} == {"disabled"}
    assert stack.notes == []


@with_both
def test_broken_extensions_are_reported_while_the_daemon_runs_on(stack: Stack) -> None:
    daemon = stack.daemon
    daemon.start(watcher("web", cmd=SAYS_READY), env=stack.env)

    listed = stack.extensions()
    broken = {name: e for (_, name, owner), e in listed.items() if owner == "circus-demo-broken"}
    assert {name: e["state"] for name, e in broken.items()} == {
        "typo": "broken",
        "exits": "broken",
        "shatter": "broken",
        "status": "broken",
        "ShatterStream": "available",
        "demo_shared": "broken",
        "demo_argument": "broken",
        "demo_misspelt": "broken",
        "demo_raises": "loaded",
    }
    assert {e["version"] for e in broken.values()} == {"0.3"}
    told = {name: e["error"] for name, e in broken.items() if e["error"]}
    assert "No module named 'circus_demo_that_is_not_there'" in told["shatter"]
    assert "SystemExit: bye" in told["exits"]
    assert "claimed twice, also by circus_plugins_builtin.commands.status:Status of circus" in told["status"]
    assert "also by circus_demo_good.notes:note of circus-demo-good 1.2" in told["demo_shared"]
    assert listed["circus.hooks", "demo_shared", "circus-demo-good"]["state"] == "broken"
    assert "circus_befor_spawn, which is no hook" in told["demo_misspelt"]
    assert "'wids'" in told["demo_argument"]
    for error in told.values():
        assert "(from circus-demo-broken 0.3)" in error
        assert error in daemon.log
    assert "extension demo_raises: hook circus_daemon_starting failed: ValueError: no start with me" in daemon.log
    assert ok(daemon, "status") == "web: active\n"
    assert ok(daemon, "hello") == "hello world, 1 watchers\n"


@with_both
def test_circusctl_says_why_a_broken_command_is_not_there(stack: Stack) -> None:
    daemon = stack.daemon
    daemon.start(watcher("web", cmd=SAYS_READY), env=stack.env)

    for name in ("shatter", "exits"):
        done = daemon.ctl(name)
        assert done.returncode != 0
        assert f"command {name!r} cannot be loaded" in done.stderr
        assert "circus-demo-broken 0.3" in done.stderr
        assert "Traceback" not in done.stderr


@with_both
@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("stdout_stream.class", "ShatterStream", "No module named 'circus_demo_that_is_not_there'"),
        ("stdout_stream.class", "UperStream", "no stream named 'UperStream'; did you mean UpperStream?"),
        ("hooks.before_start", "demo_shared", "hook 'demo_shared' is claimed twice"),
    ],
)
def test_config_that_names_a_broken_extension_is_refused(stack: Stack, option: str, value: str, why: str) -> None:
    daemon = stack.daemon
    daemon.write(watcher("web", cmd="/bin/sh -c 'echo started'", **{option: value}))
    for args in (["--check"], []):
        assert daemon.launch(*args, str(daemon.config)).wait(60) == 1
    said = [line for line in daemon.log.splitlines() if f"[watcher:web] {option} = {value!r}: " in line and why in line]

    assert len(said) == 2, daemon.log
    assert "started" not in daemon.output


@with_none
def test_without_any_built_in_circusd_runs_watchers_and_says_what_is_missing(stack: Stack) -> None:
    daemon = stack.daemon
    daemon.write(watcher("web", cmd=SAYS_READY))
    daemon.launch(str(daemon.config))

    wait_for(lambda: "ready to serve" in daemon.output, "the process to run")
    for group in ("commands", "streams"):  # which it looks at when all has started
        missing = f"entry-point group circus.{group} is empty; install circus again with pip"
        wait_for(lambda missing=missing: missing in daemon.log, missing)  # type: ignore[misc]
    done = daemon.ctl("status")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no command is installed: entry-point group circus.commands is empty")
    assert daemon.stop() == 0


def test_extension_is_gone_after_uninstall(good_venv: Venv, tmp_path: Path) -> None:
    venv = good_venv.copy(tmp_path / "venv")
    stack = Stack(venv)
    try:
        stack.daemon.start(watcher("web", cmd=SAYS_READY), env=stack.env)
        assert ok(stack.daemon, "hello") == "hello world, 1 watchers\n"
        stack.daemon.stop()
        venv.uninstall("circus-demo-good")
        stack.daemon.start(watcher("web", cmd=SAYS_READY), env=stack.env)

        assert stack.daemon.refused("hello")["errno"] == 2
        assert "circus-demo-good" not in {owner for _, _, owner in stack.extensions()}
    finally:
        stack.daemon.close()
