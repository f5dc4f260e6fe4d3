"""The plugins that look after a service: against a real Redis server, a web server, processes that eat."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, Section, watcher
from tests.support.plugins import plugin, wait_connected
from tests.support.ports import free_ports
from tests.support.sinks import StatsdSink, WebServer
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("some of the published plugins crash, see the differences")

REDIS = shutil.which("redis-server")
STATS = "circus.{}.watcher.{}"


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server."""
    server = WebServer()
    yield server
    server.close()


# redis_observer


def redis(daemon: Daemon) -> Section:
    options = f"--port 0 --unixsocket {daemon.home}/redis.sock --save '' --dir {daemon.home} --loglevel warning"
    return watcher("redis", cmd=f"{REDIS} {options}", graceful_timeout=0.5)


def redis_observer(daemon: Daemon, sink: StatsdSink, **options: object) -> Section:
    given = {"redis_url": f"unix://{daemon.home}/redis.sock", "port": sink.port, "loop_rate": 0.3, "timeout": 1}
    return plugin("r", "redis_observer", **{**given, **options})


def bucket(name: str) -> str:
    return STATS.format("redis_observer", f"redis_stats.{name}")


@pytest.mark.skipif(REDIS is None, reason="needs redis-server: apt-get install redis-server")
def test_figures_of_a_redis_server_are_gauges(daemon: Daemon, sink: StatsdSink) -> None:
    daemon.start(redis(daemon), redis_observer(daemon, sink))

    assert float(sink.wait(bucket("used_memory")).removesuffix("|g")) > 100_000
    assert sink.wait(bucket("connected_clients"), count=2) == "1|g"
    for key in ("keyspace_hits", "keyspace_misses", "expired_keys", "total_commands_processed", "used_cpu_user"):
        assert sink.wait(bucket(key)).endswith("|g")


@pytest.mark.skipif(REDIS is None, reason="needs redis-server: apt-get install redis-server")
def test_redis_server_that_hangs_is_restarted(daemon: Daemon, sink: StatsdSink) -> None:
    daemon.start(redis(daemon), redis_observer(daemon, sink, restart_on_timeout="redis"))
    sink.wait(bucket("used_memory"))
    (pid,) = daemon.pids("redis")

    os.kill(pid, signal.SIGSTOP)
    sink.wait(bucket("restart_on_error"))

    assert sink.values(bucket("error"))[0] == "1|c"
    wait_for(lambda: pid not in daemon.pids("redis") and daemon.pids("redis"), "another redis-server")
    figures = len(sink.values(bucket("used_memory")))
    sink.wait(bucket("used_memory"), count=figures + 1)


@pytest.mark.skipif(REDIS is None, reason="needs redis-server: apt-get install redis-server")
def test_redis_server_that_is_gone_is_an_error_and_comes_back(daemon: Daemon, sink: StatsdSink) -> None:
    daemon.start(redis(daemon), redis_observer(daemon, sink))
    sink.wait(bucket("used_memory"))

    daemon.call("stop", name="redis", waiting=True)
    sink.wait(bucket("error"), count=2)
    assert daemon.status("redis") == "stopped" and sink.values(bucket("restart_on_error")) == []
    daemon.call("start", name="redis", waiting=True)
    os.kill(daemon.pids("redis")[0], signal.SIGKILL)

    figures = len(sink.values(bucket("used_memory")))
    sink.wait(bucket("used_memory"), count=figures + 1)


# http_observer


def http_observer(web: WebServer, sink: StatsdSink, **options: object) -> Section:
    given = {"check_url": web.url, "port": sink.port, "loop_rate": 0.2, "timeout": 0.5, "restart_on_error": "web"}
    return plugin("h", "circus.plugins.http_observer.HttpObserver", **{**given, **options})


def http_bucket(name: str) -> str:
    return STATS.format("http_observer", f"http_stats.{name}")


def test_time_of_a_request_is_told(daemon: Daemon, sink: StatsdSink, web: WebServer) -> None:
    web.delay = 0.2
    daemon.start(watcher("web"), http_observer(web, sink, timeout=60))
    (pid,) = daemon.pids("web")

    value = sink.wait(http_bucket("request_time"), count=2)

    assert value.endswith("|ms") and 200 <= float(value.removesuffix("|ms")) < 60_000
    assert daemon.pids("web") == [pid] and sink.values(http_bucket("error")) == []


