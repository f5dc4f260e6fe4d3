"""An ini file together with the files that it includes."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping

from circus_core._expand import EnvVariables
from circus_core._ini import Ini
from circus_core.values import paths


def read_all(path: str | os.PathLike[str], environ: Mapping[str, str]) -> tuple[Ini, list[tuple[str, str]]]:
    """Return what stands in the file at *path* and those that its ``[circus]`` includes.

    :returns: that, and (option, what) of each thing to include that is not there
    """
    ini = Ini()
    path = os.fspath(path)
    ini.read(path)
    missing: list[tuple[str, str]] = []
    variables = EnvVariables(environ)
    wanted = ini.values("circus")
    for option in ("include", "include_dir"):
        if option not in wanted:
            continue
        for word in paths(variables.expand(wanted[option].text)):
            found = list(_files(_folder(path), word, option))
            if not found:
                missing.append((option, word))
            for file in found:
                ini.read(file)
    return ini, missing


def _folder(path: str) -> str:
    folder = os.path.dirname(path)
    return folder if os.path.isabs(folder) else os.path.join(os.getcwd(), folder)


def _files(folder: str, word: str, option: str) -> Iterator[str]:
    pattern = os.path.join(folder, word)
    if option == "include_dir":
        pattern = os.path.join(glob.escape(pattern), "*.ini")
    return (name for name in sorted(glob.glob(pattern, recursive=True)) if not os.path.isdir(name))
