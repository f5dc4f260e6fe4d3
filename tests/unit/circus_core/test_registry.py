"""What the registry makes of the distributions that are installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from circus_core import stevedore_loader
from circus_core.errors import ExtensionError
from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply
from circus_core.options import HookConfig, StreamConfig
from circus_core.registry import Registry

Install = Callable[..., None]


class Hello(Command[NoArgs]):
    """Say hello."""

    name = "hello"

    async def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        return {}


class Abstract(Command[NoArgs]):
    """Has no execute."""

    name = "abstract"


class Loud(Hello):
    """Has a name that nobody can send."""

    name = "Broken"


def a_hook() -> bool:
    return True


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to install distributions in."""
    samples = ModuleType("registry_samples")
    samples.__dict__.update(Hello=Hello, Loud=Loud, Abstract=Abstract, a_hook=a_hook)
    monkeypatch.setitem(sys.modules, "registry_samples", samples)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def install(site: Path) -> Iterator[Install]:
    """Install a distribution, as pip leaves it."""

    def write(name: str, entry_points: str, version: str = "1.0", folder: Path = site) -> None:
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n")
        (info / "entry_points.txt").write_text(entry_points)

    before = set(sys.modules)
    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture(params=["directly", "stevedore"])
def registry(request: pytest.FixtureRequest, site: Path) -> Callable[..., Registry]:
    """Make a registry of what is installed, with either loader."""
    how: dict[str, Any] = {"load": stevedore_loader.load} if request.param == "stevedore" else {}
    return lambda *disabled: Registry(disabled, path=[str(site)], **how)


def states(registry: Registry) -> dict[str, str]:
    return {f"{info.name} of {info.distribution}": info.state for info in registry.extensions()}


def test_command_is_loaded_by_name(install: Install, registry: Callable[..., Registry]) -> None:
    install("demo", "[circus.commands]\nhello = registry_samples:Hello\nother = no_such_module:X\n")
    found = registry()

    assert found.command_names() == ["hello", "other"]
    assert isinstance(found.command("hello"), Hello)
    assert states(found) == {"hello of demo": "loaded", "other of demo": "available"}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param("no_such_module:X", "No module named 'no_such_module'", id="no-module"),
        pytest.param("registry_samples:Nope", "Nope", id="no-attribute"),
        pytest.param("registry_samples:Abstract", "abstract", id="abstract"),
        pytest.param("registry_samples:a_hook", "no subclass of circus_core.interfaces.Command", id="no-command"),
        pytest.param("registry_samples:Hello", "its class is named 'hello'", id="another-name"),
        pytest.param("registry_samples:Loud", "capital letters", id="capitals"),
        pytest.param("exits_at_import", "SystemExit: 3", id="exits"),
        pytest.param("asserts_at_import", "AssertionError", id="asserts"),
        pytest.param("", "broken", id="empty"),
    ],
)
def test_command_that_does_not_load_is_broken_and_named(
    site: Path,
    install: Install,
    registry: Callable[..., Registry],
    value: str,
    why: str,
) -> None:
    (site / "exits_at_import.py").write_text("raise SystemExit(3)")
    (site / "asserts_at_import.py").write_text("assert False")
    name = "Broken" if value.endswith("Loud") else "broken"
    install("demo-one", f"[circus.commands]\n{name} = {value}\nhello = registry_samples:Hello\n", version="0.7")
    found = registry()

    assert list(found.commands()) == ["hello"]
    with pytest.raises(ExtensionError, match=rf"command '{name}' cannot be loaded: .*\(from demo-one 0\.7\)") as caught:
        found.command(name)
    assert why in str(caught.value)
    assert [str(problem) for problem in found.problems()] == [str(caught.value)]
    assert [info.error for info in found.extensions() if info.state == "broken"] == [str(caught.value)]
    assert found.command_names() == ["hello"]