@pytest.mark.parametrize("fault", ["slow", "error", "dead"])
def test_web_server_that_fails_is_restarted(daemon: Daemon, sink: StatsdSink, web: WebServer, fault: str) -> None:
    daemon.start(watcher("web"), http_observer(web, sink))
    sink.wait(http_bucket("request_time"))
    (pid,) = daemon.pids("web")

    if fault == "slow":
        web.delay = 30
    elif fault == "error":
        web.code = 503
    else:
        web.close()

    code = {"slow": 599, "error": 503, "dead": 599}[fault]
    assert sink.wait(http_bucket(f"error.{code}")) == "1|c"
    assert sink.wait(http_bucket("error")) == "1|c" and sink.wait(http_bucket("restart_on_error")) == "1|c"
    wait_for(lambda: pid not in daemon.pids("web") and daemon.pids("web"), "another process")
    if fault != "dead":
        web.delay, web.code = 0, 200
        sink.wait(http_bucket("request_time"), count=len(sink.values(http_bucket("request_time"))) + 1)
    else:
        web.close = lambda: None  # type: ignore[method-assign]


# resource_watcher


def eats(name: str, *what: object) -> str:
    return f"{PYTHON} {PROGRAMS}/eats.py {name} $(circus.wid) {' '.join(map(str, what))}"


def resource_watcher(sink: StatsdSink, name: str, **options: object) -> Section:
    given = {"watcher": name, "port": sink.port, "loop_rate": 0.2, "max_count": 2}
    return plugin("rw", "resource_watcher", **{**given, **options})


def limit_bucket(name: str) -> str:
    return STATS.format("app", f"_resource_watcher.{name}")


@pytest.mark.parametrize(
    ("what", "options", "limit"),
    [
        pytest.param("cpu", {"max_cpu": 1, "health_threshold": 999}, "over_cpu", id="cpu"),
        pytest.param("nothing", {"min_cpu": 1}, "under_cpu", id="idle"),
        pytest.param(60, {"max_mem": "40M"}, "over_memory", id="bytes"),
        pytest.param(60, {"max_mem": 0.01}, "over_memory", id="percent"),
        pytest.param("nothing", {"min_mem": "200M"}, "under_memory", id="too few bytes"),
        pytest.param("cpu", {"max_cpu": 1000, "health_threshold": 0.5}, "over_health", id="health"),
        pytest.param("cpu", {"max_cpu": 1000, "health_threshold": 999, "total_max_cpu": 1}, "over_total_cpu", id="sum"),
        pytest.param(60, {"total_max_mem": "100M"}, "over_total_memory", id="sum of bytes"),
    ],
)
def test_what_exceeds_a_limit_too_often_is_restarted(
    daemon: Daemon, sink: StatsdSink, what: object, options: dict[str, object], limit: str
) -> None:
    # On a busy machine even what takes all that it can get gets little.
    options = {"loop_rate": 0.5, **options}
    daemon.start(
        watcher("eater", cmd=eats("eater", what), numprocesses=2),
        watcher("calm"),
        resource_watcher(sink, "eater", **options),
    )
    pids, calm = daemon.pids("eater"), daemon.pids("calm")

    sink.wait(limit_bucket("eater.restarting"))

    wait_for(lambda: not set(pids) & set(found := daemon.pids("eater")) and len(found) == 2, "other processes")
    assert daemon.pids("calm") == calm
    before = [line for line in sink.lines if limit_bucket("eater") in line]
    before = before[: before.index(f"{limit_bucket('eater.restarting')}:1|c")]
    # A busy machine may have given them less CPU at one of the looks, which then counts from 0 again.
    assert len(before) >= 3 and set(before) == {f"{limit_bucket('eater')}.{limit}:1|c"}


def test_what_stays_within_its_limits_is_left_alone(daemon: Daemon, sink: StatsdSink) -> None:
    looks = plugin("f", "full_stats", port=sink.port, loop_rate=0.2)
    daemon.start(
        watcher("calm", cmd=eats("calm", 5)), resource_watcher(sink, "calm", max_mem="100M", min_mem="1M"), looks
    )
    pids = daemon.pids("calm")

    sink.wait("circus.app.watcher._stats.calm.watchers_num", count=8)

    assert daemon.pids("calm") == pids
    assert [line for line in sink.lines if "_resource_watcher" in line] == []


def test_child_that_exceeds_a_limit_gets_the_signal_alone(daemon: Daemon, sink: StatsdSink) -> None:
    """The parent is small; it starts its child again, and is not touched."""
    daemon.start(
        watcher("eater", cmd=eats("eater", 60, "in-child"), stop_children=True),
        resource_watcher(sink, "eater", max_mem="40M", process_children=1, child_signal="KILL", service="eater"),
    )
    (pid,) = daemon.pids("eater")
    first = int(wait_for(lambda: daemon.said("ready", "eater"), "the child")[0][1])

    sink.wait(limit_bucket("eater.restarting"))

    second = wait_for(lambda: daemon.said("ready", "eater")[1:], "another child")[0][1]
    assert not procs.is_alive(first) and int(second) != first
    assert daemon.pids("eater") == [pid]


