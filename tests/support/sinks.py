"""What plugins talk to: servers on the loopback that keep what they get."""

from __future__ import annotations

import email
import email.policy
import socket
import socketserver
import threading
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from tests.support.waiting import PATIENCE, wait_for


class StatsdSink:
    """A UDP socket that keeps every line that it gets."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def __enter__(self) -> StatsdSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def values(self, bucket: str) -> list[str]:
        """Return what was sent for *bucket*, oldest first."""
        return [value for name, _, value in (line.partition(":") for line in list(self.lines)) if name == bucket]

    def wait(self, bucket: str, *, count: int = 1, timeout: float = PATIENCE) -> str:
        """Return the *count*-th value of *bucket* once it came."""
        what = f"value {count} of {bucket}"
        return wait_for(lambda: self.values(bucket)[count - 1 :], what, timeout)[0]

    def _take(self) -> None:
        while datagram := self._socket.recv(65536):
            self.lines.append(datagram.decode())


class WebServer:
    """An HTTP server whose manners can be changed while it runs.

    :ivar delay: seconds before each answer
    :ivar code: status of each answer
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.code = 200
        self.requests: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self._wake = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                owner.headers.append(dict(self.headers))
                owner.requests.append((self.path, self.rfile.read(length)))
                owner._wake.wait(owner.delay)
                try:
                    self.send_response(owner.code)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")
                except OSError:
                    pass  # the client has given up

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections; may be called twice."""
        self._wake.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class MailServer:
    """An SMTP server that keeps every mail; it knows no encryption and lets everybody in."""

    def __init__(self) -> None:
        owner = self
        self.mails: list[tuple[str, list[str], EmailMessage]] = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 sink\r\n")
                sender, recipients = "", []
                while line := self.rfile.readline():
                    word = line[:4].upper()
                    if word == b"MAIL":
                        sender = line.decode().split("<")[1].split(">")[0]
                    elif word == b"RCPT":
                        recipients.append(line.decode().split("<")[1].split(">")[0])
                    elif word == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        owner.mails.append((sender, recipients, self._mail()))
                    self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 sink\r\n")

            def _mail(self) -> EmailMessage:
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                return message

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
