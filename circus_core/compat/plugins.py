"""The command line of a plugin, as programs that embed Circus have built it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import Any

from circus_core._plugin_text import encode


def get_plugin_cmd(
    config: Mapping[str, Any],
    endpoint: str,
    pubsub: str,
    check_delay: float,
    ssh_server: str | None,
    debug: bool = False,
    loglevel: str | None = None,
    logoutput: str | None = None,
) -> str:
    """Return the command that runs the plugin of *config*, which is named by its ``use``, in words for a shell."""
    words = [sys.executable or "python3", "-m", "circus_core.cli.plugin", "--endpoint", endpoint, "--pubsub", pubsub]
    words += ["--check-delay", f"{check_delay:g}"]
    words += ["--ssh", ssh_server] if ssh_server else []
    options = {key: value for key, value in config.items() if key != "use"}
    words += ["--config", encode(options)] if options else []
    level = "debug" if debug else loglevel
    words += ["--log-level", level] if level else []
    words += ["--log-output", logoutput] if logoutput else []
    return shlex.join([*words, config["use"]])
