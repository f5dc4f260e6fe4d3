"""The pump on real pipes and processes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from threading import Semaphore

import pytest

from circus_core.interfaces import Chunk
from circus_core.output import FaultReport, OnError, Pump
from circus_core.output.kernel import bytes_in
from circus_core.output.lines import MAX_LINE
from circus_core.output.writers import QUEUE_BYTES
from circus_streams.file import FileStream
from tests.support.output import Child, Pipe, Recorder, finish, open_fds
from tests.support.waiting import wait_for

LINES = """
import os, sys
name, count = sys.argv[1], int(sys.argv[2])
for n in range(count):
    os.write(1, b"%s %06d %s\\n" % (name.encode(), n, b"x" * 80))
"""


def test_lines_arrive_with_their_origin(pump: Pump) -> None:
    stream = Recorder()
    target = pump.target(stream, name="web stdout")
    pipe = Pipe(pump, target, watcher="web", wid=3)

    pipe.write(b"one\ntwo\n")

    chunk = wait_for(lambda: stream.chunks and stream.chunks[0], "a chunk")
    assert (chunk.data, chunk.watcher, chunk.wid, chunk.pid, chunk.name) == (b"one\ntwo\n", "web", 3, 103, "stdout")
    pipe.close()


def test_an_unfinished_line_is_held_back_for_a_short_time(pump: Pump) -> None:
    stream = Recorder()
    target = pump.target(stream, name="web stdout")
    pipe = Pipe(pump, target)

    pipe.write(b"whole\npassword: ")
    wait_for(lambda: stream.data == b"whole\npassword: ", "the prompt")
    pipe.write(b"secret\n")

    wait_for(lambda: stream.data.endswith(b"secret\n"), "the rest")
    assert [chunk.data for chunk in stream.chunks] == [b"whole\n", b"password: ", b"secret\n"]
    pipe.close()


def test_a_line_above_the_cap_is_delivered_in_parts(pump: Pump) -> None:
    stream = Recorder()
    target = pump.target(stream, name="web stdout")
    child = Child(pump, target, "import sys; sys.stdout.write('x' * 300_000)")

    child.finish()

    assert stream.data == b"x" * 300_000
    assert len(stream.chunks) <= 300_000 // MAX_LINE + 1


def test_all_output_is_delivered_before_the_end_is_told(pump: Pump) -> None:
    stream = Recorder()
    target = pump.target(stream, name="web stdout")

    for _ in range(5):
        Child(pump, target, "import os; os.write(1, b'x' * 60_000 + b'last')").finish()
        assert stream.data.endswith(b"last")


def test_a_grandchild_that_keeps_the_pipe_does_not_hold_up_the_end(pump: Pump) -> None:
    stream = Recorder()
    target = pump.target(stream, name="web stdout")
    code = "import os, time; os.fork() or (os.read(0, 1), os._exit(0)); os.write(1, b'bye')"
    child = Child(pump, target, code)
    assert child.process.wait(10) == 0

    finish(pump, child.token)

    assert stream.data == b"bye"
    child.process.communicate()


def test_an_end_without_pipes_is_told(pump: Pump) -> None:
    finish(pump)


def test_a_pipe_that_its_process_closed_can_be_finished(pump: Pump) -> None:
    stream = Recorder()
    pipe = Pipe(pump, pump.target(stream, name="web stdout"))
    pipe.write(b"no end")
    pipe.close()
    wait_for(lambda: stream.data == b"no end", "the unfinished line")

    finish(pump, pipe.token)


def test_twenty_writers_on_one_file_keep_lines_whole_and_in_order(pump: Pump, log: Path) -> None:
    target = pump.target(FileStream(str(log)), name="web stdout")
    children = [Child(pump, target, LINES, str(n), "3000", wid=n) for n in range(20)]
    for child in children:
        child.finish()

    seen: Counter[bytes] = Counter()
    for line in log.read_bytes().split(b"\n")[:-1]:
        name, number, filling = line.split(b" ")
        assert int(number) == seen[name]
        assert filling == b"x" * 80
        seen[name] += 1
    assert set(seen.values()) == {3000}
    assert len(seen) == 20


def test_a_hung_stream_holds_up_nobody_else(pump: Pump) -> None:
    hung, fine = Recorder(), Recorder()
    hung.go.clear()
    stuck = Child(pump, pump.target(hung, name="bad stdout"), LINES, "a", "100000", watcher="bad")
    pipe = Pipe(pump, pump.target(fine, name="good stdout"))

    pipe.write(b"still here\n")
    wait_for(lambda: fine.data == b"still here\n", "the other stream")
    stuck.finish()

    lost = pump.stats().lost
    assert lost.keys() == {"bad"}
    assert pump.stats().streams["bad stdout"].error == "no write has returned for 5 s"
    hung.go.set()
    wait_for(lambda: len(hung.data) + lost["bad"] == 100_000 * 90, "what was queued")
    pipe.close()


def test_a_stream_that_is_only_slow_loses_nothing(pump: Pump) -> None:
    stream = Recorder()
    stream.go.clear()
    target = pump.target(stream, name="web stdout")
    child = Child(pump, target, LINES, "a", "100000")
    wait_for(target.is_full, "a full queue")

    stream.go.set()
    child.finish()

    wait_for(lambda: len(stream.data) == 100_000 * 90, "everything")
    assert pump.stats().lost == {}


def test_a_stream_that_hung_and_is_slow_now_loses_nothing_more(pump: Pump) -> None:
    stream = OneByOne()
    target = pump.target(stream, name="web stdout")
    pipe = Pipe(pump, target)
    part = b"x" * 59_999 + b"\n"
    while not target.is_full():
        pipe.write(part)
        finish(pump)
    pipe.write(part)
    wait_for(lambda: pump.stats().lost and not bytes_in(pipe.write_fd), "the loss")
    finish(pump)  # what it has read is counted now
    lost = pump.stats().lost["web"]

    stream.may.release()
    wait_for(lambda: stream.begun == 2, "the end of a write")
    pipe.write(part)  # for which there is room, or not; for a second one the pump would wait
    wait_for(lambda: not bytes_in(pipe.write_fd), "the pump to read it")
    stream.may.release(1000)

    wait_for(lambda: target.report().error is None, "the end of the fault")
    pipe.write(b"last\n")
    wait_for(lambda: stream.data.endswith(b"last\n"), "the last line")
    assert pump.stats().lost == {"web": lost}
    pipe.close()


class OneByOne(Recorder):
    """Each write waits until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may = Semaphore(0)
        self.begun = 0

    def write(self, chunk: Chunk) -> None:
        self.begun += 1
        self.may.acquire()
        super().write(chunk)


