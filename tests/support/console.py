"""A real ``circushttpd`` on a daemon, and the requests that browsers and others send it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from circus_web.register import Register, default_folder
from tests.support.waiting import PATIENCE, wait_for

PROGRAM = str(Path(sys.executable).with_name("circushttpd"))


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str
    cookies: list[str] = field(default_factory=list)

    @property
    def json(self) -> object:
        return json.loads(self.body)


class Visitor:
    """A browser without a screen: keeps cookies, sends what browsers send.

    :param url: of the first page; all paths are from there
    :param certificate: of the server that *url* names, which is then at *port* of the loopback
    """

    def __init__(self, url: str, *, port: int | None = None, certificate: Path | None = None) -> None:
        self.url = url
        parts = urlsplit(url)
        self.host = parts.netloc
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.prefix = parts.path.rstrip("/")
        self.cookies: dict[str, str] = {}
        self.port = port or parts.port
        self._trust = ssl.create_default_context(cafile=certificate) if certificate else None

    def request(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send a request as a page of the console would; a header that is ``None`` is left out."""
        sent: dict[str, str | None] = {"Host": self.host, "Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            body = urlencode(form)
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin}
        sent |= dict(headers or {})
        connection = self._connection()
        try:
            connection.putrequest(method, self.prefix + path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body.encode() if body is not None else None)
            reply = connection.getresponse()
            answer = Answer(
                reply.status, dict(reply.headers), reply.read().decode(), reply.headers.get_all("Set-Cookie") or []
            )
        finally:
            connection.close()
        self._keep(answer.cookies)
        return answer

    def get(self, path: str, **how: object) -> Answer:
        return self.request("GET", path, **how)  # type: ignore[arg-type]

    def post(self, path: str, form: Mapping[str, str], *, csrf: str | None = None, **how: object) -> Answer:
        """Send a form with the token of the session, or with another one."""
        token = self.csrf() if csrf is None else csrf
        return self.request("POST", path, form={**form, "csrf": token}, **how)  # type: ignore[arg-type]

    def do(self, do: str, **fields: str) -> Answer:
        """Press a button, as a script of the page does."""
        return self.post("/do", {"do": do, **fields}, headers={"Accept": "application/json"})

    def csrf(self) -> str:
        """Return the token that forms of this session have."""
        found = re.search(r'data-csrf="(\w*)"', self.get("/connect").body)
        assert found is not None
        return found[1]

    def _connection(self) -> http.client.HTTPConnection:
        name = urlsplit(self.url).hostname or ""
        if name not in {"localhost", "127.0.0.1"}:
            name = "127.0.0.1"
        if self._trust is None:
            return http.client.HTTPConnection(name, self.port, timeout=60)
        connection = http.client.HTTPSConnection(name, self.port, timeout=60, context=self._trust)
        plain = socket.create_connection((name, self.port or 443), timeout=60)
        connection.sock = self._trust.wrap_socket(plain, server_hostname=urlsplit(self.url).hostname)
        return connection

    def _keep(self, cookies: Sequence[str]) -> None:
        for cookie in cookies:
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0]
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


class ConsoleServer:
    """A ``circushttpd`` with a folder of its own for what it keeps."""

    def __init__(self, home: Path, endpoint: str) -> None:
        self.home = home
        self.endpoint = endpoint
        self.url = ""
        self.link = ""
        self._child: subprocess.Popen[bytes] | None = None
        self.environ = {**os.environ, "XDG_STATE_HOME": str(home / "state")}

    def start(self, *args: str, env: Mapping[str, str] | None = None, port: int = 0) -> None:
        """Run it, and return when it listens."""
        self.launch("--port", str(port), "--endpoint", self.endpoint, *args, env=env)
        wait_for(lambda: "Ctrl-C" in self.output, f"circushttpd to listen; it says: {self.log}")
        self.url = re.search(r"Listening on (\S+)", self.output)[1]  # type: ignore[index]
        found = re.search(r"Open (\S+)", self.output)
        self.link = found[1] if found else ""

    def launch(self, *args: str, env: Mapping[str, str] | None = None) -> None:
        """Run it with *args* only, and return at once."""
        with open(self.home / "console.out", "wb") as stdout, open(self.home / "console.err", "wb") as stderr:
            self._child = subprocess.Popen(
                [PROGRAM, *args],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**self.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def output(self) -> str:
        return (self.home / "console.out").read_text()

    @property
    def log(self) -> str:
        return (self.home / "console.err").read_text()

    def wait_exit(self, timeout: float = PATIENCE) -> int:
        """Return the exit code of ``circushttpd`` once it ended."""
        assert self._child is not None
        return self._child.wait(timeout)

    def visitor(self) -> Visitor:
        """Return a browser that has never been here."""
        return Visitor(self.url)

    def logged_in(self) -> Visitor:
        """Return a browser that used a fresh link."""
        visitor = self.visitor()
        answer = visitor.get(f"/login?token={self._new_token()}")
        assert answer.status == 200, answer.body
        return visitor

    def new_link(self) -> str:
        """Return what ``circusctl console-link`` prints."""
        program = str(Path(sys.executable).with_name("circusctl"))
        words = [program, "--endpoint", self.endpoint, "--timeout", "60", "console-link"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=self.environ, timeout=60)
        assert done.returncode == 0, done.stderr
        return next(line for line in done.stdout.splitlines() if line.startswith(self.url))

    def _new_token(self) -> str:
        """Return the token of a fresh link, made here: a ``circusctl`` for each of hundreds of logins takes long."""
        register = Register(default_folder(self.environ))
        audience = next(one.audience for one in register.running() if one.url.startswith(self.url))
        return register.make_token(audience)

    def stop(self) -> int:
        """End it as a user does, and return its exit code."""
        assert self._child is not None
        self._child.send_signal(signal.SIGTERM)
        return self.wait_exit()

    def close(self) -> None:
        """End it, whatever it takes."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(60)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            pytest.fail(f"circushttpd did not end within 60s of TERM; its log: {self.log[-2000:]}")
