"""The options of ``circusctl`` itself, which stand before the command."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Final

from circus_core.arguments import Takes, arg, schema
from circus_core.errors import UsageError
from circus_core.protocol import DEFAULT_ENDPOINT_DEALER
from circus_core.quick_dataclass import dataclass
from circus_core.usage import UnknownOptionError, argument_lines, parse_leading

USAGE: Final = "usage: circusctl [options] command [args]"
_OPTION: Final = Takes.OPTION


@dataclass(frozen=True, slots=True)
class Options:
    """What was given before the command."""

    endpoint: str = arg(
        "", doc="the daemon's address; default $CIRCUSCTL_ENDPOINT, else 5555 on localhost", takes=_OPTION
    )
    timeout: float = arg(5.0, doc="seconds to wait for a reply; default 5", takes=_OPTION)
    json: bool = arg(False, doc="show the reply as JSON on one line")
    prettify: bool = arg(False, doc="with --json: indented, in colours where pygments is installed")
    ssh: str = arg("", doc="tunnel through user@host[:port]; the endpoint is as seen from there", takes=_OPTION)
    ssh_keyfile: str = arg("", doc="key to log in with", takes=_OPTION)
    help: bool = arg(False, doc="list the commands, or tell all about the one that follows")
    version: bool = arg(False, doc="show the version")


def parse(words: Sequence[str], environ: Mapping[str, str] = os.environ) -> tuple[Options, list[str]]:
    """Return the options with the words from the command on.

    :raises UsageError: an option is unknown or has a value that cannot be
    """
    values, rest = parse_leading(schema(Options), words)
    default = environ.get("CIRCUSCTL_ENDPOINT") or DEFAULT_ENDPOINT_DEALER
    options = Options(**{**values, "endpoint": values.get("endpoint") or default})
    if not (math.isfinite(options.timeout) and 0 < options.timeout < 1e9):
        raise UsageError("argument --timeout: write seconds, more than 0", exit_code=2)
    return options, rest


def option_lines() -> list[str]:
    """Return a line of help for each option."""
    return argument_lines(schema(Options))


def misplaced(error: UnknownOptionError, command: str) -> str | None:
    """Return what to write instead when *error* is about one of these options behind the command."""
    name = error.option.removeprefix("--").partition("=")[0].replace("-", "_")
    if any(prop.flag == name for prop in schema(Options)):
        return (
            f"{error.option} is an option of circusctl: write it before the command, circusctl {error.option} {command}"
        )
    return None
