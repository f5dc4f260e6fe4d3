"""The published circus==0.19.0 in a venv of its own: the measure of what existing users rely on."""

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
def home() -> Path:
    """Return the venv that holds it, made at the first call.

    It is the folder that the environment variable ``CIRCUS_ORACLE`` names, else one under ``.tox``.
    """
    venv = Path(os.environ.get("CIRCUS_ORACLE") or REPOSITORY / ".tox" / f"circus-{VERSION}")
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "bin" / "circusd").exists():
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
            install = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", f"circus=={VERSION}"]
            subprocess.run(install, check=True)
    return venv


def scripts() -> Path:
    """Return the folder of its programs."""
    return home() / "bin"


if __name__ == "__main__":
    sys.stdout.write(f"{home()}\n")
