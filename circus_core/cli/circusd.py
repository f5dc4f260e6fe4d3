"""The ``circusd`` program."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from circus_core import log
from circus_core._descriptors import mark_inherited_cloexec, raise_nofile_limit
from circus_core._version import __version__
from circus_core.capacity import capacity_problems
from circus_core.cli._reading import load_extensions, read, read_checked
from circus_core.cli._split import can_have_keeper, channel_to_keeper, split
from circus_core.daemonize import Daemonizer, daemonize
from circus_core.errors import CircusError, ConfigErrors, KeeperError
from circus_core.machine import machine_problems
from circus_core.notify import Notifier
from circus_core.pidfile import PidFile
from circus_core.services import logger

_DESCRIPTION: Final = "Run and watch the processes and sockets that an ini file describes."
_EPILOG: Final = "circusctl drives the daemon; `circusctl --help` lists what it can do."


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circusd`` and return its exit code: 0 for a normal end, 1 when it cannot start (2: a bad command line)."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.config is None:
        parser.print_usage()
        return 0
    if args.check:
        return _check(args)
    daemonizer = None
    try:
        channel = channel_to_keeper()
        if channel is not None:
            from circus_core.cli import _serving  # noqa: PLC0415  # see _run()

            _serving.take_over(args, channel)
            return 0
        daemonizer = daemonize() if args.daemon else None
        _run(args, daemonizer)
    except CircusError as exc:
        return _fail(str(exc), daemonizer)
    except KeyboardInterrupt:
        return _fail("interrupted", daemonizer)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="circusd", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=_of_any_width
    )
    parser.add_argument("config", nargs="?", help="the ini file")
    parser.add_argument(
        "--check", action="store_true", help="print everything that is wrong with the file, start nothing"
    )
    parser.add_argument("--daemon", action="store_true", help="go to the background once everything is bound")
    parser.add_argument("--pidfile", metavar="FILE", help="write the pid there (default: from the file)")
    parser.add_argument(
        "--log-level", dest="loglevel", metavar="LEVEL", type=str.lower, choices=log.LEVELS,
        help=f"one of {', '.join(log.LEVELS)} (default: from the file, else info)",
    )  # fmt: skip
    parser.add_argument(
        "--log-output", dest="logoutput", metavar="FILE",
        help="a file, - for standard error, or syslog://... (default: from the file, else -)",
    )  # fmt: skip
    parser.add_argument(
        "--logger-config", dest="loggerconfig", metavar="FILE",
        help="an ini, JSON or YAML file for Python's logging, in place of the other two",
    )  # fmt: skip
    parser.add_argument(
        "--keeper", action=argparse.BooleanOptionalAction, default=None,
        help="have a small process of its own keep the processes, so that they outlive a crash of the rest (default: "
        "where the system can)",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=__version__)
    parser.formatter_class = argparse.HelpFormatter
    return parser


def _of_any_width(prog: str) -> argparse.HelpFormatter:
    """Return what checks an argument that is added; the standard one loads what measures the terminal for each."""
    return argparse.HelpFormatter(prog, width=80)


def _check(args: argparse.Namespace) -> int:
    try:
        _, hooks = load_extensions(args)
        config = read(args, hooks.watcher_rows)
    except ConfigErrors as exc:
        print(exc, file=sys.stderr)
        return 1
    errors = hooks.check_config(config)
    errors += [problem for problems in machine_problems(config).values() for problem in problems]
    too_much = capacity_problems(config)
    for text in (*config.warnings, *errors, *too_much):
        print(text, file=sys.stderr)
    if errors or too_much:
        return 1
    counts = f"{len(config.watchers)} watchers, {len(config.sockets)} sockets, {len(config.plugins)} plugins"
    print(f"{config.path}: good ({counts})")
    return 0


def _fail(text: str, daemonizer: Daemonizer | None) -> int:
    if daemonizer is None:
        print(text, file=sys.stderr)
    else:
        daemonizer.failed(text)
    return 1


def _run(args: argparse.Namespace, daemonizer: Daemonizer | None) -> None:
    """Serve the configuration in the file until told to quit."""
    notifier = Notifier()  # first: what it takes out of the environment is not for children
    mark_inherited_cloexec()
    born_nofile = raise_nofile_limit()
    registry, hooks = load_extensions(args)
    config = read_checked(args, hooks)
    circus = config.circus
    log.configure(circus.loglevel, circus.logoutput, circus.loggerconfig)
    for warning in (*config.warnings, *capacity_problems(config)):
        logger.warning("%s", warning)
    if circus.umask is not None:
        os.umask(circus.umask)
    with _pidfile(circus.pidfile) as pidfile:
        keeper = split(born_nofile) if _wants_keeper(args) else None
        # Not before: the keeper gets ready while this is loaded.
        from circus_core.cli import _serving  # noqa: PLC0415

        _serving.serve(
            config,
            keeper,
            registry,
            hooks,
            read=partial(read_checked, args, hooks),
            born_nofile=born_nofile,
            notifier=notifier,
            pidfile=pidfile,
            daemonizer=daemonizer,
        )


def _wants_keeper(args: argparse.Namespace) -> bool:
    if args.keeper and not can_have_keeper():
        raise KeeperError("--keeper: this system has no pidfd (Linux 5.3 has); leave it out")
    return args.keeper is not False and can_have_keeper()


@contextlib.contextmanager
def _pidfile(path: str | None) -> Iterator[PidFile | None]:
    pidfile = PidFile(path) if path else None
    if pidfile is not None:
        pidfile.acquire()
    try:
        yield pidfile
    finally:
        if pidfile is not None:
            pidfile.release()


if __name__ == "__main__":
    sys.exit(main())
