"""Passwords, kept as scrypt hashes."""

from __future__ import annotations

import base64
import os
import threading
from typing import Final, NamedTuple

_COST: Final = 2**15  # with the two below: 32 MB and a fifth of a second
_BLOCK: Final = 8
_PARALLEL: Final = 3
_MAX_MEMORY: Final = 256 << 20  #: bytes

# One at a time: each takes tens of megabytes, and a flood of logins must not take them all.
_lock = threading.Lock()


class _Hash(NamedTuple):
    cost: int
    block: int
    parallel: int
    salt: bytes
    digest: bytes

    def digest_of(self, password: str) -> bytes:
        import hashlib  # noqa: PLC0415  # circusd, which checks the form of a hash, needs none of OpenSSL for it

        with _lock:
            return hashlib.scrypt(
                password.encode(),
                salt=self.salt,
                n=self.cost,
                r=self.block,
                p=self.parallel,
                maxmem=_MAX_MEMORY,
                dklen=len(self.digest),
            )


def hash_password(password: str, *, cost: int = _COST) -> str:
    """Return the hash of *password* as text that fits into an ini file.

    :param cost: a power of two; what it takes to guess goes up with it
    """
    blank = _Hash(cost, _BLOCK, _PARALLEL, os.urandom(16), b"\0" * 32)
    numbers = f"{blank.cost}:{blank.block}:{blank.parallel}"
    return f"scrypt:{numbers}:{_to_text(blank.salt)}:{_to_text(blank.digest_of(password))}"


def verify(text: str, password: str) -> bool:
    """Return whether *password* is the one that *text* is the hash of."""
    import hmac  # noqa: PLC0415

    expected = _parse(text)
    return hmac.compare_digest(expected.digest, expected.digest_of(password))


def check_hash(text: str) -> None:
    """Refuse what no password was ever hashed to.

    :raises ValueError: says what is wrong
    """
    _parse(text)


def _parse(text: str) -> _Hash:
    try:
        kind, cost, block, parallel, salt, digest = text.split(":")
        parsed = _Hash(int(cost), int(block), int(parallel), _from_text(salt), _from_text(digest))
    except ValueError:
        raise ValueError("not of the form scrypt:COST:BLOCK:PARALLEL:SALT:DIGEST") from None
    if kind != "scrypt":
        raise ValueError(f"made by {kind!r}; only scrypt is known")
    memory = 128 * parsed.cost * parsed.block
    if parsed.cost < 2 or parsed.cost & (parsed.cost - 1) or not 0 < memory < _MAX_MEMORY or parsed.parallel < 1:
        raise ValueError("its cost is out of range")
    if len(parsed.salt) < 8 or len(parsed.digest) < 16:
        raise ValueError("its salt or digest is too short")
    return parsed


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
