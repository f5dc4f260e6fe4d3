"""What every Spawner says when it cannot create a child."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from circus_core._descriptors import open_fds
from circus_core.spawner import (
    OpenFd,
    SpawnFailure,
    SpawnRequest,
    Stdio,
    StoredFd,
)
from tests.support.procs import children_of
from tests.support.spawners import (
    PATH,
    Harness,
    request,
    write_program,
)
from tests.support.waiting import wait_for


@pytest.mark.parametrize(
    ("fields", "number", "text"),
    [
        pytest.param(
            {"argv": ("tool",)}, errno.ENOENT, "program 'tool' was not found in PATH=/bin:/usr/bin; ", id="path"
        ),
        pytest.param(
            {"argv": ("tool",), "env": {}}, errno.ENOENT, "'tool' was not found in /bin:/usr/bin and its", id="none"
        ),
        pytest.param({"argv": ("/no/tool",)}, errno.ENOENT, "program '/no/tool' does not exist", id="missing"),
        pytest.param(
            {"argv": ("{tmp}/file/tool",)}, errno.ENOTDIR, "program '{tmp}/file/tool' does not exist", id="notdir"
        ),
        pytest.param(
            {"argv": ("{tmp}/file",)}, errno.EACCES, "program '{tmp}/file' is not executable; chmod +x", id="mode"
        ),
        pytest.param({"argv": ("{tmp}",)}, errno.EACCES, "program '{tmp}' is a directory", id="directory"),
        pytest.param({"argv": ("{tmp}/link",)}, errno.ENOENT, "program '{tmp}/link' is a link to nothing", id="link"),
        pytest.param({"argv": ("{tmp}/bang",)}, errno.ENOENT, "'{tmp}/bang' cannot be run: the interpreter", id="bang"),
        pytest.param(
            {"argv": ("{tmp}/text",)}, errno.ENOEXEC, "'{tmp}/text' is neither a program of this", id="format"
        ),
        pytest.param({"cwd": "{tmp}/none"}, errno.ENOENT, "working directory '{tmp}/none' does not exist", id="cwd"),
        pytest.param(
            {"cwd": "{tmp}/file"}, errno.ENOTDIR, "working directory '{tmp}/file' is not a dir", id="cwd-file"
        ),
        pytest.param(
            {"argv": ("true", "x" * (1 << 20))}, errno.E2BIG, "its 2 arguments and environment are too", id="big"
        ),
        pytest.param({"argv": ()}, errno.EINVAL, "the command is empty", id="no-words"),
        pytest.param({"argv": ("",)}, errno.EINVAL, "the command is empty", id="empty"),
        pytest.param({"argv": ("true", "a\0b")}, errno.EINVAL, "'a\\x00b' has a character that", id="nul"),
        pytest.param({"argv": ("true", "\ud800")}, errno.EINVAL, "'\\ud800' has a character that", id="surrogate"),
        pytest.param(
            {"env": {"A=B": ""}}, errno.EINVAL, "environment variable 'A=B' cannot have this name", id="env-name"
        ),
        pytest.param(
            {"env": {"A": "\0"}}, errno.EINVAL, "environment variable 'A' has a character in its value", id="env-nul"
        ),
    ],
)
@pytest.mark.parametrize("exactly", [{}, {"umask": 0o22}], ids=["plain", "exact"])
def test_failure_names_what_is_wrong(
    harness: Harness, tmp_path: Path, fields: dict[str, Any], number: int, text: str, *, exactly: dict[str, int]
) -> None:
    write_program(tmp_path / "file", "", mode=0o644)
    (tmp_path / "link").symlink_to("nowhere")
    write_program(tmp_path / "bang", "", first="#!/no/interpreter\n")
    write_program(tmp_path / "text", "", first="just text\n")
    filled = {name: _fill(value, tmp_path) for name, value in fields.items()}

    failure = harness.failure(SpawnRequest(**{"argv": ("true",), "env": PATH, **filled, **exactly}))

    assert text.replace("{tmp}", str(tmp_path)) in failure.error
    assert failure.errno == number
    assert "Errno" not in failure.error


def test_nothing_is_left_of_a_failure(harness: Harness) -> None:
    before = open_fds()
    children = set(children_of(os.getpid()))
    wrong = [
        request("/no/such", stdout=Stdio.PIPE, stderr=Stdio.PIPE),
        request("/no/such", stdout=Stdio.PIPE, umask=0o22),
        request("true", cwd="/no/such", fds={40: OpenFd(0)}),
        request("true", stdin=StoredFd("none"), stdout=Stdio.PIPE),
    ]
    assert all(isinstance(answer, SpawnFailure) for answer in harness.answers(*wrong))
    assert open_fds_without_pidfds(before)

    def look() -> bool:
        harness.run_for_a_turn()
        return set(children_of(os.getpid())) == children

    wait_for(look, "no child is left")
    assert harness.spawner.children() == []
    assert harness.batches == []


def open_fds_without_pidfds(before: list[int]) -> bool:
    """Tell if nothing but descriptors of processes was opened since."""
    new = set(open_fds()) - set(before)
    return all(os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:[pidfd]" for fd in new)


def _fill(value: Any, tmp_path: Path) -> Any:
    if isinstance(value, str):
        return value.replace("{tmp}", str(tmp_path))
    if isinstance(value, tuple):
        return tuple(_fill(item, tmp_path) for item in value)
    return value
