"""The watcher that runs ``circushttpd`` when ``httpd`` is on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from circus_core.errors import OptionError
from circus_core.options import CircusConfig, SocketConfig, WatcherConfig, make_watcher_config
from circus_core.plugin_watchers import companion_options, connectable, log_words
from circus_web.dependencies import missing, remedy, why_not
from circus_web.settings import ENVIRONMENT, Settings, SettingsError, check_exposure

NAME: Final = "circushttpd"


def companions(circus: CircusConfig, endpoint: str) -> Sequence[WatcherConfig | SocketConfig | OptionError]:
    """Return that watcher and its socket, or why there can be no console."""
    errors = list(_errors(circus, endpoint))
    if errors:
        return errors
    words = ["-m", "circus_web", "--fd", f"$(circus.sockets.{NAME})", "--host", circus.httpd_host]
    for known in dict.fromkeys((connectable(endpoint), *circus.httpd_endpoints)):
        words += ["--endpoint", known]
    words += ["--readonly"] * circus.httpd_readonly
    for name in circus.httpd_allowed_hosts:
        words += ["--allowed-host", name]
    for name in circus.disable_extensions:
        words += ["--disable-extension", name]
    socket = SocketConfig(name=NAME, host=circus.httpd_host, port=circus.httpd_port)
    return [socket, make_watcher_config(NAME, sys.executable, [*words, *log_words(circus)], _options(circus))]


def _errors(circus: CircusConfig, endpoint: str) -> Iterator[OptionError]:
    if names := missing():
        yield OptionError("httpd", True, why=why_not(names), fix=remedy(names))
    if not endpoint:
        yield OptionError("httpd", True, why="the web console asks at endpoint", fix="give it an address")
    try:
        settings = Settings(password_hash=circus.httpd_password_hash)
    except SettingsError as exc:
        yield OptionError("httpd_password_hash", "...", why=str(exc), fix="write what circushttpd --hash-password says")
        return
    try:
        check_exposure(settings, circus.httpd_host)
    except SettingsError as exc:
        yield OptionError("httpd_host", circus.httpd_host, why=str(exc), fix="write httpd_password_hash, or localhost")


def _options(circus: CircusConfig) -> dict[str, Any]:
    options = {**companion_options(circus, closes_outputs=circus.httpd_close_outputs), "use_sockets": True}
    if circus.httpd_password_hash is not None:
        # Not on the command line, which every user of the machine can read.
        options["env"] = {f"{ENVIRONMENT}PASSWORD_HASH": circus.httpd_password_hash}
    return options
