"""Sections of text to the classes of the option table."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from circus_core._checks import Problem, socket_problems
from circus_core._expand import EnvVariables
from circus_core._ini import DEFAULT, Entry, Ini, Section
from circus_core._report import Report
from circus_core.options import IGNORED, STREAM_NAMES, CircusConfig, Option, PluginConfig, SocketConfig, table
from circus_core.values import hint

_LOG_LEVELS: Final = ("critical", "error", "warning", "info", "debug")
_PREFIXES: Final = ("hooks", *STREAM_NAMES)
_KINDS: Final = ("watcher", "socket", "plugin", "env")

Expand = Callable[[Option, str], str]


def read_circus(ini: Ini, report: Report, variables: EnvVariables) -> CircusConfig:
    """Return ``[circus]``."""
    entries = ini.values("circus") if "circus" in ini.sections else {}
    values = read_rows(report, "circus", entries, table(CircusConfig), lambda _, text: variables.expand(text))
    warn_unknown(report, ini, "circus", {**table(CircusConfig), **IGNORED["circus"]})
    if "stats_endpoint" in values and "statsd" not in values:
        report.warn("circus", "stats_endpoint", "turns statsd on; write statsd = True to say so")
        values["statsd"] = True
    level = values.get("loglevel", "info")
    if level.lower() not in _LOG_LEVELS:
        report.warn("circus", "loglevel", f"{level!r} is no log level, info is used{hint(level, _LOG_LEVELS)}")
    return CircusConfig(**values)


def read_sockets(ini: Ini, report: Report, variables: EnvVariables) -> tuple[SocketConfig, ...]:
    """Return the sockets, by name."""
    configs = []
    for section, name, entries in named(ini, report, "socket"):
        values = read_rows(report, section, entries, table(SocketConfig), lambda _, text: variables.expand(text))
        warn_unknown(report, ini, section, table(SocketConfig))
        if "path" in values:
            values["family"] = socket.AF_UNIX
        config = SocketConfig(name=name.lower(), **values)
        note_problems(report, section, entries, socket_problems(config))
        configs.append(config)
    return tuple(sorted(configs, key=lambda config: config.name))


def read_plugins(ini: Ini, report: Report, variables: EnvVariables) -> tuple[PluginConfig, ...]:
    """Return the plugins, by name."""
    configs = []
    rows = table(PluginConfig)
    for section, _, entries in named(ini, report, "plugin"):
        values = read_rows(report, section, entries, rows, lambda _, text: variables.expand(text))
        options = {key: variables.expand(entry.text) for key, entry in entries.items() if key not in rows}
        if "use" not in entries:
            report.error(section, "use", "", why="missing", fix="write the name or the dotted path of a plugin")
        if options.get("numprocesses", "1").strip() not in ("0", "1"):
            report.error(
                section, "numprocesses", options["numprocesses"], why="a plugin has a single process", fix="write 1"
            )
        configs.append(PluginConfig(name=section, options=options, **values))
    return tuple(sorted(configs, key=lambda config: config.name))


def read_rows(
    report: Report, section: str, entries: Section, rows: Mapping[str, Option], expand: Expand
) -> dict[str, Any]:
    """Return the values of the options that *rows* has, and note those that cannot be read."""
    values: dict[str, Any] = {}
    for name, row in rows.items():
        if name not in entries:
            continue
        text = expand(row, entries[name].text)
        if not text and row.default is None:
            continue
        try:
            values[name] = row.parse(text)
        except ValueError as exc:
            report.error(section, name, text, why=str(exc), fix=row.kind.fix)
    return values


def named(ini: Ini, report: Report, kind: str) -> Iterator[tuple[str, str, Section]]:
    """Yield (section, name, entries) of the sections ``[kind:NAME]`` that have any option."""
    seen: dict[str, str] = {}
    for section, entries in ini.named(kind):
        name = section.removeprefix(f"{kind}:")
        if not name.strip():
            report.error(section, "", "", why="has no name", fix=f"write [{kind}:NAME]")
        elif not entries:
            report.warn(section, "", "has no option and is left out")
        elif name.lower() in seen:
            other = seen[name.lower()]
            report.error(
                section, "", "", why=f"has the name of [{other}] ({report.place(other)}) up to case", fix="rename one"
            )
        else:
            seen[name.lower()] = section
            yield section, name, entries


def warn_unknown(report: Report, ini: Ini, section: str, known: Mapping[str, object]) -> None:
    """Warn of each option of *section* that is not *known*; one with a dot may belong to an extension."""
    unknown = [name for name in ini.sections.get(section, {}) if name not in known]
    if not unknown:
        return
    fate = "kept for plugins" if section.startswith("watcher:") else "ignored"
    prefixes = {*_PREFIXES, *(option.rpartition(".")[0] for option in known if "." in option)}
    for name in unknown:
        prefix, dot, _ = name.rpartition(".")
        if not dot:
            report.warn(section, name, f"is no option of Circus and is {fate}{hint(name, known)}")
        elif prefix in prefixes:
            report.warn(section, name, f"is no option of {prefix} and is {fate}{hint(name, known)}")
        elif near := hint(prefix, tuple(prefixes)):
            report.warn(section, name, f"is left to extensions{near}")


def warn_unknown_sections(ini: Ini, report: Report) -> None:
    """Warn of each section that nothing reads."""
    for section in ini.sections:
        kind, colon, _ = section.partition(":")
        if section in ("circus", "env", DEFAULT) or (colon and kind in _KINDS):
            continue
        if kind in _KINDS:
            report.warn(section, "", f"is ignored; write [{kind}:NAME]")
        else:
            near = hint(kind, _KINDS if colon else ("circus", "env"))
            report.warn(section, "", f"is ignored, Circus has no such section{near}")


def note_problems(report: Report, section: str, entries: Mapping[str, Entry], problems: Iterable[Problem]) -> None:
    """Note what is wrong between the options of a section."""
    for problem in problems:
        entry = entries.get(problem.option)
        value = problem.value if entry is None else entry.text
        report.error(section, problem.option, value, why=problem.why, fix=problem.fix)
