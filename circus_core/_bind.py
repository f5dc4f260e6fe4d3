"""A bound socket from its configuration, or what is wrong with the address."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from circus_core.busy import Owner, tcp_owner, udp_owner, unix_owner
from circus_core.errors import SocketError

if TYPE_CHECKING:
    from circus_core.options import SocketConfig

Address = tuple[Any, ...] | str
"""What ``socket.bind`` takes: host and port with numeric host, or a path."""

LISTENING: Final = frozenset({socket.SOCK_STREAM, socket.SOCK_SEQPACKET})


def is_unix(config: SocketConfig) -> bool:
    """Tell whether the socket has a path; one makes it a unix socket whatever ``family`` says."""
    return config.path is not None


def resolve(config: SocketConfig) -> Address:
    """Return the address to bind. May ask a name server, so not for the loop unless the host is numeric.

    :raises SocketError: the host is not known
    """
    if config.path is not None:
        return str(config.path)
    if config.family == socket.AF_UNIX:
        raise _error(config, "family", "AF_UNIX", why="a unix socket needs a path", fix="add path = /run/NAME.sock")
    try:
        found = socket.getaddrinfo(
            config.host or None, config.port, config.family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as exc:
        raise _unknown_host(config, exc) from exc
    return found[0][4]


def bind(config: SocketConfig, address: Address) -> socket.socket:
    """Return a socket bound to *address*, close-on-exec and not yet listening.

    :raises SocketError: the system refuses
    """
    try:
        sock = socket.socket(socket.AF_UNIX if is_unix(config) else config.family, config.type, config.proto)
    except OSError as exc:
        raise _error(
            config,
            "type",
            config.type.name,
            why=f"not to be had with this family and protocol ({_reason(exc)})",
            fix="write another type, or leave proto out",
        ) from exc
    try:
        _prepare(config, sock)
        if isinstance(address, str):
            _bind_path(config, sock, address)
        else:
            sock.bind(address)
    except OSError as exc:
        sock.close()
        raise refusal(config, address, exc) from exc
    except SocketError:
        sock.close()
        raise
    return sock


def listen(config: SocketConfig, sock: socket.socket, address: Address) -> None:
    """Make *sock* listen when its type does so.

    :raises SocketError: the system refuses
    """
    if config.type not in LISTENING:
        return
    try:
        sock.listen(config.backlog)
    except OSError as exc:  # with SO_REUSEADDR the conflict may show only here
        raise refusal(config, address, exc) from exc


def shown(address: Address) -> str:
    """Return *address* as messages name it."""
    if isinstance(address, str):
        return address
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _prepare(config: SocketConfig, sock: socket.socket) -> None:
    sock.setblocking(config.blocking)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if config.so_reuseport:
        if is_unix(config):
            raise _error(config, "so_reuseport", True, why="a path cannot be bound twice", fix="leave it out")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if config.interface:
        _bind_interface(config, sock)


def _bind_interface(config: SocketConfig, sock: socket.socket) -> None:
    option = getattr(socket, "SO_BINDTODEVICE", None)
    if option is None:
        raise _error(
            config, "interface", config.interface, why="this system cannot bind to an interface", fix="write a host"
        )
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, os.fsencode(str(config.interface)) + b"\0")
    except OSError as exc:
        why, fix = {
            errno.ENODEV: ("there is no such network interface", "write a name that `ip link` shows"),
            errno.EPERM: ("not permitted", "start circusd as root, or give it CAP_NET_RAW"),
        }.get(exc.errno or 0, (_reason(exc), "leave it out"))
        raise _error(config, "interface", config.interface, why=why, fix=fix) from exc


def _bind_path(config: SocketConfig, sock: socket.socket, path: str) -> None:
    if os.path.lexists(path):
        _make_room(config, path)
    sock.bind(path)
    if config.umask is not None:
        # Nobody can connect before listen(). os.umask() would change the files of every other thread.
        os.chmod(path, 0o777 & ~config.umask)


def _make_room(config: SocketConfig, path: str) -> None:
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise _error(config, "path", path, why="something that is no socket is there", fix="write another path")
    if config.replace:
        os.unlink(path)
        return
    if _is_stale(config, path):
        why, fix = "a socket file is there but nobody listens on it", "set replace = True, or remove the file"
    else:
        why = f"already in use{_by(unix_owner(path))}"
        fix = "stop that process, write another path, or set replace = True to take it over"
    raise _error(config, "path", path, why=why, fix=fix)


def _is_stale(config: SocketConfig, path: str) -> bool:
    # The peer may be in another network namespace, where /proc/net/unix does not show it, so ask the kernel.
    with socket.socket(socket.AF_UNIX, config.type) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) == errno.ECONNREFUSED


def refusal(config: SocketConfig, address: Address, exc: OSError) -> SocketError:
    """Return the error for a bind or listen that the system refused."""
    option, value = ("path", address) if isinstance(address, str) else ("port", address[1])
    if exc.errno == errno.EADDRINUSE:
        owner = _owner(config, address)
        why = f"{shown(address)} is already in use{_by(owner)}"
        fix = f"stop that process, or write another {option}"
        if owner is not None and owner.pid == os.getpid():
            why, fix = f"{shown(address)} is already bound by this circusd", f"give each socket a {option} of its own"
        return _error(config, option, value, why=why, fix=fix)
    why, fix = _REFUSALS.get(exc.errno or 0, (_reason(exc), f"write another {option}"))
    if exc.errno == errno.EADDRNOTAVAIL:
        option, value = "host", config.host
    return _error(config, option, value, why=f"{shown(address)}: {why}", fix=fix)


_REFUSALS: Final[Mapping[int, tuple[str, str]]] = {
    errno.EADDRNOTAVAIL: (
        "no network interface of this machine has that address",
        "write one that `ip address` shows, or 0.0.0.0 for all",
    ),
    errno.EACCES: (
        "permission denied",
        "start circusd as root, or write a port above 1023 or a path in your own folder",
    ),
    errno.EPERM: ("not permitted", "start circusd as root"),
    errno.ENOENT: ("the directory does not exist", "create it first"),
    errno.ENOTDIR: ("its parent is no directory", "write another path"),
    errno.EROFS: ("the file system is read-only", "write a path elsewhere, as in /run"),
}


def _owner(config: SocketConfig, address: Address) -> Owner | None:
    if isinstance(address, str):
        return unix_owner(address)
    find = udp_owner if config.type == socket.SOCK_DGRAM else tcp_owner
    return find(address[0], address[1])


def _by(owner: Owner | None) -> str:
    return f" by {owner}" if owner is not None else ""


def _reason(exc: OSError) -> str:
    text = exc.strerror or str(exc)
    return text[:1].lower() + text[1:]


def _unknown_host(config: SocketConfig, exc: Exception) -> SocketError:
    if config.family == socket.AF_INET and ":" in config.host:
        return _error(config, "host", config.host, why="this is an IPv6 address", fix="set family = AF_INET6")
    why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return _error(
        config,
        "host",
        config.host,
        why=f"cannot be resolved as {config.family.name} ({why.lower()})",
        fix="write an address of this machine",
    )


def _error(config: SocketConfig, option: str, value: object, *, why: str, fix: str) -> SocketError:
    section = f"socket:{config.name}"
    address = str(config.path) if is_unix(config) else f"{config.host}:{config.port}"
    return SocketError(f"[{section}] {option} = {value!r}: {why}; {fix}", section=section, address=address)
