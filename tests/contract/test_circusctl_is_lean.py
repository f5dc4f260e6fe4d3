"""A one-shot ``circusctl`` imports little: it is run in scripts, often."""

from __future__ import annotations

import subprocess
import sys

import pytest

from circus_core.registry import Registry

HEAVY = {
    *("asyncio", "tornado", "psutil", "stevedore", "pluggy", "importlib.metadata", "argparse", "logging"),
    "circus_core.options",
}
NEEDED = {"set": {"circus_core.options"}}  # it reads values as their options say
PROGRAM = """
import sys
from circus_core.cli.circusctl import main
code = main(sys.argv[1:])
print("code", code, "heavy", *sorted(set({heavy}) & set(sys.modules)))
"""

WORDS = {
    "add": ["w", "sleep 1"],
    "get": ["w", "env"],
    "set": ["w", "max_age", "3"],
    "signal": ["w", "HUP"],
    "publish": ["w", "a"],
}
WITHOUT_DAEMON = {"console-link": "error: no web console runs"}


@pytest.mark.parametrize("name", [name for name in Registry().command_names() if name != "listen"])
def test_command_imports_nothing_heavy(name: str) -> None:
    """Nobody answers, so that the whole way up to the diagnosis is run."""
    needs_name = name in {"decr", "incr", "kill", "options", "rm"}
    words = WORDS.get(name, ["w"] if needs_name else [])
    argv = ["--endpoint", "ipc:///nonexistent/circus", "--timeout", "0.01", name, *words]
    program = PROGRAM.format(heavy=sorted(HEAVY - NEEDED.get(name, set())))
    done = subprocess.run([sys.executable, "-c", program, *argv], capture_output=True, text=True, check=False)
    assert done.stderr.startswith(WITHOUT_DAEMON.get(name, "Timed out."))
    assert done.stdout.splitlines()[-1] == "code 1 heavy"
