"""Extensions by name: the only reader of entry points.

Found are the entry points of six groups by :mod:`circus_core._entry_points`, in 1 ms, so that a one-shot ``circusctl``
has its command loaded at once: ``importlib.metadata`` takes 18 ms to import, stevedore 25. The daemon has stevedore
load what is named in files and messages (``Registry(load=stevedore_loader.load)``), when it is: a process that needs
none of it does not wait for that. Hookimpls are imported and given to pluggy. All have the same table, so none sees
what another does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from circus_core import _catalog, _dotted
from circus_core._catalog import Extension, Group, State
from circus_core._entry_points import EntryPoint
from circus_core._nearest import nearest
from circus_core._stream_options import check_options
from circus_core.arguments import schema
from circus_core.errors import ConfigError, ExtensionError, MessageError, OptionError
from circus_core.interfaces import Command, ExtensionInfo

if TYPE_CHECKING:
    from circus_core.config import Config
    from circus_core.options import PluginConfig, StreamConfig, WatcherConfig

__all__ = ["Group", "Loader", "Registry"]

Loader = Callable[[EntryPoint], object]
"""Imports what an entry point names; raises whatever the import raises."""


class Registry:
    """The extensions that are installed, as they were when it was made.

    :param disabled: what ``disable_extensions`` lists: ``group:name``, ``name`` or a distribution's name
    :param load: how an entry point is loaded that is named somewhere; hookimpls are imported
    :param path: folders to look for distributions in, ``sys.path`` by default
    """

    def __init__(
        self,
        disabled: Iterable[str] = (),
        *,
        load: Loader = EntryPoint.load,
        path: Iterable[str] | None = None,
    ) -> None:
        self._load_one = load
        self._all, self._unused = _catalog.build(disabled, path)
        self._commands: dict[str, Command[Any]] | None = None
        order = [State.AVAILABLE, State.BROKEN, State.DISABLED]
        self._named: dict[tuple[str, str], Extension] = {}
        for extension in sorted(self._all, key=lambda e: order.index(e.state)):
            self._named.setdefault((extension.entry_point.group, extension.entry_point.name), extension)

    # What is there

    def command_names(self) -> list[str]:
        """Return the names of the commands that may be loaded, sorted."""
        return sorted(self._usable(Group.COMMANDS))

    def has(self, group: Group, name: str) -> bool:
        """Return whether an extension of that name is installed, be it broken."""
        return (group.value, name) in self._named

    def extensions(self) -> list[ExtensionInfo]:
        """Return all that is installed, by group, name and distribution."""
        return sorted((e.info() for e in self._all), key=lambda info: (info.group, info.name, info.distribution))

    def problems(self) -> list[ExtensionError]:
        """Return what is known to be wrong so far; loading may add to it."""
        unused = [
            ExtensionError(f"disable_extensions names {name!r}, which is not installed", fix="take it out")
            for name in self._unused
        ]
        return unused + [extension.error for extension in self._all if extension.error]

    def missing(self) -> list[str]:
        """Return one sentence for each of the groups that cannot be empty in a whole installation, but is."""
        return [
            f"no {group.noun} is installed: entry-point group {group.value} is empty; install circus again with pip"
            for group in (Group.COMMANDS, Group.STREAMS)
            if not self._usable(group)
        ]

    # Loading

    def command(self, name: str) -> Command[Any]:
        """Return the command called *name*, loading only this one.

        :raises ExtensionError: there is none or it is broken
        """
        command: Command[Any] = self._get(Group.COMMANDS, name)
        return command

    def commands(self) -> dict[str, Command[Any]]:
        """Return all commands that load, by name; the others are in :meth:`problems` from now on."""
        if self._commands is None:
            self._commands = self._load_group(Group.COMMANDS)
        return self._commands

    def add_command(self, command: Command[Any]) -> None:
        """Have a command that the program itself brings; it takes the place of one of its name."""
        self.commands()[command.name] = command

    def hookimpls(self) -> dict[str, object]:
        """Return all objects of ``circus.extensions`` that load, by name; the others are in :meth:`problems`."""
        return self._load_group(Group.EXTENSIONS)

    def console_hookimpls(self) -> dict[str, object]:
        """Return all objects of ``circus.console`` that load, by name; the others are in :meth:`problems`."""
        return self._load_group(Group.CONSOLE)

    def stream(self, target: str | Callable[..., Any]) -> Callable[..., Any]:
        """Return the stream class that *target* names: an entry point or a dotted path.

        :raises ExtensionError: there is none or it is broken
        """
        return self._resolve(Group.STREAMS, target)

    def hook(self, target: str | Callable[..., Any]) -> Callable[..., Any]:
        """Return the callable that *target* names: an entry point or a dotted path.

        :raises ExtensionError: there is none or it is broken
        """
        return self._resolve(Group.HOOKS, target)

    def plugin(self, target: str | Callable[..., Any]) -> Callable[..., Any]:
        """Return the plugin class that *target* names: an entry point or a dotted path.

        :raises ExtensionError: there is none or it is broken
        """
        return self._resolve(Group.PLUGINS, target)

    def is_built_in(self, group: Group, name: str) -> bool:
        """Return whether the extension of that name is one of our own."""
        return self._named[group.value, name].is_built_in

    def mark_broken(self, group: Group, name: str, why: str, *, fix: str = "") -> ExtensionError:
        """Take an extension out that turned out broken after it was loaded."""
        return self._named[group.value, name].break_(why, fix)

    # What a configuration names

    def check_config(self, config: Config) -> list[ConfigError]:
        """Return an error for each extension that *config* names and that does not load.

        What watchers have in the ``PYTHONPATH`` of their environment is added to ``sys.path`` first.
        """
        errors: list[ConfigError] = []
        for watcher in config.watchers:
            errors += self.check_watcher(watcher)
        for plugin in config.plugins:
            errors += self.check_plugin(plugin)
        return [error.at(config.where.get((error.section, error.option))) for error in errors]

    def check_watcher(self, config: WatcherConfig) -> list[ConfigError]:
        """Return an error for each stream or hook that does not load or work so; see :meth:`check_config`."""
        _extend_path(config.env)
        section = f"watcher:{config.name}"
        streams = (("stdout_stream", config.stdout_stream), ("stderr_stream", config.stderr_stream))
        errors = [self._stream_error(section, option, stream) for option, stream in streams if stream is not None]
        for name, hook in config.hooks.items():
            errors.append(self._config_error(section, Group.HOOKS, f"hooks.{name}", hook.target))
        return [error for error in errors if error]

    def require(self, config: WatcherConfig) -> None:
        """Refuse a watcher whose stream classes or hooks do not load.

        :raises MessageError: names each of them
        """
        errors = self.check_watcher(config)
        if errors:
            raise MessageError("; ".join(str(error) for error in errors))

    def check_plugin(self, config: PluginConfig) -> list[ConfigError]:
        """Return an error when the plugin class does not load, else one for each option that it cannot use."""
        section = f"plugin:{config.name.removeprefix('plugin:')}"
        error = self._config_error(section, Group.PLUGINS, "use", config.use)
        if error:
            return [error]
        check = getattr(self.plugin(config.use), "check_options", None)
        wrong: list[OptionError] = check(config.options) if check else []
        return [ConfigError(section, each.option, each.value, why=each.why, fix=each.fix) for each in wrong]

    def _config_error(self, section: str, group: Group, option: str, value: Any) -> ConfigError | None:
        try:
            self._resolve(group, value)
        except ExtensionError as exc:
            return ConfigError(section, option, value, why=exc.why, fix=exc.fix)
        return None

    def _stream_error(self, section: str, option: str, stream: StreamConfig) -> ConfigError | None:
        error = self._config_error(section, Group.STREAMS, f"{option}.class", stream.class_name)
        if error or not isinstance(stream.class_name, (str, type)):
            return error
        try:
            check_options(self.stream(stream.class_name), stream.options)
        except OptionError as exc:
            return ConfigError(section, f"{option}.{exc.option}", exc.value, why=exc.why, fix=exc.fix)
        return None

    # Inside

    def _usable(self, group: Group) -> dict[str, Extension]:
        return {
            extension.entry_point.name: extension
            for extension in self._all
            if extension.entry_point.group == group.value and extension.is_usable
        }

    def _load_group(self, group: Group) -> dict[str, Any]:
        loaded: dict[str, Any] = {}
        for name, extension in sorted(self._usable(group).items()):
            try:
                loaded[name] = self._load(extension)
            except ExtensionError:
                continue  # kept with the extension, for problems()
        return loaded

    def _get(self, group: Group, name: str) -> Any:
        extension = self._named.get((group.value, name))
        if extension is None:
            raise self._unknown(group, name)
        return self._load(extension)

    def _load(self, extension: Extension) -> Any:
        if extension.error is not None:
            raise extension.error.with_traceback(None)
        if extension.state is State.DISABLED:
            raise extension.complaint("is disabled", "take it out of disable_extensions")
        if extension.state is State.AVAILABLE:
            group, load = Group(extension.entry_point.group), self._load_one
            if group in _HOOKIMPLS:
                load = EntryPoint.load
            try:
                extension.found = _PREPARE[group](load(extension.entry_point), extension.entry_point.name)
            except (Exception, SystemExit) as exc:  # an import runs a stranger's code
                raise extension.break_(f"cannot be loaded: {_said(exc)}") from exc
            extension.state = State.LOADED
        return extension.found

    def _resolve(self, group: Group, target: str | Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(target, str):
            name = _legacy(group, target)
            if (group.value, name) in self._named or not ("." in target or ":" in target):
                found: Callable[..., Any] = self._get(group, name)
                return found
            try:
                return _callable(_dotted.load(target, method=_METHODS.get(group, "__init__")), target)
            except (Exception, SystemExit) as exc:  # an import runs a stranger's code
                raise ExtensionError(
                    f"cannot be imported: {_said(exc)}",
                    fix="check the path, and that its folder is in PYTHONPATH of circusd or of the watcher's env",
                ) from exc
        return target

    def _unknown(self, group: Group, name: str) -> ExtensionError:
        known = sorted(self._usable(group))
        if not known:
            return ExtensionError(
                f"no {group.noun} named {name!r}: entry-point group {group.value} is empty",
                fix=f"install what has it with pip, or write the dotted path of a {group.noun}",
            )
        near = nearest(name, known)
        fix = f"did you mean {near}?" if near else f"known: {', '.join(known)}"
        return ExtensionError(f"no {group.noun} named {name!r}", fix=fix)


def _said(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__


def _command(found: Any, name: str) -> Command[Any]:
    if not (isinstance(found, type) and issubclass(found, Command)):
        raise TypeError(f"{found!r} is no subclass of circus_core.interfaces.Command")
    command: Command[Any] = found()
    if command.name != name:
        raise ValueError(f"its class is named {command.name!r}")
    if name != name.lower():
        raise ValueError("its name has capital letters; clients write commands in lower case")
    if name == "help":
        raise ValueError("its name is what circusctl is asked for help with")
    schema(command.args_type)
    return command


def _callable(found: Any, name: str) -> Callable[..., Any]:
    if not callable(found):
        raise TypeError(f"{name} is {type(found).__name__}, which cannot be called")
    checked: Callable[..., Any] = found
    return checked


def _hookimpls(found: Any, name: str) -> object:
    if isinstance(found, type):
        raise TypeError(f"{name} is a class; name a module or an object")
    return found


_PREPARE: Final[Mapping[Group, Callable[[Any, str], Any]]] = {
    Group.COMMANDS: _command,
    Group.STREAMS: _callable,
    Group.HOOKS: _callable,
    Group.PLUGINS: _callable,
    Group.EXTENSIONS: _hookimpls,
    Group.CONSOLE: _hookimpls,
}

_HOOKIMPLS: Final = frozenset({Group.EXTENSIONS, Group.CONSOLE})

_METHODS: Final = {Group.PLUGINS: "handle_recv"}
"""What a class has, where a file may have others beside it."""


def _legacy(group: Group, target: str) -> str:
    """Return the entry point's name for the path that a built-in class had in earlier versions."""
    if group is Group.STREAMS and target.startswith(("circus.stream.", "circus.stream:")):
        return target.replace(":", ".").rpartition(".")[2]
    return target


def _extend_path(env: Mapping[str, str]) -> None:
    for entry in filter(None, env.get("PYTHONPATH", "").split(os.pathsep)):
        folder = os.path.abspath(entry)
        if folder not in sys.path:
            sys.path.append(folder)