def test_name_that_two_strangers_claim_is_nobodys(install: Install, registry: Callable[..., Registry]) -> None:
    install("zebra", "[circus.hooks]\nfirst = registry_samples:a_hook\nshared = registry_samples:a_hook\n")
    install("ant", "[circus.hooks]\nshared = registry_samples:a_hook\n", version="2.0")
    found = registry()

    assert states(found) == {"first of zebra": "available", "shared of ant": "broken", "shared of zebra": "broken"}
    assert [(p.distribution, p.version) for p in found.problems()] == [("ant", "2.0"), ("zebra", "1.0")]
    with pytest.raises(ExtensionError, match=r"hook 'shared' is claimed twice, also by .* of zebra 1\.0"):
        found.hook("shared")


def test_name_that_one_distribution_claims_twice_is_nobodys(
    install: Install, registry: Callable[..., Registry]
) -> None:
    """stevedore notices only those that stand next to each other."""
    twice = "shared = registry_samples:a_hook\nbetween = registry_samples:a_hook\nshared = registry_samples:other\n"
    install("demo", f"[circus.hooks]\n{twice}")

    assert [info.state for info in registry().extensions()] == ["available", "broken", "broken"]


def test_built_in_name_stays_built_in(install: Install, registry: Callable[..., Registry]) -> None:
    install("aardvark", "[circus.commands]\nhello = no_such_module:Hello\n")
    install("circus", "[circus.commands]\nhello = registry_samples:Hello\n")
    found = registry()

    assert states(found) == {"hello of aardvark": "broken", "hello of circus": "available"}
    assert isinstance(found.command("hello"), Hello)


@pytest.mark.parametrize("word", ["ant", "circus.hooks:shared", "hooks:shared", "shared", "Ant"])
def test_disabled_is_left_out(install: Install, registry: Callable[..., Registry], word: str) -> None:
    install("ant", "[circus.hooks]\nshared = registry_samples:a_hook\n")
    found = registry(word)

    assert states(found) == {"shared of ant": "disabled"}
    with pytest.raises(ExtensionError, match=r"'shared' is disabled \(from ant 1\.0\); take it out of disable_ext"):
        found.hook("shared")
    assert found.problems() == []


def test_disabling_one_of_two_gives_the_name_to_the_other(install: Install, registry: Callable[..., Registry]) -> None:
    install("ant", "[circus.hooks]\nshared = no_such_module:x\n")
    install("zebra", "[circus.hooks]\nshared = registry_samples:a_hook\n")

    assert registry("ant").hook("shared") is a_hook


def test_disabling_what_is_not_there_is_reported(registry: Callable[..., Registry]) -> None:
    assert [str(p) for p in registry("gone").problems()] == [
        "disable_extensions names 'gone', which is not installed; take it out"
    ]


def test_unknown_group_is_reported(install: Install, registry: Callable[..., Registry]) -> None:
    install("ant", "[circus.comands]\nx = registry_samples:Hello\n[console_scripts]\ny = registry_samples:Hello\n")
    (problem,) = registry().problems()

    assert "is in circus.comands, which is no entry-point group (from ant 1.0)" in str(problem)
    assert problem.fix == "declare it in circus.commands"


def test_distribution_counts_where_it_is_found_first(install: Install, site: Path) -> None:
    """One may be installed in a virtual environment and in the system under it."""
    install("ant", "[circus.hooks]\nx = registry_samples:a_hook\n", version="2.0", folder=site / "venv")
    install("ant", "[circus.hooks]\nx = registry_samples:a_hook\n", version="1.0", folder=site / "system")
    found = Registry(path=[str(site / "nowhere"), str(site / "venv"), str(site / "system")])

    assert [(info.version, info.state) for info in found.extensions()] == [("2.0", "available")]


def test_empty_groups_are_told(registry: Callable[..., Registry]) -> None:
    found = registry()

    assert [line.partition(":")[0] for line in found.missing()] == ["no command is installed", "no stream is installed"]
    with pytest.raises(ExtensionError, match=r"no command named 'status': entry-point group circus.commands is empty"):
        found.command("status")


@pytest.mark.parametrize("target", ["os.path.join", "os.path:join", "posixpath:join", "join"])
def test_hook_is_found_by_name_or_path(install: Install, registry: Callable[..., Registry], target: str) -> None:
    install("ant", "[circus.hooks]\njoin = os.path:join\n")

    assert registry().hook(target)("a", "b") == "a/b"


