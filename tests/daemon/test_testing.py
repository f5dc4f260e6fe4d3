"""What authors of extensions are offered, where the how-to shows it not."""

from __future__ import annotations

import psutil
import pytest

from circus_core.errors import MessageError
from circus_core.testing import Daemon, FakeArbiter, FakeClock, RecordingStream, run_command, wait_for
from circus_plugins_builtin.commands.incr import Incr

WEB = "[watcher:web]\ncmd = sleep 1000\n"

pytestmark = pytest.mark.differs("it has no such tools")


def test_daemon_that_left_a_process_is_told_of_and_the_process_ended(circus_daemon: Daemon) -> None:
    circus_daemon.start(WEB)
    circus_daemon.wait_status("web", "active")
    (pid,) = circus_daemon.pids("web")
    circus_daemon.call("rm", name="web", nostop=True)

    assert circus_daemon.end().startswith("circusd left psutil.Process(")
    assert not psutil.pid_exists(pid)


def test_daemon_that_cannot_start_fails_the_test_with_what_it_said(circus_daemon: Daemon) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"circusd ended with 1; it says: .*numprocesses = 'many'"):
        circus_daemon.start(f"{WEB}numprocesses = many")
    circus_daemon.start("[circus]\ncheck_delay = 3\n", WEB)
    assert circus_daemon.call("globaloptions", option="check_delay")["options"] == {"check_delay": 3.0}
    assert circus_daemon.stop() == 0


def test_waiting_in_vain_says_for_what_and_what_was_seen() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"waited 0.05s for the moon; last seen: \[\]"):
        wait_for(list, "the moon", timeout=0.05)


def test_stream_records_raises_and_waits(recording_stream: RecordingStream) -> None:
    recording_stream.open()
    recording_stream.close()
    assert (recording_stream.calls, recording_stream.lines) == (["open", "close"], [])


def test_fakes_stand_still(fake_arbiter: FakeArbiter, fake_clock: FakeClock) -> None:
    assert fake_clock() == fake_clock()
    assert run_command(Incr(), fake_arbiter, name="web", nb=3, waiting=True)["numprocesses"] == 5
    assert fake_arbiter.watcher("WEB").config.numprocesses == 5
    with pytest.raises(MessageError):
        run_command(Incr(), fake_arbiter, name="web", nb="x")
