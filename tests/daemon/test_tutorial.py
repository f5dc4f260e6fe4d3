"""The tutorial does what it says: its files are written, its commands run, their output compared."""

from __future__ import annotations

import os
import re
import subprocess
from functools import partial
from typing import Final

from tests.support.daemon import Daemon
from tests.support.ini import Section
from tests.support.pages import TUTORIALS, as_pattern, blocks, commands
from tests.support.waiting import wait_for

READING: Final = {"list", "listsockets", "numprocesses", "status"}


def run(daemon: Daemon, line: str) -> str:
    program, *words = line.split()
    command = daemon.flavour.circusd if program == "circusd" else daemon.flavour.circusctl
    environ = {**os.environ, "CIRCUSCTL_ENDPOINT": daemon.endpoint}
    done = subprocess.run(
        [*command, *words], cwd=daemon.home, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


def matches(daemon: Daemon, line: str, pattern: str) -> bool:
    return re.fullmatch(pattern, run(daemon, line)) is not None


def test_tutorial(daemon: Daemon) -> None:
    endpoints = Section("circus", {"endpoint": daemon.endpoint, "pubsub_endpoint": daemon.pubsub_endpoint})
    for kind, text, name in blocks(TUTORIALS / "first-stack.md"):
        if kind != "console":
            (daemon.home / name).write_text(f"{endpoints}\n{text}" if kind == "ini" else text)
            continue
        for line, output in commands(text):
            program, *words = line.split()
            if program == "circusctl" and not daemon.pid:
                daemon.launch("stack.ini")
                daemon.wait_until_up()
            pattern = as_pattern(output)
            if words[0] in READING:
                wait_for(partial(matches, daemon, line, pattern), f"{line}: {output}")
            else:
                assert matches(daemon, line, pattern), line
    assert daemon.wait_exit() == 0
