"""Several children that are asked for at once: what goes wrong with some holds up nobody else."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from circus_core.keeper import start
from circus_core.keeper_spawner import KeeperSpawner
from circus_core.spawner import OpenFd, Spawned, SpawnFailure, SpawnRequest
from tests.support.spawners import Harness, request, with_keeper

MORE_THAN_TURNS = 5  #: so often that nothing would be asked for any more if each time a turn were lost

Make = Callable[[], Harness]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Harness] = []

    def harness() -> Harness:
        made.append(Harness(with_keeper))
        return made[-1]

    yield harness
    for one in made:
        for child in one.spawner.children():
            one.spawner.signal(child.spawned.child, 9)
        one.close()


async def _soon(awaitable: Awaitable[Any]) -> Any:
    async with asyncio.timeout(30):
        return await awaitable


def test_who_is_cancelled_holds_up_nobody(make: Make) -> None:
    harness = make()
    spawner = harness.spawner
    assert isinstance(spawner, KeeperSpawner)

    async def cancel_and_go_on() -> list[Spawned | SpawnFailure]:
        many = [request("sleep", "1000") for _ in range(64)]
        for _ in range(MORE_THAN_TURNS):
            spawning = asyncio.create_task(spawner.spawn(many))
            await asyncio.sleep(0)
            spawning.cancel()
            await asyncio.gather(spawning, return_exceptions=True)
        spawner.suspend()
        spawner.load()
        await spawner.open(harness._on_exits)
        return await _soon(spawner.spawn([request("true")]))

    (answer,) = harness.runner.run(cancel_and_go_on())

    assert isinstance(answer, Spawned)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(request("true", 5), id="word"),  # type: ignore[arg-type]  # so an extension may make one
        pytest.param(request("true", fds={n: OpenFd(0) for n in range(10, 230)}), id="descriptors"),
        pytest.param(request("true", label=object()), id="label"),
    ],
)
def test_what_cannot_be_said_holds_up_nobody(make: Make, bad: SpawnRequest) -> None:
    harness = make()
    spawner = harness.spawner

    async def go_on() -> list[Spawned | SpawnFailure]:
        for _ in range(MORE_THAN_TURNS):
            await asyncio.gather(_soon(spawner.spawn([request("true"), bad])), return_exceptions=True)
        return await _soon(spawner.spawn([request("true")]))

    (answer,) = harness.runner.run(go_on())

    assert isinstance(answer, Spawned)


def test_the_keeper_needs_no_file_of_its_package_later(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "circus_core"
    shutil.copytree(Path(start.__file__).parents[1], package)
    ours, moved = os.path.dirname(os.path.abspath(start.__file__)), str(package / "keeper")
    words_of = start.command
    monkeypatch.setattr(start, "command", lambda words: [word.replace(ours, moved) for word in words_of(words)])
    harness = make()
    harness.spawn_one(request("sleep", "1000"))

    shutil.rmtree(package)

    assert len(harness.spawn(*[request("sleep", "1000")] * 40)) == 40
