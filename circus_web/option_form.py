"""Options of watchers as fields of a form: shown, read back, found wrong."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from typing import Any, Final

from circus_core.errors import CommandError
from circus_core.options import OnChange, Option, WatcherConfig, nearest, table
from circus_core.quick_dataclass import dataclass
from circus_web.controller import Controller

_ROWS: Final = table(WatcherConfig)
_EFFECTS: Final = {
    OnChange.NOTHING: "at once",
    OnChange.RELOAD: "replaces the processes",
    OnChange.RESTART: "restarts the watcher",
}
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Program": ("cmd", "args", "shell", "shell_args", "executable", "working_dir", "uid", "gid"),
    "Processes": ("numprocesses", "singleton", "respawn", "max_retry", "warmup_delay", "max_age", "max_age_variance"),
    "Stopping": ("stop_signal", "graceful_timeout", "stop_children", "send_hup"),
    "Starting": ("autostart", "priority", "on_demand", "hook_timeout"),
    "Environment": ("env", "copy_env", "copy_path", "virtualenv", "virtualenv_py_ver"),
    "Sockets and output": (
        *("use_sockets", "listen_fds", "stdin_socket", "close_child_stdin", "close_child_stdout"),
        *("close_child_stderr", "log_ring", "stream_on_error", "stdout_stream_conf", "stderr_stream_conf"),
    ),
}
_FIXED: Final = {"stdout_stream_conf", "stderr_stream_conf"}  # told, but set by other names
_HIDDEN: Final = {"__name__"}
_MASK: Final = "•••"


@dataclass(slots=True, kw_only=True)
class Field:
    """An option in a form.

    :param value: as text
    :param effect: what changing it does, for a person
    :param error: what is wrong with *value*
    """

    name: str
    value: str
    kind: str = "string"
    doc: str = ""
    unit: str = ""
    effect: str = ""
    is_fixed: bool = False
    error: str = ""


def fields(controller: Controller, watcher: str) -> list[Field]:
    """Return the options of a watcher; what its environment holds is hidden from who may only read.

    :raises CommandError: there is no such watcher
    :raises CallError: the daemon does not answer
    """
    options = dict(controller.call("options", name=watcher)["options"])
    missing = [name for name in _ROWS if name not in options]
    try:
        options.update(controller.call("get", name=watcher, keys=missing)["options"])
    except CommandError:
        pass  # an old daemon tells only the first ones
    return [
        _field(name, value, is_masked=controller.readonly)
        for name, value in sorted(options.items())
        if name not in _HIDDEN
    ]


def grouped(found: Iterable[Field]) -> list[tuple[str, list[Field]]]:
    """Return the fields under their headings, those that nobody knows last."""
    by_name = {field.name: field for field in found}
    groups = [(title, [by_name.pop(name) for name in names if name in by_name]) for title, names in _GROUPS.items()]
    groups.append(("Others", list(by_name.values())))
    return [(title, members) for title, members in groups if members]


def read(found: Iterable[Field], form: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that a form changes; a field that cannot have its value says why."""
    changed = {}
    for field in found:
        given = form.get(f"option:{field.name}")
        if given is None or field.is_fixed or _plain(given) == _plain(field.value):
            continue
        field.value = given
        try:
            changed[field.name] = parse(field.name, given)
        except ValueError as exc:
            field.error = str(exc)
    return changed


def parse(name: str, text: str) -> Any:
    """Return the JSON value of an option that *text* stands for; of one that nobody here knows, the text.

    :raises ValueError: says what is wrong
    """
    text = _plain(text)
    if name == "env":
        return _environment(text)
    row = _ROWS.get(name)
    if row is None:
        return text
    if not text.strip() and row.default is None:
        return None
    return row.kind.show(row.accept(text))


def blame(found: Iterable[Field], reason: str) -> str:
    """Let the field that an error is about show it, and return the error when it is about none."""
    named = re.findall(r"'([\w.]+)'", reason)
    for field in found:
        if field.name in named:
            field.error = reason
            return ""
    return reason


_NEW_FIELDS: Final = ("args", "numprocesses", "working_dir", "env")
_NEW_SWITCHES: Final = ("shell", "copy_env")


def read_new(form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the options of a new watcher in a form, and what is wrong by name of field."""
    options: dict[str, Any] = {name: True for name in _NEW_SWITCHES if name in form}
    errors = {name: f"write the {what}" for name, what in _REQUIRED.items() if not form.get(name, "").strip()}
    given = [(name, name, form[name]) for name in _NEW_FIELDS if form.get(name, "").strip()]
    for line in form.get("more", "").splitlines():
        name, has_value, value = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not has_value:
            errors["more"] = f"{line.strip()!r}: write option = value"
            continue
        known = name in _ROWS or "." in name or name.startswith("rlimit_")
        if not known and (near := nearest(name, tuple(_ROWS))):
            errors["more"] = f"no option is named {name!r}; did you mean {near}?"
        given.append(("more", name, value))
    for place, name, text in given:
        try:
            options[name] = parse(name, text)
        except ValueError as exc:
            errors[place] = str(exc)
    return options, errors


_REQUIRED: Final = {"name": "name of the watcher", "cmd": "command line to run"}


def _field(name: str, value: Any, *, is_masked: bool) -> Field:
    if name == "env" and is_masked and isinstance(value, Mapping):
        value = dict.fromkeys(value, _MASK)
    row = _ROWS.get(name)
    if row is None:
        kind = "environment" if name == "env" else "string"
        effect = _EFFECTS[OnChange.RELOAD] if name == "env" else ""
        doc = "Variables of the processes, one NAME=value a line." if name == "env" else ""
        return Field(name=name, value=shown(value), kind=kind, doc=doc, effect=effect, is_fixed=name in _FIXED)
    text = _signal_name(value) if row.kind.name == "signal" else shown(value)
    return Field(
        name=name, value=text, kind=row.kind.name, doc=_doc(row), unit=row.unit, effect=_EFFECTS[row.on_change]
    )


def _doc(row: Option) -> str:
    return row.doc.replace("``", "")


def shown(value: Any) -> str:
    """Return the value of an option as a person writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "\n".join(f"{name}={text}" for name, text in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return str(value)


def _signal_name(value: Any) -> str:
    try:
        return signal.Signals(value).name.removeprefix("SIG")
    except ValueError:
        return str(value)


def _environment(text: str) -> dict[str, str]:
    variables = {}
    for line in filter(str.strip, text.split("\n")):
        name, found, value = line.partition("=")
        if not found or not name.strip():
            raise ValueError(f"{line.strip()!r}: write NAME=value")
        variables[name.strip()] = value
    return variables


def _plain(text: str) -> str:
    """Return *text* with the line ends that forms change."""
    return text.replace("\r\n", "\n")
