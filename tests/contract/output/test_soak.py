"""Many short-lived processes leave nothing behind."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from threading import enumerate as all_threads

from circus_core.output import Pump
from circus_streams.file import FileStream
from tests.support.output import Pipe, Recorder, finish, open_fds
from tests.support.waiting import wait_for


def memory() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ours() -> list[Thread]:
    return [thread for thread in all_threads() if thread.name.startswith("circus-")]


def test_descriptors_threads_and_memory_stay_flat(pump: Pump, tmp_path: Path) -> None:
    own = Recorder()
    target, other = pump.target(FileStream(str(tmp_path / "out.log")), name="web"), pump.target(own, name="db")

    def churn(count: int) -> None:
        for n in range(count):
            pipes = [Pipe(pump, target, wid=n), Pipe(pump, other, wid=n)]
            for pipe in pipes:
                os.write(pipe.write_fd, b"x" * 20_000 + b"\nend")
                pipe.close()
            finish(pump, *(pipe.token for pipe in pipes))
            own.chunks.clear()
            if n % 50 == 0:
                pump.close_target(pump.target(FileStream(str(tmp_path / "short.log")), name="short"))
                pump.reopen()

    def settle() -> int:
        """Return how many descriptors are open when only the pump and the writer of *own* run."""
        wait_for(lambda: len(ours()) == 2, "the threads that opened and closed files to end")
        finish(pump)
        return len(open_fds())

    churn(200)
    fds, before = settle(), memory()
    churn(2000)

    assert settle() == fds
    assert memory() - before < 4_000_000
    assert pump._open == {}
    assert pump.stats().lost == {}
