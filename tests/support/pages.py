"""Pages of the docs that tell what to type: their files, their commands, what these print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TUTORIALS: Final = Path(__file__).parents[2] / "docs" / "tutorial"
FENCE: Final = re.compile(r"^```(python|ini|toml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME: Final = re.compile(r"`([\w/]+\.(?:py|ini|toml))`")
COMMAND: Final = re.compile(r"^\$ (.+)\n((?:[^$].*\n|\n(?!\$))*)", re.MULTILINE)


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Yield kind and text of each block, and the file that the words before it name last."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        names = FILE_NAME.findall(FENCE.sub("", text[: match.start()]))
        yield match[1], match[2], names[-1] if names else ""


def commands(block: str) -> list[tuple[str, str]]:
    """Return each command of a ``console`` block with what it is said to print."""
    return COMMAND.findall(block)


def as_pattern(output: str) -> str:
    """Return a regular expression in which long numbers stand for any, and three dots for the rest of the line."""
    return re.sub(r"\d{3,}", r"\\d+", re.escape(output)).replace(re.escape("..."), ".*")
