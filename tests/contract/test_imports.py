"""Who imports whom, and what no package does: the rules of the layout, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CORE: Final = "circus_core"
PACKAGES: Final = (CORE, "circus_plugins_builtin", "circus_streams", "circus_web", "circus", "circusweb")

# What a module of the core may import: its own layer and those below it. A package stands for all that is in it.
LAYERS: Final = (
    {"errors", "keeper", "quick_dataclass"},
    {"states"},
    {
        "accounts",
        "arguments",
        "events",
        "faces",
        "hookspecs",
        "interfaces",
        "options",
        "program",
        "protocol",
        "spawner",
        "usage",
        "values",
    },
    {
        "busy",
        "capacity",
        "changes",
        "command_line",
        "companions",
        "config",
        "daemonize",
        "direct",
        "discovery",
        "endpoints",
        "estate",
        "hooks",
        "inheritance",
        "interpreters",
        "keeper_link",
        "keeper_spawner",
        "keywords",
        "log",
        "machine",
        "notify",
        "outlets",
        "output",
        "output_reading",
        "pacing",
        "pidfile",
        "plugin_options",
        "plugin_watchers",
        "process",
        "procinfo",
        "reconcile",
        "records",
        "registry",
        "services",
        "sockets",
        "stevedore_loader",
        "threads",
        "upgrading",
    },
    {"watcher"},
    {"arbiter", "publisher"},
    {"client", "controller", "daemon"},
    {"async_client", "consumer", "embedding", "plugin"},
    {"cli"},
)
MAY_SLEEP: Final = {"circus_core.output.pump", "circus_core.testing._waiting"}  # on a thread of its own; in tests
RANKS: Final = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def modules() -> list[str]:
    """Return the dotted name of every module of our packages."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]


MODULES: Final = modules()


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text())


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes below *node* but those under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_run_time(child)


@cache
def imports(module: str) -> frozenset[str]:
    """Return the modules of ours that *module* imports when it is imported or run."""
    found: set[str] = set()
    for node in at_run_time(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = inner in MODULES or f"{inner}.__init__" in MODULES
                found.add(inner if is_module else node.module)
    ours = {name for name in found if name.split(".")[0] in PACKAGES}
    return frozenset(f"{name}.__init__" if f"{name}.__init__" in MODULES else name for name in ours)


def layer(module: str) -> str:
    """Return the part of the core that *module* belongs to, as it stands in ``LAYERS``."""
    return module.split(".")[1]


def is_private(module: str) -> bool:
    return any(part.startswith("_") and part != "__init__" for part in module.split("."))


def reached(module: str) -> set[str]:
    """Return the public modules that *module* imports, itself or by a private helper."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = [module]
    while todo:
        for name in imports(todo.pop()) - seen:
            seen.add(name)
            if is_private(name):
                todo.append(name)
            else:
                found.add(name)
    return found


CORE_MODULES: Final = [m for m in MODULES if m.startswith(f"{CORE}.") and m != f"{CORE}.__init__"]
PUBLIC_CORE_MODULES: Final = [m for m in CORE_MODULES if not is_private(m) and layer(m) not in {"compat", "testing"}]
OUTSIDE_MODULES: Final = [m for m in MODULES if m.split(".")[0] not in {CORE, "circus", "circusweb"}]


@pytest.mark.parametrize("module", CORE_MODULES)
def test_core_imports_nothing_of_ours_outside_it(module: str) -> None:
    assert {name for name in imports(module) if not name.startswith(f"{CORE}.")} == set()


@pytest.mark.parametrize("module", PUBLIC_CORE_MODULES)
def test_core_module_imports_from_its_own_layer_and_those_below(module: str) -> None:
    assert layer(module) in RANKS, f"give {layer(module)!r} a place in LAYERS"
    rank = RANKS[layer(module)]
    assert {name for name in reached(module) if RANKS.get(layer(name), rank) > rank} == set()


@pytest.mark.parametrize("module", MODULES)
def test_private_module_is_imported_by_its_own_package_only(module: str) -> None:
    for name in imports(module):
        if is_private(name):
            owner = name.rsplit("._", 1)[0].split("._")[0]
            assert module.startswith(f"{owner}."), f"{module} imports {name}"


@pytest.mark.parametrize("module", OUTSIDE_MODULES)
def test_extensions_use_the_public_core_and_no_other_package(module: str) -> None:
    package = module.split(".", maxsplit=1)[0]
    others = {name for name in imports(module) if name.split(".")[0] not in {package, CORE}}
    assert others == set()
    assert {name for name in imports(module) if name.startswith(f"{CORE}.cli.")} == set()


@pytest.mark.parametrize("module", [m for m in CORE_MODULES if layer(m) == "keeper"])
def test_the_keeper_imports_the_standard_library_only(module: str) -> None:
    assert {name for name in imports(module) if layer(name) != "keeper"} == set()


def test_there_is_no_import_loop() -> None:
    graph = {module: imports(module) - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        pytest.fail(" > ".join(exc.args[1]))


@pytest.mark.parametrize("module", [m for m in MODULES if m.endswith(".__init__")])
def test_init_only_re_exports(module: str) -> None:
    for node in tree(module).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        is_lazy = isinstance(node, ast.FunctionDef) and node.name in {"__getattr__", "__dir__"}
        is_type_checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        is_table = isinstance(node, ast.Assign | ast.AnnAssign)
        assert is_docstring or is_import or is_lazy or is_type_checking or is_table, ast.unparse(node)


@pytest.mark.parametrize("module", MODULES)
def test_module_opens_with_a_docstring(module: str) -> None:
    has_code = bool(tree(module).body)
    assert not has_code or ast.get_docstring(tree(module))


@pytest.mark.parametrize("module", MODULES)
def test_module_stays_under_400_lines(module: str) -> None:
    lines = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text().count("\n")
    assert lines < 400


@pytest.mark.parametrize("module", MODULES)
def test_function_fits_on_a_screen(module: str) -> None:
    """A function has at most 40 lines, its docstring not counted."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            length = (node.end_lineno or 0) - first.lineno + 1
            assert length <= 40, f"{node.name} has {length} lines"


@pytest.mark.parametrize("module", MODULES)
def test_module_does_nothing_that_blocks_or_hides(module: str) -> None:
    """No ``preexec_fn``, no ``time.sleep``, no bare ``except``, no star import."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            sleeps = ast.unparse(node.func) in {"time.sleep", "sleep"}
            assert not sleeps or module in MAY_SLEEP, f"line {node.lineno}"
            assert "preexec_fn" not in {keyword.arg for keyword in node.keywords}, f"line {node.lineno}"
        elif isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"
        elif isinstance(node, ast.ImportFrom):
            assert "*" not in {alias.name for alias in node.names}, f"line {node.lineno}"
