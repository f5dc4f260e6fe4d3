"""``Redirector``: pipes of processes that a program has itself, to streams."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from circus_core.compat._loops import asyncio_loop
from circus_core.compat.process import Process

Write = Callable[[dict[str, Any]], object]


class Redirector:
    """Calls a stream with what processes print, as ``{"data", "pid", "name", "timestamp"}``, on the loop.

    :param stdout_redirect: takes what they write to standard output
    :param stderr_redirect: takes what they write to standard error
    :param buffer: most bytes to read at once
    :param loop: the loop to read on, by default the running one
    """

    def __init__(
        self, stdout_redirect: Write | None, stderr_redirect: Write | None, buffer: int = 1024, loop: Any = None
    ) -> None:
        self.running = False
        self.buffer = buffer
        self.redirect = {"stdout": stdout_redirect, "stderr": stderr_redirect}
        self._given_loop = loop
        self._loop: Any = None
        self._pipes: dict[int, tuple[str, Process]] = {}

    def start(self) -> int:
        """Read from now on, and return from how many pipes."""
        self._loop = asyncio_loop(self._given_loop) or asyncio.get_running_loop()
        self.running = True
        for fd in self._pipes:
            self._loop.add_reader(fd, self._read, fd)
        return len(self._pipes)

    def stop(self) -> int:
        """Read no more, and return from how many pipes it was."""
        if not self.running:
            return 0
        self.running = False
        for fd in self._pipes:
            self._loop.remove_reader(fd)
        return len(self._pipes)

    def add_redirections(self, process: Process) -> None:
        """Take what a process prints."""
        for name, pipe in self.get_process_pipes(process).items():
            if self.redirect[name] is None:
                continue
            fd = pipe.fileno()
            self._pipes[fd] = name, process
            if self.running:
                self._loop.add_reader(fd, self._read, fd)
        process.redirected = True

    def remove_redirections(self, process: Process) -> None:
        """Leave what a process prints alone."""
        for fd in [fd for fd, (_, owner) in self._pipes.items() if owner is process]:
            self.remove_fd(fd)
        process.redirected = False

    def remove_fd(self, fd: int) -> None:
        """Leave a pipe alone."""
        if self._pipes.pop(fd, None) is not None and self.running:
            self._loop.remove_reader(fd)

    def change_stream(self, stream_name: str, redirect_writer: Write | None) -> None:
        """Give another stream what comes from now on.

        :param stream_name: ``stdout`` or ``stderr``
        """
        self.redirect[stream_name] = redirect_writer

    def get_stream(self, stream_name: str) -> Write | None:
        """Return the stream that takes ``stdout`` or ``stderr``."""
        return self.redirect.get(stream_name)

    @staticmethod
    def get_process_pipes(process: Process) -> Mapping[str, Any]:
        """Return the pipes of a process that are open, by name."""
        pipes = {"stdout": process.stdout, "stderr": process.stderr}
        return {name: pipe for name, pipe in pipes.items() if pipe is not None and not pipe.closed}

    def _read(self, fd: int) -> None:
        name, process = self._pipes[fd]
        try:
            data = os.read(fd, self.buffer)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.remove_fd(fd)
            return
        write = self.redirect[name]
        if write is not None:
            write({"data": data, "pid": process.pid, "name": name, "timestamp": time.time()})
