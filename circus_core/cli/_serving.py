"""What circusd does once it is known what to serve: loaded while the keeper gets ready."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from circus_core import log
from circus_core._descriptors import mark_inherited_cloexec
from circus_core._signals import SignalHandler
from circus_core._upgrades import one_more
from circus_core.cli._reading import extensions_of, load_extensions, read_checked
from circus_core.cli._seat import AloneSeat, Seat, Successor, beside, successor
from circus_core.cli._split import Keeper
from circus_core.compat.faces import DaemonFaces
from circus_core.config import Config
from circus_core.daemon import Daemon
from circus_core.daemonize import Daemonizer
from circus_core.errors import CircusError, ConfigErrors, StateError
from circus_core.estate import Estate, Left
from circus_core.hooks import Hooks
from circus_core.keeper.descriptors import make_room
from circus_core.notify import Notifier
from circus_core.output import check_journal
from circus_core.pacing import longest_delay
from circus_core.pidfile import PidFile
from circus_core.registry import Registry
from circus_core.services import logger


def serve(
    config: Config,
    keeper: Keeper | None,
    registry: Registry,
    hooks: Hooks,
    *,
    read: Callable[[], Config],
    born_nofile: tuple[int, int],
    notifier: Notifier,
    pidfile: PidFile | None,
    daemonizer: Daemonizer | None,
) -> None:
    """Serve *config* until told to quit.

    :param read: reads the configuration anew
    :param born_nofile: limits of descriptors, soft and hard, that children get
    """
    seat: Seat
    if keeper is None:
        seat = AloneSeat(born_nofile, check_delay=longest_delay(config.circus.check_delay))
    else:
        seat = beside(keeper, born_nofile)
        seat.hand_over(notifier, pidfile)
    is_replaced = _serve(
        config, seat, registry=registry, hooks=hooks, notifier=notifier, read=read, daemonizer=daemonizer
    )
    if pidfile is not None and is_replaced:
        pidfile.let_go()


def take_over(args: argparse.Namespace, channel: int) -> None:
    """Go on where the arbiter before died; the file is not read, it may have changed since.

    :param channel: the descriptor that leads to the keeper
    """
    seat = successor(channel)
    notifier = Notifier()
    mark_inherited_cloexec()
    estate = Estate(seat.spawner)
    if seat.reason is None:
        registry, hooks, left = _prove(seat, estate)
        config = left.base
    elif (found := estate.read(seat.reason)) is None:  # it had not begun
        left = None
        registry, hooks = load_extensions(args)
        config = read_checked(args, hooks)
    else:
        left, config = found, found.base
        registry, hooks = extensions_of(config)
    circus = config.circus
    log.configure(circus.loglevel, circus.logoutput, circus.loggerconfig, pid=seat.pid)
    pidfile = seat.pidfile()
    seat.hand_over(notifier, None)
    is_replaced = _serve(
        config,
        seat,
        registry=registry,
        hooks=hooks,
        notifier=notifier,
        read=partial(read_checked, args, hooks),
        estate=estate,
        left=left,
    )
    if pidfile is not None:
        (pidfile.let_go if is_replaced else pidfile.release)()


def _prove(seat: Successor, estate: Estate) -> tuple[Registry, Hooks, Left]:
    """Return what the arbiter before left, once this one has shown that it can go on from it, and got it all."""
    try:
        check_journal(seat.spawner)
        registry, hooks = extensions_of(_read_left(estate).base)
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


def _serve(
    config: Config,
    seat: Seat,
    *,
    registry: Registry,
    hooks: Hooks,
    notifier: Notifier,
    read: Callable[[], Config],
    daemonizer: Daemonizer | None = None,
    estate: Estate | None = None,
    left: Left | None = None,
) -> bool:
    """Serve until the end, and return whether another arbiter goes on."""
    make_room()
    daemon = Daemon(
        config,
        spawner=seat.spawner,
        registry=registry,
        hooks=hooks,
        load=read,
        reopen_logs=partial(_reopen_logs, seat),
        on_stopping=notifier.stopping,
        faces=DaemonFaces(),
        estate=estate,
        left=left,
        upgrader=seat.upgrader,
        answers_late=True,
    )
    asyncio.run(_run(daemon, seat, notifier, daemonizer, heartbeat=config.circus.heartbeat_timeout))
    return daemon.is_replaced


def _reopen_logs(seat: Seat) -> None:
    log.reopen_logs()
    seat.keep_log()


async def _run(
    daemon: Daemon, seat: Seat, notifier: Notifier, daemonizer: Daemonizer | None, *, heartbeat: float
) -> None:
    def ready() -> None:
        # What was imported stays: a full collection would look through all of it, and hold up everybody for 20 ms.
        gc.freeze()
        gc.enable()  # off since starting.py
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
