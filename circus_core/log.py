"""Where circusd logs, and how."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from typing import Final

from circus_core.errors import ConfigError

LEVELS: Final = ("critical", "error", "warning", "info", "debug")
"""The words of ``--log-level`` and ``loglevel``."""

_FORMAT: Final = "%(asctime)s circus[%(circusd)d] [%(levelname)s] %(message)s"
_TIME: Final = "%Y-%m-%d %H:%M:%S"
_SYSLOG_TIME: Final = "%b %d %H:%M:%S"
_NAME: Final = "circusd"  # marks our handler
_LOGGERS: Final = ("circus", "asyncio")
_SYSLOG_PORT: Final = 514


def configure(level: str = "info", output: str = "-", config: str | None = None, *, pid: int | None = None) -> None:
    """Set up what circusd logs; a second call replaces what the first one set up.

    :param level: one of :data:`LEVELS` in any case; another word means ``info``
    :param output: a path, ``-`` or ``stdout`` for standard error, ``syslog://host[:port][?facility]`` or
        ``syslog:///path?facility``
    :param config: a file for :mod:`logging.config` that replaces all this: ini, JSON or YAML; ``default`` for none
    :param pid: circusd's, when it is not this process's own
    :raises ConfigError: it cannot be logged there
    """
    if config and config != "default":
        from circus_core import _log_config  # noqa: PLC0415  # few have one, and it takes 5 ms of the start

        _remove_ours()
        _log_config.load(config)
        return
    handler = _handler(output, pid or os.getpid())
    handler.name = _NAME
    _remove_ours()
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(handler)
    logging.getLogger("circus").setLevel(level.upper() if level.lower() in LEVELS else logging.INFO)


def show_pid(pid: int) -> None:
    """Show *pid* as circusd's from now on."""
    for name in _LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if handler.name == _NAME and handler.formatter is not None:
                handler.setFormatter(_formatter(handler.formatter.datefmt, pid))


def file_descriptor() -> int | None:
    """Return the descriptor of the file that circusd logs to, ``None`` when it logs elsewhere."""
    for handler in logging.getLogger("circus").handlers:
        if handler.name == _NAME and isinstance(handler, logging.FileHandler) and handler.stream is not None:
            return handler.stream.fileno()
    return None


def reopen_logs() -> None:
    """Open every log file anew whose path is no longer the file that is open, as rotation expects after a move.

    One that cannot be opened goes on as it is, and the log says so.
    """
    for handler in _file_handlers():
        try:
            _reopen(handler)
        except OSError as exc:
            logging.getLogger("circus").warning(
                "log file %s is not reopened: %s; logging goes on in the old one", handler.baseFilename, exc.strerror
            )


def _reopen(handler: logging.FileHandler) -> None:
    handler.acquire()
    try:
        # Without a stream it was not used yet, and opens the file with the next record.
        if handler.stream is not None and not _is_at(handler.baseFilename, handler.stream.fileno()):
            old = handler.setStream(handler._open())
            if old is not None:
                old.close()
    finally:
        handler.release()


def _is_at(path: str, fd: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


def _file_handlers() -> Iterator[logging.FileHandler]:
    known = logging.root.manager.loggerDict.values()
    loggers = [logging.root, *(logger for logger in known if isinstance(logger, logging.Logger))]
    handlers = dict.fromkeys(handler for logger in loggers for handler in logger.handlers)
    return (handler for handler in handlers if isinstance(handler, logging.FileHandler))


def _remove_ours() -> None:
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        for handler in [handler for handler in logger.handlers if handler.name == _NAME]:
            logger.removeHandler(handler)
            handler.close()


def _handler(output: str, pid: int) -> logging.Handler:
    handler: logging.Handler
    try:
        if output in {"-", "stdout"}:
            handler = logging.StreamHandler(sys.stderr)
        elif output.startswith("syslog://"):
            handler = _syslog(output)
        else:
            handler = logging.FileHandler(output)
    except OSError as exc:
        why = (exc.strerror or str(exc)).lower()
        fix = "write - for standard error, or a path in a directory that is there and writable"
        raise ConfigError("circus", "logoutput", output, why=why, fix=fix) from exc
    time_format = _SYSLOG_TIME if output.startswith("syslog://") else _TIME
    handler.setFormatter(_formatter(time_format, pid))
    return handler


def _formatter(time_format: str | None, pid: int) -> logging.Formatter:
    return logging.Formatter(_FORMAT, time_format, defaults={"circusd": pid})


def _syslog(output: str) -> logging.Handler:
    import logging.handlers  # noqa: PLC0415  # likewise
    from urllib.parse import urlsplit  # noqa: PLC0415

    parts = urlsplit(output)
    facilities = logging.handlers.SysLogHandler.facility_names
    facility = parts.query.lower() or "user"
    if facility not in facilities:
        fix = f"write one of {', '.join(sorted(facilities))}"
        raise ConfigError("circus", "logoutput", output, why=f"{facility} is no syslog facility", fix=fix)
    try:
        port = parts.port or _SYSLOG_PORT
    except ValueError as exc:
        fix = "write syslog://host:port?facility"
        raise ConfigError("circus", "logoutput", output, why="the port is no port number", fix=fix) from exc
    address: str | tuple[str, int] = (parts.hostname, port) if parts.hostname else parts.path or "/dev/log"
    handler = logging.handlers.SysLogHandler(address, facilities[facility])
    handler.append_nul = False
    return handler
