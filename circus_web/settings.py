"""What a console is told when it starts: whom it may reach, where it listens, who may come in."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping

from circus_core.errors import CircusError
from circus_core.protocol import DEFAULT_ENDPOINT_DEALER
from circus_core.quick_dataclass import dataclass
from circus_web.passwords import check_hash


class SettingsError(CircusError):
    """A console cannot run like this; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a console.

    :param endpoints: the daemons that may be reached, the first one by default
    :param password_hash: as ``circushttpd --hash-password`` makes it; without one there are one-time links
    :param readonly: nothing may be changed
    :param allowed_hosts: names that browsers may use for us besides the local ones
    :param ssh_server: ``user@host[:port]`` to tunnel to the endpoints through
    :param disabled: extensions to leave out
    """

    endpoints: tuple[str, ...] = (DEFAULT_ENDPOINT_DEALER,)
    host: str = "localhost"
    port: int = 8080
    password_hash: str | None = None
    readonly: bool = False
    allowed_hosts: tuple[str, ...] = ()
    ssh_server: str | None = None
    ssh_keyfile: str | None = None
    disabled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.password_hash is not None:
            try:
                check_hash(self.password_hash)
            except ValueError as exc:
                raise SettingsError(f"password hash: {exc}; make one with: circushttpd --hash-password") from exc


ENVIRONMENT = "CIRCUS_HTTPD_"


def from_environ(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that variables such as ``CIRCUS_HTTPD_ENDPOINTS`` give, for a console without a command line.

    :raises SettingsError: one cannot be used
    """

    def words(name: str) -> tuple[str, ...]:
        return tuple(environ.get(ENVIRONMENT + name, "").replace(",", " ").split())

    return Settings(
        endpoints=words("ENDPOINTS") or (DEFAULT_ENDPOINT_DEALER,),
        password_hash=environ.get(ENVIRONMENT + "PASSWORD_HASH") or None,
        readonly=is_on(environ.get(ENVIRONMENT + "READONLY", "")),
        allowed_hosts=words("ALLOWED_HOSTS"),
        disabled=words("DISABLE_EXTENSIONS"),
    )


def is_on(text: str) -> bool:
    """Return whether the value of a variable says yes; an empty one says no."""
    return text.strip().lower() not in {"", "0", "no", "off", "false"}


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches *host*, a name or an address."""
    if host.lower().rstrip(".") in {"localhost", "localhost.localdomain", "ip6-localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_exposure(settings: Settings, host: str) -> None:
    """Refuse to listen where others reach us without a password.

    :param host: what is listened on; empty for a unix socket
    :raises SettingsError: says what to do
    """
    if host and settings.password_hash is None and not is_loopback(host):
        raise SettingsError(
            f"refusing to listen on {host}: other machines reach it, and there is no password; "
            "make a hash with `circushttpd --hash-password` and write it as [circus] httpd_password_hash "
            f"(or in {ENVIRONMENT}PASSWORD_HASH), or listen on localhost behind a proxy or an ssh tunnel"
        )
