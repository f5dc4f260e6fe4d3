"""Our circusd under the published circusctl and CircusClient: the same keys and types as their own circusd gives.

Each side runs in the same test on the same ini file. What may differ stands in ALLOWED, with the reason.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import flavour, oracle
from tests.support.daemon import Daemon
from tests.support.ini import circus, env, ready, socket, watcher
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("runs both by itself")

DRIVER = Path(__file__).parents[1] / "support" / "oracle_driver.py"
CIRCUSCTL = DRIVER.with_name("oracle_circusctl.py")
Call = tuple[str, dict[str, Any]]
#: `circus` is the name of both packages: nothing may lead its programs to ours
THEIR_ENV = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

ALL = """
    add decr dstats get globaloptions incr ipython kill list listen listsockets numprocesses numwatchers options quit
    reload reloadconfig restart rm set signal start stats status stop
"""
READING: list[Call] = [
    ("list", {}),
    ("list", {"name": "beta"}),
    ("list", {"name": "BETA"}),
    ("LIST", {}),
    ("list", {"name": "nope"}),
    ("numwatchers", {}),
    ("numprocesses", {}),
    ("numprocesses", {"name": "Beta"}),
    ("numprocesses", {"name": "nope"}),
    ("status", {}),
    ("status", {"name": "beta"}),
    ("status", {"name": "manual"}),
    ("status", {"name": "nope"}),
    ("stats", {}),
    ("stats", {"name": "alpha one"}),
    ("stats", {"name": "beta", "process": "<pid of beta>"}),
    ("stats", {"name": "beta", "extended": True}),
    ("stats", {"name": "manual"}),
    ("stats", {"name": "beta", "process": 1}),
    ("stats", {"name": "nope"}),
    ("dstats", {}),
    ("options", {"name": "beta"}),
    ("options", {"name": "alpha one"}),
    ("options", {}),
    ("options", {"name": "nope"}),
    ("get", {"name": "beta", "keys": ["numprocesses", "cmd", "stop_signal", "env", "uid", "graceful_timeout"]}),
    ("get", {"name": "beta", "keys": ["priority", "singleton", "respawn", "warmup_delay", "max_age", "working_dir"]}),
    ("get", {"name": "beta", "keys": ["zzz"]}),
    ("get", {"name": "beta"}),
    ("globaloptions", {}),
    ("globaloptions", {"option": "check_delay"}),
    ("globaloptions", {"option": "zz"}),
    ("listsockets", {}),
    ("listen", {}),
    ("ipython", {}),
    ("zzz", {}),
]
CHANGING: list[Call] = [
    ("incr", {"name": "beta"}),
    ("incr", {"name": "beta", "nb": 2, "waiting": True}),
    ("decr", {"name": "beta", "nb": 2, "waiting": True}),
    ("decr", {"name": "beta"}),
    ("incr", {"name": "single"}),
    ("incr", {"name": "single", "waiting": True}),
    ("decr", {"name": "single"}),
    ("incr", {"name": "nope"}),
    ("incr", {}),
    ("set", {"name": "beta", "options": {"numprocesses": 3}, "waiting": True}),
    ("set", {"name": "beta", "options": {"graceful_timeout": 5, "stop_signal": 15}}),
    ("set", {"name": "beta", "options": {"stop_signal": "INT"}}),
    ("set", {"name": "beta", "options": {"bogus": 1}}),
    ("set", {"name": "beta", "options": {"numprocesses": "x"}}),
    ("set", {"name": "beta", "options": {"env": {"A": 1}}}),
    ("set", {"name": "beta"}),
    ("get", {"name": "beta", "keys": ["numprocesses", "graceful_timeout"]}),
    ("set", {"name": "beta", "options": {"uid": "root"}, "waiting": True}),
    ("get", {"name": "beta", "keys": ["uid"]}),
    ("signal", {"name": "beta", "signum": 0}),
    ("signal", {"name": "beta", "signum": "CONT", "pid": "<pid of beta>"}),
    ("signal", {"name": "beta", "signum": "sigcont", "children": True}),
    ("signal", {"name": "beta"}),
    ("signal", {"name": "nope", "signum": 0}),
    ("signal", {"name": "beta", "signum": 0, "childpid": 1}),
    ("kill", {"name": "beta", "pid": "<pid of beta>", "waiting": True}),
    ("kill", {"name": "beta", "signum": "TERM", "graceful_timeout": 3, "waiting": True}),
    ("kill", {"name": "beta"}),
    ("stop", {"name": "beta"}),
    ("stop", {"name": "beta", "waiting": True}),
    ("status", {"name": "beta"}),
    ("start", {"name": "beta"}),
    ("start", {"name": "beta", "waiting": True}),
    ("restart", {"name": "beta", "waiting": True}),
    ("restart", {"name": "beta"}),
    ("stop", {"name": "*e*", "waiting": True}),
    ("start", {"name": "*e*", "waiting": True}),
    ("restart", {"name": "*e*", "waiting": True}),
    ("stop", {"name": "b[", "match": "regex"}),
    ("stop", {"name": "beta", "match": "foo"}),
    ("stop", {"name": "zz*"}),
    ("start", {"name": "nope"}),
    ("reload", {"name": "beta", "waiting": True}),
    ("reload", {"name": "beta"}),
    ("reload", {"name": "beta", "sequential": True, "waiting": True}),
    ("reload", {"name": "beta", "graceful": False, "waiting": True}),
    ("reload", {"waiting": True}),
    ("reload", {"name": "nope"}),
    ("reloadconfig", {"waiting": True}),
    ("reloadconfig", {}),
    ("add", {"name": "new", "cmd": "sleep 3600"}),
    ("add", {"name": "NEW", "cmd": "sleep 3600"}),
    ("add", {"name": "run", "cmd": "sleep 3600", "start": True, "waiting": True, "options": {"numprocesses": 2}}),
    ("add", {"name": "quick", "cmd": "sleep", "args": ["3600"], "start": True}),
    ("add", {"name": "bad", "cmd": "sleep 1", "options": {"bogus": 1}}),
    ("add", {"name": "bad", "cmd": "sleep 1", "options": []}),
    ("add", {"name": "bad"}),
    ("add", {}),
    ("options", {"name": "run"}),
    ("rm", {"name": "new", "waiting": True}),
    ("rm", {"name": "run"}),
    ("rm", {"name": "nope"}),
    ("stop", {"waiting": True}),
    ("start", {"waiting": True}),
    ("quit", {"waiting": True}),
]

#: (command, path in the reply) -> why our reply may have it, lack it, or have another type there
ALLOWED: dict[tuple[str, str], str] = {
    ("options", "options.__name__"): "B18: an artefact of its ini parser",
    ("options", "options.env.__name__"): "B18",
    ("get", "options.env.__name__"): "B18",
    ("dstats", "python"): "new, for who upgrades",
    ("dstats", "version"): "new, for who upgrades",
    ("options", "options.hook_timeout"): "new option",
    ("options", "options.listen_fds"): "new option",
    ("options", "options.executable"): "B45: it ignores the option, so it shows null",
    ("options", "options.warmup_delay"): "B46: takes fractions in the file too",
    ("get", "options.warmup_delay"): "B46",
}
#: what it refuses, and we do
ACCEPTED: list[Call] = [("set", {"name": "beta", "options": {"stop_signal": "INT"}})]


def sections(home: Path) -> list[Any]:
    stream = {"stdout_stream.class": "FileStream", "stdout_stream.filename": home / "out"}
    return [
        circus(check_delay=0.2),
        watcher("Alpha one", cmd=ready("alpha")),
        watcher("beta", {"my_opt": "free", **stream}),
        watcher("manual", autostart=False),
        watcher("single", singleton=True),
        socket("web"),
        socket("local", path=home / "web.sock"),
        env("beta", LANG="C"),
    ]


@pytest.fixture
def both() -> Iterator[dict[str, Daemon]]:
    """Our circusd and the published one, on the same ini file."""
    daemons = {"ours": Daemon(flavour.ours()), "theirs": Daemon(flavour.published())}
    for name, daemon in daemons.items():
        daemon.start(*sections(daemon.home), env=THEIR_ENV if name == "theirs" else None)
        daemon.wait_ready("alpha")
    yield daemons
    for daemon in daemons.values():
        daemon.close(check=False)


def run_there(program: Path, given: Any) -> list[Any]:
    """Return what *program* prints, run by the Python of the published package."""
    done = subprocess.run(
        [str(oracle.scripts() / "python"), str(program)],
        input=json.dumps(given),
        env=THEIR_ENV,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert isinstance(printed, list)
    return printed


def drive(daemon: Daemon, calls: list[Call]) -> list[dict[str, Any]]:
    """Return the replies that the published CircusClient gets."""
    return run_there(DRIVER, {"endpoint": daemon.endpoint, "calls": calls})


def shape(value: Any, path: str = "") -> dict[str, str]:
    """Return each path of a reply with the JSON type that is there; pids, and names of files, are all alike."""
    if isinstance(value, dict):
        found = {path: "object"} if path else {}
        for key, inner in value.items():
            found |= shape(inner, f"{path}.{re.sub(r'^[0-9]+$', 'PID', key)}".lstrip("."))
        return found
    if isinstance(value, list):
        found = {path: "list"}
        for inner in value:
            found |= shape(inner, f"{path}[]")
        return found
    return {path: "null" if value is None else type(value).__name__}


def differences(call: Call, theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Return what is not the same in two replies to *call*, but for what is allowed."""
    if call in ACCEPTED:
        return [] if ours["status"] == "ok" else [f"{call}: {ours}"]
    if theirs.get("tb") and ours.get("errno") in (3, 5):
        theirs = {**theirs, "tb": None, "errno": ours["errno"]}  # what makes it raise is a checked error here
    found = [
        f"{call}: {key} is {theirs.get(key)!r} there, {ours.get(key)!r} here"
        for key in ("status", "errno")
        if theirs.get(key) != ours.get(key)
    ]
    old, new = shape(theirs), shape(ours)
    for path in sorted(old.keys() | new.keys()):
        is_in_empty_list = "[]" in path and (path not in old or path not in new)
        if old.get(path) != new.get(path) and (call[0], path) not in ALLOWED and not is_in_empty_list:
            found.append(f"{call}: {path} is {old.get(path, 'absent')} there, {new.get(path, 'absent')} here")
    return found


