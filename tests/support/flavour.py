"""Which programs a test drives: ours, or the published ones that say how it was."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import oracle


@dataclass(frozen=True)
class Flavour:
    """A ``circusd`` with the ``circusctl`` of the same make.

    :param defaults: options of ``[circus]`` that a test gets unless it says otherwise
    :param is_tidy: it leaves no socket file behind, and loses no signal that comes while it does something
    """

    name: str
    circusd: tuple[str, ...]
    circusctl: tuple[str, ...]
    defaults: Mapping[str, object] = field(default_factory=dict)
    is_tidy: bool = True


def ours() -> Flavour:
    """Return the programs of this repository, as they are installed beside the running Python."""
    scripts = Path(sys.executable).parent
    return Flavour("ours", (str(scripts / "circusd"),), (str(scripts / "circusctl"),))


def published() -> Flavour:
    """Return the published programs; they look for dead processes only now and then, so often."""
    scripts = oracle.scripts()
    programs = (str(scripts / "circusd"),), (str(scripts / "circusctl"),)
    return Flavour("oracle", *programs, defaults={"check_delay": 0.1}, is_tidy=False)
