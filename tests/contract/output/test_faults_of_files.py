"""Full disks, removed folders, FIFOs without a reader: through the pump, on real files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core.output import OnError, Pump
from circus_streams.file import FileStream
from tests.support.output import Child, Pipe, finish
from tests.support.waiting import wait_for

WRITER = """
import os, sys
for n in range(int(sys.argv[1])):
    os.write(1, b"%07d %s\\n" % (n, b"x" * 91))
"""
LINE = 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "circus-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs: run as root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_whole_lines_counts_them_and_goes_on(
    small_disk: Path, pump: Pump, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, other = small_disk / "out.log", tmp_path / "other.log"
    target = pump.target(FileStream(str(path)), name="watcher:web stdout_stream")
    elsewhere = Pipe(pump, pump.target(FileStream(str(other)), name="watcher:other stdout_stream"), watcher="other")
    Child(pump, target, WRITER, "20000").finish()
    elsewhere.write(b"still here\n")
    wait_for(lambda: other.exists() and other.read_bytes() == b"still here\n", "the other stream")

    kept = path.read_bytes()
    assert kept.endswith(b"x\n")
    assert pump.stats().lost == {"web": 20_000 * LINE - len(kept)}
    assert pump.stats().streams["watcher:web stdout_stream"].error == "[Errno 28] No space left on device"
    assert len(caplog.records) == 1

    path.unlink()
    Child(pump, target, WRITER, "100").finish()
    assert path.read_bytes().splitlines()[-100:] == [b"%07d %s" % (n, b"x" * 91) for n in range(100)]
    assert pump.stats().streams["watcher:web stdout_stream"].error is None
    elsewhere.close()


def test_with_block_a_full_disk_stops_the_process_and_loses_nothing(small_disk: Path, pump: Pump) -> None:
    path = small_disk / "out.log"
    target = pump.target(FileStream(str(path)), name="web stdout", on_error=OnError.BLOCK)
    child = Child(pump, target, WRITER, "80000")
    wait_for(target.is_full, "the queue to fill")
    assert child.process.poll() is None

    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    child.finish()

    wait_for(lambda: path.stat().st_size == 80_000 * LINE, "everything")
    assert path.read_bytes() == b"".join(b"%07d %s\n" % (n, b"x" * 91) for n in range(80_000))
    assert pump.stats().lost == {}
    wait_for(lambda: not target.is_full() and target.read_limit > 64 * 1024, "the pump to write by itself again")


def test_a_removed_folder_is_a_fault_until_it_is_back(pump: Pump, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "out.log"
    pipe = Pipe(pump, pump.target(FileStream(str(path)), name="web stdout"))
    pipe.write(b"lost\n")
    wait_for(lambda: pump.stats().lost == {"web": 5}, "the loss")

    path.parent.mkdir()
    pipe.write(b"one\n")
    wait_for(lambda: path.exists() and path.read_bytes() == b"one\n", "the first line")
    shutil.rmtree(path.parent)
    pipe.write(b"lost\n")
    wait_for(lambda: pump.stats().lost == {"web": 10}, "the second loss")
    path.parent.mkdir()
    pipe.write(b"two\n")

    wait_for(lambda: path.exists() and path.read_bytes() == b"two\n", "the second line")
    pipe.close()


def test_a_fifo_whose_reader_comes_and_goes(pump: Pump, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    pipe = Pipe(pump, pump.target(FileStream(str(path)), name="web stdout"))
    pipe.write(b"lost\n")
    wait_for(lambda: pump.stats().lost == {"web": 5}, "the loss")

    for n in range(2):
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        pipe.write(b"line %d\n" % n)
        finish(pump)
        assert wait_for(lambda fd=reader: os.read(fd, 100), "a line") == b"line %d\n" % n
        os.close(reader)
        pipe.write(b"lost\n")
        wait_for(lambda count=n: pump.stats().lost == {"web": 10 + 5 * count}, "the next loss")
    pipe.close()


def test_a_fifo_that_nobody_empties_holds_up_nobody_else(pump: Pump, tmp_path: Path) -> None:
    fifo, path = tmp_path / "fifo", tmp_path / "out.log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    stuck = Child(pump, pump.target(FileStream(str(fifo)), name="bad stdout"), WRITER, "90000", watcher="bad")
    pipe = Pipe(pump, pump.target(FileStream(str(path)), name="web stdout"))

    pipe.write(b"here\n")
    wait_for(lambda: path.exists() and path.read_bytes() == b"here\n", "the other stream")
    stuck.finish()

    assert pump.stats().lost.keys() == {"bad"}
    os.close(reader)
    pipe.close()


def test_a_file_that_became_a_fifo_does_not_stop_the_pump(pump: Pump, tmp_path: Path) -> None:
    fifo, path = tmp_path / "out.fifo", tmp_path / "out.log"
    pipe = Pipe(pump, pump.target(FileStream(str(fifo)), name="bad stdout"), watcher="bad")
    good = Pipe(pump, pump.target(FileStream(str(path)), name="web stdout"))
    pipe.write(b"one\n")
    wait_for(lambda: fifo.exists() and fifo.read_bytes() == b"one\n", "the first line")
    fifo.unlink()
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.write(pipe.write_fd, b"x" * 60_000 + b"\n")
    for _ in range(10):
        os.write(pipe.write_fd, b"x" * 60_000 + b"\n")
        good.write(b"y\n")

    wait_for(lambda: path.exists() and path.read_bytes() == b"y\n" * 10, "the other stream")
    os.close(reader)
    pipe.close()
    good.close()
