"""The ways by which the ``notify`` plugin sends its messages."""

from __future__ import annotations

import asyncio
import json
import smtplib
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Final

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from circus_core.quick_dataclass import dataclass
from circus_core.threads import in_thread

TLS: Final = ("none", "starttls", "tls")

_TRIES: Final = 3
_PAUSE: Final = 2.0  #: seconds before another try, doubled each time
_KNOWN: Final = ("watcher", "action", "time")


class SendError(Exception):
    """A message did not go out."""


@dataclass(frozen=True)
class Message:
    """Some events, to be told together.

    :param omitted: further ones, of which nothing is known but that they were
    """

    host: str
    events: Sequence[Mapping[str, Any]]
    omitted: int = 0

    @property
    def subject(self) -> str:
        """What happened, in a line: the most frequent first."""
        counts = Counter(f"{event['watcher']} {event['action']}" for event in self.events)
        names = [f"{name} ({number} times)" if number > 1 else name for name, number in counts.most_common(3)]
        more = len(counts) - len(names)
        return f"[circus {self.host}] " + ", ".join([*names, *([f"{more} more"] if more else [])])

    @property
    def text(self) -> str:
        """A line for each event."""
        lines = [_line(event) for event in self.events]
        return "\n".join([*lines, *([f"and {self.omitted} more events"] if self.omitted else [])])

    def as_json(self) -> str:
        """Return all of it as a JSON object."""
        return json.dumps(
            {"host": self.host, "text": f"{self.subject}\n{self.text}", "events": self.events, "omitted": self.omitted}
        )


def _line(event: Mapping[str, Any]) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.get("time")))
    details = ", ".join(f"{key} {value}" for key, value in event.items() if key not in _KNOWN)
    return f"{when} {event['watcher']} {event['action']}" + (f": {details}" if details else "")


class Webhook:
    """Posts messages as JSON."""

    def __init__(self, address: str, token_file: str | None, timeout: float) -> None:
        self._address = address
        self._token_file = token_file
        self._timeout = timeout

    def __str__(self) -> str:
        return f"webhook {self._address}"

    async def send(self, message: Message) -> None:
        """Send *message*; a server that does not answer, or has a trouble of its own, is asked again.

        :raises SendError: it did not go out
        """
        await _patiently(lambda: self._post(message))

    async def _post(self, message: Message) -> None:
        headers = {"Content-Type": "application/json"}
        if self._token_file:
            headers["Authorization"] = f"Bearer {await in_thread(_secret, self._token_file)}"
        try:
            await AsyncHTTPClient().fetch(
                self._address,
                method="POST",
                headers=headers,
                body=message.as_json(),
                connect_timeout=self._timeout,
                request_timeout=self._timeout,
            )
        except HTTPClientError as exc:
            if 400 <= exc.code < 500 and exc.code != 429:
                raise SendError(f"refused: {exc}") from exc
            raise OSError(str(exc)) from exc


class Mail:
    """Sends messages as e-mail."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: str,
        user: str | None,
        password_file: str | None,
        mail_from: str,
        mail_to: Sequence[str],
        timeout: float,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._user = user
        self._password_file = password_file
        self._from = mail_from
        self._to = mail_to
        self._timeout = timeout

    def __str__(self) -> str:
        return f"mail by {self._host}:{self._port}"

    async def send(self, message: Message) -> None:
        """Send *message*; a server that does not answer is asked again.

        :raises SendError: it did not go out
        """
        mail = EmailMessage()
        mail["Subject"] = message.subject.replace("\n", " ")
        mail["From"] = self._from
        mail["To"] = ", ".join(self._to)
        mail["Date"] = formatdate(localtime=True)
        mail["Message-ID"] = make_msgid()
        mail.set_content(message.text + "\n")
        await _patiently(lambda: in_thread(self._hand_over, mail))

    def _hand_over(self, mail: EmailMessage) -> None:
        try:
            with self._connected() as server:
                if self._user and self._password_file:
                    server.login(self._user, _secret(self._password_file))
                server.send_message(mail)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError) as exc:
            if isinstance(exc, smtplib.SMTPResponseException) and 400 <= exc.smtp_code < 500:
                raise OSError(str(exc)) from exc
            raise SendError(f"refused: {exc}") from exc

    def _connected(self) -> smtplib.SMTP:
        if self._tls == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        if self._tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        return server


async def _patiently(send: Callable[[], Awaitable[None]]) -> None:
    """Await *send*, several times while it raises :class:`OSError`.

    :raises SendError: it never came to an end
    """
    for number in range(_TRIES):
        try:
            await send()
        except OSError as exc:
            if number + 1 == _TRIES:
                raise SendError(f"no success in {_TRIES} tries: {exc}") from exc
            await asyncio.sleep(_PAUSE * 2**number)
        else:
            return


def _secret(path: str) -> str:
    return Path(path).read_text().strip()
