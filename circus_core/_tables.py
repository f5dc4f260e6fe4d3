"""The option table: one field an option, one class a section."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from circus_core import _kinds as kinds
from circus_core._rows import OnChange, option
from circus_core.quick_dataclass import dataclass
from circus_core.values import OnError, Respawn

NOTHING = OnChange.NOTHING
RELOAD = OnChange.RELOAD
RESTART = OnChange.RESTART

HOOK_NAMES: Final = (
    "before_start",
    "after_start",
    "before_spawn",
    "after_spawn",
    "before_stop",
    "after_stop",
    "before_signal",
    "after_signal",
    "before_reap",
    "after_reap",
    "extended_stats",
)
STREAM_NAMES: Final = ("stdout_stream", "stderr_stream")
WATCHER_PREFIXES: Final = ("rlimit_", "hooks.", *(f"{name}." for name in STREAM_NAMES))

IGNORED: Final[Mapping[str, Mapping[str, str]]] = {
    "circus": {
        "stream_backend": "Output has a thread of its own.",
        "respawn": "It is an option of a watcher.",
        "ssh_server": "Only a client uses it.",
        "prereload_fn": "Only a program that embeds Circus can set it.",
    },
    "watcher": {
        "env": "The environment is written in ``[env]`` sections.",
        "name": "The name stands in the header.",
        "stream_backend": "Output has a thread of its own.",
    },
    "socket": {},
}
"""Options that are accepted without effect, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircusConfig:
    """What stands in ``[circus]``."""

    endpoint: str = option(kinds.ADDRESS, "tcp://127.0.0.1:5555", "Where commands are taken.")
    endpoint_owner: str | None = option(
        kinds.NAME,
        None,
        "User who owns the socket file of an ``ipc://`` endpoint."
        " Watchers can then be added by command only with this user as ``uid``.",
    )
    pubsub_endpoint: str = option(kinds.ADDRESS, "tcp://127.0.0.1:5556", "Where events are published.")
    statsd: bool = option(kinds.BOOL, False, "Run ``circusd-stats`` as a watcher.")
    stats_endpoint: str = option(
        kinds.ADDRESS, "tcp://127.0.0.1:5557", "Where statistics are published. Setting it turns ``statsd`` on."
    )
    statsd_close_outputs: bool = option(kinds.BOOL, False, "Send the output of ``circusd-stats`` to ``/dev/null``.")
    multicast_endpoint: str = option(
        kinds.TEXT, "udp://237.219.251.97:12027", "Where ``circusd`` can be discovered. Empty turns discovery off."
    )
    check_delay: float = option(
        kinds.NUMBER,
        5.0,
        "Period of the safety sweep over all processes, and the longest pause between two tries to spawn what"
        " keeps dying. 0 or less turns the sweep off.",
        unit="s",
        on_change=NOTHING,
    )
    heartbeat_timeout: float = option(
        kinds.NUMBER,
        60.0,
        "The arbiter, which is the part of ``circusd`` that thinks, is replaced when it does not answer the keeper for"
        " so long. 0 or less never replaces one that hangs.",
        unit="s",
    )
    include: tuple[str, ...] = option(
        kinds.PATHS, (), "Further files to read, as paths or globs from the folder of this file.", on_change=NOTHING
    )
    include_dir: tuple[str, ...] = option(
        kinds.PATHS, (), "Folders whose ``*.ini`` files are read too.", on_change=NOTHING
    )
    warmup_delay: float = option(
        kinds.SECONDS, 0.0, "Pause between two watchers at start.", unit="s", on_change=NOTHING
    )
    httpd: bool = option(kinds.BOOL, False, "Run the web console as a watcher.")
    httpd_host: str = option(kinds.NAME, "localhost", "Address that the web console listens on.")
    httpd_port: int = option(kinds.PORT, 8080, "Port that the web console listens on.")
    httpd_password_hash: str | None = option(
        kinds.NAME,
        None,
        "Hash of the password of the web console, as ``circushttpd --hash-password`` prints it. Without one, one-time"
        " links let in (``circusctl console-link``), and ``httpd_host`` has to be local.",
        on_change=NOTHING,
    )
    httpd_readonly: bool = option(kinds.BOOL, False, "Let the web console change nothing.", on_change=NOTHING)
    httpd_allowed_hosts: tuple[str, ...] = option(
        kinds.word_list("host names"),
        (),
        "Names that browsers may use for the web console besides the local ones, such as that of a proxy before it.",
        on_change=NOTHING,
    )
    httpd_endpoints: tuple[str, ...] = option(
        kinds.word_list("endpoints"),
        (),
        "Endpoints of further daemons that the web console may connect to.",
        on_change=NOTHING,
    )
    httpd_close_outputs: bool = option(kinds.BOOL, False, "Send the output of the web console to ``/dev/null``.")
    debug: bool = option(
        kinds.BOOL, False, "Run plugins, statistics and web console at log level ``debug`` and show what they print."
    )
    debug_gc: bool = option(kinds.BOOL, False, "Report objects that the garbage collector cannot free.")
    pidfile: str | None = option(kinds.PATH, None, "File that holds the pid of ``circusd``. ``--pidfile`` wins.")
    umask: int | None = option(kinds.MODE, None, "File mode mask of ``circusd``, which its processes inherit.")
    loglevel: str = option(
        kinds.TEXT,
        "info",
        "Least level that is logged: ``critical``, ``error``, ``warning``, ``info`` or ``debug``."
        " ``--log-level`` wins.",
    )
    logoutput: str = option(
        kinds.TEXT,
        "-",
        "Where ``circusd`` logs: a path, ``-`` for standard error, ``syslog://host[:port][?facility]``"
        " or ``syslog:///path?facility``. ``--log-output`` wins.",
    )
    loggerconfig: str | None = option(
        kinds.LOGGER_CONFIG, None, "File that configures logging: ini, JSON or YAML. ``--logger-config`` wins."
    )
    fqdn_prefix: str | None = option(kinds.TEXT, None, "Put before the host name: ``prefix@host``.")
    disable_extensions: tuple[str, ...] = option(
        kinds.word_list("names of extensions"), (), "Extensions to leave out though they are installed."
    )


