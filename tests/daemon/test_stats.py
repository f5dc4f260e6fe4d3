"""What circusd-stats publishes, as a subscriber sees it."""

from __future__ import annotations

import os
import signal
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, Section, circus, socket, watcher
from tests.support.stats import LAST, Stats
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("what it publishes is compared in test_circus_top")

PROCESS_KEYS = {
    *("mem_info1", "mem_info2", "cpu", "mem", "ctime", "pid", "username", "nice", "create_time", "age", "cmdline"),
    *("children", "subtopic", "name"),
}
WATCHER_KEYS = {"pid", "cpu", "mem", "age"}
SOCKET_KEYS = {"fd", "subtopic", "reads", "address"}


def with_stats(daemon: Daemon) -> Section:
    return circus(statsd=True, stats_endpoint=f"ipc://{daemon.home}/stats")


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(daemon: Daemon, opened: ExitStack, *sections: Section, topic: str = "stat.") -> Stats:
    """Start a daemon with statistics, and return a subscriber."""
    daemon.start(with_stats(daemon), *sections)
    daemon.wait_status("circusd-stats", "active")
    return subscribe(daemon, opened, topic)


def subscribe(daemon: Daemon, opened: ExitStack, topic: str = "stat.") -> Stats:
    return opened.enter_context(Stats(f"ipc://{daemon.home}/stats", topic))


def stats_pid(daemon: Daemon) -> int:
    (pid,) = daemon.pids("circusd-stats")
    return pid


def test_every_documented_topic_and_key(daemon: Daemon, opened: ExitStack) -> None:
    path = f"{daemon.home}/web.sock"
    stats = start(daemon, opened, watcher("Al One", numprocesses=2), socket("tcp"), socket("unix", path=path))
    first, second = daemon.pids("al one")
    found = stats.round()
    listed = daemon.call("listsockets")["sockets"]

    for pid in (first, second):
        info = found[f"stat.al_one.{pid}"]
        assert info.keys() >= PROCESS_KEYS
        assert (info["pid"], info["subtopic"], info["name"], info["children"]) == (pid, pid, None, [])
    whole = found["stat.al_one"]
    assert whole.keys() >= WATCHER_KEYS
    assert sorted(whole["pid"]) == sorted([first, second])
    assert whole["mem"] == pytest.approx(sum(found[f"stat.al_one.{pid}"]["mem"] for pid in (first, second)), abs=0.002)
    assert whole["age"] == max(found[f"stat.al_one.{pid}"]["age"] for pid in (first, second))
    names = {pid: found[f"stat.circus.{pid}"]["name"] for pid in found[LAST]["pid"]}
    assert names == {daemon.call("dstats")["info"]["pid"]: "circusd", stats_pid(daemon): "circusd-stats"}
    for each in listed:
        told = found[f"stat.sockets.{each['fd']}"]
        assert told.keys() >= SOCKET_KEYS
        assert (told["fd"], told["subtopic"], told["reads"]) == (each["fd"], each["fd"], 0)
        assert told["address"] == each.get("path", f"{each.get('host')}:{each.get('port')}")
    assert sorted(found["stat.sockets"]["addresses"]) == sorted(
        found[f"stat.sockets.{each['fd']}"]["address"] for each in listed
    )
    assert found["stat.sockets"]["reads"] == 0
    assert not [topic for topic in found if topic.startswith(("stat.circusd-stats", "stat.al one"))]


def test_what_else_is_told(daemon: Daemon, opened: ExitStack) -> None:
    stats = start(daemon, opened, watcher("Al One"), watcher("off", autostart=False, numprocesses=3))
    (pid,) = daemon.pids("al one")
    found = stats.round()
    assert {key: found[f"stat.al_one.{pid}"][key] for key in ("wid", "state")} == {"wid": 1, "state": "running"}
    more = ("name", "state", "numprocesses", "restarts")
    assert [found["stat.al_one"][key] for key in more] == ["Al One", "active", 1, 0]
    assert [found["stat.off"][key] for key in more] == ["off", "stopped", 3, 0]
    assert {key: found["stat.off"][key] for key in WATCHER_KEYS} == {"pid": [], "cpu": 0.0, "mem": 0.0, "age": "N/A"}
    assert "stat.sockets" not in found


