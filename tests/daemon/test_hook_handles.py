"""What hooks may do with what they are handed, in a thread and on the loop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, Section, env, identity, ready, watcher
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("hooks run in the loop there")

PYTHONPATH = env("*", PYTHONPATH=PROGRAMS)
both = pytest.mark.parametrize("later", ["", "_later"], ids=["in-a-thread", "on-the-loop"])


def hooked(hook: str, target: str, **options: Any) -> Section:
    return watcher("web", {"cmd": ready("web"), f"hooks.{hook}": f"handle_hooks.{target}", **options})


def seen(daemon: Daemon) -> list[dict[str, Any]]:
    """Return what the hooks noted."""
    path = daemon.home / "seen"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@both
def test_hook_reads_watcher_and_arbiter(daemon: Daemon, later: str) -> None:
    web = hooked("after_start", f"reads{later}", numprocesses=2, colour="red", graceful_timeout=7)
    daemon.start(PYTHONPATH, web, watcher("other"))
    (facts,) = seen(daemon)

    assert facts == {
        "hook": "after_start",
        "name": "web",
        "status": "starting",
        "numprocesses": 2,
        "wids": {str(pid): wid for wid, pid in daemon.wids("web").items()},
        "started": True,
        "colour": "red",
        "graceful_timeout": 7.0,
        "others": ["other", "web"],
        "count": 2,
        "same": True,
        "endpoint": daemon.endpoint,
    }


@both
def test_what_a_hook_changes_is_given_to_the_next_spawn(daemon: Daemon, later: str) -> None:
    daemon.start(PYTHONPATH, hooked("before_start", f"sets_env{later}", cmd=identity("web")))

    assert daemon.identity("web")["env"]["GIVEN_BY"] == "a hook"


@both
def test_change_that_a_hook_asks_for_comes_after_it(daemon: Daemon, later: str) -> None:
    daemon.start(PYTHONPATH, hooked("after_start", f"grows{later}"))

    assert daemon.wait_ready("web", 2)


@both
def test_hook_signals_its_process(daemon: Daemon, later: str) -> None:
    daemon.start(PYTHONPATH, hooked("after_spawn", f"signals_its_process{later}"))

    assert daemon.status("web") == "active"


@pytest.mark.parametrize("target", ["waits_for_itself", "awaits_itself"])
def test_hook_that_waits_for_its_own_watcher_is_told_at_once(daemon: Daemon, target: str) -> None:
    daemon.start(PYTHONPATH, hooked("after_start", target))
    (facts,) = wait_for(lambda: seen(daemon), "the hook to be called")

    assert "cannot wait for a change of its own watcher" in facts["error"]
    assert facts["seconds"] < 20, "it waited until its own deadline"
    assert daemon.wait_ready("web", 2), "what it asked for is done all the same"


@pytest.mark.parametrize("target", ["waits_for_another", "awaits_another"])
def test_hook_waits_for_another_watcher(daemon: Daemon, target: str) -> None:
    daemon.start(PYTHONPATH, hooked("before_start", target), watcher("other", autostart=False))

    assert seen(daemon) == [{"other": "active"}]
    assert daemon.status("other") == "active"
