"""``get_arbiter`` and ``Arbiter``: the patterns of programs that exist."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from tornado import gen
from tornado.ioloop import IOLoop
from tornado.testing import AsyncTestCase, gen_test

from circus import get_arbiter
from circus.arbiter import Arbiter, ThreadedArbiter
from circus.circusctl import CircusCtl, ControllerApp, parse_arguments, prettify
from circus.client import CircusClient
from circus.commands import get_commands
from circus.commands.base import Command
from circus.exc import AlreadyExist, ConflictError
from circus.sockets import CircusSocket
from circus.stream import QueueStream
from circus.watcher import Watcher
from circus_core.compat import commands
from circus_core.errors import ConfigError, LibraryError
from tests.support.procs import is_alive
from tests.support.waiting import wait_for


@pytest.fixture
def endpoints(tmp_path: Path) -> dict[str, str]:
    return {
        "controller": f"ipc://{tmp_path}/endpoint",
        "pubsub_endpoint": f"ipc://{tmp_path}/pubsub",
        "multicast_endpoint": "",
    }


@pytest.fixture
def arbiter(endpoints: dict[str, str]) -> Iterator[ThreadedArbiter]:
    """One that runs in the background: a process each of ``one`` and ``two``."""
    found = get_arbiter(
        [{"name": name, "cmd": "sleep 1000", "graceful_timeout": 5} for name in ("one", "two")],
        background=True,
        **endpoints,  # type: ignore[arg-type]
    )
    assert isinstance(found, ThreadedArbiter)
    found.start()
    yield found
    found.stop()


def ask(endpoint: str, command: str, **props: Any) -> dict[str, Any]:
    client = CircusClient(endpoint=endpoint)
    try:
        return client.send_message(command, **props)
    finally:
        client.stop()


# -- what it takes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([{"cmd": "sleep 1000"}, {"name": "b", "cmd": "true"}], {"sleep": 1, "b": 1}, id="list"),
        pytest.param({"cmd": "/bin/sleep 1000", "numprocesses": 3}, {"sleep": 3}, id="mapping"),
    ],
)
def test_watchers_are_options_of_one_or_several(given: Any, expected: dict[str, int]) -> None:
    arbiter = get_arbiter(given)
    assert {watcher.name: watcher.numprocesses for watcher in arbiter.watchers} == expected


def test_watcher_may_be_a_command_and_a_count() -> None:
    (watcher,) = get_arbiter("myprogram --fast", 4).watchers
    assert (watcher.name, watcher.cmd, watcher.numprocesses) == ("myprogram", "myprogram --fast", 4)


def test_defaults_are_the_documented_ones() -> None:
    arbiter = get_arbiter([])
    assert arbiter.endpoint == "tcp://127.0.0.1:5555"
    assert arbiter.pubsub_endpoint == "tcp://127.0.0.1:5556"
    assert arbiter.multicast_endpoint == "udp://237.219.251.97:12027"
    assert arbiter.check_delay == 1.0
    assert arbiter.stats_endpoint is None
    assert arbiter.proc_name == "circusd"


def test_stats_endpoint_turns_statistics_on() -> None:
    arbiter = get_arbiter([], stats_endpoint="tcp://127.0.0.1:5557")
    assert arbiter.statsd
    assert arbiter.stats_endpoint == "tcp://127.0.0.1:5557"


def test_mappings_are_changed_as_ever() -> None:
    options: dict[str, Any] = {"name": "a", "cmd": "sleep 1", "numprocesses": 2}
    get_arbiter([options])
    assert options == {"numprocesses": 2, "stream_backend": "thread"}


def test_variables_of_env_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE", "/srv")
    (watcher,) = get_arbiter({"cmd": "sleep 1", "env": {"ROOT": "$BASE/app"}}).watchers
    assert dict(watcher.env) == {"ROOT": "/srv/app"}


def test_wrong_option_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match=r"\[watcher:a\] stop_signal = 'SIGFOO'"):
        get_arbiter([{"name": "a", "cmd": "sleep 1", "stop_signal": "SIGFOO"}])
    with pytest.raises(ValueError, match="numprocesses"):
        get_arbiter([{"name": "a", "cmd": "sleep 1", "numprocesses": "x"}])
    with pytest.raises(TypeError, match="no option 'nonsense'"):
        get_arbiter([], nonsense=1)


def test_old_option_is_accepted() -> None:
    assert Arbiter([], None, None, stream_backend="gevent").watchers == []


# -- blocking -------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from circus import get_arbiter

arbiter = get_arbiter({{"cmd": "sleep 1000", "numprocesses": 2, "name": "myprogram"}}, {options})
try:
    def started(future):
        print(future.result(), arbiter.statuses(), *arbiter.watchers[0].pids, flush=True)

    print(arbiter.start(started).result())
finally:
    arbiter.stop()
print(arbiter.statuses(), flush=True)
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_start_blocks_until_a_signal_and_leaves_nothing(endpoints: dict[str, str], signum: signal.Signals) -> None:
    program = PROGRAM.format(options=", ".join(f"{name}={value!r}" for name, value in endpoints.items()))
    with subprocess.Popen([sys.executable, "-W", "error", "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        pids = [int(word) for word in words[-2:]]
        assert words[:3] == ["None", "{'myprogram':", "'active'}"]
        process.send_signal(signum)
        assert process.stdout.read() == "False\n{'myprogram': 'stopped'}\n"
        assert process.wait(60) == 0
    assert not any(map(is_alive, pids))


def test_stop_in_the_callback_ends_start(endpoints: dict[str, str]) -> None:
    arbiter = get_arbiter({"cmd": "sleep 1000"}, **endpoints)  # type: ignore[arg-type]
    seen = []

    def started(future: Any) -> None:
        seen.append((arbiter.running, arbiter.numprocesses(), len(arbiter.get_watcher("SLEEP"))))
        arbiter.stop()

    arbiter.start(started)
    assert seen == [(True, 1, 1)]
    assert not arbiter.running
    assert arbiter.statuses() == {"sleep": "stopped"}


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.02, 0.1], ids=str)
def test_loop_is_there_before_start_and_is_tornados(endpoints: dict[str, str], delay: float) -> None:
    """It may be stopped whenever that is: before it is up, too."""
    arbiter = get_arbiter({"cmd": "sleep 1000"}, **endpoints)  # type: ignore[arg-type]
    assert isinstance(arbiter.loop, IOLoop)
    arbiter.loop.call_later(delay, arbiter.stop)
    arbiter.start()
    assert arbiter.statuses() == {"sleep": "stopped"}


def test_it_may_be_started_again_with_its_sockets(endpoints: dict[str, str]) -> None:
    sock = CircusSocket("web", host="127.0.0.1", port=0)
    arbiter = get_arbiter({"cmd": "sleep 1000"}, sockets=[sock], **endpoints)  # type: ignore[arg-type]
    ports = []

    def started(future: Any) -> None:
        found = arbiter.get_socket("web")
        assert found is sock
        ports.append(sock.getsockname()[1])
        listed = arbiter.call("listsockets")
        listed.add_done_callback(lambda listed: ports.append(listed.result()["sockets"][0]["port"]))
        listed.add_done_callback(lambda listed: arbiter.stop())

    for _ in range(2):
        arbiter.start(started)
    assert ports[0] != 0
    assert len(set(ports)) == 1


def test_start_inside_a_running_loop_says_what_to_do_instead() -> None:
    async def main() -> None:
        with pytest.raises(LibraryError, match="async with Circus"):
            get_arbiter({"cmd": "sleep 1"}).start()

    asyncio.run(main())


def test_taken_endpoint_is_raised_and_nothing_started(arbiter: ThreadedArbiter) -> None:
    other = get_arbiter({"cmd": "sleep 1000"}, controller=arbiter.endpoint, pubsub_endpoint=arbiter.pubsub_endpoint)
    with pytest.raises(ConfigError, match="taken"):
        other.start()
    assert other.statuses() == {"sleep": "stopped"}
    background = get_arbiter({"cmd": "sleep 1"}, controller=arbiter.endpoint, background=True)
    with pytest.raises(ConfigError, match="taken"):
        background.start()


# -- on a loop of the program ---------------------------------------------------------------------------------------


def test_given_loop_start_comes_when_the_watchers_have_started(endpoints: dict[str, str]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        arbiter = get_arbiter({"cmd": "sleep 1000"}, loop=loop, check_delay=-1, **endpoints)  # type: ignore[arg-type]
        assert await arbiter.start() is False
        assert arbiter.statuses() == {"sleep": "active"}
        watcher = arbiter.get_watcher("sleep")
        (pid,) = watcher.get_active_pids()
        assert await watcher.incr() == 2
        assert await watcher.decr(1) == 1
        result = await watcher.restart()
        assert len(result["started"]) == 1 and result["kept"] == []
        assert not is_alive(pid)
        await arbiter.stop()
        assert arbiter.statuses() == {"sleep": "stopped"}

    asyncio.run(main())


def test_given_loop_may_run_later(endpoints: dict[str, str]) -> None:
    loop = asyncio.new_event_loop()
    arbiter = get_arbiter({"cmd": "sleep 1000"}, loop=loop, **endpoints)  # type: ignore[arg-type]
    future = arbiter.start()
    loop.run_until_complete(future)
    assert arbiter.statuses() == {"sleep": "active"}
    loop.run_until_complete(loop.create_task(stopped(arbiter)))
    loop.close()


async def stopped(arbiter: Arbiter) -> None:
    await arbiter.stop()


class TestWithTornado(AsyncTestCase):
    """The pattern of upstream's own tests."""

    @gen_test
    def test_yield_start_and_stop(self) -> Any:
        stream = QueueStream()
        watcher = {"name": "a", "cmd": "sh -c 'echo hello; exec sleep 1000'", "stdout_stream": {"stream": stream}}
        arbiter = get_arbiter(
            [watcher], controller=f"ipc://@circus-a-{os.getpid()}", pubsub_endpoint=f"ipc://@circus-b-{os.getpid()}",
            multicast_endpoint="", background=False, loop=self.io_loop, check_delay=-1,
        )  # fmt: skip
        yield arbiter.start()
        assert arbiter.loop is self.io_loop
        assert (yield IOLoop.current().run_in_executor(None, stream.get))["data"] == b"hello\n"
        yield arbiter.get_watcher("a").reap_and_manage_processes()
        yield gen.sleep(0)
        yield arbiter.stop()


