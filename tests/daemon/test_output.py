"""What processes print, from the process to the stream, and what circusd says when a stream fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import PYTHON, watcher
from tests.support.talking import Talker
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("lines are not whole, streams are not opened anew, losses are not counted")


@pytest.fixture
def web(daemon: Daemon) -> Iterator[Talker]:
    talker = Talker(daemon.home, "web")
    yield talker
    talker.close()


@pytest.fixture
def small_disk(daemon: Daemon) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = daemon.home / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "circus-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs: run as root on Linux")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def flood(megabytes: int) -> str:
    """Return a program that prints lines of 100 bytes, then waits."""
    code = f"import os, time; d = b'%099d\\n' % 7 * 1000; [os.write(1, d) for _ in range({megabytes * 10})]"
    return f'{PYTHON} -c "{code}; time.sleep(3600)"'


def lost(daemon: Daemon, name: str) -> int:
    return int(daemon.call("status").get("output_lost", {}).get(name, 0))


def test_the_last_output_of_a_process_is_written_before_its_exit_is_told(daemon: Daemon) -> None:
    path = daemon.home / "out.log"
    code = "import os; os.write(1, b'x' * 60000 + b'\\nlast %d\\n' % os.getpid())"
    daemon.start(watcher("idle"))
    events = daemon.events()
    options = {"stdout_stream": {"class": "FileStream", "filename": str(path)}, "copy_env": True}
    daemon.call("add", name="w", cmd=f'{PYTHON} -c "{code}"', options=options, start=True)

    for _ in range(6):
        pid = events.until("watcher.w.reap")[-1].data["process_pid"]
        assert f"last {pid}" in lines(path)


@pytest.mark.parametrize("how", ["SIGUSR1", "reload", "reload of one"])
def test_streams_are_opened_anew(daemon: Daemon, web: Talker, how: str) -> None:
    path, old = daemon.home / "out.log", daemon.home / "out.log.old"
    daemon.start(web.section(**{"stdout_stream.filename": path}))
    wait_for(lambda: lines(path) == ["ready"], "the process to be ready")
    path.rename(old)
    web.says("one")
    wait_for(lambda: lines(old) == ["ready", "one"], "a line in the file that was moved")

    if how == "SIGUSR1":
        daemon.signal(signal.SIGUSR1)
    else:
        daemon.call("reload", waiting=True, **({"name": "web"} if how == "reload of one" else {}))
    wait_for(path.exists, "a new file")
    web.says("two")

    wait_for(lambda: "two" in lines(path), "a line in the new file")
    assert "two" not in lines(old)


def test_a_full_disk_is_told_of_and_harms_nobody_else(daemon: Daemon, web: Talker, small_disk: Path) -> None:
    path, other = small_disk / "out.log", daemon.home / "other.log"
    flooding = watcher("flood", cmd=flood(3), **{"stdout_stream.filename": path})
    daemon.start(flooding, web.section(**{"stdout_stream.filename": other}))
    wait_for(lambda: lost(daemon, "flood") == 3_000_000 - path.stat().st_size, "the loss")
    web.says("still here")
    wait_for(lambda: lines(other) == ["ready", "still here"], "the other stream")

    size = path.stat().st_size
    assert lost(daemon, "flood") == 3_000_000 - size
    assert path.read_bytes() == (b"%099d\n" % 7) * (size // 100)
    report = daemon.call("status", long=True)["watchers"]["flood"]
    assert (report["output_lost"], report["output_errors"]) == (
        3_000_000 - size,
        {"stdout": "[Errno 28] No space left on device"},
    )
    assert f"output lost: {3_000_000 - size} bytes" in daemon.ctl("status", "--long").stdout
    assert f"flood: {3_000_000 - size} bytes of output lost" in daemon.ctl("stats").stdout
    assert daemon.log.count("No space left") == 1


def test_with_block_a_full_disk_loses_nothing(daemon: Daemon, small_disk: Path) -> None:
    path = small_disk / "out.log"
    daemon.start(watcher("flood", cmd=flood(8), stream_on_error="block", **{"stdout_stream.filename": path}))
    wait_for(lambda: daemon.call("status", long=True)["watchers"]["flood"]["output_errors"], "the full disk")

    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)

    wait_for(lambda: path.stat().st_size == 8_000_000, "everything")
    wait_for(lambda: not daemon.call("status", long=True)["watchers"]["flood"]["output_errors"], "the recovery")
    assert "output_lost" not in daemon.call("status")


def test_drop_may_be_chosen_while_processes_wait(daemon: Daemon, small_disk: Path) -> None:
    path = small_disk / "out.log"
    daemon.start(watcher("flood", cmd=flood(8), stream_on_error="block", **{"stdout_stream.filename": path}))
    wait_for(lambda: daemon.call("status", long=True)["watchers"]["flood"]["output_errors"], "the full disk")

    daemon.call("set", name="flood", options={"stream_on_error": "drop"}, waiting=True)

    wait_for(lambda: lost(daemon, "flood") == 8_000_000 - path.stat().st_size, "the rest to be lost")


def test_a_removed_folder_and_a_fifo_without_a_reader_are_faults_until_they_are_not(
    daemon: Daemon, web: Talker
) -> None:
    folder, fifo = daemon.home / "logs", daemon.home / "out.fifo"
    folder.mkdir()
    os.mkfifo(fifo)
    path = folder / "out.log"
    daemon.start(web.section(**{"stdout_stream.filename": path, "stderr_stream.filename": fifo}))
    wait_for(lambda: lines(path) == ["ready"], "the process to be ready")
    shutil.rmtree(folder)
    web.says("1234", "!1234")
    wait_for(lambda: lost(daemon, "web") == 10, "both losses")
    errors = daemon.call("status", long=True)["watchers"]["web"]["output_errors"]
    assert "No such file or directory" in errors["stdout"]
    assert "No such device or address" in errors["stderr"]

    folder.mkdir()
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    web.says("back", "!back")

    wait_for(lambda: lines(path) == ["back"], "the file")
    assert wait_for(lambda: _read(reader), "the FIFO") == b"back\n"
    os.close(reader)
    assert daemon.call("status", long=True)["watchers"]["web"]["output_errors"] == {}
    assert lost(daemon, "web") == 10


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 100)
    except BlockingIOError:
        return b""


def test_a_bad_option_of_a_stream_is_refused_in_words(daemon: Daemon, web: Talker) -> None:
    daemon.start(web.section(**{"stdout_stream.filename": "/dev/null"}))
    why = "stdout_stream.address = 'here': not an address; write the path of a socket such as /dev/log"

    new = {"class": "SyslogStream", "address": "here"}
    assert why in daemon.refused("set", name="web", options={"stdout_stream": new})["reason"]
    assert why in daemon.refused("add", name="x", cmd="sleep 1", options={"stdout_stream": new})["reason"]
    daemon.write(web.section(**{"stdout_stream.class": "SyslogStream", "stdout_stream.address": "here"}))
    assert why in daemon.refused("reloadconfig", waiting=True)["reason"]
    done = subprocess.run(
        [*daemon.flavour.circusd, "--check", str(daemon.config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"[watcher:web] {why}" in done.stderr


def test_a_stream_that_is_taken_away_costs_no_process_its_output(daemon: Daemon, web: Talker) -> None:
    path = daemon.home / "out.log"
    daemon.start(web.section(**{"stdout_stream.filename": path}, graceful_timeout=5))
    wait_for(lambda: lines(path) == ["ready"], "the process to be ready")

    daemon.call("set", name="web", options={"stdout_stream": None}, waiting=True)

    wait_for(lambda: {*daemon.output.splitlines()} == {"ready", "bye"}, "the new process and the last words of the old")
    assert lines(path) == ["ready"]
