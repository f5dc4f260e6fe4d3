"""``async with Circus(...)``: what a program gets that embeds Circus on its own loop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from circus_core.client import CircusClient
from circus_core.config import load
from circus_core.embedding import Circus
from circus_core.errors import CircusError, CommandFailedError, ConfigErrors, LibraryError, UnknownWatcherError
from circus_streams.queue import QueueStream
from tests.support.procs import is_alive
from tests.support.waiting import wait_for

SLEEP = {"name": "web", "cmd": "sleep 1000", "graceful_timeout": 5}


async def until(probe: Callable[[], Any], what: str) -> Any:
    """Return the first truthy result of *probe*."""
    return await asyncio.to_thread(wait_for, probe, what)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the coroutine function *test* as a program would."""
    asyncio.run(test())


def test_watchers_run_in_the_body_and_are_gone_after_it() -> None:
    async def main() -> None:
        async with Circus({**SLEEP, "numprocesses": 2}) as circus:
            pids = (await circus.call("list", name="web"))["pids"]
            assert circus.is_running
            assert circus.statuses() == {"web": "active"}
            assert [process.pid for process in circus.arbiter.watcher("web").processes()] == pids
            assert all(map(is_alive, pids))
        assert not circus.is_running
        assert not any(map(is_alive, pids))

    run(main)


def test_without_an_endpoint_there_is_none() -> None:
    async def main() -> None:
        async with Circus(SLEEP) as circus:
            assert (circus.endpoint, circus.pubsub_endpoint) == ("", "")

    run(main)


def test_commands_work_as_over_an_endpoint() -> None:
    async def main() -> None:
        async with Circus(SLEEP) as circus:
            assert await circus.call("incr", name="web", nb=2, waiting=True) == {"numprocesses": 3}
            with pytest.raises(UnknownWatcherError, match="program nope not found"):
                await circus.call("start", name="nope")
            added = await circus.call("add", name="b", cmd="sleep 1000", start=True, waiting=True)
            assert len(added["started"]) == 1
            await circus.call("rm", name="web", waiting=True)
            assert circus.statuses() == {"b": "active"}

    run(main)


def test_several_in_one_program_do_not_meet(tmp_path: Path) -> None:
    async def main() -> None:
        circuses = [Circus(SLEEP, endpoint=f"ipc://{tmp_path}/{number}") for number in range(3)]
        await asyncio.gather(*(circus.start() for circus in circuses))
        for number, circus in enumerate(circuses):
            await circus.call("set", name="web", options={"numprocesses": number + 1}, waiting=True)
        found = [await asyncio.to_thread(ask, circus.endpoint) for circus in circuses]
        assert found == [1, 2, 3]
        await circuses[1].stop()
        assert [circus.is_running for circus in circuses] == [True, False, True]
        await asyncio.gather(*(circus.stop() for circus in circuses))

    def ask(endpoint: str) -> int:
        client = CircusClient(endpoint=endpoint)
        try:
            count: int = client.send_message("numprocesses", name="web")["numprocesses"]
            return count
        finally:
            client.stop()

    run(main)


def test_dead_process_is_replaced_at_once() -> None:
    async def main() -> None:
        async with Circus(SLEEP) as circus:
            web = circus.arbiter.watcher("web")
            (before,) = web.processes()
            os.kill(before.pid, signal.SIGKILL)
            after = await until(lambda: [p for p in web.processes() if p.pid != before.pid], "a new process")
            assert after[0].wid == before.wid

    run(main)


def test_ini_file_and_configuration_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "stack.ini"
    path.write_text(f"[circus]\nendpoint = ipc://{tmp_path}/a\npubsub_endpoint = ipc://{tmp_path}/b\n")
    path.write_text(path.read_text() + "multicast_endpoint =\n[watcher:web]\ncmd = sleep 1000\n")

    async def main() -> None:
        async with Circus(path) as circus:
            assert circus.endpoint == f"ipc://{tmp_path}/a"
            path.write_text(path.read_text() + "[watcher:more]\ncmd = sleep 1000\n")
            await circus.call("reloadconfig", waiting=True)
            assert circus.statuses() == {"web": "active", "more": "active"}
        async with Circus(load(path), endpoint=None, pubsub_endpoint=None) as circus:
            assert circus.endpoint == ""
            assert circus.statuses() == {"web": "active", "more": "active"}

    run(main)


def test_sockets_are_bound_and_inherited() -> None:
    program = "import socket; socket.socket(fileno=$(circus.sockets.web)).accept()[0].send(b'hi')"
    cmd = f'{sys.executable} -c "{program}"'

    async def main() -> None:
        watcher = {"name": "web", "cmd": cmd, "use_sockets": True}
        async with Circus(watcher, sockets={"web": {"host": "127.0.0.1", "port": 0, "blocking": True}}) as circus:
            (bound,) = circus.arbiter.sockets()
            reader, writer = await asyncio.open_connection("127.0.0.1", bound.port)
            assert await reader.read() == b"hi"
            writer.close()
            await writer.wait_closed()

    run(main)


def test_output_goes_to_a_stream_of_the_program() -> None:
    stream = QueueStream()

    async def main() -> None:
        async with Circus({**SLEEP, "cmd": "sh -c 'echo hello; exec sleep 1000'", "stdout_stream": {"stream": stream}}):
            item = await asyncio.to_thread(stream.get, timeout=60)
            assert (item["data"], item["name"]) == (b"hello\n", "stdout")

    run(main)


