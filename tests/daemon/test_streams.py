"""Each stream class in a real circusd, chosen by its options: what arrives, and where."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import Section, env
from tests.support.talking import Talker
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("lines are not whole, some of the classes are not there")

CLASSES = """
import os, time

class Recorder:
    def __init__(self, **options):
        self.path = options.pop("path")
        self.tell(options)

    def tell(self, what):
        with open(self.path, "a") as file:
            file.write(f"{what!r}\\n")

    def open(self):
        self.tell("open")

    def __call__(self, data):
        moment = data.pop("timestamp")
        assert isinstance(moment, float)
        self.tell(sorted(data.items()))

    def close(self):
        self.tell("close")

class Moody(Recorder):
    def __call__(self, data):
        if data["data"] == b"raise\\n":
            raise RuntimeError("not in the mood")
        if data["data"] == b"leave\\n":
            raise SystemExit(3)
        if data["data"].startswith(b"hang\\n"):
            open(self.path + ".gate").close()
        self.tell(data["data"])
"""


@pytest.fixture
def web(daemon: Daemon) -> Iterator[Talker]:
    talker = Talker(daemon.home, "web")
    yield talker
    talker.close()


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def of_class(web: Talker, name: str, which: str = "stdout", /, **options: object) -> Section:
    """Return the watcher's section with a stream of that class."""
    given = {f"{which}_stream.{option}": value for option, value in options.items()}
    return web.section(**{f"{which}_stream.class": name}, **given)


def errors(daemon: Daemon) -> dict[str, str]:
    found: dict[str, str] = daemon.call("status", long=True)["watchers"]["web"]["output_errors"]
    return found


def test_a_file_is_rotated_by_size(daemon: Daemon, web: Talker) -> None:
    path = daemon.home / "out.log"
    daemon.start(of_class(web, "FileStream", filename=path, max_bytes=12, backup_count=2))
    for line in ("second", "third", "fourth"):
        web.says(line)
        wait_for(lambda line=line: lines(path)[-1:] == [line], "the line")

    found = {file.name: file.read_text() for file in daemon.home.glob("out.log*")}
    assert found == {"out.log": "fourth\n", "out.log.1": "third\n", "out.log.2": "second\n"}


def test_lines_get_their_time_and_pid(daemon: Daemon, web: Talker) -> None:
    path = daemon.home / "out.log"
    daemon.start(web.section(**{"stdout_stream.filename": path, "stdout_stream.time_format": "%Y"}))
    wait_for(lambda: lines(path), "the first line")

    assert re.fullmatch(rf"20\d\d \[{daemon.pids('web')[0]}\] \| ready", lines(path)[0])


def test_a_file_that_somebody_moves_is_left(daemon: Daemon, web: Talker) -> None:
    path = daemon.home / "out.log"
    daemon.start(of_class(web, "WatchedFileStream", filename=path))
    wait_for(lambda: lines(path) == ["ready"], "the first line")
    path.rename(daemon.home / "moved")
    web.says("next")

    wait_for(lambda: lines(path) == ["next"], "the next line")
    assert lines(daemon.home / "moved") == ["ready"]


def test_a_file_is_rotated_by_time(daemon: Daemon, web: Talker) -> None:
    path = daemon.home / "out.log"
    options = {"rotate_when": "s", "rotate_interval": 1, "utc": True, "backup_count": 3}
    daemon.start(of_class(web, "TimedRotatingFileStream", filename=path, **options))
    wait_for(lambda: lines(path) == ["ready"], "the first line")

    def rotated() -> list[Path]:
        web.says("tick")
        return list(daemon.home.glob("out.log.*"))

    old = wait_for(rotated, "a rotation")
    assert all(re.fullmatch(r"out\.log\.20\d{12}", file.name) for file in old)
    assert lines(min(old))[0] == "ready"


@pytest.mark.parametrize("name", ["StdoutStream", "circus.stream.StdoutStream", "FileStream /dev/stdout"])
def test_output_joins_that_of_circusd(daemon: Daemon, web: Talker, name: str) -> None:
    class_name, _, path = name.partition(" ")
    daemon.start(of_class(web, class_name, **({"filename": path} if path else {})))
    web.says("one")

    wait_for(lambda: daemon.output.splitlines() == ["ready", "one"], "both lines")


@pytest.mark.parametrize("no_color", [False, True], ids=["coloured", "NO_COLOR"])
def test_fancy_output_has_colours_on_a_terminal(daemon: Daemon, web: Talker, *, no_color: bool) -> None:
    screen, terminal = os.openpty()
    try:
        daemon.start(
            of_class(web, "FancyStdoutStream", color="green", time_format="%Y"),
            via=["/bin/sh", "-c", f'exec "$@" > {os.ttyname(terminal)}', "sh"],
            env={**os.environ, "NO_COLOR": "1"}
            if no_color
            else {k: v for k, v in os.environ.items() if k != "NO_COLOR"},
        )
        seen = os.read(screen, 1000).decode().strip()
    finally:
        os.close(screen)
        os.close(terminal)

    plain = rf"20\d\d \[{daemon.pids('web')[0]}\] \| ready"
    assert re.fullmatch(plain if no_color else rf"\033\[32m{plain}\033\[0m", seen)


