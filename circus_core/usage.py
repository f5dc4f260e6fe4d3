"""The words of a command line, read as a command's schema says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from circus_core.arguments import Property, Takes
from circus_core.errors import UsageError


class HelpRequested(UsageError):
    """``--help`` stands among the words."""

    def __init__(self) -> None:
        super().__init__("help", exit_code=0)


class UnknownOptionError(UsageError):
    """A word looks like an option, but is none of the command's; *option* is the word."""

    def __init__(self, option: str) -> None:
        super().__init__(f"unrecognized arguments: {option}", exit_code=2)
        self.option = option


def parse_words(properties: Sequence[Property], words: Sequence[str]) -> dict[str, Any]:
    """Return name to value of what *words* give, numbers as numbers.

    Options may stand anywhere, up to ``--`` or to the first word of a text that takes all words that are left. Words
    that may be left out get what the required ones leave over, from left to right.

    :raises HelpRequested: ``--help`` or ``-h`` is among them, and no property is called so
    :raises UsageError: an option is unknown or lacks its value, a word is missing or too many, or of a wrong type
    """
    options = _options(properties)
    rest = next((p for p in properties if p.takes is Takes.REST), None)
    plain = [p for p in properties if p.takes is Takes.WORD]
    values: dict[str, Any] = {}
    taken: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--" or (_starts_text(rest, len(taken) - len(plain)) and not _is_option(word)):
            taken += left if word == "--" else [word, *left]
            break
        if _is_option(word):
            _take_option(options, word, left, values)
        else:
            taken.append(word)
    _take_words(plain, rest, taken, values)
    return values


def parse_leading(properties: Sequence[Property], words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return what the options give that stand before the first plain word, with the words from there on.

    :raises UsageError: as :func:`parse_words`
    """
    options = _options(properties)
    values: dict[str, Any] = {}
    left = list(words)
    while left and _is_option(left[0]):
        _take_option(options, left.pop(0), left, values)
    return values, left


def usage_line(properties: Sequence[Property]) -> str:
    """Return the words that a command takes, as in ``<name> [nb] [--waiting]``."""
    parts = []
    for prop in sorted(properties, key=lambda p: _ORDER[p.takes]):
        name = f"-{prop.short}" if prop.short else f"--{prop.flag}"
        if prop.takes is Takes.FLAG:
            parts.append(f"[{name}]")
        elif prop.takes is Takes.OPTION:
            parts.append(f"[{name} {prop.name.upper()}]")
        elif prop.takes is not Takes.HIDDEN:
            dots = "..." if prop.takes is Takes.REST else ""
            parts.append(f"<{prop.flag}{dots}>" if prop.is_required else f"[{prop.flag}{dots}]")
    return " ".join(parts)


def argument_lines(properties: Sequence[Property]) -> list[str]:
    """Return a line of help for each word and option that a command takes."""
    shown = sorted((p for p in properties if p.takes is not Takes.HIDDEN), key=lambda p: _ORDER[p.takes])
    return columns((_label(p), p.doc) for p in shown)


def columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return *rows* as indented lines, the second column aligned."""
    table = list(rows)
    width = max((len(first) for first, _ in table), default=0)
    return [f"  {first:<{width}}  {second}".rstrip() for first, second in table]


_ORDER: Final = {Takes.WORD: 0, Takes.REST: 1, Takes.OPTION: 2, Takes.FLAG: 2, Takes.HIDDEN: 3}

_PARSERS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "dict": (json.loads, "JSON"),
    "list": (json.loads, "JSON"),
}


def _options(properties: Sequence[Property]) -> dict[str, Property]:
    """Return the options as they are written, with two dashes or with one and a letter."""
    options = [p for p in properties if p.takes in (Takes.OPTION, Takes.FLAG)]
    return {f"--{_fold(p.flag)}": p for p in options} | {f"-{p.short}": p for p in options if p.short}


def _label(prop: Property) -> str:
    short = f"-{prop.short}, " if prop.short else ""
    if prop.takes is Takes.OPTION:
        return f"{short}--{prop.flag} {prop.name.upper()}"
    return f"{short}--{prop.flag}" if prop.takes is Takes.FLAG else prop.flag


def _fold(name: str) -> str:
    return name.replace("-", "_")


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not word[1:].replace(".", "", 1).isdigit()


def _starts_text(rest: Property | None, beyond: int) -> bool:
    return rest is not None and "list" not in rest.types and beyond >= 0


def _take_option(options: dict[str, Property], word: str, left: list[str], values: dict[str, Any]) -> None:
    if word.startswith("--"):
        name, has_value, value = word.partition("=")
    else:
        name, has_value, value = word[:2], word[2:], word[2:]
    prop = options.get(name[:2] + _fold(name[2:]))
    if prop is None:
        if word in ("--help", "-h") and "--help" not in options:
            raise HelpRequested
        raise UnknownOptionError(word)
    if prop.takes is Takes.FLAG:
        if has_value:
            raise UsageError(f"argument --{prop.flag}: takes no value", exit_code=2)
        values[prop.name] = True
        return
    if not has_value:
        if not left:
            raise UsageError(f"argument --{prop.flag}: expected one argument", exit_code=2)
        value = left.pop(0)
    values[prop.name] = _convert(prop, value, f"argument --{prop.flag}", exit_code=2)


def _take_words(plain: list[Property], rest: Property | None, words: list[str], values: dict[str, Any]) -> None:
    required = [p for p in (*plain, rest) if p is not None and p.is_required]
    if len(words) < len(required):
        raise UsageError(f"Invalid number of arguments: <{required[len(words)].flag}> is missing")
    spare = len(words) - len(required)
    left = list(words)
    for prop in plain:
        if not prop.is_required:
            if spare == 0:
                continue
            spare -= 1
        values[prop.name] = _convert(prop, left.pop(0), prop.flag, exit_code=1)
    if left and rest is None:
        raise UsageError(f"Invalid number of arguments: nothing takes {' '.join(left)!r}")
    if left and rest is not None:
        values[rest.name] = left if "list" in rest.types else " ".join(left)


def _convert(prop: Property, word: str, where: str, *, exit_code: int) -> Any:
    parsers = [_PARSERS[kind] for kind in prop.types if kind in _PARSERS]
    for parse, _ in parsers:
        try:
            return parse(word)
        except ValueError:
            continue
    if not parsers or "str" in prop.types:
        return word
    wanted = " or ".join(name for _, name in parsers)
    raise UsageError(f"{where}: {word!r} is not {wanted}", exit_code=exit_code)
