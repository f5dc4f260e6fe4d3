"""Two processes are circusd: the keeper, and the arbiter, either of which may be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket as sockets
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from circus_core.async_client import AsyncCircusClient
from circus_core.client import CircusClient
from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, circus, ready, socket, watcher
from tests.support.load import Load
from tests.support.stats import Stats
from tests.support.terminal import Terminal
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("it is one process")

STUBBORN = "/bin/sh -c 'trap \"\" TERM; echo ready slow $(circus.wid) $$; while :; do sleep 1; done'"


def pss(pid: int) -> int:
    """Return the memory of a process in bytes, its part of what it shares included."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def test_circusd_is_the_keeper_and_dstats_tells_of_the_arbiter(daemon: Daemon) -> None:
    pidfile = daemon.home / "circus.pid"
    daemon.start(circus(pidfile=pidfile), watcher("w"))
    (pid,) = daemon.pids("w")
    (arbiter,) = daemon.arbiters()

    assert daemon.call("dstats")["info"]["pid"] == arbiter
    assert [procs.parent_of(p) for p in (arbiter, pid)] == [daemon.pid, daemon.pid]
    assert pidfile.read_text() == f"{daemon.pid}\n"
    assert procs.name_of(daemon.pid) == "circusd"
    assert os.listdir(f"/proc/{daemon.pid}/task") == [str(daemon.pid)]
    assert len({os.getsid(p) for p in (daemon.pid, arbiter, pid)}) == 3


def test_no_keeper_leaves_one_process(daemon: Daemon) -> None:
    daemon.start(watcher("w"), args=["--no-keeper"])
    (pid,) = daemon.pids("w")

    assert daemon.call("dstats")["info"]["pid"] == daemon.pid
    assert procs.children_of(daemon.pid) == [pid]


def test_the_keeper_is_small_and_sleeps(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=20))
    daemon.wait_ready("w", 20)

    wait_for(procs.sleeps(daemon.pid, most=0), "two seconds in which nothing wakes the keeper")

    wait_for(procs.sleeps(daemon.arbiter, most=20), "two seconds in which hardly anything wakes the arbiter")
    assert pss(daemon.pid) < 9_000_000


def test_the_service_manager_hears_the_keeper(daemon: Daemon) -> None:
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM) as manager:
        manager.setsockopt(sockets.SOL_SOCKET, sockets.SO_PASSCRED, 1)
        manager.bind(str(daemon.home / "notify"))
        manager.settimeout(20)
        daemon.start(watcher("w"), env={**os.environ, "NOTIFY_SOCKET": str(daemon.home / "notify")})

        text, ancillary, _, _ = manager.recvmsg(1000, 1000)

        assert text == f"READY=1\nMAINPID={daemon.pid}".encode()
        assert struct.unpack("3i", ancillary[0][2])[0] == daemon.pid
        moved = daemon.kill_keeper()
        assert manager.recv(1000) == f"MAINPID={moved}".encode()
        daemon.stop()
        assert manager.recv(1000) == b"STOPPING=1"
    os.unlink(daemon.home / "notify")


def test_ctrl_c_arrives_once(daemon: Daemon) -> None:
    daemon.write(watcher("w", cmd=ready("w")))
    with Terminal(*daemon.circusd, str(daemon.config)) as terminal:
        terminal.wait_for("ready w 1")
        terminal.press("\x03")
        assert terminal.process.wait(20) == 0
        terminal.wait_for("w stopped")
        assert terminal.raw.count("got signal SIGINT") == 1


def test_a_broken_log_pipe_stops_nobody(daemon: Daemon) -> None:
    daemon.write(watcher("w"))
    reader, writer = os.pipe()
    daemon.launch(str(daemon.config), via=["/bin/bash", "-c", f'exec "$@" 2>&{writer}', "bash"], pass_fds=[writer])
    os.close(writer)
    daemon.wait_until_up()
    daemon.wait_status("w", "active")
    os.close(reader)
    pids = daemon.pids("w")

    daemon.kill_arbiter()

    assert daemon.pids("w") == pids


def test_told_to_end_while_it_becomes_two_processes_it_ends(daemon: Daemon) -> None:
    daemon.write(watcher("w"))
    for _ in range(5):
        daemon.launch(str(daemon.config))
        (arbiter,) = wait_for(lambda: procs.children_of(daemon.pid), "the second one")

        daemon.signal(signal.SIGTERM)

        assert daemon.wait_exit() == 0
        wait_for(lambda pid=arbiter: not procs.is_alive(pid), "the second one to be gone")
    assert "died" not in daemon.log


# The arbiter is killed


