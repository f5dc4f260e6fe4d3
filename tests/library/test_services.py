"""What an embedded arbiter runs besides its watchers: plugins, statistics, further endpoints, signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import zmq

from circus import get_arbiter
from circus.client import AsyncCircusClient
from circus.controller import Controller
from circus.sighandler import SysHandler
from tests.support.waiting import wait_for

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {
        "controller": f"ipc://{tmp_path}/endpoint",
        "pubsub_endpoint": f"ipc://{tmp_path}/pubsub",
        "multicast_endpoint": "",
    }


async def until(probe: Callable[[], Any], what: str) -> Any:
    return await asyncio.to_thread(wait_for, probe, what)


def test_plugins_run(options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES), *filter(None, sys.path)]))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    log = tmp_path / "events"
    plugin = {"name": "logger", "use": "event_log.Logger", "filename": str(log)}
    arbiter = get_arbiter({"name": "web", "cmd": "sleep 1000"}, plugins=[plugin], background=True, **options)
    arbiter.start()
    try:
        assert arbiter.statuses() == {"web": "active", "plugin:logger": "active"}
        wait_for(log.exists, "the plugin")
        wait_for(lambda: arbiter.get_watcher("web").restart().result() and log.read_text(), "the events")
        arbiter.restart().result()
        wait_for(lambda: arbiter.statuses() == {"web": "active", "plugin:logger": "active"}, "all to run again")
    finally:
        arbiter.stop()


def test_statistics_are_published(options: dict[str, Any], tmp_path: Path) -> None:
    arbiter = get_arbiter(
        {"name": "web", "cmd": "sleep 1000"}, stats_endpoint=f"ipc://{tmp_path}/stats", background=True, **options
    )
    arbiter.start()
    context: zmq.Context[Any] = zmq.Context()
    try:
        assert arbiter.statuses()["circusd-stats"] == "active"
        with context.socket(zmq.SUB) as sub:
            sub.connect(f"ipc://{tmp_path}/stats")
            sub.subscribe(b"stat.web")
            assert sub.poll(60_000)
    finally:
        context.destroy(linger=0)
        arbiter.stop()


def test_one_endpoint_more(options: dict[str, Any], tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        arbiter = get_arbiter({"name": "web", "cmd": "sleep 1000"}, loop=loop, **options)
        controller = Controller(f"ipc://{tmp_path}/more", None, arbiter.context, loop, arbiter)
        await arbiter.start()
        assert arbiter.ctrl.endpoint == arbiter.endpoint
        await controller.start()
        client = AsyncCircusClient(endpoint=controller.endpoint)
        assert (await client.send_message("list"))["watchers"] == ["web"]
        client.stop()
        controller.stop()
        await arbiter.stop()

    asyncio.run(main())


def test_signals_of_the_program_reach_its_arbiter(options: dict[str, Any]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        arbiter = get_arbiter({"name": "web", "cmd": "sleep 1000"}, loop=loop, **options)
        await arbiter.start()
        handler = SysHandler(Controller(arbiter.endpoint, None, arbiter.context, loop, arbiter))
        (before,) = arbiter.get_watcher("web").pids
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: arbiter.get_watcher("web").get_active_pids() not in ([], [before]), "the reload")
        os.kill(os.getpid(), signal.SIGWINCH)
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: arbiter.statuses() == {"web": "stopped"} and not arbiter.running, "the end")
        handler.stop()
        await arbiter.stop()

    before = signal.getsignal(signal.SIGTERM)
    asyncio.run(main())
    assert signal.getsignal(signal.SIGTERM) is before
