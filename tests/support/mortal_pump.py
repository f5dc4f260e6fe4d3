"""A pump that is killed: ``python -m tests.support.mortal_pump SCENARIO FOLDER FIRST STRIDE``.

It is killed at every STRIDE-th line of its code, from the FIRST on, each time from the beginning; another one goes
on. Each round prints ``[N, CONTENT]``: where the first pump died (0: it came to its end), what the two of them wrote.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from circus_core.interfaces import Chunk, Stream
from circus_core.output import Pump
from circus_core.output.journal import Journal
from circus_core.output.kernel import Relay
from circus_streams.file import FileStream

OURS: Final = (f"{os.sep}circus_core{os.sep}output{os.sep}", f"{os.sep}circus_streams{os.sep}")
PIPES: Final = (
    b"a one\na two\na unfinished",
    b"b one\n" + b"b " + b"x" * 3000 + b"\n",
    b"c one\nc two\nc three\n",
)


class SlowStream(Stream):
    """A file of somebody who makes no promise: it has a thread of its own."""

    def __init__(self, filename: str) -> None:
        self._filename = filename

    def write(self, chunk: Chunk) -> None:
        with open(self._filename, "ab", buffering=0) as file:
            file.write(chunk.data)


SCENARIOS: Final[dict[str, Callable[[str], Stream]]] = {
    "plain": FileStream,
    "stamped": lambda path: FileStream(path, time_format="%Y"),
    "rotated": lambda path: FileStream(path, max_bytes=64, backup_count=50),
    "threaded": SlowStream,
}


def run(scenario: str, folder: Path, journal: tuple[int, int], pipes: list[int]) -> None:
    """Be one process: move what is in the pipes, and end."""
    memory, relay = map(os.dup, journal)
    pump = Pump(journal=Journal(memory, Relay(relay)))
    target = pump.target(SCENARIOS[scenario](str(folder / "log")), name="test", owner=(1, 1))
    tokens = [
        pump.add(os.dup(fd), target, watcher="web", wid=n, pid=n, name="stdout", child=n)
        for n, fd in enumerate(pipes, 1)
    ]
    pump.resume()
    pump.start()
    done = threading.Event()
    pump.finish(tokens, done.set)
    done.wait(60)
    pump.stop()


def die_at(step: int) -> None:
    """Have this process killed when it comes to the *step*-th line of the code of the output."""
    left = step
    lock = threading.Lock()

    def count(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if event == "call" and not any(part in frame.f_code.co_filename for part in OURS):
            return None
        with lock:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return count

    threading.settrace(count)
    sys.settrace(count)


def forked(act: Callable[[], object]) -> int:
    """Do it in a process of its own, and return how that ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def attempt(scenario: str, folder: Path, step: int) -> bool:
    """Kill a pump at that step, have another one go on, and tell whether there was such a step."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    journal = Journal.create()
    pipes = []
    for data in PIPES:
        read, write = os.pipe()
        os.write(write, data)
        os.close(write)
        pipes.append(read)
    try:

        def first() -> None:
            die_at(step)
            run(scenario, folder, journal.filenos(), pipes)

        code = forked(first)
        if code == -signal.SIGKILL:
            code = forked(lambda: run(scenario, folder, journal.filenos(), pipes))
        else:
            step = 0
        if code:
            raise SystemExit(f"step {step}: a pump ended with {code}")
    finally:
        for fd in (*journal.filenos(), *pipes):
            os.close(fd)
    logs = sorted(folder.glob("log*"), key=lambda path: -int(path.suffix.strip(".") or 0))
    print(json.dumps([step, b"".join(path.read_bytes() for path in logs).decode()]), flush=True)
    return step > 0


def main(scenario: str, folder: str, first: str, stride: str) -> None:
    """Do it for all these steps."""
    step = int(first)
    while attempt(scenario, Path(folder) / scenario, step):
        step += int(stride)


if __name__ == "__main__":
    main(*sys.argv[1:])
