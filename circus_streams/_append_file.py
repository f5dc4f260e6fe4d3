"""A file, FIFO or terminal that is only ever appended to."""

from __future__ import annotations

import os
import select
import stat
import tempfile
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

from circus_core.errors import ShortWriteError
from circus_core.interfaces import WriteLog

_INHERITED: Final = {"/dev/stdout": 1, "/dev/stderr": 2}
_NEVER_MOVED: Final = (*_INHERITED, "/dev/fd/", "/proc/")
_REMOTE: Final = ("nfs", "cifs", "smb", "9p", "fuse", "ceph", "gluster", "lustre", "afs", "beegfs", "gpfs")
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


class AppendFile:
    """One target, opened without waiting, never sought in. A file that was removed is created anew.

    :param path: ``/dev/stdout`` and ``/dev/stderr`` are the process's own descriptors, whatever they are; with
        ``""`` it is a new temporary file, named when it is opened
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.may_block = True  #: read after ``open()``
        self.log: WriteLog | None = None  #: told of each write to a regular file
        self._is_regular = False
        self.is_rotatable = False  #: whether it is open, and a file of ours that may be moved away
        self._fd: int | None = None
        self._lock: _Lock | None = None

    def open(self) -> None:
        """Open it; one that is open is opened anew, and stays as it is when that fails."""
        if not self.path:
            fd, self.path = tempfile.mkstemp(prefix="circus-", suffix=".log")
            os.close(fd)
        inherited = _INHERITED.get(self.path)
        # A FIFO without a reader and a slow line must not hold the caller up: both are opened non-blocking.
        fd = os.open(self.path, _FLAGS, 0o666) if inherited is None else os.dup(inherited)
        status = os.fstat(fd)
        self._is_regular = stat.S_ISREG(status.st_mode)
        self.is_rotatable = self._is_regular and not self.path.startswith(_NEVER_MOVED)
        self.may_block = not self._is_regular or _is_remote(status.st_dev)
        if not self._is_regular and inherited is None:
            os.set_blocking(fd, True)
        self._lock = None if self._is_regular else _lock_of(status)
        self.close()
        self._fd = fd

    def renew(self) -> None:
        """Open what is at the path now, in the course of a write.

        :raises OSError: it cannot be opened, or it may block now, and the caller is not prepared for that
        """
        could_block = self.may_block
        self.open()
        if self.may_block and not could_block:
            raise OSError(f"{self.path} is no regular file any more")

    def close(self) -> None:
        """Let go of it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    @property
    def is_terminal(self) -> bool:
        """Whether it is open and a person may be looking."""
        return self._fd is not None and os.isatty(self._fd)

    def is_moved(self) -> bool:
        """Whether the path is another file now, or none."""
        if self._fd is None:
            return True
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except FileNotFoundError:
            return True

    def size(self) -> int:
        """Return how many bytes are in it."""
        return self._opened()[1].st_size

    def truncate(self) -> None:
        """Empty it."""
        os.ftruncate(self._opened()[0], 0)

    def write(self, lines: bytes | memoryview) -> None:
        """Append *lines*.

        :raises ShortWriteError: only the first of them could be written
        """
        fd, status = self._opened()
        if self._lock is None:
            self._write(fd, status, lines)
        else:
            with self._lock.lock:
                self._write_slowly(fd, lines)

    def _opened(self) -> tuple[int, os.stat_result]:
        """Return the descriptor and what the system says of it now."""
        if self._fd is not None:
            status = os.fstat(self._fd)
            if status.st_nlink or not self.is_rotatable:
                return self._fd, status
        self.renew()
        assert self._fd is not None
        return self._fd, os.fstat(self._fd)

    def _write(self, fd: int, status: os.stat_result, lines: bytes | memoryview) -> None:
        if self.log is None:
            self._append(fd, lines)
            return
        self.log.intend(self.path, status, lines)
        done = 0
        try:
            self._append(fd, lines)
            done = len(lines)
        except ShortWriteError as exc:
            done = len(lines) - exc.untaken
            raise
        finally:
            self.log.done(done)

    def _append(self, fd: int, lines: bytes | memoryview) -> None:
        size = os.write(fd, lines)
        if size == len(lines):
            return
        view = memoryview(lines)
        try:
            while size < len(view):
                size += os.write(fd, view[size:])
        except OSError as exc:
            # A disk that is full cuts a line: take its beginning back, so that the file goes on with a whole one.
            whole = bytes(view[:size]).rfind(b"\n") + 1
            os.ftruncate(fd, os.fstat(fd).st_size - (size - whole))
            if not whole:
                raise
            raise ShortWriteError(exc, untaken=len(view) - whole) from exc

    def _write_slowly(self, fd: int, lines: bytes | memoryview) -> None:
        view = memoryview(lines)
        try:
            while view:
                try:
                    view = view[os.write(fd, view) :]
                except BlockingIOError:  # an inherited descriptor is as its owner made it
                    _wait_writable(fd)
        except BrokenPipeError:
            self.close()  # the next write looks for a new reader
            raise


class _Lock:
    """Keeps the lines of several streams to one slow target apart."""

    def __init__(self) -> None:
        self.lock = Lock()


_locks: WeakValueDictionary[tuple[int, int], _Lock] = WeakValueDictionary()
_locks_lock = Lock()


def _lock_of(status: os.stat_result) -> _Lock:
    with _locks_lock:
        return _locks.setdefault((status.st_dev, status.st_ino), _Lock())


def _wait_writable(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()


def _is_remote(device: int) -> bool:
    """Whether the file system with this number is one whose server may be away."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            kinds = [line.partition(" - ")[2] for line in mounts if line.split(" ", 3)[2] == number]
    except OSError:  # not Linux
        return False
    return any(kind.startswith(_REMOTE) for kind in kinds)
