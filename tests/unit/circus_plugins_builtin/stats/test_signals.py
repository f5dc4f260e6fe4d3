"""circusd-stats ends at a signal, whenever it comes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from circus_plugins_builtin.stats.streamer import StatsStreamer


@pytest.fixture
def left_as_found() -> Iterator[None]:
    """Give the signal back."""
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.timeout(30)
def test_a_signal_just_before_the_poll_is_not_slept_over(tmp_path: Path, left_as_found: None) -> None:
    streamer = StatsStreamer(*(f"ipc://{tmp_path}/{name}" for name in ("endpoint", "pubsub", "stats")))
    streamer.stop_at([signal.SIGUSR1])
    is_masked = Event()

    def kill() -> None:
        is_masked.wait()
        os.kill(os.getpid(), signal.SIGUSR1)

    other = Thread(target=kill)
    other.start()
    # No system call of this thread is interrupted, as when it comes before one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    is_masked.set()

    streamer.start()

    other.join()
