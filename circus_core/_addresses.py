"""Addresses of ZeroMQ and of multicast, taken apart; libzmq's ``tcp://*:5555`` is no URL."""

from __future__ import annotations

from typing import Final, NamedTuple

_PORTS: Final = 1 << 16


class Address(NamedTuple):
    """The parts of ``scheme://host:port``.

    :param host: without the brackets of IPv6
    :param port: 0 when there is none, or none that can be
    """

    scheme: str
    host: str
    port: int


def parts_of(address: str) -> Address:
    """Take *address* apart; what is missing is empty."""
    scheme, _, rest = address.partition("://")
    host, _, text = rest.partition("/")[0].rpartition(":")
    port = int(text) if text.isdecimal() else 0
    return Address(scheme, host.removeprefix("[").removesuffix("]"), port if port < _PORTS else 0)
