"""What ``circusd`` does."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from circus_core import log
from circus_core._descriptors import mark_inherited_cloexec, raise_nofile_limit
from circus_core._signals import SignalHandler
from circus_core._upgrades import one_more
from circus_core._version import __version__
from circus_core.capacity import capacity_problems
from circus_core.cli._seat import AloneSeat, Seat, Successor, can_have_keeper, split, successor
from circus_core.compat.faces import DaemonFaces
from circus_core.config import Config, load, load_circus
from circus_core.daemon import Daemon
from circus_core.daemonize import Daemonizer, daemonize
from circus_core.direct import DirectSpawner
from circus_core.errors import CircusError, ConfigErrors, KeeperError, StateError
from circus_core.estate import Estate, Left
from circus_core.hooks import Hooks
from circus_core.machine import machine_problems
from circus_core.notify import Notifier
from circus_core.options import CircusConfig, Option
from circus_core.output import check_journal
from circus_core.pacing import longest_delay
from circus_core.pidfile import PidFile
from circus_core.registry import Registry
from circus_core.services import logger
from circus_core.stevedore_loader import load as load_by_stevedore

_DESCRIPTION: Final = "Run and watch the processes and sockets that an ini file describes."
_EPILOG: Final = "circusctl drives the daemon; `circusctl --help` lists what it can do."


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circusd`` and return its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.config is None:
        parser.print_usage()
        return 0
    if args.check:
        return _check(args)
    daemonizer = None
    try:
        seat = successor()
        if seat is not None:
            _take_over(args, seat)
            return 0
        daemonizer = daemonize() if args.daemon else None
        _run(args, daemonizer)
    except CircusError as exc:
        return _fail(str(exc), daemonizer)
    except KeyboardInterrupt:
        return _fail("interrupted", daemonizer)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="circusd", description=_DESCRIPTION, epilog=_EPILOG)
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
    return parser


def _load_extensions(args: argparse.Namespace) -> tuple[Registry, Hooks]:
    """Return what is installed, but what the file says to leave out."""
    registry = Registry(load_circus(args.config).disable_extensions, load=load_by_stevedore)
    return registry, Hooks(registry)


def _read(args: argparse.Namespace, rows: Mapping[str, Option]) -> Config:
    """Return the configuration in the file, where options of the command line win."""
    config = load(args.config, rows=rows)
    names = ("pidfile", "loglevel", "logoutput", "loggerconfig")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    return replace(config, circus=replace(config.circus, **given))


def _check(args: argparse.Namespace) -> int:
    try:
        _, hooks = _load_extensions(args)
        config = _read(args, hooks.watcher_rows)
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
    registry, hooks = _load_extensions(args)
    read_checked = partial(_read_checked, args, hooks)
    config = read_checked()
    circus = config.circus
    log.configure(circus.loglevel, circus.logoutput, circus.loggerconfig)
    for warning in (*config.warnings, *capacity_problems(config)):
        logger.warning("%s", warning)
    if circus.umask is not None:
        os.umask(circus.umask)
    with _pidfile(circus.pidfile) as pidfile:
        seat = _take_seat(args, circus, born_nofile, notifier, pidfile)
        daemon = Daemon(
            config,
            spawner=seat.spawner,
            registry=registry,
            hooks=hooks,
            load=read_checked,
            reopen_logs=partial(_reopen_logs, seat),
            on_stopping=notifier.stopping,
            faces=DaemonFaces(),
            upgrader=seat.upgrader,
        )
        asyncio.run(_serve(daemon, seat, notifier, daemonizer, heartbeat=circus.heartbeat_timeout))
        if pidfile is not None and daemon.is_replaced:
            pidfile.let_go()


def _take_seat(
    args: argparse.Namespace,
    circus: CircusConfig,
    born_nofile: tuple[int, int],
    notifier: Notifier,
    pidfile: PidFile | None,
) -> Seat:
    if args.keeper and not can_have_keeper():
        raise KeeperError("--keeper: this system has no pidfd (Linux 5.3 has); leave it out")
    if args.keeper is not False and can_have_keeper():
        seat = split(born_nofile)
        seat.hand_over(notifier, pidfile)
        return seat
    return AloneSeat(
        DirectSpawner(
            closes_fds=False,
            born_nofile=born_nofile,
            reaps_strangers=os.getpid() == 1,
            check_delay=longest_delay(circus.check_delay),
        )
    )


def _take_over(args: argparse.Namespace, seat: Successor) -> None:
    """Go on where the arbiter before died; the file is not read, it may have changed since."""
    notifier = Notifier()
    mark_inherited_cloexec()
    estate = Estate(seat.spawner)
    if seat.reason is None:
        registry, hooks, left = _prove(seat, estate)
        config = left.base
    elif (found := estate.read(seat.reason)) is None:  # it had not begun
        left = None
        registry, hooks = _load_extensions(args)
        config = _read_checked(args, hooks)
    else:
        left, config = found, found.base
        registry, hooks = _extensions_of(config)
    circus = config.circus
    log.configure(circus.loglevel, circus.logoutput, circus.loggerconfig, pid=seat.pid)
    pidfile = seat.pidfile()
    seat.hand_over(notifier, None)
    daemon = Daemon(
        config,
        spawner=seat.spawner,
        registry=registry,
        hooks=hooks,
        load=partial(_read_checked, args, hooks),
        reopen_logs=partial(_reopen_logs, seat),
        on_stopping=notifier.stopping,
        faces=DaemonFaces(),
        estate=estate,
        left=left,
        upgrader=seat.upgrader,
    )
    asyncio.run(_serve(daemon, seat, notifier, None, heartbeat=circus.heartbeat_timeout))
    if pidfile is not None:
        (pidfile.let_go if daemon.is_replaced else pidfile.release)()


def _prove(seat: Successor, estate: Estate) -> tuple[Registry, Hooks, Left]:
    """Return what the arbiter before left, once this one has shown that it can go on from it, and got it all."""
    try:
        check_journal(seat.spawner)
        registry, hooks = _extensions_of(_read_left(estate).base)
        registry.commands()
        errors = hooks.check_config(_read_left(estate).base)
        if errors:
            raise ConfigErrors(errors)
    except CircusError as exc:
        seat.refuse(str(exc))
        raise
    seat.await_turn()
    left = _read_left(estate)
    return registry, hooks, replace(left, upgrade=one_more(left.upgrade, left.arbiter.program))


def _read_left(estate: Estate) -> Left:
    left = estate.read()
    if left is None:
        raise StateError("the arbiter that is to be replaced has stored nothing yet")
    return left


def _extensions_of(config: Config) -> tuple[Registry, Hooks]:
    registry = Registry(config.circus.disable_extensions, load=load_by_stevedore)
    return registry, Hooks(registry)


def _read_checked(args: argparse.Namespace, hooks: Hooks) -> Config:
    """Return the configuration in the file, unless it names extensions that do not load, or one finds it wrong."""
    config = _read(args, hooks.watcher_rows)
    errors = hooks.check_config(config)
    if errors:
        raise ConfigErrors(errors)
    return config


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


def _reopen_logs(seat: Seat) -> None:
    log.reopen_logs()
    seat.keep_log()


async def _serve(
    daemon: Daemon, seat: Seat, notifier: Notifier, daemonizer: Daemonizer | None, *, heartbeat: float
) -> None:
    def ready() -> None:
        # What was imported stays: a full collection would look through all of it, and hold up everybody for 20 ms.
        gc.freeze()
        gc.enable()  # off until now, see circusd.py
        logger.info("Starting master on pid %d", seat.pid)
        _warn_of_open_door(daemon.arbiter.endpoint)
        nonlocal daemonizer
        if daemonizer is not None:
            seat.detach()
            daemonizer.ready()
            daemonizer = None
        notifier.ready()
        seat.ready(heartbeat)
        signals.ready()

    signals = SignalHandler(
        asyncio.get_running_loop(),
        {
            signal.SIGTERM: daemon.quit,
            signal.SIGINT: daemon.quit,
            signal.SIGQUIT: daemon.quit,
            signal.SIGHUP: daemon.reload,
            signal.SIGUSR1: daemon.reopen_logs,
        },
    )
    seat.on_signal(signals.receive)
    seat.on_moved(daemon.keeper_replaced)
    try:
        await daemon.run(ready)
    finally:
        signals.close()


def _warn_of_open_door(endpoint: str) -> None:
    if os.geteuid() == 0 and endpoint.startswith("tcp://"):
        logger.warning(
            "circusd runs as root and takes commands at %s: every local user can run programs as root; "
            "write [circus] endpoint = ipc://PATH in a folder that only root may enter (see examples/production.ini)",
            endpoint,
        )
