"""A broken file costs nothing that runs: it is refused whole, in words, at a reload as at a start."""

from __future__ import annotations

import pytest

from tests.support.broken_configs import BROKEN
from tests.support.daemon import Daemon
from tests.support.ini import watcher

pytestmark = pytest.mark.differs("its reply is that of a server error, and a start shows a traceback")


@pytest.mark.timeout(120)
def test_no_broken_file_touches_what_runs(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.wait_ready("w", 2)

    for name, broken in BROKEN.items():
        daemon.config.write_text(broken.text)
        for properties in ({"waiting": True}, {}, {"dry_run": True}):
            reply = daemon.refused("reloadconfig", **properties)
            assert reply["errno"] == 3, name
            assert [word for word in broken.words if word not in reply["reason"]] == [], name
            assert str(daemon.config) in reply["reason"], name

    assert daemon.wids("w") == before
    assert "Traceback" not in daemon.log


def test_restart_with_a_broken_file_keeps_the_stack(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    before = daemon.wait_ready("w")
    daemon.config.write_text("[watcher:w]\ncmd = sleep 1\nnumprocesses = x\n")

    reply = daemon.refused("restart", waiting=True)

    assert "numprocesses = 'x'" in reply["reason"]
    assert daemon.wids("w") == before
