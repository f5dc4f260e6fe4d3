"""What the console shows and does, over plain HTTP as a browser without scripts uses it."""

from __future__ import annotations

import html
import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.daemon.web.conftest import Stack, stack
from tests.support.console import PROGRAM, Answer, ConsoleServer, Visitor
from tests.support.daemon import Daemon
from tests.support.flavour import Flavour
from tests.support.ini import circus, socket, watcher
from tests.support.waiting import wait_for


@pytest.fixture
def visitor(running: ConsoleServer) -> Visitor:
    """Somebody who is logged in, and connected to the only daemon."""
    return running.logged_in()


@pytest.fixture(scope="module")
def handed_on(which_circusd: Flavour) -> Iterator[Stack]:
    """A daemon and its console, for tests that change watchers."""
    with stack(which_circusd) as handed_on:
        yield handed_on


@pytest.fixture
def lent(handed_on: Stack) -> Daemon:
    """That daemon, with nothing but a new watcher ``web``."""
    daemon, _ = handed_on
    for name in daemon.call("list")["watchers"]:
        daemon.call("rm", name=name, waiting=True)
    for sections in ([], [watcher("web")]):  # what stands in the file as before is left as it is
        daemon.write(*sections)
        daemon.call("reloadconfig", waiting=True)
    daemon.wait_status("web", "active")
    return daemon


@pytest.fixture
def borrower(handed_on: Stack, lent: Daemon) -> Visitor:
    """Somebody who is logged in to its console, which knows of the new ``web`` already."""
    _, console = handed_on
    visitor = console.logged_in()
    (pid,) = lent.wait_ready("web").values()
    wait_for(lambda: f"p:{pid}" in visitor.get("/watcher?name=web").body, "the console to know the new process")
    wait_for(lambda: visitor.get("/").body.count('data-row="w:') == 1, "the console to forget the other watchers")
    return visitor


@pytest.fixture
def guest(ours: ConsoleServer) -> Visitor:
    """Somebody who is logged in to a console that no test changes."""
    return ours.logged_in()


def shown(answer: Answer) -> str:
    """Return the text of a page."""
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.body))


def polled(visitor: Visitor, channel: str, since: str = "") -> dict[str, Any]:
    """Return what a page without a WebSocket is told."""
    answer = visitor.get(f"/poll?since={quote(json.dumps({channel: since}))}", headers={"Accept": "application/json"})
    assert answer.status == 200, answer.body
    (message,) = answer.json  # type: ignore[misc]
    return dict(message)


# Watchers


def test_index_lists_watchers_with_their_state(lent: Daemon, borrower: Visitor) -> None:
    lent.call("add", name="resting", cmd="sleep 1")
    page = wait_for(
        lambda: (p := borrower.get("/")).body.count('data-row="w:') == 2 and p, "both watchers to be listed"
    )
    assert '<a href="watcher?name=web"' in page.body
    assert re.search(r'aria-checked="true"[^>]*aria-label="web runs"', page.body)
    assert re.search(r'aria-checked="false"[^>]*aria-label="resting runs"', page.body)


def test_toggle_stops_and_starts_at_once(lent: Daemon, borrower: Visitor) -> None:
    assert borrower.do("stop", name="web").json == {"ok": True, "message": "web stops"}
    lent.wait_status("web", "stopped")
    wait_for(lambda: "is-stopped" in borrower.get("/").body, "the page to show it")
    borrower.do("start", name="web")
    lent.wait_status("web", "active")
    wait_for(lambda: "is-active" in borrower.get("/").body, "the page to show it")


def test_button_without_scripts_leads_back_with_a_message(borrower: Visitor) -> None:
    answer = borrower.post("/do", {"button": "do=incr&name=web", "back": "watcher?name=web"})
    assert (answer.status, answer.headers["Location"]) == (303, "./watcher?name=web")
    assert "one process more for web" in shown(borrower.get("/watcher?name=web"))
    assert "one process more for web" not in shown(borrower.get("/watcher?name=web"))


def test_refused_command_shows_its_reason(guest: Visitor) -> None:
    answer = guest.do("incr", name="nobody")
    assert answer.status == 409
    assert "nobody" in str(answer.json)
    guest.post("/do", {"button": "do=incr&name=nobody"})
    assert "nobody not found" in shown(guest.get("/"))


