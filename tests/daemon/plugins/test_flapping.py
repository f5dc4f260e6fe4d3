"""The ``flapping`` plugin on a watcher that dies at once."""

from __future__ import annotations

import time

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PYTHON, Section, circus, watcher
from tests.support.plugins import plugin, wait_connected
from tests.support.waiting import wait_for
from tests.support.wire import Events, Published

pytestmark = pytest.mark.differs("the published plugin loses stops, retries after giving up, counts ordinary stops")

DIES = '/bin/sh -c "exit 3"'


def lives(seconds: float) -> str:
    """Return a command that fails after a while."""
    return f'{PYTHON} -c "import sys, time; time.sleep({seconds}); sys.exit(3)"'


def flapping(**options: object) -> Section:
    return plugin("flap", "flapping", **{"window": 0.5, "retry_in": 1, "max_retry": 2, **options})


def start(daemon: Daemon, *sections: Section) -> Events:
    """Start the daemon; return its events once the plugin gets them too."""
    daemon.start(circus(check_delay=0.5), *sections)
    wait_connected(daemon, "flap")
    return daemon.events()


def told(events: list[Published]) -> list[tuple[str, int]]:
    return [(e.data["status"], e.data["tries"]) for e in events if e.action == "flapping"]


def test_what_dies_at_once_is_stopped_tried_again_and_given_up(daemon: Daemon) -> None:
    events = start(daemon, watcher("calm", numprocesses=2), watcher("bad", cmd=DIES, autostart=False), flapping())
    calm = daemon.pids("calm")
    cpu, began = procs.cpu_seconds(daemon.pid), time.monotonic()

    daemon.call("start", name="bad")
    seen = events.until("watcher.bad.flapping", count=3)
    spent = (procs.cpu_seconds(daemon.pid) - cpu) / (time.monotonic() - began)

    assert told(seen) == [("waiting", 1), ("waiting", 2), ("given_up", 2)]
    stops = [event.data["time"] for event in seen if event.topic == "watcher.bad.stop"]
    starts = [event.data["time"] for event in seen if event.topic == "watcher.bad.start"]
    assert [b - a > 0.9 for a, b in zip(stops, starts[1:], strict=False)] == [True, True]
    assert seen[-1].data["status"] == "given_up"
    daemon.wait_status("bad", "stopped")
    later = events.so_far()
    assert [event.topic for event in later if event.action in {"start", "spawn", "flapping"}] == []
    assert daemon.pids("calm") == calm
    assert {event.watcher for event in [*seen, *later] if event.action in {"stop", "kill", "reap"}} == {"bad"}
    assert spent < 0.05
    assert "bad still dies after 2 retries and is given up" in daemon.log


def test_many_processes_that_die_together_are_one_bout(daemon: Daemon) -> None:
    events = start(
        daemon,
        watcher("bad", cmd=lives(0.2), numprocesses=20, autostart=False),
        flapping(retry_in=0.5, max_retry=1),
    )

    daemon.call("start", name="bad")
    seen = events.until("watcher.bad.flapping", count=2)

    assert told(seen) == [("waiting", 1), ("given_up", 1)]


def test_what_dies_now_and_then_is_left_alone(daemon: Daemon) -> None:
    events = start(daemon, watcher("slow", cmd=lives(1.3), autostart=False), flapping(window=0.2))

    daemon.call("start", name="slow")
    seen = events.until("watcher.slow.reap", count=3)

    assert {event.action for event in [*seen, *events.so_far()]} <= {"spawn", "start", "reap"}


def test_deaths_that_the_daemon_was_asked_for_do_not_count(daemon: Daemon) -> None:
    events = start(daemon, watcher("web", numprocesses=3), flapping(attempts=2))

    for _ in range(3):
        daemon.call("restart", name="web", waiting=True)
    daemon.call("reload", name="web", sequential=True, waiting=True)
    daemon.call("stop", name="web", waiting=True)
    daemon.call("start", name="web", waiting=True)
    seen = events.until("watcher.web.start", count=4)

    assert told(seen) == []
    assert daemon.status("web") == "active"


def test_watcher_has_options_of_its_own(daemon: Daemon) -> None:
    own = {"flapping.max_retry": 0, "flapping.attempts": 3}
    events = start(
        daemon,
        watcher("bad", own, cmd=DIES, autostart=False),
        watcher("free", {"flapping.active": "no"}, cmd=DIES, autostart=False),
        flapping(max_retry=-1),
    )

    daemon.call("start", name="free")
    daemon.call("start", name="bad")
    seen = events.until("watcher.bad.flapping")

    assert told(seen) == [("given_up", 0)]
    assert [event.topic for event in seen].count("watcher.bad.reap") >= 3
    events.until("watcher.free.reap", count=3)
    assert daemon.status("free") != "stopped"


def test_options_are_read_anew_when_they_are_set(daemon: Daemon) -> None:
    events = start(
        daemon,
        watcher("bad", {"flapping.retry_in": 60}, cmd=DIES, autostart=False),
        flapping(),
    )
    daemon.call("set", name="bad", options={"flapping.retry_in": "0.5"})

    daemon.call("start", name="bad")
    seen = events.until("watcher.bad.flapping")

    assert seen[-1].data["retry_in"] == 0.5


def test_start_by_hand_ends_the_wait(daemon: Daemon) -> None:
    flag = daemon.home / "works"
    events = start(
        daemon,
        watcher("bad", cmd=f"/bin/sh -c 'test -e {flag} && exec sleep 100; exit 1'", autostart=False),
        flapping(retry_in=600),
    )
    daemon.call("start", name="bad")
    events.until("watcher.bad.stop")
    flag.touch()

    daemon.call("start", name="bad", waiting=True)

    assert daemon.status("bad") == "active"
    wait_for(lambda: len(daemon.pids("bad")) == 1, "its process")


def test_watcher_whose_name_is_no_word_is_stopped_too(daemon: Daemon) -> None:
    events = start(daemon, watcher("Odd [1] name", cmd=DIES, autostart=False), watcher("calm"), flapping(max_retry=0))

    daemon.call("start", name="Odd [1] name", match="simple")
    events.until("watcher.odd_[1]_name.flapping")

    daemon.wait_status("Odd [1] name", "stopped")


def test_check_delay_of_the_daemon_counts(daemon: Daemon) -> None:
    """The window is that of the plugin and ``check_delay``; with a long one deaths a second apart are flapping."""
    daemon.start(circus(check_delay=30), watcher("slow", cmd=lives(1.2)), flapping(window=0, max_retry=0))

    daemon.wait_status("slow", "stopped")

    assert "--check-delay" in (args := daemon.call("get", name="plugin:flap", keys=["args"])["options"]["args"])
    assert args[args.index("--check-delay") + 1] == "30"
