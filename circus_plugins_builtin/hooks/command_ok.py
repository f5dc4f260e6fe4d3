"""The hook ``command_ok``."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from circus_core.options import Kind, OnChange, option
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.hooks._waiting import Waiting, wait_until


def _command(text: str) -> str:
    if not shlex.split(text):
        raise ValueError("empty")
    return text


@dataclass(frozen=True, kw_only=True)
class CommandOk(Waiting):
    """Options of ``command_ok``."""

    prefix = "hook.command_ok"
    needed = "command"
    example = "pg_isready -q"

    command: str | None = option(
        Kind(name="command line", parse=_command, fix="write the command to run; close its quotes"),
        None,
        "Command that has to exit with 0, split as a shell would. Required.",
        on_change=OnChange.NOTHING,
    )


async def command_ok(*, watcher: Any, **others: Any) -> bool:
    """Wait until a command succeeds, run as the user of circusd in the watcher's environment and folder.

    A try that takes longer than 5 seconds is killed, with what it started, and counts as failed.
    """
    given = dict(watcher.options())
    options = CommandOk.of(given)
    words = shlex.split(options.command or "")

    def run(seconds: float) -> None:
        _run(words, given["env"] or {}, given["working_dir"], seconds)

    return await wait_until(run, options, repr(options.command))


def _run(words: list[str], env: Mapping[str, str], cwd: str, seconds: float) -> None:
    process = subprocess.Popen(
        words,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    with process:
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise TimeoutError(f"it did not end in {seconds:g}s") from None
    if process.returncode:
        lines = said.decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        raise OSError(f"exit code {process.returncode}" + (f": {last}" if last else ""))
