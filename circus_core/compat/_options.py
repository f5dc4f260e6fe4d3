"""The options of a watcher as attributes that may be assigned."""

from __future__ import annotations

import dataclasses
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from circus_core._environment import child_env
from circus_core.compat._live import LiveMapping
from circus_core.errors import MessageError
from circus_core.events import Event, WatcherUpdated, res_name
from circus_core.keywords import environment, hook_configs, limits, option_value, stream_config
from circus_core.options import (
    STREAM_NAMES,
    OnChange,
    StreamConfig,
    WatcherConfig,
    set_watcher_options,
    table,
    watcher_options,
)

_KNOWN: Final = ("rlimit_", "hooks.", "env", "hooks", *STREAM_NAMES)
_ENVIRONMENT: Final = {"own_env", "copy_env", "copy_path", "virtualenv", "virtualenv_py_ver"}
_TOLERANT: Final = ("before_stop", "after_stop", "before_signal", "after_signal", "extended_stats")


class WatcherOption:
    """One option: reads as ``options`` tells it; what is assigned counts from the next spawn, stop or look."""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._row = table(WatcherConfig)[name]

    def __get__(self, watcher: WatcherOptions | None, owner: type[Any] | None = None) -> Any:
        if watcher is None:
            return self
        return self._row.kind.show(getattr(watcher._config, self._row.name))

    def __set__(self, watcher: WatcherOptions, value: Any) -> None:
        watcher._assign({self._row.name: option_value(watcher._section, self._row, value)})


