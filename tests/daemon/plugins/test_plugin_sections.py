"""What a ``[plugin:NAME]`` section does: a process beside the daemon that gets its events."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import circus, socket, watcher
from tests.support.plugins import MODULE, Record, plugin, wait_connected
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("the plugins use more than the published ones have")


def test_plugin_is_the_one_process_of_a_watcher_of_its_own(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("rec"), circus(check_delay=0.5))
    record.wait("sync")

    assert daemon.status("plugin:rec") == "active"
    options = daemon.call("options", name="plugin:rec")["options"]
    assert (options["singleton"], options["priority"], options["copy_env"]) == (True, 1, True)
    assert record.notes("pid") == daemon.pids("plugin:rec")
    assert record.notes("check_delay") == [0.5]
    assert record.wait("sync") == {"web": "active", "plugin:rec": "active"}
    assert daemon.call("list")["watchers"] == ["plugin:rec", "web"]


@pytest.mark.parametrize(
    "value",
    ["a b", "it's", 'say "hi"', "a:::b", "k:v", "$HOME `id`; | &", "ünï cöde", "{", '{"a": 1}', "-x", "a\n  b"],
    ids=range(11),
)
def test_option_of_a_plugin_arrives_as_it_stands(daemon: Daemon, record: Record, value: str) -> None:
    daemon.start(record.plugin("rec", value=value), wait=False)

    config = record.wait("init")

    assert config == {"name": "plugin:rec", "out": str(record.path), "value": value.replace("\n  ", "\n")}


def test_every_event_after_the_first_state_arrives_in_order(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("rec"))
    record.wait("sync")

    daemon.call("restart", name="web", waiting=True)
    daemon.call("add", name="More Of It", cmd="sleep 9", start=True, waiting=True)
    record.wait_event("more_of_it.start")

    web = [event.removeprefix("web.") for event in record.notes("event") if event.startswith("web.")]
    assert web == ["kill", "reap", "stop", "spawn", "start"]
    (pid,) = daemon.pids("web")
    spawned = [data["process_pid"] for data in record.notes("data") if "wid" in data and "exit_code" not in data]
    assert pid in spawned


def test_state_and_events_together_miss_nothing_while_watchers_come_and_go(daemon: Daemon, record: Record) -> None:
    """What a plugin knows from one look and the events after it is what is there, however busy the start was."""
    daemon.start(watcher("web", numprocesses=4), record.plugin("rec"))
    added = []
    while (len(added) < 500 and not record.notes("sync")) or len(added) < 20:
        added.append(f"w{len(added)}")
        daemon.call("add", name=added[-1], cmd="sleep 99", start=True, waiting=True)
    daemon.call("add", name="last", cmd="sleep 99", start=True, waiting=True)
    record.wait_event("last.start")

    known = set(record.notes("sync")[0]) | {event.partition(".")[0] for event in record.notes("event")}

    assert known >= set(added)


def test_plugin_of_the_documents_runs(daemon: Daemon) -> None:
    log = daemon.home / "events.log"
    daemon.start(watcher("web"), plugin("log", f"{MODULE}:Logger", filename=log))
    wait_for(log.exists, "the plugin's file")

    def has_heard() -> bool:
        # It makes the file before it is subscribed.
        daemon.call("restart", name="web", waiting=True)
        return "b'watcher.web.start'::b'{" in log.read_text()

    wait_for(has_heard, f"the event in {log}")


def test_plugin_calls_and_casts_from_its_loop(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("caller", "Caller"))

    assert record.wait("call")["pids"] == record.wait("call")["pids"] != []
    assert record.wait("refused")["status"] == "error"
    wait_for(lambda: len(daemon.pids("web")) == 2, "the cast to take effect")


def test_plugin_that_raises_says_so_and_goes_on(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("raiser", "Raiser"))
    record.wait("sync")
    (pid,) = daemon.pids("plugin:raiser")

    daemon.call("restart", name="web", waiting=True)
    record.wait_event("web.start")

    assert daemon.pids("plugin:raiser") == [pid]
    wait_for(lambda: "cannot bear watcher.web.start" in daemon.log, "the error in the log")
    assert "plugin:raiser: handle_recv failed on b'watcher.web.kill'" in daemon.log


def test_handlers_may_be_coroutines_and_take_one_event_after_the_other(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("sleeper", "Sleeper"))
    record.wait("sync")

    daemon.call("restart", name="web", waiting=True)

    # It may have seen the end of its start, too.
    expected = ["web.kill", "web.reap", "web.stop", "web.spawn", "web.start"]
    wait_for(lambda: record.notes("event")[-len(expected) :] == expected, f"the events in order; noted: {record.path}")
    daemon.call("stop", name="plugin:sleeper", waiting=True)
    assert record.notes("stop") == [True]


def test_plugin_that_dies_is_replaced_like_any_process(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("trigger"), record.plugin("crasher", "Crasher"))
    record.wait("sync")
    (pid,) = daemon.pids("plugin:crasher")

    daemon.call("restart", name="trigger", waiting=True)
    record.wait("sync", count=2)

    assert daemon.pids("plugin:crasher") != [pid]
    watchers = daemon.call("status", name="plugin:crasher", long=True)["watchers"]
    assert watchers["plugin:crasher"]["last_exit"]["exit_code"] == 7


def test_stopped_plugin_cleans_up_and_exits_with_0(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("rec"))
    record.wait("sync")
    events = daemon.events()

    daemon.call("stop", name="plugin:rec", waiting=True)

    reaped = events.until("watcher.plugin:rec.stop")[-2]
    assert (reaped.action, reaped.data["exit_code"]) == ("reap", 0)
    assert record.notes("stop") == [True]


def test_end_of_the_daemon_is_one_of_its_plugins(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("rec"))
    record.wait("sync")

    assert daemon.stop() == 0
    assert record.notes("stop") == [True]


def test_plugins_of_a_group_share_a_process(daemon: Daemon, record: Record) -> None:
    other = Record(daemon.home / "other")
    daemon.start(watcher("web"), record.plugin("a", group="all"), other.plugin("b", "Sleeper", group="all"))
    record.wait("sync")
    other.wait("sync")

    assert record.notes("pid") == other.notes("pid") == daemon.pids("plugin:all")
    assert record.notes("init")[0]["name"] == "plugin:a" and other.notes("init")[0]["name"] == "plugin:b"
    daemon.call("restart", name="web", waiting=True)
    record.wait_event("web.start")
    other.wait_event("web.start")
    daemon.call("stop", name="plugin:all", waiting=True)
    assert record.notes("stop") == other.notes("stop") == [True]


def test_broken_plugin_of_a_group_leaves_the_others_running(daemon: Daemon, record: Record) -> None:
    broken = Record(daemon.home / "no such folder" / "file")
    daemon.start(record.plugin("a", group="all"), broken.plugin("b", group="all"), wait=False)

    record.wait("sync")

    wait_for(lambda: "plugin:b cannot run" in daemon.log, "the failure in the log")


def test_reload_of_the_file_touches_only_the_plugins_that_differ(daemon: Daemon, record: Record) -> None:
    other, new = Record(daemon.home / "other"), Record(daemon.home / "new")
    daemon.start(watcher("web"), record.plugin("changes", value=1), other.plugin("stays"), plugin("goes", "statsd"))
    record.wait("sync")
    other.wait("sync")
    before = {name: daemon.pids(name) for name in ("web", "plugin:stays", "plugin:changes")}

    daemon.write(watcher("web"), record.plugin("changes", value=2), other.plugin("stays"), new.plugin("comes"))
    plan = daemon.ctl("reloadconfig", "--dry-run").stdout
    daemon.call("reloadconfig", waiting=True)
    record.wait("sync", count=2)
    new.wait("sync")

    assert "restart plugin:changes" in plan and "add plugin:comes" in plan and "remove plugin:goes" in plan
    assert {name: daemon.pids(name) for name in ("web", "plugin:stays")} == {
        name: before[name] for name in ("web", "plugin:stays")
    }
    assert record.notes("init")[1]["value"] == "2"
    assert daemon.call("list")["watchers"] == ["plugin:changes", "plugin:comes", "plugin:stays", "web"]


def test_options_of_a_watcher_hold_for_the_process_of_a_plugin(daemon: Daemon, record: Record) -> None:
    daemon.start(record.plugin("rec", graceful_timeout=3, stop_signal="INT", rlimit_nofile=300, priority=7), wait=False)
    record.wait("sync")

    options = daemon.call("options", name="plugin:rec")["options"]

    assert (options["graceful_timeout"], options["stop_signal"], options["priority"]) == (3, signal.SIGINT, 7)
    limits = Path(f"/proc/{daemon.pids('plugin:rec')[0]}/limits").read_text()
    assert limits.split("Max open files")[1].split()[:2] == ["300", "300"]
    daemon.call("stop", name="plugin:rec", waiting=True)
    assert record.notes("stop") == [True]


def test_inactive_plugin_stays_stopped(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("rec", active="no"))

    assert daemon.status("plugin:rec") == "stopped"


def test_debug_shows_what_a_plugin_prints(daemon: Daemon) -> None:
    talker = daemon.home / "talker.py"
    talker.write_text(
        "from circus.plugins import CircusPlugin\nclass Talker(CircusPlugin):\n"
        "    def handle_init(self): print('I talk', flush=True)\n    def handle_recv(self, data): pass\n"
    )

    daemon.start(plugin("talker", str(talker)), circus(debug=True), wait=False)

    wait_for(lambda: "I talk" in daemon.output, "what the plugin prints")
    assert daemon.call("options", name="plugin:talker")["options"]["close_child_stdout"] is False


def test_addresses_that_bind_every_interface_are_made_ones_to_connect_to(daemon: Daemon, record: Record) -> None:
    daemon.start(record.plugin("rec"), socket("web"), circus(pubsub_endpoint="tcp://*:*"), wait=False)

    assert record.wait("sync") == {"plugin:rec": "active"}


@pytest.mark.parametrize(
    ("section", "words"),
    [
        pytest.param(plugin("p", "flaping"), ["[plugin:p] use", "did you mean flapping?"], id="name"),
        pytest.param(
            plugin("p", "circus.plugins.statsd.FulStats"), ["[plugin:p] use", "did you mean FullStats?"], id="path"
        ),
        pytest.param(plugin("p", "nowhere.py"), ["[plugin:p] use", "there is no such file"], id="file"),
        pytest.param(
            plugin("p", str(MODULE)), ["[plugin:p] use", "has not one class but Recorder, Raiser"], id="several classes"
        ),
        pytest.param(
            plugin("p", "flapping", window="soon"), ["[plugin:p] window = 'soon'", "not a number", "write"], id="option"
        ),
        pytest.param(plugin("p", "resource_watcher"), ["[plugin:p] watcher", "missing"], id="required option"),
        pytest.param(plugin("p", "statsd", stop_signal="FOO"), ["[plugin:p] stop_signal = 'FOO'"], id="watcher option"),
        pytest.param(plugin("p", "statsd", numprocesses=2), ["[plugin:p] numprocesses = '2'"], id="numprocesses"),
    ],
)
def test_what_a_plugin_cannot_use_is_refused_before_anything_starts(
    daemon: Daemon, section: object, words: list[str]
) -> None:
    daemon.write(watcher("web"), section)  # type: ignore[arg-type]

    done = subprocess.run(
        [*daemon.flavour.circusd, "--check", str(daemon.config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert [word for word in words if word not in done.stderr] == []
    daemon.launch(str(daemon.config))
    assert daemon.wait_exit() == 1
    assert all(word in daemon.log for word in words)


def test_options_that_share_a_process_must_agree(daemon: Daemon) -> None:
    daemon.write(
        plugin("a", "statsd", group="g", graceful_timeout=1), plugin("b", "statsd", group="g", graceful_timeout=2)
    )
    daemon.launch("--check", str(daemon.config))

    assert daemon.wait_exit() == 1
    assert "[plugin:b] graceful_timeout = '2'" in daemon.log and "[plugin:a]" in daemon.log


def test_killed_plugin_leaves_no_process_behind(daemon: Daemon, record: Record) -> None:
    daemon.start(record.plugin("rec"), wait=False)
    record.wait("sync")
    (pid,) = daemon.pids("plugin:rec")

    os.kill(pid, signal.SIGKILL)
    record.wait("sync", count=2)

    assert not procs.is_alive(pid)


def test_plugin_outlives_the_arbiter_and_hears_the_next_one(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"), record.plugin("rec"), args=["--keeper"])
    record.wait("sync")
    arbiter, (pid,) = daemon.call("dstats")["info"]["pid"], daemon.pids("plugin:rec")

    os.kill(arbiter, signal.SIGKILL)

    assert record.wait("sync", count=2) == {"web": "active", "plugin:rec": "active"}
    assert daemon.pids("plugin:rec") == [pid] and record.notes("pid") == [pid]
    daemon.call("restart", name="web", waiting=True)
    record.wait_event("web.start")


def test_retry_of_flapping_outlives_the_arbiter(daemon: Daemon) -> None:
    bad = watcher("bad", cmd='/bin/sh -c "exit 3"', autostart=False)
    daemon.start(bad, plugin("flap", "flapping", retry_in=6), circus(check_delay=0.5), args=["--keeper"])
    wait_connected(daemon, "flap")
    daemon.call("start", name="bad")
    wait_for(lambda: "retry in 6s" in daemon.log, "the first stop")
    daemon.wait_status("bad", "stopped")

    os.kill(daemon.call("dstats")["info"]["pid"], signal.SIGKILL)
    wait_connected(daemon, "flap", count=2)

    assert daemon.status("bad") == "stopped"
    wait_for(lambda: "(try 2)" in daemon.log, "the retry, which fails too", 20)
