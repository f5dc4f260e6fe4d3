"""The ``prometheus`` plugin, scraped as Prometheus does and read by the parser of its client."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
from collections.abc import Mapping

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, Section, watcher
from tests.support.plugins import plugin, wait_connected
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("the published package has no such plugin")

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def prometheus(**options: object) -> Section:
    return plugin("prom", "prometheus", port=0, **options)


def address(daemon: Daemon) -> str:
    """Return where the plugin serves, once it is connected."""
    wait_connected(daemon, "prom")
    found = re.search(r"plugin:prom: serves (http://\S+)", daemon.log)
    assert found is not None
    return found[1]


def scrape(daemon: Daemon, accept: str = OPENMETRICS) -> tuple[str, str]:
    request = urllib.request.Request(address(daemon), headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.headers["Content-Type"], response.read().decode()


def figures(daemon: Daemon) -> dict[tuple[str, ...], float]:
    """Return (name of the sample, its label values: the watcher, then others) to value."""
    kind, text = scrape(daemon)
    assert kind.startswith("application/openmetrics-text")
    families: list[Metric] = list(read_openmetrics(text))
    return {(s.name, *_in_order(s.labels)): s.value for family in families for s in family.samples}


def _in_order(labels: Mapping[str, str]) -> list[str]:
    order = ("watcher", "wid", "pid")
    return [labels[name] for name in sorted(labels, key=lambda name: order.index(name) if name in order else 9)]


def test_scrape_tells_state_and_figures_of_every_watcher(daemon: Daemon) -> None:
    eater = f"{PYTHON} {PROGRAMS}/eats.py eater $(circus.wid) 60"
    daemon.start(
        watcher("Web One", numprocesses=3), watcher("off", autostart=False), watcher("eater", cmd=eater), prometheus()
    )

    seen = figures(daemon)

    assert seen["circus_up",] == 1
    state = {key[2]: value for key, value in seen.items() if key[:2] == ("circus_watcher_state", "Web One")}
    assert state == {"active": 1, "starting": 0, "stopping": 0, "stopped": 0}
    assert seen["circus_watcher_state", "off", "stopped"] == 1
    assert seen["circus_watcher_processes", "Web One"] == seen["circus_watcher_desired_processes", "Web One"] == 3
    assert seen["circus_watcher_processes", "off"] == 0
    assert 60e6 < seen["circus_watcher_memory_bytes", "eater"] < 150e6
    assert seen["circus_watcher_cpu_ratio", "off"] == 0
    assert seen["circus_watcher_restarts_total", "Web One"] == 0
    assert seen["circus_watcher_output_lost_bytes_total", "Web One"] == 0
    assert 0 < seen["circus_daemon_round_trip_seconds",] < 5
    assert 5e6 < seen["circus_daemon_memory_bytes",] < 500e6
    assert not any(name.startswith("circus_process") for name, *_ in seen)


def test_exits_are_counted_by_their_reason(daemon: Daemon) -> None:
    daemon.start(
        watcher("web", numprocesses=2),
        watcher("fails", cmd='/bin/sh -c "exit 3"', autostart=False),
        watcher("none", cmd="/no/such/program", autostart=False, max_retry=1),
        prometheus(),
    )
    address(daemon)

    os.kill(daemon.pids("web")[0], signal.SIGKILL)
    daemon.call("start", name="fails")
    daemon.call("start", name="none")
    wait_for(lambda: figures(daemon).get(("circus_watcher_exits_total", "fails", "3"), 0) >= 2, "two failures")
    wait_for(lambda: figures(daemon).get(("circus_watcher_spawn_failures_total", "none"), 0) >= 1, "a failed spawn")

    seen = wait_for(
        lambda: now if ("circus_watcher_exits_total", "web", "SIGKILL") in (now := figures(daemon)) else None, "a kill"
    )
    assert seen["circus_watcher_exits_total", "web", "SIGKILL"] == 1
    assert seen["circus_watcher_restarts_total", "web"] == 1
    daemon.call("stop", name="fails")


def test_figures_of_each_process_are_told_when_asked_for(daemon: Daemon) -> None:
    daemon.start(watcher("web", numprocesses=2), prometheus(per_process="yes"))

    seen = figures(daemon)

    wids = daemon.wids("web")
    for wid, pid in wids.items():
        assert seen["circus_process_memory_bytes", "web", str(wid), str(pid)] > 1e5
        assert seen["circus_process_age_seconds", "web", str(wid), str(pid)] > 0


def test_old_text_format_is_served_to_who_asks_for_it(daemon: Daemon) -> None:
    daemon.start(watcher("web"), prometheus())

    kind, text = scrape(daemon, "text/plain")

    assert kind.startswith("text/plain")
    samples = {sample.name for family in read_text(text) for sample in family.samples}
    assert {"circus_up", "circus_watcher_state", "circus_watcher_restarts_total"} <= samples


def test_daemon_that_does_not_answer_is_down(daemon: Daemon) -> None:
    daemon.start(watcher("web"), prometheus())
    url = address(daemon)
    os.kill(daemon.arbiter, signal.SIGSTOP)
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            text = response.read().decode()
    finally:
        os.kill(daemon.arbiter, signal.SIGCONT)

    assert "circus_up 0.0" in text and "circus_watcher_processes{" not in text


def test_taken_port_is_told(daemon: Daemon) -> None:
    daemon.start(watcher("web"), prometheus())
    port = address(daemon).split(":")[2].split("/")[0]

    daemon.write(watcher("web"), prometheus(), plugin("second", "prometheus", port=port))
    daemon.call("reloadconfig", waiting=True)

    wait_for(lambda: f"plugin:second cannot run: port = {port}: cannot be bound" in daemon.log, "the error")