class WatcherOptions(ABC):
    """All options of a watcher.

    :param name: its name, for good
    """

    def __init__(self, name: str) -> None:
        self._name = name

    args = WatcherOption()
    autostart = WatcherOption()
    close_child_stderr = WatcherOption()
    close_child_stdin = WatcherOption()
    close_child_stdout = WatcherOption()
    cmd = WatcherOption()
    copy_env = WatcherOption()
    copy_path = WatcherOption()
    executable = WatcherOption()
    gid = WatcherOption()
    graceful_timeout = WatcherOption()
    hook_timeout = WatcherOption()
    listen_fds = WatcherOption()
    max_age = WatcherOption()
    max_age_variance = WatcherOption()
    max_retry = WatcherOption()
    numprocesses = WatcherOption()
    on_demand = WatcherOption()
    priority = WatcherOption()
    respawn = WatcherOption()
    send_hup = WatcherOption()
    shell = WatcherOption()
    shell_args = WatcherOption()
    singleton = WatcherOption()
    stdin_socket = WatcherOption()
    stop_children = WatcherOption()
    stop_signal = WatcherOption()
    uid = WatcherOption()
    use_sockets = WatcherOption()
    virtualenv = WatcherOption()
    virtualenv_py_ver = WatcherOption()
    warmup_delay = WatcherOption()
    working_dir = WatcherOption()

    @property
    @abstractmethod
    def _config(self) -> WatcherConfig:
        """The configuration as it is now."""

    @abstractmethod
    def _assign(self, fields: Mapping[str, Any]) -> None:
        """Change fields of the configuration; nothing that runs is restarted."""

    @abstractmethod
    def _publish(self, event: Event) -> None:
        """Publish an event."""

    @abstractmethod
    def _stream(self, name: str) -> Any:
        """Return the stream that is open, or the one that was given."""

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def res_name(self) -> str:
        """Its name as it stands in topics."""
        return res_name(self.name)

    @property
    def env(self) -> LiveMapping:
        """The whole environment of its next process; what is assigned to it, or in it, counts."""
        return LiveMapping(lambda: dict(self._config.env), self._set_env)

    @env.setter
    def env(self, env: Mapping[str, str] | None) -> None:
        self._set_env(environment(self._section, env))

    @property
    def rlimits(self) -> dict[str, int | None]:
        """Name of a limit to its value."""
        return dict(self._config.rlimits)

    @rlimits.setter
    def rlimits(self, given: Mapping[str, Any] | None) -> None:
        self._assign({"rlimits": limits(self._section, given or {})})

    @property
    def hooks(self) -> dict[str, Any]:
        """Name of a hook to what it calls."""
        return {name: hook.target for name, hook in self._config.hooks.items()}

    @hooks.setter
    def hooks(self, given: Mapping[str, Any] | None) -> None:
        self._assign({"hooks": hook_configs(self._section, given or {})})

    @property
    def ignore_hook_failure(self) -> list[str]:
        """Names of the hooks whose exceptions count as success."""
        flagged = [name for name, hook in self._config.hooks.items() if hook.ignore_failure]
        return [*_TOLERANT, *(name for name in flagged if name not in _TOLERANT)]

    @property
    def stdout_stream(self) -> Any:
        """The stream while it is open, or the one that it was given."""
        return self._stream("stdout")

    @stdout_stream.setter
    def stdout_stream(self, given: Any) -> None:
        self._set_stream("stdout_stream", given)

    @property
    def stderr_stream(self) -> Any:
        """The stream while it is open, or the one that it was given."""
        return self._stream("stderr")

    @stderr_stream.setter
    def stderr_stream(self, given: Any) -> None:
        self._set_stream("stderr_stream", given)

    @property
    def stdout_stream_conf(self) -> dict[str, Any]:
        """The options of the stream, as ``options`` tells them."""
        return _stream_conf(self._config.stdout_stream)

    @property
    def stderr_stream_conf(self) -> dict[str, Any]:
        """The options of the stream, as ``options`` tells them."""
        return _stream_conf(self._config.stderr_stream)

    @property
    def optnames(self) -> tuple[str, ...]:
        """The names of :meth:`options`."""
        return tuple(watcher_options(self._config))

    @property
    def _options(self) -> LiveMapping:
        """The free-form options."""
        return LiveMapping(lambda: dict(self._config.extra), lambda extra: self._assign({"extra": extra}))

    def options(self, *_: Any) -> list[tuple[str, Any]]:
        """Return name and value of each option, sorted."""
        return sorted(watcher_options(self._config).items())

    def set_opt(self, key: str, val: Any) -> int:
        """Set an option as the ``set`` command does, free-form ones too, and publish ``updated``.

        :returns: what :meth:`do_action` takes: 1 when processes have to be replaced, else 0
        :raises MessageError: it cannot have this value
        """
        config = self._config
        try:
            new, needs = set_watcher_options(config, {key: val})
        except MessageError:
            if key in table(WatcherConfig) or key.startswith(_KNOWN):
                raise
            new, needs = dataclasses.replace(config, extra={**config.extra, key: val}), OnChange.NOTHING
        fields = {f.name: getattr(new, f.name) for f in dataclasses.fields(new)}
        self._assign({name: value for name, value in fields.items() if value != getattr(config, name)})
        self._publish(WatcherUpdated(watcher=self.name))
        return 1 if needs >= OnChange.RELOAD else 0

    @property
    def _section(self) -> str:
        return f"watcher:{self.name}"

    def _set_env(self, env: Mapping[str, Any]) -> None:
        config = self._config
        texts = {str(name): str(value) for name, value in env.items()}
        own = {k: v for k, v in texts.items() if k in config.own_env or config.env.get(k) != v}
        self._assign({"env": texts, "own_env": own})

    def _set_stream(self, option: str, given: Any) -> None:
        mapping = given if given is None or isinstance(given, Mapping) else {"stream": given}
        self._assign({option: stream_config(self._section, option, mapping)})


def changed(config: WatcherConfig, fields: Mapping[str, Any]) -> WatcherConfig:
    """Return *config* with other fields; its environment follows those that it depends on."""
    config = dataclasses.replace(config, **fields)
    if _ENVIRONMENT & fields.keys() and "env" not in fields:
        config = dataclasses.replace(config, env=child_env(config, os.environ))
    return config


def _stream_conf(config: StreamConfig | None) -> dict[str, Any]:
    return {} if config is None else dict(config.options)
