"""The ``circus-top`` program."""

from __future__ import annotations

import argparse
import contextlib
import curses
import json
import locale
import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import zmq

from circus_core import __version__
from circus_core.errors import CallError
from circus_core.protocol import DEFAULT_ENDPOINT_STATS
from circus_plugins_builtin.stats.client import StatsClient
from circus_plugins_builtin.stats.top.board import DAEMON, Board
from circus_plugins_builtin.stats.top.frame import frame, plain
from circus_plugins_builtin.stats.top.screen import Screen, opened
from circus_plugins_builtin.stats.top.view import View

_REDRAW: Final = 1.0  # seconds
_WAKE: Final = 250  # milliseconds; a terminal that was resized tells nobody
_ROUNDS: Final = 2  # the first one tells no CPU: it takes two samples
_NO_TERMINAL_WIDTH: Final = 100


class Feeds:
    """The stats endpoints that are watched.

    :raises CallError: one cannot be used
    """

    def __init__(self, endpoints: Sequence[str], *, ssh_server: str | None, process_timeout: float) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self.boards = [Board(endpoint, process_timeout) for endpoint in endpoints]
        self.poller = zmq.Poller()
        self._clients: list[StatsClient] = []
        try:
            for endpoint in endpoints:
                client = StatsClient(endpoint, ssh_server, self._context)
                self._clients.append(client)
                self.poller.register(client.socket, zmq.POLLIN)
        except CallError:
            self.close()
            raise

    def take(self, *, is_paused: bool = False) -> None:
        """Take all that was told by now; throw it away while the picture stands still."""
        for client, board in zip(self._clients, self.boards, strict=True):
            for message in client.take():
                if not is_paused:
                    board.take(message, time.monotonic())

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            client.stop()
        self._context.destroy(linger=0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circus-top`` and return its exit code: 1 when there is no terminal, or nothing to show once."""
    parser = _parser()
    args = parser.parse_args(argv)
    locale.setlocale(locale.LC_ALL, "")
    is_once = args.once or args.json
    if not is_once and not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _fail("there is no terminal; --once or --json print a single table")
    try:
        feeds = Feeds(
            args.endpoint or [DEFAULT_ENDPOINT_STATS], ssh_server=args.ssh, process_timeout=args.process_timeout
        )
    except CallError as exc:
        return _fail(str(exc))
    try:
        return _once(feeds, args) if is_once else _live(feeds)
    except KeyboardInterrupt:
        return 0 if not is_once else 130
    finally:
        feeds.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="circus-top",
        description="Show the watchers, processes and sockets of daemons, live; ? tells the keys.",
        epilog="Needs [circus] statsd = True in the daemon's file. NO_COLOR=1 turns colours off.",
    )
    add = parser.add_argument
    add("--endpoint", action="append", metavar="ADDRESS",
        help=f"a stats endpoint; may be given several times (default: {DEFAULT_ENDPOINT_STATS})")  # fmt: skip
    add("--ssh", metavar="USER@HOST[:PORT]", help="reach the endpoints through ssh tunnels")
    add("--process-timeout", type=_seconds, default=3.0, metavar="SECONDS",
        help="drop what there is no news of for this long (default: %(default)g)")  # fmt: skip
    add("--once", action="store_true", help="print one table, and leave")
    add("--json", action="store_true", help="print everything as JSON on one line, and leave")
    add("--timeout", type=_seconds, default=5.0, metavar="SECONDS",
        help="with --once or --json: how long to wait for the daemons (default: %(default)g)")  # fmt: skip
    add("--version", action="version", version=__version__)
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write seconds, more than 0")
    return value


def _fail(text: str) -> int:
    print(f"circus-top: error: {text}", file=sys.stderr)
    return 1


def _once(feeds: Feeds, args: argparse.Namespace) -> int:
    limit = time.monotonic() + args.timeout
    while any(board.rounds < _ROUNDS for board in feeds.boards) and (left := limit - time.monotonic()) > 0:
        feeds.poller.poll(int(left * 1000) + 1)
        feeds.take()
    now = time.monotonic()
    if args.json:
        print(json.dumps({"endpoints": [_as_json(board, now) for board in feeds.boards]}))
    else:
        width = shutil.get_terminal_size((_NO_TERMINAL_WIDTH, 24)).columns
        print("\n".join(plain(feeds.boards, width=width, now=now, is_ascii=_is_ascii())))
    silent = [board.endpoint for board in feeds.boards if board.heard_at is None]
    if silent:
        return _fail(f"no statistics from {', '.join(silent)} in {args.timeout:g}s; is circusd up, with statsd = True?")
    return 0


def _as_json(board: Board, now: float) -> dict[str, Any]:
    groups = {
        group.topic: {**group.stat, "processes": [entry.stat for entry in group.entries.values()]}
        for group in board.groups(now)
    }
    daemon = groups.pop(DAEMON, None)
    sockets = [entry.stat for entry in board.sockets.values()]
    return {"endpoint": board.endpoint, "watchers": groups, "circus": daemon, "sockets": sockets}


def _live(feeds: Feeds) -> int:
    feeds.poller.register(sys.stdin.fileno(), zmq.POLLIN)
    try:
        with opened() as screen:
            _show(feeds, screen)
    except curses.error as exc:
        return _fail(f"the terminal {os.environ.get('TERM', '')!r} cannot be used ({exc}); try TERM=xterm, or --once")
    return 0


def _show(feeds: Feeds, screen: Screen) -> None:
    view = View()
    is_ascii = _is_ascii()
    drawn_at = -_REDRAW
    rounds = -1
    now = time.monotonic()
    while not view.is_over:
        keys = list(screen.keys())
        for key in keys:
            view.press(key)
        feeds.take(is_paused=view.is_paused)
        now = now if view.is_paused else time.monotonic()
        told = sum(board.rounds for board in feeds.boards)
        if keys or told != rounds or now - drawn_at >= _REDRAW:
            drawn_at, rounds = now, told
            width, height = screen.size
            with contextlib.suppress(ValueError):  # hardly a terminal: nothing fits
                screen.draw(frame(feeds.boards, view, width=width, height=height, now=now, is_ascii=is_ascii))
        feeds.poller.poll(_WAKE)


def _is_ascii() -> bool:
    return locale.nl_langinfo(locale.CODESET).upper().replace("-", "") != "UTF8"


if __name__ == "__main__":
    sys.exit(main())
