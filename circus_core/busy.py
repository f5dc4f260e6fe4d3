"""Who holds an address: the process behind a TCP, UDP or unix socket, as ``/proc`` tells.

Reads every descriptor of every process, so it is for error messages only. Where there is no ``/proc``,
or where it hides the owner, the answer is ``None``.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from typing import Final

from circus_core._addresses import parts_of
from circus_core.quick_dataclass import dataclass

_LISTEN: Final = "0A"
_MAPPED: Final = bytes(10) + b"\xff\xff"
_UNIX_PATH_COLUMN: Final = 7


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that holds an address.

    :param command: its command line, shortened
    """

    pid: int
    command: str

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.command})"


def tcp_owner(host: str, port: int) -> Owner | None:
    """Return who listens on *port* at the numeric *host*, or at an address that overlaps it."""
    return _owner_of(_ip_inodes("tcp", host, port))


def udp_owner(host: str, port: int) -> Owner | None:
    """Return who has *port* at the numeric *host*, or at an address that overlaps it."""
    return _owner_of(_ip_inodes("udp", host, port))


def unix_owner(path: str) -> Owner | None:
    """Return who has a unix socket bound to *path*."""
    return _owner_of(_unix_inodes(path))


def describe_owner(endpoint: str) -> str:
    """Return who has a ZeroMQ endpoint, as in ``pid 12 (nginx)``; empty when that cannot be known."""
    scheme, host, port = parts_of(endpoint)
    if scheme == "ipc":
        return str(unix_owner(endpoint.removeprefix("ipc://")) or "")
    if scheme != "tcp" or not port:
        return ""
    try:
        return str(tcp_owner(host, port) or "")
    except OSError:  # a name, an interface or *: whoever has the port
        return str(tcp_owner("0.0.0.0", port) or "")


def _ip_inodes(protocol: str, host: str, port: int) -> set[str]:
    wanted = _packed(host)
    return {
        fields[9]
        for table in (protocol, protocol + "6")
        for fields in _rows(f"/proc/net/{table}")
        if (protocol == "udp" or fields[3] == _LISTEN) and _overlaps(fields[1], wanted, port)
    }


def _unix_inodes(path: str) -> set[str]:
    return {fields[6] for fields in _rows("/proc/net/unix") if " ".join(fields[_UNIX_PATH_COLUMN:]) == path}


def _rows(table: str) -> Iterator[list[str]]:
    try:
        with open(table, errors="replace") as file:
            text = file.read()
    except OSError:
        return
    for line in text.splitlines()[1:]:
        yield line.split()


def _overlaps(field: str, wanted: bytes, port: int) -> bool:
    address, _, hex_port = field.partition(":")
    if int(hex_port, 16) != port:
        return False
    raw = bytes.fromhex(address)
    if sys.byteorder == "little":  # each 32-bit word is printed in the byte order of the machine
        raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    held = raw if len(raw) == 16 else _MAPPED + raw
    return held == wanted or _is_wildcard(held) or _is_wildcard(wanted)


def _packed(host: str) -> bytes:
    host = host.partition("%")[0]
    if ":" in host:
        return socket.inet_pton(socket.AF_INET6, host)
    return _MAPPED + socket.inet_pton(socket.AF_INET, host)


def _is_wildcard(address: bytes) -> bool:
    return address in {bytes(16), _MAPPED + bytes(4)}


def _owner_of(inodes: set[str]) -> Owner | None:
    """Return the oldest looking process that holds one of *inodes*; those that it forked hold it too."""
    if not inodes:
        return None
    links = {f"socket:[{inode}]" for inode in inodes}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        if _holds(pid, links):
            return Owner(pid, _command(pid))
    return None


def _holds(pid: int, links: set[str]) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:  # gone, or not ours to see
        return False
    return any(_link(f"{folder}/{name}") in links for name in names)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # closed meanwhile
        return ""


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().rstrip(b"\0").split(b"\0")
    except OSError:
        return "?"
    text = b" ".join(words).decode(errors="replace") or "?"
    return text if len(text) <= 80 else text[:77] + "..."
