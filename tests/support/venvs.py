"""Virtual environments with real distributions in them, made in seconds and without a network."""

from __future__ import annotations

import configparser
import fcntl
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.support.flavour import Flavour

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = ROOT / "tests" / "support" / "distributions"
PACKAGES = ("circus", "circus_core", "circus_plugins_builtin", "circus_streams", "circus_web", "circusweb")


class Venv:
    """An environment that has what the running one has, under what is installed in it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._count = 0
        self.python = home / "bin" / "python"
        if self.python.exists():
            return
        venv.create(home, with_pip=False, symlinks=True)
        site = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
        ours = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
        Path(site, "below.pth").write_text("\n".join(ours) + "\n")

    @property
    def flavour(self) -> Flavour:
        """Its ``circusd`` and ``circusctl``."""
        return Flavour("venv", (str(self._home / "bin" / "circusd"),), (str(self._home / "bin" / "circusctl"),))

    def copy(self, home: Path) -> Venv:
        """Return an environment at *home* with all that is installed in this one, as if it had been installed there."""
        shutil.copytree(self._home, home, symlinks=True, ignore=shutil.ignore_patterns("source-*"))
        for script in (home / "bin").iterdir():
            if script.is_file() and not script.is_symlink():
                script.write_text(script.read_text().replace(str(self._home), str(home)))
        return Venv(home)

    def install(self, source: Path) -> None:
        """Build the distribution in *source* from a copy, and install it with pip."""
        self._count += 1
        copy = self._home / f"source-{self._count}"
        shutil.copytree(source, copy)
        self._pip("install", "--no-index", "--no-build-isolation", "--no-deps", str(copy))

    def install_circus(self, *, with_built_ins: bool = True) -> None:
        """Install this repository's distribution.

        :param with_built_ins: ``False`` leaves out its entry points but the programs
        """
        source = self._home / "source-of-circus"
        source.mkdir()
        for name in PACKAGES:
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        if not with_built_ins:
            _leave_out_built_ins(source / "setup.cfg")
        self.install(source)

    def install_wheel(self, wheel: Path) -> None:
        """Install a wheel with pip."""
        self._pip("install", "--no-index", "--no-deps", str(wheel))

    def uninstall(self, name: str) -> None:
        """Remove a distribution with pip."""
        self._pip("uninstall", "--yes", name)

    def _pip(self, *words: str) -> None:
        options = ["--python", str(self.python), "--disable-pip-version-check", "--no-input", "--no-cache-dir"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", *options, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"pip {' '.join(words)}: {done.stdout}{done.stderr}"


def with_circus(folder: Path) -> Venv:
    """Return the environment in *folder* that has circus and nothing else, to be copied; made by who comes first."""
    with open(folder / "circus-venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home = folder / "circus-venv"
        is_done = folder / "circus-venv.done"
        if is_done.exists():
            return Venv(home)
        shutil.rmtree(home, ignore_errors=True)
        venv = Venv(home)
        venv.install_circus()
        is_done.touch()
        return venv


def _leave_out_built_ins(path: Path) -> None:
    setup = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    setup.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    setup.read(path)
    for group in [name for name in setup["options.entry_points"] if name.startswith("circus.")]:
        del setup["options.entry_points"][group]
    with path.open("w") as file:
        setup.write(file)