def test_processes_that_come_and_go(daemon: Daemon, opened: ExitStack) -> None:
    stats = start(daemon, opened, watcher("web", numprocesses=2))
    before = daemon.pids("web")
    stats.until(lambda stat: stat.topic == f"stat.web.{before[0]}", "a process")

    os.kill(before[0], signal.SIGKILL)

    after = wait_for(lambda: [pid for pid in daemon.pids("web") if pid not in before], "a new process")
    stats.until(lambda stat: stat.topic == f"stat.web.{after[0]}", "the new process")
    found = stats.round()
    assert sorted(found["stat.web"]["pid"]) == sorted([before[1], after[0]])
    assert (found["stat.web"]["restarts"], f"stat.web.{before[0]}" in found) == (1, False)

    daemon.call("add", name="later", cmd=str(daemon.home.joinpath("none")), start=False)
    stats.until(lambda stat: stat.topic == "stat.later" and stat.data["state"] == "stopped", "the added watcher")
    daemon.call("stop", name="web", waiting=True)
    stats.until(lambda stat: stat.topic == "stat.web" and stat.data["pid"] == [], "the end of all")
    daemon.call("rm", name="later", waiting=True)
    wait_for(lambda: "stat.later" not in stats.round(), "it to be forgotten")


def test_only_what_somebody_wants_is_published(daemon: Daemon, opened: ExitStack) -> None:
    start(daemon, opened, watcher("a"), watcher("b"), topic="stat.a")
    every = subscribe(daemon, opened, "stat.b")
    (pid,) = daemon.pids("b")
    assert {every.next().topic for _ in range(4)} == {"stat.b", f"stat.b.{pid}"}


def test_while_nobody_is_subscribed_nothing_is_done(daemon: Daemon, opened: ExitStack) -> None:
    stats = start(daemon, opened, watcher("web"), socket("tcp"))
    pid = stats_pid(daemon)
    stats.round()
    with opened:
        pass  # who was subscribed leaves
    others = subscribe(daemon, opened, "watcher.")
    at_rest = "nothing to run for longer than a round takes"
    wait_for(procs.sleeps(pid, most=0, seconds=1.3), at_rest)

    before, descriptors = procs.switches_of(pid), len(os.listdir(f"/proc/{pid}/fd"))
    daemon.call("restart", name="web", waiting=True)
    os.kill(daemon.pids("web")[0], signal.SIGKILL)
    daemon.wait_status("web", "active")
    wait_for(procs.sleeps(pid, most=0, seconds=1.3), at_rest)

    assert procs.switches_of(pid) == before, "events woke it"
    again = subscribe(daemon, opened)
    assert "stat.web" in again.round()
    assert len(os.listdir(f"/proc/{pid}/fd")) > descriptors, "what it kept open it had let go of"
    assert others is not again


def test_cpu_agrees_with_proc(daemon: Daemon, opened: ExitStack) -> None:
    """However much of its half of a processor a busy machine gives to the process."""
    stats = start(daemon, opened, watcher("half", cmd=f"{PYTHON} {PROGRAMS}/burn.py 0.5"))
    (pid,) = daemon.pids("half")
    infos = [figures_of(stats, pid) for _ in range(5)]
    for before, info in pairwise(infos):
        elapsed = info["age"] - before["age"]
        share = 100 * (seconds(info["ctime"]) - seconds(before["ctime"])) / elapsed
        # The kernel counts in hundredths of a second: either end of the interval may be off by one.
        assert info["cpu"] == pytest.approx(share, abs=2.5 / elapsed)
        assert info["cpu"] > 0
    earliest = procs.cpu_seconds(pid)
    info = figures_of(stats, pid)
    while seconds(info["ctime"]) < earliest - 0.01:  # one that was under way
        info = figures_of(stats, pid)
    assert seconds(info["ctime"]) <= procs.cpu_seconds(pid) + 0.01


def figures_of(stats: Stats, pid: int) -> dict[str, Any]:
    """Return what is told next of a process."""
    return stats.until(lambda stat: stat.data.get("subtopic") == pid, "its figures").data


