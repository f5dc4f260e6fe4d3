"""Children that write through a pump."""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Event

from circus_core.output import Pump, Target, Token
from circus_core.testing import RecordingStream

Recorder = RecordingStream


class Child:
    """A process whose standard output goes through the pump."""

    def __init__(self, pump: Pump, target: Target, code: str, *args: str, watcher: str = "web", wid: int = 1) -> None:
        read, write = os.pipe()
        self._pump = pump
        self.process = subprocess.Popen([sys.executable, "-c", code, *args], stdout=write, stdin=subprocess.PIPE)
        os.close(write)
        self.token = pump.add(read, target, watcher=watcher, wid=wid, pid=self.process.pid, name="stdout")

    def finish(self) -> None:
        """Wait for its end, then for the delivery of what it wrote."""
        self.process.communicate()
        finish(self._pump, self.token)


class Pipe:
    """A pipe into the pump whose writing end is ours."""

    def __init__(self, pump: Pump, target: Target, *, watcher: str = "web", wid: int = 1) -> None:
        read, self.write_fd = os.pipe()
        self.token = pump.add(read, target, watcher=watcher, wid=wid, pid=100 + wid, name="stdout")

    def write(self, data: bytes) -> None:
        os.write(self.write_fd, data)

    def close(self) -> None:
        os.close(self.write_fd)


def finish(pump: Pump, *tokens: Token) -> None:
    done = Event()
    pump.finish(tokens, done.set)
    assert done.wait(60), "the pump never said that the output was delivered"


def open_fds() -> set[str]:
    return set(os.listdir("/dev/fd"))
