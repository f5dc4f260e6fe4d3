"""The watcher that runs circusd-stats, as the configuration asks for it."""

from __future__ import annotations

import sys
from typing import Any

from circus_core.config import Config
from circus_core.errors import OptionError
from circus_core.options import CircusConfig, WatcherConfig
from circus_plugins_builtin.stats.hookimpls import circus_companions


def companion(endpoint: str = "tcp://127.0.0.1:5555", **circus: Any) -> WatcherConfig:
    config = Config(circus=CircusConfig(statsd=True, **circus))
    (found,) = circus_companions(config, endpoint, "ipc:///run/pub") or []
    assert isinstance(found, WatcherConfig)
    return found


def words(config: WatcherConfig) -> str:
    assert isinstance(config.args, tuple)
    return " ".join(config.args)


def test_nobody_asks_for_it() -> None:
    assert circus_companions(Config(), "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556") is None


def test_watcher_is_a_singleton_that_knows_the_endpoints() -> None:
    found = companion(stats_endpoint="ipc:///run/stats")
    assert (found.name, found.cmd, found.singleton, found.copy_env, found.copy_path) == (
        "circusd-stats",
        sys.executable,
        True,
        True,
        True,
    )
    assert not found.use_sockets, "it would keep an address taken that circusd has let go of"
    assert words(found).startswith("-m circus_plugins_builtin.stats --endpoint tcp://127.0.0.1:5555")
    assert "--pubsub ipc:///run/pub --statspoint ipc:///run/stats --log-level info" in words(found)


def test_endpoint_for_everybody_is_reached_on_this_machine() -> None:
    assert "--endpoint tcp://127.0.0.1:5555 " in words(companion("tcp://0.0.0.0:5555"))


def test_same_configuration_gives_the_same_watcher() -> None:
    assert companion() == companion()


def test_it_logs_where_circusd_does() -> None:
    assert words(companion(logoutput="/var/log/circus.log", loglevel="warning")).endswith(
        "--log-level warning --log-output /var/log/circus.log"
    )


def test_output_is_shown_or_thrown_away() -> None:
    assert companion().stdout_stream is None
    shown = companion(debug=True)
    assert shown.stdout_stream is not None and shown.stdout_stream.class_name == "StdoutStream"
    assert "--log-level debug" in words(shown)
    closed = companion(statsd_close_outputs=True)
    assert (closed.close_child_stdout, closed.close_child_stderr) == (True, True)


def test_without_an_endpoint_it_cannot_be() -> None:
    config = Config(circus=CircusConfig(statsd=True))
    (error,) = circus_companions(config, "", "") or []
    assert isinstance(error, OptionError) and error.option == "statsd"