@pytest.mark.parametrize("target", ["FileStream", "circus.stream.FileStream", "circus.stream:FileStream"])
def test_stream_is_found_by_the_path_of_earlier_versions(
    install: Install, registry: Callable[..., Registry], target: str
) -> None:
    install("circus", "[circus.streams]\nFileStream = io:BytesIO\n")

    assert registry().stream(target)().read() == b""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("tcp_redy", "no hook named 'tcp_redy'; did you mean tcp_ready?", id="near"),
        pytest.param("xyz", "no hook named 'xyz'; known: tcp_ready, zzz", id="not-near"),
        pytest.param(
            "nope.hooks.x", "cannot be imported: ModuleNotFoundError: No module named 'nope'", id="no-package"
        ),
        pytest.param("os.nope", "module 'os' has no attribute 'nope'", id="no-attribute"),
        pytest.param("os.path.nope.x", "module 'posixpath' has no attribute 'nope'", id="no-attribute-below"),
        pytest.param("os:sep", "cannot be called", id="not-callable"),
        pytest.param("hooks_that_exit.x", "SystemExit", id="exits"),
        pytest.param("hooks_that_need.x", "No module named 'what_they_need'", id="needs-another"),
        pytest.param(".x", "cannot be imported", id="dot"),
        pytest.param("", "no hook named ''", id="empty"),
    ],
)
def test_hook_that_is_not_there_is_explained(
    site: Path,
    install: Install,
    registry: Callable[..., Registry],
    target: str,
    message: str,
) -> None:
    (site / "hooks_that_exit.py").write_text("raise SystemExit")
    (site / "hooks_that_need.py").write_text("import what_they_need.deeply")
    install("ant", "[circus.hooks]\ntcp_ready = registry_samples:a_hook\nzzz = registry_samples:a_hook\n")

    with pytest.raises(ExtensionError) as caught:
        registry().hook(target)
    assert message in str(caught.value)


def watcher(**options: Any) -> Any:
    base: dict[str, Any] = {"name": "web", "env": {}, "hooks": {}, "stdout_stream": None, "stderr_stream": None}
    return SimpleNamespace(**{**base, **options})


def test_everything_that_a_config_names_must_load(install: Install, registry: Callable[..., Registry]) -> None:
    install("circus", "[circus.streams]\nFileStream = io:BytesIO\n")
    config = SimpleNamespace(
        watchers=[
            watcher(stdout_stream=StreamConfig("FileStreem"), stderr_stream=StreamConfig("FileStream")),
            watcher(name="db", hooks={"before_start": HookConfig("os.getcwd"), "after_stop": HookConfig("my.hook")}),
        ],
        plugins=[SimpleNamespace(name="plugin:flap", use="flapping"), SimpleNamespace(name="ok", use="os.getcwd")],
        where={("watcher:db", "hooks.after_stop"): "circus.ini:7"},
    )
    errors = registry().check_config(config)  # type: ignore[arg-type]  # has what is read of it

    assert [(e.section, e.option, e.value) for e in errors] == [
        ("watcher:web", "stdout_stream.class", "FileStreem"),
        ("watcher:db", "hooks.after_stop", "my.hook"),
        ("plugin:flap", "use", "flapping"),
    ]
    assert str(errors[0]) == (
        "[watcher:web] stdout_stream.class = 'FileStreem': no stream named 'FileStreem'; did you mean FileStream?"
    )
    assert str(errors[1]).startswith("circus.ini:7: [watcher:db] ")


def test_hooks_are_found_in_the_pythonpath_of_the_watcher(
    site: Path, registry: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = site / "lib"
    folder.mkdir()
    (folder / "hooks_of_web.py").write_text("def before_start(**kwargs): return True")
    env = {"PYTHONPATH": f"/nowhere::{folder}"}
    errors = registry().check_watcher(watcher(env=env, hooks={"before_start": HookConfig("hooks_of_web.before_start")}))

    assert errors == []
    assert sys.path[-2:] == ["/nowhere", str(folder)]
