"""What the console refuses: each check with a request that has to fail, and one beside it that does not."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from circus_web.actions import ACTIONS
from circus_web.guard import HEADERS
from circus_web.passwords import hash_password
from tests.support.console import PROGRAM, ConsoleServer, Visitor
from tests.support.daemon import Daemon
from tests.support.ini import circus, watcher
from tests.support.ini import socket as socket_section
from tests.support.waiting import wait_for

PASSWORD = "correct horse battery"
PAGES = (
    "/",
    "/watcher?name=web",
    "/options?name=web",
    "/output?name=web",
    "/events",
    "/add",
    "/sockets",
    "/extensions",
)


async def _connect(visitor: Visitor, headers: Mapping[str, str]) -> list[str]:
    url = f"{visitor.url.replace('http', 'ws', 1)}live?c=index:&since="
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    request = HTTPRequest(url, headers={"Cookie": cookies, "Origin": f"http://{visitor.host}", **headers})
    connection = await websocket_connect(request)
    try:
        message = await asyncio.wait_for(connection.read_message(), 60)
        return [str(message)]
    finally:
        connection.close()


def socket_status(visitor: Visitor, **headers: str) -> int:
    """Return the status that a WebSocket is refused with, 101 when it is not and tells something."""
    try:
        (message,) = asyncio.run(_connect(visitor, headers))
    except HTTPClientError as exc:
        return int(exc.code)
    assert '"c":"index:"' in message
    return 101


# Nobody is let in


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_shown_without_a_login(ours: ConsoleServer, path: str) -> None:
    answer = ours.visitor().get(path)
    assert answer.status == 303
    assert answer.headers["Location"].lstrip("./").startswith("login")
    assert ours.logged_in().get(path).status == 200


def test_scripts_without_a_login_get_no_data(ours: ConsoleServer) -> None:
    visitor = ours.visitor()
    for path in ("/poll?since={}", "/history", "/rest?c=index:"):
        assert visitor.get(path, headers={"Accept": "application/json"}).status == 401


def test_no_button_works_without_a_login(untouched: Daemon, ours: ConsoleServer) -> None:
    answer = ours.visitor().request("POST", "/do", form={"do": "stop", "name": "web", "csrf": "x"})
    assert answer.status == 303
    assert untouched.status("web") == "active"


def test_no_socket_opens_without_a_login(ours: ConsoleServer) -> None:
    assert socket_status(ours.visitor()) == 401
    assert socket_status(ours.logged_in()) == 101


def test_link_lets_in_once(ours: ConsoleServer) -> None:
    path = ours.new_link().removeprefix(ours.url.rstrip("/"))
    first, second = ours.visitor(), ours.visitor()
    assert first.get(path).status == 200
    assert first.get("/").status == 200
    assert second.get(path).status == 403
    assert second.get("/").status == 303


def test_link_of_another_console_does_not_let_in(running: ConsoleServer, daemon: Daemon, tmp_path: Path) -> None:
    other = ConsoleServer(tmp_path, daemon.endpoint)
    other.environ = running.environ  # the same user, the same key
    try:
        other.start("--readonly")
        token = other.link.partition("token=")[2]
        assert running.visitor().get(f"/login?token={token}").status == 403
        theirs, ours = other.visitor(), running.logged_in()
        assert theirs.get(f"/login?token={token}").status == 200
        ours.cookies = dict(zip(ours.cookies, theirs.cookies.values(), strict=True))
        assert ours.get("/").status == 303
    finally:
        other.close()


def test_made_up_token_does_not_let_in(running: ConsoleServer) -> None:
    token = running.link.partition("token=")[2]
    expiry, nonce, signature = token.split(".")
    for forged in (f"ffffffff.{nonce}.{signature}", f"{expiry}.{'0' * 32}.{signature}", "x", "..", "%00", "a" * 5000):
        assert Visitor(running.url).get(f"/login?token={forged}").status in {403, 429}
    assert running.visitor().get("/").status == 303


def test_altered_cookie_is_worth_nothing(ours: ConsoleServer) -> None:
    visitor = ours.logged_in()
    ((name, value),) = visitor.cookies.items()
    body, _, signature = value.partition(".")
    for forged in (f"{body}x.{signature}", f"{body}.{'0' * 64}", f"{body}.", body, "", ".", "\u00e9"):
        visitor.cookies = {name: forged}
        assert visitor.get("/").status == 303
    visitor.cookies = {name: value}
    assert visitor.get("/").status == 200


def test_logout_ends_every_copy_of_the_cookie(running: ConsoleServer) -> None:
    visitor = running.logged_in()
    copy = dict(visitor.cookies)
    assert visitor.post("/logout", {}).status == 303
    assert visitor.cookies == {}
    visitor.cookies = copy
    assert visitor.get("/").status == 303
    assert socket_status(visitor) == 401


def test_cookie_is_kept_from_scripts_and_other_sites(ours: ConsoleServer) -> None:
    visitor = ours.visitor()
    (cookie,) = visitor.get(ours.new_link().removeprefix(ours.url.rstrip("/"))).cookies
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie


def test_cookie_is_secure_behind_tls(ours: ConsoleServer) -> None:
    path = ours.new_link().removeprefix(ours.url.rstrip("/"))
    (cookie,) = ours.visitor().get(path, headers={"X-Forwarded-Proto": "https"}).cookies
    assert "; Secure" in cookie


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "login?next=x", "/\\evil", "javascript:1", "a/../b"]
)
def test_login_leads_to_no_other_site(ours: ConsoleServer, target: str) -> None:
    visitor = ours.visitor()
    path = ours.new_link().removeprefix(ours.url.rstrip("/"))
    body = visitor.get(f"{path}&next={target}").body
    assert re.search(r'url=([^"]*)"', body)[1] == "./"  # type: ignore[index]


# Passwords


@pytest.fixture
def with_password(daemon: Daemon, console: ConsoleServer) -> ConsoleServer:
    """A console that asks for a password."""
    daemon.start(watcher("web"))
    console.start(env={"CIRCUS_HTTPD_PASSWORD_HASH": hash_password(PASSWORD, cost=2)})
    return console


def test_password_lets_in_and_another_does_not(with_password: ConsoleServer) -> None:
    visitor = with_password.visitor()
    assert visitor.request("POST", "/login", form={"password": "guess"}).status == 403
    assert visitor.get("/").status == 303
    assert visitor.request("POST", "/login", form={"password": PASSWORD}).status == 303
    assert visitor.get("/").status == 200


def test_link_does_not_replace_the_password(with_password: ConsoleServer) -> None:
    assert with_password.link == ""
    assert "token" not in with_password.new_link()


def test_guessing_is_slowed_down(with_password: ConsoleServer) -> None:
    visitor = with_password.visitor()
    statuses = [visitor.request("POST", "/login", form={"password": f"guess {n}"}).status for n in range(7)]
    assert statuses == [403] * 5 + [429] * 2
    refused = visitor.request("POST", "/login", form={"password": PASSWORD})
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    other = visitor.request("POST", "/login", form={"password": PASSWORD}, headers={"X-Forwarded-For": "203.0.113.9"})
    assert other.status == 303


def test_login_form_of_another_site_is_refused(with_password: ConsoleServer) -> None:
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    visitor = with_password.visitor()
    assert visitor.request("POST", "/login", form={"password": PASSWORD}, headers=headers).status == 403
    assert visitor.cookies == {}


# Requests from elsewhere


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "", "localhost@evil", "[::1"]
)
def test_foreign_name_is_refused(ours: ConsoleServer, host: str) -> None:
    visitor = ours.logged_in()
    assert visitor.get("/", headers={"Host": host}).status in {400, 421}
    assert visitor.get("/login", headers={"Host": host}).status in {400, 421}
    assert visitor.get("/media/console.css", headers={"Host": host}).status in {400, 421}


def test_foreign_name_opens_no_socket(ours: ConsoleServer) -> None:
    assert socket_status(ours.logged_in(), Host="evil.example", Origin="http://evil.example") == 421


def test_name_that_is_allowed_is_let_in(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(watcher("web"))
    console.start("--allowed-host", "console.example")
    assert console.logged_in().get("/", headers={"Host": "console.example"}).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "file://", ""])
def test_request_of_a_foreign_page_is_refused(untouched: Daemon, ours: ConsoleServer, origin: str) -> None:
    visitor = ours.logged_in()
    form = {"do": "stop", "name": "web"}
    assert visitor.post("/do", form, headers={"Origin": origin}).status == 403
    assert visitor.get("/", headers={"Origin": origin}).status == 403
    assert untouched.status("web") == "active"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", None])
def test_form_without_origin_has_to_come_from_our_page(
    untouched: Daemon, ours: ConsoleServer, site: str | None
) -> None:
    visitor = ours.logged_in()
    headers = {"Origin": None, "Sec-Fetch-Site": site}
    assert visitor.post("/do", {"do": "stop", "name": "web"}, headers=headers).status == 403
    assert untouched.status("web") == "active"


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_foreign_page_opens_no_socket(ours: ConsoleServer, origin: str) -> None:
    assert socket_status(ours.logged_in(), Origin=origin) == 403


@pytest.mark.parametrize("path", ["/do", "/add", "/options?name=web", "/connect", "/disconnect", "/logout"])
@pytest.mark.parametrize("token", ["", "0" * 64, "another session's"])
def test_form_without_its_token_is_refused(untouched: Daemon, ours: ConsoleServer, path: str, token: str) -> None:
    visitor = ours.logged_in()
    token = ours.logged_in().csrf() if token.startswith("another") else token
    form = {"do": "stop", "name": "web", "cmd": "sleep 1", "endpoint": untouched.endpoint}
    assert visitor.post(path, form, csrf=token).status == 403
    assert untouched.status("web") == "active"
    assert visitor.get("/").status == 200, "it is still logged in, and connected"


def test_link_changes_nothing(untouched: Daemon, ours: ConsoleServer) -> None:
    visitor = ours.logged_in()
    assert visitor.get("/do?do=stop&name=web").status in {404, 405}
    assert untouched.status("web") == "active"


# What answers say


class _Markup(HTMLParser):
    """Finds what a Content-Security-Policy would have to allow."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self._is_in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self._is_in = tag if tag in {"script", "style"} else ""
        self.inline += [f"{tag} {name}" for name in names if name.startswith("on") or name == "style"]
        foreign = ("javascript:", "http:", "https:", "//")
        self.inline += [f"{tag} {value}" for value in names.values() if (value or "").startswith(foreign)]

    def handle_data(self, data: str) -> None:
        if self._is_in and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", [*PAGES, "/login", "/connect", "/nowhere", "/watcher?name=nobody"])
