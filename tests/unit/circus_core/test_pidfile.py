"""The pidfile, decided by its lock."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core.errors import ConfigError
from circus_core.pidfile import PidFile

HOLDER = """
import sys
from circus_core.pidfile import PidFile
PidFile(sys.argv[1]).acquire()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "circusd.pid"


def spawned(*words: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the pidfile."""
    with spawned(sys.executable, "-c", HOLDER, str(path)) as process:
        yield process
        process.kill()


@pytest.fixture
def old_circusd(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that looks like circusd, and holds no lock."""
    script = tmp_path / "circusd"
    script.write_text("import sys; print('ready', flush=True); sys.stdin.read()")
    with spawned(sys.executable, str(script)) as process:
        yield process
        process.kill()


def acquired(path: Path) -> PidFile:
    pidfile = PidFile(str(path))
    pidfile.acquire()
    return pidfile


def test_it_holds_our_pid_and_goes_away(path: Path) -> None:
    before = os.umask(0o077)
    try:
        pidfile = acquired(path)
    finally:
        os.umask(before)
    assert path.read_text() == f"{os.getpid()}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    pidfile.release()
    pidfile.release()
    assert not path.exists()


def test_a_live_one_is_refused_with_pid_and_remedy(path: Path, holder: subprocess.Popen[str]) -> None:
    text = f"[circus] pidfile = {str(path)!r}: circusd is already running as pid {holder.pid}; stop it first"
    with pytest.raises(ConfigError, match=re.escape(text)):
        acquired(path)
    assert path.read_text() == f"{holder.pid}\n"


def test_a_killed_one_is_taken_over(path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert path.exists()
    pidfile = acquired(path)
    assert path.read_text() == f"{os.getpid()}\n"
    pidfile.release()


@pytest.mark.parametrize("text", ["", "garbage\n", "-1", "0\n", "99999999999999999999", "1\n", "x" * 5000])
def test_stale_text_and_garbage_are_taken_over(path: Path, text: str) -> None:
    path.write_text(text)
    pidfile = acquired(path)
    assert path.read_text() == f"{os.getpid()}\n"
    pidfile.release()


def test_one_of_circus_019_that_lives_is_refused(path: Path, old_circusd: subprocess.Popen[str]) -> None:
    path.write_text(f"{old_circusd.pid}\n")
    with pytest.raises(ConfigError, match=f"already running as pid {old_circusd.pid}"):
        acquired(path)
    assert path.read_text() == f"{old_circusd.pid}\n"


def test_a_circusd_younger_than_the_file_did_not_write_it(path: Path, old_circusd: subprocess.Popen[str]) -> None:
    path.write_text(f"{old_circusd.pid}\n")
    os.utime(path, (time.time() - 60,) * 2)
    acquired(path).release()


def test_a_foreign_program_with_that_pid_does_not_count(path: Path) -> None:
    path.write_text(f"{os.getppid()}\n")
    acquired(path).release()


def test_a_file_deleted_by_others_is_no_trouble(path: Path) -> None:
    first = acquired(path)
    path.unlink()
    second = acquired(path)
    first.release()
    assert path.exists(), "it is the second one's by now"
    second.release()
    assert not path.exists()


def test_a_directory_deleted_by_others_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    pidfile = acquired(tmp_path / "run" / "pid")
    (tmp_path / "run" / "pid").unlink()
    (tmp_path / "run").rmdir()
    pidfile.release()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("no/such/pid", r"its directory does not exist; create it first \(mkdir -p ", id="directory"),
        pytest.param(".", "this is a directory", id="is-a-directory"),
    ],
)
def test_where_it_cannot_be_written_it_says_why(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        acquired(tmp_path / name)


def test_children_do_not_hold_the_lock(path: Path) -> None:
    pidfile = acquired(path)
    with spawned(sys.executable, "-c", "print('ready', flush=True); input()") as child:
        pidfile.release()
        acquired(path).release()
        child.kill()