# -- in the background ----------------------------------------------------------------------------------------------


def test_background_runs_in_a_thread_until_stop(endpoints: dict[str, str]) -> None:
    arbiter = get_arbiter({"cmd": "sleep 1000"}, background=True, **endpoints)  # type: ignore[arg-type]
    assert isinstance(arbiter, ThreadedArbiter) and isinstance(arbiter, threading.Thread)
    arbiter.start()
    try:
        assert ask(arbiter.endpoint, "status")["statuses"] == {"sleep": "active"}
        (pid,) = arbiter.get_watcher("sleep").pids
    finally:
        arbiter.stop()
    assert not arbiter.is_alive()
    assert not is_alive(pid)
    arbiter.stop()


def test_other_threads_may_use_everything(arbiter: ThreadedArbiter) -> None:
    one = arbiter.get_watcher("one")
    assert one.incr(2).result() == 3
    assert len(one.processes) == 3
    assert arbiter.numprocesses() == 4
    assert arbiter.numwatchers() == 2
    assert {wid.wid for wid in one.processes.values()} == {1, 2, 3}
    assert one.set_opt("numprocesses", 1) == 0
    one.manage_processes().result()
    (process,) = one.processes.values()
    info = process.info()
    assert isinstance(info, dict) and info["wid"] == process.wid
    assert arbiter.call("numprocesses", name="one").result()["numprocesses"] == 1
    arbiter.reload().result()
    assert process.pid not in one.pids
    process.wait(60)
    assert not process.is_alive()