def test_page_has_neither_inline_script_nor_style_nor_foreign_address(ours: ConsoleServer, path: str) -> None:
    markup = _Markup()
    markup.feed(ours.logged_in().get(path).body)
    assert markup.inline == []


@pytest.mark.parametrize(
    "path", ["/", "/login", "/nowhere", "/media/console.js", "/media/nowhere.js", "/live", "/a/b/c"]
)
def test_every_answer_tells_browsers_what_it_may_do(ours: ConsoleServer, path: str) -> None:
    answer = ours.logged_in().get(path)
    for name, value in HEADERS:
        assert answer.headers[name] == value, path
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_pages_are_kept_out_of_caches(ours: ConsoleServer) -> None:
    assert ours.logged_in().get("/").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/media/../cli.py", "/media/%2e%2e/cli.py", "/media//etc/passwd", "/media/..%2fcli.py"]
)
def test_files_beside_the_static_ones_are_not_served(ours: ConsoleServer, path: str) -> None:
    assert ours.logged_in().get(path).status in {403, 404}


def test_fault_of_ours_tells_nothing_of_the_inside(ours: ConsoleServer) -> None:
    answer = ours.logged_in().get("/poll?since=%5B%5B%5B", headers={"Accept": "application/json"})
    assert answer.status == 400
    assert "Traceback" not in answer.body and "/" not in answer.body