@pytest.mark.parametrize(
    "form", [{}, {"do": "fly"}, {"do": "kill", "name": "web"}, {"do": "kill", "name": "web", "pid": "x"}]
)
def test_button_that_makes_no_sense_is_refused(guest: Visitor, form: dict[str, str]) -> None:
    answer = guest.post("/do", form, headers={"Accept": "application/json"})
    assert answer.status in {400, 409}
    assert answer.json["ok"] is False  # type: ignore[index]


def test_processes_are_added_removed_and_ended(lent: Daemon, borrower: Visitor) -> None:
    borrower.do("incr", name="web")
    first, _ = sorted(lent.wait_ready("web", 2).values())
    wait_for(lambda: borrower.get("/watcher?name=web").body.count('data-row="p:') == 2, "two processes on the page")
    borrower.do("kill", name="web", pid=str(first))
    assert first not in lent.wait_ready("web", 2, without=first).values()
    borrower.do("decr", name="web")
    wait_for(lambda: len(lent.pids("web")) == 1, "one process to be left")


def test_signal_is_sent_to_one_process(lent: Daemon, borrower: Visitor) -> None:
    pid = lent.wait_ready("web")[1]
    borrower.do("signal", name="web", pid=str(pid), signum="KILL")
    assert lent.wait_ready("web", without=pid)
    last = lent.call("status", name="web", long=True)["watchers"]["web"]["last_exit"]
    assert (last["pid"], last["exit_code"]) == (pid, -signal.SIGKILL)


@pytest.mark.parametrize("do", ["restart", "reload", "restart-all", "reload-all"])
def test_restart_and_reload_replace_processes(lent: Daemon, borrower: Visitor, do: str) -> None:
    old = lent.wait_ready("web")[1]
    assert borrower.do(do, name="web").status == 200
    assert lent.wait_ready("web", without=old)


def test_configuration_is_read_anew(lent: Daemon, borrower: Visitor) -> None:
    lent.write(watcher("web"), watcher("more"))
    assert borrower.do("reloadconfig").status == 200
    lent.wait_status("more", "active")


def test_watcher_is_removed(lent: Daemon, borrower: Visitor) -> None:
    borrower.do("rm", name="web")
    wait_for(lambda: lent.call("list")["watchers"] == [], "it to be gone")
    wait_for(lambda: 'data-row="w:web"' not in borrower.get("/").body, "it to be gone from the page")
    page = borrower.get("/watcher?name=web")
    assert page.status == 404
    assert "there is no watcher 'web'" in shown(page)


def test_what_is_wrong_stands_first_with_the_reason(daemon: Daemon, console: ConsoleServer) -> None:
    bad = watcher("bad", cmd='/bin/sh -c "exit 7"')
    gone = watcher("gone", cmd="/no/such/program", max_retry=1)
    daemon.start(watcher("aaa"), bad, gone, watcher("zzz"), wait=False)
    daemon.wait_status("gone", "stopped")
    console.start()
    visitor = console.logged_in()
    page = wait_for(lambda: "exit code 7" in (p := visitor.get("/")).body and p, "the page to tell of it")
    assert re.findall(r'data-row="w:(\w+)"', page.body) == ["bad", "gone", "aaa", "zzz"]
    text = shown(page)
    assert "Needs attention" in text and "/no/such/program" in text
    assert "exit code 7" in shown(visitor.get("/watcher?name=bad"))


# Adding


def test_watcher_is_added_and_started(lent: Daemon, borrower: Visitor) -> None:
    form = {
        "name": "new one", "cmd": "sleep", "args": "1000", "numprocesses": "2", "env": "A=1\r\nB=two words",
        "more": "graceful_timeout = 3\r\nrespawn = no", "start": "1",
    }  # fmt: skip
    answer = borrower.post("/add", form)
    assert (answer.status, answer.headers["Location"]) == (303, "./watcher?name=new%20one")
    lent.wait_status("new one", "active")
    options = lent.call("options", name="new one")["options"]
    assert options["env"] == {"A": "1", "B": "two words"}
    assert (options["graceful_timeout"], options["respawn"], options["numprocesses"]) == (3.0, False, 2)
    assert borrower.get("/watcher?name=new%20one").status == 200


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"name": "", "cmd": "sleep 1"}, "write the name of the watcher"),
        ({"name": "x", "cmd": " "}, "write the command line to run"),
        ({"name": "x", "cmd": "sleep 1", "numprocesses": "many"}, "whole number"),
        ({"name": "x", "cmd": "sleep 1", "env": "novalue"}, "write NAME=value"),
        ({"name": "x", "cmd": "sleep 1", "more": "gracful_timeout = 3"}, "did you mean graceful_timeout?"),
        ({"name": "x", "cmd": "sleep 1", "more": "respawn"}, "write option = value"),
        ({"name": "WEB", "cmd": "sleep 1"}, "already exist"),
        ({"name": "x", "cmd": "sleep '"}, "quot"),
    ],
)
def test_watcher_that_cannot_be_is_not_added(
    untouched: Daemon, guest: Visitor, form: dict[str, str], complaint: str
) -> None:
    answer = guest.post("/add", form)
    assert answer.status == 422
    assert complaint in shown(answer)
    assert f'value="{form["cmd"]}"' in html.unescape(answer.body), "what was typed is still there"
    assert untouched.call("list")["watchers"] == ["web"]