@pytest.mark.parametrize("to_file", [False, True], ids=["stdout", "file"])
def test_one_json_object_a_line(daemon: Daemon, web: Talker, *, to_file: bool) -> None:
    path = daemon.home / "out.json"
    daemon.start(of_class(web, "JsonStream", "stderr", **({"filename": path} if to_file else {})))
    web.says('!say "ä"')
    text = wait_for(lambda: path.read_text() if to_file and path.exists() else daemon.output[6:], "the line")

    line = json.loads(text)
    assert line.pop("time") == pytest.approx(daemon.call("status")["time"], abs=60)
    pid = daemon.pids("web")[0]
    assert line == {"watcher": "web", "wid": 1, "pid": pid, "stream": "stderr", "message": 'say "ä"'}


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_messages_go_to_syslog(daemon: Daemon, web: Talker, tmp_path: Path, kind: str) -> None:
    family, where = (socket.AF_UNIX, str(tmp_path / "log")) if kind == "unix" else (socket.AF_INET, ("127.0.0.1", 0))
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(where)
        receiver.settimeout(60)
        address = where if kind == "unix" else f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        daemon.start(of_class(web, "SyslogStream", address=address, facility="local3", app_name="shop"))
        message = receiver.recv(1000).decode()
        web.says("two words")
        second = receiver.recv(1000).decode()

    moment = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    assert re.fullmatch(rf"<158>1 {moment} \S+ shop {daemon.pids('web')[0]} stdout - ready", message)
    assert second.endswith("two words")


@pytest.fixture
def modules(daemon: Daemon) -> Section:
    """What lets ``circusd`` import the module ``moody``."""
    (daemon.home / "moody.py").write_text(CLASSES)
    return env(PYTHONPATH=daemon.home)


@pytest.mark.parametrize("name", ["moody.Recorder", "moody:Recorder"])
def test_a_class_that_is_called_gets_what_is_documented(
    daemon: Daemon, web: Talker, modules: Section, name: str
) -> None:
    path = daemon.home / "seen"
    daemon.start(modules, of_class(web, name, path=path, depth=3))
    wait_for(lambda: lines(path)[2:], "the first line")
    pid = daemon.pids("web")[0]
    daemon.call("stop", waiting=True)

    data = [("data", b"ready\n"), ("name", "stdout"), ("pid", pid)]
    told = wait_for(lambda: len(found := lines(path)) == 5 and found, "the end")
    last = [("data", b"bye\n"), ("name", "stdout"), ("pid", pid)]
    assert told == [repr({"depth": "3"}), repr("open"), repr(data), repr(last), repr("close")]


def test_a_class_that_raises_is_a_fault_until_it_does_not(daemon: Daemon, web: Talker, modules: Section) -> None:
    path = daemon.home / "seen"
    daemon.start(modules, of_class(web, "moody.Moody", path=path))
    wait_for(lambda: lines(path)[2:], "the first line")

    web.says("raise")
    wait_for(lambda: errors(daemon) == {"stdout": "RuntimeError: not in the mood"}, "the fault")
    web.says("leave")
    wait_for(lambda: errors(daemon) == {"stdout": "SystemExit: 3"}, "the next fault")
    assert daemon.call("status")["output_lost"] == {"web": len("raise\nleave\n")}
    web.says("fine")

    wait_for(lambda: lines(path)[-1] == repr(b"fine\n"), "the next line")
    assert errors(daemon) == {}
    assert daemon.log.count("output fails: RuntimeError: not in the mood") == 1
    assert "output works again; bytes lost so far: 12" in daemon.log


def test_a_class_that_hangs_holds_up_nothing_and_goes_on(daemon: Daemon, web: Talker, modules: Section) -> None:
    path, gate = daemon.home / "seen", daemon.home / "seen.gate"
    os.mkfifo(gate)
    other = Talker(daemon.home, "other")
    try:
        daemon.start(
            modules,
            of_class(web, "moody.Moody", path=path),
            other.section(**{"stdout_stream.filename": daemon.home / "other.log"}),
        )
        wait_for(lambda: lines(path)[2:], "the first line")
        web.says("hang", "after")
        other.says("not held up")
        wait_for(lambda: lines(daemon.home / "other.log")[1:] == ["not held up"], "the other stream")
        assert daemon.call("restart", name="other", waiting=True)["status"] == "ok"

        gate.open("w").close()

        wait_for(lambda: lines(path)[-1].endswith(r"after\n'"), "the rest")
        assert "output_lost" not in daemon.call("status")
    finally:
        other.close()


def test_a_file_system_that_becomes_read_only_is_a_fault_until_it_is_not(daemon: Daemon, web: Talker) -> None:
    folder = daemon.home / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "circus-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs: run as root on Linux")
    try:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        daemon.start(of_class(web, "FileStream", filename=folder / "out.log"))
        wait_for(lambda: "Read-only file system" in errors(daemon).get("stdout", ""), "the fault")
        wait_for(
            lambda: daemon.call("status").get("output_lost") == {"web": len("ready\n")}, "its first line to be lost"
        )

        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        web.says("back")

        wait_for(lambda: lines(folder / "out.log") == ["back"], "the next line")
        assert errors(daemon) == {}
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
