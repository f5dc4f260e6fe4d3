"""The tutorial on extensions does what it says, from an empty folder to a wheel that another environment installs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import Section, ready, watcher
from tests.support.pages import TUTORIALS, as_pattern, blocks, commands
from tests.support.venvs import Venv
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("it has no extensions")

PAGE = TUTORIALS / "first-extension.md"
ASKS_AGAIN = {"circusctl crashes", "circusctl status"}


class Terminal:
    """Where the reader types: an environment with Circus and pytest, the folder, the daemon of ``stack.ini``."""

    def __init__(self, venv: Venv, folder: Path) -> None:
        self.daemon = Daemon(venv.flavour)
        self.folder = folder
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "PIP"))},
            "PATH": f"{venv.python.parent}:{os.environ['PATH']}",
            "CIRCUSCTL_ENDPOINT": self.daemon.endpoint,
            # What pip would fetch for the build is here already.
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".ini":
            options = {"endpoint": self.daemon.endpoint, "pubsub_endpoint": self.daemon.pubsub_endpoint}
            text = f"{Section('circus', options)}\n{text}"
        path.write_text(text)

    def run(self, line: str) -> str:
        if line.startswith("circusctl") and not self.daemon.pid:
            self.daemon.launch("stack.ini", cwd=self.folder, env=self.env)
            self.daemon.wait_until_up()
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def prints(self, line: str, output: str) -> bool:
        return re.fullmatch(as_pattern(output), self.run(line)) is not None


@pytest.mark.timeout(300)
def test_tutorial_on_extensions(circus_venv: Venv, tmp_path: Path) -> None:
    venv = circus_venv.copy(tmp_path / "venv")
    terminal = Terminal(venv, tmp_path / "extension")
    try:
        for kind, text, name in blocks(PAGE):
            if kind != "console":
                terminal.write(name, text)
                continue
            for line, output in commands(text):
                if line in ASKS_AGAIN:
                    wait_for(lambda line=line, output=output: terminal.prints(line, output), f"{line}: {output}")
                else:
                    said = terminal.run(line)
                    assert re.fullmatch(as_pattern(output), said), f"{line}: {said}"
        assert terminal.daemon.wait_exit() == 0
        check_elsewhere(circus_venv.copy(tmp_path / "elsewhere"), terminal.folder)
    finally:
        terminal.daemon.close()


def check_elsewhere(venv: Venv, folder: Path) -> None:
    """The wheel is usable in an environment that knows nothing of the folder, and gone after uninstall."""
    (wheel,) = (folder / "dist").iterdir()
    venv.install_wheel(wheel)
    daemon = Daemon(venv.flavour)
    try:
        daemon.start(watcher("web", {"cmd": ready("web"), "crashes.limit": 1}))
        assert daemon.ctl("crashes").stdout == "web: 0\n"
        daemon.stop()
        venv.uninstall("circus-crashes")
        daemon.start(watcher("web", {"cmd": ready("web"), "crashes.limit": 1}))
        assert daemon.ctl("crashes").returncode == 2
    finally:
        daemon.close()
