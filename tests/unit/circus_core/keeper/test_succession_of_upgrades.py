"""Which arbiter is served while one takes the place of another: each step may be the last one of either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from circus_core.keeper.arbiters import Arbiter, Nursery, Role
from circus_core.keeper.loop import Loop
from circus_core.keeper.succession import SETTLED, Succession
from circus_core.keeper.wire import Channel


class FakeLoop:
    """Makes a call when the test says that its time has come."""

    def __init__(self) -> None:
        self.planned: dict[str, tuple[float, Callable[[], object]]] = {}

    def at(self, name: str, delay: float, call: Callable[[], object]) -> None:
        self.planned[name] = delay, call

    def forget(self, name: str) -> None:
        self.planned.pop(name, None)

    def reach(self, name: str) -> None:
        self.planned.pop(name)[1]()


class FakeChannel:
    """Notes what is sent."""

    is_blocked = False

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []

    def send(self, message: tuple[Any, ...], fds: Sequence[int] = ()) -> None:
        self.sent.append(message)


class FakeArbiter(Arbiter):
    """No process."""

    def __init__(self, pid: int, role: Role) -> None:
        self.said = FakeChannel()
        super().__init__(pid, cast(Channel, self.said), role, is_child=True)
        self.is_killed = False

    def kill(self) -> None:
        self.is_killed = True

    @property
    def told(self) -> list[str]:
        """What it was told, but for heartbeats."""
        return [message[0] for message in self.said.sent if message[0] != "ping"]


class FakeNursery:
    """Starts no process."""

    def __init__(self) -> None:
        self.started: list[FakeArbiter] = []
        self.error: OSError | None = None

    def start(self, command: Sequence[str], role: Role, *, stderr: int = 2) -> FakeArbiter:
        if self.error is not None:
            raise self.error
        self.started.append(FakeArbiter(100 + len(self.started), role))
        self.started[-1].command = list(command)
        return self.started[-1]

    def after_send(self, arbiter: Arbiter) -> None:
        pass


class Stage:
    """A keeper whose first arbiter serves."""

    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.nursery = FakeNursery()
        self.succession = Succession(cast(Loop, self.loop), cast(Nursery, self.nursery))
        self.switches = 0
        self.succession.on_switch = self._switched
        self.old = FakeArbiter(1, Role.FIRST)
        self.old.command = ["old"]
        self.succession.serve(self.old)
        self.succession.greeted(self.old, ["old"])
        self.says(self.old, "ready", 0.0)

    def _switched(self) -> None:
        self.switches += 1

    def says(self, arbiter: FakeArbiter, operation: str, *fields: Any) -> None:
        self.succession.told(arbiter, operation, fields)

    def dies(self, arbiter: FakeArbiter, code: int = -9) -> int | None:
        arbiter.has_ended, arbiter.exit_code = True, code
        return self.succession.ended(arbiter, has_children=True)

    def upgrade(self, until: str) -> FakeArbiter:
        """Go through an upgrade as far as *until*; return the next arbiter."""
        self.succession.upgrade(["new"], 30.0, 2)
        new = self.nursery.started[-1]
        steps: list[tuple[str, Callable[[], object]]] = [
            ("started", lambda: self.succession.greeted(new, ["new"])),
            ("proven", lambda: self.says(new, "proven")),
            ("gone-over", lambda: self.says(self.old, "handover")),
            ("ready", lambda: self.says(new, "ready", 0.0)),
            ("settled", lambda: self.loop.reach("trial")),
        ]
        for name, step in steps:
            step()
            if name == until:
                break
        return new

    def started_after_a_death_of(self, arbiter: FakeArbiter) -> list[str]:
        self.dies(arbiter)
        return self.nursery.started[-1].command


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_next_one_serves_once_the_one_before_has_let_go(stage: Stage) -> None:
    new = stage.upgrade("proven")
    assert (stage.succession.serving, stage.old.told, new.told) == (stage.old, ["handover"], [])

    stage.says(stage.old, "handover")
    assert (stage.succession.serving, new.told, stage.switches) == (new, ["go"], 1)

    stage.says(new, "ready", 0.0)
    assert stage.loop.planned["trial"][0] == SETTLED
    assert "upgrade" not in stage.loop.planned

    stage.loop.reach("trial")
    assert (stage.old.told, new.told) == (["handover", "leave"], ["go", "settled"])
    assert stage.dies(stage.old, 0) is None
    assert stage.succession.serving is new
    assert stage.started_after_a_death_of(new) == ["new"]


def test_one_that_is_not_proven_gets_nothing(stage: Stage) -> None:
    new = stage.upgrade("started")

    stage.says(stage.old, "handover")

    assert stage.succession.serving is stage.old
    assert new.told == []


@pytest.mark.parametrize("step", ["started", "proven", "gone-over", "ready"])
def test_when_the_next_one_dies_the_one_before_goes_on(stage: Stage, step: str) -> None:
    new = stage.upgrade(step)

    assert stage.dies(new, 3) is None

    assert stage.succession.serving is stage.old
    assert stage.old.said.sent[-1][0] == "stay"
    assert "it ended with 3" in stage.old.said.sent[-1][1]
    assert "upgrade" not in stage.loop.planned
    assert "trial" not in stage.loop.planned
    stage.says(stage.old, "ready", 0.0)
    assert stage.started_after_a_death_of(stage.old) == ["old"]


@pytest.mark.parametrize("step", ["started", "proven"])
def test_the_next_one_is_ended_when_it_takes_too_long(stage: Stage, step: str) -> None:
    new = stage.upgrade(step)

    stage.loop.reach("upgrade")

    assert new.is_killed
    assert stage.old.said.sent[-1] == ("stay", "it did not take over within 30 s")
    stage.dies(new)
    assert stage.succession.serving is stage.old


def test_the_next_one_that_got_everything_and_hangs_is_ended_too(stage: Stage) -> None:
    new = stage.upgrade("gone-over")

    stage.loop.reach("upgrade")
    assert new.is_killed
    stage.dies(new)

    assert stage.succession.serving is stage.old
    assert stage.old.said.sent[-1] == ("stay", "it did not take over within 30 s")


def test_when_the_one_before_dies_first_it_is_followed_as_ever(stage: Stage) -> None:
    new = stage.upgrade("started")

    assert stage.started_after_a_death_of(stage.old) == ["old"]

    assert new.is_killed
    assert stage.succession.serving is stage.nursery.started[-1]


@pytest.mark.parametrize("step", ["proven", "gone-over", "ready"])
def test_when_the_one_before_dies_the_next_one_that_is_proven_goes_on(stage: Stage, step: str) -> None:
    new = stage.upgrade(step)

    stage.dies(stage.old)
    if step != "ready":
        stage.says(new, "ready", 0.0)

    assert stage.succession.serving is new
    assert new.told == ["go", "settled"]
    assert stage.started_after_a_death_of(new) == ["new"]


def test_when_both_die_the_old_command_is_started(stage: Stage) -> None:
    new = stage.upgrade("gone-over")

    stage.dies(stage.old)
    assert stage.started_after_a_death_of(new) == ["old"]


def test_only_one_upgrade_is_under_way(stage: Stage) -> None:
    for step in ("started", "ready"):
        stage = Stage()
        new = stage.upgrade(step)
        serving = cast(FakeArbiter, stage.succession.serving)

        stage.succession.upgrade(["another"], 30.0, 2)

        assert stage.nursery.started == [new]
        assert serving.said.sent[-1] == ("stay", "another upgrade is under way")


def test_what_cannot_be_run_is_told(stage: Stage) -> None:
    stage.nursery.error = PermissionError(13, "Permission denied")

    stage.succession.upgrade(["/etc/passwd"], 30.0, 2)

    assert stage.old.said.sent[-1] == ("stay", "'/etc/passwd' cannot be run: Permission denied")


def test_what_the_next_one_says_of_itself_is_passed_on(stage: Stage) -> None:
    new = stage.upgrade("started")

    stage.says(new, "failed", "state of version 1")

    assert stage.old.said.sent[-1] == ("stay", "state of version 1")
    assert new.is_killed


def test_the_one_that_serves_may_decline(stage: Stage) -> None:
    new = stage.upgrade("proven")

    stage.says(stage.old, "failed", "busy")

    assert stage.old.said.sent[-1] == ("stay", "busy")
    assert new.is_killed
    stage.says(stage.old, "handover")
    assert stage.succession.serving is stage.old


def test_a_quit_in_the_time_of_trial_ends_the_one_before(stage: Stage) -> None:
    new = stage.upgrade("ready")

    stage.says(new, "end")

    assert stage.old.told[-1] == "leave"
    assert stage.dies(new, 0) == 0
