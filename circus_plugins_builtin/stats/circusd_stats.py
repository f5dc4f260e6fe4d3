"""The ``circusd-stats`` program."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Final

from circus_core import __version__, log
from circus_core.errors import CircusError
from circus_core.protocol import DEFAULT_ENDPOINT_DEALER, DEFAULT_ENDPOINT_STATS, DEFAULT_ENDPOINT_SUB
from circus_plugins_builtin.stats.streamer import StatsStreamer

logger: Final = logging.getLogger("circus")

_STOPPING: Final = ("SIGHUP", "SIGQUIT", "SIGINT", "SIGTERM", "SIGWINCH")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circusd-stats`` and return its exit code: 0 when a signal stopped it, 1 when it cannot work."""
    args = _parser().parse_args(argv)
    streamer: StatsStreamer | None = None
    try:
        log.configure(args.log_level, args.log_output)
        streamer = StatsStreamer(args.endpoint, args.pubsub, args.statspoint, args.ssh)
    except CircusError as exc:
        print(exc, file=sys.stderr)
        return 1
    streamer.stop_at(getattr(signal, name) for name in _STOPPING)
    logger.info("statistics are published at %s", streamer.publisher.address)
    streamer.start()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="circusd-stats",
        description="Publish the figures of a daemon's processes and sockets, while somebody listens.",
        epilog="circusd starts it when [circus] statsd is on.",
    )
    add = parser.add_argument
    add("--endpoint", default=DEFAULT_ENDPOINT_DEALER, help="where circusd takes commands (default: %(default)s)")
    add("--pubsub", default=DEFAULT_ENDPOINT_SUB, help="where it publishes events (default: %(default)s)")
    add("--statspoint", default=DEFAULT_ENDPOINT_STATS, help="where to publish statistics (default: %(default)s)")
    add("--log-level", default="info", type=str.lower, choices=log.LEVELS, metavar="LEVEL",
        help=f"one of {', '.join(log.LEVELS)} (default: %(default)s)")  # fmt: skip
    add("--log-output", default="-", metavar="FILE", help="a file, - for standard error, or syslog://...")
    add("--ssh", metavar="USER@HOST[:PORT]", help="reach circusd through an ssh tunnel")
    add("--version", action="version", version=__version__)
    return parser


if __name__ == "__main__":
    sys.exit(main())
