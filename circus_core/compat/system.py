"""The machine and the interpreter, as ``circus.util`` knows them."""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import psutil
import zmq

from circus_core import log
from circus_core._environment import child_env
from circus_core.client import connect
from circus_core.discovery import join
from circus_core.options import working_dir
from circus_core.procinfo import Sampler

if TYPE_CHECKING:
    from circus_core.compat.watcher import Watcher

P = ParamSpec("P")
R = TypeVar("R")

IS_WINDOWS: Final = False
LOG_LEVELS: Final = {name: getattr(logging, name.upper()) for name in ("critical", "error", "warning", "info", "debug")}
MAXFD: Final = 1024
REDIRECT_TO: Final = os.devnull

_HANDLER: Final = "circus.util"  # marks ours
_sampler: Final = Sampler()


def get_info(
    process: psutil.Process | int | None = None, interval: float = 0, with_childs: bool = False
) -> dict[str, Any]:
    """Return the figures of a process, by default of this one, as ``stats`` tells them.

    :param interval: seconds to watch how busy it is; 0 for the time since it was asked for before
    :param with_childs: those of its children too
    :raises psutil.NoSuchProcess: there is none
    """
    pid = os.getpid() if process is None else process if isinstance(process, int) else process.pid
    busy = psutil.Process(pid).cpu_percent(interval) if interval else None
    info = _sampler.sample([pid], with_children=with_childs)[pid]
    if isinstance(info, str):
        raise psutil.NoSuchProcess(pid)
    return info if busy is None else {**info, "cpu": busy}


def get_working_dir() -> str:
    """Return the working directory, as ``PWD`` names it when that is the same one."""
    return working_dir()


def get_python_version() -> tuple[int, int, int]:
    """Return the version of the interpreter."""
    return sys.version_info[:3]


def load_virtualenv(watcher: Watcher, py_ver: str | None = None) -> None:
    """Have the processes of a watcher run in its virtual environment.

    :param py_ver: version of its Python, such as ``3.11``
    """
    config = dataclasses.replace(watcher._config, copy_env=True, virtualenv_py_ver=py_ver)
    watcher.env = child_env(config, os.environ)


def close_on_exec(fd: int) -> None:
    """Keep a descriptor from programs that are executed."""
    fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.fcntl(fd, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)


def configure_logger(
    logger: logging.Logger,
    level: str = "INFO",
    output: str = "-",
    loggerconfig: str | None = None,
    name: str | None = None,
) -> None:
    """Set up what a logger writes; the one of Circus as ``circusd`` does.

    :param output: a path, ``-`` for standard error, or ``syslog://...``
    :param loggerconfig: a file for :mod:`logging.config` that replaces all this
    :param name: without effect
    :raises ConfigError: it cannot be logged there
    """
    if logger.name == "circus" or (loggerconfig and loggerconfig != "default"):
        log.configure(level, output, loggerconfig)
        return
    for old in [handler for handler in logger.handlers if handler.name == _HANDLER]:
        logger.removeHandler(old)
        old.close()
    handler = log._handler(output, os.getpid())
    handler.name = _HANDLER
    logger.addHandler(handler)
    logger.setLevel(LOG_LEVELS.get(level.lower(), logging.INFO))


def get_connection(
    socket: zmq.Socket[Any], endpoint: str, ssh_server: str | None = None, ssh_keyfile: str | None = None
) -> None:
    """Connect a ZeroMQ socket, through a tunnel when *ssh_server* is given.

    :raises CallError: the endpoint cannot be used
    """
    connect(socket, endpoint, ssh_server, ssh_keyfile)


def create_udp_socket(mcast_addr: str, mcast_port: int) -> socket.socket:
    """Return a socket that listens to a multicast group.

    :raises OSError: the system refuses
    """
    return join(mcast_addr, mcast_port)


def debuglog(func: Callable[P, R]) -> Callable[P, R]:
    """Have each call logged, at the level ``debug``."""

    @functools.wraps(func)
    def logged(*args: P.args, **kwargs: P.kwargs) -> R:
        logging.getLogger("circus").debug("calling %s", func.__qualname__)
        return func(*args, **kwargs)

    return logged


def synchronized(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return what leaves a method as it is: calls take their turn, and none is refused as busy."""

    def same(function: Callable[P, R]) -> Callable[P, R]:
        return function

    return same
