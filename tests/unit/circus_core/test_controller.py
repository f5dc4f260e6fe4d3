"""In which order what comes in one breath is done and answered."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq

from circus_core.controller import Controller, make_socket
from circus_core.endpoints import Endpoint
from circus_core.errors import CommandFailedError
from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply
from tests.support.fake_arbiter import FakeArbiter

PATIENCE = 10.0
done: list[str] = []


class Now(Command[NoArgs]):
    """Awaits nothing."""

    name = "now"

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        done.append(self.name)
        return {"done": list(done)}


class Later(Command[NoArgs]):
    """Is a coroutine."""

    name = "later"

    async def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        done.append(self.name)
        return {"done": list(done)}


class Wrapped(Command[NoArgs]):
    """Returns one, as a command behind a decorator does."""

    name = "wrapped"

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Awaitable[Reply]:
        return Later.execute(self, arbiter, args)  # type: ignore[arg-type]


class Fails(Command[NoArgs]):
    """Raises."""

    name = "fails"

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        done.append(self.name)
        raise CommandFailedError("no")


class Odd(Command[NoArgs]):
    """Replies what is no JSON."""

    name = "odd"

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        done.append(self.name)
        return {"bytes": b""}


class Large(Command[NoArgs]):
    """Replies much."""

    name = "large"

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        done.append(self.name)
        return {"much": {str(n): {"n": n} for n in range(5000)}}


COMMANDS = [Now(), Later(), Wrapped(), Fails(), Odd(), Large()]


class FullEstate:
    """Has no descriptor left to store by."""

    def was_executed(self, message_id: str) -> bool:
        return False

    def flush(self) -> None:
        raise OSError(errno.EMFILE, "too many open files")


def ask(folder: Path, names: list[str], estate: Any = None) -> list[dict[str, Any]]:
    """Send commands in one go and return the replies, by the order of the questions."""

    async def run(context: zmq.Context[Any]) -> list[dict[str, Any]]:
        arbiter = FakeArbiter()
        arbiter.known = {command.name: command for command in COMMANDS}
        endpoint = Endpoint(partial(make_socket, context), "endpoint")
        await endpoint.bind(f"ipc://{folder}/endpoint")
        controller = Controller(endpoint, estate)
        client = context.socket(zmq.DEALER)
        client.linger = 0
        client.connect(controller.endpoint.address)
        for number, name in enumerate(names):
            client.send(json.dumps({"id": str(number), "command": name, "properties": {}}).encode())
        controller.open(arbiter)
        replies: list[dict[str, Any]] = []
        async with asyncio.timeout(PATIENCE):
            while len(replies) < len(names):
                if client.poll(0):
                    replies.append(json.loads(client.recv()))
                await asyncio.sleep(0)
        client.close()
        controller.close()
        return sorted(replies, key=lambda reply: int(reply["id"]))

    done.clear()
    with zmq.Context() as context:
        return asyncio.run(run(context))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["now", "now"], id="at-once"),
        pytest.param(["later", "now", "later", "now"], id="behind-one-that-awaits"),
        pytest.param(["wrapped", "now", "wrapped", "later", "now"], id="behind-one-that-returns-what-to-await"),
        pytest.param(["fails", "now"], id="behind-one-that-fails"),
        pytest.param(["odd", "now"], id="behind-one-whose-reply-is-no-json"),
        pytest.param(["large", "later", "now"], id="behind-one-with-a-long-reply"),
        pytest.param(["no-such", "later", "now"], id="behind-one-that-is-not-there"),
        pytest.param(["now", "later"] * 200, id="many"),
    ],
)
def test_commands_are_done_in_the_order_in_which_they_come(tmp_path: Path, names: list[str]) -> None:
    replies = ask(tmp_path, names)

    assert done == [name for name in names if name != "no-such"]
    assert [reply["status"] for reply in replies] == [
        "error" if name in ("fails", "odd", "no-such") else "ok" for name in names
    ]


def test_what_cannot_be_kept_for_the_next_arbiter_is_told(tmp_path: Path) -> None:
    replies = ask(tmp_path, ["now", "later", "now"], FullEstate())

    assert done == ["now", "later", "now"]
    assert {(reply["status"], "too many open files" in reply["reason"]) for reply in replies} == {("error", True)}


def test_a_long_reply_is_whole(tmp_path: Path) -> None:
    (reply,) = ask(tmp_path, ["large"])

    assert len(reply["much"]) == 5000