@pytest.mark.parametrize("calls", [READING, CHANGING], ids=["reading", "changing"])
def test_replies_have_the_same_keys_and_types(both: dict[str, Daemon], calls: list[Call]) -> None:
    replies = {name: drive(daemon, calls) for name, daemon in both.items()}

    found = []
    for call, theirs, ours in zip(calls, replies["theirs"], replies["ours"], strict=True):
        found += differences(call, theirs, ours)
    assert not found, "\n".join(found)


def test_every_command_of_the_protocol_is_compared() -> None:
    compared = {command for command, _ in READING + CHANGING}

    assert compared >= set(ALL.split())


WORDS = [
    ["list"],
    ["list", "beta"],
    ["list", "nope"],
    ["status"],
    ["status", "beta"],
    ["status", "nope"],
    ["numwatchers"],
    ["numprocesses"],
    ["numprocesses", "beta"],
    ["options", "alpha one"],
    ["get", "beta", "numprocesses", "stop_signal"],
    ["get", "beta", "zzz"],
    ["get", "beta"],
    ["globaloptions", "check_delay"],
    ["listsockets"],
    ["dstats"],
    ["stats", "beta"],
    ["incr", "beta"],
    ["incr", "beta", "2", "--waiting"],
    ["decr", "beta", "2", "--waiting"],
    ["incr", "single"],
    ["set", "beta", "numprocesses", "2", "--waiting"],
    ["set", "beta", "bogus", "2"],
    ["set", "beta", "stop_signal", "INT"],
    ["signal", "beta", "CONT"],
    ["signal", "beta"],
    ["stop", "beta", "--waiting"],
    ["start", "beta", "--waiting"],
    ["restart", "beta", "--waiting"],
    ["reload", "beta", "--waiting"],
    ["reload", "--waiting", "--sequential"],
    ["kill", "beta"],
    ["add", "new", "sleep 3600", "--start", "--waiting"],
    ["add", "NEW", "sleep 3600"],
    ["rm", "new"],
    ["reloadconfig"],
    ["stop", "*", "--match", "glob", "--waiting"],
    ["nonsense"],
    ["list", "--json"],
    ["quit", "--waiting"],
]


