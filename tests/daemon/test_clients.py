"""The clients on a real daemon, which is restarted under them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from circus_core.async_client import AsyncCircusClient
from circus_core.client import CircusClient
from circus_core.consumer import CircusConsumer
from circus_core.errors import CallTimeoutError
from tests.support.daemon import Daemon
from tests.support.ini import circus, watcher
from tests.support.ports import free_ports
from tests.support.waiting import wait_for


@pytest.fixture(params=["ipc", "tcp"])
def restartable(request: pytest.FixtureRequest, daemon: Daemon) -> Daemon:
    """A daemon that runs, with endpoints on unix sockets or on ports."""
    if request.param == "tcp":
        endpoint, pubsub = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
        daemon.endpoint, daemon.pubsub_endpoint = endpoint, pubsub
    daemon.start(watcher("web"))
    return daemon


def restart(daemon: Daemon) -> None:
    """End the daemon and start it again."""
    daemon.stop()
    daemon.launch(str(daemon.config))
    daemon.wait_until_up()


def test_client_finds_a_daemon_that_was_restarted(restartable: Daemon) -> None:
    client = CircusClient(endpoint=restartable.endpoint, timeout=60)
    assert client.send_message("numwatchers")["numwatchers"] == 1
    restart(restartable)

    assert client.send_message("numwatchers")["numwatchers"] == 1
    restartable.stop()
    client.timeout = 100
    with pytest.raises(CallTimeoutError):
        client.send_message("quit")
    restartable.launch(str(restartable.config))
    client.timeout = 60_000
    assert client.send_message("numwatchers")["numwatchers"] == 1, "the quit that was given up is not done"
    client.stop()


def test_client_for_asyncio_finds_a_daemon_that_was_restarted(restartable: Daemon) -> None:
    async def scenario() -> None:
        async with AsyncCircusClient(endpoint=restartable.endpoint, timeout=60) as client:
            replies = await asyncio.gather(*(client.send_message("status", name="web") for _ in range(20)))
            assert {reply["status"] for reply in replies} == {"active"}
            await asyncio.to_thread(restart, restartable)
            assert (await client.send_message("numwatchers"))["numwatchers"] == 1

    asyncio.run(scenario())


def test_waiting_for_a_slow_command_holds_up_no_other_call(daemon: Daemon) -> None:
    daemon.start(watcher("slow", warmup_delay=1), watcher("web"))

    async def scenario() -> None:
        async with AsyncCircusClient(endpoint=daemon.endpoint, timeout=60) as client:
            slow = asyncio.create_task(client.send_message("incr", name="slow", nb=2, waiting=True))
            assert (await client.send_message("status", name="web"))["status"] == "active"
            assert not slow.done()
            assert (await slow)["numprocesses"] == 3

    asyncio.run(scenario())


@pytest.mark.differs("it answers no such subscription")
def test_consumer_gets_every_event_after_it_is_synchronised(daemon: Daemon) -> None:
    daemon.start(watcher("web"), watcher("other"))
    for _ in range(10):
        with CircusConsumer(["watcher.web"], endpoint=daemon.pubsub_endpoint, timeout=60) as consumer:
            consumer.synchronise()
            daemon.call("set", name="other", options={"graceful_timeout": 3})
            daemon.call("set", name="web", options={"graceful_timeout": 3})
            topic, message = consumer.recv_message()
            assert topic == b"watcher.web.updated"
            assert json.loads(message).keys() == {"time"}
            assert consumer.receive(timeout=0) is None


def test_consumer_finds_a_daemon_that_was_restarted(restartable: Daemon) -> None:
    seen: list[bytes] = []
    with CircusConsumer([b"watcher."], endpoint=restartable.pubsub_endpoint) as consumer:

        def hears() -> bool:
            restartable.call("set", name="web", options={"graceful_timeout": 3})
            seen.extend(topic for topic, _ in filter(None, [consumer.receive(timeout=0.1)]))
            return b"watcher.web.updated" in seen

        wait_for(hears, "an event of the first daemon")
        restart(restartable)
        while consumer.receive(timeout=0) is not None:
            pass
        seen.clear()
        wait_for(hears, "an event of the second daemon")


def test_loop_over_a_consumer_closes_it_when_it_is_left(daemon: Daemon) -> None:
    daemon.start(circus(check_delay=0.5), watcher("web", cmd="sleep 0.3"))
    consumer = CircusConsumer([""], endpoint=daemon.pubsub_endpoint)
    events = consumer.iter_messages()

    assert next(events)[0].startswith(b"watcher.web.")
    events.close()  # type: ignore[attr-defined]  # it is a generator
    assert consumer.pubsub_socket.closed


def test_consumer_says_when_nobody_publishes(tmp_path: Path) -> None:
    with (
        CircusConsumer(["watcher."], endpoint=f"ipc://{tmp_path}/none", timeout=0.05) as consumer,
        pytest.raises(CallTimeoutError, match="is it the pubsub_endpoint of a circusd"),
    ):
        consumer.synchronise()


def test_old_names_are_there() -> None:
    from circus.client import AsyncCircusClient as Async
    from circus.client import CallError, make_json, make_message
    from circus.consumer import CircusConsumer as Consumer

    assert (Async, Consumer) == (AsyncCircusClient, CircusConsumer)
    assert json.loads(make_json("list", name="web")) == make_message("list", name="web")
    assert issubclass(CallTimeoutError, CallError)
