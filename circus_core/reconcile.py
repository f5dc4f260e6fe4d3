"""``plan(desired, observed, now)``: the one place that decides what a watcher does next.

Pure: time comes in as data, nothing is changed. Commands, signals and timers only write
*desired*; the watcher performs the steps and asks again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from itertools import count as numbers_from
from itertools import filterfalse, islice
from math import inf
from typing import Final, NamedTuple, Protocol

from circus_core.quick_dataclass import dataclass
from circus_core.states import ProcessState, WatcherState, Wid

_RUNNING: Final = ProcessState.RUNNING
_STOPPING: Final = ProcessState.STOPPING
_DEAD: Final = ProcessState.DEAD


class Do(Enum):
    """What a step does."""

    START = "start"  # stopped to starting
    SPAWN = "spawn"  # fill the slot
    ACTIVATE = "activate"  # starting to active
    STOP = "stop"  # ask the process to end
    KILL = "kill"  # SIGKILL
    REAP = "reap"  # collect the dead process
    RELOADED = "reloaded"  # a reload reached every process
    BEGIN_STOP = "begin_stop"  # to stopping
    FINISH_STOP = "finish_stop"  # stopping to stopped


class Cause(Enum):
    """Why a process ended or is asked to."""

    DIED = "died"  # by itself, or by a signal that is not ours
    STOP = "stop"  # its watcher stops
    SURPLUS = "surplus"  # more run than desired
    OUTDATED = "outdated"  # a graceful reload replaced it
    TURN = "turn"  # its turn in a sequential reload
    EXPIRED = "expired"  # older than max_age
    COMMAND = "command"  # the kill command


class Step(NamedTuple):
    """One thing to do; *wid* names the slot where the step is about one."""

    do: Do
    wid: Wid | None = None
    cause: Cause | None = None


class Seen(Protocol):
    """A process as ``plan`` sees it; readings are of ``time.monotonic()``.

    ``expires_at`` is when ``max_age`` ends it, ``kill_at`` when its graceful time is over; ``inf`` for never.
    """

    @property
    def wid(self) -> Wid: ...
    @property
    def state(self) -> ProcessState: ...
    @property
    def generation(self) -> int: ...
    @property
    def started_at(self) -> float: ...
    @property
    def expires_at(self) -> float: ...
    @property
    def kill_at(self) -> float: ...
    @property
    def is_doomed(self) -> bool:
        """A command asked for its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What settings and commands ask of a watcher.

    :param is_held: its turn in a start of several watchers has not come
    :param awaits_demand: ``on_demand``, and no connection is waiting
    :param run: raised to start again: a watcher in an older run is stopped first
    :param generation: raised by a reload: processes of an older one are replaced
    :param one_by_one: a reload stops a process before it spawns the next
    :param warmup_delay: seconds between two spawns
    :param respawns: what a command or ``max_age`` ends is replaced
    """

    numprocesses: int
    is_running: bool = False
    is_held: bool = False
    awaits_demand: bool = False
    run: int = 0
    generation: int = 0
    one_by_one: bool = False
    warmup_delay: float = 0.0
    respawns: bool = True


@dataclass(slots=True, kw_only=True)
class Observed:
    """What is really there.

    :param run: the run that it last began
    :param generation: the generation that every process last reached
    :param has_failed: it cannot go on, and has to stop
    :param finished: slots that are done and not filled again in this run
    :param not_before: slot to the reading before which it is not filled
    :param spawned_at: reading of the last spawn
    """

    state: WatcherState = WatcherState.STOPPED
    processes: Mapping[Wid, Seen] = field(default_factory=dict)
    run: int = 0
    generation: int = 0
    has_failed: bool = False
    finished: int = 0
    not_before: dict[Wid, float] = field(default_factory=dict)
    spawned_at: float = -inf


class _Census(NamedTuple):
    """The processes of one moment, sorted by what they count for."""

    dead: list[Seen]
    stopping: list[Seen]
    leaving: list[tuple[Seen, Cause]]  # running, and to be stopped whatever the others do
    fresh: list[Seen]
    outdated: list[Seen]

    @property
    def alive(self) -> int:
        return len(self.stopping) + len(self.leaving) + len(self.fresh) + len(self.outdated)


def plan(desired: Desired, observed: Observed, now: float) -> list[Step]:
    """Return the steps that bring *observed* to *desired*, in the order to perform them.

    Asking again before they are done gives the same steps, so the caller may be
    interrupted anywhere and start over.

    :param now: a ``time.monotonic()`` reading
    """
    census = _census(desired, observed.processes.values(), now)
    steps = [Step(Do.REAP, p.wid) for p in census.dead]
    steps += [Step(Do.KILL, p.wid) for p in census.stopping if p.kill_at <= now]
    if observed.state is WatcherState.STOPPED:
        return [*steps, Step(Do.START)] if _may_start(desired, observed) else steps
    if observed.state is WatcherState.STOPPING:
        return steps + _finish(observed, census)
    if _must_stop(desired, observed, census):
        return [*steps, Step(Do.BEGIN_STOP)]
    return steps + _keep(desired, observed, census, now)


def next_deadline(desired: Desired, observed: Observed, now: float) -> float:
    """Return the reading at which ``plan`` may give other steps without anything else happening; ``inf`` for never."""
    processes = observed.processes.values()
    limits = [limit for p in processes if (limit := p.expires_at) != inf and p.state is _RUNNING]
    limits += [limit for p in processes if (limit := p.kill_at) != inf and p.state is _STOPPING]
    if observed.state in (WatcherState.STARTING, WatcherState.ACTIVE):
        limits += [t for t in observed.not_before.values() if t > now]
        if desired.warmup_delay and observed.spawned_at + desired.warmup_delay > now:
            limits.append(observed.spawned_at + desired.warmup_delay)
    return min(limits, default=inf)


def is_settled(desired: Desired, observed: Observed, now: float) -> bool:
    """Tell whether *desired* is reached, but for what waits out its pacing.

    A watcher that gave up, or was refused by a hook, is settled: it will not go on by itself.
    """
    if plan(desired, observed, now):
        return False
    if observed.state is WatcherState.STOPPED:
        return not (desired.is_running and desired.is_held and observed.run != desired.run)
    if observed.state is not WatcherState.ACTIVE:
        return False
    census = _census(desired, observed.processes.values(), now)
    if census.stopping or census.leaving or census.outdated:
        return False
    missing = _wanted(desired, observed) - len(census.fresh)
    paced = _paced(census, observed, missing, now)
    return len(paced) == max(0, missing)


def free_wids(taken: Container[Wid], count: int, also: Iterable[Wid] = ()) -> list[Wid]:
    """Return the *count* lowest slots that are not *taken*, or are among *also*."""
    free = islice(filterfalse(taken.__contains__, numbers_from(1)), count)
    return [Wid(number) for number in sorted([*free, *also])[:count]]


def _census(desired: Desired, processes: Iterable[Seen], now: float) -> _Census:
    census = _Census([], [], [], [], [])
    generation, fresh = desired.generation, census.fresh.append
    for p in processes:
        state = p.state
        if state is _RUNNING:
            if p.generation == generation and p.expires_at > now and not p.is_doomed:
                fresh(p)
            elif p.is_doomed:
                census.leaving.append((p, Cause.COMMAND))
            elif p.expires_at <= now:
                census.leaving.append((p, Cause.EXPIRED))
            else:
                census.outdated.append(p)
        elif state is _DEAD:
            census.dead.append(p)
        else:
            census.stopping.append(p)
    return census


def _may_start(desired: Desired, observed: Observed) -> bool:
    waits = desired.is_held or desired.awaits_demand
    return desired.is_running and not waits and observed.run != desired.run


def _must_stop(desired: Desired, observed: Observed, census: _Census) -> bool:
    if not desired.is_running or observed.run != desired.run or observed.has_failed:
        return True
    # Nothing runs and nothing will: all slots are done, or none was wanted when it started.
    idle = not census.alive and _wanted(desired, observed) == 0
    return idle and (observed.finished > 0 or observed.state is WatcherState.STARTING)


def _wanted(desired: Desired, observed: Observed) -> int:
    return max(0, desired.numprocesses - observed.finished)


def _finish(observed: Observed, census: _Census) -> list[Step]:
    if not census.alive:
        return [Step(Do.FINISH_STOP)]
    return [Step(Do.STOP, p.wid, Cause.STOP) for p in observed.processes.values() if p.state is _RUNNING]


def _keep(desired: Desired, observed: Observed, census: _Census, now: float) -> list[Step]:
    wanted = _wanted(desired, observed)
    steps = [Step(Do.STOP, p.wid, cause) for p, cause in census.leaving]
    missing = wanted - len(census.fresh) - (0 if desired.respawns else len(census.leaving))
    # Those on their way out do not count: a slow stop must not delay its replacement.
    room = 2 * desired.numprocesses - census.alive
    warmup_at = observed.spawned_at + desired.warmup_delay
    leavers = [p for p in census.stopping if p.generation != desired.generation]
    if desired.one_by_one and (census.outdated or leavers):
        missing -= len(census.outdated) + len(leavers)
        if census.outdated and missing <= 0 and not leavers and warmup_at <= now:
            steps.append(Step(Do.STOP, _oldest(census.outdated).wid, Cause.TURN))
    else:
        # They serve until they are replaced, but for those that are more than is wanted by now.
        kept = wanted if missing > 0 else 0
        steps += [Step(Do.STOP, p.wid, Cause.OUTDATED) for p in _all_but_newest(census.outdated, kept)]
    steps += [Step(Do.STOP, p.wid, Cause.SURPLUS) for p in _all_but_newest(census.fresh, wanted)]
    spawns = _due(census, observed, min(missing, room), now)
    if desired.warmup_delay and not (census.outdated and not desired.one_by_one):
        spawns = spawns[:1] if warmup_at <= now else []
    steps += [Step(Do.SPAWN, wid) for wid in spawns]
    return steps + _progress(desired, observed, census, now)


def _progress(desired: Desired, observed: Observed, census: _Census, now: float) -> list[Step]:
    if len(census.fresh) < _wanted(desired, observed):
        return []
    if observed.state is WatcherState.STARTING:
        return [Step(Do.ACTIVATE)] if observed.spawned_at + desired.warmup_delay <= now else []
    older = [p for p in census.stopping if p.generation != desired.generation]
    if observed.generation != desired.generation and not census.outdated and not older:
        return [Step(Do.RELOADED)]
    return []


def _slots(census: _Census, observed: Observed, missing: int) -> list[Wid]:
    if missing <= 0:
        return []
    return free_wids(observed.processes, missing, also=(p.wid for p in census.dead))


def _due(census: _Census, observed: Observed, missing: int, now: float) -> list[Wid]:
    return [wid for wid in _slots(census, observed, missing) if observed.not_before.get(wid, now) <= now]


def _paced(census: _Census, observed: Observed, missing: int, now: float) -> list[Wid]:
    return [wid for wid in _slots(census, observed, missing) if observed.not_before.get(wid, now) > now]


def _oldest(processes: Sequence[Seen]) -> Seen:
    return min(processes, key=lambda p: p.started_at)


def _all_but_newest(processes: Sequence[Seen], kept: int) -> Sequence[Seen]:
    if len(processes) <= kept:
        return ()
    return sorted(processes, key=lambda p: p.started_at, reverse=True)[kept:]
