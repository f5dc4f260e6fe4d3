"""The pages of the documents on plugins: what they show works as they show it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import Section
from tests.support.plugins import wait_connected
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("the pages are about ours")

DOCS = Path(__file__).parents[3] / "docs"


def block(page: str, language: str) -> str:
    """Return the first block of a language in a page."""
    found = re.search(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_plugin_of_the_page_does_what_the_page_says(daemon: Daemon) -> None:
    page = "how-to/write-a-plugin.md"
    (daemon.home / "stop_on_crash.py").write_text(block(page, "python"))
    daemon.write()
    with daemon.config.open("a") as file:
        file.write(block(page, "ini"))

    daemon.launch(str(daemon.config))
    daemon.wait_until_up()

    wait_for(lambda: "fails stopped" in daemon.log, "the plugin to stop it")
    daemon.wait_status("plugin:stopper", "active")
    daemon.call("start", name="fails")
    daemon.call("stop", name="plugin:stopper", waiting=True)
    by_hand = [str(Path(sys.executable).with_name("circus-plugin")), "--config", "crashes:2", "./stop_on_crash.py"]
    addresses = ["--endpoint", daemon.endpoint, "--pubsub", daemon.pubsub_endpoint]
    child = subprocess.Popen([*by_hand, *addresses], cwd=daemon.home, stderr=subprocess.DEVNULL)
    try:
        daemon.wait_status("fails", "stopped")
    finally:
        child.terminate()
        assert child.wait(60) == 0


def test_stack_of_the_page_is_watched_over(daemon: Daemon) -> None:
    text = block("how-to/watch-over-a-stack.md", "ini")
    text = text.replace("cmd = python3 -m app", "cmd = sleep 100").replace("port = 9617", "port = 0")
    daemon.write(Section("circus", {}))
    with daemon.config.open("a") as file:
        file.write(text)

    daemon.launch(str(daemon.config))
    daemon.wait_until_up()
    daemon.wait_status("plugin:care", "active")

    for name in ("health", "flapping", "file_watch", "notify", "prometheus"):
        wait_connected(daemon, name)
    assert len(daemon.pids("plugin:care")) == 1

    assert "cannot run" not in daemon.log
