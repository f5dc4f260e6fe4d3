"""Calls a daemon, from any thread."""

from __future__ import annotations

import threading
from typing import Any, Final

import zmq

from circus_core.client import CircusClient
from circus_core.errors import CallError, CallTimeoutError, CommandError, MessageError
from circus_core.protocol import make_message
from circus_web.settings import Settings

Reply = dict[str, Any]

_READING: Final = frozenset(
    {
        *("commands", "dstats", "extensions", "get", "globaloptions", "list", "listsockets", "logs"),
        *("numprocesses", "numwatchers", "options", "stats", "status"),
    }
)
_MAX_IDLE: Final = 4  # connections kept for the next call
MAX_CALLS: Final = 6  # at a time to one daemon; what waits for a daemon that hangs holds threads that pages need
_TURN: Final = 0.25  #: seconds to wait until one of them is done


class Controller:
    """Sends commands to the daemon at one endpoint and waits for the replies.

    :param context: the ZeroMQ context, which stays the caller's
    """

    def __init__(self, endpoint: str, context: zmq.Context[Any], settings: Settings) -> None:
        self.endpoint = endpoint
        self.readonly = settings.readonly
        self._context = context
        self._settings = settings
        self._lock = threading.Lock()
        self._idle: list[CircusClient] = []
        self._turns = threading.BoundedSemaphore(MAX_CALLS)
        self._reading = _READING

    def call(self, command: str, *, timeout: float = 5.0, **props: Any) -> Reply:
        """Send *command* and return its reply.

        :param timeout: seconds to wait
        :raises CallError: no reply in time
        :raises CommandError: an error reply, or a read-only console was told to change something
        """
        if self.readonly and not self._reads_only(command.lower()):
            raise MessageError(f"this console is read-only: {command!r} changes something")
        reply = self._call(command, timeout, props)
        if reply.get("status") == "error":
            raise CommandError(str(reply.get("reason", "unknown")))
        return reply

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for client in idle:
            client.stop()

    def _reads_only(self, command: str) -> bool:
        if command not in self._reading:
            told = self._call("commands", 5.0, {}).get("commands", [])
            self._reading |= {row["name"] for row in told if row.get("reads_only")}
        return command in self._reading

    def _call(self, command: str, timeout: float, props: dict[str, Any]) -> Reply:
        if not self._turns.acquire(timeout=_TURN):
            raise CallError(f"{MAX_CALLS} calls wait for {self.endpoint} already; does circusd hang?")
        try:
            return self._call_now(command, timeout, props)
        finally:
            self._turns.release()

    def _call_now(self, command: str, timeout: float, props: dict[str, Any]) -> Reply:
        client = self._take()
        try:
            client.timeout = timeout * 1000
            reply = client.call(make_message(command, **props))
        except CallTimeoutError as exc:
            client.stop()
            why = f"circusd does not answer at {self.endpoint}: no reply to {command!r} in {timeout:g}s"
            raise CallError(f"{why}; it may still do it") from exc
        except CallError:
            client.stop()
            raise
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(client)
                return reply
        client.stop()
        return reply

    def _take(self) -> CircusClient:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        ssh = {"ssh_server": self._settings.ssh_server, "ssh_keyfile": self._settings.ssh_keyfile}
        return CircusClient(self._context, self.endpoint, 5.0, **ssh)