# Options


def test_options_show_values_with_their_meaning(guest: Visitor) -> None:
    page = guest.get("/options?name=web")
    assert 'name="option:stop_signal" value="TERM"' in page.body
    assert "Signal that asks a process to end." in shown(page)
    assert "replaces the processes" in shown(page)


def test_changed_options_are_set_and_nothing_else(lent: Daemon, borrower: Visitor) -> None:
    pid = lent.wait_ready("web")[1]
    form = {"option:graceful_timeout": "2.5", "option:stop_signal": "INT", "option:numprocesses": "1"}
    answer = borrower.post("/options?name=web", form)
    assert answer.status == 303
    assert "changed graceful_timeout, stop_signal" in shown(borrower.get("/options?name=web"))
    options = lent.call("options", name="web")["options"]
    assert (options["graceful_timeout"], options["stop_signal"]) == (2.5, signal.SIGINT)
    assert lent.pids("web") == [pid]


def test_wrong_option_is_shown_where_it_is_and_nothing_is_set(untouched: Daemon, guest: Visitor) -> None:
    answer = guest.post("/options?name=web", {"option:graceful_timeout": "soon", "option:max_retry": "9"})
    assert answer.status == 422
    assert re.search(r'value="soon"[^>]*aria-invalid="true"', answer.body)
    assert "write a number of seconds" in shown(answer)
    assert untouched.call("options", name="web")["options"]["max_retry"] != 9


def test_what_only_the_daemon_finds_wrong_is_shown_too(guest: Visitor) -> None:
    answer = guest.post("/options?name=web", {"option:uid": "nosuchuser"})
    assert answer.status == 422
    assert "nosuchuser" in shown(answer)


# Sockets, extensions, events, output


