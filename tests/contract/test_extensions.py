"""What holds for every extension and every hookspec, found by its being declared."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import circus_core
from circus_core import _entry_points, hookspecs, stevedore_loader
from circus_core.interfaces import Chunk, Stream
from circus_core.registry import Registry

ROOT = Path(__file__).parents[2]
CORE = Path(circus_core.__file__).parent
REGISTRY = Registry()
COMMANDS = REGISTRY.command_names()
STREAMS = [info.name for info in REGISTRY.extensions() if info.group == "circus.streams"]
HOOKSPECS = [name for name in vars(hookspecs) if name.startswith("circus_")]

TOO_MUCH_FOR_CIRCUSCTL = {"asyncio", "tornado", "psutil", "stevedore", "pluggy", "importlib.metadata"}


def run(code: str, **env: str) -> str:
    """Return what *code* prints in a Python of its own."""
    words = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **env})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_built_in_extensions_are_installed() -> None:
    assert REGISTRY.missing() == [], "install this repository with pip first, as tox does"


def test_entry_points_are_those_that_importlib_metadata_finds() -> None:
    expected = {
        (point.group, point.name, point.value, distribution.name, distribution.version)
        for distribution in importlib.metadata.distributions()
        for point in distribution.entry_points
        if point.group.startswith("circus.")
    }
    found = {(p.group, p.name, p.value, p.distribution.name, p.distribution.version) for p in _entry_points.find()}
    assert found == expected


@pytest.mark.parametrize("load", [_entry_points.EntryPoint.load, stevedore_loader.load], ids=["directly", "stevedore"])
def test_every_built_in_loads(load: Any) -> None:
    registry = Registry(load=load)
    registry.commands()
    for info in registry.extensions():
        if info.group in {"circus.streams", "circus.hooks", "circus.plugins"}:
            getattr(registry, info.group.removeprefix("circus.").removesuffix("s"))(info.name)
    registry.hookimpls()
    registry.console_hookimpls()

    assert [str(problem) for problem in registry.problems()] == []
    assert {info.state for info in registry.extensions()} == {"loaded"}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_documented(name: str) -> None:
    command = REGISTRY.command(name)
    first, _, rest = (inspect.getdoc(type(command)) or "").partition("\n")

    assert type(command).__doc__, "the docstring is the command's help"
    assert first, "the first line stands in the list of commands"
    assert not rest or rest.startswith("\n"), "the first line stands alone"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_of_a_command_is_documented(name: str) -> None:
    assert [prop.name for prop in REGISTRY.command(name).properties if not prop.doc] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_alone_in_a_file_of_its_name(name: str) -> None:
    module = type(REGISTRY.command(name)).__module__

    assert module.rpartition(".")[2] == name.replace("-", "_")


@pytest.mark.parametrize("name", STREAMS)
def test_stream_closes_twice_and_opens_again(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stream_class = REGISTRY.stream(name)
    takes_file = "filename" in inspect.signature(stream_class).parameters
    stream: Stream = stream_class(**({"filename": str(tmp_path / "out")} if takes_file else {}))
    for _ in range(2):
        with suppress(FileNotFoundError):  # SyslogStream, where no syslog listens
            stream.open()
            stream.write(Chunk(data=b"hello\n", pid=1, name="stdout", watcher="web", wid=1, time=0.0))
        stream.close()
        stream.close()


@pytest.mark.parametrize("name", HOOKSPECS)
def test_hookspec_says_when_it_is_called_what_it_is_and_what_results_do(name: str) -> None:
    spec = getattr(hookspecs, name)
    doc = inspect.getdoc(spec) or ""
    is_vote = name in hookspecs.VOTES
    parameters = inspect.signature(spec).parameters

    assert doc.startswith("Called ")
    assert ("A vote" in doc) is is_vote
    assert ("A notification" in doc) is not is_vote
    assert (":returns:" in doc) is is_vote
    assert set(re.findall(r":param (\w+):", doc)) >= set(parameters) - {"arbiter", "watcher", "pid"}


@pytest.mark.parametrize("name", HOOKSPECS)
def test_hookspec_is_called_by_the_core(name: str) -> None:
    modules = [path for path in CORE.rglob("*.py") if path.name != "hookspecs.py"]
    texts = {
        node.value
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert name in texts


@pytest.mark.parametrize("name", HOOKSPECS)
def test_hookspec_is_tested_on_a_real_daemon(name: str) -> None:
    tests = ast.parse((ROOT / "tests" / "daemon" / "test_hookspecs.py").read_text())
    assert f"test_{name}" in {node.name for node in tests.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", HOOKSPECS)
def test_hookspec_is_in_the_reference(name: str) -> None:
    assert f"\n### {name}(" in (ROOT / "docs" / "reference" / "extensions.md").read_text()


def test_every_hook_that_the_core_calls_is_specified() -> None:
    called = {
        argument.value
        for path in CORE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".notify", "._notify", ".vote", ".has"))
        for argument in node.args[:1]
        if isinstance(argument, ast.Constant) and str(argument.value).startswith("circus_")
    }
    assert called <= set(HOOKSPECS)


def test_votes_are_hookspecs() -> None:
    assert set(hookspecs.VOTES) <= set(HOOKSPECS)


def test_finding_and_loading_a_command_imports_little() -> None:
    code = (
        "import sys; from circus_core.registry import Registry\n"
        "Registry().command('status')\n"
        f"print(*sorted({TOO_MUCH_FOR_CIRCUSCTL!r} & set(sys.modules)))"
    )
    assert run(code).split() == []


@pytest.mark.parametrize("place", ["missing", "read-only", "empty"])
def test_nothing_is_written_in_the_users_home(place: str, tmp_path: Path) -> None:
    """stevedore by itself writes a cache of all entry points there."""
    home = tmp_path / "home"
    if place != "missing":
        home.mkdir(mode=0o500 if place == "read-only" else 0o700)
    code = (
        "from circus_core.registry import Registry\n"
        "from circus_core.stevedore_loader import load\n"
        "print(len(Registry(load=load).commands()))"
    )
    assert int(run(code, HOME=str(home), XDG_CACHE_HOME="", PYTHONDONTWRITEBYTECODE="1")) == len(COMMANDS)
    assert not home.exists() or list(home.iterdir()) == []
