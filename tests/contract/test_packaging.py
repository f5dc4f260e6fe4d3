"""The distribution: what is installed is all that there is, and the import names of existing programs are there."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import circus
import circus_core
from tests.support.venvs import PACKAGES, ROOT, Venv


def files(root: Path) -> set[str]:
    """Return the files of our packages below *root*, compiled ones left out."""
    found = (path for package in PACKAGES for path in (root / package).rglob("*") if path.is_file())
    return {str(path.relative_to(root)) for path in found if "__pycache__" not in path.parts}


def test_every_file_of_the_packages_is_installed(circus_venv: Venv) -> None:
    (site,) = (circus_venv.python.parents[1] / "lib").glob("python*/site-packages")
    assert files(ROOT) == files(site)


@pytest.mark.parametrize(
    "module", ["circus.circusd", "circus.circusctl", "circus.web.circushttpd", "circusweb.circushttpd"]
)
def test_program_runs_as_a_module_of_the_facade(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == circus_core.__version__


def test_facade_names_version_and_logger() -> None:
    assert circus.__version__ == circus_core.__version__
    assert circus.logger is logging.getLogger("circus")
