"""Write the generated parts of the reference pages, from the option table, the commands and the events.

``python scripts/gen_docs.py`` writes them, ``--check`` only says which are out of date and exits 1. A part stands
between ``<!-- generated: NAME -->`` and ``<!-- end -->``; all else on a page is written by hand.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import inspect
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from circus_core import events, hookspecs
from circus_core.arguments import Property, Takes, schema
from circus_core.interfaces import Command
from circus_core.options import CircusConfig, OnChange, Option, PluginConfig, SocketConfig, WatcherConfig, table
from circus_core.registry import Registry
from circus_web import hookspecs as console_hookspecs
from circus_web.pages import Page, Panel

PAGES: Final = Path(__file__).parents[1] / "docs"
PART: Final = re.compile(r"(<!-- generated: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
JSON_NAMES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object"}
ON_CHANGE: Final = {OnChange.NOTHING: "at once", OnChange.RELOAD: "reload", OnChange.RESTART: "restart"}


def markdown(text: str) -> str:
    """Return a docstring or doc line as Markdown that may stand in a table."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?([^`]+)`", r"`\1`", inspect.cleandoc(text))
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def rows(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in body)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def shown(value: Any) -> str:
    """Return a default as it would be written in an ini file."""
    if value is None or value in ((), [], ""):
        return "none"
    if isinstance(value, list):
        return f"`{', '.join(value)}`"
    if isinstance(value, Enum):
        return f"`{value.name if isinstance(value, int) else value.value}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def option_table(config_type: type[Any], *, prefix: str = "", with_change: bool = False) -> str:
    """Return the options of one section, or those under a prefix."""

    def row(option: Option) -> list[str]:
        is_signal = option.kind.name == "signal" and option.default is not None
        default = signal.Signals(option.default) if is_signal else option.kind.show(option.default)
        default = shown(default) if option.default is None else f"{shown(default)} {option.unit}".strip()
        change = [ON_CHANGE[option.on_change]] if with_change else []
        return [f"`{prefix}{option.name}`", option.kind.name, default, *change, markdown(option.doc).replace("\n", " ")]

    header = ["Option", "Value", "Default", *(["Change"] if with_change else []), "Meaning"]
    return rows(header, (row(option) for option in table(config_type).values()))


def usage(command: Command[Any]) -> str:
    """Return how the command is written in the terminal."""
    words: list[str] = []
    options: list[str] = []
    for prop in schema(command.args_type):
        word = f"<{prop.flag}>" + ("..." if prop.takes is Takes.REST else "")
        if prop.takes in {Takes.WORD, Takes.REST}:
            words.append(word if prop.is_required else f"[{word}]")
        elif prop.takes is not Takes.HIDDEN:
            name = f"-{prop.short}" if prop.short else f"--{prop.flag}"
            options.append(f"[{name}]" if prop.takes is Takes.FLAG else f"[{name} <value>]")
    return " ".join(["circusctl", command.name, *words, *options])


def property_row(prop: Property) -> list[str]:
    """Return the table row of one property of a command."""
    kind = " or ".join(JSON_NAMES.get(name, name) for name in prop.types)
    default = "required" if prop.is_required else shown(prop.default)
    names = ", ".join(f"`{name}`" for name in (prop.name, *prop.aliases))
    return [names, kind, default, prop.doc]


def ours(registry: Registry, group: str) -> list[str]:
    """Return the names of our own extensions of a group."""
    return [e.name for e in registry.extensions() if e.group == group and e.distribution == "circus"]


def commands() -> str:
    """Return a section for each of our commands."""
    registry = Registry()
    sections = []
    for name in ours(registry, "circus.commands"):
        command = registry.command(name)
        section = f"## {name}\n\n```text\n{usage(command)}\n```\n\n{markdown(command.__doc__ or '')}\n"
        if properties := schema(command.args_type):
            section += "\n" + rows(["Property", "Type", "Default", "Meaning"], map(property_row, properties))
        sections.append(section)
    return "\n".join(sections)


def event_table() -> str:
    """Return all events with their payload."""
    body = []
    by_action = {kind.action: kind for kind in events.Event.__subclasses__() if kind.action}
    for _, kind in sorted(by_action.items()):
        names = [field.name for field in dataclasses.fields(kind) if field.name != "watcher"]
        body.append([f"`{kind.action}`", ", ".join(f"`{name}`" for name in names), markdown(kind.__doc__ or "")])
    return rows(["Action", "Payload", "When"], body)


