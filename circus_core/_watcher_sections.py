"""Watcher sections, with the environment sections that apply to them."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any, Final

from circus_core import values
from circus_core._checks import watcher_problems
from circus_core._environment import child_env, expand_variables
from circus_core._expand import EnvVariables
from circus_core._ini import Ini, Section
from circus_core._report import Report
from circus_core._sections import named, note_problems, read_rows, warn_unknown
from circus_core._streams import stream_problems
from circus_core.options import (
    HOOK_NAMES,
    IGNORED,
    STREAM_NAMES,
    HookConfig,
    Option,
    Respawn,
    StreamConfig,
    WatcherConfig,
    parse_hook,
    table,
    working_dir,
)

_ROWS: Final = table(WatcherConfig)
_PREFIXES: Final = ("rlimit_", "hooks.", *(f"{name}." for name in STREAM_NAMES))
_FREE: Final = {"check_flapping": None, "retry_in": None}


def read_watchers(
    ini: Ini, report: Report, environ: Mapping[str, str], env: Mapping[str, str], rows: Mapping[str, Option]
) -> tuple[WatcherConfig, ...]:
    """Return the watchers, by name.

    :param env: the variables of ``[env]``
    :param rows: the table, with what extensions add to it
    """
    added = {name: row for name, row in rows.items() if name not in _ROWS}
    shared = EnvVariables(environ, env)
    copied = {key: expand_variables(text, environ) for key, text in environ.items()}
    env_sections = [(section.removeprefix("env:").split(","), entries) for section, entries in ini.named("env")]
    configs = []
    for section, name, entries in named(ini, report, "watcher"):
        matching = _matching_env(env_sections, name)
        variables = EnvVariables(environ, env, matching) if matching else shared
        reader = _Reader(section, entries, report, shared, variables, added=added)
        own = {key: expand_variables(text, environ) for key, text in {**env, **matching}.items()}
        config = WatcherConfig(name=name, own_env=own, **reader.fields())
        warn_unknown(report, ini, section, {**rows, **IGNORED["watcher"], **_FREE, **reader.special})
        note_problems(report, section, entries, watcher_problems(config))
        _warn_of_odd(report, section, config)
        configs.append(
            dataclasses.replace(
                config,
                env=child_env(config, copied),
                working_dir=config.working_dir or working_dir(environ),
                numprocesses=max(0, config.numprocesses),
            )
        )
    return tuple(sorted(configs, key=lambda config: config.name))


def _matching_env(env_sections: Sequence[tuple[Sequence[str], Section]], name: str) -> dict[str, str]:
    """Return the variables of each section whose patterns match the watcher's name, the later ones win."""
    found: dict[str, str] = {}
    for patterns, entries in env_sections:
        if any(fnmatch.fnmatchcase(name, pattern.strip()) for pattern in patterns):
            found.update({key: entry.text for key, entry in entries.items()})
    return found


def _warn_of_odd(report: Report, section: str, config: WatcherConfig) -> None:
    if config.numprocesses < 1 and not config.singleton:
        report.warn(section, "numprocesses", f"{config.numprocesses}: the watcher starts no process")
    if config.shell_args is not None and not config.shell:
        report.warn(section, "shell_args", "is ignored without shell = True")


class _Reader:
    """Reads one watcher section.

    :param shared: variables for options that are no text
    :param own: variables for all others: also those of the watcher's environment sections
    :param added: the rows that extensions add to the table
    """

    def __init__(
        self,
        section: str,
        entries: Section,
        report: Report,
        shared: EnvVariables,
        own: EnvVariables,
        *,
        added: Mapping[str, Option],
    ) -> None:
        self._section = section
        self._report = report
        self._shared = shared
        self._own = own
        self._entries = entries
        self._added = {name: added[name] for name in entries if name in added}
        self.special = {name: None for name in entries if name in STREAM_NAMES or name.startswith(_PREFIXES)}

    def fields(self) -> dict[str, Any]:
        """Return the values of all fields that the section sets."""
        fields = read_rows(self._report, self._section, self._entries, _ROWS, self._expand)
        fields["rlimits"] = self._rlimits()
        fields["hooks"] = self._hooks()
        fields.update({name: self._stream(name) for name in STREAM_NAMES})
        fields["extra"] = self._extra()
        return fields

    def _expand(self, row: Option, text: str) -> str:
        if isinstance(row.default, (int, float, Respawn)):
            text = self._shared.expand(text)
        return self._own.expand(text)

    def _with_prefix(self, prefix: str) -> dict[str, str]:
        return {
            name.removeprefix(prefix): self._own.expand(entry.text)
            for name, entry in self._entries.items()
            if name.startswith(prefix) and name != prefix
        }

    def _rlimits(self) -> dict[str, int | None]:
        limits: dict[str, int | None] = {}
        for name, text in self._with_prefix("rlimit_").items():
            option = f"rlimit_{name}"
            try:
                key = values.rlimit_name(name)
            except ValueError as exc:
                self._error(option, text, exc, f"write one of {', '.join(sorted(values.RLIMITS))} after rlimit_")
                continue
            try:
                limits[key] = values.rlimit(text)
            except ValueError as exc:
                self._error(option, text, exc, "write a whole number, or nothing for no limit")
        return limits

    def _hooks(self) -> dict[str, HookConfig]:
        hooks: dict[str, HookConfig] = {}
        for name, text in self._with_prefix("hooks.").items():
            if name not in HOOK_NAMES:
                near = values.hint(name, HOOK_NAMES)
                self._report.warn(self._section, f"hooks.{name}", f"is never called, there is no such hook{near}")
                continue
            try:
                hooks[name] = parse_hook(text)
            except ValueError as exc:
                self._error(f"hooks.{name}", text, exc, "write package.function, or package.function, true")
        return hooks

    def _stream(self, name: str) -> StreamConfig | None:
        if name in self._entries:
            text = self._entries[name].text
            self._error(name, text, "it has no value of its own", f"write {name}.class = {text or 'FileStream'}")
        options = self._with_prefix(f"{name}.")
        if not options:
            return None
        class_name = options.pop("class", "") or ("FileStream" if "filename" in options else "")
        if not class_name:
            option, text = next(iter(options.items()), ("class", ""))
            self._error(f"{name}.{option}", text, "the stream has no class", f"add {name}.class = FileStream")
            return None
        for option, why, fix in stream_problems(class_name, options):
            self._error(f"{name}.{option}", options[option], why, fix)
        return StreamConfig(class_name, options)

    def _extra(self) -> dict[str, Any]:
        taken = {*_ROWS, *IGNORED["watcher"], *self.special, *self._added}
        extra: dict[str, Any] = {
            name: self._own.expand(entry.text) for name, entry in self._entries.items() if name not in taken
        }
        extra.update(read_rows(self._report, self._section, self._entries, self._added, self._expand))
        if "check_flapping" in extra:
            try:
                extra["check_flapping"] = values.boolean(extra["check_flapping"])
            except ValueError as exc:
                self._error("check_flapping", extra["check_flapping"], exc, "write yes or no")
        return extra

    def _error(self, option: str, value: str, why: object, fix: str) -> None:
        self._report.error(self._section, option, value, why=str(why), fix=fix)