def test_nothing_changes_when_the_arbiter_is_killed(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=3), watcher("off", autostart=False), watcher("gone"))
    daemon.call("set", name="w", options={"graceful_timeout": 7})
    daemon.call("incr", name="w", waiting=True)
    daemon.call("stop", name="gone", waiting=True)
    daemon.call("add", name="new", cmd=ready("new"), start=True, waiting=True)
    before = daemon.pids("w"), daemon.pids("new")
    events = daemon.events()

    killed = daemon.arbiter
    daemon.kill_arbiter()

    assert (daemon.pids("w"), daemon.pids("new")) == before
    assert daemon.arbiter != killed
    assert daemon.call("get", name="w", keys=["graceful_timeout"])["options"] == {"graceful_timeout": 7}
    assert daemon.call("numprocesses", name="w")["numprocesses"] == 4
    assert (daemon.status("gone"), daemon.status("off")) == ("stopped", "stopped")
    recovered = daemon.call("status")["recovered"]
    assert (recovered["count"], recovered["reason"]) == (1, "it was ended by SIGKILL")
    assert events.until("arbiter.recovered")[-1].data["reason"] == "it was ended by SIGKILL"


def test_a_death_meanwhile_is_seen_by_the_next_arbiter(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    first, second = daemon.pids("w")
    os.kill(daemon.arbiter, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not procs.is_alive(first), "the death")

    daemon.kill_arbiter()

    after = wait_for(lambda: pids if len(pids := daemon.pids("w")) == 2 and first not in pids else None, "another one")
    assert second in after


def test_an_arbiter_that_hangs_is_replaced(daemon: Daemon) -> None:
    daemon.start(circus(heartbeat_timeout=1), watcher("w", numprocesses=2))
    before, arbiter = daemon.pids("w"), daemon.arbiter

    os.kill(arbiter, signal.SIGSTOP)

    wait_for(lambda: "has not answered for 1 s" in daemon.log, "the keeper to lose patience", 20)
    wait_for(lambda: daemon.arbiters() not in ([], [arbiter]), "another arbiter")
    assert daemon.pids("w") == before
    assert daemon.arbiter != arbiter


def test_a_command_in_flight_is_executed_once(daemon: Daemon) -> None:
    daemon.start(watcher("slow", cmd=STUBBORN, graceful_timeout=2), watcher("w"))
    pids = daemon.wait_ready("slow")
    with CircusClient(endpoint=daemon.endpoint, timeout=30) as client:
        replies: list[dict[str, object]] = []
        asks = threading.Thread(
            target=lambda: replies.append(client.send_message("restart", name="slow", waiting=True))
        )
        asks.start()
        wait_for(lambda: daemon.status("slow") == "stopping", "the stop")

        daemon.kill_arbiter()
        asks.join()

    assert [reply["status"] for reply in replies] == ["ok"]
    after = daemon.wait_ready("slow", without=list(pids.values()))
    assert daemon.pids("slow") == list(after.values())
    assert len(daemon.said("ready", "slow")) == 2


def test_circusctl_outlives_the_arbiter(daemon: Daemon) -> None:
    daemon.start(watcher("slow", cmd=STUBBORN, graceful_timeout=2), watcher("w"))
    daemon.wait_ready("slow")
    words = [*daemon.circusctl, "--endpoint", daemon.endpoint, "--timeout", "30", "stop", "slow", "--waiting"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as stop:
        wait_for(lambda: daemon.status("slow") == "stopping", "the stop")
        daemon.kill_arbiter()
        assert stop.communicate(timeout=30)[0].strip() == "ok"

    daemon.wait_status("slow", "stopped")


def test_the_asynchronous_client_asks_again_too(daemon: Daemon) -> None:
    daemon.start(watcher("slow", cmd=STUBBORN, graceful_timeout=2), watcher("w"))
    pids = daemon.wait_ready("slow")

    async def restart() -> list[str]:
        async with AsyncCircusClient(endpoint=daemon.endpoint, timeout=60) as client:
            asks = [asyncio.ensure_future(client.send_message("restart", name="slow", waiting=True)) for _ in range(2)]
            while daemon.status("slow") != "stopping":  # noqa: ASYNC110  no event tells
                await asyncio.sleep(0.01)
            daemon.kill_arbiter()
            return [str(reply["status"]) for reply in await asyncio.gather(*asks)]

    assert asyncio.run(restart()) == ["ok", "ok"]
    daemon.wait_ready("slow", without=list(pids.values()))


def test_statistics_go_on_and_tell_of_new_watchers(daemon: Daemon) -> None:
    daemon.start(circus(statsd=True, stats_endpoint=f"ipc://{daemon.home}/stats"), watcher("w"))
    daemon.wait_status("circusd-stats", "active")
    (pid,) = daemon.pids("circusd-stats")
    with Stats(f"ipc://{daemon.home}/stats") as stats:
        stats.until(lambda stat: stat.topic == "stat.w", "the first figures")

        daemon.kill_arbiter()
        daemon.call("add", name="new", cmd=ready("new"), start=True, waiting=True)

        stats.until(lambda stat: stat.topic == "stat.new" and stat.data["pid"], "those of the new watcher", 30)
    assert daemon.pids("circusd-stats") == [pid]


# The keeper is killed


def test_nothing_changes_when_the_keeper_is_killed(daemon: Daemon) -> None:
    pidfile = daemon.home / "circus.pid"
    out = daemon.home / "out.log"
    talks = "/bin/sh -c 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.01; done'"
    daemon.start(
        circus(pidfile=pidfile),
        watcher("w", numprocesses=3),
        watcher("talks", {"cmd": talks, "stdout_stream.filename": out}),
    )
    before = daemon.pids("w"), daemon.pids("talks"), daemon.arbiter
    events = daemon.events()

    moved = daemon.kill_keeper()

    assert (daemon.pids("w"), daemon.pids("talks"), daemon.arbiter) == before
    assert pidfile.read_text() == f"{moved}\n"
    assert daemon.call("status")["keeper_replaced"]["count"] == 1
    assert [(e.topic, e.data["pid"]) for e in events.so_far() if e.action == "replaced"] == [("keeper.replaced", moved)]
    lines = len(out.read_text().splitlines())
    wait_for(lambda: len(out.read_text().splitlines()) > lines + 20, "the output to go on")
    daemon.call("stop", name="talks", waiting=True)
    assert [int(line) for line in out.read_text().splitlines()] == list(range(1, len(out.read_text().split()) + 1))


def test_the_next_keeper_is_told_of_deaths_and_spawns(daemon: Daemon) -> None:
    daemon.start(
        watcher("w", numprocesses=2),
        watcher("code", cmd="/bin/sh -c 'trap \"exit 3\" TERM; while :; do sleep 0.05; done'"),
    )
    first, second = daemon.pids("w")
    moved = daemon.kill_keeper()

    os.kill(first, signal.SIGKILL)
    after = wait_for(lambda: pids if len(pids := daemon.pids("w")) == 2 and first not in pids else None, "another one")

    assert second in after
    (new,) = set(after) - {second}
    assert procs.parent_of(new) == moved
    (code,) = daemon.pids("code")
    os.kill(code, signal.SIGTERM)
    report = wait_for(lambda: daemon.call("status", name="code", long=True)["watchers"]["code"]["last_exit"], "its end")
    told = json.dumps(report)
    assert report["exit_code"] in (3, None), told


def test_signals_and_commands_reach_the_next_keeper(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    daemon.kill_keeper()
    daemon.call("incr", name="w", waiting=True)
    assert len(daemon.pids("w")) == 3
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: "got signal SIGHUP" in daemon.log, "the reload")

    assert daemon.stop() == 0


def test_they_are_killed_in_turn(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=4), circus(pidfile=daemon.home / "circus.pid"))
    before = daemon.pids("w")
    for _ in range(3):
        daemon.kill_keeper()
        daemon.kill_arbiter()
        assert daemon.pids("w") == before
    assert daemon.call("status")["keeper_replaced"]["count"] == 3
    assert daemon.call("status")["recovered"]["count"] == 3
    assert (daemon.home / "circus.pid").read_text() == f"{daemon.pid}\n"
    daemon.call("restart", name="w", waiting=True)
    assert not set(before) & set(daemon.pids("w"))
    assert daemon.stop() == 0


def test_the_keeper_dies_while_processes_are_spawned(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=1), watcher("many", cmd=ready("many"), numprocesses=60, autostart=False))
    daemon.call("start", name="many")
    wait_for(lambda: len(daemon.pids("many")) > 5, "some of them")

    daemon.kill_keeper()

    wait_for(lambda: len(daemon.pids("many")) == 60, "all of them", 30)
    said = daemon.wait_ready("many", 60)
    assert sorted(said.values()) == daemon.pids("many")
    assert len(daemon.said("ready", "many")) == 60  # nothing was started twice


def test_no_connection_fails_when_either_is_killed(daemon: Daemon) -> None:
    cmd = f"{PYTHON} {PROGRAMS}/serve.py w $(circus.wid) $(circus.sockets.web)"
    daemon.start(socket("web"), watcher("w", cmd=cmd, use_sockets=True, numprocesses=4))
    daemon.wait_ready("w", 4)
    (info,) = daemon.call("listsockets")["sockets"]
    with Load((info["host"], info["port"])) as load:
        wait_for(lambda: load.answered() > 50, "answers")
        daemon.kill_arbiter()
        daemon.pids("w")
        daemon.kill_keeper()
        answered = load.answered()
        wait_for(lambda: load.answered() > answered + 50, "more answers")
    assert load.failures() == {}
