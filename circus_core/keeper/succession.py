"""Which arbiter is served, and by which it is followed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from circus_core.keeper.arbiters import FIRST_DELAY, LONGEST_DELAY, START_LIMIT, Arbiter, Nursery, Role
from circus_core.keeper.log import log
from circus_core.keeper.loop import Loop
from circus_core.keeper.system import signal_name

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, Final

SETTLED: Final = 1.0  #: seconds after which an arbiter that serves counts as one that works
LEAVE_LIMIT: Final = 30.0  #: seconds that one which was replaced has for its last replies
_MISSES: Final = 2  #: heartbeats in a row
_AT_ONCE: Final = 2  #: failures in a row after which the next arbiter is started without a pause


class Succession:
    """Starts another arbiter when one dies, with growing pauses, and puts one in the place of another."""

    def __init__(self, loop: Loop, nursery: Nursery) -> None:
        self._loop = loop
        self._nursery = nursery
        self.serving: Arbiter | None = None
        self._beside: Arbiter | None = None  # gets ready to take over
        self._before: Arbiter | None = None  # has let go, and goes on if the one that serves fails at once
        self._is_proven = False
        self._verdict = ""  # why the one that serves is being killed
        self._command: list[str] = []
        self._deaths = 0  # of arbiters that served, since the keeper began
        self._failures = 0  # in a row
        self._reason = ""
        self.is_waiting = False  #: for the time of the next try
        self.is_stopping_alone = False
        self.on_switch: Callable[[], object] = lambda: None  #: called when another one is served, both alive

    def serve(self, arbiter: Arbiter) -> None:
        """Let *arbiter* be the one that is served."""
        self.serving = arbiter

    def facts(self) -> dict[str, Any]:
        """Return what an arbiter is told of those before it."""
        return {"deaths": self._deaths, "reason": self._reason}

    def greeted(self, arbiter: Arbiter, command: list[str]) -> None:
        """Note the command line that starts an arbiter like this one."""
        arbiter.command = command
        if arbiter is self.serving:
            self._command = command

    def told(self, arbiter: Arbiter, operation: str, fields: Sequence[Any]) -> None:
        """Take what an arbiter says of itself."""
        if operation == "pong":
            arbiter.unanswered = 0
        elif operation == "end":
            self._commit()
            arbiter.leaves = True
        elif operation == "ready":
            self._ready(arbiter, fields[0])
        elif operation == "proven" and arbiter is self._beside:
            self._is_proven = True
            self._send(self.serving, ("handover",))
        elif operation == "handover" and arbiter is self.serving and self._is_proven:
            self._switch()
        elif operation == "failed" and self._beside is not None and arbiter in (self._beside, self.serving):
            self._give_up(fields[0])

    def ended(self, arbiter: Arbiter, *, has_children: bool) -> int | None:
        """Take the end of an arbiter, and return the keeper's exit code when it ends with it."""
        self._loop.forget(f"leave {arbiter.pid}")
        if arbiter is self._beside:
            self._give_up(f"it {_how(arbiter)}")
        if arbiter is self._before:
            self._before = None
            if self.serving is not None and self.serving.is_ready:
                self._commit()
        if arbiter is not self.serving:
            return None
        self._loop.forget("heartbeat")
        self._loop.forget("settled")
        self.serving = None
        if arbiter.leaves:
            return _shell_code(arbiter.exit_code)
        if self._before is not None:
            self._fall_back(arbiter)
            return None
        if arbiter.role == Role.FIRST and not arbiter.is_ready and not has_children:
            return _shell_code(arbiter.exit_code) or 1
        self._deaths += 1
        self._failures += 1
        self._reason, self._verdict = self._verdict or f"it {_how(arbiter)}", ""
        if self._is_proven:
            log("WARNING", f"the arbiter (pid {arbiter.pid}) {_how(arbiter)} while it was replaced; the next goes on")
            self._switch()
            return None
        self._drop_beside()
        self._follow(arbiter)
        return None

    def try_now(self) -> None:
        """Start an arbiter now, not at the time planned."""
        self._loop.forget("start")
        self._start()

    def stop_alone(self) -> None:
        """Start no more arbiters."""
        self._loop.forget("start")
        self.is_stopping_alone = self.is_waiting = True

    # -- one that follows ---------------------------------------------------------------------------------------

    def _follow(self, dead: Arbiter) -> None:
        if self.is_stopping_alone:
            return
        if self._failures <= _AT_ONCE:
            log("ERROR", f"the arbiter (pid {dead.pid}) {_how(dead)}; the processes run on, another one is started")
            self._start()
            return
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(self._failures - _AT_ONCE - 1, 10))
        log(
            "CRITICAL",
            f"the arbiter (pid {dead.pid}) {_how(dead)}, {self._failures} times in a row; the processes run on. "
            f"Next try in {delay:g} s. The lines above should tell why; mend it, then `kill -HUP {os.getpid()}` tries "
            f"at once. `kill -TERM {os.getpid()}` ends everything.",
        )
        self.is_waiting = True
        self._loop.at("start", delay, self._start)

    def _start(self) -> None:
        self.is_waiting = False
        try:
            self.serving = self._nursery.start(self._command, Role.NEXT)
        except OSError as exc:
            self._failures += 1
            log(
                "CRITICAL",
                f"no arbiter can be started: {self._command[0]}: {exc.strerror}; next try in {LONGEST_DELAY:g} s",
            )
            self.is_waiting = True
            self._loop.at("start", LONGEST_DELAY, self._start)
            return
        self._loop.at("limit", START_LIMIT, self._too_slow)

    def _too_slow(self) -> None:
        if self.serving is not None and not self.serving.is_ready:
            log("ERROR", f"the arbiter (pid {self.serving.pid}) does not serve after {START_LIMIT:g} s and is killed")
            self.serving.kill()

    def _ready(self, arbiter: Arbiter, limit: float) -> None:
        arbiter.is_ready = True
        arbiter.unanswered = 0
        self._loop.forget("limit")
        if arbiter.role == Role.BESIDE and arbiter is self.serving:
            self._loop.forget("upgrade")
            if self._before is not None:
                self._loop.at("trial", SETTLED, self._commit)
            else:
                self._commit()
        if self._failures:
            log("WARNING", f"the arbiter (pid {arbiter.pid}) has taken over")
            self._loop.at("settled", SETTLED, self._settle)
        if limit > 0:
            self._loop.at("heartbeat", limit / _MISSES, lambda: self._beat(arbiter, limit))

    def _settle(self) -> None:
        if self.serving is not None and self.serving.is_ready:
            self._failures = 0

    def _beat(self, arbiter: Arbiter, limit: float) -> None:
        if arbiter is not self.serving:
            return
        if arbiter.unanswered >= _MISSES:
            log("ERROR", f"the arbiter (pid {arbiter.pid}) has not answered for {limit:g} s and is killed")
            arbiter.kill()
            return
        arbiter.unanswered += 1
        self._send(arbiter, ("ping",))
        self._loop.at("heartbeat", limit / _MISSES, lambda: self._beat(arbiter, limit))

    # -- one in the place of another ----------------------------------------------------------------------------

    def upgrade(self, command: list[str], timeout: float, stderr: int) -> None:
        """Start an arbiter to take the place of the one that serves; it writes its errors to *stderr*."""
        if self._beside is not None or self._before is not None:
            self._send(self.serving, ("stay", "another upgrade is under way"))
            return
        try:
            self._beside = self._nursery.start(command, Role.BESIDE, stderr=stderr)
        except OSError as exc:
            self._send(self.serving, ("stay", f"{command[0]!r} cannot be run: {exc.strerror}"))
            return
        self._loop.at("upgrade", timeout, lambda: self._too_late(timeout))

    def _switch(self) -> None:
        """Serve the one beside; the one before has let go, or is dead."""
        self._loop.forget("heartbeat")
        self._before, self.serving, self._beside = self.serving, self._beside, None
        self._is_proven = False
        if self._before is not None:
            self._before.is_attached = self._before.is_ready = False
            self.on_switch()
        self._send(self.serving, ("go",))

    def _commit(self) -> None:
        """Keep the one that serves now; the one before is needed no more."""
        self._loop.forget("trial")
        before, self._before = self._before, None
        if self.serving is None or self.serving.role != Role.BESIDE:
            return  # nothing is being replaced
        self._command = self.serving.command
        self.serving.role = Role.NEXT
        self._send(self.serving, ("settled",))
        if before is not None:
            before.role, before.leaves = Role.GONE, True
            self._send(before, ("leave",))
            self._loop.at(f"leave {before.pid}", LEAVE_LIMIT, before.kill)

    def _fall_back(self, failed: Arbiter) -> None:
        """Serve the one before again, in the place of the one that ended."""
        why = self._verdict or f"it {_how(failed)}" + (" soon after it took over" if failed.is_ready else "")
        self._loop.forget("upgrade")
        self._loop.forget("trial")
        self.serving, self._before, self._verdict = self._before, None, ""
        self._send(self.serving, ("stay", why))
        self._loop.at("limit", START_LIMIT, self._too_slow)

    def _too_late(self, timeout: float) -> None:
        why = f"it did not take over within {timeout:g} s"
        if self._beside is not None:
            self._give_up(why)
        elif self.serving is not None:
            self._verdict = why
            self.serving.kill()

    def _give_up(self, why: str) -> None:
        self._drop_beside()
        self._send(self.serving, ("stay", why))

    def _drop_beside(self) -> None:
        self._loop.forget("upgrade")
        beside, self._beside = self._beside, None
        self._is_proven = False
        if beside is not None:
            beside.role = Role.GONE
            beside.kill()

    def _send(self, arbiter: Arbiter | None, message: tuple[Any, ...]) -> None:
        if arbiter is not None:
            arbiter.send(message)
            self._nursery.after_send(arbiter)


def _how(arbiter: Arbiter) -> str:
    code = arbiter.exit_code
    if code is None:
        return "ended"
    return f"was ended by {signal_name(-code)}" if code < 0 else f"ended with {code}"


def _shell_code(code: int | None) -> int:
    if code is None:
        return 0
    return code if code >= 0 else 128 - code
