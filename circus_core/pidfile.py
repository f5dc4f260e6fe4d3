"""The file that tells the pid of a running circusd.

A lock on the open file says whether a circusd runs, not the text, so what a killed one left behind never stands in
the way. circusd 0.19 took no lock: a pid in the file counts as its owner when it is a living circusd that is
older than the file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from typing import Final

from circus_core.errors import ConfigError

_PROGRAMS: Final = frozenset({b"circusd", b"circusd.py", b"circus.circusd", b"circus_core.cli.circusd"})
_CLOCK_SLACK: Final = 2.0  # seconds; clock ticks and file times are coarse


class PidFile:
    """A pidfile, ours from :meth:`acquire` to :meth:`release`. Acquire after the last fork.

    :param path: where it is
    :param fd: of one that is ours already
    """

    def __init__(self, path: str, fd: int = -1) -> None:
        self.path = path
        self._fd = fd

    def acquire(self) -> None:
        """Lock the file and write our pid; what a dead one left is taken over.

        :raises ConfigError: another circusd has it, or it cannot be written
        """
        fd = self._locked()
        try:
            owner = _old_style_owner(fd)
            if owner is not None:
                raise self._taken(owner)
            write_pid(fd, os.getpid())
            os.fchmod(fd, 0o644)
        except OSError as exc:
            os.close(fd)
            raise self._unusable(exc) from exc
        except ConfigError:
            os.close(fd)
            raise
        self._fd = fd

    def fileno(self) -> int:
        """Return the descriptor of the locked file: who has a duplicate of it has the lock too."""
        return self._fd

    def let_go(self) -> None:
        """Leave the file to who has a duplicate of the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def release(self) -> None:
        """Remove the file, unless it is no longer the one that we locked. May be called twice."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            if _is_at(self.path, fd):
                os.unlink(self.path)
        except OSError:  # its directory went away or became read-only: it is stale, which the next one sees
            pass
        os.close(fd)

    def _locked(self) -> int:
        while True:
            try:
                fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as exc:
                raise self._unusable(exc) from exc
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = _pid_in(fd)
                os.close(fd)
                raise self._taken(owner) from None
            except OSError:  # a file system without locks: the text must do
                return fd
            if _is_at(self.path, fd):
                return fd
            os.close(fd)  # its owner removed it between our open and our lock

    def _taken(self, pid: int | None) -> ConfigError:
        stop = f"kill {pid}" if pid else "kill the circusd that has it open"
        return ConfigError(
            "circus",
            "pidfile",
            self.path,
            why=f"circusd is already running{f' as pid {pid}' if pid else ''}",
            fix=f"stop it first (circusctl quit, or {stop}), or write another path",
        )

    def _unusable(self, exc: OSError) -> ConfigError:
        why, fix = {
            errno.ENOENT: ("its directory does not exist", f"create it first (mkdir -p {os.path.dirname(self.path)})"),
            errno.EISDIR: ("this is a directory", "write the path of a file in it"),
            errno.EACCES: ("permission denied", "write a path in a directory that you may write to"),
            errno.EROFS: ("the file system is read-only", "write a path elsewhere, as in /run"),
        }.get(exc.errno or 0, (exc.strerror or str(exc), "write another path"))
        return ConfigError("circus", "pidfile", self.path, why=why, fix=fix)


def write_pid(fd: int, pid: int) -> None:
    """Write *pid* in place of what the open file holds."""
    text = f"{pid}\n".encode()
    if os.pread(fd, len(text) + 1, 0) != text:
        os.ftruncate(fd, 0)
        os.pwrite(fd, text, 0)


def _is_at(path: str, fd: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


def _pid_in(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() and int(text) > 0 else None


def _old_style_owner(fd: int) -> int | None:
    """Return the pid in the file if it is a circusd that may have written it, without a lock."""
    pid = _pid_in(fd)
    if pid is None or pid == os.getpid():
        return None
    try:
        words = _read(f"/proc/{pid}/cmdline").split(b"\0")
        started = _started(pid)
    except OSError:  # no such process, or no /proc to tell
        return None
    is_circusd = any(os.path.basename(word) in _PROGRAMS for word in words)
    return pid if is_circusd and started <= os.fstat(fd).st_mtime + _CLOCK_SLACK else None


def _started(pid: int) -> float:
    """Return the Unix time at which a process started."""
    ticks = int(_read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[19])
    uptime = float(_read("/proc/uptime").split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
