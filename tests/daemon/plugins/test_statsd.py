"""The plugins that feed a statsd server."""

from __future__ import annotations

import pytest

from circus.plugins.statsd import BaseObserver, FullStats, StatsdClient, StatsdEmitter
from tests.support.daemon import Daemon
from tests.support.ini import watcher
from tests.support.plugins import plugin, wait_connected
from tests.support.sinks import StatsdSink
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("the published daemon loses the first events of a plugin")

APP = "circus.app.watcher"


def test_every_event_is_counted(daemon: Daemon, sink: StatsdSink) -> None:
    daemon.start(watcher("Alpha One"), plugin("s", "statsd", port=sink.port))
    wait_connected(daemon, "s")

    daemon.call("restart", name="alpha one", waiting=True)

    sink.wait(f"{APP}.alpha_one.start")
    actions = ("kill", "reap", "stop", "spawn", "start")
    assert {action: sink.values(f"{APP}.alpha_one.{action}") for action in actions} == {
        action: ["1|c"] for action in actions
    }


def test_name_of_the_application_and_rate_are_told(daemon: Daemon, sink: StatsdSink) -> None:
    section = plugin(
        "s", "circus.plugins.statsd.StatsdEmitter", port=sink.port, application_name="mine", sample_rate=0.5
    )
    daemon.start(watcher("web"), section)
    wait_connected(daemon, "s")

    daemon.call("restart", name="web", waiting=True)

    assert sink.wait("circus.mine.watcher.web.start") == "1|c|@0.5"


def test_figures_of_the_processes_are_gauges(daemon: Daemon, sink: StatsdSink) -> None:
    daemon.start(
        watcher("two", numprocesses=2),
        watcher("none", autostart=False),
        plugin("f", "full_stats", port=sink.port, loop_rate=0.2),
    )
    stats = f"{APP}._stats"

    assert sink.wait(f"{stats}.two.watchers_num") == "2|g"
    assert sink.wait(f"{stats}.none.watchers_num") == "0|g"
    figures = {
        name: float(sink.wait(f"{stats}.two.{name}").removesuffix("|g"))
        for name in ("cpu_max", "cpu_sum", "mem_pct_max", "mem_pct_sum", "mem_max", "mem_sum")
    }
    assert 100_000 < figures["mem_max"] < figures["mem_sum"] <= 2 * figures["mem_max"]
    assert 0 < figures["mem_pct_max"] <= figures["mem_pct_sum"]
    assert figures["cpu_max"] <= figures["cpu_sum"]
    assert [line for line in sink.lines if "plugin" in line] == []


def test_failure_of_the_daemon_is_counted(daemon: Daemon, sink: StatsdSink) -> None:
    """An observer of others goes on when the daemon refuses."""
    daemon.start(watcher("web"), plugin("r", "resource_watcher", watcher="nobody", port=sink.port, loop_rate=0.2))

    assert sink.wait(f"{APP}._resource_watcher.nobody.error", count=2) == "1|c"


def test_observer_of_a_stranger_needs_only_look_after(daemon: Daemon, sink: StatsdSink) -> None:
    mine = daemon.home / "mine.py"
    mine.write_text(
        "from circus.plugins.statsd import BaseObserver\n"
        "class Mine(BaseObserver):\n"
        "    name = 'mine'\n"
        "    def look_after(self):\n"
        "        self.statsd.increment('looks')\n"
        "        if not self.call('list')['watchers']:\n"
        "            return\n"
        "        self.statsd.decrement('left', 2)\n"
        "        self.statsd.timed('took', 12)\n"
        "        raise RuntimeError('after that')\n"
    )
    daemon.start(watcher("web"), plugin("m", f"{mine}:Mine", port=sink.port, loop_rate=0.2, anything="else"))

    assert sink.wait(f"{APP}.looks", count=3) == "1|c"
    assert (sink.wait(f"{APP}.left"), sink.wait(f"{APP}.took")) == ("-2|c", "12|ms")
    wait_for(lambda: "plugin:m: look_after failed" in daemon.log, "the failure in the log")
    assert "is no option of this plugin" not in daemon.log


def test_client_sends_what_statsd_reads() -> None:
    with StatsdSink() as sink:
        client = StatsdClient("127.0.0.1", sink.port, "a.b", 0.1)
        client.increment("plugin:x")
        client.gauge("g", 1.5)
        client.send("s", "3|ms", 1)
        client.stop()
        client.stop()
        wait_for(lambda: len(sink.lines) == 3, "three figures")

    assert sink.lines == ["a.b.plugin_x:1|c|@0.1", "a.b.g:1.5|g|@0.1", "a.b.s:3|ms"]


def test_client_without_a_server_is_silent() -> None:
    client = StatsdClient("no.such.host.invalid", 8125)
    client.increment("x")
    client.stop()


@pytest.mark.parametrize("plugin_class", [StatsdEmitter, BaseObserver, FullStats])
def test_documented_attributes(plugin_class: type[StatsdEmitter]) -> None:
    made = plugin_class("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556", 5.0, None, application_name="x")

    assert (made.app, made.prefix, made.active, made.check_delay) == ("x", "circus.x.watcher", True, 5.0)
    assert made.config == {"application_name": "x"}
    assert getattr(made, "loop_rate", 60.0) == 60.0


def test_plugin_runs_in_the_program_that_made_it(daemon: Daemon) -> None:
    """As test suites do it: made, given another client, started, stopped by its loop."""
    daemon.start(watcher("web"))
    gauges: dict[str, float] = {}

    class Statsd:
        def gauge(self, name: str, value: float) -> None:
            gauges[name] = value
            if name == "_stats.web.watchers_num":
                made.loop.add_callback(made.stop)

        def stop(self) -> None:
            gauges["stopped"] = 1

    made = FullStats(daemon.endpoint, daemon.pubsub_endpoint, 1, None, loop_rate=0.1)
    made.statsd.stop()
    made.statsd = Statsd()  # type: ignore[assignment]
    made.start()

    assert gauges["_stats.web.watchers_num"] == 1 and gauges["stopped"] == 1
    assert not made.running


def test_plugin_ends_with_its_loop(daemon: Daemon) -> None:
    daemon.start(watcher("web"))
    made = StatsdEmitter(daemon.endpoint, daemon.pubsub_endpoint, 1.0)
    made.loop.call_later(0.3, made.loop.stop)

    made.start()

    assert not made.running
    made.statsd.stop()
