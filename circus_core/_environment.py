"""The environment of child processes."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Mapping

from circus_core._tables import WatcherConfig

_VARIABLE = re.compile(r"\$([A-Z][A-Z0-9_]*)")


def expand_variables(text: str, environ: Mapping[str, str]) -> str:
    """Return *text* with each ``$NAME`` in upper case replaced from *environ*; one that is not set by nothing."""
    return _VARIABLE.sub(lambda match: environ.get(match[1], ""), text)


def child_env(config: WatcherConfig, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of the processes of *config*, whose own part is ``own_env``.

    A virtual environment that is not there adds nothing: its absence concerns the machine, and is reported there.
    """
    env = {**environ, **config.own_env} if config.copy_env else dict(config.own_env)
    if config.copy_path:
        env["PYTHONPATH"] = os.pathsep.join(sys.path)
    if config.virtualenv and config.copy_env:
        try:
            site = site_packages(config.virtualenv, config.virtualenv_py_ver)
        except ValueError:
            return env
        env.update(_in_virtualenv(config.virtualenv, site, env))
    return env


def site_packages(virtualenv: str, version: str | None = None) -> str:
    """Return the ``site-packages`` folder of a virtual environment.

    :param version: of its Python, such as ``3.11``; by default that of this one
    :raises ValueError: there is none
    """
    version = version or f"{sys.version_info.major}.{sys.version_info.minor}"
    folders = [os.path.join(virtualenv, "lib", f"{python}{version}", "site-packages") for python in ("python", "pypy")]
    for folder in folders:
        if os.path.isdir(folder):
            return folder
    raise ValueError("no such folder" if not os.path.isdir(virtualenv) else f"{folders[0]} is not there")


def _in_virtualenv(root: str, site: str, env: Mapping[str, str]) -> dict[str, str]:
    before = [env["PYTHONPATH"]] if env.get("PYTHONPATH") else []
    paths = [*_linked_paths(site), *before, site]
    bin_path = os.path.join(root, "bin")
    return {
        "PATH": os.pathsep.join([bin_path, env["PATH"]]) if env.get("PATH") else bin_path,
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _linked_paths(site: str) -> list[str]:
    """Return the folders that the ``.pth`` files of *site* name, as :mod:`site` reads them."""
    found: list[str] = []
    for path in sorted(glob.glob(os.path.join(glob.escape(site), "*.pth"))):
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        for line in lines:
            if not line.strip() or line.startswith(("#", "import ", "import\t")):
                continue
            folder = os.path.normpath(os.path.join(site, line.strip()))
            if os.path.exists(folder) and folder not in found:
                found.append(folder)
    return found
