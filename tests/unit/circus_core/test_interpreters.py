"""The command line of an arbiter of another interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from circus_core.errors import MessageError
from circus_core.interpreters import next_command

SCRIPT = ["/old/bin/python3", "/old/bin/circusd", "--keeper", "stack.ini"]
MODULE = ["-P", "-m", "circus_core.cli.circusd"]


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that is installed somewhere."""
    path = tmp_path / "venv" / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_without_another_interpreter_it_is_the_same_command_line() -> None:
    assert next_command(None, SCRIPT) == [sys.executable, *SCRIPT[1:]]


def test_the_program_beside_the_interpreter_is_taken(python: Path) -> None:
    beside = python.with_name("circusd")
    beside.touch()

    assert next_command(str(python), SCRIPT) == [str(python), str(beside), *SCRIPT[2:]]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(SCRIPT, [*MODULE, *SCRIPT[2:]], id="a-script"),
        pytest.param(["python", "-X", "dev", "/old/circusd", "f"], ["-X", "dev", *MODULE, "f"], id="with-options"),
        pytest.param(["python", *MODULE, "f"], [*MODULE, "f"], id="a-module"),
        pytest.param(["python", "-I", *MODULE[1:], "-x"], ["-I", *MODULE[1:], "-x"], id="a-module-with-options"),
    ],
)
def test_without_a_program_beside_it_it_is_run_as_a_module(python: Path, old: list[str], new: list[str]) -> None:
    assert next_command(str(python), old) == [str(python), *new]


def test_a_virtual_environment_stands_for_its_interpreter(python: Path) -> None:
    assert next_command(str(python.parents[1]), SCRIPT)[0] == str(python)


def test_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch, python: Path) -> None:
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(python.parent))

    assert next_command("python", SCRIPT)[0] == str(python)


@pytest.mark.parametrize("name", ["/nowhere/python", "no-such-python", "/dev"])
def test_what_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(MessageError, match="there is no such interpreter; write the path of one"):
        next_command(name, SCRIPT)
