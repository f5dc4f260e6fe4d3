"""The examples of hooks, streams, plugins and the library run as they are written, apart from addresses and paths."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.support.daemon import Daemon
from tests.support.ports import free_ports
from tests.support.procs import is_alive
from tests.support.waiting import wait_for

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "examples"
HERE: Final = [str(Path(sys.executable).parent), os.environ["PATH"]]

pytestmark = pytest.mark.differs("examples of this package")


def start(daemon: Daemon, example: str, changes: Mapping[str, str]) -> None:
    """Run ``circusd`` on an example with our endpoints; in its text each of *changes* is made."""
    text = (EXAMPLES / example).read_text()
    for old, new in {**changes, **addresses_of(daemon)}.items():
        assert old in text
        text = text.replace(old, new)
    daemon.config.write_text(text)
    env = {**os.environ, "PATH": os.pathsep.join(HERE), "PYTHONPATH": f"{daemon.home}:{EXAMPLES}:{ROOT}"}
    daemon.launch(str(daemon.config), cwd=ROOT, env=env)
    daemon.wait_until_up()


def copy(example: str, folder: Path, changes: Mapping[str, str]) -> Path:
    """Copy the program *example* to *folder*, making each of *changes* in its text."""
    text = (EXAMPLES / example).read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / example
    path.write_text(text)
    return path


def launch(program: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([sys.executable, "-W", "error", str(program)], stdout=subprocess.PIPE, text=True, env=env)


def addresses(folder: Path) -> dict[str, str]:
    return {"tcp://127.0.0.1:5555": f"ipc://{folder}/endpoint", "tcp://127.0.0.1:5556": f"ipc://{folder}/pubsub"}


def addresses_of(daemon: Daemon) -> dict[str, str]:
    return {"tcp://127.0.0.1:5555": daemon.endpoint, "tcp://127.0.0.1:5556": daemon.pubsub_endpoint}


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
def test_hooks_wait_for_a_real_redis(daemon: Daemon) -> None:
    pytest.importorskip("redis")
    port = str(free_ports(1)[0])
    copy("redis_hooks.py", daemon.home, {"6379": port, "localhost": "127.0.0.1"})

    start(daemon, "redis.ini", {"6379": port, "/tmp": str(daemon.home)})

    daemon.wait_status("queue-worker", "active")
    (redis,) = daemon.pids("redis")
    # What the hook put into the environment of the watcher, the second process has.
    wait_for(lambda: f"redis is {redis}" in daemon.output, "the worker that knows Redis")
    assert "redis is \n" in daemon.output


def test_streams_of_ones_own_write_what_processes_print(daemon: Daemon) -> None:
    start(daemon, "custom_stream.ini", {"/tmp/": f"{daemon.home}/"})
    daemon.wait_status("talker", "active")
    (pid,) = daemon.pids("talker")
    log, err = daemon.home / "talker.log", daemon.home / "talker.err"
    wait_for(lambda: log.exists() and log.read_text(), "the line on standard output")
    assert re.fullmatch(rf"\d\d:\d\d:\d\d \[{pid}\] stdout: hello\n", log.read_text())
    wait_for(lambda: err.exists() and err.read_text() == "OOPS\n", "the line on standard error")


def test_listener_prints_the_death_of_a_worker(daemon: Daemon, tmp_path: Path) -> None:
    start(daemon, "example1.ini", {})
    for name in ("dummy", "dummy2"):
        daemon.wait_status(name, "active")
    assert len(daemon.pids("dummy")) == 5 and len(daemon.pids("dummy2")) == 3
    program = copy("listener.py", tmp_path, {"tcp://127.0.0.1:5556": daemon.pubsub_endpoint})
    with launch(program) as listener:
        assert listener.stdout is not None
        try:
            victim = daemon.pids("dummy2")[0]
            lines = _lines_after(daemon, listener, victim)
        finally:
            listener.kill()
    assert lines[0].startswith("watcher.dummy2.reap {") and str(victim) in lines[0]
    assert lines[1].startswith("watcher.dummy2.spawn {")


def _lines_after(daemon: Daemon, listener: subprocess.Popen[str], victim: int) -> list[str]:
    """Kill *victim* once the listener hears, and return the two lines about that."""
    assert listener.stdout is not None
    os.set_blocking(listener.stdout.fileno(), False)
    wait_for(lambda: daemon.call("incr", name="dummy") and listener.stdout.readline(), "the listener to hear")
    os.set_blocking(listener.stdout.fileno(), True)
    os.kill(victim, signal.SIGKILL)
    lines = (line for line in iter(listener.stdout.readline, "") if line.startswith("watcher.dummy2"))
    return [next(lines), next(lines)]


def test_plugin_of_ones_own_logs_events(daemon: Daemon) -> None:
    start(daemon, "plugin.ini", {"/tmp/": f"{daemon.home}/"})
    log = daemon.home / "circus-events.log"
    wait_for(log.exists, "the plugin")

    def logged() -> str | None:
        daemon.call("restart", name="dummy", waiting=True)
        return log.read_text() or None

    line = wait_for(logged, "the events").splitlines()[0]
    topic, _, message = line.partition("::")
    assert topic.startswith("watcher.") and isinstance(json.loads(message), dict)


def test_program_with_a_circus_inside() -> None:
    with launch(EXAMPLES / "embedded.py") as program:
        output, _ = program.communicate(timeout=60)
    assert "{'workers': 'active'}" in output and "3 processes run\nall of them have ended\n" in output
    assert program.returncode == 0
    assert not any(is_alive(int(pid)) for pid in re.findall(r"worker (\d+)", output))


def test_program_with_an_arbiter_in_the_background(tmp_path: Path) -> None:
    with launch(copy("background.py", tmp_path, addresses(tmp_path))) as program:
        output, _ = program.communicate(timeout=60)
    assert (output, program.returncode) == ("active with 2 processes\n", 0)


def test_program_that_is_an_arbiter(tmp_path: Path, daemon: Daemon) -> None:
    with launch(copy("get_arbiter.py", tmp_path, addresses(tmp_path))) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "started {'myprogram': 'active'}\n"
        ctl = [str(Path(sys.executable).parent / "circusctl"), "--endpoint", f"ipc://{tmp_path}/endpoint"]
        done = subprocess.run([*ctl, "incr", "myprogram", "--waiting"], capture_output=True, text=True, check=True)
        assert done.stdout == "4\n"
        subprocess.run([*ctl, "quit"], check=True, capture_output=True)
        assert program.wait(60) == 0
