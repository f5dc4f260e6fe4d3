"""``circus-plugin``: a plugin run by hand, the published one on our daemon, plugins of other distributions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.daemon import Daemon
from tests.support.ini import watcher
from tests.support.plugins import MODULE, Record, plugin
from tests.support.sinks import StatsdSink
from tests.support.venvs import DISTRIBUTIONS, Venv
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("the daemon is ours, the published program runs against it")

OURS = str(Path(sys.executable).with_name("circus-plugin"))
Runner = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run(daemon: Daemon) -> Iterator[Runner]:
    """Run a plugin by hand beside the daemon."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, program: str = OURS, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        addresses = ["--endpoint", daemon.endpoint, "--pubsub", daemon.pubsub_endpoint]
        with open(daemon.home / "plugin.log", "a") as log:
            child = subprocess.Popen(
                [program, *addresses, *words], stdout=log, stderr=log, text=True, env={**os.environ, **(env or {})}
            )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()


def log_of(daemon: Daemon) -> str:
    return (daemon.home / "plugin.log").read_text()


def circus_plugin(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([OURS, *words], capture_output=True, text=True, check=False, timeout=60)


def test_plugin_run_by_hand_tells_its_steps_and_ends_on_ctrl_c(daemon: Daemon, record: Record, run: Runner) -> None:
    daemon.start(watcher("web"))
    child = run("--config", f"out:{record.path}:::a: b:c ", "--check-delay", "2.5", f"{MODULE}:Recorder")
    assert record.wait("sync") == {"web": "active"}

    child.send_signal(signal.SIGINT)

    assert child.wait(60) == 0
    assert record.notes("init") == [{"out": str(record.path), "a": "b:c"}]
    assert record.notes("check_delay") == [2.5] and record.notes("stop") == [True]
    lines = [
        "Loading the plugin...",
        f"Endpoint: '{daemon.endpoint}'",
        f"Pub/sub: '{daemon.pubsub_endpoint}'",
        "Starting",
        "recorder: connected",
        "Stopping",
    ]
    said = [line.partition("[INFO] ")[2] for line in log_of(daemon).splitlines()]
    assert said == lines


def test_plugin_goes_on_when_the_daemon_comes_back(daemon: Daemon, record: Record, run: Runner) -> None:
    daemon.start(watcher("web"))
    child = run("--config", f"out:{record.path}", f"{MODULE}:Recorder")
    record.wait("sync")

    daemon.stop()
    daemon.start(watcher("web"), watcher("more"))

    assert record.wait("sync", count=2) == {"more": "active", "web": "active"}
    daemon.call("restart", name="more", waiting=True)
    record.wait_event("more.start")
    assert child.poll() is None


def test_plugin_that_is_started_first_waits_for_the_daemon(daemon: Daemon, record: Record, run: Runner) -> None:
    run("--config", f"out:{record.path}", f"{MODULE}:Recorder")
    record.wait("init")

    daemon.start(watcher("web"))

    assert "web" in record.wait("sync")


def test_several_plugins_by_hand_share_the_process(daemon: Daemon, record: Record, run: Runner) -> None:
    other = Record(daemon.home / "other")
    daemon.start(watcher("web"))

    child = run(
        "--config", f"out:{record.path}", "--config", f"out:{other.path}", f"{MODULE}:Recorder", f"{MODULE}:Sleeper"
    )

    record.wait("sync")
    other.wait("sync")
    assert record.notes("pid") == other.notes("pid") == [child.pid]


def test_module_in_the_folder_that_it_is_started_in_is_found(daemon: Daemon, record: Record) -> None:
    daemon.start(watcher("web"))
    words = ["--endpoint", daemon.endpoint, "--pubsub", daemon.pubsub_endpoint, "--config", f"out:{record.path}"]
    child = subprocess.Popen([OURS, *words, "plugins_of_tests.Recorder"], cwd=MODULE.parent, stderr=subprocess.DEVNULL)
    try:
        record.wait("sync")
    finally:
        child.terminate()
    assert child.wait(60) == 0


def test_installed_plugins_are_listed() -> None:
    done = circus_plugin("--list")

    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"flapping", "statsd", "full_stats", "redis_observer", "http_observer", "resource_watcher"} <= set(names)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        pytest.param([], 0, "usage: circus-plugin", id="none"),
        pytest.param(["flaping"], 1, "error: no plugin named 'flaping'; did you mean flapping?", id="near"),
        pytest.param(["zzz"], 1, "known: command_reloader, ", id="far"),
        pytest.param(["os.path.join"], 1, "os.path.join is no plugin", id="no plugin"),
        pytest.param([f"{MODULE}:Recordr"], 1, "did you mean Recorder?", id="near in a file"),
        pytest.param(["--config", "attempts:x", "flapping"], 1, "[flapping] attempts = 'x': not a whole", id="value"),
        pytest.param(["--config", "port", "statsd"], 2, "'port' is no key:value", id="config"),
        pytest.param(["--config", "port:1", "--config", "port:1", "statsd"], 2, "2 --config for 1", id="configs"),
        pytest.param([f"{MODULE}:Logger"], 1, "missing a required argument: 'filename'", id="missing"),
        pytest.param(["--config", "active:no", "statsd"], 1, "statsd is not active", id="inactive"),
    ],
)
def test_what_cannot_run_says_why(words: list[str], code: int, text: str) -> None:
    done = circus_plugin(*words)

    assert text in done.stdout + done.stderr
    assert done.returncode == code


