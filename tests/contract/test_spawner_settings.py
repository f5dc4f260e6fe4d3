"""What every Spawner promises of exact settings: all of them or no process."""

from __future__ import annotations

import errno
import os
import re
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from circus_core.spawner import (
    Credentials,
    OpenFd,
    Spawner,
    Stdio,
    StoredFd,
)
from tests.support.spawners import (
    MAKERS,
    Harness,
    born_limit,
    report_request,
    request,
    wraps_all,
    write_program,
)

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can run a process as another user")


def test_umask(make_spawner: Callable[[], Spawner]) -> None:
    mine = os.umask(0o27)
    try:
        harness = Harness(make_spawner)
        assert harness.report(report_request())["umask"] == 0o27
        assert harness.report(report_request(umask=0o77))["umask"] == 0o77
        assert harness.report(report_request(umask=0))["umask"] == 0
        harness.close()
    finally:
        os.umask(mine)


def test_limits_are_exact(harness: Harness) -> None:
    limits = {
        resource.RLIMIT_CORE: (0, 4096),
        resource.RLIMIT_FSIZE: (9, 1 << 20),
        resource.RLIMIT_NOFILE: (50, 60),
    }
    seen = harness.report(report_request(limits=limits))["limits"]
    assert seen["RLIMIT_CORE"] == [0, 4096]
    assert seen["RLIMIT_FSIZE"] == [9, 1 << 20]
    assert seen["RLIMIT_NOFILE"] == [50, 60]


@needs_root
def test_limit_can_be_unlimited(harness: Harness) -> None:
    limits = {resource.RLIMIT_CORE: (-1, -1)}
    assert harness.report(report_request(limits=limits))["limits"]["RLIMIT_CORE"] == [-1, -1]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        pytest.param({resource.RLIMIT_NOFILE: (10, 5)}, "limit nofile cannot be 10 (soft) and 5 (hard)", id="order"),
        pytest.param(
            {resource.RLIMIT_NOFILE: (10, 1 << 40)}, "limit nofile cannot be 10", id="above-what-the-kernel-has"
        ),
        pytest.param({4711: (1, 1)}, "limit 4711 cannot be 1", id="unknown"),
    ],
)
def test_impossible_limit_is_a_failed_spawn(
    harness: Harness, tmp_path: Path, limits: dict[int, tuple[int, int]], words: str
) -> None:
    failure = harness.failure(request("touch", str(tmp_path / "ran"), limits=limits))

    assert words in failure.error
    assert failure.errno in (errno.EINVAL, errno.EPERM)
    assert not (tmp_path / "ran").exists()


@needs_root
def test_credentials_are_complete(harness: Harness) -> None:
    who = Credentials(uid=65534, gid=1, groups=(2, 3, 65534))
    wanted = request("grep", "id:\\|Groups:", "/proc/self/status", credentials=who, stdout=Stdio.PIPE)
    lines = harness.output(harness.spawn_one(wanted)).decode().splitlines()
    words = {line.split()[0]: [int(word) for word in line.split()[1:]] for line in lines}
    assert words.items() >= {"Uid:": [65534] * 4, "Gid:": [1] * 4, "Groups:": [2, 3, 65534]}.items()


@needs_root
def test_credentials_left_out_stay(harness: Harness) -> None:
    report = harness.report(report_request(credentials=Credentials(gid=1)))
    assert report["uids"] == list(os.getresuid())
    assert report["gids"] == [1] * 3
    assert report["groups"] == sorted(os.getgroups())
    assert harness.report(report_request(credentials=Credentials(groups=())))["groups"] == []


@needs_root
def test_raised_limit_is_set_before_privileges_go_or_fails(harness: Harness) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = request(
        "sh",
        "-c",
        "ulimit -n; ulimit -Hn",
        credentials=Credentials(uid=65534, gid=65534, groups=()),
        limits={resource.RLIMIT_NOFILE: (soft, hard + 10)},
        stdout=Stdio.PIPE,
    )
    if may_raise_limits():
        assert harness.output(harness.spawn_one(wanted)).split() == [b"%d" % soft, b"%d" % (hard + 10)]
    else:
        failure = harness.failure(wanted)
        assert f"limit nofile cannot be {soft} (soft) and {hard + 10} (hard): operation not permitted" in failure.error


@needs_root
def test_directory_and_program_are_entered_as_the_user(harness: Harness, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    write_program(tmp_path / "tool", "exit 0")
    nobody = Credentials(uid=65534, gid=65534, groups=())

    failure = harness.failure(request("true", cwd=str(tmp_path), credentials=nobody))
    assert failure.error == f"working directory {str(tmp_path)!r} cannot be entered: permission denied (as user 65534)"
    failure = harness.failure(request(str(tmp_path / "tool"), credentials=nobody))
    assert failure.error == f"program '{tmp_path}/tool' cannot be run: permission denied (as user 65534)"
    assert failure.errno == errno.EACCES


@needs_root
@pytest.mark.parametrize("who", [Credentials(uid=2**32 - 1), Credentials(gid=2**32 - 1), Credentials(uid=2**40)])
def test_impossible_user_is_a_failed_spawn(harness: Harness, tmp_path: Path, who: Credentials) -> None:
    failure = harness.failure(request("touch", str(tmp_path / "ran"), credentials=who))
    assert str(who.uid or who.gid) in failure.error
    assert not (tmp_path / "ran").exists()


def test_listen_pid_is_its_own(harness: Harness) -> None:
    wanted = request("sh", "-c", "echo $LISTEN_PID $$", listen_pid=True, stdout=Stdio.PIPE)
    told, pid = harness.output(harness.spawn_one(wanted)).split()
    assert told == pid


def test_descriptors_for_listen_fds(harness: Harness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web, socket.create_server(("127.0.0.1", 0)) as admin:
        number = harness.spawner.store_fd("web", web.fileno())
        fds = {3: StoredFd("web"), 4: OpenFd(admin.fileno()), number: StoredFd("web")}
        seen = harness.report(report_request(fds=fds, listen_pid=True))["fds"]
        assert seen.keys() == {"0", "1", "2", "3", "4", str(number)}
        assert seen["3"] == seen[str(number)] == os.readlink(f"/proc/self/fd/{web.fileno()}")
        assert seen["4"] == os.readlink(f"/proc/self/fd/{admin.fileno()}")


@pytest.mark.parametrize(
    "make_spawner", [MAKERS["daemon"], MAKERS["keeper"], wraps_all], ids=["daemon", "keeper", "wraps"]
)
def test_children_get_the_born_limit(harness: Harness) -> None:
    mine = resource.getrlimit(resource.RLIMIT_NOFILE)
    for fields in ({}, {"umask": 0o22}, {"fds": {200: OpenFd(1)}}):
        assert harness.report(report_request(**fields))["limits"]["RLIMIT_NOFILE"] == list(born_limit())
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == mine


def may_raise_limits() -> bool:
    capabilities = re.search(r"^CapEff:\s+(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert capabilities is not None
    return bool(int(capabilities[1], 16) & 1 << 24)  # CAP_SYS_RESOURCE
