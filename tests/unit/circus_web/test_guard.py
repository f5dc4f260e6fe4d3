"""Which requests are looked at, and by which address tries are counted."""

from __future__ import annotations

import pytest

from circus_web.guard import Guard, client_of
from circus_web.settings import Settings


def refused(method: str = "POST", *, settings: Settings | None = None, peer: str = "127.0.0.1", **headers: str) -> int:
    """Return the status that a request is refused with, 0 when it is not."""
    given = {"Host": "localhost:8080", **{name.replace("_", "-"): value for name, value in headers.items()}}
    refusal = Guard(settings or Settings()).refusal(method, given.get, peer=peer)
    return refusal.status if refusal else 0


def test_form_of_our_own_page_is_taken() -> None:
    assert refused(Origin="http://localhost:8080") == 0
    assert refused(Sec_Fetch_Site="same-origin") == 0
    assert refused(Referer="http://localhost:8080/add") == 0


def test_page_without_tls_sends_nothing_to_one_with() -> None:
    """Who can change what comes without TLS could else act on what comes with it."""
    assert refused(Origin="http://localhost:8080", X_Forwarded_Proto="https") == 403
    assert refused(Origin="https://localhost:8080", X_Forwarded_Proto="https") == 0
    assert refused(Origin="https://localhost:8080") == 0, "a proxy that does not tell of its TLS"


@pytest.mark.parametrize("host", ["", " ", "localhost, evil.example", "localhost\r\nX: y", "[::1", "a@localhost", "*"])
def test_host_that_is_none_is_refused_wherever_we_listen(host: str) -> None:
    for listening in ("localhost", "", "0.0.0.0"):
        assert refused("GET", settings=Settings(host=listening), Host=host) == 421


def test_name_of_a_link_is_one_that_was_told() -> None:
    guard = Guard(Settings(allowed_hosts=("Console.Example",)))
    assert guard.is_told_name("console.example:443")
    assert guard.is_told_name("localhost:8080")
    assert guard.is_told_name("[::1]:8080")
    for host in ("203.0.113.1", "evil.example", "localhost.evil.example", ""):
        assert not guard.is_told_name(host)


@pytest.mark.parametrize("peer", ["203.0.113.1", "2001:db8::1", "::ffff:203.0.113.1", "nonsense"])
def test_other_machine_needs_a_password(peer: str) -> None:
    assert refused("GET", peer=peer) == 403
    for local in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "", "0.0.0.0"):
        assert refused("GET", peer=local) == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        pytest.param("203.0.113.1", None, "203.0.113.1", id="the-peer"),
        pytest.param("127.0.0.1", "203.0.113.1", "203.0.113.1", id="whom-the-proxy-names"),
        pytest.param("", "203.0.113.1", "203.0.113.1", id="whom-the-proxy-names-on-a-unix-socket"),
        pytest.param("127.0.0.1", "198.51.100.7, 203.0.113.1", "203.0.113.1", id="whom-the-proxy-saw-itself"),
        pytest.param("203.0.113.1", "198.51.100.7", "203.0.113.1", id="others-name-nobody"),
        pytest.param("127.0.0.1", "made up", "127.0.0.1", id="no-address"),
        pytest.param("127.0.0.1", "", "127.0.0.1", id="empty"),
        pytest.param("2001:db8::1:2", None, "2001:db8::/64", id="a-network-of-ipv6"),
        pytest.param("127.0.0.1", "2001:db8::9", "2001:db8::/64", id="one-that-the-proxy-names"),
        pytest.param("::ffff:203.0.113.1", None, "203.0.113.1", id="ipv4-in-ipv6"),
        pytest.param("fe80::1%eth0", None, "fe80::/64", id="scoped"),
    ],
)
def test_tries_are_counted_by_who_makes_them(peer: str, forwarded: str | None, counted: str) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_of(peer, headers.get) == counted
