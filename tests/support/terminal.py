"""A program on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from types import TracebackType

import pytest

from tests.support.procs import end_with_parent
from tests.support.waiting import PATIENCE

_SEQUENCES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>78])")


class Terminal:
    """Runs a program with a terminal of some size for standard input, output and error.

    :param env: variables besides those of *base*, which are ours by default
    """

    def __init__(
        self,
        *command: str,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str] | None = None,
        base: Mapping[str, str] | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        self._resize(slave, columns, lines)
        self.raw = ""  #: all that it wrote
        settings = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**(os.environ if base is None else base), **settings, **(env or {})},
            start_new_session=True,
            preexec_fn=_own_the_terminal,  # noqa: PLW1509  no thread of a test runs when it launches
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        """What it wrote, without what moves the cursor or changes colours."""
        return _SEQUENCES.sub(" ", self.raw)

    def press(self, keys: str) -> None:
        """Type *keys*; what was written so far is forgotten."""
        self._take(0)
        self.raw = ""
        os.write(self._master, keys.encode())

    def wait_for(self, *texts: str, timeout: float = PATIENCE) -> None:
        """Return when it has written each of *texts* since the last key."""
        limit = time.monotonic() + timeout
        while not all(text in self.text for text in texts):
            if time.monotonic() > limit:
                pytest.fail(f"waited {timeout:g}s for {texts}; it shows: {self.text[-2000:]}")
            self._take(0.2)

    def wait_exit(self, timeout: float = PATIENCE) -> int:
        """Return its exit code once it ended."""
        limit = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > limit:
                pytest.fail(f"it runs on after {timeout:g}s; it shows: {self.text[-2000:]}")
            self._take(0.1)
        self._take(0)
        return self.process.returncode

    @staticmethod
    def _resize(slave: int, columns: int, lines: int) -> None:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _take(self, timeout: float) -> None:
        while select.select([self._master], [], [], timeout)[0]:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # nobody has the other end any more
                return
            if not data:
                return
            self.raw += data.decode("utf-8", "replace")
            timeout = 0


def _own_the_terminal() -> None:
    end_with_parent()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # or Ctrl-C would reach nobody
