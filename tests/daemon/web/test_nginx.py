"""Behind a real nginx, with the configurations that the docs show and that they showed long ago."""

from __future__ import annotations

import asyncio
import html
import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from circus_web.passwords import hash_password
from tests.support import nginx
from tests.support.console import PROGRAM, ConsoleServer, Visitor
from tests.support.daemon import Daemon
from tests.support.ini import socket, watcher
from tests.support.nginx import Nginx, make_certificate
from tests.support.pages import TUTORIALS
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(nginx.PROGRAM is None, reason="needs nginx: apt-get install nginx-light")

NAME: Final = "console.example.com"
PAGE: Final = (TUTORIALS.parent / "how-to" / "console.md").read_text()
AT_ROOT, UNDER_A_PATH = re.findall(r"^```nginx\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OLD: Final = """
server {
    listen 80;
    location / {
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header Host $http_host;
        proxy_redirect off;
        proxy_pass http://127.0.0.1:8080;
    }
}
"""


class Site:
    """A console with nginx before it."""

    def __init__(self, folder: Path, console: ConsoleServer) -> None:
        self.folder = folder
        self.console = console
        self._nginx: Nginx | None = None
        self._certificate: Path | None = None
        self._path = "/"

    def serve(self, site: str, backend: str, *, path: str = "/") -> None:
        """Run nginx with *site*, leading to *backend*."""
        changes = {"http://127.0.0.1:8080": backend}
        if "ssl" in site:
            self._certificate, key = make_certificate(self.folder, NAME)
            pair = {f"/etc/ssl/{NAME}.pem": str(self._certificate), f"/etc/ssl/{NAME}.key": str(key)}
            changes |= {"listen 443 ssl": "listen PORT ssl", **pair}
        else:
            changes |= {"listen 80": "listen PORT"}
        self._path = path
        self._nginx = Nginx(self.folder, site, changes)

    def visitor(self) -> Visitor:
        """Return a browser that goes through nginx."""
        assert self._nginx is not None
        scheme = "https" if self._certificate else "http"
        url = f"{scheme}://{NAME}:{self._nginx.port}{self._path}"
        return Visitor(url, port=self._nginx.port, certificate=self._certificate)

    def logged_in(self) -> Visitor:
        """Return one that pasted the token of a fresh link."""
        visitor = self.visitor()
        token = self.console.new_link()
        assert visitor.request("POST", "/login", form={"password": token}).status == 303
        return visitor

    def close(self) -> None:
        if self._nginx is not None:
            self._nginx.stop()


@pytest.fixture
def site(daemon: Daemon, console: ConsoleServer, tmp_path: Path) -> Iterator[Site]:
    """A site without nginx yet, its console not started; of a daemon with the watcher ``web``."""
    daemon.start(watcher("web"))
    site = Site(tmp_path, console)
    yield site
    site.close()


def backend(console: ConsoleServer) -> str:
    return f"http://127.0.0.1:{urlsplit(console.url).port}"


@pytest.fixture
def at_root(site: Site) -> Site:
    """The console behind nginx with TLS."""
    site.console.start("--allowed-host", NAME)
    site.serve(AT_ROOT, backend(site.console))
    return site


@pytest.fixture
def under_a_path(site: Site) -> Site:
    """The console behind nginx, below a path."""
    site.console.start("--allowed-host", NAME)
    site.serve(UNDER_A_PATH, backend(site.console), path="/circus/")
    return site


async def _first_message(visitor: Visitor, origin: str) -> dict[str, object]:
    scheme = "wss" if visitor.url.startswith("https") else "ws"
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    trust = ssl.create_default_context()
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    request = HTTPRequest(
        f"{scheme}://127.0.0.1:{visitor.port}{visitor.prefix}/live?c=index:&since=",
        headers={"Cookie": cookies, "Origin": origin, "Host": visitor.host},
        ssl_options=trust if scheme == "wss" else None,
    )
    connection = await websocket_connect(request)
    try:
        return dict(json.loads(str(await asyncio.wait_for(connection.read_message(), 20))))
    finally:
        connection.close()
        while await asyncio.wait_for(connection.read_message(), 20) is not None:
            pass


def first_message(visitor: Visitor, origin: str = "") -> dict[str, object]:
    """Return what a WebSocket through nginx tells first."""
    return asyncio.run(_first_message(visitor, origin or visitor.origin))


def polled(visitor: Visitor) -> dict[str, object]:
    (message,) = visitor.get("/poll?since=%7B%22index%3A%22%3A%22%22%7D").json  # type: ignore[misc]
    return dict(message)


def test_console_works_through_nginx(daemon: Daemon, at_root: Site) -> None:
    visitor = at_root.logged_in()
    assert 'data-row="w:web"' in visitor.get("/").body
    assert visitor.do("incr", name="web").status == 200
    daemon.wait_ready("web", 2)
    assert first_message(visitor)["c"] == "index:"
    assert polled(visitor)["up"] is True


def test_cookie_is_secure_where_nginx_has_tls(at_root: Site) -> None:
    visitor = at_root.visitor()
    path = at_root.console.new_link().removeprefix(at_root.console.url.rstrip("/"))
    (cookie,) = visitor.get(path).cookies
    assert "; Secure" in cookie and "HttpOnly" in cookie and "SameSite=Strict" in cookie


def test_foreign_page_gets_nothing_through_nginx(daemon: Daemon, at_root: Site) -> None:
    visitor = at_root.logged_in()
    for origin in ("https://evil.example", f"https://{NAME}", f"http://{visitor.host}"):
        form = {"do": "stop", "name": "web"}
        assert visitor.post("/do", form, headers={"Origin": origin}).status == 403, origin
        with pytest.raises(HTTPClientError, match="403"):
            first_message(visitor, origin)
    assert daemon.status("web") == "active"


def test_name_that_is_not_allowed_is_refused_through_nginx(site: Site) -> None:
    site.console.start()
    site.serve(AT_ROOT, backend(site.console))
    answer = site.visitor().get("/login")
    assert answer.status == 421
    assert "httpd_allowed_hosts" in answer.body


def test_guesses_are_counted_by_the_address_that_nginx_saw(site: Site) -> None:
    site.console.start("--allowed-host", NAME, env={"CIRCUS_HTTPD_PASSWORD_HASH": hash_password("right", cost=2)})
    site.serve(AT_ROOT, backend(site.console))
    visitor = site.visitor()
    statuses = []
    for number in range(7):
        headers = {"X-Forwarded-For": f"203.0.113.{number}"}
        statuses.append(visitor.request("POST", "/login", form={"password": "guess"}, headers=headers).status)
    assert statuses == [403] * 5 + [429] * 2


LINKS: Final = re.compile(r'(?:href|src|action|data-root)="([^"#]*)"')


def test_every_link_stays_below_the_path(under_a_path: Site) -> None:
    visitor = under_a_path.logged_in()
    seen: set[str] = set()
    todo = ["/"]
    while todo:
        path = todo.pop()
        answer = visitor.get(path)
        assert answer.status == 200, path
        if "text/html" not in answer.headers["Content-Type"]:
            continue
        for link in LINKS.findall(answer.body):
            target = urljoin(visitor.url + path[1:], html.unescape(link))
            assert target.startswith(visitor.url), f"{path} leads to {target}"
            there = "/" + target.removeprefix(visitor.url)
            is_form = f'action="{link}"' in answer.body
            if there not in seen and not is_form:
                seen.add(there)
                todo.append(there)
    assert {"/watcher?name=web", "/sockets", "/extensions", "/add", "/events"} <= seen
    assert any(there.endswith("/console.css") for there in seen)


def test_redirects_stay_below_the_path(under_a_path: Site) -> None:
    visitor = under_a_path.visitor()
    for path, leads_to in (("/", "/circus/login"), ("/watcher?name=web", "/circus/login?next=watcher%3Fname%3Dweb")):
        location = visitor.get(path).headers["Location"]
        assert urlsplit(urljoin(visitor.url + path[1:], location))._replace(scheme="", netloc="").geturl() == leads_to
    visitor = under_a_path.logged_in()
    location = visitor.post("/disconnect", {}).headers["Location"]
    assert urljoin(visitor.url + "disconnect", location) == f"{visitor.url}connect"


def test_sockets_and_buttons_work_below_the_path(daemon: Daemon, under_a_path: Site) -> None:
    visitor = under_a_path.logged_in()
    assert first_message(visitor)["c"] == "index:"
    assert visitor.do("stop", name="web").status == 200
    daemon.wait_status("web", "stopped")


def test_cookie_belongs_to_the_path(under_a_path: Site) -> None:
    """Without a path it gets that of the page that sets it, so that other sites below the host never see it."""
    visitor = under_a_path.visitor()
    answer = visitor.request("POST", "/login", form={"password": under_a_path.console.new_link()})
    (cookie,) = answer.cookies
    assert "Path" not in cookie and "Domain" not in cookie and "Secure" not in cookie


def test_configuration_of_old_documents_works_by_polling(daemon: Daemon, site: Site) -> None:
    site.console.start("--allowed-host", NAME)
    site.serve(OLD, backend(site.console))
    visitor = site.logged_in()
    assert 'data-row="w:web"' in visitor.get("/").body
    with pytest.raises(HTTPClientError):
        first_message(visitor)
    first = polled(visitor)
    assert first["whole"] is True
    visitor.do("stop", name="web")
    daemon.wait_status("web", "stopped")
    wait_for(lambda: "is-stopped" in str(polled(visitor).get("rows")), "the change to be told")


def test_console_on_a_unix_socket_works_through_nginx(daemon: Daemon, console: ConsoleServer, tmp_path: Path) -> None:
    path = daemon.home / "console.sock"
    command = f"{PROGRAM} --fd $(circus.sockets.console) --endpoint {daemon.endpoint}"
    options = {"args": f"--allowed-host {NAME}", "singleton": True, "use_sockets": True, "copy_env": True}
    section = socket("console", path=path, umask="007")
    daemon.start(section, watcher("console", options, cmd=command), watcher("web"), env=console.environ)
    wait_for(lambda: "Ctrl-C" in daemon.output, "the console to listen")
    console.url = f"unix:{path}"
    site = Site(tmp_path, console)
    try:
        site.serve(AT_ROOT, f"http://unix:{path}")
        visitor = site.visitor()
        done = daemon.ctl("console-link", env=console.environ)
        assert visitor.request("POST", "/login", form={"password": done.stdout.strip()}).status == 303
        assert 'data-row="w:web"' in visitor.get("/").body
        assert first_message(visitor)["c"] == "index:"
    finally:
        site.close()