def test_hook_of_the_program_is_called() -> None:
    called = []

    def before_start(watcher: Any, arbiter: Any, hook_name: str) -> bool:
        called.append((watcher.name, hook_name, arbiter.pid))
        assert len(watcher) == 0 and arbiter.get_watcher("WEB") is watcher
        return True

    async def main() -> None:
        async with Circus({**SLEEP, "hooks": {"before_start": before_start}}) as circus:
            assert circus.statuses() == {"web": "active"}

    run(main)
    assert called == [("web", "before_start", os.getpid())]


def test_watcher_that_cannot_start_says_why_and_the_others_run() -> None:
    async def main() -> None:
        broken = {"name": "broken", "cmd": "/nonexistent/program", "max_retry": 0}
        async with Circus([broken, SLEEP]) as circus:
            assert circus.statuses() == {"broken": "stopped", "web": "active"}
            assert "/nonexistent/program" in str(circus.arbiter.watcher("broken").report().reason)
            with pytest.raises(CommandFailedError):
                await circus.call("start", name="broken", waiting=True)

    run(main)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigErrors) as raised:
        Circus(
            [{"cmd": "sleep 1", "numprocesses": "many"}, {"name": "b"}, SLEEP, SLEEP],
            sockets={"web": {"port": "x"}},
            plugins=[{}],
        )
    assert [(error.section, error.option) for error in raised.value.errors] == [
        ("watcher:sleep", "numprocesses"),
        ("watcher:b", "cmd"),
        ("socket:web", "port"),
        ("plugin", "use"),
        ("watcher:web", "name"),
    ]


@pytest.mark.parametrize("options", [{"endpont": "ipc:///tmp/x"}, {"endpoint": "nonsense"}], ids=["unknown", "bad"])
def test_wrong_option_of_circus_is_said(options: dict[str, Any]) -> None:
    with pytest.raises(CircusError, match=next(iter(options))):
        Circus(SLEEP, **options)


def test_busy_address_starts_nothing() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            circus = Circus(SLEEP, sockets={"web": {"host": "127.0.0.1", "port": busy.getsockname()[1]}})
            with pytest.raises(CircusError, match="already"):
                await circus.start()
        assert not circus.is_running
        with pytest.raises(LibraryError, match="does not run"):
            circus.statuses()

    run(main)


def test_it_may_be_started_again() -> None:
    async def main() -> None:
        circus = Circus(SLEEP)
        for _ in range(2):
            await circus.start()
            with pytest.raises(LibraryError, match="runs already"):
                await circus.start()
            assert circus.statuses() == {"web": "active"}
            await circus.stop()
            await circus.stop()

    run(main)


def test_quit_by_command_ends_the_wait() -> None:
    async def main() -> None:
        async with Circus(SLEEP) as circus:
            await circus.call("quit")
            await asyncio.wait_for(circus.wait(), 60)
            assert not circus.is_running

    run(main)


def test_restart_by_command_keeps_it_running() -> None:
    async def main() -> None:
        async with Circus(SLEEP) as circus:
            before = (await circus.call("list", name="web"))["pids"]
            await circus.call("restart", waiting=True)
            await until(lambda: circus.statuses() == {"web": "active"}, "the watcher to start again")
            assert (await circus.call("list", name="web"))["pids"] != before

    run(main)


def test_error_in_the_body_stops_everything() -> None:
    pids = []

    async def main() -> None:
        async with Circus(SLEEP) as circus:
            pids.extend((await circus.call("list", name="web"))["pids"])
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(main)
    assert not any(map(is_alive, pids))


def test_cancelled_program_stops_everything_gracefully() -> None:
    pids = []

    async def body() -> None:
        async with Circus(SLEEP) as circus:
            pids.extend((await circus.call("list", name="web"))["pids"])
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(body())
        await until(lambda: pids, "the process")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not any(map(is_alive, pids))

    run(main)


def test_loop_that_ends_leaves_no_process() -> None:
    """The program forgets to stop, and its processes ignore SIGTERM."""
    pids = []

    async def main() -> None:
        circus = Circus({**SLEEP, "cmd": "sh -c 'trap \"\" TERM; exec sleep 1000'", "numprocesses": 2})
        await circus.start()
        pids.extend((await circus.call("list", name="web"))["pids"])

    run(main)
    assert len(pids) == 2
    assert not any(map(is_alive, pids))


def test_signal_handlers_and_logging_are_left_alone() -> None:
    async def main() -> None:
        before = {signum: signal.getsignal(signum) for signum in signal.valid_signals()}
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        async with Circus(SLEEP):
            assert {signum: signal.getsignal(signum) for signum in signal.valid_signals()} == before
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask

    run(main)


def test_it_runs_on_a_loop_that_is_not_in_the_main_thread() -> None:
    found: list[dict[str, str]] = []

    async def main() -> None:
        async with Circus(SLEEP) as circus:
            os.kill(circus.arbiter.watcher("web").processes()[0].pid, signal.SIGKILL)
            await until(lambda: circus.arbiter.watcher("web").report().restarts, "the replacement")
            found.append(circus.statuses())

    thread = threading.Thread(target=run, args=(main,))
    thread.start()
    thread.join(60)
    assert found == [{"web": "active"}]


PROGRAM = """
import asyncio, sys
from circus_core.embedding import Circus

async def main():
    async with Circus({"cmd": "sleep 1000", "name": "web"}, handles_signals=True) as circus:
        print(*(await circus.call("list", name="web"))["pids"], flush=True)
        await circus.wait()
    print("over", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_signals_are_heeded_when_asked_for(signum: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        program.send_signal(signum)
        assert program.stdout.read() == "over\n"
        assert program.wait(60) == 0
    assert not is_alive(pid)