def test_background_is_stopped_when_the_program_ends(endpoints: dict[str, str]) -> None:
    program = (
        "from circus import get_arbiter\n"
        f"arbiter = get_arbiter({{'cmd': 'sleep 1000'}}, background=True, **{endpoints!r})\n"
        "arbiter.start()\n"
        "print(*arbiter.watchers[0].pids)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert not is_alive(int(done.stdout))
    assert done.stderr == ""


# -- its methods ----------------------------------------------------------------------------------------------------


def test_add_watcher_before_and_after_start(endpoints: dict[str, str]) -> None:
    arbiter = get_arbiter([], background=True, **endpoints)  # type: ignore[arg-type]
    before = arbiter.add_watcher("before", "sleep 1000", my_option="x")
    assert before._options["my_option"] == "x"
    with pytest.raises(AlreadyExist):
        arbiter.add_watcher("Before", "sleep 1000")
    arbiter.start()
    try:
        after = arbiter.add_watcher("after", "sleep 1000")
        assert arbiter.statuses() == {"before": "active", "after": "stopped"}
        assert arbiter.get_watcher("after") is after
        assert arbiter.get_watcher("before") is before
        with pytest.raises(AlreadyExist):
            arbiter.add_watcher("AFTER", "sleep 1000")
        assert len(after.start().result()["started"]) == 1
        (pid,) = after.pids
        arbiter.rm_watcher("after").result()
        assert not is_alive(pid)
        assert [watcher.name for watcher in arbiter.watchers] == ["before"]
    finally:
        arbiter.stop()


def test_get_watcher_of_an_unknown_name_is_a_key_error(arbiter: ThreadedArbiter) -> None:
    assert arbiter.get_watcher("ONE").name == "one"
    with pytest.raises(KeyError):
        arbiter.get_watcher("three")


def test_watchers_that_commands_add_show_up(arbiter: ThreadedArbiter) -> None:
    ask(arbiter.endpoint, "add", name="three", cmd="sleep 1000", start=True, waiting=True)
    assert arbiter.statuses() == {"one": "active", "two": "active", "three": "active"}
    assert arbiter.get_watcher("three").cmd == "sleep 1000"
    ask(arbiter.endpoint, "rm", name="three", waiting=True)
    assert arbiter.numwatchers() == 2


def test_start_and_stop_watchers(arbiter: ThreadedArbiter) -> None:
    arbiter.stop_watchers().result()
    assert set(arbiter.statuses().values()) == {"stopped"}
    arbiter.start_watchers(lambda: [arbiter.get_watcher("two")]).result()
    assert arbiter.statuses() == {"one": "stopped", "two": "active"}
    arbiter.start_watchers().result()
    assert arbiter.statuses() == {"one": "active", "two": "active"}


def test_restart_starts_everything_anew(arbiter: ThreadedArbiter) -> None:
    one = arbiter.get_watcher("one")
    (before,) = one.pids
    arbiter.restart().result()
    wait_for(lambda: arbiter.statuses() == {"one": "active", "two": "active"}, "the watchers to start again")
    assert arbiter.get_watcher("one") is one
    assert one.pids != [before]


def test_iter_watchers_goes_by_priority(endpoints: dict[str, str]) -> None:
    arbiter = get_arbiter([{"name": str(n), "cmd": "true", "priority": n} for n in (1, 3, 2)])
    assert [watcher.name for watcher in arbiter.iter_watchers()] == ["3", "2", "1"]
    assert [watcher.name for watcher in arbiter.iter_watchers(reverse=False)] == ["1", "2", "3"]


def test_prereload_fn_is_called_with_the_arbiter_and_each_watcher(endpoints: dict[str, str]) -> None:
    called: list[Any] = []
    arbiter = Arbiter(
        [Watcher("a", "sleep 1000", prereload_fn=called.append)], endpoints["controller"], None,
        prereload_fn=called.append,
    )  # fmt: skip

    def started(future: Any) -> None:
        arbiter.reload().add_done_callback(lambda future: arbiter.stop())

    arbiter.start(started)
    assert called == [arbiter, arbiter.get_watcher("a")]


def test_changes_are_refused_while_it_stops_and_before_it_runs(endpoints: dict[str, str]) -> None:
    arbiter = get_arbiter({"cmd": "sleep 1000"}, **endpoints)  # type: ignore[arg-type]
    with pytest.raises(LibraryError, match="start"):
        arbiter.reload()
    refused = []

    def started(future: Any) -> None:
        arbiter.stop()
        with pytest.raises(ConflictError) as raised:
            arbiter.start_watchers()
        refused.append(raised)

    arbiter.start(started)
    assert len(refused) == 1


def test_context_of_the_program_is_used_and_left(endpoints: dict[str, str]) -> None:
    with zmq.Context() as context:
        arbiter = get_arbiter({"cmd": "sleep 1000"}, context=context, background=True, **endpoints)  # type: ignore[arg-type]
        assert arbiter.context is context
        arbiter.start()
        try:
            with CircusClient(context=context, endpoint=arbiter.endpoint).socket:
                assert arbiter.evpub_socket.context is context
        finally:
            arbiter.stop()
        assert not context.closed


def test_events_are_published(arbiter: ThreadedArbiter) -> None:
    context: zmq.Context[Any] = zmq.Context()
    sub = context.socket(zmq.SUB)
    sub.connect(arbiter.pubsub_endpoint)
    sub.subscribe(b"watcher.one.mine")
    try:

        def heard() -> list[bytes] | None:
            arbiter.get_watcher("one").notify_event("mine", {"answer": 42})
            return sub.recv_multipart() if sub.poll(50) else None

        assert wait_for(heard, "the event") == [b"watcher.one.mine", b'{"answer": 42}']
    finally:
        context.destroy(linger=0)


def test_arbiter_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "circus.ini"
    text = f"[circus]\nendpoint = ipc://{tmp_path}/a\npubsub_endpoint = ipc://{tmp_path}/b\nmulticast_endpoint =\n"
    path.write_text(f"{text}[watcher:a]\ncmd = sleep 1000\nmy_option = x\n[socket:web]\nhost = 127.0.0.1\nport = 0\n")
    arbiter = ThreadedArbiter.load_from_config(path)
    assert arbiter.config_file == str(path)
    assert arbiter.endpoint == f"ipc://{tmp_path}/a"
    assert arbiter.get_watcher("a")._options.get("my_option") == "x"
    arbiter.start()
    try:
        assert arbiter.sockets["web"].getsockname()[1] != 0
        path.write_text(path.read_text() + "[watcher:b]\ncmd = sleep 1000\n")
        arbiter.reload_from_config().result()
        assert arbiter.statuses() == {"a": "active", "b": "active"}
        arbiter.get_watcher("a").stop().result()
        path.write_text(text + "[watcher:c]\ncmd = sleep 1000\n")
        arbiter.restart().result()
        wait_for(lambda: arbiter.statuses() == {"c": "active"}, "the watcher of the new file")
    finally:
        arbiter.stop()


def test_command_of_the_program_is_served(endpoints: dict[str, str]) -> None:
    class Greet(Command):
        """Greet somebody."""

        name = "greet"
        properties = ("who",)

        def execute(self, arbiter: Any, props: Any) -> dict[str, Any]:
            return {"greeting": f"hello {props['who']} from {arbiter.numwatchers()} watchers"}

    arbiter = get_arbiter({"cmd": "sleep 1000"}, background=True, **endpoints)  # type: ignore[arg-type]
    arbiter.start()
    try:
        assert ask(arbiter.endpoint, "greet", who="you")["greeting"] == "hello you from 1 watchers"
        assert "'who' is missing" in ask(arbiter.endpoint, "greet")["reason"]
    finally:
        arbiter.stop()
        del commands._known["greet"]


def test_parts_of_circusctl_drive_it(arbiter: ThreadedArbiter, capsys: pytest.CaptureFixture[str]) -> None:
    known = get_commands()
    options = parse_arguments(["--endpoint", arbiter.endpoint, "numprocesses", "one"], known)
    assert ControllerApp(known).run(options["args"]) == 0
    shell = CircusCtl(None, known)
    shell.use_rawinput = False
    shell.stdin = io.StringIO("status two\nnonsense\nrm nobody\n")
    shell.start(options)
    printed, errors = capsys.readouterr()
    assert printed.startswith("1\n(circusctl) active\n(circusctl) *** Unknown syntax: nonsense\n")
    assert "program nobody not found" in printed + errors
    assert shell.completenames("numw") == ["numwatchers"]
    assert prettify({"b": 1, "a": 2}) == '{\n  "a": 2,\n  "b": 1\n}'


def test_program_subclasses_are_used(endpoints: dict[str, str]) -> None:
    """A hook of a program's own kind of watcher is given that very object."""
    seen = []

    class MyWatcher(Watcher):
        colour = "blue"

    def before_start(watcher: Any, arbiter: Any, hook_name: str) -> bool:
        seen.append((watcher, arbiter))
        return True

    watcher = MyWatcher("a", "sleep 1000", hooks={"before_start": (before_start, False)})
    arbiter = Arbiter([watcher], None, None)
    arbiter.start(lambda future: arbiter.stop())
    assert seen == [(watcher, arbiter)]


def test_umask_holds_while_it_runs(tmp_path: Path) -> None:
    before = os.umask(0o022)
    os.umask(before)
    target = tmp_path / "file"
    arbiter = Arbiter([Watcher("a", f"sh -c 'touch {target}; exec sleep 1000'")], None, None, umask=0o077)
    arbiter.start(lambda future: (wait_for(target.exists, "the file"), arbiter.stop()))
    assert target.stat().st_mode & 0o777 == 0o600
    now = os.umask(before)
    assert now == before
