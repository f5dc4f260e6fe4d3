"""The ``logs`` command."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from circus_core.arguments import Takes, arg
from circus_core.errors import MessageError, UnknownWatcherError
from circus_core.interfaces import (
    ArbiterHandle,
    Chunk,
    Command,
    OutputSource,
    Reply,
    Terminal,
    WatcherHandle,
)
from circus_core.outlets import OUTPUTS, ring_size
from circus_core.quick_dataclass import dataclass

MOST_LINES: Final = 10_000  #: in one reply
_PAGE: Final = 2_000  # lines that one who follows is shown at once


@dataclass(frozen=True, slots=True)
class LogsArgs:
    """Arguments of ``logs``."""

    names: list[str] = arg(
        [],
        doc="a watcher, NAME:WID for one of its slots, or a pid; all watchers by default",
        takes=Takes.REST,
        flag="name",
        aliases=("name",),
    )
    lines: int = arg(20, doc="how many lines, the last ones, up to 10000", takes=Takes.OPTION, short="n")
    follow: bool = arg(False, doc="then show what comes, until interrupted", short="f")
    json: bool = arg(False, doc="show each line as a JSON object")
    after: str | None = arg(
        None, doc="the cursor of an earlier reply; replies the first lines that came after it", takes=Takes.HIDDEN
    )
    wait: float = arg(0.0, doc="seconds to wait, up to 60, when nothing came after it", takes=Takes.HIDDEN)


class Logs(Command[LogsArgs]):
    """Show the last lines that processes printed, and what they print.

    They are kept in memory, whatever the streams are, as much of each process as ``log_ring`` says; those of a process
    that died are there until others took their place.

    Replies ``lines``, oldest first: ``time`` (Unix), ``watcher``, ``wid``, ``pid``, ``stream`` (``stdout`` or
    ``stderr``) and ``message``; and ``cursor``. To follow, send it back as ``after``, with ``wait``: the reply comes as
    soon as there is more. ``gaps`` are ``[watcher, wid]`` of which more came in between than is kept; ``unkept`` tells
    by watcher why nothing is.
    """

    name = "logs"
    args_type = LogsArgs
    reads_only = True

    async def execute(self, arbiter: ArbiterHandle, args: LogsArgs) -> Reply:
        if args.lines < 0:
            raise MessageError(f"'lines' is {args.lines}; send 0 or more")
        sources = [source for name in args.names for source in _sources(arbiter, str(name))]
        sources = sources or [OutputSource(watcher.name) for watcher in arbiter.watchers()]
        unkept = _unkept(arbiter, sources)
        page = await arbiter.read_output(sources, lines=min(args.lines, MOST_LINES), after=args.after, wait=args.wait)
        reply: Reply = {"lines": [line for chunk in page.chunks for line in _lines(chunk)], "cursor": page.cursor}
        if page.gaps:
            reply["gaps"] = [list(gap) for gap in page.gaps]
        if args.names and unkept:
            reply["unkept"] = unkept
        return reply

    def run(self, terminal: Terminal, args: LogsArgs) -> int:
        if terminal.is_json and not args.follow:
            return terminal.send_and_show(self, args)
        view = _View(terminal, is_json=args.json or terminal.is_json)
        try:
            return view.show(args)
        except KeyboardInterrupt:
            return 0

    def format_reply(self, reply: Reply) -> str:
        return "\n".join(map(_text, reply["lines"]))


class _View:
    """Shows replies in the terminal, one after the other."""

    def __init__(self, terminal: Terminal, *, is_json: bool) -> None:
        self._terminal = terminal
        self._format = json.dumps if is_json else _text

    def show(self, args: LogsArgs) -> int:
        """Show what is asked for and return the exit code."""
        names = {"names": args.names} if args.names else {}
        reply = self._terminal.call("logs", {**names, "lines": args.lines})
        for watcher, why in reply.get("unkept", {}).items():
            self._terminal.show_error(f"{watcher}: {why}")
        timeout = self._terminal.timeout
        wait = timeout - 1 if timeout > 2 else timeout / 2
        while self._show(reply) and args.follow:
            more = {"lines": _PAGE, "after": reply["cursor"], "wait": wait}
            reply = self._terminal.call("logs", {**names, **more})
        return 3 if reply.get("status") == "error" else 0

    def _show(self, reply: Reply) -> bool:
        """Show one reply; ``False`` when it is an error."""
        if reply.get("status") == "error":
            self._terminal.show_error(str(reply.get("reason", "unknown")))
            return False
        for watcher, wid in reply.get("gaps", ()):
            self._terminal.show_error(f"{watcher}:{wid}: more came than is kept; some lines are missing here")
        if reply["lines"]:
            self._terminal.show("\n".join(map(self._format, reply["lines"])))
        return True


def _sources(arbiter: ArbiterHandle, name: str) -> Iterator[OutputSource]:
    """Yield what *name* stands for: a watcher, one of its slots, or a process."""
    watcher, _, wid = name.rpartition(":")
    if found := _watcher(arbiter, name):
        yield OutputSource(found.name)
    elif wid.isdecimal() and (found := _watcher(arbiter, watcher)):
        yield OutputSource(found.name, wid=int(wid))
    elif name.isdecimal() and (owners := [w for w in arbiter.watchers() if _has(w, int(name))]):
        yield from (OutputSource(owner.name, pid=int(name)) for owner in owners)
    else:
        raise UnknownWatcherError(name, (each.name for each in arbiter.watchers()))


def _watcher(arbiter: ArbiterHandle, name: str) -> WatcherHandle | None:
    try:
        return arbiter.watcher(name)
    except UnknownWatcherError:
        return None


def _has(watcher: WatcherHandle, pid: int) -> bool:
    return any(view.pid == pid for view in watcher.processes())


def _unkept(arbiter: ArbiterHandle, sources: Sequence[OutputSource]) -> dict[str, str]:
    """Return watcher to reason of those of which nothing is kept.

    :raises MessageError: nothing is kept of any
    """
    names = dict.fromkeys(source.watcher for source in sources)
    watchers = [arbiter.watcher(name) for name in names]
    reasons = {watcher.name: _reason(watcher) for watcher in watchers if not ring_size(watcher.config)}
    if reasons and len(reasons) == len(watchers):
        raise MessageError("\n".join(f"{name}: {why}" for name, why in reasons.items()))
    return reasons


def _reason(watcher: WatcherHandle) -> str:
    config = watcher.config
    if config.log_ring == 0:
        why = "its output is not kept, log_ring is 0"
    elif all(getattr(config, f"close_child_{name}") for name in OUTPUTS):
        return "it has no output: close_child_stdout and close_child_stderr are set"
    else:
        why = "its output is not kept, it has no stream and goes to circusd's own"
    return f"{why}; set log_ring: circusctl set {watcher.name} log_ring 64K reloads it so"


def _lines(chunk: Chunk) -> Iterator[dict[str, Any]]:
    origin = {
        "time": round(chunk.time, 6),
        "watcher": chunk.watcher,
        "wid": chunk.wid,
        "pid": chunk.pid,
        "stream": chunk.name,
    }
    for line in chunk.data.removesuffix(b"\n").decode(errors="replace").split("\n"):
        yield {**origin, "message": line}


def _text(line: dict[str, Any]) -> str:
    return f"{line['watcher']}:{line['wid']} | {line['message']}"
