"""``plan`` decides alone: single decisions, then invariants over generated histories."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circus_core.reconcile import Cause, Desired, Do, Observed, Step, free_wids, is_settled, next_deadline, plan
from circus_core.states import ProcessState, WatcherState, Wid

RUNNING, STOPPING, DEAD = ProcessState.RUNNING, ProcessState.STOPPING, ProcessState.DEAD
NOW = 100.0


@dataclass
class Fake:
    """A process as ``plan`` sees it."""

    wid: Wid
    state: ProcessState = RUNNING
    generation: int = 0
    started_at: float = 0.0
    expires_at: float = inf
    kill_at: float = inf
    is_doomed: bool = False
    signals: int = 0
    is_stubborn: bool = False


def seen(wid: int, state: ProcessState = RUNNING, **more: object) -> Fake:
    return Fake(Wid(wid), state, **more)  # type: ignore[arg-type]  # keywords of Fake


def active(*processes: Fake, **more: object) -> Observed:
    return observed(WatcherState.ACTIVE, *processes, **more)


def observed(state: WatcherState, *processes: Fake, **more: object) -> Observed:
    values = {"run": 1, **more}
    return Observed(state=state, processes={p.wid: p for p in processes}, **values)  # type: ignore[arg-type]


def wanted(numprocesses: int, **more: object) -> Desired:
    values = {"is_running": True, "run": 1, **more}
    return Desired(numprocesses=numprocesses, **values)  # type: ignore[arg-type]


def spawn(*wids: int) -> list[Step]:
    return [Step(Do.SPAWN, Wid(wid)) for wid in wids]


def stop(wid: int, cause: Cause) -> Step:
    return Step(Do.STOP, Wid(wid), cause)


REAP_1, KILL_1 = Step(Do.REAP, Wid(1)), Step(Do.KILL, Wid(1))
STOPPED, STARTING, ACTIVE = WatcherState.STOPPED, WatcherState.STARTING, WatcherState.ACTIVE
OLD = {"generation": 0}


@pytest.mark.parametrize(
    ("desired", "there", "steps"),
    [
        pytest.param(wanted(2), observed(STOPPED, run=0), [Step(Do.START)], id="start"),
        pytest.param(wanted(2, is_held=True), observed(STOPPED, run=0), [], id="waits-its-turn"),
        pytest.param(wanted(2, awaits_demand=True), observed(STOPPED, run=0), [], id="waits-for-demand"),
        pytest.param(wanted(2), observed(STOPPED), [], id="gave-up-in-this-run"),
        pytest.param(wanted(2), observed(STARTING), spawn(1, 2), id="spawn"),
        pytest.param(wanted(1), observed(STARTING, seen(1)), [Step(Do.ACTIVATE)], id="activate"),
        pytest.param(wanted(1), active(seen(1)), [], id="nothing-to-do"),
        pytest.param(wanted(1), active(seen(1, DEAD)), [REAP_1, *spawn(1)], id="dead-slot-is-reused"),
        pytest.param(wanted(2), active(seen(2)), spawn(1), id="lowest-free-slot"),
        pytest.param(
            wanted(1),
            active(seen(1, started_at=50), seen(2, started_at=10)),
            [stop(2, Cause.SURPLUS)],
            id="oldest-goes-first",
        ),
        pytest.param(wanted(1), active(seen(1, STOPPING, kill_at=99)), [KILL_1, *spawn(2)], id="overdue-is-killed"),
        pytest.param(wanted(1), active(seen(1, STOPPING)), spawn(2), id="leaving-does-not-count"),
        pytest.param(wanted(1), active(seen(1, STOPPING), seen(2, STOPPING)), [], id="at-most-twice"),
        pytest.param(
            wanted(1), active(seen(1, expires_at=99)), [stop(1, Cause.EXPIRED), *spawn(2)], id="expired-is-replaced"
        ),
        pytest.param(
            wanted(1), active(seen(1, is_doomed=True)), [stop(1, Cause.COMMAND), *spawn(2)], id="killed-is-replaced"
        ),
        pytest.param(
            wanted(1, respawns=False),
            active(seen(1, is_doomed=True)),
            [stop(1, Cause.COMMAND)],
            id="killed-is-not-replaced-without-respawn",
        ),
        pytest.param(wanted(1), active(not_before={Wid(1): 101.0}), [], id="paced"),
        pytest.param(wanted(1), active(not_before={Wid(1): 100.0}), spawn(1), id="pace-is-over"),
        pytest.param(wanted(1), active(has_failed=True), [Step(Do.BEGIN_STOP)], id="failed"),
        pytest.param(wanted(1), active(finished=1), [Step(Do.BEGIN_STOP)], id="all-done"),
        pytest.param(wanted(2), active(seen(1), finished=1), [], id="one-is-done"),
        pytest.param(wanted(0), active(), [], id="shrunk-to-none-stays-active"),
        pytest.param(wanted(0), observed(STARTING), [Step(Do.BEGIN_STOP)], id="started-with-none-stops"),
        pytest.param(wanted(1, is_running=False), active(seen(1)), [Step(Do.BEGIN_STOP)], id="stop"),
        pytest.param(wanted(1, run=2), active(seen(1)), [Step(Do.BEGIN_STOP)], id="restart-stops-first"),
        pytest.param(
            wanted(1, is_running=False),
            observed(WatcherState.STOPPING, seen(1)),
            [stop(1, Cause.STOP)],
            id="stopping",
        ),
        pytest.param(
            wanted(1, is_running=False),
            observed(WatcherState.STOPPING, seen(1, DEAD)),
            [REAP_1, Step(Do.FINISH_STOP)],
            id="stopped",
        ),
        pytest.param(wanted(2, generation=1), active(seen(1), seen(2)), spawn(3, 4), id="reload-spawns-ahead"),
        pytest.param(
            wanted(1, generation=1),
            active(seen(1), seen(2, generation=1)),
            [stop(1, Cause.OUTDATED)],
            id="reload-retires-the-old",
        ),
        pytest.param(wanted(1, generation=1), active(seen(2, generation=1)), [Step(Do.RELOADED)], id="reload-is-done"),
        pytest.param(
            wanted(2, generation=1, one_by_one=True),
            active(seen(1, started_at=5), seen(2, started_at=4)),
            [stop(2, Cause.TURN)],
            id="sequential-stops-the-oldest",
        ),
        pytest.param(
            wanted(2, generation=1, one_by_one=True),
            active(seen(1), seen(2, STOPPING)),
            [],
            id="sequential-waits-for-its-end",
        ),
        pytest.param(
            wanted(2, generation=1, one_by_one=True),
            active(seen(1), seen(2, DEAD)),
            [Step(Do.REAP, Wid(2)), *spawn(2)],
            id="sequential-keeps-the-slot",
        ),
        pytest.param(
            wanted(1, generation=1, one_by_one=True),
            active(seen(1, STOPPING)),
            [],
            id="sequential-waits-for-the-last-one",
        ),
        pytest.param(
            wanted(3, warmup_delay=5), observed(STARTING, seen(1), spawned_at=99), [], id="warmup-is-waited-for"
        ),
        pytest.param(
            wanted(3, warmup_delay=5), observed(STARTING, seen(1), spawned_at=90), spawn(2), id="warmup-is-over"
        ),
    ],
)
def test_plan(desired: Desired, there: Observed, steps: list[Step]) -> None:
    assert plan(desired, there, NOW) == steps


@pytest.mark.parametrize(
    ("desired", "there", "deadline"),
    [
        pytest.param(wanted(1), active(seen(1)), inf, id="idle-sleeps"),
        pytest.param(wanted(1), active(seen(1, expires_at=130)), 130, id="max-age"),
        pytest.param(wanted(1), active(seen(1, STOPPING, kill_at=110)), 110, id="grace"),
        pytest.param(wanted(1), active(not_before={Wid(1): 101.0}), 101, id="pace"),
        pytest.param(wanted(2, warmup_delay=5), active(seen(1), spawned_at=99), 104, id="warmup"),
    ],
)
def test_next_deadline(desired: Desired, there: Observed, deadline: float) -> None:
    assert next_deadline(desired, there, NOW) == deadline


@pytest.mark.parametrize(
    ("desired", "there", "settled"),
    [
        pytest.param(wanted(1), active(seen(1)), True, id="all-run"),
        pytest.param(wanted(1), active(seen(1), seen(2, STOPPING)), False, id="one-still-leaves"),
        pytest.param(wanted(1), active(not_before={Wid(1): 101.0}), True, id="paced"),
        pytest.param(wanted(1), observed(STOPPED), True, id="gave-up"),
        pytest.param(wanted(1, is_held=True), observed(STOPPED, run=0), False, id="waits-its-turn"),
        pytest.param(wanted(1, is_running=False), observed(STOPPED), True, id="stopped"),
        pytest.param(wanted(1, generation=1), active(seen(1), seen(2, generation=1)), False, id="reload-goes-on"),
    ],
)
def test_is_settled(desired: Desired, there: Observed, settled: bool) -> None:
    assert is_settled(desired, there, NOW) is settled


def test_free_wids_are_the_lowest() -> None:
    assert free_wids({Wid(1), Wid(3)}, 3) == [2, 4, 5]
    assert free_wids({Wid(9)}, 2) == [1, 2]


# -- generated histories ------------------------------------------------------------------------------------------


class World:
    """Performs steps on fake processes, as a watcher does on real ones."""

    def __init__(self) -> None:
        self.now = 0.0
        self.processes: dict[Wid, Fake] = {}
        self.observed = Observed(processes=self.processes)
        self.desired = Desired(numprocesses=1)
        self.spawned = 0
        self.reaped = 0

    def alive(self) -> list[Fake]:
        return [p for p in self.processes.values() if p.state is not DEAD]

    def converge(self, limit: int = 400) -> list[Step]:
        """Perform plans until none is left; processes that were asked to end do so, but the stubborn ones."""
        done: list[Step] = []
        while steps := plan(self.desired, self.observed, self.now):
            assert plan(self.desired, self.observed, self.now) == steps, "asking again gives other steps"
            for step in steps:
                self.perform(step)
                done.append(step)
            assert len(done) < limit, f"does not converge: {done[-6:]}"
        return done

    def perform(self, step: Step) -> None:
        there = self.observed
        if step.do is Do.SPAWN:
            self._spawn(step)
        elif step.do is Do.REAP:
            assert step.wid is not None and self.processes[step.wid].state is DEAD
            del self.processes[step.wid]
            self.reaped += 1
        elif step.do in (Do.STOP, Do.KILL):
            self._ask(step)
        elif step.do is Do.START:
            there.state, there.run, there.has_failed, there.finished = STARTING, self.desired.run, False, 0
            there.not_before.clear()
        elif step.do is Do.ACTIVATE:
            there.state = ACTIVE
        elif step.do is Do.RELOADED:
            there.generation = self.desired.generation
        elif step.do is Do.BEGIN_STOP:
            there.state = WatcherState.STOPPING
        elif step.do is Do.FINISH_STOP:
            assert not self.alive()
            there.state, there.generation = STOPPED, self.desired.generation

    def _spawn(self, step: Step) -> None:
        assert step.wid is not None and step.wid not in self.processes, "a wid twice"
        before = len(self.alive())
        assert before + 1 <= 2 * self.desired.numprocesses, "more than numprocesses and the surge"
        self.spawned += 1
        generation = self.desired.generation
        self.processes[step.wid] = Fake(step.wid, generation=generation, started_at=self.now + self.spawned * 1e-6)
        self.observed.spawned_at = self.now

    def _ask(self, step: Step) -> None:
        assert step.wid is not None
        process = self.processes[step.wid]
        process.signals += 1
        assert process.signals <= 2, "stop escalation is not finite"
        if step.do is Do.KILL:
            process.state, process.kill_at = DEAD, inf
        elif process.is_stubborn:
            process.state, process.kill_at = STOPPING, self.now + 5
        else:
            process.state = DEAD


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("resize"), st.integers(0, 6)),
        st.tuples(
            st.sampled_from(
                ["start", "stop", "restart", "reload", "sequential", "fail", "advance", "warmup", "step", "converge"]
            ),
            st.just(0),
        ),
        st.tuples(st.sampled_from(["die", "quick_death", "doom", "expire", "stubborn", "finish"]), st.integers(0, 8)),
    ),
    max_size=40,
)


def act(world: World, what: str, number: int) -> None:
    """Do to *world* what a command, a signal or time may do at any moment."""
    desired, there = world.desired, world.observed
    running = [p for p in world.processes.values() if p.state is RUNNING]
    victim = running[number % len(running)] if running else None
    if what == "resize":
        world.desired = replace(desired, numprocesses=number)
        there.finished = min(there.finished, number)
    elif what == "start":
        world.desired = replace(desired, is_running=True, run=desired.run + 1)
    elif what == "stop":
        world.desired = replace(desired, is_running=False)
    elif what == "restart":
        world.desired = replace(desired, is_running=True, run=desired.run + 1)
    elif what in ("reload", "sequential"):
        world.desired = replace(desired, generation=desired.generation + 1, one_by_one=what == "sequential")
    elif what == "warmup":
        world.desired = replace(desired, warmup_delay=0.5 - desired.warmup_delay)
    elif what == "advance":
        world.now += 1.0
    elif what == "fail":
        there.has_failed = there.state in (STARTING, ACTIVE)
    elif what == "converge":
        world.converge()
    elif what == "step":
        for step in plan(desired, there, world.now)[:1]:
            world.perform(step)
    elif victim is not None:
        harm(world, what, victim)


def harm(world: World, what: str, victim: Fake) -> None:
    """Let something happen to one running process."""
    if what in ("die", "quick_death", "finish"):
        victim.state = DEAD
        if what == "quick_death":
            world.observed.not_before[victim.wid] = world.now + 3
        if what == "finish" and world.observed.state in (STARTING, ACTIVE):
            world.observed.finished += 1
    elif what == "doom":
        victim.is_doomed = True
    elif what == "expire":
        victim.expires_at = world.now
    elif what == "stubborn":
        victim.is_stubborn = True


@settings(max_examples=800, deadline=None)
@given(st.integers(0, 5), ACTIONS, st.booleans())
def test_every_history_converges(running: int, actions: list[tuple[str, int]], eager: bool) -> None:
    """Whatever happened in between, a watcher comes to what is desired, and loses no exit on its way."""
    world = World()
    if running:
        act(world, "resize", running)
        act(world, "start", 0)
        world.converge()
    for what, number in actions:
        act(world, what, number)
        if eager:
            world.converge()
    for _ in range(60):
        world.converge()
        deadline = next_deadline(world.desired, world.observed, world.now)
        if deadline == inf:
            break
        assert deadline > world.now, "a deadline that is over but changes nothing spins the loop"
        world.now = deadline
    there, desired = world.observed, world.desired
    assert plan(desired, there, world.now) == []
    assert world.spawned == world.reaped + len(world.processes), "an exit was lost"
    assert is_settled(desired, there, world.now)
    if there.state is STOPPED:
        assert not world.processes
        return
    assert there.state is ACTIVE and desired.is_running
    assert len(world.alive()) == max(0, desired.numprocesses - there.finished)
    assert all(p.generation == desired.generation and p.state is RUNNING for p in world.alive())
