"""The base class of plugins: programs beside the daemon that read its events and send it commands."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import zmq
from tornado.ioloop import IOLoop
from zmq.eventloop.zmqstream import ZMQStream

from circus_core import plugin_options
from circus_core.client import CircusClient, cast_message, connect
from circus_core.errors import CallError, OptionError
from circus_core.events import res_name
from circus_core.protocol import SYNC_TOPIC
from circus_core.threads import in_thread
from circus_core.values import boolean

logger: Final = logging.getLogger("circus")

_TOPICS: Final = "watcher."
_SYNC_PATIENCE: Final = 1.0  #: seconds; a daemon of an earlier version never answers the subscription
_SYNC_AGAIN: Final = 1.0  #: seconds until a daemon that did not tell its state is asked again
_FIX_ACTIVE: Final = "write yes or no"


class CircusPlugin:
    """Gets every event of the daemon and may send it commands; ``circus-plugin`` runs it in a process of its own.

    A subclass overrides :meth:`handle_recv`. Each ``handle_*`` method may be a coroutine; the next event is handled
    when it returned. What a handler raises is logged, and the plugin goes on.

    :param endpoint: where the daemon takes commands
    :param pubsub_endpoint: where it publishes events
    :param check_delay: its ``check_delay``, in seconds
    :param ssh_server: ``user@host[:port]`` to reach both through
    :param config: what stands in the section of the plugin, as text; ``active = no`` keeps it from starting
    :raises OptionError: an option that ``options_type`` declares cannot be used
    """

    # Its own inner names begin with two underscores, so that those of a subclass are not in their way.

    name: str = ""
    options_type: ClassVar[type[Any] | None] = None
    """A frozen dataclass of :func:`circus_core.options.option` fields: ``self.options`` is one of them then."""

    def __init__(
        self, endpoint: str, pubsub_endpoint: str, check_delay: float, ssh_server: str | None = None, **config: Any
    ) -> None:
        self.config = config
        #: what its messages call it: the name of its section, else its own
        self.label = str(config.get("name") or self.name or type(self).__name__)
        self.active = _is_active(config.get("active", True))
        self.options: Any = plugin_options.read(self.options_type, config) if self.options_type else None
        self.endpoint = endpoint
        self.pubsub_endpoint = pubsub_endpoint
        self.check_delay = check_delay
        self.ssh_server = ssh_server
        self.running = False
        self.sub_socket: zmq.Socket[bytes] | None = None
        self.substream: ZMQStream | None = None
        self.__context: zmq.Context[Any] | None = None
        self.__loop: IOLoop | None = None
        self.__client: CircusClient | None = None
        self.__other_client: CircusClient | None = None
        self.__asking = asyncio.Lock()
        self.__frames: asyncio.Queue[Sequence[bytes]] = asyncio.Queue()
        self.__sync_topic = f"{SYNC_TOPIC}{uuid.uuid4().hex}".encode()
        self.__names: Mapping[str, str] = {}
        self.__has_complained = False
        self.__is_stopping = False
        self.__ended = asyncio.Event()

    # -- what a plugin does ---------------------------------------------------------------------------------------

    def handle_init(self) -> Any:
        """Get ready; called on the loop, before anything is connected. What it raises ends the plugin."""

    def handle_sync(self, statuses: dict[str, str]) -> Any:
        """Take name to state of all watchers: called once every event arrives, again when the daemon came back.

        No event is missed after it, and one may tell again what *statuses* did.
        """

    def handle_recv(self, data: Sequence[bytes]) -> Any:
        """Take an event: its topic, and its JSON object as bytes."""
        raise TypeError(f"{type(self).__name__} has no handle_recv(self, data)")

    def handle_stop(self) -> Any:
        """Clean up; called once, when the plugin is told to stop."""

    @classmethod
    def check_options(cls, config: Mapping[str, Any]) -> list[OptionError]:
        """Return what is wrong with the options in *config*; asked before a plugin is made."""
        return plugin_options.problems(cls.options_type, config) if cls.options_type else []

    # -- what it has for that -------------------------------------------------------------------------------------

    @property
    def loop(self) -> IOLoop:
        """The loop that it runs on: tornado's view of an asyncio loop, ``self.loop.asyncio_loop``."""
        if self.__loop is None:
            self.__loop = _running_loop() or IOLoop(make_current=False)
        return self.__loop

    @loop.setter
    def loop(self, loop: IOLoop) -> None:
        self.__loop = loop

    @property
    def context(self) -> zmq.Context[Any]:
        """The ZeroMQ context of its sockets, which are closed when it ends."""
        if self.__context is None:
            self.__context = zmq.Context()
        return self.__context

    @property
    def client(self) -> CircusClient:
        """The connection that :meth:`call` and :meth:`cast` use."""
        if self.__client is None:
            self.__client = CircusClient(context=self.context, endpoint=self.endpoint, ssh_server=self.ssh_server)
        return self.__client

    def call(self, command: str, **props: Any) -> dict[str, Any]:
        """Send *command* and return the reply, an error reply too. The loop stands still meanwhile.

        :raises CallError: no reply within 5 seconds
        """
        return self.client.send_message(command, **props)

    async def call_async(self, command: str, **props: Any) -> dict[str, Any]:
        """Send *command* and return the reply, an error reply too, while the loop goes on.

        :raises CallError: no reply within 5 seconds
        """
        # The connection is one for all: who gives up waiting must not let the next one on it before the reply came.
        return await asyncio.shield(self.__call_in_turn(command, props))

    def cast(self, command: str, **props: Any) -> None:
        """Send *command* and wait for nothing: whether it fails stands in the log of the daemon."""
        self.client.call(cast_message(command, **props))

    def watcher_name(self, topic_name: str) -> str:
        """Return the name of a watcher, which a topic has in lower case, with ``_`` for a space."""
        if topic_name not in self.__names:
            self.__remember(self.call("status").get("statuses", {}))
        return self.__names.get(topic_name, topic_name)

    @staticmethod
    def load_message(msg: str | bytes) -> Any:
        """Return the object in the second part of an event."""
        return json.loads(msg)

    @staticmethod
    def split_data(data: Sequence[Any]) -> tuple[str, str, Any]:
        """Return watcher (as in the topic), action and JSON of an event."""
        topic, message = data
        text = topic.decode() if isinstance(topic, bytes) else str(topic)
        watcher, _, action = text.partition(".")[2].rpartition(".")
        return watcher, action, message

    # -- its life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run until :meth:`stop`, on a loop of its own.

        :raises ValueError: it is not active
        """
        with asyncio.Runner(loop_factory=lambda: self.loop.asyncio_loop) as runner:  # type: ignore[attr-defined]
            loop = runner.get_loop()
            task = loop.create_task(self.run_plugin())
            task.add_done_callback(lambda _: loop.stop())
            loop.run_forever()
            if task.done():
                task.result()
        self.__loop = None

    async def run_plugin(self) -> None:
        """Run until :meth:`stop`, on the loop of the caller, which others may share.

        :raises ValueError: it is not active
        """
        if not self.active:
            raise ValueError(f"{self.label} is not active; write active = yes to start it")
        await _result_of(self.handle_init())
        self.__connect()
        self.running = True
        waits = [asyncio.ensure_future(wait) for wait in (self.__listen(), self.__ended.wait())]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in done:
                wait.result()
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            self.running = False
            self.__disconnect()

    def stop(self) -> None:
        """Call :meth:`handle_stop`, then end."""
        if self.__is_stopping:
            return
        self.__is_stopping = True
        try:
            result = self.handle_stop()
        except Exception:
            logger.exception("%s: handle_stop failed", self.label)
            result = None
        self.loop.add_callback(self.__end, result)

    async def __end(self, result: Any) -> None:
        try:
            await _result_of(result)
        except Exception:
            logger.exception("%s: handle_stop failed", self.label)
        self.__ended.set()

    # -- inside ---------------------------------------------------------------------------------------------------

    def __connect(self) -> None:
        self.sub_socket = self.context.socket(zmq.SUB)
        self.sub_socket.linger = 0
        self.sub_socket.rcvhwm = 0  # what a slow handler has not seen yet waits here, and is not dropped
        for topic in (_TOPICS.encode(), self.__sync_topic):
            self.sub_socket.setsockopt(zmq.SUBSCRIBE, topic)
        connect(self.sub_socket, self.pubsub_endpoint, self.ssh_server)
        self.substream = ZMQStream(self.sub_socket, self.loop)
        self.substream.on_recv(self.__frames.put_nowait)
        self.loop.call_later(_SYNC_PATIENCE, self.__give_up_sync)

    def __disconnect(self) -> None:
        if self.substream is not None:
            self.substream.close(linger=0)
        if self.__client is not None:
            self.__client.stop()
            self.__client = None
        if self.__other_client is not None and not self.__asking.locked():
            self.__other_client.stop()
            self.__other_client = None
        if self.__context is not None:
            self.__context.destroy(linger=0)
            self.__context = None

    def __give_up_sync(self) -> None:
        if not self.__names and self.running:
            self.__frames.put_nowait((self.__sync_topic, b""))

    async def __call_in_turn(self, command: str, props: Mapping[str, Any]) -> dict[str, Any]:
        async with self.__asking:
            if self.__other_client is None:
                self.__other_client = CircusClient(endpoint=self.endpoint, ssh_server=self.ssh_server)
            return await in_thread(self.__other_client.send_message, command, **props)

    async def __listen(self) -> None:
        while True:
            frames = await self.__frames.get()
            if self.__is_stopping:
                continue
            if frames[0] == self.__sync_topic:
                await self.__synchronise()
            else:
                await self.__guarded(self.handle_recv, frames)

    async def __synchronise(self) -> None:
        try:
            statuses = (await self.call_async("status")).get("statuses", {})
        except CallError as exc:
            if not self.__has_complained:
                logger.warning("%s: %s; it goes on when the daemon is there", self.label, exc)
            self.__has_complained = True
            self.loop.call_later(_SYNC_AGAIN, self.__frames.put_nowait, (self.__sync_topic, b""))
            return
        self.__has_complained = False
        self.__remember(statuses)
        await self.__guarded(self.handle_sync, dict(statuses))
        logger.info("%s: connected", self.label)

    def __remember(self, statuses: Mapping[str, str]) -> None:
        self.__names = {res_name(name): name for name in statuses}

    async def __guarded(self, handler: Callable[..., Any], *args: Any) -> None:
        try:
            await _result_of(handler(*args))
        except Exception:
            what = f" on {args[0][0]!r}" if handler == self.handle_recv else ""
            logger.exception("%s: %s failed%s", self.label, handler.__name__, what)


async def _result_of(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


def _running_loop() -> IOLoop | None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return None
    return IOLoop.current()


def _is_active(value: Any) -> bool:
    try:
        return boolean(value) if isinstance(value, str) else bool(value)
    except ValueError as exc:
        raise OptionError("active", value, why=str(exc), fix=_FIX_ACTIVE) from exc
