"""Another version of circus in a virtual environment of its own, also one that is broken."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

from tests.support.venvs import PACKAGES, ROOT, Venv

VERSION = "9.9.9"
_FIRST = "from __future__ import annotations"


def other_version(home: Path, broken: Mapping[str, str] | None = None) -> Venv:
    """Return an environment with a circus 9.9.9 that is like ours but for what is *broken*.

    :param broken: path of a module in ``circus_core`` to code that is run at its end, or, behind ``^``, before it
    """
    venv = Venv(home)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    for name in PACKAGES:
        if name == "circus_core":
            shutil.copytree(ROOT / name, site / name)
        else:
            (site / name).symlink_to(ROOT / name)
    core = site / "circus_core"
    (core / "_version.py").write_text(f'"""The version."""\n\n__version__ = "{VERSION}"\n')
    for path, code in (broken or {}).items():
        text = (core / path).read_text()
        is_before = code.startswith("^")
        changed = text.replace(_FIRST, f"{_FIRST}\n{code[1:]}\n", 1) if is_before else f"{text}\n{code}\n"
        (core / path).write_text(changed)
    info = site / f"circus-{VERSION}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: circus\nVersion: {VERSION}\n")
    (info / "entry_points.txt").write_text(distribution("circus").read_text("entry_points.txt") or "")
    return venv
