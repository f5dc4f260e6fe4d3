"""circusd itself: its flags, pidfile, signals, exit codes, log, what it refuses to start."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket as sockets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import procs
from tests.support.daemon import ARBITER, Daemon
from tests.support.ini import Section, circus, socket, stubborn, watcher
from tests.support.waiting import wait_for

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root; run the tests as root, as the CI does")


def run(daemon: Daemon, *args: str) -> tuple[int, str]:
    """Run circusd with *args* to its end; return its exit code with all that it said."""
    daemon.launch(*args)
    code = daemon.wait_exit()
    return code, daemon.output + daemon.log


# Signals and exit codes


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda s: s.name)
def test_a_signal_ends_everything(daemon: Daemon, signum: signal.Signals) -> None:
    daemon.start(watcher("w", numprocesses=2))
    pids = daemon.pids("w")

    daemon.signal(signum)

    assert daemon.wait_exit() == 0
    assert not any(map(procs.is_alive, pids))


def test_winch_is_ignored(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    before = daemon.pids("w")

    daemon.signal(signal.SIGWINCH)

    assert daemon.pids("w") == before


def test_a_second_term_still_ends_gracefully(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w"), graceful_timeout=1))
    (pid,) = daemon.wait_ready("w").values()

    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGTERM)

    assert daemon.wait_exit() == 0
    assert not procs.is_alive(pid)


@pytest.mark.differs("B2: the signal is lost")
def test_term_while_a_slow_stop_goes_on(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w"), graceful_timeout=1))
    daemon.wait_ready("w")
    daemon.call("stop", name="w")

    daemon.signal(signal.SIGTERM)

    assert daemon.wait_exit() == 0


@pytest.mark.differs("B2: the signal is lost")
def test_term_while_the_watchers_still_start(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=20, warmup_delay=1), wait=False)
    wait_for(lambda: daemon.said("ready", "w"), "the first process")

    assert daemon.stop() == 0


@pytest.mark.differs("errno 5 with another text")
def test_commands_that_arrive_while_it_stops_are_refused(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w"), graceful_timeout=600))
    (pid,) = daemon.wait_ready("w").values()
    daemon.call("quit")

    reply = daemon.refused("start", name="w")

    assert reply["errno"] == 5
    os.kill(pid, signal.SIGKILL)
    assert daemon.wait_exit() == 0


def test_version(daemon: Daemon) -> None:
    code, said = run(daemon, "--version")

    assert code == 0
    assert re.fullmatch(r"\d+\.\d+\S*", said.strip())


def test_no_config_prints_the_usage(daemon: Daemon) -> None:
    code, said = run(daemon)

    assert code == 0
    assert "usage" in said.lower()


@pytest.mark.parametrize("args", [["--nonsense"], ["--log-level", "loud"]], ids=["option", "log-level"])
def test_a_bad_command_line(daemon: Daemon, args: list[str]) -> None:
    assert run(daemon, *args, str(daemon.write(watcher("w"))))[0] == 2


def test_a_missing_file(daemon: Daemon) -> None:
    code, said = run(daemon, str(daemon.home / "nope.ini"))

    assert code == 1
    assert "nope.ini" in said


@pytest.mark.differs("a traceback")
def test_a_missing_file_has_no_traceback(daemon: Daemon) -> None:
    assert "Traceback" not in run(daemon, str(daemon.home / "nope.ini"))[1]


# What refuses a start, and --check

BAD = [
    pytest.param(watcher("w", numprocesses="many"), ["watcher:w", "numprocesses", "many"], id="number"),
    pytest.param(watcher("w", respawn="perhaps"), ["watcher:w", "respawn", "perhaps"], id="boolean"),
    pytest.param(watcher("w", stop_signal="SIGFOO"), ["watcher:w", "stop_signal", "SIGFOO"], id="signal"),
    pytest.param(watcher("w", graceful_timeout="long"), ["watcher:w", "graceful_timeout", "long"], id="seconds"),
    pytest.param(watcher("w", rlimit_nofile="lots"), ["watcher:w", "rlimit_nofile", "lots"], id="limit"),
    pytest.param(socket("s", port="http"), ["socket:s", "port", "http"], id="port"),
    pytest.param(socket("s", family="AF_MOON"), ["socket:s", "family", "AF_MOON"], id="family"),
    pytest.param(circus(check_delay="often"), ["circus", "check_delay", "often"], id="circus"),
    pytest.param(Section("plugin:p", {"use": "no.such.Thing"}), ["plugin:p", "use", "no.such.Thing"], id="plugin"),
    pytest.param(
        watcher("w", {"stdout_stream.class": "NoStream"}), ["watcher:w", "stdout_stream", "NoStream"], id="stream"
    ),
    pytest.param(watcher("w", {"hooks.before_start": "no.such.hook"}), ["watcher:w", "no.such.hook"], id="hook"),
]


@pytest.mark.differs("a traceback, or the watcher is merely missing")
@pytest.mark.parametrize(("section", "names"), BAD)
def test_a_bad_value_refuses_the_start(daemon: Daemon, section: Section, names: list[str]) -> None:
    daemon.write(section, watcher("fine"))

    code, said = run(daemon, str(daemon.config))

    assert code == 1
    assert [name for name in names if name not in said] == []
    assert "Traceback" not in said
    assert daemon.said("ready", "fine") == []


@pytest.mark.differs("it has no --check")
@pytest.mark.parametrize(("section", "names"), BAD)
def test_check_tells_it_with_file_and_line(daemon: Daemon, section: Section, names: list[str]) -> None:
    daemon.write(section, watcher("fine"))

    code, said = run(daemon, "--check", str(daemon.config))

    assert code == 1
    assert [name for name in names if name not in said] == []
    assert re.search(r"circus\.ini:\d+", said)
    assert daemon.said("ready", "fine") == []


def _with_few_descriptors() -> None:
    procs.end_with_parent()
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))


@pytest.mark.differs("it says nothing")
def test_it_tells_what_the_machine_cannot_carry(daemon: Daemon) -> None:
    crowd = watcher("crowd", cmd="/bin/sleep 100", numprocesses=100)
    daemon.write(crowd)
    daemon.launch("--check", str(daemon.config), preexec_fn=_with_few_descriptors)
    assert daemon.wait_exit() == 1
    said = "need 164 open descriptors, the hard limit here is 150: [watcher:crowd] alone needs 100"
    assert said in daemon.output + daemon.log

    daemon.start(crowd, preexec_fn=_with_few_descriptors)

    assert said in daemon.log


@pytest.mark.differs("it tries without a pause")
def test_what_goes_beyond_the_limit_is_told_once_for_all(daemon: Daemon) -> None:
    crowd = watcher("crowd", {"stdout_stream.filename": daemon.home / "log"}, cmd="/bin/sleep 100", numprocesses=200)
    daemon.start(crowd, preexec_fn=_with_few_descriptors, wait=False)
    wait_for(lambda: "others cannot be spawned (try 1)" in daemon.log, "the limit to be met")
    assert "too many open files; raise the limit of descriptors" in daemon.log
    assert daemon.log.count("cannot be spawned (try 1)") < 10
    assert len(daemon.pids("crowd")) > 30, "it still answers"


@pytest.mark.differs("it has no --check")
def test_check_tells_everything_at_once(daemon: Daemon) -> None:
    daemon.write(watcher("a", numprocesses="x"), watcher("b", respawn="y"), socket("s", port="z"))

    said = run(daemon, "--check", str(daemon.config))[1]

    assert all(f"[{name}]" in said for name in ("watcher:a", "watcher:b", "socket:s"))


@pytest.mark.differs("it has no --check")
def test_check_of_a_good_file(daemon: Daemon) -> None:
    daemon.write(watcher("w"), socket("s"))

    assert run(daemon, "--check", str(daemon.config))[0] == 0
    assert not (daemon.home / "ctl").exists()


@pytest.mark.differs("it has no --check")
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"uid": "nosuchuser"}, "nosuchuser"),
        ({"working_dir": "/no/such"}, "/no/such"),
        ({"cmd": "/no/prog"}, "/no/prog"),
    ],
    ids=["user", "folder", "program"],
)
def test_check_tells_what_the_machine_lacks(daemon: Daemon, options: dict[str, object], name: str) -> None:
    daemon.write(watcher("w", options))

    code, said = run(daemon, "--check", str(daemon.config))

    assert code == 1
    assert name in said


@pytest.mark.differs("it says nothing")
def test_an_unknown_option_warns_with_the_nearest_name(daemon: Daemon) -> None:
    daemon.start(watcher("w", numproceses=3))

    assert "numproceses" in daemon.log
    assert "numprocesses" in daemon.log
    assert daemon.call("options", name="w")["options"]["numproceses"] == "3"


@pytest.mark.differs("both run, one unreachable (B44)")
def test_two_names_equal_up_to_case_are_refused(daemon: Daemon) -> None:
    daemon.write(watcher("w"), watcher("W"))

    code, said = run(daemon, str(daemon.config))

    assert code == 1
    assert "W" in said


@pytest.mark.differs("B4: exits 0")
def test_an_endpoint_that_is_taken_refuses_the_start(daemon: Daemon) -> None:
    with sockets.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        daemon.write(circus(endpoint=endpoint), watcher("w"))

        code, said = run(daemon, str(daemon.config))

    assert code == 1
    assert endpoint.removeprefix("tcp://") in said
    assert str(os.getpid()) in said
    assert "Traceback" not in said
    assert daemon.said("ready", "w") == []


@pytest.mark.differs("it takes the other one's endpoint away")
def test_a_second_daemon_on_the_same_ipc_endpoint_is_refused(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    before = daemon.pids("w")

    second = subprocess.run(
        [*daemon.flavour.circusd, str(daemon.config)], capture_output=True, text=True, timeout=60, check=False
    )

    assert second.returncode == 1
    assert f"ipc://{daemon.home}" in second.stdout + second.stderr
    assert str(daemon.pid) in second.stdout + second.stderr
    assert daemon.connect().ask("list", name="w")["pids"] == before


@pytest.mark.differs("a stale ipc file is no matter for zmq, nor for us")
def test_a_stale_ipc_file_is_taken_over(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    daemon.kill()
    for pid in daemon.left_processes():
        procs.kill_quietly(pid)

    daemon.start(watcher("w"))

    assert daemon.status("w") == "active"


# Pidfile, background, log


def test_pidfile(daemon: Daemon) -> None:
    pidfile = daemon.home / "circus.pid"
    daemon.start(watcher("w"), args=["--pidfile", str(pidfile)])

    assert pidfile.read_text() == f"{daemon.pid}\n"
    assert pidfile.stat().st_mode & 0o777 == 0o644
    daemon.stop()
    assert not pidfile.exists()


def test_pidfile_option_of_the_file(daemon: Daemon) -> None:
    pidfile = daemon.home / "circus.pid"
    daemon.start(circus(pidfile=pidfile), watcher("w"))

    assert pidfile.read_text() == f"{daemon.pid}\n"


@pytest.mark.parametrize("content", ["999999\n", "garbage", ""], ids=["dead-pid", "garbage", "empty"])
def test_a_stale_pidfile_is_overwritten(daemon: Daemon, content: str) -> None:
    pidfile = daemon.home / "circus.pid"
    pidfile.write_text(content)

    daemon.start(circus(pidfile=pidfile), watcher("w"))

    assert pidfile.read_text() == f"{daemon.pid}\n"


@pytest.mark.differs("it believes the text, and refuses to start after a reboot reused the pid")
def test_a_pidfile_of_a_pid_that_is_something_else_is_stale(daemon: Daemon) -> None:
    pidfile = daemon.home / "circus.pid"
    pidfile.write_text(f"{os.getpid()}\n")

    daemon.start(circus(pidfile=pidfile), watcher("w"))

    assert pidfile.read_text() == f"{daemon.pid}\n"


def test_a_pidfile_in_use_refuses_the_start(daemon: Daemon) -> None:
    pidfile = daemon.home / "circus.pid"
    daemon.start(circus(pidfile=pidfile), watcher("w"))
    other = daemon.home / "other.ini"
    other.write_text(daemon.config.read_text().replace("/ctl", "/ctl2").replace("/pub", "/pub2"))

    second = subprocess.run(
        [*daemon.flavour.circusd, str(other)], capture_output=True, text=True, timeout=60, check=False
    )

    assert second.returncode == 1
    assert str(pidfile) in second.stdout + second.stderr
    assert pidfile.read_text() == f"{daemon.pid}\n"


def test_a_pidfile_in_a_missing_folder(daemon: Daemon) -> None:
    daemon.write(circus(pidfile=daemon.home / "no" / "circus.pid"), watcher("w"))

    assert run(daemon, str(daemon.config))[0] == 1


def test_daemon_goes_to_the_background(daemon: Daemon) -> None:
    pidfile = daemon.home / "circus.pid"
    daemon.write(watcher("w"))
    launcher = daemon.launch(
        "--daemon", "--pidfile", str(pidfile), "--log-output", str(daemon.home / "log"), str(daemon.config)
    )
    assert launcher.wait(60) == 0
    daemon.pid = wait_for(lambda: pidfile.exists() and int(pidfile.read_text() or 0), "the pidfile")

    wait_for((daemon.home / "ctl").exists, "the endpoint")
    daemon.wait_status("w", "active")

    assert os.getsid(daemon.pid) != os.getsid(0)
    assert [os.readlink(f"/proc/{daemon.pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
    daemon.call("quit", waiting=True)
    wait_for(lambda: not procs.is_alive(daemon.pid), "it to end")


@pytest.mark.differs("the parent exits 0 before it knows")
def test_daemon_tells_of_a_bad_file_before_it_goes(daemon: Daemon) -> None:
    code, said = run(daemon, "--daemon", str(daemon.write(watcher("w", numprocesses="many"))))

    assert code == 1
    assert "many" in said
    wait_for(lambda: not daemon.left_processes(), "the one in the background to end")


@pytest.mark.parametrize("where", ["flag", "option"])
def test_log_output(daemon: Daemon, where: str) -> None:
    log = daemon.home / "circus.log"
    args = ["--log-output", str(log)] if where == "flag" else []
    sections = [] if where == "flag" else [circus(logoutput=log)]
    daemon.start(*sections, watcher("w"), args=args)

    line = log.read_text().splitlines()[0]

    assert re.match(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d circus\[{daemon.pid}\] \[INFO\] ", line)
    assert daemon.log == ""


def test_log_level(daemon: Daemon) -> None:
    daemon.start(watcher("w"), args=["--log-level", "ERROR"])
    daemon.call("restart", name="w", waiting=True)

    assert "[INFO]" not in daemon.log


@pytest.mark.parametrize("kind", ["ini", "json", pytest.param("yaml", marks=pytest.mark.differs("needs PyYAML"))])
def test_logger_config(daemon: Daemon, kind: str) -> None:
    target = daemon.home / "custom.log"
    config = daemon.home / f"logger.{kind}"
    described = {
        "version": 1,
        "formatters": {"f": {"format": "custom %(levelname)s %(message)s"}},
        "handlers": {"h": {"class": "logging.FileHandler", "filename": str(target), "formatter": "f"}},
        "loggers": {"circus": {"level": "INFO", "handlers": ["h"]}},
    }
    as_ini = f"""[loggers]