def test_with_block_a_hung_stream_stops_the_process_and_loses_nothing(pump: Pump) -> None:
    stream = Recorder()
    stream.go.clear()
    target = pump.target(stream, name="web stdout", on_error=OnError.BLOCK)
    child = Child(pump, target, LINES, "a", "100000")
    wait_for(lambda: pump.stats().streams["web stdout"].error, "the stall to be noticed")

    assert child.process.poll() is None
    stream.go.set()
    child.finish()

    wait_for(lambda: len(stream.data) == 100_000 * 90, "everything")
    assert pump.stats().lost == {}


def test_a_stream_that_raises_is_counted_and_works_again(pump: Pump) -> None:
    stream = Recorder()
    pipe = Pipe(pump, pump.target(stream, name="web stdout"))
    stream.error = ValueError("what is this?")
    pipe.write(b"lost\n")
    wait_for(lambda: pump.stats().lost == {"web": 5}, "the loss")
    assert pump.stats().streams["web stdout"].error == "ValueError: what is this?"

    stream.error = None
    pipe.write(b"kept\n")

    wait_for(lambda: stream.data == b"kept\n", "the next line")
    wait_for(lambda: pump.stats().streams["web stdout"] == FaultReport(faults=1, lost=5), "the recovery")
    pipe.close()


