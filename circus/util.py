"""Helpers of programs, each imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circus_core.compat.lazy import lazily

if TYPE_CHECKING:
    from circus_core.compat.asynchronous import AsyncPeriodicCallback, TransformableFuture, tornado_sleep
    from circus_core.compat.conversions import (
        bytes2human,
        convert_opt,
        env_to_str,
        human2bytes,
        parse_env_dict,
        parse_env_str,
        to_bool,
        to_bytes,
        to_gid,
        to_signum,
        to_str,
        to_uid,
    )
    from circus_core.compat.differ import DictDiffer
    from circus_core.compat.naming import replace_gnu_args, resolve_name
    from circus_core.compat.system import (
        IS_WINDOWS,
        LOG_LEVELS,
        MAXFD,
        REDIRECT_TO,
        close_on_exec,
        configure_logger,
        create_udp_socket,
        debuglog,
        get_connection,
        get_info,
        get_python_version,
        get_working_dir,
        load_virtualenv,
        synchronized,
    )
    from circus_core.protocol import (
        DEFAULT_ENDPOINT_DEALER,
        DEFAULT_ENDPOINT_MULTICAST,
        DEFAULT_ENDPOINT_STATS,
        DEFAULT_ENDPOINT_SUB,
    )

__all__ = [
    "DEFAULT_ENDPOINT_DEALER",
    "DEFAULT_ENDPOINT_MULTICAST",
    "DEFAULT_ENDPOINT_STATS",
    "DEFAULT_ENDPOINT_SUB",
    "IS_WINDOWS",
    "LOG_LEVELS",
    "MAXFD",
    "REDIRECT_TO",
    "AsyncPeriodicCallback",
    "DictDiffer",
    "TransformableFuture",
    "bytes2human",
    "close_on_exec",
    "configure_logger",
    "convert_opt",
    "create_udp_socket",
    "debuglog",
    "env_to_str",
    "get_connection",
    "get_info",
    "get_python_version",
    "get_working_dir",
    "human2bytes",
    "load_virtualenv",
    "parse_env_dict",
    "parse_env_str",
    "replace_gnu_args",
    "resolve_name",
    "synchronized",
    "to_bool",
    "to_bytes",
    "to_gid",
    "to_signum",
    "to_str",
    "to_uid",
    "tornado_sleep",
]

_COMPAT = "circus_core.compat"
_PROTOCOL = "circus_core.protocol"

__getattr__ = lazily(
    __name__,
    {
        "AsyncPeriodicCallback": f"{_COMPAT}.asynchronous",
        "DEFAULT_ENDPOINT_DEALER": _PROTOCOL,
        "DEFAULT_ENDPOINT_MULTICAST": _PROTOCOL,
        "DEFAULT_ENDPOINT_STATS": _PROTOCOL,
        "DEFAULT_ENDPOINT_SUB": _PROTOCOL,
        "DictDiffer": f"{_COMPAT}.differ",
        "IS_WINDOWS": f"{_COMPAT}.system",
        "LOG_LEVELS": f"{_COMPAT}.system",
        "MAXFD": f"{_COMPAT}.system",
        "REDIRECT_TO": f"{_COMPAT}.system",
        "TransformableFuture": f"{_COMPAT}.asynchronous",
        "bytes2human": f"{_COMPAT}.conversions",
        "close_on_exec": f"{_COMPAT}.system",
        "configure_logger": f"{_COMPAT}.system",
        "convert_opt": f"{_COMPAT}.conversions",
        "create_udp_socket": f"{_COMPAT}.system",
        "debuglog": f"{_COMPAT}.system",
        "env_to_str": f"{_COMPAT}.conversions",
        "get_connection": f"{_COMPAT}.system",
        "get_info": f"{_COMPAT}.system",
        "get_python_version": f"{_COMPAT}.system",
        "get_working_dir": f"{_COMPAT}.system",
        "human2bytes": f"{_COMPAT}.conversions",
        "load_virtualenv": f"{_COMPAT}.system",
        "parse_env_dict": f"{_COMPAT}.conversions",
        "parse_env_str": f"{_COMPAT}.conversions",
        "replace_gnu_args": f"{_COMPAT}.naming",
        "resolve_name": f"{_COMPAT}.naming",
        "synchronized": f"{_COMPAT}.system",
        "to_bool": f"{_COMPAT}.conversions",
        "to_bytes": f"{_COMPAT}.conversions",
        "to_gid": f"{_COMPAT}.conversions",
        "to_signum": f"{_COMPAT}.conversions",
        "to_str": f"{_COMPAT}.conversions",
        "to_uid": f"{_COMPAT}.conversions",
        "tornado_sleep": f"{_COMPAT}.asynchronous",
    },
)