def with_parameters(doc: str | None) -> str:
    """Return a docstring as Markdown, its parameters as a list."""
    return re.sub(r"(?m)^:(?:param (\w+)|(returns)): ", r"* **\1\2**: ", markdown(doc or ""))


def stream_sections() -> str:
    """Return a section for each of our streams, with its options."""
    registry = Registry()
    sections = []
    for name in ours(registry, "circus.streams"):
        stream = registry.stream(name)
        parameters = inspect.signature(stream).parameters.values()
        named = [p for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
        options = ", ".join(f"`{p.name}` ({'none' if p.default is None else p.default})" for p in named)
        sections.append(
            f"#### {name}\n\n{with_parameters(stream.__doc__)}\n\nOptions and defaults: {options or 'none'}.\n"
        )
    return "\n".join(sections)


def plugin_sections() -> str:
    """Return a section for each of our plugins, with its options."""
    registry = Registry()
    sections = []
    for name in ours(registry, "circus.plugins"):
        plugin: Any = registry.plugin(name)
        module = plugin.__module__.rpartition(".")[2]
        old = f"circus.plugins.{module}.{plugin.__name__}"
        also = f"`use = {name}`" + (f", or as ever `use = {old}`" if is_importable(old) else "")
        sections.append(f"## {name}\n\n{also}\n\n{markdown(plugin.__doc__)}\n\n{option_table(plugin.options_type)}")
    return "\n".join(sections)


def is_importable(path: str) -> bool:
    """Tell if there is a module for a dotted path of a class."""
    return importlib.util.find_spec(path.rpartition(".")[0]) is not None


def named_hooks() -> str:
    """Return a section for each of our hooks, with its options."""
    registry = Registry()
    options = {
        prefix: options_type
        for extension in registry.hookimpls().values()
        for prefix, options_type in getattr(extension, "circus_watcher_options", dict)().items()
    }
    sections = []
    for name in ours(registry, "circus.hooks"):
        table_of_options = option_table(options[f"hook.{name}"], prefix=f"hook.{name}.")
        sections.append(f"### {name}\n\n{markdown(registry.hook(name).__doc__ or '')}\n\n{table_of_options}")
    return "\n".join(sections)


def hookspec_sections(module: ModuleType = hookspecs) -> str:
    """Return a section for each call that the core, or the console, makes to hookimpls."""
    sections = []
    for name, spec in inspect.getmembers(module, inspect.isfunction):
        if name.startswith("circus_"):
            text = with_parameters(spec.__doc__)
            arguments = ", ".join(inspect.signature(spec).parameters)
            sections.append(f"### {name}({arguments})\n\n{text}\n")
    return "\n".join(sections)


def dataclass_section(described: type[Any]) -> str:
    """Return a section for a dataclass: its docstring, with the defaults of its fields."""
    fields = dataclasses.fields(described)
    words = [f.name if f.default is dataclasses.MISSING else f"{f.name}={f.default!r}" for f in fields]
    return f"### {described.__name__}({', '.join(words)})\n\n{with_parameters(described.__doc__)}\n"


PARTS: Final[dict[str, Callable[[], str]]] = {
    "circus options": lambda: option_table(CircusConfig),
    "watcher options": lambda: option_table(WatcherConfig, with_change=True),
    "socket options": lambda: option_table(SocketConfig),
    "plugin options": lambda: option_table(PluginConfig),
    "plugins": plugin_sections,
    "commands": commands,
    "streams": stream_sections,
    "events": event_table,
    "hookspecs": hookspec_sections,
    "console hookspecs": lambda: hookspec_sections(console_hookspecs),
    "console parts": lambda: "\n".join(map(dataclass_section, (Page, Panel))),
    "named hooks": named_hooks,
}


def generated(page: str) -> str:
    """Return the text of a page with all its generated parts new."""
    return PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n{match[3]}", page)


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    is_check = parser.parse_args().check
    stale = [page for page in sorted(PAGES.rglob("*.md")) if generated(page.read_text()) != page.read_text()]
    for page in stale:
        print(f"{page}: {'out of date; run: python scripts/gen_docs.py' if is_check else 'written'}")
        if not is_check:
            page.write_text(generated(page.read_text()))
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
