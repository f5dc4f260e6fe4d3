"""``WatchedFileStream``: a file that somebody else rotates."""

from __future__ import annotations

from pathlib import Path

from circus_streams.watched_file import WatchedFileStream


def test_a_moved_file_is_left_at_once(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    stream = WatchedFileStream(str(path))
    stream.open()
    stream.write_raw(memoryview(b"one\n"))
    moved = path.rename(tmp_path / "web.log.old")

    stream.write_raw(memoryview(b"two\n"))
    path.unlink()
    stream.write_raw(memoryview(b"three\n"))

    assert (moved.read_bytes(), path.read_bytes()) == (b"one\n", b"three\n")
    stream.close()
