"""Requests that no browser of ours sends: slow, large, malformed; from pages that were not asked."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import ExitStack
from urllib.parse import quote, urlsplit

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from circus_web.actions import ACTIONS
from tests.support.console import ConsoleServer, Visitor
from tests.support.daemon import Daemon
from tests.support.ini import watcher
from tests.support.waiting import wait_for


def connect(visitor: Visitor) -> socket.socket:
    return socket.create_connection(("localhost", urlsplit(visitor.url).port), timeout=60)


def raw(visitor: Visitor, request: bytes) -> bytes:
    """Return the whole answer to what is sent as it stands."""
    with connect(visitor) as connection, connection.makefile("rb") as answer:
        connection.sendall(request)
        lines = [answer.readline()]
        while lines[-1].strip():
            lines.append(answer.readline())
        head = b"".join(lines)
        length = re.search(rb"(?i)\ncontent-length: (\d+)", head)
        return head + answer.read(int(length[1]) if length else 0)


def test_slow_clients_hold_up_nobody(ours: ConsoleServer) -> None:
    visitor = ours.logged_in()
    host = visitor.host.encode()
    with ExitStack() as stack:
        for number in range(200):
            slow = stack.enter_context(connect(visitor))
            if number % 2:
                slow.sendall(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nX-Slow: ")
            else:
                slow.sendall(b"POST /login HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 1000\r\n\r\npassword=")
        assert visitor.get("/").status == 200
        assert ours.visitor().get("/login").status == 200


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param("GET / HTTP/1.1\r\nHost: {host}\r\nX: " + "y" * 40_000 + "\r\n\r\n", id="long-header"),
        pytest.param("GET /" + "y" * 40_000 + " HTTP/1.1\r\nHost: {host}\r\n\r\n", id="long-path"),
        pytest.param("POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2000000\r\n\r\n", id="large-body"),
        pytest.param("POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n", id="negative-length"),
        pytest.param("POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: x\r\n\r\n", id="length-that-is-none"),
        pytest.param(
            "POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="two-lengths",
        ),
        pytest.param("GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n", id="two-hosts"),
        pytest.param("GET / HTTP/1.1\r\n\r\n", id="no-host"),
        pytest.param("GET / HTTP/1.0\r\n\r\n", id="no-host-in-1.0"),
        pytest.param("NONSENSE\r\n\r\n", id="no-request"),
        pytest.param("TRACE / HTTP/1.1\r\nHost: {host}\r\nCookie: a=b\r\n\r\n", id="trace"),
        pytest.param("CONNECT evil.example:80 HTTP/1.1\r\nHost: {host}\r\n\r\n", id="connect"),
    ],
)
def test_request_that_makes_no_sense_is_refused(inside: Visitor, request_text: str) -> None:
    visitor = inside
    answer = raw(visitor, request_text.format(host=visitor.host).encode())
    assert not answer.startswith(b"HTTP/1.1 2") and b"Traceback" not in answer
    assert b"a=b" not in answer, "a request is not sent back"
    assert visitor.get("/").status == 200


def test_form_in_pieces_is_refused(ours: ConsoleServer) -> None:
    visitor = ours.logged_in()
    head = f"POST /do HTTP/1.1\r\nHost: {visitor.host}\r\nOrigin: {visitor.origin}\r\nTransfer-Encoding: chunked\r\n"
    answer = raw(visitor, f"{head}\r\n5\r\ndo=rm\r\n0\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 303", b"HTTP/1.1 4"))


ODD = [
    *("%00", "%ff", "%0d%0aSet-Cookie:%20a=b", "..%2f..%2fetc", "%e2%80%ae", "'\"<>"),
    *("{{1}}", "%7B%7B7*7%7D%7D", "a" * 3000),
]


@pytest.fixture(scope="module")
def inside(ours: ConsoleServer) -> Visitor:
    """Somebody who is logged in."""
    return ours.logged_in()


@pytest.mark.parametrize(
    "place",
    [
        *("/{}", "/media/{}", "/login?next={}", "/watcher?name={}", "/output?name=web&pid={}"),
        *("/options?name={}", "/events?name={}", "/rest?c={}", "/history?name={}", "/poll?since={}"),
    ],
)
def test_odd_text_in_an_address_is_no_fault(inside: Visitor, place: str) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in inside.cookies.items())
    for odd in ODD:
        head = f"GET {place.format(odd)} HTTP/1.1\r\nHost: {inside.host}\r\nCookie: {cookies}\r\n\r\n"
        answer = raw(inside, head.encode())
        assert int(answer.split()[1]) < 500, odd
        assert b"\na=b" not in answer and b"Traceback" not in answer, odd
        assert b"49" not in b"".join(re.findall(rb"not found|no watcher[^<]*", answer)), "a template was rendered"


def test_who_only_asks_for_the_head_of_a_link_does_not_use_it_up(ours: ConsoleServer) -> None:
    path = ours.new_link().removeprefix(ours.url.rstrip("/"))
    visitor = ours.visitor()
    visitor.request("HEAD", path)
    assert visitor.cookies == {}
    assert visitor.get(path).status == 200
    assert visitor.cookies != {}


def test_login_gives_a_session_that_nobody_chose(ours: ConsoleServer) -> None:
    """Who planted a cookie before the login knows nothing of the session after it."""
    attacker = ours.logged_in()
    victim = ours.visitor()
    victim.cookies = dict(attacker.cookies)
    planted = dict(victim.cookies)
    victim.get(ours.new_link().removeprefix(ours.url.rstrip("/")))
    assert victim.cookies != planted
    assert victim.csrf() != attacker.csrf()


def test_logged_out_cookie_stays_worthless_after_a_restart(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(watcher("web"))
    console.start()
    visitor = console.logged_in()
    copy = dict(visitor.cookies)
    visitor.post("/logout", {})
    port = urlsplit(console.url).port
    console.stop()
    console.start(port=port or 0)
    visitor.cookies = copy
    assert visitor.get("/").status == 303


async def _say(visitor: Visitor, message: str | bytes) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    url = f"{visitor.url.replace('http', 'ws', 1)}live?c=index:&since="
    connection = await websocket_connect(HTTPRequest(url, headers={"Cookie": cookies, "Origin": visitor.origin}))
    await asyncio.wait_for(connection.read_message(), 60)
    await connection.write_message(message, binary=isinstance(message, bytes))
    # The next message, or the end of the connection, comes after what was said was taken.
    told = await asyncio.wait_for(connection.read_message(), 60)
    connection.close()
    while told is not None:
        told = await asyncio.wait_for(connection.read_message(), 60)


@pytest.mark.parametrize(
    "message", ['{"do": "stop", "name": "web"}', "stop", "", b"\x00\xff", '{"command": "quit"}', "x" * 100_000]
)
def test_nothing_that_is_said_over_a_websocket_does_anything(
    untouched: Daemon, inside: Visitor, message: str | bytes
) -> None:
    asyncio.run(_say(inside, message))
    assert untouched.status("web") == "active"
    assert inside.get("/").status == 200


def test_read_only_console_refuses_whatever_is_posted(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(watcher("web"))
    console.start("--readonly")
    visitor = console.logged_in()
    pid = daemon.pids("web")[0]
    buttons = [f"do={do}&name=web&pid={pid}&signum=KILL" for do in ACTIONS]
    for button in buttons:
        assert visitor.post("/do", {"button": button}).status == 303
        assert "read-only" in visitor.get("/").body
    for path in ("/watcher?name=web", "/events", "/output?name=web", "/sockets", "/rest", "/poll", "/history", "/live"):
        assert visitor.post(path, {"do": "stop", "name": "web"}).status in {403, 404, 405}, path
    assert daemon.pids("web") == [pid]
    assert daemon.status("web") == "active"


MARKUP = '"><script>alert(1)</script>'


def test_markup_in_options_events_and_errors_is_shown_as_text(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(watcher("web"))
    daemon.call("set", name="web", options={"env": {"X": MARKUP}}, waiting=True)
    daemon.call("add", name=MARKUP, cmd="/no/such/<script>alert(1)</script>", start=True)
    console.start()
    visitor = console.logged_in()
    name = quote(MARKUP)
    visitor.get("/events")
    wait_for(lambda: "no/such" in visitor.get("/").body, "the error to be shown")
    visitor.post("/do", {"button": f"do=incr&name={name}x"})
    for path in ("/", "/events", f"/watcher?name={name}", f"/options?name={name}", "/options?name=web",
                 f"/output?name={name}", f"/watcher?name={name}x", "/extensions"):  # fmt: skip
        assert "<script>alert" not in visitor.get(path).body, path
    answer = visitor.post("/add", {"name": MARKUP, "cmd": "'", "env": MARKUP, "more": MARKUP})
    assert answer.status == 422 and "<script>alert" not in answer.body
    answer = visitor.post("/options?name=web", {"option:graceful_timeout": MARKUP})
    assert answer.status == 422 and "<script>alert" not in answer.body
    answer = visitor.post("/connect", {"endpoint": MARKUP})
    assert answer.status == 403 and "<script>alert" not in answer.body
    assert "<script>alert" not in visitor.get(f"/login?next={name}").body
