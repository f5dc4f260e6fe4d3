"""What consoles of one user share on disk: the signing key, used links, ended sessions, running consoles.

Light to import: ``circusctl`` and the daemon read it too.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from circus_core.quick_dataclass import dataclass
from circus_web.marks import Marks

LINK_LIFETIME: Final = 3600  #: seconds
SESSION_IDLE_LIMIT: Final = 12 * 3600  #: seconds


class RegisterError(Exception):
    """The folder cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleRecord:
    """A running console.

    :param url: where a browser on its machine finds it
    :param audience: what its links are signed for
    :param has_password: it takes a password and no links
    """

    pid: int
    url: str
    audience: str
    endpoints: tuple[str, ...]
    has_password: bool = False


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the consoles of this user keep what they share."""
    state = environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(state) / "circus" / "console"


class Register:
    """The shared folder, private to its user; or memory, when there is none.

    :raises RegisterError: the folder cannot be had, or others may write to it
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is None:
            self._key = secrets.token_bytes(32)
            self._make_marks(None)
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(folder)
            self._make_marks(folder)
            (folder / "running").mkdir(mode=0o700, exist_ok=True)
            self._key = _read_or_make_key(folder / "key")
        except OSError as exc:
            raise RegisterError(f"cannot keep anything in {folder}: {exc.strerror}") from exc

    def _make_marks(self, folder: Path | None) -> None:
        self._used = Marks(folder and folder / "used", 2 * LINK_LIFETIME)
        self._ended = Marks(folder and folder / "ended", 2 * SESSION_IDLE_LIMIT)

    def key_for(self, purpose: str) -> bytes:
        """Return the key to sign with for one purpose."""
        return hmac.digest(self._key, purpose.encode(), "sha256")

    # One-time links

    def make_token(self, audience: str) -> str:
        """Return a token that lets whoever comes first into the console of *audience*, for an hour."""
        body = f"{int(time.time()) + LINK_LIFETIME:x}.{secrets.token_hex(16)}"
        return f"{body}.{self._signature(audience, body)}"

    def take_token(self, audience: str, token: str) -> bool:
        """Return whether *token* is good, was not used yet, and use it up."""
        if not re.fullmatch(r"[0-9a-f]{1,12}\.[0-9a-f]{32}\.[0-9a-f]{64}", token):
            return False
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature, self._signature(audience, body)):
            return False
        expires, _, nonce = body.partition(".")
        return int(expires, 16) > time.time() and self._used.add(nonce)

    def _signature(self, audience: str, body: str) -> str:
        return hmac.new(self.key_for(f"link:{audience}"), body.encode(), hashlib.sha256).hexdigest()

    # Sessions that were logged out

    def end_session(self, session_id: str) -> None:
        """Let no console of ours take this session any more."""
        self._ended.add(_mark(session_id))

    def is_ended(self, session_id: str) -> bool:
        """Return whether this session was logged out, here or at another process."""
        return _mark(session_id) in self._ended

    # Running consoles

    @contextlib.contextmanager
    def announced(self, console: ConsoleRecord) -> Iterator[None]:
        """Let others find *console* while this lasts."""
        if self._folder is None:
            yield
            return
        path = self._folder / "running" / f"{console.pid}.json"
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        fresh.write_text(json.dumps(asdict(console)))
        fresh.rename(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def running(self) -> list[ConsoleRecord]:
        """Return the consoles that run, and forget those that died."""
        if self._folder is None:
            return []
        found = []
        for path in sorted((self._folder / "running").glob("*.json")):
            if not _is_alive(int(path.stem)):
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(OSError, ValueError, TypeError):
                data = json.loads(path.read_text())
                found.append(ConsoleRecord(**{**data, "endpoints": tuple(data["endpoints"])}))
        return found


def _mark(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()


def _check_private(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise RegisterError(f"others may write to {folder}; make it yours alone: chmod 700")


def _read_or_make_key(path: Path) -> bytes:
    if not path.exists():
        fresh = path.with_name(f".key-{secrets.token_hex(8)}")
        with open(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)  # unlike a rename, it does not replace the key of a rival
        fresh.unlink()
    key = path.read_bytes()
    if len(key) < 32:
        raise RegisterError(f"{path} is damaged; remove it")
    return key


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
