"""The programs that the how-to on clients shows do what it says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import watcher
from tests.support.pages import TUTORIALS, blocks

PAGE = TUTORIALS.parent / "how-to" / "command-a-daemon.md"
PRINTS = {
    "status.py": r"ok \nactive\n",
    "both.py": r"ok \['web'\]\n",
    "respawns.py": r"spawned \d+\nspawned \d+\n",
}


@pytest.mark.differs("it answers no such subscription")
def test_programs_of_the_how_to_work(daemon: Daemon) -> None:
    daemon.start(watcher("web", numprocesses=2))
    programs = {name: text for _, text, name in blocks(PAGE)}
    assert programs.keys() == PRINTS.keys()
    for name, text in programs.items():
        ours = text.replace("tcp://127.0.0.1:5555", daemon.endpoint).replace(
            "tcp://127.0.0.1:5556", daemon.pubsub_endpoint
        )
        ours = ours.replace("CircusClient()", f"CircusClient(endpoint={daemon.endpoint!r})")
        done = subprocess.run([sys.executable, "-c", ours], capture_output=True, text=True, timeout=60, check=False)
        assert re.fullmatch(PRINTS[name], done.stdout), f"{name}: {done.stdout}{done.stderr}"
