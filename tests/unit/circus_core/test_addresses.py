"""Addresses, taken apart."""

from __future__ import annotations

import pytest

from circus_core._addresses import parts_of


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("tcp://127.0.0.1:5555", ("tcp", "127.0.0.1", 5555)),
        ("tcp://*:5555", ("tcp", "*", 5555)),
        ("tcp://[::1]:5555", ("tcp", "::1", 5555)),
        ("udp://237.219.251.97:12027/", ("udp", "237.219.251.97", 12027)),
        ("tcp://eth0:*", ("tcp", "eth0", 0)),
        ("tcp://host:65536", ("tcp", "host", 0)),
        ("tcp://host", ("tcp", "", 0)),
        ("udp://237.219.251.97:12027/path", ("udp", "237.219.251.97", 12027)),
        ("", ("", "", 0)),
    ],
)
def test_an_address_is_taken_apart(address: str, parts: tuple[str, str, int]) -> None:
    assert parts_of(address) == parts
