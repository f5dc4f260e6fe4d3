"""What each command asks of the arbiter, what it replies."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from circus_core import __version__
from circus_core._execution import settled
from circus_core.arguments import parse_properties
from circus_core.errors import AlreadyExistsError, CommandFailedError, MessageError, UnknownWatcherError
from circus_core.interfaces import (
    Command,
    ExtensionInfo,
    Outcome,
    ReloadPlan,
    ReloadStep,
    Reply,
    SocketView,
    WatcherReport,
)
from circus_core.options import CircusConfig
from circus_core.registry import Registry
from circus_core.states import WatcherState
from tests.support.fake_arbiter import FakeArbiter, FakeWatcher

REGISTRY = Registry()
PROGRAM = {"version": __version__, "python": sys.executable}


def command(name: str) -> Command[Any]:
    return REGISTRY.command(name)


def run(arbiter: FakeArbiter, name: str, /, **properties: Any) -> Reply:
    """Run a command as the controller does."""
    found = command(name)
    return asyncio.run(settled(found.execute(arbiter, parse_properties(found.args_type, properties))))


@pytest.fixture
def arbiter() -> FakeArbiter:
    """An arbiter with three watchers."""
    return FakeArbiter(
        FakeWatcher("Web", pids=[12, 11]),
        FakeWatcher("one", pids=[21], singleton=True),
        FakeWatcher("worker", state=WatcherState.STOPPED),
    )


CHANGES = [
    # command, properties, the calls of the arbiter
    pytest.param("start", {}, ("start_watchers", None, {}), id="start-all"),
    pytest.param("start", {"name": "web"}, ("start", "Web", {}), id="start-one"),
    pytest.param("start", {"name": "w*"}, ("start_watchers", ["Web", "worker"], {}), id="start-several"),
    pytest.param("stop", {}, ("stop_watchers", None, {}), id="stop-all"),
    pytest.param("stop", {"name": "web", "match": "simple"}, ("stop", "Web", {}), id="stop-one"),
    pytest.param("stop", {"name": "w*"}, ("stop_watchers", ["Web", "worker"], {}), id="stop-several"),
    pytest.param("restart", {}, ("restart", None, {}), id="restart-daemon"),
    pytest.param("restart", {"name": "web"}, ("restart", "Web", {}), id="restart-one"),
    pytest.param("restart", {"name": "w*"}, ("restart_watchers", ["Web", "worker"], {}), id="restart-several"),
    pytest.param("reload", {}, ("reload_watchers", None, {"graceful": True, "sequential": False}), id="reload-all"),
    pytest.param(
        "reload",
        {"name": "web", "graceful": False, "sequential": 1},
        ("reload", "Web", {"graceful": False, "sequential": True}),
        id="reload-one",
    ),
    pytest.param("incr", {"name": "web"}, ("resize", "Web", {"numprocesses": 3}), id="incr"),
    pytest.param("incr", {"name": "web", "nb": "5"}, ("resize", "Web", {"numprocesses": 7}), id="incr-by-text"),
    pytest.param("incr", {"name": "web", "nb": -1}, ("resize", "Web", {"numprocesses": 1}), id="incr-negative"),
    pytest.param("decr", {"name": "web"}, ("resize", "Web", {"numprocesses": 1}), id="decr"),
    pytest.param("decr", {"name": "web", "nb": 9}, ("resize", "Web", {"numprocesses": 0}), id="decr-to-none"),
    pytest.param("rm", {"name": "web"}, ("remove_watcher", "web", {"stop": True}), id="rm"),
    pytest.param("rm", {"name": "web", "nostop": True}, ("remove_watcher", "web", {"stop": False}), id="rm-nostop"),
    pytest.param(
        "kill",
        {"name": "web", "pid": "11", "signum": "int", "graceful_timeout": "2.5"},
        ("kill", "Web", {"pid": 11, "signum": 2, "graceful_timeout": 2.5}),
        id="kill-with-text",
    ),
    pytest.param(
        "kill", {"name": "web"}, ("kill", "Web", {"pid": None, "signum": None, "graceful_timeout": None}), id="kill"
    ),
    pytest.param("set", {"name": "web", "options": {"a": 1}}, ("set_options", "Web", {"options": {"a": 1}}), id="set"),
    pytest.param("reloadconfig", {}, ("reload_config", None, {}), id="reloadconfig"),
    pytest.param("quit", {}, ("quit", None, {}), id="quit"),
]


@pytest.mark.parametrize(("name", "properties", "call"), CHANGES)
def test_command_changes_what_is_desired_and_replies_at_once(
    arbiter: FakeArbiter, name: str, properties: dict[str, Any], call: Any
) -> None:
    arbiter.failure = "nobody who does not wait hears of it"
    assert run(arbiter, name, **properties) == {}
    assert arbiter.calls == [call]
    assert not arbiter.changes[0].was_awaited


@pytest.mark.parametrize(("name", "properties", "call"), CHANGES)
def test_failure_is_told_to_who_waits(arbiter: FakeArbiter, name: str, properties: dict[str, Any], call: Any) -> None:
    arbiter.failure = "it did not come about"
    with pytest.raises(CommandFailedError, match="it did not come about"):
        run(arbiter, name, **properties, waiting=True)


@pytest.mark.parametrize(("name", "properties", "call"), CHANGES)
def test_who_waits_is_told_what_overtook_the_command(
    arbiter: FakeArbiter, name: str, properties: dict[str, Any], call: Any
) -> None:
    arbiter.outcome = Outcome(superseded_by="stop")
    assert run(arbiter, name, **properties, waiting=True)["superseded_by"] == "stop"


OUTCOME = Outcome(started=(5, 3), kept=(2, 1), stopped=(9, 8))


@pytest.mark.parametrize(
    ("name", "properties", "reply"),
    [
        pytest.param("start", {"name": "web"}, {"info": {"started": [3, 5], "kept": [1, 2]}}, id="start-one"),
        pytest.param("start", {"name": "w*"}, {}, id="start-several"),
        pytest.param("start", {}, {}, id="start-all"),
        pytest.param("stop", {"name": "web"}, {"info": None}, id="stop-one"),
        pytest.param("stop", {"name": "w*"}, {}, id="stop-several"),
        pytest.param(
            "restart",
            {"name": "web"},
            {"info": {"stopped": [8, 9], "started": [3, 5], "kept": [1, 2]}},
            id="restart-one",
        ),
        pytest.param("restart", {"name": "w*"}, {}, id="restart-several"),
        pytest.param("restart", {}, {}, id="restart-daemon"),
        pytest.param(
            "reload", {"name": "web"}, {"info": {"stopped": [8, 9], "started": [3, 5], "kept": [1, 2]}}, id="reload-one"
        ),
        pytest.param("reload", {}, {}, id="reload-all"),
        pytest.param("incr", {"name": "web", "nb": 3}, {"numprocesses": 5}, id="incr"),
        pytest.param("decr", {"name": "web", "nb": 9}, {"numprocesses": 0}, id="decr"),
        pytest.param(
            "add", {"name": "new", "cmd": "sleep 1", "start": True}, {"started": [3, 5], "kept": [1, 2]}, id="add-start"
        ),
        pytest.param("add", {"name": "new", "cmd": "sleep 1"}, {}, id="add"),
        pytest.param("set", {"name": "web", "options": {"max_age": 3}}, {}, id="set"),
        pytest.param("rm", {"name": "web"}, {}, id="rm"),
        pytest.param("kill", {"name": "web"}, {}, id="kill"),
        pytest.param("quit", {}, {}, id="quit"),
        pytest.param("reloadconfig", {}, {}, id="reloadconfig"),
    ],
)
def test_who_waits_gets_the_result(
    arbiter: FakeArbiter, name: str, properties: dict[str, Any], reply: dict[str, Any]
) -> None:
    arbiter.outcome = OUTCOME
    assert run(arbiter, name, **properties, waiting=True) == reply


@pytest.mark.parametrize("name", ["incr", "decr"])
@pytest.mark.parametrize("waiting", [False, True])
def test_singleton_keeps_its_process_and_says_so(arbiter: FakeArbiter, name: str, waiting: bool) -> None:
    assert run(arbiter, name, name="one", waiting=waiting) == {"numprocesses": 1, "singleton": True}
    assert arbiter.calls == []


@pytest.mark.parametrize(
    ("name", "properties", "reply"),
    [
        pytest.param("list", {}, {"watchers": ["one", "web", "worker"]}, id="list"),
        pytest.param("list", {"name": "WEB"}, {"pids": [12, 11]}, id="list-pids"),
        pytest.param("numprocesses", {}, {"numprocesses": 3}, id="numprocesses"),
        pytest.param("numprocesses", {"name": "WEB"}, {"numprocesses": 2, "watcher_name": "WEB"}, id="of-one"),
        pytest.param("numwatchers", {}, {"numwatchers": 3}, id="numwatchers"),
        pytest.param("status", {"name": "web"}, {"status": "active"}, id="status-of-one"),
        pytest.param("status", {}, {"statuses": {"Web": "active", "one": "active", "worker": "stopped"}}, id="status"),
        pytest.param(
            "get", {"name": "web", "keys": ["max_age", "env"]}, {"options": {"max_age": 0, "env": {}}}, id="get"
        ),
        pytest.param("globaloptions", {"option": "check_delay"}, {"options": {"check_delay": 5.0}}, id="one-option"),
        pytest.param("dstats", {}, {"info": {"pid": 4711, "cpu": 0.0, "children": []}, **PROGRAM}, id="dstats"),
        pytest.param(
            "stats",
            {"name": "WEB", "process": "11", "extended": True},
            {"process": 11, "info": {"pid": 11, "cpu": 0.0, "wid": 2, "started": 1002.0, "extra": 11}},
            id="stats-of-a-process",
        ),
    ],
)
def test_reading_command_replies(
    arbiter: FakeArbiter, name: str, properties: dict[str, Any], reply: dict[str, Any]
) -> None:
    assert command(name).reads_only
    assert run(arbiter, name, **properties) == reply
    assert arbiter.calls == []


def test_stats_of_all_watchers_has_pids_as_strings(arbiter: FakeArbiter) -> None:
    infos = run(arbiter, "stats")["infos"]
    assert {name: list(of_watcher) for name, of_watcher in infos.items()} == {
        "Web": ["12", "11"],
        "one": ["21"],
        "worker": [],
    }
    assert infos["one"]["21"] == {"pid": 21, "cpu": 0.0, "started": 1001.0, "wid": 1}


def test_stats_of_a_process_that_has_just_gone_is_a_text() -> None:
    arbiter = FakeArbiter(FakeWatcher("web", pids=[100001]))
    reply = run(arbiter, "stats", name="web", extended=True)
    assert reply == {"name": "web", "info": {"100001": "No such process (stopped?)"}}
    assert command("stats").format_reply(reply) == "web:\n100001: No such process (stopped?)"


def test_global_options_are_the_five_of_the_protocol(arbiter: FakeArbiter) -> None:
    assert list(run(arbiter, "globaloptions")["options"]) == [
        "endpoint",
        "stats_endpoint",
        "pubsub_endpoint",
        "check_delay",
        "multicast_endpoint",
    ]


def test_options_are_those_of_the_table(arbiter: FakeArbiter) -> None:
    options = run(arbiter, "options", name="web")["options"]
    assert options["numprocesses"] == 2
    assert options["stop_signal"] == 15


def test_sockets_come_by_number(arbiter: FakeArbiter) -> None:
    arbiter.sockets_held = [
        SocketView(fd=101, name="local", backlog=5, path="/run/x"),
        SocketView(fd=100, name="web", backlog=2048, host="127.0.0.1", port=80),
    ]
    reply = run(arbiter, "listsockets")
    assert reply == {
        "sockets": [
            {"fd": 100, "name": "web", "backlog": 2048, "host": "127.0.0.1", "port": 80},
            {"fd": 101, "name": "local", "backlog": 5, "path": "/run/x"},
        ]
    }
    assert (
        command("listsockets").format_reply(reply) == "100:socket 'web' at 127.0.0.1:80\n101:socket 'local' at /run/x"
    )


def test_signal_goes_where_it_is_told(arbiter: FakeArbiter) -> None:
    assert run(arbiter, "signal", name="web", signum="SIGRTMIN+1", pid="11", child_pid=13) == {}
    expected = {"signum": 35, "pid": 11, "childpid": 13, "children": False, "recursive": False}
    assert arbiter.calls == [("signal", "Web", expected)]


@pytest.mark.parametrize(
    ("name", "properties", "error", "text"),
    [
        ("stop", {"name": "nope"}, UnknownWatcherError, "program nope not found; known: one, web, worker"),
        ("kill", {"name": "nope"}, UnknownWatcherError, "program nope not found; known: one, web, worker"),
        ("rm", {}, MessageError, "message invalid 'name' is missing"),
        ("get", {"name": "web"}, MessageError, "message invalid 'keys' is missing"),
        ("get", {"name": "web", "keys": ["env", "zzz"]}, MessageError, "'zzz' option not found"),
        ("get", {"name": "web", "keys": [["env"]]}, MessageError, "option not found"),
        ("globaloptions", {"option": "zz"}, MessageError, "'zz' not an existing option"),
        ("start", {"name": "web", "match": "foo"}, MessageError, "unknown match method foo"),
        ("stats", {"name": "web", "process": 1}, MessageError, "process 1 not found in 'web'"),
        ("stats", {"process": 1}, MessageError, "message invalid 'name' is missing"),
        ("signal", {"name": "web"}, MessageError, "message invalid 'signum' is missing"),
        ("signal", {"name": "web", "signum": "SIGBOGUS"}, MessageError, "signal invalid"),
        ("signal", {"name": "web", "signum": 1.5}, MessageError, "send a whole number or a string"),
        ("signal", {"name": "web", "signum": 9, "childpid": 3}, MessageError, "cannot specify childpid without pid"),
        ("kill", {"name": "web", "signum": 999}, MessageError, "signal invalid"),
        ("kill", {"name": "web", "pid": "x"}, MessageError, "'pid' is a string, 'x'; send a whole number"),
        ("kill", {"name": "web", "graceful_timeout": "nan"}, MessageError, "'graceful_timeout' is a string, 'nan'"),
        ("kill", {"name": "web", "graceful_timeout": 10**400}, MessageError, "'graceful_timeout' is a whole number"),
        ("kill", {"name": "web", "graceful_timeout": -1}, MessageError, "'graceful_timeout' is -1; send 0 or more"),
        ("incr", {"name": "web", "nb": "x"}, MessageError, "'nb' is a string, 'x'; send a whole number"),
        ("incr", {"name": "web", "nb": True}, MessageError, "'nb' is a boolean"),
        ("set", {"name": "web", "options": 3}, MessageError, "'options' is a whole number"),
        ("add", {"name": " ", "cmd": "x"}, MessageError, "'name' is empty"),
        ("add", {"name": "new", "cmd": "x", "options": []}, MessageError, "'options' property should be an object"),
        ("add", {"name": "new", "cmd": "x", "options": {"bogus": 1}}, MessageError, "unknown key 'bogus'"),
        ("add", {"name": "WEB", "cmd": "x"}, AlreadyExistsError, "'WEB' already exist"),
        ("listen", {}, MessageError, "invalid message. use a pub/sub socket"),
    ],
)
def test_wrong_message_is_refused_before_anything_changes(
    arbiter: FakeArbiter, name: str, properties: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        run(arbiter, name, **properties)
    assert text in str(caught.value)
    assert arbiter.calls == []


@pytest.mark.parametrize(
    ("endpoint", "options", "is_refused"),
    [
        ("ipc:///run/circus", {}, True),
        ("ipc:///run/circus", {"uid": "bob"}, True),
        ("ipc:///run/circus", {"uid": "alice"}, False),
        ("tcp://127.0.0.1:5555", {}, False),
    ],
)
def test_owner_of_the_endpoint_adds_watchers_as_himself_only(
    endpoint: str, options: dict[str, Any], is_refused: bool
) -> None:
    arbiter = FakeArbiter(config=CircusConfig(endpoint_owner="alice"))
    arbiter.endpoint = endpoint
    if is_refused:
        with pytest.raises(MessageError, match=r"^uid does not match endpoint_owner$"):
            run(arbiter, "add", name="new", cmd="id", options=options)
        assert arbiter.calls == []
    else:
        assert run(arbiter, "add", name="new", cmd="id", options=options) == {}
        assert arbiter.calls == [("add_watcher", "new", {"start": False})]


def test_dry_run_tells_the_steps_and_takes_none(arbiter: FakeArbiter) -> None:
    arbiter.plan = ReloadPlan(
        steps=(
            ReloadStep(what="watcher:web", action="keep"),
            ReloadStep(what="watcher:new", action="add"),
            ReloadStep(what="watcher:api", action="change", options=("max_age",)),
            ReloadStep(what="watcher:old", action="remove", pids=(3, 4)),
        ),
        restarts_daemon=("check_delay",),
    )
    reply = run(arbiter, "reloadconfig", dry_run=True)
    assert arbiter.calls == []
    assert reply["restarts_daemon"] == ["check_delay"]
    assert reply["steps"][3] == {"what": "watcher:old", "action": "remove", "options": [], "pids": [3, 4]}
    assert command("reloadconfig").format_reply(reply).splitlines() == [
        "restart the daemon: [circus] check_delay changed",
        "keep watcher:web",
        "add watcher:new",
        "hot change watcher:api (max_age)",
        "remove watcher:old, pids 3, 4",
    ]


def test_long_status_tells_why() -> None:
    report = WatcherReport(
        state=WatcherState.ACTIVE,
        since=40.0,
        numprocesses=2,
        processes=1,
        last_exit={"pid": 7, "wid": 1, "exit_code": -9, "time": 95.0},
        last_error="no such file",
        retries=3,
        next_try=101.5,
        restarts=8,
        output_lost=1000,
        output_errors={"stdout": "[Errno 28] No space left on device"},
    )
    arbiter = FakeArbiter(FakeWatcher("web", report=report), FakeWatcher("api"))
    reply = run(arbiter, "status", long=True)
    assert reply["statuses"] == {"web": "active", "api": "active"}
    assert reply["watchers"]["web"] == {
        "state": "active",
        "since": 40.0,
        "numprocesses": 2,
        "processes": 1,
        "reason": None,
        "last_exit": {"pid": 7, "wid": 1, "exit_code": -9, "time": 95.0},
        "last_error": "no such file",
        "retries": 3,
        "next_try": 101.5,
        "restarts": 8,
        "output_lost": 1000,
        "output_errors": {"stdout": "[Errno 28] No space left on device"},
    }
    assert command("status").format_reply({**reply, "time": 100.0}).splitlines()[1:] == [
        "web: active for 1m0s, 1 of 2 processes, 8 replaced",
        "    last exit: pid 7 (wid 1) by signal 9, 5s ago",
        "    last error: no such file",
        "    stdout fails: [Errno 28] No space left on device",
        "    output lost: 1000 bytes",
        "    next try: in 1.5s, after 3 failed",
    ]


def test_status_and_stats_tell_of_lost_output(arbiter: FakeArbiter) -> None:
    assert "output_lost" not in run(arbiter, "status") | run(arbiter, "stats")
    arbiter.watcher("web").output_lost = 17

    assert run(arbiter, "status")["output_lost"] == {"Web": 17}
    assert run(arbiter, "status", name="web")["output_lost"] == {"Web": 17}
    assert "output_lost" not in run(arbiter, "status", name="one") | run(arbiter, "stats", name="one")
    reply = run(arbiter, "stats", name="web")
    assert reply["output_lost"] == {"Web": 17}
    assert command("stats").format_reply(reply).splitlines()[-1] == "Web: 17 bytes of output lost"
    assert command("stats").format_reply(run(arbiter, "stats")).splitlines()[-1] == "Web: 17 bytes of output lost"


def test_commands_describe_themselves(arbiter: FakeArbiter) -> None:
    arbiter.known = {"incr": command("incr"), "commands": command("commands")}
    reply = run(arbiter, "commands")
    described = reply["commands"][1]
    assert described["name"] == "incr"
    assert described["doc"].startswith("Add processes to a watcher.\n\nOf a watcher")
    assert described["usage"] == "<name> [nb] [--waiting]"
    assert [prop["name"] for prop in described["properties"]] == ["name", "nb", "waiting"]
    assert command("commands").format_reply(reply).splitlines()[1] == "incr      Add processes to a watcher."


def test_extensions_are_listed_with_what_is_wrong(arbiter: FakeArbiter) -> None:
    arbiter.installed = [
        ExtensionInfo(
            group="circus.commands", name="x", distribution="acme", version="1", state="broken", error="no import"
        )
    ]
    reply = run(arbiter, "extensions")
    assert reply["extensions"][0]["error"] == "no import"
    assert (
        command("extensions").format_reply(reply).splitlines()[1]
        == "circus.commands  x     acme          1        broken  no import"
    )


def test_ipython_is_not_offered(arbiter: FakeArbiter) -> None:
    reply = run(arbiter, "ipython")
    assert reply["shell"] is False
    assert isinstance(reply["msg"], str)


@pytest.mark.parametrize(
    ("name", "reply", "text"),
    [
        ("list", {"watchers": ["a b", "c"]}, "a b,c"),
        ("list", {"pids": [3, 4]}, "3,4"),
        ("list", {"pids": []}, ""),
        ("status", {"statuses": {"b": "stopped", "a": "active"}}, "a: active\nb: stopped"),
        ("status", {"status": "active"}, "active"),
        ("incr", {}, "ok"),
        ("incr", {"numprocesses": 3}, "3"),
        (
            "decr",
            {"numprocesses": 1, "singleton": True},
            "This watcher is a Singleton - not changing the number of processes",
        ),
        ("numprocesses", {"numprocesses": 0}, "0"),
        ("numwatchers", {"numwatchers": 4}, "4"),
        ("options", {"options": {"uid": None, "env": {"B": "2", "A": "1"}, "cmd": "x"}}, "cmd: x\nenv: A=1,B=2\nuid: "),
        ("get", {"options": {"max_age": 0, "cmd": "x"}}, "max_age: 0\ncmd: x"),
        ("stop", {"info": None}, "ok"),
        ("stats", {"process": 3, "info": {"pid": 3, "children": []}}, "3: 3  N/A N/A N/A N/A N/A N/A N/A N/A\n"),
        ("listsockets", {"sockets": []}, ""),
    ],
)
def test_reply_as_text(name: str, reply: Reply, text: str) -> None:
    assert command(name).format_reply(reply) == text


def test_figures_of_a_process_and_its_children_as_text() -> None:
    info = {
        "pid": 3,
        "cmdline": "sleep",
        "username": "root",
        "nice": 0,
        "mem_info1": "1.72M",
        "mem_info2": "2.85M",
        "cpu": 0.0,
        "mem": 0.007,
        "ctime": "0:00.0",
    }
    line = "  sleep root 0 1.72M 2.85M 0.0 0.007 0:00.0"
    reply = {"infos": {"web": {"3": {**info, "children": [{**info, "pid": 4}]}}, "idle": {}}}
    assert command("stats").format_reply(reply) == f"web:\n3: 3{line}\n   4{line}\nidle:"
    assert command("dstats").format_reply({"info": {**info, "children": []}}) == f"Main Process:\n    3{line}"


def test_status_of_a_watcher_that_is_not_there_is_the_word_that_scripts_compare() -> None:
    assert command("status").format_error({"reason": "program nope not found"}) == "error"
    assert command("list").format_error({"reason": "program nope not found"}) == "error: program nope not found"


def test_published_event_is_about_the_watcher(arbiter: FakeArbiter) -> None:
    run(arbiter, "publish", name="web", action="flapping", data={"tries": 2})

    ((what, topic, payload),) = arbiter.calls
    assert (what, topic) == ("publish", "watcher.web.flapping")
    assert payload["tries"] == 2 and payload["time"] > 0


@pytest.mark.parametrize("action", ["reap", "start", "", "Flapping", "a.b"])
def test_event_of_the_daemon_or_without_a_proper_name_is_not_published(arbiter: FakeArbiter, action: str) -> None:
    with pytest.raises(MessageError, match="action"):
        run(arbiter, "publish", name="web", action=action)
    assert arbiter.calls == []