# watchdog


def beats(daemon: Daemon, name: str, port: int) -> str:
    return f"{sys.executable} -I -S {PROGRAMS}/heartbeat.py {name} $(circus.wid) {port} {daemon.home}/silence-{name}-"


def test_process_whose_heartbeat_is_silent_is_killed(daemon: Daemon) -> None:
    (port,) = free_ports(1)
    daemon.start(
        watcher("Beats Well", cmd=beats(daemon, "beats", port), numprocesses=3),
        watcher("other"),
        plugin("dog", "watchdog", port=port, loop_rate=0.3, max_count=3, watchers_regex="beats"),
    )
    wait_connected(daemon, "dog")
    before = daemon.wait_ready("beats", 3)
    other, dog = daemon.pids("other"), daemon.pids("plugin:dog")

    for wid in (1, 3):
        (daemon.home / f"silence-beats-{wid}").touch()
    wait_for(lambda: not {before[1], before[3]} & set(daemon.pids("Beats Well")), "the silent ones to be killed")
    for wid in (1, 3):
        (daemon.home / f"silence-beats-{wid}").unlink()

    after = daemon.wait_ready("beats", 3, without=[before[1], before[3]])
    assert after[2] == before[2]
    assert (daemon.pids("other"), daemon.pids("plugin:dog")) == (other, dog)


def test_watchdog_kills_as_it_is_told(daemon: Daemon) -> None:
    (port,) = free_ports(1)
    daemon.start(
        watcher("quiet"),
        plugin("dog", "watchdog", port=port, loop_rate=0.2, max_count=2, watchers_stop_signal="KILL"),
    )
    wait_connected(daemon, "dog")
    events = daemon.events()

    killed = events.until("watcher.quiet.kill")[-1]

    wait_for(lambda: not procs.is_alive(killed.data["process_pid"]), "the process to be gone")
    assert f"pid {killed.data['process_pid']} of quiet sent no heartbeat" in daemon.log


# command_reloader


def test_changed_program_is_restarted(daemon: Daemon) -> None:
    script = daemon.home / "server"
    script.write_text("#!/bin/sh\nexec sleep 100\n")
    script.chmod(0o755)
    daemon.start(
        watcher("script", cmd=f"{script} --with 'some args'"),
        watcher("python", cmd=f"{sys.executable} -u {PROGRAMS}/serve.py", autostart=False),
        watcher("calm", cmd="sleep 100"),
        plugin("cr", "command_reloader"),
    )
    wait_connected(daemon, "cr")
    (pid,), calm = daemon.pids("script"), daemon.pids("calm")

    new = daemon.home / "new"
    new.write_text("#!/bin/sh\necho new\nexec sleep 100\n")
    new.chmod(0o755)
    os.utime(new, (0, 1e9))
    new.rename(script)

    wait_for(lambda: daemon.pids("script") not in ([pid], []), "another process")
    assert f"{script} has changed, script is restarted" in daemon.log
    assert daemon.pids("calm") == calm


def test_changed_script_of_an_interpreter_is_restarted(daemon: Daemon) -> None:
    app = daemon.home / "app.py"
    app.write_text("import time; time.sleep(100)")
    daemon.start(
        watcher("app", cmd=f"{sys.executable} -u app.py", args="--port 8", working_dir=daemon.home),
        plugin("cr", "circus.plugins.command_reloader.CommandReloader"),
    )
    wait_connected(daemon, "cr")
    (pid,) = daemon.pids("app")

    os.utime(app, (0, 1e9))

    wait_for(lambda: daemon.pids("app") not in ([pid], []), "another process")


def test_program_that_is_found_by_path_and_moves_is_restarted(daemon: Daemon) -> None:
    first, second = daemon.home / "v1", daemon.home / "v2"
    for folder in (first, second):
        folder.mkdir()
        (folder / "tool").write_text("#!/bin/sh\nexec sleep 100\n")
        (folder / "tool").chmod(0o755)
        os.utime(folder / "tool", (0, 1e9))
    link = daemon.home / "current"
    link.symlink_to(first)
    daemon.start(
        watcher("tool", cmd="tool"),
        Section("env:tool", {"PATH": f"{link}:/bin:/usr/bin"}),
        plugin("cr", "command_reloader"),
    )
    wait_connected(daemon, "cr")
    (pid,) = daemon.pids("tool")

    other = daemon.home / "other"
    other.symlink_to(second)
    other.rename(link)

    wait_for(lambda: daemon.pids("tool") not in ([pid], []), "another process")