def seconds(ctime: str) -> float:
    minutes, rest = ctime.split(":")
    return 60 * int(minutes) + float(rest)


def test_memory_agrees_with_proc_and_ps(daemon: Daemon, opened: ExitStack) -> None:
    stats = start(daemon, opened, watcher("hold", cmd=f"{PYTHON} {PROGRAMS}/hold.py 200"))
    (pid,) = daemon.pids("hold")
    wait_for(lambda: "ready" in daemon.output, "200 MB to be held")
    info = stats.until(lambda stat: agrees(stat.data, pid), "its figures").data
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    told = megabytes(info["mem_info1"])
    assert told > 200
    ps = subprocess.run(["ps", "-o", "rss=,vsz=", str(pid)], capture_output=True, text=True, check=True)
    rss, vsz = (int(word) / 1024 for word in ps.stdout.split())
    assert (told, megabytes(info["mem_info2"])) == pytest.approx((rss, vsz), rel=0.01)
    assert info["mem"] == pytest.approx(100 * resident(pid) / total, rel=0.01)


def agrees(info: dict[str, Any], pid: int) -> bool:
    held = pytest.approx(resident(pid) / 2**20, rel=0.01)
    return info.get("subtopic") == pid and megabytes(info["mem_info1"]) == held


def megabytes(size: str) -> float:
    return float(size[:-1]) if size.endswith("M") else 0.0


def resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def test_crowd_that_comes_and_goes(daemon: Daemon, opened: ExitStack, tmp_path: Path) -> None:
    """A scaled copy of a minute of 100 processes a second; two programs, so that a mix-up would show."""
    names = ("ping", "pong")
    for name in names:
        (tmp_path / name).symlink_to("/bin/sleep")
    stats = start(daemon, opened, *(watcher(name, cmd=f"{tmp_path}/{name} 1.2", numprocesses=30) for name in names))
    pid = stats_pid(daemon)
    seen: dict[str, set[int]] = {name: set() for name in names}
    stats.round()
    for _ in range(5):
        for topic, info in stats.round().items():
            name = topic.split(".")[1]
            if name in names and "subtopic" in info:
                seen[name].add(info["pid"])
                assert info["cmdline"] in (name, "N/A", os.path.basename(sys.executable)), info
                assert info["cpu"] < 60, info
    assert all(len(pids) > 60 for pids in seen.values())
    assert not seen["ping"] & seen["pong"]
    assert len(os.listdir(f"/proc/{pid}/fd")) < 100, "one of each of 60 processes, and its own"
    assert "error" not in daemon.log.lower()


def test_connections_of_a_socket(daemon: Daemon, opened: ExitStack) -> None:
    stats = start(daemon, opened, watcher("idle"), socket("web", backlog=16), topic="stat.sockets")
    (listed,) = daemon.call("listsockets")["sockets"]
    topic = f"stat.sockets.{listed['fd']}"
    stats.until(lambda stat: stat.topic == topic, "the socket")
    client = opened.enter_context(sockets.create_connection((listed["host"], listed["port"])))
    waiting = stats.until(lambda stat: stat.topic == topic and stat.data["reads"] > 20, "hits").data
    assert (waiting["queue"], waiting["backlog"], waiting["accepted"]) == (1, 16, 0.0)
    client.close()


def test_connections_accepted_by_a_worker(daemon: Daemon, opened: ExitStack) -> None:
    server = watcher(
        "web",
        cmd=f"{PYTHON} {PROGRAMS}/serve.py web $(circus.wid) $(circus.sockets.web)",
        use_sockets=True,
        numprocesses=2,
    )
    stats = start(daemon, opened, server, socket("web"), topic="stat.sockets")
    (listed,) = daemon.call("listsockets")["sockets"]
    topic = f"stat.sockets.{listed['fd']}"
    stats.until(lambda stat: stat.topic == topic, "the socket")
    for _ in range(40):
        with sockets.create_connection((listed["host"], listed["port"])) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while client.recv(4096):
                pass
    told = [0.0]
    while told[-1] or not any(told):  # until all are told
        told.append(stats.until(lambda stat: stat.topic == topic, "the socket").data["accepted"])
    assert sum(told) == pytest.approx(40, rel=0.4), "they are told a second, which is not quite one on a busy machine"


