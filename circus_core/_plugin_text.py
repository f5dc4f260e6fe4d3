"""The options of a plugin as one word of a command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_ITEM: Final = ":::"
_VALUE: Final = ":"


def encode(config: Mapping[str, Any]) -> str:
    """Return ``key:value`` items joined by ``:::``, by key; JSON where that form cannot say it."""
    texts = {str(key): str(value) for key, value in sorted(config.items())}
    items = [f"{key}{_VALUE}{text}" for key, text in texts.items()]
    written = _ITEM.join(items)
    return written if _says(written, texts) else json.dumps(texts)


def decode(text: str) -> dict[str, str]:
    """Return the options in *text*: either form of :func:`encode`.

    :raises ValueError: it is neither
    """
    if text.startswith("{"):
        return _from_json(text)
    config = {}
    for item in text.split(_ITEM):
        if item.strip():
            key, found, value = item.partition(_VALUE)
            if not found or not key.strip():
                raise ValueError(f"{item!r} is no key:value; write key:value items, joined by {_ITEM}")
            config[key.strip()] = value.strip()
    return config


def _says(written: str, texts: Mapping[str, str]) -> bool:
    try:
        return not written.startswith("-") and decode(written) == texts
    except ValueError:
        return False


def _from_json(text: str) -> dict[str, str]:
    try:
        config = json.loads(text)
    except ValueError as exc:
        raise ValueError(f"{text!r} is no JSON: {exc}; write an object of strings") from exc
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
