"""Who gets an event, and that it is written for nobody else."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import zmq

from circus_core.endpoints import Endpoint
from circus_core.events import WatcherAdded
from circus_core.publisher import Publisher, make_socket
from circus_core.quick_dataclass import dataclass

PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(WatcherAdded):
    """Counts how often it is written."""

    written: ClassVar[list[str]] = []

    def payload(self) -> dict[str, Any]:
        self.written.append(self.watcher)
        return {"time": self.time}


async def until(probe: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not probe():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.005)


async def opened(context: zmq.Context[Any]) -> Publisher:
    endpoint = Endpoint(partial(make_socket, context), "pubsub_endpoint")
    await endpoint.bind("tcp://127.0.0.1:*")
    publisher = Publisher(endpoint)
    publisher.open()
    return publisher


async def subscribed(context: zmq.Context[Any], publisher: Publisher, topic: bytes, name: str) -> zmq.Socket[bytes]:
    """Return a subscriber that gets all from now on."""
    sub = context.socket(zmq.SUB)
    sub.linger = 0
    for each in (topic, b"sync." + name.encode()):
        sub.subscribe(each)
    sub.connect(publisher.endpoint.address)
    await until(lambda: sub.poll(0), "the answer")
    sub.recv_multipart()
    return sub


def stranger(publisher: Publisher, said: bytes) -> socket.socket:
    """Be a subscriber of another make that says *said*."""
    port = int(publisher.endpoint.address.rsplit(":", 1)[1])
    kind = b"\x0bSocket-Type" + struct.pack(">I", 3) + b"SUB"
    ready = b"\x05READY" + kind
    sock = socket.create_connection(("127.0.0.1", port))
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
    sock.sendall(greeting + b"\x04" + bytes([len(ready)]) + ready)
    heard = b""
    while b"READY" not in heard:
        heard += sock.recv(4096)
    sock.sendall(b"\x00" + bytes([len(said)]) + said)
    return sock


def test_what_nobody_is_subscribed_to_is_not_written() -> None:
    async def run(context: zmq.Context[Any]) -> None:
        publisher = await opened(context)
        publisher.publish(Counted(watcher="early"))
        sub = await subscribed(context, publisher, b"watcher.b", "one")
        for name in ("a", "b", "bee"):
            publisher.publish(Counted(watcher=name))
        await until(lambda: sub.poll(0), "the event")
        assert [sub.recv_multipart()[0] for _ in range(2)] == [b"watcher.b.add", b"watcher.bee.add"]
        assert Counted.written == ["b", "bee"]
        sub.close()
        publisher.close()

    Counted.written.clear()
    with zmq.Context() as context:
        asyncio.run(run(context))


def test_a_stranger_that_takes_back_what_it_never_wanted_silences_nobody() -> None:
    async def run(context: zmq.Context[Any]) -> None:
        publisher = await opened(context)
        first = await subscribed(context, publisher, b"watcher.", "first")
        with stranger(publisher, b"\0watcher."):
            # What the stranger said has come when what it says behind it has.
            with stranger(publisher, b"\1other."):
                await until(lambda: b"other." in publisher._wanted, "what the stranger wants")
            second = await subscribed(context, publisher, b"watcher.", "second")
            publisher.publish(Counted(watcher="a"))
            for sub in (first, second):
                await until(lambda sub=sub: sub.poll(0), "the event")  # type: ignore[misc]
                assert sub.recv_multipart()[0] == b"watcher.a.add"
                sub.close()
        publisher.close()

    with zmq.Context() as context:
        asyncio.run(run(context))


def test_with_very_many_topics_all_is_written() -> None:
    async def run(context: zmq.Context[Any]) -> None:
        publisher = await opened(context)
        subs = [await subscribed(context, publisher, f"watcher.{n}.".encode(), str(n)) for n in range(102)]
        publisher.publish(Counted(watcher="101"))
        await until(lambda: subs[101].poll(0), "the event")
        for sub in subs:
            sub.close()
        publisher.close()

    with zmq.Context() as context:
        asyncio.run(run(context))
