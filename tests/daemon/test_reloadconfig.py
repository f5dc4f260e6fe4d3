"""reloadconfig touches what changed in the file, and nothing else."""

from __future__ import annotations

import socket as sockets

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, Section, circus, env, identity, ready, socket, watcher
from tests.support.waiting import wait_for


def reload_with(daemon: Daemon, *sections: Section) -> None:
    daemon.write(*sections)
    daemon.call("reloadconfig", waiting=True)


def test_nothing_changed_touches_nothing(daemon: Daemon) -> None:
    sections = [watcher("one", numprocesses=2), watcher("two"), socket("web"), env("one", A="b")]
    daemon.start(*sections)
    before = daemon.wait_ready("one", 2), daemon.wait_ready("two")
    events = daemon.events()

    daemon.call("reloadconfig", waiting=True)

    assert (daemon.wids("one"), daemon.wids("two")) == before
    assert [event.topic for event in events.so_far()] == []


def test_numprocesses_is_adjusted_in_place(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.wait_ready("w", 2)

    reload_with(daemon, watcher("w", numprocesses=3))
    after = daemon.wait_ready("w", 3)
    assert after.items() >= before.items()

    reload_with(daemon, watcher("w", numprocesses=1))
    wait_for(lambda: len(daemon.pids("w")) == 1, "two to end")
    assert set(daemon.pids("w")) <= set(after.values())


def test_another_cmd_replaces_the_processes_of_that_watcher_alone(daemon: Daemon) -> None:
    daemon.start(watcher("one"), watcher("two"))
    before, other = daemon.wait_ready("one"), daemon.wait_ready("two")

    reload_with(daemon, watcher("one", cmd=f"{ready('one')} more"), watcher("two"))

    daemon.wait_ready("one", without=before[1])
    assert daemon.wids("two") == other


def test_another_environment_replaces_the_processes(daemon: Daemon) -> None:
    daemon.start(env("w", A="1"), watcher("w", cmd=identity("w")))
    before = daemon.wait_ready("w")

    reload_with(daemon, env("w", A="2"), watcher("w", cmd=identity("w")))

    daemon.wait_ready("w", without=before[1])
    assert [facts["env"]["A"] for facts in daemon.identities("w", 2)] == ["1", "2"]


@pytest.mark.differs("B16: an option that is added or removed is not noticed")
def test_an_option_that_is_added_or_removed_is_noticed(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w")))
    before = daemon.wait_ready("w")

    reload_with(daemon, watcher("w", cmd=identity("w"), working_dir="/"))
    between = daemon.wait_ready("w", without=before[1])
    assert daemon.identities("w", 2)[-1]["cwd"] == "/"

    reload_with(daemon, watcher("w", cmd=identity("w")))
    daemon.wait_ready("w", without=between[1])
    assert daemon.identities("w", 3)[-1]["cwd"] == str(daemon.home)


@pytest.mark.differs("B16: an option that is added is not noticed")
def test_an_option_that_needs_no_new_process_is_changed_hot(daemon: Daemon) -> None:
    daemon.start(watcher("w", max_age=1000))
    before = daemon.wait_ready("w")

    reload_with(daemon, watcher("w", max_age=1000, graceful_timeout=7))

    assert daemon.wids("w") == before
    assert daemon.call("get", name="w", keys=["graceful_timeout"])["options"] == {"graceful_timeout": 7.0}


def test_a_removed_watcher_is_stopped_and_gone(daemon: Daemon) -> None:
    daemon.start(watcher("one"), watcher("two"))
    other = daemon.wait_ready("two")

    reload_with(daemon, watcher("two"))

    assert daemon.call("list")["watchers"] == ["two"]
    wait_for(lambda: daemon.ready_pids("one", count=0) == {}, "its process to end")
    assert daemon.wids("two") == other


def test_an_added_watcher_is_started_unless_it_says_otherwise(daemon: Daemon) -> None:
    daemon.start(watcher("one"))
    before = daemon.wait_ready("one")

    reload_with(daemon, watcher("one"), watcher("two"), watcher("three", autostart=False))

    daemon.wait_ready("two")
    assert daemon.call("status")["statuses"] == {"one": "active", "two": "active", "three": "stopped"}
    assert daemon.wids("one") == before


def test_an_added_socket_is_bound(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    before = daemon.wait_ready("w")

    reload_with(daemon, watcher("w"), socket("web"))

    (web,) = daemon.call("listsockets")["sockets"]
    sockets.create_connection((web["host"], web["port"])).close()
    assert daemon.wids("w") == before


def test_a_removed_socket_is_closed(daemon: Daemon) -> None:
    daemon.start(watcher("w"), socket("web"))
    (web,) = daemon.call("listsockets")["sockets"]

    reload_with(daemon, watcher("w"))

    assert daemon.call("listsockets")["sockets"] == []
    with pytest.raises(ConnectionRefusedError):
        sockets.create_connection((web["host"], web["port"]))


@pytest.mark.differs("B17: the watcher is left on the old socket")
@pytest.mark.parametrize("where", ["cmd", "args"])
def test_a_changed_socket_replaces_the_watchers_that_use_it(daemon: Daemon, where: str) -> None:
    words = {"cmd": f"{PYTHON} {PROGRAMS}/serve.py w $(circus.wid)", "args": "$(circus.sockets.web)"}
    if where == "cmd":
        words = {"cmd": " ".join(words.values())}
    paths = [daemon.home / "a.sock", daemon.home / "b.sock"]
    server = watcher("w", words, use_sockets=True)
    daemon.start(server, watcher("other"), socket("web", path=paths[0]))
    before, other = daemon.wait_ready("w"), daemon.wait_ready("other")

    reload_with(daemon, server, watcher("other"), socket("web", path=paths[1]))

    after = daemon.wait_ready("w", without=before[1])
    with sockets.socket(sockets.AF_UNIX) as client:
        client.connect(str(paths[1]))
        client.sendall(b"?")
        assert int(client.recv(100)) == after[1]
    assert not paths[0].exists()
    assert daemon.wids("other") == other


@pytest.mark.differs("B15: restarts all with the old configuration")
def test_a_changed_circus_option_takes_effect(daemon: Daemon) -> None:
    daemon.start(circus(check_delay=3), watcher("w"))

    reload_with(daemon, circus(check_delay=2), watcher("w", numprocesses=2))

    delay = wait_for(
        lambda: daemon.connect().ask("globaloptions", option="check_delay").get("options"), "the daemon to answer"
    )
    assert delay == {"check_delay": 2.0}
    daemon.wait_ready("w", 2)


@pytest.mark.differs("server error with waiting, a silent ok without")
@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("[watcher:w]\ncmd = x\nnumprocesses = many\n", ["watcher:w", "numprocesses", "many"], id="value"),
        pytest.param("nonsense\n[watcher:w]\ncmd = x\n", ["circus.ini"], id="syntax"),
        pytest.param("[socket:s]\nport = abc\n[watcher:w]\ncmd = x\n", ["socket:s", "port", "abc"], id="socket"),
    ],
)
def test_a_bad_file_is_refused_whole(daemon: Daemon, text: str, names: list[str], waiting: bool) -> None:
    daemon.start(watcher("w"), watcher("other"))
    before = daemon.wait_ready("w"), daemon.wait_ready("other")
    good = daemon.config.read_text().split("[watcher")[0]
    daemon.config.write_text(f"{good}\n{text}" if text.startswith("[") else f"{text}{good}")

    reply = daemon.refused("reloadconfig", waiting=waiting)

    assert [name for name in names if name not in reply["reason"]] == []
    assert (daemon.wids("w"), daemon.wids("other")) == before


@pytest.mark.differs("it has no --dry-run")
def test_dry_run_tells_and_does_nothing(daemon: Daemon) -> None:
    daemon.start(watcher("changed"), watcher("gone"), watcher("same"))
    before = {name: daemon.wait_ready(name) for name in ("changed", "gone", "same")}
    daemon.write(watcher("changed", cmd="sleep 77"), watcher("same"), watcher("new"))

    shown = daemon.ctl("reloadconfig", "--dry-run").stdout

    for name in ("changed", "gone", "new"):
        assert name in shown
    assert str(before["changed"][1]) in shown
    assert {name: daemon.wids(name) for name in before} == before


def test_events_of_a_replaced_watcher(daemon: Daemon) -> None:
    daemon.start(watcher("a"), watcher("w"))
    events = daemon.events()

    reload_with(daemon, watcher("a"), watcher("w", cmd=f"{ready('w')} more"))

    actions = [event.action for event in events.until("watcher.w.start") if event.watcher == "w"]
    assert actions == ["kill", "reap", "stop", "spawn", "start"]
