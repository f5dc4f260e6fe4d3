"""Another version takes over while everything runs; one that is broken does not, and nobody notices."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from circus_core.client import CircusClient
from circus_core.testing import PATIENCE
from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, Section, socket, watcher
from tests.support.load import Load
from tests.support.venvs import Venv
from tests.support.versions import VERSION, other_version
from tests.support.waiting import wait_for
from tests.support.wire import Events, Published

pytestmark = pytest.mark.differs("it cannot be upgraded while it runs")

BOOM = "raise RuntimeError('boom')"
AFTER_READY = """
_ready = Successor.ready
def _crash(self, *args):
    _ready(self, *args)
    import threading
    threading.Timer(0.2, lambda: os._exit(3)).start()
Successor.ready = _crash
"""
WHEN_TOLD_TO_GO = """
_await_turn = Successor.await_turn
def _fail(self):
    _await_turn(self)
    ACT
Successor.await_turn = _fail
"""
HANG = "import time; time.sleep(1000)"
NEWER_STATE = """
VERSION = 2
def load(cls, blob, where, _load=load):
    global VERSION
    for VERSION in (1, 2):
        try:
            return _load(cls, blob, where)
        except StateError as exc:
            if "of version" not in str(exc):
                raise
"""
CASES = {
    "import-error": ({"cli/circusd.py": "^import nowhere"}, "ended with 1", "No module named 'nowhere'"),
    "no-extension": (
        {"hooks.py": "class _Hooks(Hooks):\n    check_config = None\nHooks = _Hooks"},
        "ended with 1",
        "TypeError: 'NoneType' object is not callable",
    ),
    "older-state": ({"records.py": "VERSION = 0"}, "state of version 1; this circus reads version 0", ""),
    "hang-at-start": ({"cli/_seat.py": f"^{HANG}"}, "did not take over within 3 s", ""),
    "crash-when-told-to-go": ({"cli/_seat.py": WHEN_TOLD_TO_GO.replace("ACT", BOOM)}, "ended with 1", "boom"),
    "hang-when-told-to-go": ({"cli/_seat.py": WHEN_TOLD_TO_GO.replace("ACT", HANG)}, "not take over within 3 s", ""),
    "crash-after-start": ({"cli/_seat.py": AFTER_READY}, "ended with 3 soon after it took over", ""),
    "crash-with-newer-state": (
        {"cli/_seat.py": AFTER_READY, "records.py": NEWER_STATE},
        "ended with 3 soon after it took over",
        "",
    ),
}


def talker(path: Path) -> Section:
    """Return a watcher whose processes number their lines."""
    code = "import itertools, os, time; [(os.write(1, b'%d %d\\n' % (os.getpid(), n)), time.sleep(0.002))"
    cmd = f'{PYTHON} -c "{code} for n in itertools.count()]"'
    return watcher("talker", cmd=cmd, numprocesses=2, **{"stdout_stream.filename": path})


def server() -> Section:
    cmd = f"{PYTHON} {PROGRAMS}/serve.py web $(circus.wid) $(circus.sockets.web)"
    return watcher("web", cmd=cmd, use_sockets=True, numprocesses=3)


@contextmanager
def under_load(daemon: Daemon, log: Path) -> Iterator[Load]:
    """Run a stack under load; what goes on in the block costs no connection, no process, no byte."""
    daemon.start(socket("web"), server(), talker(log))
    (web,) = daemon.call("listsockets")["sockets"]
    with Load((web["host"], web["port"])) as load:
        wait_for(lambda: load.answered() > 20, "answers")
        before = daemon.pids("web") + daemon.pids("talker")
        yield load
        seen = load.answered()
        wait_for(lambda: load.answered() > seen + 50, "more answers", timeout=30)
    assert load.failures() == {}
    assert daemon.pids("web") + daemon.pids("talker") == before
    assert daemon.call("listsockets")["sockets"] == [web]
    daemon.call("stop", name="talker", waiting=True)
    assert_whole(log, 2)
    assert "output_lost" not in daemon.call("status")


def assert_whole(log: Path, writers: int) -> None:
    """Fail unless each of so many processes has all its lines there, in order, once."""
    counts: dict[str, int] = {}
    for line in log.read_text().splitlines():
        pid, number = line.split()
        assert int(number) == counts.get(pid, 0), f"line {line!r} after {counts.get(pid, 0)} of its process"
        counts[pid] = int(number) + 1
    assert len(counts) == writers


def upgraded(daemon: Daemon, events: Events, topic: str, *words: str) -> tuple[CompletedProcess[str], Published]:
    """Upgrade, and return how that went and the event of that *topic*.

    A subscriber that waits for nothing connects to nobody: libzmq works in its caller's thread.
    """
    with ThreadPoolExecutor() as pool:
        done = pool.submit(daemon.ctl, "upgrade", *words, timeout=120)
        told = events.until(topic, timeout=120)[-1]
        return done.result(), told


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """A version that works."""
    return other_version(tmp_path_factory.mktemp("good"))


def test_another_version_takes_over_under_load(daemon: Daemon, good: Venv) -> None:
    with under_load(daemon, daemon.home / "out.log"):
        daemon.call("incr", name="web", nb=0)
        events = daemon.events()
        before = daemon.arbiter

        done, told = upgraded(daemon, events, "arbiter.upgraded", "--python", str(good.python))

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"circus {VERSION} on {good.python} (was ")
        wait_for(lambda: not procs.is_alive(before), "the old one to leave")
        assert daemon.arbiters() != [before]
        assert told.data["version"] == VERSION
        assert told.data["count"] == 1
    figures = daemon.call("dstats")
    assert (figures["version"], figures["python"]) == (VERSION, str(good.python))
    after = daemon.call("status")["upgraded"]
    assert (after["count"], after["version"]) == (1, VERSION)
    assert "recovered" not in daemon.call("status")


def test_the_keeper_starts_the_new_version_from_then_on(daemon: Daemon, good: Venv) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.wait_ready("w", 2)
    old = daemon.arbiter
    daemon.call("upgrade", python=str(good.python))
    wait_for(lambda: not procs.is_alive(old), "the old one to leave")

    daemon.kill_arbiter()

    assert daemon.call("dstats")["version"] == VERSION
    assert daemon.wids("w") == before
    assert daemon.call("status")["recovered"]["count"] == 1


def test_the_same_version_is_taken_again_and_again(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.wait_ready("w", 2)
    daemon.call("set", name="w", options={"graceful_timeout": 7})
    daemon.call("incr", name="w", waiting=True)

    for count in (1, 2):
        assert daemon.call("upgrade")["upgrades"] == count

    assert daemon.wids("w").items() > before.items()
    assert daemon.call("get", name="w", keys=["graceful_timeout"])["options"] == {"graceful_timeout": 7}
    assert daemon.call("numprocesses", name="w")["numprocesses"] == 3


def test_the_newest_output_is_still_shown(daemon: Daemon) -> None:
    daemon.start(talker(daemon.home / "out.log"))
    wait_for(lambda: len(daemon.call("logs", names=["talker"], lines=10)["lines"]) > 5, "output")
    page = daemon.call("logs", names=["talker"], lines=1000)

    daemon.call("upgrade")

    assert daemon.call("logs", names=["talker"], lines=10000)["lines"][0] == page["lines"][0]
    assert daemon.call("logs", names=["talker"], after=page["cursor"], lines=10)["lines"]


def test_commands_that_come_meanwhile_are_done_once(daemon: Daemon) -> None:
    daemon.start(watcher("w"), watcher("slow", cmd=f"/bin/sh {PROGRAMS}/stubborn slow 1", graceful_timeout=1.5))
    replies: list[Mapping[str, Any]] = []
    stop = threading.Event()

    def ask() -> None:
        with CircusClient(endpoint=daemon.endpoint, timeout=PATIENCE) as client:
            while not stop.is_set():
                replies.append(client.send_message("incr", name="w"))
                stop.wait(0.02)

    thread = threading.Thread(target=ask)
    thread.start()
    waiting = daemon.connect()
    waiting.send("restart", name="slow", waiting=True)
    try:
        for _ in range(2):
            daemon.call("upgrade")
    finally:
        stop.set()
        thread.join()

    assert {reply["status"] for reply in replies} == {"ok"}
    options = daemon.call("get", name="w", keys=["numprocesses"])["options"]
    assert options == {"numprocesses": len(replies) + 1}
    reply = waiting.receive()
    assert reply is not None
    assert reply["status"] == "ok"


@pytest.mark.parametrize("case", CASES)
def test_a_broken_version_changes_nothing(daemon: Daemon, case: str, tmp_path: Path) -> None:
    broken, why, said = CASES[case]
    venv = other_version(tmp_path / "venv", broken)
    with under_load(daemon, daemon.home / "out.log"):
        events = daemon.events()
        before = daemon.arbiter

        words = ["--python", str(venv.python), "--timeout", "3" if "hang" in case else "60"]
        done, told = upgraded(daemon, events, "arbiter.upgrade_failure", *words)

        assert done.returncode == 3
        assert why in done.stderr
        assert said in done.stderr
        assert "this one goes on" in done.stderr
        wait_for(lambda: daemon.arbiters() == [before], "the other one to be gone")
        assert why in told.data["reason"]
        assert "upgraded" not in daemon.call("status")
    assert daemon.call("incr", name="web", waiting=True)["numprocesses"] == 4
    assert len(daemon.pids("web")) == 4
    daemon.kill_arbiter()
    assert len(daemon.pids("web")) == 4


@pytest.mark.parametrize(
    ("python", "why"),
    [
        pytest.param("/nowhere/python", "there is no such interpreter", id="not-there"),
        pytest.param("no-such-python", "there is no such interpreter", id="not-on-the-path"),
        pytest.param("/etc/passwd", "Permission denied", id="no-program"),
        pytest.param("/bin/true", "it ended with 0", id="no-python"),
    ],
)
def test_what_is_no_interpreter_is_refused(daemon: Daemon, python: str, why: str) -> None:
    daemon.start(watcher("w"))

    assert why in daemon.refused("upgrade", python=python)["reason"]

    assert daemon.status("w") == "active"


def test_without_a_keeper_it_says_so(daemon: Daemon) -> None:
    daemon.start(watcher("w"), args=["--no-keeper"])

    assert "start circusd without --no-keeper" in daemon.refused("upgrade")["reason"]
