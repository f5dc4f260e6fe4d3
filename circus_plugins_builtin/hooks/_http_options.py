"""The options of ``http_ready``, apart from it: the daemon needs them at every start, and a client of HTTP seldom."""

from __future__ import annotations

from circus_core.options import Kind, OnChange, kinds, option
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.hooks._waiting import Waiting


def _url(text: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415  # every start would pay for it

    parts = urlsplit(text)  # whose port raises a ValueError of its own
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("no http:// or https:// address")
    return text


@dataclass(frozen=True, kw_only=True)
class HttpReady(Waiting):
    """Options of ``http_ready``."""

    prefix = "hook.http_ready"
    needed = "url"
    example = "http://127.0.0.1:8000/"

    url: str | None = option(
        Kind(name="URL", parse=_url, fix="write one such as http://127.0.0.1:8000/health"),
        None,
        "What to ask for by ``GET``. Required.",
        on_change=OnChange.NOTHING,
    )
    status: int = option(
        kinds.whole(0, 599),
        0,
        "Status code to wait for. 0 means any below 400; no redirection is followed.",
        on_change=OnChange.NOTHING,
    )
    verify: bool = option(kinds.BOOL, True, "Check the certificate of an ``https`` server.", on_change=OnChange.NOTHING)
