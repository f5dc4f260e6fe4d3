"""The ``notify`` plugin: tell a web service or people of events."""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final

from circus_core.errors import OptionError
from circus_core.options import Kind, kinds, option
from circus_core.plugin import CircusPlugin
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.plugins import _senders as senders
from circus_plugins_builtin.plugins._kinds import PERIOD, url
from circus_plugins_builtin.plugins._senders import Mail, Message, SendError, Webhook

logger: Final = logging.getLogger("circus")

_KEPT: Final = 200  #: events of one message; of further ones only the number is told
_LAST_TRY: Final = 5.0  #: seconds to send what is left when the plugin is stopped
_PATTERNS: Final = kinds.word_list("patterns such as *.crash or web.*")
_ADDRESSES: Final = kinds.word_list("mail addresses")


def _tls(text: str) -> str:
    word = text.strip().lower()
    if word not in senders.TLS:
        raise ValueError(f"none of {', '.join(senders.TLS)}")
    return word


_TLS: Final = Kind(name="word", parse=_tls, fix=f"write one of {', '.join(senders.TLS)}")


@dataclass(frozen=True, kw_only=True)
class NotifyOptions:
    """Options of :class:`Notify`."""

    events: tuple[str, ...] = option(
        _PATTERNS,
        ("*.crash", "*.flapping", "*.health", "*.spawn_failure", "*.hook_failure"),
        "Which events, as patterns of ``WATCHER.ACTION``. ``crash`` is the end of a process that nobody asked for, with"
        " an exit code other than 0.",
    )
    gather: float = option(kinds.SECONDS, 1.0, "Time in which further events join the message of the first.", unit="s")
    min_interval: float = option(
        kinds.SECONDS, 30.0, "Shortest time between two messages; what happens meanwhile is in the next.", unit="s"
    )
    timeout: float = option(PERIOD, 10.0, "Time that sending may take.", unit="s")
    host_name: str | None = option(kinds.NAME, None, "What messages call this machine; its own name by default.")
    webhook_url: str | None = option(url("http", "https"), None, "Where to ``POST`` each message as JSON.")
    webhook_token_file: str | None = option(
        kinds.PATH, None, "File with a token, sent as ``Authorization: Bearer TOKEN``."
    )
    smtp_host: str | None = option(kinds.NAME, None, "Mail server; with it messages are sent as e-mail.")
    smtp_port: int = option(kinds.PORT, 25, "Its port.")
    smtp_tls: str = option(_TLS, "none", "``none``, ``starttls`` or ``tls``.")
    smtp_user: str | None = option(kinds.NAME, None, "User to log in as.")
    smtp_password_file: str | None = option(kinds.PATH, None, "File with the password.")
    mail_from: str | None = option(kinds.NAME, None, "Sender; ``circus@`` this machine by default.")
    mail_to: tuple[str, ...] = option(_ADDRESSES, (), "Recipients.")

    def __post_init__(self) -> None:
        if not (self.webhook_url or self.smtp_host):
            raise OptionError("webhook_url", "", why="missing", fix="write a URL, or smtp_host and mail_to")
        if self.smtp_host and not self.mail_to:
            raise OptionError("mail_to", "", why="missing", fix="write who gets the mail")
        if self.smtp_user and not self.smtp_password_file:
            raise OptionError("smtp_password_file", "", why="missing", fix="write the path of a file with the password")
        for name in ("webhook_token_file", "smtp_password_file"):
            path = getattr(self, name)
            if path and not os.access(path, os.R_OK):
                raise OptionError(
                    name, path, why="cannot be read", fix="write the path of a file that this user may read"
                )


class Notify(CircusPlugin):
    """Tell of chosen events by a JSON ``POST`` to a URL, by e-mail, or both, at a limited rate.

    The JSON object has ``host``, ``text`` (a sentence for each event, which chat services show), ``events`` (each with
    ``watcher``, ``action``, ``time`` and what else the event has) and ``omitted``, the number of those left out.
    """

    name = "notify"
    options_type = NotifyOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        options: NotifyOptions = self.options
        self._host = options.host_name or socket.gethostname()
        self._waiting: list[dict[str, Any]] = []
        self._omitted = 0
        self._told_to_die: set[int] = set()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._senders: list[Webhook | Mail] = []
        if options.webhook_url:
            self._senders.append(Webhook(options.webhook_url, options.webhook_token_file, options.timeout))
        if options.smtp_host:
            mail_from = options.mail_from or f"circus@{self._host}"
            self._senders.append(
                Mail(
                    host=options.smtp_host,
                    port=options.smtp_port,
                    tls=options.smtp_tls,
                    user=options.smtp_user,
                    password_file=options.smtp_password_file,
                    mail_from=mail_from,
                    mail_to=options.mail_to,
                    timeout=options.timeout,
                )
            )

    def handle_init(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._send_on())

    def handle_recv(self, data: Sequence[bytes]) -> None:
        topic_name, action, message = self.split_data(data)
        event = {"watcher": self.watcher_name(topic_name), "action": action, **self.load_message(message)}
        for name in (action, *(["crash"] if self._is_crash(event) else [])):
            if self._is_wanted(f"{topic_name}.{name}") or self._is_wanted(f"{event['watcher']}.{name}"):
                self._add({**event, "action": name})
                return

    async def handle_stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._waiting:
            try:
                async with asyncio.timeout(_LAST_TRY):
                    await self._send(self._taken())
            except TimeoutError:
                logger.warning("%s: the last message could not be sent in time", self.label)

    def _is_wanted(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in self.options.events)

    def _is_crash(self, event: Mapping[str, Any]) -> bool:
        pid = event.get("process_pid", 0)
        if event["action"] == "kill":
            self._told_to_die.add(pid)
        elif event["action"] == "spawn":
            self._told_to_die.discard(pid)
        elif event["action"] == "reap":
            was_told = pid in self._told_to_die
            self._told_to_die.discard(pid)
            return not was_told and event["exit_code"] != 0
        return False

    def _add(self, event: dict[str, Any]) -> None:
        logger.debug("%s: %s %s will be told", self.label, event["watcher"], event["action"])
        if len(self._waiting) < _KEPT:
            self._waiting.append(event)
        else:
            self._omitted += 1
        self._news.set()

    def _taken(self) -> Message:
        message = Message(self._host, tuple(self._waiting), self._omitted)
        self._waiting, self._omitted = [], 0
        self._news.clear()
        return message

    async def _send_on(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(self.options.gather)
            await self._send(self._taken())
            await asyncio.sleep(self.options.min_interval)

    async def _send(self, message: Message) -> None:
        results = await asyncio.gather(*(sender.send(message) for sender in self._senders), return_exceptions=True)
        for sender, result in zip(self._senders, results, strict=True):
            if isinstance(result, SendError):
                logger.error("%s: %s: %s; lost: %s", self.label, sender, result, message.subject)
            elif isinstance(result, Exception):
                logger.error("%s: %s", self.label, sender, exc_info=result)
