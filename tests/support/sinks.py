"""What plugins talk to: servers on the loopback that keep what they get."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

from tests.support.waiting import wait_for


class StatsdSink:
    """A UDP socket that keeps every line that it gets."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def __enter__(self) -> StatsdSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def values(self, bucket: str) -> list[str]:
        """Return what was sent for *bucket*, oldest first."""
        return [value for name, _, value in (line.partition(":") for line in list(self.lines)) if name == bucket]

    def wait(self, bucket: str, *, count: int = 1, timeout: float = 20.0) -> str:
        """Return the *count*-th value of *bucket* once it came."""
        what = f"value {count} of {bucket}"
        return wait_for(lambda: self.values(bucket)[count - 1 :], what, timeout)[0]

    def _take(self) -> None:
        while datagram := self._socket.recv(65536):
            self.lines.append(datagram.decode())