def test_form_that_is_too_large_is_refused(ours: ConsoleServer) -> None:
    assert ours.logged_in().post("/add", {"name": "x", "cmd": "y" * 100_000}).status == 413


# What may be reached and done


def test_daemon_that_was_not_allowed_is_not_connected_to(ours: ConsoleServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        answer = ours.logged_in().post("/connect", {"endpoint": endpoint})
        assert answer.status == 403 and "--endpoint" in answer.body
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.fixture
def readonly(daemon: Daemon, console: ConsoleServer) -> ConsoleServer:
    """A console that changes nothing."""
    daemon.start(watcher("web", copy_env=True), circus())
    daemon.call("set", name="web", options={"env": {"SECRET": "hunter2"}}, waiting=True)
    console.start("--readonly")
    return console


def test_read_only_console_refuses_every_change(daemon: Daemon, readonly: ConsoleServer) -> None:
    visitor = readonly.logged_in()
    pid = str(daemon.pids("web")[0])
    for do in ACTIONS:
        assert visitor.do(do, name="web", pid=pid, signum="TERM").status == 403, do
    assert visitor.post("/add", {"name": "new", "cmd": "sleep 1"}, headers={"Accept": "application/json"}).status == 403
    form = {"option:numprocesses": "5"}
    assert visitor.post("/options?name=web", form, headers={"Accept": "application/json"}).status == 403
    assert daemon.pids("web") == [int(pid)]
    assert daemon.call("list")["watchers"] == ["web"]


def test_read_only_console_has_no_button_and_hides_the_environment(readonly: ConsoleServer) -> None:
    visitor = readonly.logged_in()
    for path in PAGES:
        body = visitor.get(path).body
        assert 'form="act"' not in body and "hunter2" not in body, path
    assert "SECRET" in visitor.get("/options?name=web").body


# Listening


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "203.0.113.1"])
def test_listening_for_others_without_a_password_is_refused(tmp_path: Path, host: str) -> None:
    done = subprocess.run(
        [PROGRAM, "--port", "0", "--host", host], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "circushttpd --hash-password" in done.stderr
    assert done.stdout == ""


def test_listening_for_others_on_a_given_socket_without_a_password_is_refused() -> None:
    with socket.create_server(("0.0.0.0", 0)) as given:
        words = [PROGRAM, "--fd", str(given.fileno())]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, pass_fds=[given.fileno()])
    assert done.returncode == 1
    assert "--hash-password" in done.stderr


