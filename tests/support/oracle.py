"""Published packages in venvs of their own: circus==0.19.0, the measure of what existing users rely on, and others."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

VERSION = "0.19.0"
REPOSITORY = Path(__file__).parents[2]


@cache
def venv_with(requirement: str, variable: str = "") -> Path:
    """Return a venv that holds the package *requirement*, made at the first call.

    It is the folder that the environment variable *variable* names, else one under ``.tox``.
    """
    venv = Path(os.environ.get(variable) or REPOSITORY / ".tox" / requirement.replace("==", "-"))
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "bin" / f"{requirement.partition('=')[0]}d").exists():
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
            subprocess.run([str(venv / "bin" / "python"), "-m", "pip", "install", "-q", requirement], check=True)
    return venv


def scripts() -> Path:
    """Return the folder of the published circus's programs; ``CIRCUS_ORACLE`` may name its venv."""
    return venv_with(f"circus=={VERSION}", "CIRCUS_ORACLE") / "bin"


if __name__ == "__main__":
    sys.stdout.write(f"{scripts()}\n")