keys=root,circus
[handlers]
keys=h
[formatters]
keys=f
[logger_root]
handlers=
[logger_circus]
level=INFO
handlers=h
qualname=circus
[handler_h]
class=FileHandler
args=({str(target)!r},)
formatter=f
[formatter_f]
format=custom %(levelname)s %(message)s
"""
    config.write_text(as_ini if kind == "ini" else json.dumps(described))
    daemon.start(watcher("w"), args=["--logger-config", str(config)])

    wait_for(lambda: "custom INFO" in target.read_text(), "a line of its own format")


def test_log_output_is_reopened_by_reload(daemon: Daemon) -> None:
    log = daemon.home / "circus.log"
    daemon.start(circus(logoutput=log), watcher("w"))
    log.rename(daemon.home / "circus.log.1")

    daemon.call("reload", waiting=True)
    daemon.call("restart", name="w", waiting=True)

    wait_for(log.exists, "the log file to be there again")


@as_root
@pytest.mark.differs("it does not warn")
def test_a_tcp_endpoint_as_root_warns(daemon: Daemon) -> None:
    endpoint = "tcp://127.0.0.1:*"
    daemon.write(circus(endpoint=endpoint), watcher("w"))
    daemon.launch(str(daemon.config))

    wait_for(lambda: "ipc://" in daemon.log, "the warning with its remedy")

    assert "WARNING" in daemon.log
    wait_for(lambda: daemon.said("ready", "w"), "the process")


@pytest.mark.differs("it does not know sd_notify")
def test_sd_notify(daemon: Daemon) -> None:
    path = str(daemon.home / "notify")
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        receiver.settimeout(10)
        daemon.start(watcher("w"), env={**os.environ, "NOTIFY_SOCKET": path})
        assert b"READY=1" in receiver.recv(1000)
        daemon.stop()
        assert b"STOPPING=1" in receiver.recv(1000)
    os.unlink(path)


@pytest.mark.differs("its children see it")
def test_no_notify_socket_reaches_a_process(daemon: Daemon) -> None:
    path = str(daemon.home / "notify")
    daemon.start(watcher("w", copy_env=True), env={**os.environ, "NOTIFY_SOCKET": path})
    (pid,) = daemon.wait_ready("w").values()

    names = {pair.partition(b"=")[0] for pair in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}
    assert b"NOTIFY_SOCKET" not in names


def test_an_idle_daemon_sleeps(daemon: Daemon) -> None:
    daemon.start(circus(check_delay=5), watcher("w", numprocesses=5))
    daemon.wait_ready("w", 5)

    wait_for(procs.sleeps(daemon.pid, most=20), "two seconds in which hardly anything wakes it")


@as_root
@pytest.mark.differs("its waitpid(-1) does so too, but what it is told as PID 1 it does not pass on")
def test_as_pid_1_it_reaps_strangers_orphans(daemon: Daemon) -> None:
    orphan = "/bin/sh -c '(sleep 0.2 &); echo ready w 1 $$; exec sleep 3600'"
    daemon.start(watcher("w", cmd=orphan), via=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
    init = wait_for(lambda: procs.children_of(daemon.pid), "circusd as PID 1")[0]
    wait_for(lambda: daemon.said("ready", "w"), "the process")

    own = [pid for pid in procs.children_of(init) if procs.name_of(pid) == ARBITER]
    wait_for(lambda: len(procs.descendants_of(init)) == 1 + len(own), "only the watcher's process to be left")

    os.kill(init, signal.SIGTERM)
    assert daemon.wait_exit() == 0


def test_quit_without_processes(daemon: Daemon) -> None:
    daemon.start()

    assert daemon.call("list")["watchers"] == []
    assert daemon.call("status")["statuses"] == {}
    assert daemon.stop() == 0


def test_python_m_runs_it_too(daemon: Daemon) -> None:
    python = Path(daemon.flavour.circusd[0]).with_name("python")
    python = python if python.exists() else Path(sys.executable)

    done = subprocess.run(
        [python, "-m", "circus.circusd", "--version"],
        cwd=daemon.home,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert done.returncode == 0, done.stderr
