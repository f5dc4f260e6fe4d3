"""The ``file_watch`` plugin: files that change, and what follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import Section, signals, watcher
from tests.support.plugins import plugin, wait_connected
from tests.support.waiting import wait_for
from tests.support.wire import Events

pytestmark = pytest.mark.differs("the published package has no such plugin")


@pytest.fixture
def app(daemon: Daemon) -> Path:
    """A folder with an application."""
    folder = daemon.home / "app"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "settings.ini").write_text("[a]\n")
    (folder / "sub" / "deep" / "main.py").write_text("pass\n")
    return folder


def file_watch(**options: object) -> Section:
    return plugin("fw", "file_watch", **{"debounce": 0.2, **options})


def start(daemon: Daemon, *sections: Section) -> Events:
    daemon.start(*sections)
    wait_connected(daemon, "fw")
    wait_for(lambda: "plugin:fw: watches" in daemon.log, "the folders to be watched")
    return daemon.events()


def test_changed_file_reloads_its_watcher(daemon: Daemon, app: Path) -> None:
    events = start(
        daemon,
        watcher("Web One", {"file_watch.paths": "app/**/*.py, app/settings.ini"}, working_dir=daemon.home),
        watcher("calm"),
        file_watch(),
    )
    before, calm = daemon.pids("Web One"), daemon.pids("calm")

    (app / "sub" / "deep" / "main.py").write_text("print()\n")
    seen = events.until("watcher.web_one.reload")

    found = [event for event in seen if event.action == "file_change"]
    event = found[0] if found else events.until("watcher.web_one.file_change")[-1]
    assert event.data["paths"] == [str(app / "sub" / "deep" / "main.py")]
    assert event.data["action"] == "reload"
    assert daemon.pids("Web One") != before and daemon.pids("calm") == calm


def test_many_changes_are_one(daemon: Daemon, app: Path) -> None:
    events = start(daemon, watcher("web", {"file_watch.paths": app}), file_watch(debounce=1))

    for number in range(50):
        (app / "sub" / f"file{number}.txt").write_text("x")
    told: list[str] = []
    count = 0
    while len(told) < 50:
        told += events.until("watcher.web.file_change")[-1].data["paths"]
        count += 1

    assert len(set(told)) == 50
    assert count <= 5, "one, unless the machine was too busy to write them within a second"


def test_what_is_ignored_or_matches_nothing_does_not_count(daemon: Daemon, app: Path) -> None:
    options = {"file_watch.paths": "app/*.ini app/sub", "file_watch.ignore": "app/sub/*.log"}
    events = start(daemon, watcher("web", options, working_dir=daemon.home), file_watch(action="event"))

    (app / "sub" / "x.log").write_text("x")
    (app / "other.txt").write_text("x")
    (app / "sub" / "deep" / ".main.py.swp").write_text("x")
    (app / "settings.ini").write_text("[b]\n")
    event = events.until("watcher.web.file_change")[-1]

    assert event.data["paths"] == [str(app / "settings.ini")]


def test_file_that_is_replaced_or_removed_counts(daemon: Daemon, app: Path) -> None:
    events = start(daemon, watcher("web", {"file_watch.paths": app / "settings.ini"}), file_watch(action="event"))

    new = app / "settings.ini.new"
    new.write_text("[b]\n")
    new.rename(app / "settings.ini")
    assert events.until("watcher.web.file_change")[-1].data["paths"] == [str(app / "settings.ini")]
    (app / "settings.ini").unlink()
    assert events.until("watcher.web.file_change")[-1].data["paths"] == [str(app / "settings.ini")]


def test_watcher_is_restarted_or_signalled_as_it_says(daemon: Daemon, app: Path) -> None:
    paths = {"file_watch.paths": app / "*.ini"}
    signalled = {**paths, "file_watch.action": "signal", "file_watch.signal": "USR1"}
    events = start(
        daemon,
        watcher("restarts", {**paths, "file_watch.action": "restart"}),
        watcher("signalled", signalled, cmd=signals("signalled")),
        file_watch(),
    )
    (pid,) = daemon.wait_ready("signalled").values()

    (app / "settings.ini").write_text("[b]\n")

    assert [e.action for e in events.until("watcher.restarts.start") if e.action == "reload"] == []
    wait_for(lambda: "USR1" in daemon.output, "the signal")
    assert daemon.pids("signalled") == [pid]


def test_folder_that_comes_later_is_watched_then(daemon: Daemon) -> None:
    later = daemon.home / "later"
    daemon.start(watcher("web", {"file_watch.paths": f"{later}/*"}), file_watch(action="event"))
    wait_for(lambda: f"there is no folder {later}" in daemon.log, "the warning")

    later.mkdir()
    wait_for(lambda: f"watches {later}" in daemon.log, "the folder to be watched")
    events = daemon.events()
    (later / "file").write_text("x")

    assert events.until("watcher.web.file_change")[-1].data["paths"] == [str(later / "file")]


def test_watchers_come_and_go(daemon: Daemon, app: Path) -> None:
    events = start(daemon, watcher("web", {"file_watch.paths": app / "*.ini"}), file_watch(action="event"))
    added = {"name": "added", "cmd": "sleep 99", "options": {"file_watch.paths": str(app / "sub" / "*")}}
    daemon.call("add", start=True, waiting=True, **added)
    wait_for(lambda: f"watches {app / 'sub'}" in daemon.log, "its folder to be watched")
    daemon.call("rm", name="web", waiting=True)

    (app / "settings.ini").write_text("[c]\n")
    (app / "sub" / "x").write_text("x")
    seen = events.until("watcher.added.file_change")

    assert [event.watcher for event in seen if event.action == "file_change"] == ["added"]
