"""The entry points that installed distributions declare.

``importlib.metadata`` says the same (a contract test compares), but importing it takes a one-shot ``circusctl``
18 ms; reading the files takes 0.5 ms. Read are the folders of ``sys.path``, as pip fills them; not a zip file.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module

from circus_core.quick_dataclass import dataclass

_OURS = "circus."


class Distribution:
    """An installed distribution, known by its metadata folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._known: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """Its name as its author writes it."""
        return self._headers()[0]

    @property
    def version(self) -> str:
        """Its version, ``?`` when its metadata do not say."""
        return self._headers()[1]

    def _headers(self) -> tuple[str, str]:
        if self._known is None:
            stem = os.path.basename(self._folder).rpartition(".")[0]
            name, _, version = stem.partition("-")
            headers = {"name": name, "version": version.partition("-")[0] or "?"}
            text = _read(self._folder, "METADATA") or _read(self._folder, "PKG-INFO")
            for line in text.partition("\n\n")[0].splitlines():
                key, _, value = line.partition(":")
                if key.lower() in headers:
                    headers[key.lower()] = value.strip()
            self._known = headers["name"], headers["version"]
        return self._known


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One declaration ``name = value`` of a distribution in a group."""

    group: str
    name: str
    value: str
    distribution: Distribution

    def load(self) -> object:
        """Import and return what it names; raises whatever the import raises."""
        module, _, attributes = self.value.partition("[")[0].partition(":")
        found: object = import_module(module.strip())
        for attribute in filter(None, attributes.strip().split(".")):
            found = getattr(found, attribute)
        return found


def normalized(name: str) -> str:
    """Return a distribution's name in the form in which two spellings of it are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def find(path: Iterable[str] | None = None) -> list[EntryPoint]:
    """Return what is declared in groups ``circus.*``, in the order of *path*, then of the distributions' names.

    A distribution that is installed twice counts where it is found first, as its modules do.

    :param path: the folders to look in, ``sys.path`` by default
    """
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for folder in sys.path if path is None else path:
        for info in _metadata_folders(folder or "."):
            name = normalized(os.path.basename(info).rpartition(".")[0].partition("-")[0])
            if name not in seen:
                seen.add(name)
                found.extend(_declared(info))
    return found


def _metadata_folders(folder: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            yield os.path.join(folder, name)


def _declared(info: str) -> Iterator[EntryPoint]:
    text = _read(info, "entry_points.txt")
    if _OURS not in text:
        return
    distribution = Distribution(info)
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]")
        elif line and not line.startswith("#") and group.startswith(_OURS):
            name, _, value = line.partition("=")
            yield EntryPoint(group, name.strip(), value.strip(), distribution)


def _read(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
