"""The command ``upgrade``: what it asks for, what it tells."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from circus_core import __version__
from circus_core.errors import UpgradeError
from circus_core.interfaces import Upgrade as LastUpgrade
from circus_core.program import Program
from circus_plugins_builtin.commands.upgrade import Upgrade, UpgradeArgs
from tests.support.fake_arbiter import FakeArbiter

OLD = Program(version="0.9", python="/old/bin/python")


def test_it_tells_what_serves_now_and_what_did() -> None:
    arbiter = FakeArbiter()
    arbiter.last_upgrade = LastUpgrade(count=2, time=1000.0, previous=OLD)

    reply = asyncio.run(Upgrade().execute(arbiter, UpgradeArgs(python="/new/bin/python", timeout=7.0)))

    assert arbiter.calls == [("upgrade", None, {"python": "/new/bin/python", "timeout": 7.0})]
    assert reply == {
        "version": __version__,
        "python": sys.executable,
        "previous": {"version": "0.9", "python": "/old/bin/python"},
        "upgrades": 2,
    }
    text = f"circus {__version__} on {sys.executable} (was 0.9 on /old/bin/python)"
    assert Upgrade().format_reply(reply) == text


def test_its_failure_is_an_error() -> None:
    arbiter = FakeArbiter()
    arbiter.failure = "it ended with 1"

    with pytest.raises(UpgradeError, match="it ended with 1"):
        asyncio.run(Upgrade().execute(arbiter, UpgradeArgs()))


@pytest.mark.parametrize(
    ("word", "python"),
    [
        pytest.param("venv/bin/python", f"{os.getcwd()}/venv/bin/python", id="a-relative-path-is-the-caller's"),
        pytest.param("/venv", "/venv", id="a-path"),
        pytest.param("python3.13", "python3.13", id="a-name-is-circusd's"),
    ],
)
def test_where_the_interpreter_is(word: str, python: str) -> None:
    assert Upgrade().parse_words(["--python", word, "--timeout", "5"]) == UpgradeArgs(python=python, timeout=5.0)
