"""Steady load on a listening socket: many short connections, and what became of each."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Collection
from types import TracebackType

from tests.support.procs import parent_of

REQUEST = b"GET / HTTP/1.0\r\nHost: test\r\n\r\n"  # 1.0: the answer comes in one piece, its last word is the pid


class Load:
    """Connects over and over from several threads, as long as the block lasts."""

    def __init__(self, address: tuple[str, int], *, threads: int = 3) -> None:
        self.outcomes: Counter[str] = Counter()
        self._address = address
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def answered(self) -> int:
        """Return how many connections got a whole answer so far."""
        with self._lock:
            return sum(count for outcome, count in self.outcomes.items() if outcome.startswith("answer"))

    def answers(self) -> set[str]:
        """Return the different answers, here the pids of the processes that gave them."""
        with self._lock:
            return {outcome.split(" ", 1)[1] for outcome in self.outcomes if outcome.startswith("answer")}

    def served_by(self, pids: Collection[int]) -> bool:
        """Return whether each of these processes gave an answer, by itself or by a child.

        One that answers understands signals: a ``gunicorn`` that gets ``TERM`` while it starts its worker may wait for
        that one as long as its ``graceful_timeout`` says.
        """
        answered = {int(pid) for pid in self.answers()}
        return answered.union(map(parent_of, answered)).issuperset(pids)

    def failures(self) -> dict[str, int]:
        """Return the outcomes that were no answers, and how often."""
        with self._lock:
            return {outcome: count for outcome, count in self.outcomes.items() if not outcome.startswith("answer")}

    def _run(self) -> None:
        while not self._ended.is_set():
            outcome = self._once()
            with self._lock:
                self.outcomes[outcome] += 1
            time.sleep(0.002)  # a steady load, not as much as the machine can bear

    def _once(self) -> str:
        try:
            client = socket.create_connection(self._address, timeout=60)
        except ConnectionRefusedError:
            return "refused"
        except OSError as exc:
            return f"connect: {exc}"
        with client:
            try:
                client.sendall(REQUEST)
                reply = b"".join(iter(lambda: client.recv(65536), b""))
            except OSError as exc:
                return f"broken: {exc}"
        if reply.startswith(b"HTTP/"):
            reply = reply.partition(b"\r\n\r\n")[2]  # who is killed may have sent no more than the head
        return f"answer {reply.split()[-1].decode()}" if reply else "empty"
