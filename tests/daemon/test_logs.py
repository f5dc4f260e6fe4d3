"""``circusctl logs``: the last lines of processes, and what they print."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import watcher
from tests.support.talking import Talker
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("it has no logs")

KEPT = {"stdout_stream.filename": "/dev/null", "stderr_stream.filename": "/dev/null"}


@pytest.fixture
def web(daemon: Daemon) -> Iterator[Talker]:
    talker = Talker(daemon.home, "web")
    yield talker
    talker.close()


def logged(daemon: Daemon, *words: str) -> list[str]:
    done = daemon.ctl("logs", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_last_lines_of_both_outputs_in_their_order(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(**KEPT))
    web.says("one")
    wait_for(lambda: logged(daemon)[1:], "the first line")
    web.says("!two")
    wait_for(lambda: logged(daemon)[2:], "the second line")

    assert logged(daemon, "web") == ["web:1 | ready", "web:1 | one", "web:1 | two"]
    assert logged(daemon, "web:1", "-n1") == ["web:1 | two"]
    assert logged(daemon, str(daemon.pids("web")[0]), "-n", "1") == ["web:1 | two"]
    line = json.loads(logged(daemon, "--json", "-n", "1")[0])
    assert line.pop("time") == pytest.approx(daemon.call("status")["time"], abs=60)
    assert line == {"watcher": "web", "wid": 1, "pid": daemon.pids("web")[0], "stream": "stderr", "message": "two"}
    assert daemon.ctl("logs", "web:7").stdout == ""
    assert "program wep not found" in daemon.ctl("logs", "wep").stderr


def test_the_last_words_of_a_dead_process_are_there(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(**KEPT))
    old = daemon.pids("web")[0]
    web.says("Traceback: no such thing", "exit")
    wait_for(lambda: daemon.pids("web") not in ([old], []), "its replacement")

    lines = wait_for(lambda: len(found := daemon.call("logs")["lines"]) == 3 and found, "it to be ready")
    assert [line["message"] for line in lines] == ["ready", "Traceback: no such thing", "ready"]
    assert [line["pid"] == old for line in lines] == [True, True, False]


def test_a_watcher_without_a_stream_says_how_to_change_it(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(), watcher("other", {"log_ring": "4K"}))
    done = daemon.ctl("logs", "web")
    assert (done.returncode, done.stdout) == (3, "")
    remedy = "circusctl set web log_ring 64K"
    assert f"web: its output is not kept, it has no stream and goes to circusd's own; set log_ring: {remedy}" in (
        done.stderr
    )
    assert "web: its output is not kept" in daemon.ctl("logs", "web", "other").stderr

    daemon.call("set", name="web", options={"log_ring": "64K"}, waiting=True)
    web.says("hello")

    wait_for(lambda: "hello" in daemon.ctl("logs", "web").stdout, "its output")
    wait_for(lambda: "hello" in daemon.output, "the same on circusd's own output")
    daemon.call("set", name="web", options={"log_ring": 0}, waiting=True)
    assert "log_ring is 0" in daemon.ctl("logs", "web").stderr


def test_output_is_followed_up_to_the_last_words(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(**KEPT))
    wait_for(lambda: logged(daemon), "the process to be ready")
    command = [*daemon.flavour.circusctl, "--endpoint", daemon.endpoint, "logs", "-f", "web"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "web:1 | ready\n"
        web.says("one", "two")
        assert [follower.stdout.readline() for _ in range(2)] == ["web:1 | one\n", "web:1 | two\n"]

        daemon.call("stop", waiting=True)
        assert follower.stdout.readline() == "web:1 | bye\n"
        follower.send_signal(signal.SIGINT)
        assert follower.wait(60) == 0


def test_who_follows_does_not_hold_up_the_end(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(**KEPT))
    cursor = wait_for(lambda: (reply := daemon.call("logs"))["lines"] and reply["cursor"], "the process to be ready")
    wire = daemon.connect()
    asked = wire.send("logs", names=["web"], after=cursor, wait=60)
    assert wire.ask("status", name="web")["status"] == "active"  # this connection: the command has arrived

    daemon.signal(signal.SIGTERM)

    reply = wire.receive()
    assert reply is not None
    assert reply["id"] == asked
    assert [line["message"] for line in reply["lines"]] == ["bye"]
    assert daemon.wait_exit() == 0


def test_one_who_reads_too_slowly_is_told_what_is_missing(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(log_ring=1000, **KEPT))
    cursor = wait_for(lambda: (reply := daemon.call("logs"))["lines"] and reply["cursor"], "the process to be ready")
    for n in range(20):
        web.says(f"{n} {'x' * 100}")
    wait_for(lambda: daemon.call("logs")["lines"][-1]["message"].startswith("19 "), "all lines")

    reply = daemon.call("logs", names=["web"], after=cursor, lines=500)

    assert reply["gaps"] == [["web", 1]]
    assert [line["message"].split()[0] for line in reply["lines"]] == [str(n) for n in range(11, 20)]
    assert "gaps" not in daemon.call("logs", names=["web"], after=reply["cursor"])


def test_a_watcher_that_was_removed_is_forgotten(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(**KEPT), watcher("other", **{"stdout_stream.filename": "/dev/null"}))
    wait_for(lambda: logged(daemon, "web"), "the process to be ready")
    config = web.section(**KEPT).options
    daemon.call("rm", name="web", waiting=True)
    assert "program web not found" in daemon.refused("logs", names=["web"])["reason"]

    daemon.call("add", name="web", cmd=config["cmd"], options={"stdout_stream": {"filename": "/dev/null"}})
    assert daemon.call("logs", names=["web"])["lines"] == []


def test_what_was_printed_is_there_after_a_restart_of_the_daemon(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(**KEPT))
    wait_for(lambda: logged(daemon), "the process to be ready")

    daemon.ctl("restart")
    wait_for(lambda: daemon.call("logs", names=["web"])["lines"][2:] or None, "the next process")

    messages = [line["message"] for line in daemon.call("logs")["lines"]]
    assert messages == ["ready", "bye", "ready"]
