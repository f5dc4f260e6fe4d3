"""Every hookspec on a real daemon: when it is called, with what, and what its results do.

A contract test looks for ``test_`` and the name of each hookspec here.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.extension import Noting
from tests.support.ini import Section, identity, ready, watcher
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("it has none")


@pytest.fixture
def noting(tmp_path: Path) -> Noting:
    """The extension that answers every hookspec."""
    return Noting(tmp_path)


def start(daemon: Daemon, noting: Noting, *sections: Section, **how: Any) -> None:
    daemon.start(*(sections or (watcher("web"),)), env=noting.env, **how)


def one(noting: Noting, spec: str, **facts: Any) -> dict[str, Any]:
    (note,) = noting.notes(spec, **facts)
    return note


def test_circus_watcher_options(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting, watcher("web", {"demo.colour": "red"}))
    before = daemon.pids("web")

    one(noting, "circus_watcher_options")
    assert daemon.call("get", name="web", keys=["demo.colour", "demo.size"])["options"] == {
        "demo.colour": "red",
        "demo.size": 3,
    }
    daemon.call("set", name="web", options={"demo.size": "4"}, waiting=True)
    assert daemon.call("options", name="web")["options"]["demo.size"] == 4
    assert daemon.pids("web") == before, "its row says that nothing has to be done"
    daemon.call("set", name="web", options={"demo.colour": "green"}, waiting=True)
    assert daemon.pids("web") != before, "its row says that processes have to be replaced"
    assert "isn't an integer" in daemon.refused("set", name="web", options={"demo.size": "big"})["reason"]
    daemon.call("add", name="new", cmd=ready("new"), options={"demo.size": 7})
    assert daemon.call("get", name="new", keys=["demo.size"])["options"] == {"demo.size": 7}


@pytest.mark.parametrize(("option", "action"), [("demo.size", "change"), ("demo.colour", "restart")])
def test_circus_watcher_options_at_a_reload(daemon: Daemon, noting: Noting, option: str, action: str) -> None:
    start(daemon, noting, watcher("web", {option: "1"}))
    before = daemon.pids("web")
    daemon.write(watcher("web", {option: "2"}))
    (step,) = daemon.call("reloadconfig", dry_run=True)["steps"]
    daemon.call("reloadconfig", waiting=True)

    assert step["action"] == action
    assert (daemon.pids("web") == before) is (action == "change")


def test_circus_watcher_options_of_a_bad_file(daemon: Daemon, noting: Noting) -> None:
    daemon.write(watcher("web", {"demo.size": "big"}))

    assert daemon.launch("--check", str(daemon.config), env=noting.env).wait(60) == 1
    assert "[watcher:web] demo.size = 'big': not a whole number; write a whole number" in daemon.log


def test_circus_check_watcher(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting, watcher("web", {"demo.colour": "grey"}))

    assert noting.notes("circus_check_watcher", watcher="web")
    complaint = "[watcher:web] demo.colour = 'grey': too dull for this size; write blue"
    assert daemon.refused("set", name="web", options={"demo.size": 6})["reason"] == complaint
    assert (
        "too dull"
        in daemon.refused("add", name="b", cmd="x", options={"demo.colour": "grey", "demo.size": 6})["reason"]
    )
    daemon.write(watcher("web", {"demo.colour": "grey", "demo.size": 6}))
    assert complaint in daemon.refused("reloadconfig", waiting=True)["reason"]
    daemon.stop()
    assert daemon.launch("--check", str(daemon.config), env=noting.env).wait(60) == 1
    assert f"{daemon.config}:" in daemon.log and complaint in daemon.log


def test_circus_companions(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting, watcher("twin"))

    assert noting.notes("circus_companions", endpoint=daemon.endpoint, pubsub_endpoint=daemon.pubsub_endpoint)
    daemon.wait_status("companion of twin", "active")
    daemon.write(watcher("web"))
    daemon.call("reloadconfig", waiting=True)
    assert daemon.call("list")["watchers"] == ["web"]


def test_circus_config_read(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting)
    daemon.write(watcher("web"), watcher("worker"))
    daemon.call("reloadconfig", waiting=True)

    daemon.write(watcher("worker"))
    daemon.call("restart", waiting=True)
    daemon.wait_until_up()

    wait_for(lambda: len(noting.notes("circus_config_read")) == 3, "the configuration to be read again")
    assert [note["watchers"] for note in noting.notes("circus_config_read")] == [["web"], ["web", "worker"], ["worker"]]
    assert noting.order("circus_config_read", "circus_daemon_starting")[0] == "circus_config_read"


def test_circus_daemon_starting(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting, watcher("web"), watcher("worker"))

    assert one(noting, "circus_daemon_starting")["states"] == ["stopped", "stopped"]
    assert noting.order("circus_daemon_starting", "circus_watcher_state_changed")[0] == "circus_daemon_starting"


def test_circus_daemon_stopping(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting)
    assert noting.notes("circus_daemon_stopping") == []
    daemon.stop()

    assert one(noting, "circus_daemon_stopping")["states"] == ["active"]


def test_circus_watcher_added(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting)
    daemon.call("add", name="Added", cmd=ready("added"), start=True, waiting=True)
    daemon.write(watcher("web"), watcher("worker"))
    daemon.call("reloadconfig", waiting=True)

    assert [(n["watcher"], n["is_listed"]) for n in noting.notes("circus_watcher_added")] == [
        ("Added", True),
        ("worker", True),
    ]


def test_circus_watcher_removed(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting, watcher("web"), watcher("worker", numprocesses=2))
    daemon.write(watcher("web"))
    daemon.call("reloadconfig", waiting=True)

    assert one(noting, "circus_watcher_removed", watcher="worker") == {
        "spec": "circus_watcher_removed",
        "watcher": "worker",
        "is_listed": False,
        "processes": 2,
    }


def test_circus_watcher_state_changed(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting)
    daemon.call("stop", name="web", waiting=True)

    assert [(n["old"], n["new"]) for n in noting.notes("circus_watcher_state_changed")] == [
        ("stopped", "starting"),
        ("starting", "active"),
        ("active", "stopping"),
        ("stopping", "stopped"),
    ]


def test_circus_before_spawn(daemon: Daemon, noting: Noting) -> None:
    web = watcher("web", {"cmd": identity("web"), "demo.colour": "red", "demo.size": 9})
    start(daemon, noting, web, watcher("denied", {"demo.is_denied": True}), wait=False)
    found = daemon.identity("web")

    assert one(noting, "circus_before_spawn", watcher="web")["wid"] == 1
    assert found["argv"][-1] == "red"
    assert found["env"]["DEMO_SIZE"] == "9"
    assert found["limits"]["core"] == [0, 0]
    daemon.wait_status("denied", "stopped")
    assert "an extension refused the spawn" in daemon.ctl("status", "--long").stdout
    assert daemon.said("ready", "denied") == []


def test_circus_after_spawn(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting, watcher("web", numprocesses=2))

    called = {note["wid"]: note["pid"] for note in noting.notes("circus_after_spawn", watcher="web")}
    assert called == daemon.wait_ready("web", 2)


@pytest.mark.parametrize("how", ["killed", "stopped", "shrunk", "reloaded"])
def test_circus_process_exited(daemon: Daemon, noting: Noting, how: str) -> None:
    start(daemon, noting, watcher("web", numprocesses=2))
    first = daemon.wait_ready("web", 2)[1]
    match how:
        case "killed":
            os.kill(first, signal.SIGKILL)
        case "stopped":
            daemon.call("stop", name="web", waiting=True)
        case "shrunk":
            daemon.call("decr", name="web", waiting=True)
        case "reloaded":
            daemon.call("reload", name="web", waiting=True)

    (note,) = wait_for(lambda: noting.notes("circus_process_exited", pid=first), "its end to be told")
    assert (note["watcher"], note["wid"], note["exit_code"]) == ("web", 1, -9 if how == "killed" else -15)
    assert not procs.is_alive(first)


def test_circus_event_published(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting)
    events = daemon.events()
    daemon.call("incr", name="web", waiting=True)
    (spawned,) = [event for event in events.so_far() if event.action == "spawn"]

    told = noting.notes("circus_event_published", topic=spawned.topic)[-1]["payload"]
    assert told["process_pid"] == spawned.data["process_pid"]


def test_circus_extended_stats(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting, watcher("web", {"demo.colour": "red"}))
    (pid,) = daemon.pids("web")

    assert "colour" not in daemon.call("stats", name="web")["info"][str(pid)]
    assert noting.notes("circus_extended_stats") == []
    assert daemon.call("stats", name="web", extended=True)["info"][str(pid)]["colour"] == "red"
    assert one(noting, "circus_extended_stats") == {"spec": "circus_extended_stats", "watcher": "web", "pid": pid}


def test_circus_before_command(daemon: Daemon, noting: Noting) -> None:
    start(daemon, noting)
    refusal = daemon.refused("rm", name="web")

    assert (refusal["errno"], refusal["reason"]) == (5, "web is not to be removed")
    assert one(noting, "circus_before_command", command="rm")["args"]["name"] == "web"
    assert daemon.status("web") == "active"