def test_sockets_are_listed(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(socket("public"), watcher("web"))
    console.start()
    page = console.logged_in().get("/sockets")
    port = daemon.call("listsockets")["sockets"][0]["port"]
    assert "public" in shown(page) and f"127.0.0.1:{port}" in shown(page)


def test_extensions_are_listed(guest: Visitor) -> None:
    text = shown(guest.get("/extensions"))
    assert "circus.commands" in text and "FileStream" in text and "circus.console" in text


def test_what_happened_before_the_first_visit_is_there(daemon: Daemon, running: ConsoleServer) -> None:
    wait_for(lambda: f"{daemon.endpoint}: connected" in running.log, "the console to look")
    pid = daemon.wait_ready("web")[1]
    daemon.call("signal", name="web", signum="KILL")
    daemon.wait_ready("web", without=pid)
    visitor = running.logged_in()
    wait_for(lambda: f"pid {pid}, ended by signal 9" in visitor.get("/events").body, "the end of the process")
    told = visitor.get("/history", headers={"Accept": "application/json"}).json
    assert told["total"]["t"], "nothing was measured"  # type: ignore[index, call-overload]


def test_events_are_listed_the_newest_first(daemon: Daemon, visitor: Visitor) -> None:
    visitor.get("/events")
    before = daemon.pids("web")
    daemon.call("incr", name="web", waiting=True)
    page = wait_for(lambda: "tag-spawn" in (p := visitor.get("/events")).body and p, "the event to be listed")
    (new,) = set(daemon.pids("web")) - set(before)
    assert f"pid {new}" in shown(page)
    assert "spawn" in shown(visitor.get("/events?name=web"))
    assert "tag-spawn" not in visitor.get("/events?name=other").body


def test_output_is_shown_and_followed(daemon: Daemon, console: ConsoleServer) -> None:
    script = daemon.home / "count"
    script.write_text("#!/bin/sh\nn=0\nwhile :; do n=$((n+1)); echo line $n; sleep 0.1; done\n")
    script.chmod(0o755)
    daemon.start(watcher("web", cmd=str(script), log_ring="64K"))
    console.start()
    visitor = console.logged_in()
    page = wait_for(lambda: "line 1" in (p := visitor.get("/output?name=web")).body and p, "the first lines")
    pid = daemon.pids("web")[0]
    assert "line 1" in visitor.get(f"/output?name=web&pid={pid}").body
    version = json.loads(html.unescape(re.search(r'data-live="([^"]*)"', page.body)[1]))["output:web"]  # type: ignore[index]
    news = wait_for(lambda: polled(visitor, "output:web", version).get("lines"), "more lines")
    assert "whole" not in polled(visitor, "output:web", version)
    assert all(re.fullmatch(r"line \d+", line["message"]) for line in news)


def test_output_that_is_not_kept_says_how_to_keep_it(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(watcher("web"))
    console.start()
    visitor = console.logged_in()
    page = visitor.get("/output?name=web")
    assert "log_ring" in shown(page)
    assert visitor.do("keep-output", name="web").status == 200
    wait_for(lambda: "ready" in visitor.get("/output?name=web").body, "its output to be kept")


# Live data without a WebSocket


def test_poll_tells_what_changed_since(lent: Daemon, borrower: Visitor) -> None:
    first = polled(borrower, "index:")
    assert first["whole"] and first["up"]
    assert [row[1] for row in first["rows"]] == ["w:web"]
    lent.call("stop", name="web", waiting=True)
    told = wait_for(lambda: (m := polled(borrower, "index:", first["v"])).get("rows") and m, "the change to be told")
    assert "whole" not in told
    assert "is-stopped" in told["rows"][0][2]


def test_poll_tells_of_processes_that_come_and_go(lent: Daemon, borrower: Visitor) -> None:
    first = polled(borrower, "watcher:web")
    pid = lent.pids("web")[0]
    lent.call("kill", name="web", pid=pid, waiting=True)
    gone: list[str] = []
    came: list[str] = []

    def told() -> bool:
        # The end of the one and the start of the other may come in one reply or in two.
        message = polled(borrower, "watcher:web", first["v"])
        gone.extend(message.get("gone", ()))
        came.extend(row[1] for row in message.get("rows", ()) if row[1].startswith("p:"))
        return bool(gone and came)

    wait_for(told, "both to be told")
    assert f"p:{pid}" in gone


@pytest.mark.parametrize("since", ["", "nothing.1", "x", "0.99999", "..", "-1"])
def test_poll_after_an_unknown_version_tells_everything(guest: Visitor, since: str) -> None:
    assert polled(guest, "index:", since)["whole"]


@pytest.mark.parametrize(
    "query",
    ["[]", "5", "{", '{"nowhere:":""}', '{"part:nothing":""}', json.dumps(dict.fromkeys(map(str, range(99)), ""))],
)
def test_poll_that_makes_no_sense_is_refused(guest: Visitor, query: str) -> None:
    answer = guest.get(f"/poll?since={quote(query)}", headers={"Accept": "application/json"})
    assert answer.status in {400, 404}


def test_figures_come_without_circusd_stats(untouched: Daemon, guest: Visitor) -> None:
    def figures() -> object:
        cells = polled(guest, "watcher:web").get("cells", {})
        return next((cell for row, cell in cells.items() if row.startswith("p:") and cell["rss"][-1] in "KM"), None)

    assert wait_for(figures, "figures of the process")


def test_history_goes_on_when_the_page_is_loaded_again(guest: Visitor) -> None:
    def count() -> int:
        answer = guest.get("/history?name=web", headers={"Accept": "application/json"})
        return len(answer.json["watcher"]["t"])  # type: ignore[index]

    guest.get("/watcher?name=web")
    wait_for(lambda: (polled(guest, "watcher:web"), count() >= 2)[1], "two samples")


# Connecting


def test_disconnected_visitor_is_led_to_the_connect_page(borrower: Visitor) -> None:
    assert borrower.post("/disconnect", {}).headers["Location"] == "./connect"
    answer = borrower.get("/")
    assert (answer.status, answer.headers["Location"]) == (303, "./connect")
    assert borrower.get("/poll?since={}", headers={"Accept": "application/json"}).status == 409


def test_one_of_several_daemons_is_chosen(daemon: Daemon, console: ConsoleServer, which_circusd: Flavour) -> None:
    daemon.start(watcher("ours"))
    other = Daemon(which_circusd)
    try:
        other.start(watcher("theirs"))
        console.start("--endpoint", other.endpoint)
        visitor = console.logged_in()
        assert visitor.get("/").headers["Location"] == "./connect"
        page = visitor.get("/connect").body
        assert daemon.endpoint in page and other.endpoint in page
        assert visitor.post("/connect", {"endpoint": other.endpoint}).status == 303
        assert "theirs" in shown(visitor.get("/"))
        visitor.post("/connect", {"endpoint": daemon.endpoint})
        assert "ours" in shown(visitor.get("/"))
    finally:
        console.close()
        other.close()


def test_daemon_that_is_gone_leads_to_the_connect_page_and_back(daemon: Daemon, visitor: Visitor) -> None:
    assert visitor.get("/").status == 200
    daemon.stop()
    answer = wait_for(lambda: (a := visitor.get("/")).status == 503 and a, "the console to notice")
    assert "circusd does not answer at" in shown(answer)
    assert "Traceback" not in answer.body
    daemon.launch(str(daemon.config))
    daemon.wait_until_up()
    wait_for(lambda: visitor.get("/").status == 200, "the console to find it again")
    assert "web" in shown(visitor.get("/"))


def test_daemon_that_is_not_there_yet_is_found(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.write(watcher("web"))
    console.start()
    visitor = console.visitor()
    visitor.get(console.link.removeprefix(console.url.rstrip("/")))
    assert visitor.get("/").status == 503
    daemon.launch(str(daemon.config))
    daemon.wait_until_up()
    wait_for(lambda: visitor.get("/").status == 200, "the console to find it")


def test_hanging_daemon_does_not_hold_up_other_pages(daemon: Daemon, visitor: Visitor) -> None:
    assert visitor.get("/").status == 200
    os.kill(daemon.arbiter, signal.SIGSTOP)
    try:
        answer = wait_for(lambda: (a := visitor.get("/")).status == 503 and a, "the console to notice")
        assert "does not answer" in shown(answer)
        assert visitor.get("/connect").status == 200
    finally:
        os.kill(daemon.arbiter, signal.SIGCONT)
    wait_for(lambda: visitor.get("/").status == 200, "the console to find it again")


# Within circusd


@pytest.fixture
def within(daemon: Daemon) -> ConsoleServer:
    """A console that the daemon runs."""
    console = ConsoleServer(daemon.home, daemon.endpoint)
    daemon.start(circus(httpd=True, httpd_port=0), watcher("web"), env=console.environ)
    found = wait_for(lambda: re.search(r"Open (http://\S+/)login", daemon.output), "the console to say where it is")
    console.url = found[1]
    return console


def test_daemon_runs_the_console_when_asked_to(daemon: Daemon, within: ConsoleServer) -> None:
    visitor = within.logged_in()
    assert "circushttpd" in shown(visitor.get("/"))
    assert daemon.call("options", name="circushttpd")["options"]["singleton"] is True
    (managed,) = daemon.call("listsockets")["sockets"]
    assert managed["name"] == "circushttpd"
    assert within.url.endswith(f":{managed['port']}/")


def test_session_outlives_the_console(daemon: Daemon, within: ConsoleServer) -> None:
    visitor = within.logged_in()
    old = daemon.pids("circushttpd")
    daemon.call("restart", name="circushttpd", waiting=True)
    assert daemon.pids("circushttpd") != old
    assert visitor.get("/").status == 200


def test_unix_socket_can_be_listened_on(daemon: Daemon) -> None:
    import http.client
    import socket as sockets

    console = ConsoleServer(daemon.home, daemon.endpoint)
    path = daemon.home / "http"
    section = socket("console", path=path)
    command = f"{PROGRAM} --endpoint {daemon.endpoint} --fd $(circus.sockets.console)"
    daemon.start(section, watcher("console", cmd=command, use_sockets=True, copy_env=True), env=console.environ)
    wait_for(lambda: "Ctrl-C" in daemon.output, "the console to listen")
    connection = http.client.HTTPConnection("localhost")
    connection.sock = sockets.socket(sockets.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", "/login")
    assert connection.getresponse().status == 200
    connection.close()