def test_listening_for_others_with_a_password_is_possible(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(watcher("web"))
    console.start("--host", "0.0.0.0", env={"CIRCUS_HTTPD_PASSWORD_HASH": hash_password(PASSWORD)})
    port = console.url.rstrip("/").rpartition(":")[2]
    visitor = Visitor(f"http://127.0.0.1:{port}/")
    assert visitor.request("POST", "/login", form={"password": PASSWORD}).status == 303


def test_daemon_refuses_to_let_others_in_without_a_password(daemon: Daemon) -> None:
    config = daemon.write(circus(httpd=True, httpd_host="0.0.0.0"), watcher("web"))
    daemon.launch(str(config))
    assert daemon.wait_exit() == 1
    assert "httpd_host" in daemon.log and "httpd_password_hash" in daemon.log


def test_password_hash_stands_in_no_command_line(daemon: Daemon) -> None:
    hashed = hash_password(PASSWORD)
    daemon.start(circus(httpd=True, httpd_port=0, httpd_password_hash=hashed), watcher("web"))
    pid = wait_for(lambda: daemon.pids("circushttpd"), "the console to run")[0]
    assert hashed not in Path(f"/proc/{pid}/cmdline").read_text()


# Markup


MARKUP = '<img src=x onerror="document.title=1"> & <b>'


def test_names_and_output_with_markup_are_shown_as_text(daemon: Daemon, console: ConsoleServer) -> None:
    script = daemon.home / "speak"
    script.write_text(f"#!/bin/sh\necho '{MARKUP}'\nexec sleep 1000\n")
    script.chmod(0o755)
    daemon.start(watcher("web"))
    daemon.call("add", name=MARKUP, cmd=str(script), options={"log_ring": 65536}, start=True, waiting=True)
    console.start()
    visitor = console.logged_in()
    for path in ("/", f"/watcher?name={quote(MARKUP)}", f"/events?name={quote(MARKUP)}"):
        body = wait_for(lambda path=path: (found := visitor.get(path)).status == 200 and found.body, path)
        assert MARKUP not in body, path
        assert "&lt;img src=x" in body, path

    def shown() -> str | None:
        body = visitor.get(f"/output?name={quote(MARKUP)}").body
        return body if body.count("&lt;img src=x onerror") > 3 else None

    assert MARKUP not in wait_for(shown, "the output to be shown")


def test_socket_names_are_shown_as_text(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(socket_section("<i>s</i>"), watcher("web"))
    console.start()
    body = console.logged_in().get("/sockets").body
    assert "<i>s</i>" not in body and "&lt;i&gt;s" in body
