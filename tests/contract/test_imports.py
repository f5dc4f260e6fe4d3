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
    {"deferred", "errors", "keeper", "quick_dataclass"},
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
    {"client", "controller", "frontend"},
    {"daemon"},
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


def rank(module: str) -> int:
    """Return how high the layer of *module* is; what has none may be imported by all."""
    return RANKS.get(layer(module), -1)


def package(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def owner(private: str) -> str:
    """Return the package that a private module belongs to."""
    return private.rsplit("._", 1)[0].split("._", maxsplit=1)[0]


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


# Each rule is one test for all modules: as 2600 tests of a millisecond they cost fourteen seconds.


def test_core_imports_nothing_of_ours_outside_it() -> None:
    found = {m: {name for name in imports(m) if not name.startswith(f"{CORE}.")} for m in CORE_MODULES}
    assert {module: names for module, names in found.items() if names} == {}


def test_core_module_has_a_layer() -> None:
    assert [m for m in PUBLIC_CORE_MODULES if layer(m) not in RANKS] == [], "give them a place in LAYERS"


def test_core_module_imports_from_its_own_layer_and_those_below() -> None:
    found = {m: {name for name in reached(m) if rank(name) > rank(m)} for m in PUBLIC_CORE_MODULES}
    assert {module: names for module, names in found.items() if names} == {}


def test_private_module_is_imported_by_its_own_package_only() -> None:
    pairs = [(module, name) for module in MODULES for name in imports(module) if is_private(name)]
    assert [(module, name) for module, name in pairs if not module.startswith(f"{owner(name)}.")] == []


def test_extensions_use_the_public_core_and_no_other_package() -> None:
    found = {m: {name for name in imports(m) if package(name) not in {package(m), CORE}} for m in OUTSIDE_MODULES}
    assert {module: names for module, names in found.items() if names} == {}


def test_extensions_do_not_use_the_command_line_of_the_core() -> None:
    found = {m: {name for name in imports(m) if name.startswith(f"{CORE}.cli.")} for m in OUTSIDE_MODULES}
    assert {module: names for module, names in found.items() if names} == {}


def test_the_keeper_imports_the_standard_library_only() -> None:
    keeper = [module for module in CORE_MODULES if layer(module) == "keeper"]
    found = {module: {name for name in imports(module) if layer(name) != "keeper"} for module in keeper}
    assert found
    assert {module: names for module, names in found.items() if names} == {}


def test_there_is_no_import_loop() -> None:
    graph = {module: imports(module) - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        pytest.fail(" > ".join(exc.args[1]))


def is_re_export(node: ast.stmt) -> bool:
    """Return whether *node* may stand in an ``__init__``."""
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    is_import = isinstance(node, ast.Import | ast.ImportFrom)
    is_lazy = isinstance(node, ast.FunctionDef) and node.name in {"__getattr__", "__dir__"}
    is_type_checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    is_table = isinstance(node, ast.Assign | ast.AnnAssign)
    return is_docstring or is_import or is_lazy or is_type_checking or is_table


def test_init_only_re_exports() -> None:
    inits = [module for module in MODULES if module.endswith(".__init__")]
    others = [(module, node) for module in inits for node in tree(module).body if not is_re_export(node)]
    assert [f"{module}: {ast.unparse(node)}" for module, node in others] == []


def test_module_opens_with_a_docstring() -> None:
    assert [m for m in MODULES if tree(m).body and not ast.get_docstring(tree(m))] == []


def test_module_stays_under_400_lines() -> None:
    lines = {m: (ROOT / m.replace(".", "/")).with_suffix(".py").read_text().count("\n") for m in MODULES}
    assert {module: count for module, count in lines.items() if count >= 400} == {}


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, its docstring not counted."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return (function.end_lineno or 0) - first.lineno + 1


def test_function_fits_on_a_screen() -> None:
    """A function has at most 40 lines, its docstring not counted."""
    functions = [
        (module, node)
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [f"{module}: {node.name} has {length(node)} lines" for module, node in functions if length(node) > 40] == []


def misdeeds(module: str) -> Iterator[str]:
    """Yield what *module* does that blocks or hides, with the line."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in {"time.sleep", "sleep"} and module not in MAY_SLEEP:
                yield f"{module}:{node.lineno}: sleeps"
            if "preexec_fn" in {keyword.arg for keyword in node.keywords}:
                yield f"{module}:{node.lineno}: preexec_fn"
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{module}:{node.lineno}: bare except"
        elif isinstance(node, ast.ImportFrom) and "*" in {alias.name for alias in node.names}:
            yield f"{module}:{node.lineno}: star import"


def test_module_does_nothing_that_blocks_or_hides() -> None:
    """No ``preexec_fn``, no ``time.sleep``, no bare ``except``, no star import."""
    assert [misdeed for module in MODULES for misdeed in misdeeds(module)] == []
