"""The client for asyncio against a socket that answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio

from circus_core.async_client import AsyncCircusClient
from circus_core.client import cast_message, make_message
from circus_core.errors import CallError, CallTimeoutError, NoMessageError

Answer = Callable[[list[dict[str, Any]]], list[dict[str, Any] | bytes]]


@asynccontextmanager
async def served(path: Path, answer: Answer, batch: int = 1) -> AsyncIterator[str]:
    """Answer messages, *batch* of them at a time."""
    context = zmq.asyncio.Context()
    router = context.socket(zmq.ROUTER)
    router.linger = 0
    endpoint = f"ipc://{path}/ctl"
    router.bind(endpoint)

    async def serve() -> None:
        while True:
            frames = [await router.recv_multipart() for _ in range(batch)]
            for reply in answer([json.loads(body) for _, body in frames]):
                body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                await router.send_multipart([frames[0][0], body])

    task = asyncio.create_task(serve())
    try:
        yield endpoint
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        context.destroy(0)


def echo(messages: list[dict[str, Any]]) -> list[dict[str, Any] | bytes]:
    return [{"status": "ok", "id": m["id"], "got": m} for m in messages]


def test_call_returns_the_reply(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, echo) as endpoint, AsyncCircusClient(endpoint=endpoint) as client:
            message = make_message("incr", name="web")
            assert (await client.call(message))["got"] == {**make_message("incr", name="web"), "id": message["id"]}
            assert (await client.send_message("list", name="x"))["got"]["properties"] == {"name": "x"}

    asyncio.run(scenario())


def test_calls_at_the_same_time_get_their_own_replies(tmp_path: Path) -> None:
    def backwards(messages: list[dict[str, Any]]) -> list[dict[str, Any] | bytes]:
        return echo(messages[::-1])

    async def scenario() -> None:
        async with served(tmp_path, backwards, batch=50) as endpoint, AsyncCircusClient(endpoint=endpoint) as client:
            replies = await asyncio.gather(*(client.send_message("list", name=str(n)) for n in range(50)))
            assert [reply["got"]["properties"]["name"] for reply in replies] == [str(n) for n in range(50)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "timeout", "error"),
    [
        (lambda messages: [b"nope"], 60, "sent no JSON"),
        (lambda messages: [b"[]"], 60, "sent no object"),
        (lambda messages: [{"id": "old"}], 0.2, "Timed out. No reply from"),
        (lambda messages: [], 0.05, "Timed out. No reply from"),
    ],
)
def test_reply_that_is_none_fails_the_call(tmp_path: Path, answer: Answer, timeout: float, error: str) -> None:
    async def scenario() -> None:
        async with (
            served(tmp_path, answer) as endpoint,
            AsyncCircusClient(endpoint=endpoint, timeout=timeout) as client,
        ):
            with pytest.raises(CallError, match=error):
                await client.send_message("list")

    asyncio.run(scenario())


def test_error_without_an_id_is_about_the_oldest_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        error: dict[str, Any] = {"id": None, "status": "error", "reason": "too big"}
        async with served(tmp_path, lambda _: [error]) as endpoint, AsyncCircusClient(endpoint=endpoint) as client:
            assert (await client.send_message("list"))["reason"] == "too big"

    asyncio.run(scenario())


def test_command_that_was_given_up_is_not_done_when_a_daemon_starts(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(messages: list[dict[str, Any]]) -> list[dict[str, Any] | bytes]:
        asked.extend(message["command"] for message in messages)
        return echo(messages)

    async def scenario() -> None:
        async with AsyncCircusClient(endpoint=f"ipc://{tmp_path}/ctl", timeout=0.05) as client:
            with pytest.raises(CallTimeoutError):
                await client.send_message("quit")
            client.timeout = 10000
            async with served(tmp_path, answer):
                await client.send_message("list")

    asyncio.run(scenario())
    assert asked == ["list"]


def test_cancelled_call_leaves_the_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, echo, batch=2) as endpoint, AsyncCircusClient(endpoint=endpoint) as client:
            first = asyncio.create_task(client.send_message("list", name="a"))
            await asyncio.sleep(0)
            first.cancel()
            assert (await client.send_message("list", name="b"))["got"]["properties"] == {"name": "b"}
            with pytest.raises(asyncio.CancelledError):
                await first

    asyncio.run(scenario())


def test_closing_fails_the_calls_that_wait(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, lambda messages: []) as endpoint:
            client = AsyncCircusClient(endpoint=endpoint)
            call = asyncio.create_task(client.send_message("list"))
            await asyncio.sleep(0)
            client.stop()
            client.stop()
            with pytest.raises(CallError, match="was closed"):
                await call

    asyncio.run(scenario())


def test_one_client_serves_one_loop_after_the_other(tmp_path: Path) -> None:
    client = AsyncCircusClient(endpoint=f"ipc://{tmp_path}/ctl")

    async def scenario() -> None:
        async with served(tmp_path, echo):
            assert (await client.send_message("list"))["status"] == "ok"

    asyncio.run(scenario())
    asyncio.run(scenario())
    client.stop()


def test_cast_is_not_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncCircusClient(endpoint=f"ipc://{tmp_path}/none") as client:
            assert await client.call(cast_message("stop", name="web")) == {}
            with pytest.raises(NoMessageError, match="make_message"):
                await client.call("list")  # type: ignore[arg-type]  # what is tested

    asyncio.run(scenario())
