"""``Watcher``: by itself, its attributes, and what hooks are given."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import zmq

from circus.arbiter import Arbiter
from circus.process import RUNNING, UNEXISTING
from circus.sockets import CircusSocket
from circus.stream import QueueStream
from circus.watcher import Watcher
from circus_core.errors import ConfigError, LibraryError, MessageError
from tests.support.procs import is_alive
from tests.support.waiting import wait_for

ENV_OF = f"{sys.executable} -c \"import os, time; print(os.environ.get('STAMP'), flush=True); time.sleep(1000)\""


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


async def until(probe: Callable[[], Any], what: str) -> Any:
    return await asyncio.to_thread(wait_for, probe, what)


def alone(name: str, cmd: str, **options: Any) -> Watcher:
    watcher = Watcher(name, cmd, graceful_timeout=5, **options)
    watcher.initialize(None, {}, "my arbiter")
    return watcher


# -- by itself ------------------------------------------------------------------------------------------------------


def test_watcher_runs_without_an_arbiter() -> None:
    async def main() -> None:
        watcher = alone("a", "sleep 1000", numprocesses=2)
        assert watcher.status() == "stopped"
        started = await watcher.start()
        assert sorted(watcher.pids) == started["started"]
        assert watcher.is_active() and len(watcher) == 2
        os.kill(watcher.pids[0], signal.SIGKILL)
        await until(lambda: len(set(watcher.get_active_pids()) & set(started["started"])) == 1, "the replacement")
        assert await watcher.incr() == 3
        assert await watcher.stop() is None
        assert watcher.is_stopped() and len(watcher) == 0
        await watcher.start()
        assert len(watcher) == 3
        await watcher.stop()

    run(main)


def test_its_events_go_to_the_socket_that_it_was_given(tmp_path: Path) -> None:
    async def main() -> None:
        context: zmq.Context[Any] = zmq.Context()
        pub, sub = context.socket(zmq.PUB), context.socket(zmq.SUB)
        pub.bind(f"ipc://{tmp_path}/events")
        sub.connect(f"ipc://{tmp_path}/events")
        sub.subscribe(b"watcher.a.start")
        watcher = Watcher("a", "sleep 1000")
        watcher.initialize(pub, None, None)

        async def heard() -> bytes | None:
            await watcher.start()
            await watcher.stop()
            return sub.recv_multipart()[0] if sub.poll(50) else None

        while not (topic := await heard()):
            pass
        assert topic == b"watcher.a.start"
        context.destroy(linger=0)

    run(main)


def test_it_hands_on_sockets(tmp_path: Path) -> None:
    async def main() -> None:
        program = "import socket; socket.socket(fileno=$(circus.sockets.web)).accept()[0].send(b'hi')"
        cmd = f'{sys.executable} -c "{program}"'
        with CircusSocket("web", host="127.0.0.1", port=0, blocking=True) as sock:
            sock.bind_and_listen()
            watcher = Watcher("a", cmd, use_sockets=True)
            watcher.initialize(None, {"web": sock}, None)
            await watcher.start()
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            assert await reader.read() == b"hi"
            writer.close()
            await writer.wait_closed()
            await watcher.stop()

    run(main)


def test_a_change_before_it_runs_says_what_is_missing() -> None:
    with pytest.raises(LibraryError, match="'a' does not run"):
        Watcher("a", "sleep 1").restart()


# -- options --------------------------------------------------------------------------------------------------------


def test_options_are_attributes() -> None:
    watcher = Watcher(
        "My Watcher", "sleep 1", args=["a", "b"], numprocesses=2, uid="root", stop_signal=signal.SIGINT, respawn=False,
        rlimits={"nofile": 100}, hooks={"before_start": (print, True)}, env={"A": "1"}, priority=3, retry_in=7,
        stdout_stream={"class": "FileStream", "filename": "/tmp/x", "refresh_time": 0.3},
    )  # fmt: skip
    assert watcher.name == "My Watcher" and watcher.res_name == "my_watcher"
    assert (watcher.cmd, watcher.args, watcher.numprocesses) == ("sleep 1", ["a", "b"], 2)
    assert (watcher.uid, watcher.stop_signal, watcher.respawn, watcher.priority) == ("root", 2, False, 3)
    assert watcher.rlimits == {"nofile": 100}
    assert watcher.hooks == {"before_start": print}
    assert "before_start" in watcher.ignore_hook_failure
    assert dict(watcher.env) == {"A": "1"}
    assert watcher.stdout_stream_conf == {"filename": "/tmp/x"}
    assert watcher._options.get("retry_in") == 7
    assert watcher.working_dir == os.getcwd()
    assert ("numprocesses", 2) in watcher.options()
    assert watcher.optnames == tuple(name for name, _ in watcher.options())
    assert repr(watcher) == "<circus.Watcher name=My Watcher numprocesses=2>"


def test_options_may_be_assigned() -> None:
    watcher = Watcher("a", "sleep 1")
    watcher.numprocesses = 3
    watcher.graceful_timeout = 1
    watcher.env["A"] = 1
    watcher.env["B"] = "2"
    del watcher.env["A"]
    watcher.rlimits = {"nofile": 10}
    watcher.hooks = {"after_stop": print}
    watcher.stdout_stream = stream = QueueStream()
    watcher._options["mine"] = [1]
    assert (watcher.numprocesses, watcher.graceful_timeout) == (3, 1.0)
    assert dict(watcher.env) == {"B": "2"}
    assert watcher.rlimits == {"nofile": 10}
    assert watcher.hooks == {"after_stop": print}
    assert watcher.stdout_stream is stream
    assert watcher._options["mine"] == [1]
    with pytest.raises(ConfigError, match=r"\[watcher:a\] numprocesses = 'many'"):
        watcher.numprocesses = "many"


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"singleton": True, "numprocesses": 2}, "numprocesses"),
        ({"hooks": {"before_strat": print}}, "hooks.before_strat"),
        ({"hooks": {"before_start": 1}}, "hooks.before_start"),
        ({"rlimits": {"nofiles": 1}}, "rlimits.nofiles"),
        ({"stdout_stream": {"color": "red"}}, "stdout_stream"),
        ({"env": 3}, "env"),
        ({"copy_path": True}, "copy_path"),
    ],
    ids=str,
)
def test_wrong_option_is_named(options: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Watcher("a", "sleep 1", **options)
    assert (raised.value.section, raised.value.option) == ("watcher:a", option)
    assert isinstance(raised.value, ValueError)


def test_set_opt_sets_any_option() -> None:
    watcher = Watcher("a", "sleep 1")
    assert watcher.set_opt("numprocesses", 3) == 0
    assert watcher.set_opt("env", {"A": "1"}) == 1
    assert watcher.set_opt("hooks.before_start", "os.getcwd") == 0
    assert watcher.set_opt("mine", "x") == 0
    assert (watcher.numprocesses, dict(watcher.env), watcher._options["mine"]) == (3, {"A": "1"}, "x")
    with pytest.raises(MessageError, match="numprocesses"):
        watcher.set_opt("numprocesses", "many")


def test_load_from_config_consumes_name_and_command() -> None:
    config: dict[str, Any] = {"name": "a", "cmd": "sleep 1", "env": {"X": "$HOME"}, "rlimits": {"core": 0}}
    watcher = Watcher.load_from_config(config)
    assert dict(watcher.env) == {"X": os.environ["HOME"]}
    assert config == {"env": {"X": "$HOME"}, "rlimits": {"core": 0}}


def test_assigned_environment_counts_for_the_next_process() -> None:
    stream = QueueStream()

    async def main() -> None:
        watcher = alone("a", ENV_OF, copy_env=True, stdout_stream={"stream": stream})
        await watcher.start()
        assert (await asyncio.to_thread(stream.get))["data"] == b"None\n"
        watcher.env["STAMP"] = "new"
        (pid,) = watcher.pids
        assert is_alive(pid)
        result = await watcher.reload()
        assert result["stopped"] == [pid]
        assert (await asyncio.to_thread(stream.get))["data"] == b"new\n"
        assert watcher.stdout_stream is stream
        await watcher.stop()

    run(main)


def test_processes_are_faces_that_cannot_take_an_exit_status() -> None:
    async def main() -> None:
        watcher = alone("a", "sh -c 'sleep 1000 & wait'", respawn=False)
        await watcher.start()
        (process,) = watcher.processes.values()
        assert watcher.processes[process.pid] is process
        assert (process.name, process.wid, process.status, process.watcher) == ("a", 1, RUNNING, watcher)
        assert abs(process.started - time.time()) < 10 and 0 <= process.age() < 10
        assert process.poll() is None
        (child,) = await until(process.children, "the child")
        assert process.is_child(child)
        assert watcher.info()[process.pid]["wid"] == 1
        assert watcher.process_info(process.pid)["children"][0]["pid"] == child
        watcher.send_signal_child(process.pid, child, signal.SIGTERM)
        await until(lambda: process.status == UNEXISTING, "its end")
        await until(watcher.is_stopped, "the watcher to see it")
        process.wait(1)
        await watcher.stop()

    run(main)


def test_stop_of_a_process_is_its_watchers_affair() -> None:
    async def main() -> None:
        watcher = alone("a", "sleep 1000")
        await watcher.start()
        (process,) = watcher.processes.values()
        process.stop()
        await until(lambda: process.poll() == -signal.SIGTERM, "its end")
        await until(watcher.get_active_pids, "the replacement")
        await watcher.kill_process(watcher.get_active_processes()[0], signal.SIGINT)
        await watcher.stop()

    run(main)


# -- hooks ----------------------------------------------------------------------------------------------------------


def test_hook_reads_processes_and_options_and_sets_the_environment() -> None:
    stream = QueueStream()
    seen: dict[str, Any] = {}

    def before_spawn(watcher: Any, arbiter: Any, hook_name: str) -> bool:
        watcher.env["STAMP"] = watcher._options.get("stamp")
        return True

    def after_spawn(watcher: Any, arbiter: Any, hook_name: str, pid: int) -> bool:
        process = watcher.processes[pid]
        seen.update(wid=process.wid, started=process.started, other=arbiter.get_watcher("b").status())
        watcher.send_signal(pid, 0)
        return threading.current_thread() is not threading.main_thread()

    arbiter = Arbiter(
        [
            Watcher(
                "a", ENV_OF, copy_env=True, stamp="mine", stdout_stream={"stream": stream},
                hooks={"before_spawn": before_spawn, "after_spawn": after_spawn},
            ),
            Watcher("b", "sleep 1000", priority=1),
        ],
        None,
        None,
    )  # fmt: skip

    def started(future: Any) -> None:
        seen["output"] = stream.get(timeout=60)["data"]
        seen["statuses"] = arbiter.statuses()
        arbiter.stop()

    arbiter.start(started)
    assert seen["output"] == b"mine\n"
    assert seen["statuses"] == {"a": "active", "b": "active"}
    assert seen["wid"] == 1 and abs(seen["started"] - time.time()) < 30 and seen["other"] == "active"


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
def test_hook_that_waits_for_its_own_watcher_is_told_at_once(kind: str) -> None:
    errors: list[LibraryError] = []

    def in_thread(watcher: Any, arbiter: Any, hook_name: str) -> bool:
        with pytest.raises(LibraryError, match="cannot wait") as raised:
            watcher.incr().result(30)
        errors.append(raised.value)
        with pytest.raises(LibraryError, match="cannot wait"):
            arbiter.stop_watchers().exception()
        return True

    async def on_loop(watcher: Any, arbiter: Any, hook_name: str) -> bool:
        with pytest.raises(LibraryError, match="cannot wait") as raised:
            await watcher.incr()
        errors.append(raised.value)
        return True

    async def main() -> None:
        watcher = alone("a", "sleep 1000", hooks={"after_stop": in_thread if kind == "thread" else on_loop})
        watcher.arbiter = Arbiter([], None, None) if kind == "coroutine" else _Fake(watcher)
        await watcher.start()
        await watcher.stop()
        assert watcher.numprocesses == 2  # what it asked for happens all the same

    class _Fake:
        def __init__(self, watcher: Watcher) -> None:
            self.stop_watchers = watcher.stop

    run(main)
    assert len(errors) == 1


def test_call_hook_calls_it_here_and_now() -> None:
    watcher = Watcher("a", "sleep 1", hooks={"before_stop": lambda **kw: kw["extra"], "after_stop": boom})
    assert watcher.call_hook("before_start") is True
    assert watcher.call_hook("before_stop", extra=7) == 7
    assert watcher.call_hook("after_stop") is True  # its failure is ignored, as ever


def boom(watcher: Any, arbiter: Any, hook_name: str) -> bool:
    raise KeyError(hook_name)
