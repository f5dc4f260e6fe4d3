"""The children that the keeper is asked for, until it has answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Sequence
from typing import Final

from circus_core import _orphans
from circus_core._descriptors import as_many
from circus_core._keeper_messages import Specification, Specifier, failure
from circus_core._programs import explain_launch
from circus_core.errors import SpawnError
from circus_core.keeper.wire import MOST_FDS, WireError
from circus_core.keeper_link import KeeperLink
from circus_core.spawner import Spawned, SpawnFailure, SpawnRequest

_TOGETHER: Final = 32  #: children that the keeper is asked for in one message,
_SIDE_BY_SIDE: Final = 3  #: so many messages on their way: the keeper always has the next one at hand


class _Answers:
    """Counts the answers to what the keeper is asked for in one go.

    :param on_all: called when the last one has come
    """

    def __init__(self, on_all: Callable[[], object]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_all = on_all
        self._left = 1  # whoever asks

    def expect(self) -> None:
        """Wait for one more."""
        self._left += 1

    def come(self) -> None:
        """Note that one has come, or that no more are asked for."""
        self._left -= 1
        if not self._left:
            self._on_all()
            if not self.done.done():
                self.done.set_result(None)


class Start:
    """A child that the keeper is asked for.

    :param answers: where its answer counts
    """

    __slots__ = ("_answer", "_answers", "made", "request", "sent_at", "serial")

    def __init__(self, request: SpawnRequest, made: Specification, answers: _Answers, serial: int) -> None:
        self.request = request
        self.made = made
        self.serial = serial
        self.sent_at = 0.0  #: seconds after boot, 0 while there is no keeper to send it to
        self._answers = answers
        self._answer: Spawned | SpawnFailure | None = None
        answers.expect()

    def take(self, answer: Spawned | SpawnFailure) -> None:
        """Take what became of it, once."""
        self._answer = answer
        self.made.close(keeps_readers=isinstance(answer, Spawned))
        self._answers.come()

    def result(self) -> Spawned | SpawnFailure:
        """Return what became of it."""
        assert self._answer is not None
        return self._answer

    def wanted(self) -> _orphans.Wanted:
        """Return what tells the child from others."""
        common = self.made.common
        pipes = {number: os.fstat(fd).st_ino for number, fd in self.made.readers.items()}
        uid = os.geteuid() if common["uid"] is None else common["uid"]
        return _orphans.Wanted(common["env"], uid, self.sent_at, pipes, tuple(self.made.own["argv"]))


class Starts:
    """Asks for children, and has each until there is an answer.

    :param link: leads to the keeper
    :param has_keeper: returns whether there is one to send them to
    """

    def __init__(self, link: KeeperLink, has_keeper: Callable[[], bool]) -> None:
        self._link = link
        self._has_keeper = has_keeper
        self._by_serial: dict[int, Start] = {}
        self._serial = 0
        self._turn = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def spawn(self, requests: Sequence[SpawnRequest], stored: Collection[str]) -> list[Spawned | SpawnFailure]:
        """Return what becomes of each of *requests*.

        :param stored: names of the descriptors that the keeper holds
        """
        specifier = Specifier(stored)
        size = as_many(_TOGETHER)
        starts: list[Start | SpawnFailure] = []
        asked: list[_Answers] = []
        try:
            for at in range(0, len(requests), size):
                await self._turn.acquire()
                asked.append(_Answers(self._turn.release))
                try:
                    for request in requests[at : at + size]:  # one by one: a later one may raise
                        starts.append(self._specify(request, specifier, asked[-1]))
                    if self._has_keeper():
                        self._send([start for start in starts[at:] if isinstance(start, Start)])
                finally:
                    asked[-1].come()
            for answers in asked:
                await answers.done
        finally:  # cancelled, or not to be asked for: nobody waits for the others, but those after wait for their turn
            for start in starts:
                if isinstance(start, Start) and self.find(start.serial) is start:
                    self.take(start, SpawnFailure("nobody waits for it any more"))
        return [start if isinstance(start, SpawnFailure) else start.result() for start in starts]

    def find(self, serial: int) -> Start | None:
        """Return the one of that number, unless it has its answer."""
        return self._by_serial.get(serial)

    def take(self, start: Start, answer: Spawned | SpawnFailure) -> None:
        """Take what became of one."""
        del self._by_serial[start.serial]
        start.take(answer)

    def fail(self, start: Start, error: OSError) -> None:
        """Take it that one cannot be launched."""
        self.take(start, _failed(error, start.request))

    def sent(self) -> list[Start]:
        """Return those that a keeper was told of."""
        return [start for start in self._by_serial.values() if start.sent_at]

    def send_again(self) -> None:
        """Tell another keeper of all that have no answer."""
        self._send(list(self._by_serial.values()))

    def _specify(self, request: SpawnRequest, specifier: Specifier, answers: _Answers) -> Start | SpawnFailure:
        try:
            made = specifier.specify(request)
        except SpawnError as exc:
            return failure(exc)
        except OSError as exc:
            return _failed(exc, request)
        self._serial += 1
        start = self._by_serial[self._serial] = Start(request, made, answers, self._serial)
        return start

    def _send(self, starts: Sequence[Start]) -> None:
        """Send what is alike in one message, as far as its descriptors go with one."""
        now = _orphans.now()
        together: list[Start] = []
        fds: list[int] = []
        for start in starts:
            start.sent_at = now
            made = start.made
            if together and (made.common is not together[0].made.common or len(fds) + len(made.fds) > MOST_FDS):
                self._send_together(together, fds)
                together, fds = [], []
            together.append(start)
            fds += made.fds
        if together:
            self._send_together(together, fds)

    def _send_together(self, starts: Sequence[Start], fds: Sequence[int]) -> None:
        try:
            self._link.send(("spawn", starts[0].made.common, [(start.serial, start.made.own) for start in starts]), fds)
        except (OSError, ValueError, WireError) as exc:
            if len(starts) == 1:
                error = _failed(exc, starts[0].request) if isinstance(exc, OSError) else SpawnFailure(str(exc))
                self.take(starts[0], error)
                return
            for start in starts:  # what is wrong with one, such as a descriptor that is not open, fails no other
                self._send_together([start], start.made.fds)


def _failed(error: OSError, request: SpawnRequest) -> SpawnFailure:
    return failure(explain_launch(error, request.executable or next(iter(request.argv), ""), request))