def test_with_block_what_a_stream_refuses_is_tried_again(pump: Pump) -> None:
    stream = Recorder()
    pipe = Pipe(pump, pump.target(stream, name="web stdout", on_error=OnError.BLOCK))
    stream.error = OSError("full")
    pipe.write(b"patience\n")
    wait_for(lambda: pump.stats().streams["web stdout"].faults, "a failure")

    stream.error = None

    wait_for(lambda: stream.data == b"patience\n", "the line")
    assert pump.stats().lost == {}
    pipe.close()


def test_reopen_and_close_reach_the_stream_in_order(pump: Pump) -> None:
    stream = Recorder()
    target = pump.target(stream, name="web stdout")
    pump.reopen()
    pump.close_target(target)

    wait_for(lambda: stream.calls == ["open", "reopen", "close"], "the calls")
    assert pump.stats().streams == {}


def test_closing_a_target_delivers_what_its_pipes_hold(pump: Pump) -> None:
    stream = Recorder()
    target = pump.target(stream, name="web stdout")
    pipe = Pipe(pump, target)
    pipe.write(b"last")
    pump.close_target(target)

    wait_for(lambda: "close" in stream.calls, "the end")
    assert stream.data == b"last"
    pipe.close()


def test_pipes_move_to_another_target(pump: Pump) -> None:
    old, new = Recorder(), Recorder()
    target = pump.target(old, name="web stdout")
    pipe = Pipe(pump, target)
    pipe.write(b"before\n")
    wait_for(lambda: old.data, "the first line")

    pump.move([pipe.token], pump.target(new, name="web stdout"))
    pump.close_target(target)
    pipe.write(b"after\n")

    wait_for(lambda: new.data == b"after\n", "the second line")
    assert old.data == b"before\n"
    pipe.close()


def test_a_pump_that_was_never_started_leaves_nothing_open() -> None:
    before = open_fds()

    for _ in range(2):
        pump = Pump()
        pump.stop()
        pump.stop()

    assert open_fds() == before


def test_stop_delivers_what_is_in_the_pipes(log: Path) -> None:
    pump = Pump()
    pump.start()
    pipe = Pipe(pump, pump.target(FileStream(str(log)), name="web stdout"))
    pipe.write(b"one\ntwo")

    pump.stop(5.0)
    pump.stop(5.0)

    assert log.read_bytes() == b"one\ntwo"
    pipe.close()


def test_stop_leaves_a_hung_stream_behind(log: Path) -> None:
    pump = Pump()
    pump.start()
    hung = Recorder()
    hung.go.clear()
    bad = Pipe(pump, pump.target(hung, name="bad stdout"))
    good = Pipe(pump, pump.target(FileStream(str(log)), name="web stdout"))
    bad.write(b"x\n")
    good.write(b"y\n")

    pump.stop(1.0)

    assert log.read_bytes() == b"y\n"
    hung.go.set()
    wait_for(lambda: "close" in hung.calls, "the thread left behind")
    bad.close()
    good.close()


def test_a_caller_that_raises_does_not_end_the_pump(pump: Pump, caplog: pytest.LogCaptureFixture) -> None:
    pump.finish([], lambda: 1 / 0)

    finish(pump)
    assert "ZeroDivisionError" in caplog.text


def test_an_idle_pump_does_not_wake(pump: Pump) -> None:
    stream = Recorder()
    pipe = Pipe(pump, pump.target(stream, name="web stdout"))
    pipe.write(b"x\n")
    wait_for(lambda: stream.data, "a line")
    finish(pump, pipe.token)

    assert pump._timers.wait() is None or wait_for(lambda: pump._timers.wait() is None, "no timer to be left")
    pipe.close()


def test_a_queue_is_bounded(pump: Pump) -> None:
    stream = Recorder()
    stream.go.clear()
    target = pump.target(stream, name="web stdout", on_error=OnError.BLOCK)
    child = Child(pump, target, LINES, "a", "200000")
    wait_for(target.is_full, "a full queue")

    assert target._writer is not None
    assert target._writer._bytes < QUEUE_BYTES * 2
    child.process.kill()
    child.process.wait()
    stream.go.set()
    child.finish()