def test_reloadconfig_leaves_it_alone(daemon: Daemon, opened: ExitStack) -> None:
    stats = start(daemon, opened, watcher("web"), socket("tcp"))
    pid = stats_pid(daemon)
    daemon.write(with_stats(daemon), watcher("web", numprocesses=2), watcher("new"), socket("tcp", backlog=9))
    daemon.call("reloadconfig", waiting=True)
    daemon.wait_status("new", "active")
    assert stats_pid(daemon) == pid
    stats.until(lambda stat: stat.topic == "stat.new" and stat.data["state"] == "active", "the new watcher")

    daemon.write(watcher("web", numprocesses=2))
    daemon.call("reloadconfig", waiting=True)
    wait_for(lambda: daemon.wire.ask("list")["watchers"] == ["web"], "a daemon without statistics")


def test_daemon_that_starts_again_is_told_of_at_once(daemon: Daemon, opened: ExitStack) -> None:
    stats = start(daemon, opened, watcher("web"))
    stats.round()
    daemon.call("restart", waiting=True)
    (pid,) = wait_for(lambda: daemon.wire.ask("list", name="web").get("pids"), "the process of the new start")
    stats.until(lambda stat: stat.topic == f"stat.web.{pid}", "the process of the new start")


@pytest.mark.parametrize("option", ["statsd", "httpd"])
def test_what_no_extension_provides_is_refused(daemon: Daemon, option: str) -> None:
    names = "console" if option == "httpd" else "statistics"
    daemon.write(circus(**{option: True}, disable_extensions=names), watcher("web"))
    daemon.launch("--check", str(daemon.config))
    assert daemon.wait_exit() == 1
    assert f"[circus] {option} = True: no extension that loads runs" in daemon.log
    daemon.launch(str(daemon.config))
    assert daemon.wait_exit() == 1


def run_stats(*args: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("circusd-stats"))
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=60, check=False)


def test_program_says_what_is_wrong(tmp_path: Path) -> None:
    refused = run_stats("--statspoint", f"ipc://{tmp_path}/none/stats")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "stats_endpoint" in refused.stderr and "make its folder first" in refused.stderr
    assert run_stats("--log-level", "loud").returncode == 2
    assert run_stats("--version").stdout.strip()


@pytest.mark.parametrize("name", ["HUP", "QUIT", "INT", "TERM", "WINCH"])
def test_signals_end_it(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", "circus.stats", "--statspoint", f"ipc://{tmp_path}/stats"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = process.stderr.readline()
            assert "statistics are published at" in said
            process.send_signal(getattr(signal, f"SIG{name}"))
            assert process.wait(60) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def infos(reply: dict[str, Any]) -> dict[str, Any]:
    return {pid: info for pid, info in reply["info"].items() if isinstance(info, dict)}


def test_list_long(daemon: Daemon) -> None:
    daemon.start(watcher("Web", numprocesses=2))
    reply = daemon.call("list", long=True)
    assert reply["watchers"] == ["web"]
    rows = reply["processes"]["Web"]
    assert [(row["wid"], row["state"]) for row in rows] == [(1, "running"), (2, "running")]
    assert sorted(row["pid"] for row in rows) == daemon.pids("web") == sorted(daemon.call("list", name="web")["pids"])
    assert daemon.ctl("list", "--long", "web").stdout.startswith(f"Web:\n    wid 1: pid {rows[0]['pid']}, running\n")


def test_stats_of_a_thousand_leave_commands_their_turn(daemon: Daemon) -> None:
    """Bounds that a slow and busy machine keeps too; what it takes really stands in the benchmarks."""
    daemon.start(watcher("crowd", cmd="/bin/sleep 600", numprocesses=1000))
    daemon.call("stats", name="crowd")
    began = time.perf_counter()
    message = daemon.wire.send("stats", name="crowd")
    quick = daemon.wire.send("status", name="crowd")
    replies = [daemon.wire.receive(), daemon.wire.receive()]
    took = time.perf_counter() - began
    assert [reply and reply["id"] for reply in replies] == [quick, message], "status waited for the figures"
    assert replies[1] is not None and len(infos(replies[1])) == 1000
    assert took < 2.0