def test_option_that_the_plugin_does_not_have_is_reported(daemon: Daemon, run: Runner) -> None:
    daemon.start(watcher("web"))

    run("--config", "atempts:3:::name:flap", "flapping")

    wait_for(lambda: "[flap] atempts is no option of this plugin" in log_of(daemon), "the warning")
    assert "attempts" in log_of(daemon)


@pytest.mark.parametrize("target", ["circus.plugins.statsd.StatsdEmitter", "circus.plugins._statsd.StatsdEmitter"])
def test_old_dotted_names_work(daemon: Daemon, sink: StatsdSink, target: str) -> None:
    daemon.start(watcher("web"), plugin("s", target, port=sink.port))

    wait_for(
        lambda: daemon.call("restart", name="web", waiting=True) and sink.values("circus.app.watcher.web.start"),
        "a figure of the plugin",
    )


# The published program and ours, one with the other


def test_published_program_runs_its_plugins_on_our_daemon(daemon: Daemon, sink: StatsdSink, run: Runner) -> None:
    daemon.start(watcher("web"))
    program = str(oracle.scripts() / "circus-plugin")
    target = "circus.plugins.statsd.StatsdEmitter"
    run("--config", f"port:{sink.port}", target, program=program)

    for figure in ("start", "kill"):  # the first restart that it hears of, it may hear only the end of
        wait_for(
            lambda name=f"circus.app.watcher.web.{figure}": (
                daemon.call("restart", name="web", waiting=True) and sink.values(name)
            ),
            f"figure {figure} of the published plugin",
        )

    assert sink.values("circus.app.watcher.web.kill")[0] == "1|c"


def test_plugin_for_the_published_package_runs_there_and_here(daemon: Daemon, run: Runner) -> None:
    """The same file, under the published runner and under ours, hears the same."""
    daemon.start(watcher("web"))
    target, path = "plugins_of_tests.Recorder", {"PYTHONPATH": str(MODULE.parent)}
    theirs, here = Record(daemon.home / "theirs"), Record(daemon.home / "here")
    program = str(oracle.scripts() / "circus-plugin")
    run("--config", f"out:{theirs.path}", target, program=program, env=path)
    run("--config", f"out:{here.path}", target, env=path)
    here.wait("sync")
    wait_for(
        lambda: daemon.call("set", name="web", options={"graceful_timeout": 9}) and theirs.notes("event"),
        "the published runner to be connected",
    )

    daemon.call("restart", name="web", waiting=True)

    for record in (theirs, here):
        record.wait_event("web.start")
    heard = [[event for event in record.notes("event") if event != "web.updated"] for record in (theirs, here)]
    assert heard[0] == heard[1] == ["web.kill", "web.reap", "web.stop", "web.spawn", "web.start"]
    assert theirs.notes("init") == [{"out": str(theirs.path)}]


# Another distribution


@pytest.fixture(scope="module")
def venv(circus_venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """Has circus, and a distribution with a plugin."""
    venv = circus_venv.copy(tmp_path_factory.mktemp("plugin") / "venv")
    venv.install(DISTRIBUTIONS / "plugin")
    return venv


def test_plugin_of_another_distribution_is_used_by_its_name_until_it_is_uninstalled(venv: Venv) -> None:
    daemon = Daemon(venv.flavour)
    heard = daemon.home / "heard"
    section = plugin("mine", "heard", filename=heard, limit=100)
    try:
        daemon.start(watcher("web"), section)
        wait_for(lambda: daemon.call("restart", name="web", waiting=True) and heard.exists(), "the plugin to hear")
        listed = [e for e in daemon.call("extensions")["extensions"] if e["group"] == "circus.plugins"]
        assert {"heard"} == {e["name"] for e in listed if e["distribution"] == "circus-demo-plugin"}

        venv.uninstall("circus-demo-plugin")
        daemon.stop()
        daemon.launch(str(daemon.config))
        assert daemon.wait_exit() == 1
        assert "[plugin:mine] use = 'heard': no plugin named 'heard'; known: " in daemon.log
    finally:
        daemon.close(check=False)
