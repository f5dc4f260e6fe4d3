"""The ``circushttpd`` program."""

from __future__ import annotations

import argparse
import asyncio
import gc
import getpass
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from tornado.netutil import bind_sockets

from circus_core import __version__, log
from circus_core.config import load
from circus_core.errors import CircusError
from circus_web.console import Console
from circus_web.passwords import hash_password
from circus_web.register import ConsoleRecord, default_folder
from circus_web.server import serve
from circus_web.settings import Settings, SettingsError, check_exposure, from_environ
from circus_web.templates import link


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circushttpd`` and return its exit code: 0 when a signal stopped it, 1 when it cannot work."""
    args = _parser().parse_args(argv)
    try:
        if args.hash_password:
            return _hash_password()
        log.configure(args.log_level, args.log_output)
        settings = _settings(args)
        listening = _listen(settings, args.fd)
        _run(settings, listening)
    except CircusError as exc:
        print(exc, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="circushttpd",
        description="Serve the web console of Circus.",
        epilog="circusd starts it when [circus] httpd is on. circusctl console-link prints a link that lets you in.",
    )
    add = parser.add_argument
    add("--config", metavar="FILE", help="take endpoint and httpd_* options from an ini file of circusd")
    add("--endpoint", metavar="E", action="append", dest="endpoints",
        help="a daemon to connect to; more than once for more (default: tcp://127.0.0.1:5555)")  # fmt: skip
    add("--host", help="address to listen on (default: localhost)")
    add("--port", type=int, help="port to listen on, 0 for a free one (default: 8080)")
    add("--fd", type=int, help="listen on this descriptor, a bound socket, instead")
    add("--readonly", action="store_true", help="change nothing")
    add("--allowed-host", metavar="NAME", action="append", dest="allowed_hosts",
        help="a name that browsers may use for the console; more than once for more")  # fmt: skip
    add("--ssh", metavar="USER@HOST[:PORT]", help="reach the daemons through an ssh tunnel")
    add("--ssh-keyfile", metavar="FILE", help="key to log in with")
    add("--disable-extension", metavar="NAME", action="append", dest="disabled", help="an extension to leave out")
    add("--hash-password", action="store_true", help="ask for a password, print its hash for httpd_password_hash")
    add("--log-level", default="info", type=str.lower, choices=log.LEVELS, metavar="LEVEL",
        help=f"one of {', '.join(log.LEVELS)} (default: %(default)s)")  # fmt: skip
    add("--log-output", default="-", metavar="FILE", help="a file, - for standard error, or syslog://...")
    add("--version", action="version", version=__version__)
    return parser


def _hash_password() -> int:
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Again: "):
            raise SettingsError("the two differ; nothing was made")
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < 8:
        raise SettingsError("the password is too short; take at least 8 characters")
    print(hash_password(password))
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    """Return what the configuration file says, then the environment, then the command line."""
    settings = from_environ()
    if args.config:
        circus = load(args.config).circus
        settings = replace(
            settings,
            endpoints=tuple(dict.fromkeys((circus.endpoint, *circus.httpd_endpoints))),
            host=circus.httpd_host,
            port=circus.httpd_port,
            password_hash=circus.httpd_password_hash or settings.password_hash,
            readonly=circus.httpd_readonly or settings.readonly,
            allowed_hosts=circus.httpd_allowed_hosts or settings.allowed_hosts,
            disabled=circus.disable_extensions or settings.disabled,
        )
    names = ("host", "port", "ssh_keyfile")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    lists = ("endpoints", "allowed_hosts", "disabled")
    given |= {name: tuple(dict.fromkeys(value)) for name in lists if (value := getattr(args, name))}
    return replace(
        settings, **given, ssh_server=args.ssh or settings.ssh_server, readonly=args.readonly or settings.readonly
    )


def _listen(settings: Settings, fd: int | None) -> list[socket.socket]:
    """Return the sockets to listen on, unless others would reach us and there is no password.

    :raises SettingsError: says what to do
    """
    if fd is None:
        check_exposure(settings, settings.host)
        try:
            return bind_sockets(settings.port, settings.host)
        except OSError as exc:
            where = f"{settings.host} port {settings.port}"
            raise SettingsError(f"cannot listen on {where}: {exc.strerror}; choose another --port or --host") from exc
    try:
        given = socket.socket(fileno=fd)
        is_listening = given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as exc:
        raise SettingsError(f"--fd {fd} is no socket: {exc.strerror}; write $(circus.sockets.NAME)") from exc
    if not is_listening:
        raise SettingsError(f"--fd {fd} is no socket that listens; write $(circus.sockets.NAME)")
    check_exposure(settings, "" if given.family == socket.AF_UNIX else given.getsockname()[0])
    given.setblocking(False)
    return [given]


def _url(settings: Settings, listening: socket.socket) -> str:
    """Return where a browser finds us; for a unix socket its path, which no browser opens."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = settings.host
    if host in {"", "0.0.0.0", "::", "*"}:
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{name[1]}/"


def _run(settings: Settings, listening: list[socket.socket]) -> None:
    url = _url(settings, listening[0])
    console = Console(settings, address=url, folder=default_folder())
    record = ConsoleRecord(
        pid=os.getpid(),
        url=url,
        audience=console.door.audience,
        endpoints=settings.endpoints,
        has_password=console.door.takes_password,
    )
    try:
        with console.register.announced(record):
            console.follow()
            # What was imported stays: a full collection would look through all of it, and hold up every page.
            gc.freeze()
            asyncio.run(_serve(console, listening, partial(_greet, console, url)))
    finally:
        console.close()


def _greet(console: Console, url: str) -> None:
    print("Circus web console starting up...")
    print(f"Listening on {url}")
    if console.door.takes_password:
        print("It asks for the password.")
    elif url.startswith("unix:"):
        print("circusctl console-link prints a token that lets you in.")
    else:
        print(f"Open {url}{link('login', token=console.door.make_token())}")
        print("This link works once, within an hour; circusctl console-link prints another.")
    print("Hit Ctrl-C to quit.", flush=True)


async def _serve(console: Console, listening: list[socket.socket], ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        loop.add_signal_handler(signum, partial(stop.set))
    await serve(console, listening, stop, ready)
