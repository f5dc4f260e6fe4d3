"""Ini files to sections of text, each value with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from circus_core.errors import ConfigError

_HEADER = re.compile(r"\[(?P<name>(?:\[[^\[\]]*\]|[^\]])+)\]")  # a pattern such as [env:w[12]] has brackets
_ASSIGNMENT = re.compile(r"(?P<key>[^:=\s\[][^:=]*?)\s*[:=]\s*(?P<value>.*)$", re.DOTALL)
_COMMENT = re.compile(r"[#;]|rem(\s|$)", re.IGNORECASE)
DEFAULT = "DEFAULT"


class Entry(NamedTuple):
    """The text of a value; *where* is ``file:line``."""

    text: str
    where: str


Section = dict[str, Entry]


class Ini:
    """The sections of an ini file and of those that it includes, in the order of their first line.

    A section that stands twice is one, of a key that stands twice the first is kept. ``errors`` holds
    every line that is none of the grammar.
    """

    def __init__(self) -> None:
        self.sections: dict[str, Section] = {}
        self.places: dict[str, str] = {}  #: section name to where it begins
        self.files: list[str] = []
        self.errors: list[ConfigError] = []

    def read(self, path: str) -> None:
        """Add what stands in the file at *path*."""
        self.files.append(path)
        try:
            with open(path, "rb") as file:
                text = file.read().decode("utf-8-sig")
        except OSError as exc:
            why = f"cannot be read: {(exc.strerror or str(exc)).lower()}"
            self._refuse("", path, None, why, "write the path of a readable ini file")
        except UnicodeDecodeError as exc:
            line = exc.object[: exc.start].count(b"\n") + 1
            where = f"{path}:{line}"
            self._refuse("", exc.object[exc.start : exc.end], where, "not UTF-8", "save the file as UTF-8")
        else:
            self._read_lines(path, text)

    def values(self, section: str) -> Section:
        """Return the values of *section*, those of ``[DEFAULT]`` included."""
        return {**self.sections.get(DEFAULT, {}), **self.sections.get(section, {})}

    def named(self, kind: str) -> Iterator[tuple[str, Section]]:
        """Yield (section, values) of each section ``[kind:NAME]``, in file order."""
        for section in self.sections:
            if section.startswith(f"{kind}:"):
                yield section, self.values(section)

    def position(self, where: str | None) -> tuple[int, int]:
        """Return what sorts places in the order in which they were read."""
        file, _, line = (where or "").rpartition(":")
        return (self.files.index(file), int(line)) if file in self.files else (-1, 0)

    def _read_lines(self, path: str, text: str) -> None:
        section: str | None = None
        for number, first, more in _logical_lines(text):
            where = f"{path}:{number}"
            if header := _HEADER.match(first):
                section = header["name"]
                self.places.setdefault(section, where)
                self.sections.setdefault(section, {})
            elif section is not None and (assignment := _ASSIGNMENT.match(first)):
                entry = Entry("\n".join([_value(assignment["value"]), *more]), where)
                self._add(section, assignment["key"], entry)
            else:
                self._refuse(section or "", first.strip(), where, *_complaint(first, section))

    def _add(self, section: str, key: str, entry: Entry) -> None:
        if "\0" in key + entry.text:
            why, fix = "contains a null character", "remove it"
            self.errors.append(ConfigError(section, key, entry.text, why=why, fix=fix, where=entry.where))
        else:
            self.sections[section].setdefault(key, entry)

    def _refuse(self, section: str, value: object, where: str | None, why: str, fix: str) -> None:
        if section:
            why = f"{value!r} is {why}"
        self.errors.append(ConfigError(section, "", value, why=why, fix=fix, where=where))


def _logical_lines(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield (number, line, lines that continue it), without blank lines and comments."""
    logical: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if not line.strip() or _COMMENT.match(line):
            continue
        if line[0].isspace() and logical and _ASSIGNMENT.match(logical[-1][1]):
            logical[-1][2].append(line.strip())
        else:
            logical.append((number, line, []))
    return iter(logical)


def _complaint(line: str, section: str | None) -> tuple[str, str]:
    if line.startswith("["):
        return "not a section header", "write one such as [watcher:NAME] on a line of its own"
    if section is None:
        return "before any section", "write a section such as [circus] above it"
    if line[0].isspace():
        return "an indented line that continues no value", "begin the line in the first column"
    return "neither a section nor an option", "write key = value, or begin a comment with #"


def _value(text: str) -> str:
    """Return the value without its comment: the first ``;`` begins one when a space is before it."""
    position = text.find(";")
    if position > 0 and text[position - 1].isspace():
        text = text[:position]
    text = text.strip()
    return "" if text == '""' else text
