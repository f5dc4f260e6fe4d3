"""Multicast discovery."""

from __future__ import annotations

import asyncio
import json
import logging
import socket

import pytest

from circus_core.discovery import Discovery

GROUP = "237.219.251.97"
ANSWER = {"endpoint": "tcp://127.0.0.1:5555"}


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 0))
        port: int = sock.getsockname()[1]
        return port


def ask(port: int, payload: bytes) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(payload, ("127.0.0.1", port))
        return json.loads(sock.recv(1024))


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff" * 5000], ids=["empty", "json", "huge"])
def test_any_datagram_is_answered_with_the_endpoint(payload: bytes) -> None:
    async def main() -> None:
        port = free_port()
        discovery = Discovery(f"udp://{GROUP}:{port}", ANSWER["endpoint"])
        discovery.open()
        try:
            assert await asyncio.to_thread(ask, port, payload) == ANSWER
            assert await asyncio.to_thread(ask, port, payload) == ANSWER
        finally:
            discovery.close()
            discovery.close()

    asyncio.run(main())


def test_two_daemons_share_the_port_and_both_close_cleanly() -> None:
    async def main() -> None:
        endpoint = f"udp://{GROUP}:{free_port()}"
        both = [Discovery(endpoint, "tcp://a:1"), Discovery(endpoint, "tcp://b:1")]
        for discovery in both:
            discovery.open()
        for discovery in both:
            discovery.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        ("udp://127.0.0.1:12027", "127.0.0.1 is no multicast group; write one from 224.0.0.0"),
        ("udp://group:12027", "group is no multicast group"),
        ("udp://237.219.251.97", "not of the form udp://group:port"),
        ("udp://237.219.251.97:port", "not of the form udp://group:port"),
        ("tcp://237.219.251.97:1", "not of the form udp://group:port"),
        ("junk", "not of the form udp://group:port"),
    ],
)
def test_a_bad_address_only_warns(caplog: pytest.LogCaptureFixture, endpoint: str, text: str) -> None:
    discovery = Discovery(endpoint, ANSWER["endpoint"])
    discovery.open()
    discovery.close()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "discovery is off: [circus] multicast_endpoint" in record.message
    assert text in record.message


def test_a_busy_port_only_warns(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        Discovery(f"udp://{GROUP}:{sock.getsockname()[1]}", ANSWER["endpoint"]).open()
    assert "Address already in use" in caplog.text


def test_an_empty_address_is_off_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    Discovery("", ANSWER["endpoint"]).open()
    assert not caplog.records
