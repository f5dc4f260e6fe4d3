"""The words of a process's command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from circus_core._expand import ENV, VARIABLE, EnvVariables
from circus_core.errors import SpawnError
from circus_core.options import WatcherConfig, table
from circus_core.quick_dataclass import dataclass
from circus_core.values import split_words

SHELL: Final = "/bin/sh"
_WID: Final = "circus.wid"
_SOCKETS: Final = "circus.sockets."
_RLIMITS: Final = "circus.rlimits."
_ANY: Final = re.compile(
    rf"{VARIABLE.pattern}|\$\((?P<env>env\.\w+)\)|\$\((?P<wid_round>wid)\)|\$(?P<wid>wid)\b", re.IGNORECASE
)
_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+")  # a shell would take these as they are
_FIELDS: Final = {name.lower(): name for name in table(WatcherConfig)}
_OPEN, _CLOSE = "\ue000", "\ue001"
_HOLE: Final = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


def build(config: WatcherConfig, wid: int, *, sockets: Mapping[str, int]) -> tuple[str, ...]:
    """Return the words of the command line of the process in slot *wid*, its variables replaced.

    With ``shell`` they are a shell, ``-c``, the command line as it is written, ``shell_args``.

    :param sockets: name in lower case to descriptor number in the child
    :raises SpawnError: it cannot be split into words, or there are none
    """
    look_up = _Values(config, wid, sockets).get
    try:
        if config.shell:
            text = " ".join(part for part in (_text(config.cmd, look_up), _shell_args(config, look_up)) if part)
            return (config.executable or SHELL, "-c", text, *_words(config.shell_args or "", look_up))
        argv = (*_words(config.cmd, look_up), *_argument_words(config, look_up))
    except ValueError as exc:
        raise SpawnError(f"the command line {config.cmd!r} of {config.name!r} cannot be split: {exc}") from exc
    if not argv:
        raise SpawnError(f"the command line {config.cmd!r} of {config.name!r} has no word")
    return argv


def names_a_socket(config: WatcherConfig) -> set[str]:
    """Return the names, in lower case, of the sockets that the command line names."""
    return {name.removeprefix(_SOCKETS) for name in _names(config) if name.startswith(_SOCKETS)}


def names_wid(config: WatcherConfig) -> bool:
    """Return whether the command line names the wid, so that each process has another one."""
    return _WID in _names(config)


def _names(config: WatcherConfig) -> Iterator[str]:
    """Yield the variables that the command line names."""
    args = (config.args,) if isinstance(config.args, str) else config.args or ()
    for text in (config.cmd, config.shell_args or "", *args):
        yield from _compiled(text).names


_LookUp = Callable[[str], str | None]


class _Values:
    """What the variables of one process stand for."""

    def __init__(self, config: WatcherConfig, wid: int, sockets: Mapping[str, int]) -> None:
        self._config = config
        self._wid = wid
        self._sockets = sockets

    def get(self, name: str) -> str | None:
        """Return the value of a variable, ``None`` when there is no such. Names are in lower case, but those of env."""
        if name == _WID:
            return str(self._wid)
        if name.startswith(ENV):
            return EnvVariables(self._config.env).get(name[len(ENV) :])
        if name.startswith(_SOCKETS):
            number = self._sockets.get(name[len(_SOCKETS) :])
            return None if number is None else str(number)
        if name.startswith(_RLIMITS):
            limit = name[len(_RLIMITS) :]
            return str(self._config.rlimits[limit]) if limit in self._config.rlimits else None
        return self._option(name.removeprefix("circus."))

    def _option(self, name: str) -> str | None:
        if name == "use_fds":
            name = "use_sockets"
        if name not in _FIELDS:
            return None
        value = table(WatcherConfig)[_FIELDS[name]].kind.show(getattr(self._config, _FIELDS[name]))
        return " ".join(value) if isinstance(value, list) else str(value)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A text with variables, ready to have them replaced.

    :param literals: the text around the variables, one more than these
    :param names: the variables
    :param written: the variables as they are written
    :param words: what a shell splits the text into, each variable as a hole with its number; ``None`` when it cannot
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]
    written: tuple[str, ...]
    words: tuple[str, ...] | None

    def values(self, look_up: _LookUp) -> list[str]:
        """Return the value of each variable, one without a value as it is written."""
        pairs = zip(map(look_up, self.names), self.written, strict=True)
        return [written if value is None else value for value, written in pairs]


@lru_cache(maxsize=8192)
def _compiled(text: str) -> _Compiled:
    literals, names, written, end = [], [], [], 0
    for match in _ANY.finditer(text):
        literals.append(text[end : match.start()])
        names.append(_canonical(match))
        written.append(match[0])
        end = match.end()
    literals.append(text[end:])
    holed = "".join(
        part for number, literal in enumerate(literals) for part in (literal, f"{_OPEN}{number}{_CLOSE}")
    ).removesuffix(f"{_OPEN}{len(names)}{_CLOSE}")
    try:
        words = tuple(split_words(holed))
    except ValueError:
        words = None
    return _Compiled(tuple(literals), tuple(names), tuple(written), words)


def _canonical(match: re.Match[str]) -> str:
    if match["wid"] or match["wid_round"]:
        return _WID
    if match["env"]:
        return ENV + match["env"][len("env.") :]
    name = match["dollar"] or match["round"]
    return ENV + name[len(ENV) :] if name.lower().startswith(ENV) else name.lower()


def _text(text: str, look_up: _LookUp) -> str:
    compiled = _compiled(text)
    values = compiled.values(look_up)
    return "".join(part for pair in zip(compiled.literals, [*values, ""], strict=True) for part in pair)


def _words(text: str, look_up: _LookUp) -> tuple[str, ...]:
    """Return the words of *text*: its variables are replaced before it is split, so a value may become several."""
    compiled = _compiled(text)
    if compiled.words is not None:
        if not compiled.names:
            return compiled.words
        values = compiled.values(look_up)
        if all(_PLAIN.fullmatch(value) for value in values):
            return tuple(_HOLE.sub(lambda hole: values[int(hole[1])], word) for word in compiled.words)
    return tuple(split_words(_text(text, look_up)))


def _argument_words(config: WatcherConfig, look_up: _LookUp) -> tuple[str, ...]:
    if isinstance(config.args, str):
        return _words(config.args, look_up)
    return tuple(_text(word, look_up) for word in config.args or ())


def _shell_args(config: WatcherConfig, look_up: _LookUp) -> str:
    if isinstance(config.args, str):
        return _text(config.args, look_up)
    return shlex.join(_text(word, look_up) for word in config.args or ())