@dataclass(frozen=True, slots=True)
class HookConfig:
    """A hook of a watcher: what it calls; whether an exception in it counts as success."""

    target: str | Callable[..., Any]
    ignore_failure: bool = False


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """Where output goes: the name of a stream class, or a stream itself; its options as they were given."""

    class_name: str | Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherConfig:
    """What stands in ``[watcher:NAME]``, and the environment that ``[env]`` sections give it.

    :param env: the whole environment of a process
    :param own_env: the part of it that does not come from ``circusd``'s own
    :param is_added: a command made it: ``options`` then replies ``null`` for an environment or stream it has not
    :param rlimits: name without ``rlimit_`` to limit, ``None`` for infinity
    :param extra: options that no row claims, for plugins and hooks
    """

    name: str
    cmd: str = option(
        kinds.COMMAND, "", "Command line to run, split as a shell would.", on_change=RELOAD, in_reply=True
    )
    args: str | tuple[str, ...] | None = option(
        kinds.ARGS, "", "More words for the command line.", on_change=RELOAD, in_reply=True
    )
    shell: bool = option(kinds.BOOL, False, "Run the command line by ``/bin/sh -c``.", on_change=RELOAD, in_reply=True)
    shell_args: str | None = option(
        kinds.TEXT,
        None,
        "Words after the command line of ``/bin/sh -c``: ``$0``, ``$1``...",
        on_change=RELOAD,
        in_reply=True,
    )
    executable: str | None = option(
        kinds.PATH,
        None,
        "Program to run in place of the first word of ``cmd``, which stays the name shown; with ``shell``, the shell.",
        on_change=RELOAD,
        in_reply=True,
    )
    working_dir: str | None = option(
        kinds.DIRECTORY, None, "Working directory; that of ``circusd`` by default.", on_change=RELOAD, in_reply=True
    )
    uid: str | int | None = option(
        kinds.USER, None, "User, by name or number, with all groups of that user.", on_change=RELOAD, in_reply=True
    )
    gid: str | int | None = option(
        kinds.GROUP, None, "Group, by name or number; that of ``uid`` by default.", on_change=RELOAD, in_reply=True
    )
    copy_env: bool = option(
        kinds.BOOL,
        False,
        "Start from the environment of ``circusd``, not from an empty one.",
        on_change=RELOAD,
        in_reply=True,
    )
    copy_path: bool = option(
        kinds.BOOL, False, "Set ``PYTHONPATH`` to the import path of ``circusd``. Needs ``copy_env``.", on_change=RELOAD
    )
    virtualenv: str | None = option(
        kinds.DIRECTORY, None, "Python virtual environment to run in. Needs ``copy_env``.", on_change=RELOAD
    )
    virtualenv_py_ver: str | None = option(
        kinds.PYTHON_VERSION,
        None,
        "Python version of ``virtualenv``; that of ``circusd`` by default.",
        on_change=RELOAD,
    )
    numprocesses: int = option(
        kinds.whole(maximum=100_000), 1, "How many processes to keep.", on_change=NOTHING, in_reply=True
    )
    singleton: bool = option(kinds.BOOL, False, "Never more than one process.", on_change=NOTHING, in_reply=True)
    warmup_delay: float = option(
        kinds.SECONDS, 0.0, "Pause after each spawn.", unit="s", on_change=NOTHING, in_reply=True
    )
    autostart: bool = option(kinds.BOOL, True, "Start with ``circusd``.", on_change=NOTHING)
    priority: int = option(
        kinds.INT, 0, "Watchers with a higher one start first, stop last.", on_change=NOTHING, in_reply=True
    )
    respawn: Respawn = option(
        kinds.RESPAWN,
        Respawn.ALWAYS,
        "Replace a process that ended: always, never, or ``on-failure``, when its exit code is not 0.",
        on_change=NOTHING,
        in_reply=True,
    )
    max_retry: int = option(
        kinds.whole(-1, fix="write a whole number, or -1 for no limit"),
        5,
        "Failed tries in a row after which the watcher stops. -1 tries for ever.",
        on_change=NOTHING,
        in_reply=True,
    )
    graceful_timeout: float = option(
        kinds.SECONDS, 30.0, "Time between ``stop_signal`` and ``SIGKILL``.", unit="s", on_change=NOTHING, in_reply=True
    )
    stop_signal: int = option(
        kinds.SIGNAL, int(signal.SIGTERM), "Signal that asks a process to end.", on_change=NOTHING, in_reply=True
    )
    stop_children: bool = option(
        kinds.BOOL,
        False,
        "Send the stop signal to the direct children of a process too.",
        on_change=NOTHING,
        in_reply=True,
    )
    send_hup: bool = option(
        kinds.BOOL,
        False,
        "Reload by ``SIGHUP`` to each process, not by new processes.",
        on_change=NOTHING,
        in_reply=True,
    )
    max_age: int = option(
        kinds.whole(0),
        0,
        "Age at which a process is replaced. 0 turns it off.",
        unit="s",
        on_change=RELOAD,
        in_reply=True,
    )
    max_age_variance: int = option(
        kinds.whole(0), 30, "Random time, up to this, added to ``max_age``.", unit="s", on_change=RELOAD, in_reply=True
    )
    on_demand: bool = option(kinds.BOOL, False, "Start at the first connection to a socket.", in_reply=True)
    use_sockets: bool = option(
        kinds.BOOL, False, "Give the processes the managed sockets.", on_change=RELOAD, in_reply=True
    )
    listen_fds: tuple[str, ...] | None = option(
        kinds.word_list("names of sockets"), None, "Sockets to pass by the ``LISTEN_FDS`` protocol.", on_change=RELOAD
    )
    stdin_socket: str | None = option(kinds.NAME, None, "Socket to use as standard input.", on_change=RELOAD)
    close_child_stdin: bool = option(
        kinds.BOOL, True, "Connect standard input to ``/dev/null``.", on_change=RELOAD, in_reply=True
    )
    close_child_stdout: bool = option(
        kinds.BOOL, False, "Connect standard output to ``/dev/null``.", on_change=RELOAD, in_reply=True
    )
    close_child_stderr: bool = option(
        kinds.BOOL, False, "Connect standard error to ``/dev/null``.", on_change=RELOAD, in_reply=True
    )
    stream_on_error: OnError = option(
        kinds.ON_ERROR,
        OnError.DROP,
        "What becomes of output that a stream does not take: ``drop`` loses and counts it, ``block`` tries it again"
        " while the processes wait.",
        on_change=NOTHING,
    )
    log_ring: int | None = option(
        kinds.RING,
        None,
        "How many bytes of the newest output of each process are kept in memory for ``circusctl logs``; by default 64K"
        " of those that have a stream. Set, it also keeps the output of those that have none, and passes it on to"
        " ``circusd``'s own. 0 keeps nothing.",
        on_change=RELOAD,
    )
    hook_timeout: float = option(
        kinds.SECONDS, 30.0, "Time that a hook has before it counts as failed.", unit="s", on_change=NOTHING
    )
    env: Mapping[str, str] = field(default_factory=dict)
    own_env: Mapping[str, str] = field(default_factory=dict)
    is_added: bool = False
    rlimits: Mapping[str, int | None] = field(default_factory=dict)
    hooks: Mapping[str, HookConfig] = field(default_factory=dict)
    stdout_stream: StreamConfig | None = None
    stderr_stream: StreamConfig | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketConfig:
    """What stands in ``[socket:NAME]``; the name in lower case."""

    name: str
    host: str = option(kinds.NAME, "localhost", "Name or address to bind.")
    port: int = option(kinds.PORT, 8080, "Port to bind. 0 takes a free one.")
    family: socket.AddressFamily = option(kinds.FAMILY, socket.AF_INET, "Address family.")
    type: socket.SocketKind = option(kinds.TYPE, socket.SOCK_STREAM, "Socket type.")
    proto: int = option(kinds.PROTOCOL, 0, "Protocol, by name or number.")
    backlog: int = option(kinds.whole(0), 2048, "Length of the queue of connections to accept.")
    path: str | None = option(kinds.PATH, None, "Path of a unix socket. It makes ``host`` and ``port`` irrelevant.")
    umask: int | None = option(kinds.MODE, None, "File mode mask of a unix socket; that of ``circusd`` by default.")
    replace: bool = option(kinds.BOOL, False, "Remove what is at ``path`` already.")
    interface: str | None = option(kinds.NAME, None, "Network interface to bind to.")
    so_reuseport: bool = option(kinds.BOOL, False, "Bind a socket of its own for each process.")
    blocking: bool = option(kinds.BOOL, False, "Make the socket blocking.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginConfig:
    """What stands in ``[plugin:NAME]``; *name* is ``plugin:NAME``, *options* all others as text, for the plugin."""

    name: str
    use: str = option(kinds.NAME, "", "Name of an installed plugin, or the dotted path of a class.")
    priority: int = option(kinds.INT, 1, "Watchers with a higher one start first, stop last.")
    group: str | None = option(
        kinds.NAME,
        None,
        "Plugins of one group share a process, in the watcher ``plugin:GROUP``; one that blocks holds up the others.",
    )
    options: Mapping[str, str] = field(default_factory=dict)
