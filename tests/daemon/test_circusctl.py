"""circusctl against a real circusd: what a person or a script gets to see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import socket, watcher
from tests.support.waiting import wait_for


@pytest.fixture
def stack(daemon: Daemon) -> Daemon:
    """Two watchers that run, one that does not, a socket."""
    daemon.start(
        watcher("alpha one", numprocesses=2),
        watcher("beta", singleton=True),
        watcher("manual", autostart=False),
        socket("web"),
    )
    return daemon


def out(daemon: Daemon, *words: str) -> str:
    """Return what a command prints; it must go well and say nothing on standard error."""
    done = daemon.ctl(*words)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_one_shot_commands_print_what_scripts_read(stack: Daemon) -> None:
    (beta,) = stack.pids("beta")
    assert out(stack, "list") == "alpha one,beta,manual\n"
    assert out(stack, "list", "beta") == f"{beta}\n"
    assert out(stack, "status") == "alpha one: active\nbeta: active\nmanual: stopped\n"
    assert out(stack, "status", "manual") == "stopped\n"
    assert out(stack, "numwatchers") == "3\n"
    assert out(stack, "numprocesses") == "3\n"
    assert out(stack, "numprocesses", "alpha one") == "2\n"
    assert out(stack, "get", "beta", "singleton", "numprocesses") == "singleton: True\nnumprocesses: 1\n"
    assert out(stack, "stop", "beta", "--waiting") == "ok\n"
    assert out(stack, "start", "beta", "--waiting") == "ok\n"


def test_resizing_prints_the_new_number_to_who_waits(stack: Daemon) -> None:
    assert out(stack, "incr", "alpha one") == "ok\n"
    wait_for(lambda: len(stack.pids("alpha one")) == 3, "three processes")
    assert out(stack, "decr", "alpha one", "2", "--waiting") == "1\n"
    assert out(stack, "incr", "beta") == "This watcher is a Singleton - not changing the number of processes\n"


def test_figures_are_printed_by_watcher_and_pid(stack: Daemon) -> None:
    (beta,) = stack.pids("beta")
    lines = out(stack, "stats", "beta").splitlines()
    assert lines[0] == "beta:"
    assert lines[1].startswith(f"{beta}: {beta}  sleep ")
    assert out(stack, "stats", "beta", str(beta)).startswith(f"{beta}: {beta}  sleep ")
    assert out(stack, "stats").count(":") >= 6
    assert out(stack, "dstats").startswith("Main Process:\n    ")
    assert ":socket 'web' at 127.0.0.1:" in out(stack, "listsockets")


def test_errors_have_their_exit_codes(stack: Daemon) -> None:
    assert stack.ctl("status", "nope").returncode == 3
    assert stack.ctl("status", "nope").stderr == "error\n"
    refused = stack.ctl("list", "nope")
    assert refused.returncode == 3
    assert refused.stderr.startswith("error: program nope not found")
    assert stack.ctl("incr").returncode == 1
    assert stack.ctl("set", "beta", "bogus", "1").returncode == 1
    assert stack.ctl("nonsense").returncode == 2
    assert stack.ctl("list", "--json").returncode == 2
    assert stack.ctl("--json", "status", "nope").returncode == 0


def test_json_is_the_whole_reply_on_one_line(stack: Daemon) -> None:
    reply = json.loads(out(stack, "--json", "list", "beta"))
    assert reply["status"] == "ok"
    assert reply["pids"] == stack.pids("beta")
    pretty = out(stack, "--json", "--prettify", "list")
    assert pretty.startswith('{\n  "id": ')


def test_endpoint_comes_from_the_environment(stack: Daemon) -> None:
    program = stack.flavour.circusctl
    env = {**os.environ, "CIRCUSCTL_ENDPOINT": stack.endpoint}
    done = subprocess.run([*program, "list"], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "alpha one,beta,manual\n"


def test_nobody_there_times_out_with_exit_code_1(stack: Daemon) -> None:
    done = stack.ctl("--endpoint", f"{stack.endpoint}-not", "--timeout", "1", "list")
    assert done.returncode == 1
    assert done.stderr.startswith("Timed out.")


def test_shell_reads_lines_until_they_end(stack: Daemon) -> None:
    done = stack.ctl(stdin="list\n\nbogus\nstatus 'alpha one'\n")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("circusctl ")
    assert lines[1:4] == ["alpha one: active", "beta: active", "manual: stopped"]
    assert done.stdout.count("alpha one,beta,manual") == 2
    assert "*** Unknown syntax: bogus" in done.stdout
    assert "(circusctl) active\n" in done.stdout


def test_shell_waits_for_a_daemon_to_come(stack: Daemon) -> None:
    done = stack.ctl("--endpoint", f"{stack.endpoint}-not", "--timeout", "1", stdin="help\n")
    assert done.returncode == 0
    assert "Timed out." in done.stderr
    assert "listsockets" in done.stdout


@pytest.mark.differs("numbers, signals and the flags of rm and kill were not transmitted")
def test_everything_on_the_line_is_transmitted(stack: Daemon) -> None:
    (old,) = stack.pids("beta")
    assert out(stack, "kill", "beta", str(old), "--signum", "KILL", "--graceful_timeout", "5", "--waiting") == "ok\n"
    (new,) = wait_for(lambda: [pid for pid in stack.pids("beta") if pid != old], "a replacement")
    assert out(stack, "set", "beta", "env", "A=1,B=2", "graceful_timeout", "3", "--waiting") == "ok\n"
    assert out(stack, "get", "beta", "env", "graceful_timeout") == "env: A=1,B=2\ngraceful_timeout: 3.0\n"
    assert new not in stack.pids("beta")
    (pid,) = stack.pids("beta")
    assert out(stack, "rm", "beta", "--nostop", "--waiting") == "ok\n"
    os.kill(pid, signal.SIGKILL)


@pytest.mark.differs("there was no such command or option")
def test_daemon_tells_about_itself(stack: Daemon) -> None:
    assert "status" in out(stack, "commands")
    assert "circus.commands" in out(stack, "extensions")
    assert "alpha one: active for " in out(stack, "status", "--long")
    assert "keep watcher:beta" in out(stack, "reloadconfig", "--dry-run")


@contextmanager
def listening(daemon: Daemon, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``circusctl ... listen``."""
    with subprocess.Popen(
        [*daemon.flavour.circusctl, *argv, "listen", "watcher.beta"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.differs("it printed byte literals, and knew only the pubsub endpoint")
@pytest.mark.parametrize("which", ["endpoint", "pubsub_endpoint"])
def test_listen_shows_events_from_either_endpoint(stack: Daemon, which: str) -> None:
    with listening(stack, "--endpoint", getattr(stack, which)) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)

        def first_line() -> str:
            # An event from before the subscription is lost, so there is one a try.
            stack.call("reload", name="beta", waiting=True)
            assert process.stdout is not None
            return process.stdout.readline()

        line = wait_for(first_line, "an event")
        topic, _, text = line.partition(": ")
        assert topic.startswith("watcher.beta.")
        assert json.loads(text)["time"] > 0

        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