def shown(text: str) -> list[str]:
    """Return lines without what differs from run to run: numbers, folders, the name of the Python."""
    text = re.sub(r"python[0-9.]*", "python", text)
    lines = [re.sub(r"circus-\w+|\d+(\.\d+)?(K|M|G|B)?", "#", line).strip() for line in text.splitlines()]
    return [re.sub(r"(#[ :.,/]*)+", "# ", line).strip() for line in lines if line and not line.startswith("__name__")]


def test_the_published_circusctl_shows_the_same(both: dict[str, Daemon]) -> None:
    """Its exit codes and lines are the same on both daemons."""
    seen: dict[str, list[tuple[int, list[str]]]] = {}
    for name, daemon in both.items():
        options = ["--endpoint", daemon.endpoint, "--timeout", "15"]
        printed = run_there(CIRCUSCTL, [[*options, *words] for words in WORDS])
        seen[name] = [(code, shown(out)) for code, out in printed]
    found = [
        f"{words}: {theirs} there, {ours} here"
        for words, theirs, ours in zip(WORDS, seen["theirs"], seen["ours"], strict=True)
        if theirs != ours
    ]
    assert not found, "\n".join(found)


def test_the_published_circusctl_listens_to_our_events(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    with open(daemon.home / "heard", "wb") as heard:
        listener = subprocess.Popen(
            [str(oracle.scripts() / "circusctl"), "--endpoint", daemon.pubsub_endpoint, "listen", "watcher.w"],
            stdout=heard,
            stderr=subprocess.STDOUT,
            env={**THEIR_ENV, "PYTHONUNBUFFERED": "1"},
        )

    def has_heard() -> bool:
        daemon.call("restart", name="w", waiting=True)
        return "watcher.w.spawn" in (daemon.home / "heard").read_text()

    try:
        wait_for(has_heard, "an event at the listener")
    finally:
        listener.kill()
        listener.wait()
