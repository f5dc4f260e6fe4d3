"""``FileStream``: what is in the files afterwards."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from circus_core.errors import OptionError, ShortWriteError
from circus_core.interfaces import Chunk
from circus_streams.file import FileStream


def chunk(data: bytes, pid: int = 7351) -> Chunk:
    return Chunk(data, pid, "stdout", "web", 1, 1_700_000_000.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.log"


def test_lines_are_appended(path: Path) -> None:
    path.write_bytes(b"old\n")
    stream = FileStream(str(path))
    stream.open()

    stream.write(chunk(b"one\n"))
    stream.write_raw(memoryview(b"two\n"))

    assert path.read_bytes() == b"old\none\ntwo\n"
    assert not stream.may_block
    assert stream.takes_raw
    stream.close()
    stream.close()


def test_a_temporary_file_serves_without_a_filename() -> None:
    stream = FileStream()
    stream.open()
    stream.write(chunk(b"one\n"))

    assert Path(stream._filename).read_bytes() == b"one\n"
    stream.close()
    os.unlink(stream._filename)


def test_time_format_is_put_before_each_line(path: Path) -> None:
    stream = FileStream(str(path), time_format="%H")
    stream.open()
    assert not stream.takes_raw

    stream.write(chunk(b"hi\n\nthere\nunfinished"))

    hour = time.strftime("%H", time.localtime(1_700_000_000.0)).encode()
    lines = [b"hi", b"", b"there", b"unfinished"]
    assert path.read_bytes() == b"".join(hour + b" [7351] | " + line + b"\n" for line in lines)
    stream.close()


def test_a_full_file_is_rolled_over_at_a_line_end(path: Path) -> None:
    stream = FileStream(str(path), max_bytes="30", backup_count="3")
    stream.open()

    stream.write(chunk(b"".join(b"line %04d\n" % n for n in range(11))))

    parts = [path.with_name(f"web.log.{n}") for n in (3, 2, 1)] + [path]
    assert [part.read_bytes() for part in parts] == [
        b"line 0004\nline 0005\n",
        b"line 0006\nline 0007\n",
        b"line 0008\nline 0009\n",
        b"line 0010\n",
    ]
    assert not path.with_name("web.log.4").exists()
    stream.close()


def test_nothing_is_lost_over_a_rollover(path: Path) -> None:
    stream = FileStream(str(path), max_bytes=100_000, backup_count=99)
    stream.open()
    lines = b"".join(b"%d %s\n" % (n, b"x" * (n % 300)) for n in range(10_000))

    stream.write_raw(memoryview(lines))

    numbers = sorted((int(part.suffix[1:]) for part in path.parent.glob("web.log.*")), reverse=True)
    parts = [path.with_name(f"web.log.{n}").read_bytes() for n in numbers] + [path.read_bytes()]
    assert b"".join(parts) == lines
    assert all(len(part) < 100_000 and part.endswith(b"\n") for part in parts)
    stream.close()


def test_a_line_longer_than_the_limit_has_a_file_of_its_own(path: Path) -> None:
    stream = FileStream(str(path), max_bytes=10, backup_count=2)
    stream.open()

    stream.write(chunk(b"a\n" + b"x" * 50 + b"\nb\n"))

    assert path.read_bytes() == b"b\n"
    assert path.with_name("web.log.1").read_bytes() == b"x" * 50 + b"\n"
    stream.close()


def test_without_backups_a_full_file_is_emptied(path: Path) -> None:
    stream = FileStream(str(path), max_bytes=10)
    stream.open()

    stream.write(chunk(b"one 1\ntwo 2\n"))

    assert path.read_bytes() == b"two 2\n"
    assert os.listdir(path.parent) == ["web.log"]
    stream.close()


def test_two_streams_share_a_file_that_is_rolled_over(path: Path) -> None:
    out, err = (FileStream(str(path), max_bytes=20, backup_count=9) for _ in range(2))
    out.open()
    err.open()

    for n in range(4):
        out.write(chunk(b"out %02d\n" % n))
        err.write(chunk(b"err %02d\n" % n))

    parts = [path.with_name(f"web.log.{n}") for n in (3, 2, 1)] + [path]
    assert b"".join(part.read_bytes() for part in parts) == b"".join(b"out %02d\nerr %02d\n" % (n, n) for n in range(4))
    out.close()
    err.close()


def test_a_moved_file_is_left_at_reopen(path: Path) -> None:
    stream = FileStream(str(path))
    stream.open()
    stream.write(chunk(b"one\n"))
    moved = path.rename(path.with_name("web.log.old"))
    stream.write(chunk(b"two\n"))

    stream.reopen()
    stream.write(chunk(b"three\n"))

    assert (moved.read_bytes(), path.read_bytes()) == (b"one\ntwo\n", b"three\n")
    stream.close()


def test_a_removed_file_is_created_anew(path: Path) -> None:
    stream = FileStream(str(path))
    stream.open()
    path.unlink()

    stream.write(chunk(b"one\n"))

    assert path.read_bytes() == b"one\n"
    stream.close()


def test_a_removed_directory_is_a_fault_until_it_is_back(path: Path) -> None:
    stream = FileStream(str(path))
    stream.open()
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(FileNotFoundError):
        stream.write(chunk(b"lost\n"))

    path.parent.mkdir()
    stream.write(chunk(b"one\n"))

    assert path.read_bytes() == b"one\n"
    stream.close()


def test_a_fifo_without_a_reader_is_a_fault_and_does_not_wait(path: Path) -> None:
    os.mkfifo(path)
    stream = FileStream(str(path))
    with pytest.raises(OSError, match="No such device"):
        stream.open()

    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    stream.write(chunk(b"one\n"))
    assert stream.may_block
    assert os.read(reader, 100) == b"one\n"
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        stream.write(chunk(b"lost\n"))

    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    stream.write(chunk(b"two\n"))
    assert os.read(reader, 100) == b"two\n"
    os.close(reader)
    stream.close()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("max_bytes", "ten", "max_bytes = 'ten': not a size; write a size such as 4096 or 10M"),
        ("max_bytes", "-1", "max_bytes = '-1': not a size; write a size such as 4096 or 10M"),
        ("backup_count", "1.5", "backup_count = '1.5': not a whole number; write how many files to keep"),
        ("backup_count", "-1", "backup_count = '-1': less than 0; write how many files to keep"),
    ],
)
def test_a_bad_number_is_refused_by_name(path: Path, option: str, value: str, message: str) -> None:
    options: dict[str, str] = {option: value}
    with pytest.raises(OptionError, match=re.escape(message)):
        FileStream(str(path), **options)


def test_a_folder_that_cannot_be_written_stops_rotation_and_loses_nothing(path: Path) -> None:
    stream = FileStream(str(path), max_bytes=10, backup_count=1)
    stream.open()
    path.with_name("web.log.1").mkdir()  # no file can take its place

    with pytest.raises(ShortWriteError, match="directory") as caught:
        stream.write(chunk(b"one 1\ntwo 2\nthree 3\n"))

    assert caught.value.untaken == 0
    assert path.read_bytes() == b"one 1\ntwo 2\nthree 3\n"
    stream.close()


def test_unknown_options_are_ignored(path: Path) -> None:
    FileStream(filename=str(path), refresh_time="0.5", anything="x")
