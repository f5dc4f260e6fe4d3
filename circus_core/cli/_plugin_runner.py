"""Runs plugins in this process, one or several."""

from __future__ import annotations

import asyncio
import inspect
import logging
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from circus_core import log, plugin_options
from circus_core.errors import CircusError, ExtensionError, OptionError
from circus_core.plugin import CircusPlugin
from circus_core.registry import Registry

logger: Final = logging.getLogger("circus")

_STOPS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class PluginRunner:
    """Makes plugins, runs them until they are told to stop, and says how that ended.

    :param check_delay: seconds
    :param ssh_server: ``user@host[:port]`` to reach both addresses through
    """

    def __init__(self, endpoint: str, pubsub_endpoint: str, check_delay: float, ssh_server: str | None) -> None:
        self._given = (endpoint, pubsub_endpoint, check_delay, ssh_server)
        self._makers: list[tuple[str, Callable[[], CircusPlugin]]] = []

    def add(self, target: str, registry: Registry, config: Mapping[str, Any]) -> None:
        """Have the plugin that *target* names run too.

        :raises ExtensionError: there is none, it is broken or is no plugin
        :raises CircusError: options in *config* cannot be used
        """
        logger.info("Loading the plugin...")
        plugin_class = registry.plugin(target)
        label = str(config.get("name") or target)
        if not (isinstance(plugin_class, type) and issubclass(plugin_class, CircusPlugin)):
            raise ExtensionError(
                f"{target} is no plugin: {plugin_class!r}", fix="name a subclass of circus.plugins.CircusPlugin"
            )
        _check_options(label, plugin_class, config)
        self._makers.append((label, lambda: _make(plugin_class, label, self._given, config)))

    def run(self) -> int:
        """Run all of them and return the exit code: 1 when none could run to its end."""
        endpoint, pubsub_endpoint, _, _ = self._given
        logger.info("Endpoint: %r", endpoint)
        logger.info("Pub/sub: %r", pubsub_endpoint)
        if len(self._makers) == 1:
            return self._run_alone(*self._makers[0])
        return asyncio.run(self._run_together())

    def _run_alone(self, label: str, make: Callable[[], CircusPlugin]) -> int:
        plugin = make()
        _on_signals(plugin.loop.asyncio_loop, plugin.stop)  # type: ignore[attr-defined]
        logger.info("Starting")
        try:
            plugin.start()
        except Exception as exc:
            _log_end(label, exc)
            return 1
        logger.info("Stopping")
        return 0

    async def _run_together(self) -> int:
        plugins: dict[str, CircusPlugin] = {}
        for label, make in self._makers:
            try:
                plugins[label] = make()
            except Exception as exc:
                _log_end(label, exc)

        def stop() -> None:
            for plugin in plugins.values():
                plugin.stop()

        _on_signals(asyncio.get_running_loop(), stop)
        logger.info("Starting")
        runs = (_run_one(label, plugin) for label, plugin in plugins.items())
        has_ended_well = await asyncio.gather(*runs)
        logger.info("Stopping")
        return 0 if any(has_ended_well) else 1


async def _run_one(label: str, plugin: CircusPlugin) -> bool:
    """Run a plugin beside others, whatever becomes of it; tell if it ended as it was told to."""
    try:
        await plugin.run_plugin()
    except Exception as exc:
        _log_end(label, exc)
        return False
    return True


def _log_end(label: str, exc: Exception) -> None:
    if isinstance(exc, CircusError):
        logger.error("%s cannot run: %s", label, exc)
    else:
        logger.error("%s cannot run", label, exc_info=exc)


def _on_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    for signum in _STOPS:
        loop.add_signal_handler(signum, stop)
    loop.add_signal_handler(signal.SIGUSR1, log.reopen_logs)


def _check_options(label: str, plugin_class: type[CircusPlugin], config: Mapping[str, Any]) -> None:
    errors = plugin_class.check_options(config)
    if errors:
        raise CircusError("\n".join(f"[{label}] {error}" for error in errors))
    # A subclass of a plugin may read further options itself.
    if plugin_class.options_type is not None and "options_type" in vars(plugin_class):
        for sentence in plugin_options.unknown(plugin_class.options_type, config):
            logger.warning("[%s] %s", label, sentence)


def _make(
    plugin_class: type[CircusPlugin],
    label: str,
    given: tuple[str, str, float, str | None],
    config: Mapping[str, Any],
) -> CircusPlugin:
    """Return a plugin; one whose ``__init__`` names its options gets the addresses by keyword too."""
    names = ("endpoint", "pubsub_endpoint", "check_delay", "ssh_server")
    by_name = {**dict(zip(names, given, strict=True)), **config}
    signature = inspect.signature(plugin_class)
    takes_any_position = any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
    make = partial(plugin_class, *given, **config)
    if not takes_any_position:
        try:
            signature.bind(**by_name)
            make = partial(plugin_class, **by_name)
        except TypeError as exc:
            if not _fits(signature, make):
                fix = f"write the options that {plugin_class.__name__} has, and all that it needs"
                raise CircusError(f"[{label}]: {exc}; {fix}") from exc
    try:
        return make()
    except OptionError as exc:
        raise CircusError(f"[{label}] {exc}") from exc


def _fits(signature: inspect.Signature, call: partial[CircusPlugin]) -> bool:
    try:
        signature.bind(*call.args, **call.keywords)
    except TypeError:
        return False
    return True
