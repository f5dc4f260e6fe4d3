"""What a configuration needs of the machine."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from circus_core.config import Config
from circus_core.errors import SpawnError
from circus_core.machine import find_program, machine_problems, resolve_credentials, watcher_problems
from circus_core.options import WatcherConfig
from circus_core.spawner import Credentials


def problems(**options: Any) -> list[tuple[str, str]]:
    config = WatcherConfig(name="w", **{"cmd": "sh", **options})
    return [(error.option, error.why) for error in watcher_problems(config)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cmd": "/bin/sh -c 'exit 0'"},
        {"uid": "root", "gid": "root"},
        {"uid": "12345", "gid": 12345},
        {"shell": True, "cmd": "no-such-program | cat"},
        {"cmd": "no-such-name", "executable": "/bin/sh"},
        {"cmd": "bin/sh", "working_dir": "/"},
        {"cmd": "sh", "env": {"PATH": ":bin"}, "working_dir": "/"},
        {"cmd": "$(circus.env.P)", "env": {"P": "sh"}},
    ],
)
def test_what_is_there(options: dict[str, Any]) -> None:
    assert problems(**options) == []


@pytest.mark.parametrize(
    ("options", "option", "why"),
    [
        ({"uid": "no-such-user"}, "uid", "no user of this machine is named 'no-such-user'"),
        ({"gid": "no-such-group"}, "gid", "no group of this machine is named 'no-such-group'"),
        ({"uid": "99999999999"}, "uid", "99999999999 is not from 0 to 4294967294"),
        ({"working_dir": "/no/such/place"}, "working_dir", "no such directory"),
        ({"working_dir": "/etc/passwd"}, "working_dir", "is not a directory"),
        ({"virtualenv": "/no/such/venv"}, "virtualenv", "no such folder"),
        ({"virtualenv": "/", "virtualenv_py_ver": "9.9"}, "virtualenv", "//lib/python9.9/site-packages is not there"),
        ({"cmd": "no-such-program"}, "cmd", "there is no program 'no-such-program' in /bin:/usr/bin"),
        ({"cmd": "sh", "env": {"PATH": "/nowhere"}}, "cmd", "there is no program 'sh' in /nowhere"),
        ({"cmd": "/no/such/program x"}, "cmd", "there is no program '/no/such/program'"),
        ({"cmd": "/etc/passwd"}, "cmd", "'/etc/passwd' is no program that may be run"),
        ({"cmd": "/usr"}, "cmd", "'/usr' is a directory"),
        ({"executable": "no-such-shell"}, "executable", "there is no program 'no-such-shell' in /bin:/usr/bin"),
        ({"cmd": "$(circus.env.E)", "env": {"E": ""}}, "cmd", "has no word"),
    ],
)
def test_what_is_not_there(options: dict[str, Any], option: str, why: str) -> None:
    (found,) = problems(**options)

    assert found[0] == option
    assert why.replace("//", "/") in found[1].replace("//", "/")


def test_problems_of_several_watchers_with_their_places() -> None:
    config = Config(
        watchers=(
            WatcherConfig(name="good", cmd="sh"),
            WatcherConfig(name="bad", cmd="no-such-program", uid="no-such-user", working_dir="/nowhere"),
        ),
        where={("watcher:bad", "uid"): "c.ini:7"},
    )

    found = machine_problems(config)

    assert list(found) == ["bad"]
    assert [error.option for error in found["bad"]] == ["uid", "working_dir"]
    assert str(found["bad"][0]) == (
        "c.ini:7: [watcher:bad] uid = 'no-such-user': no user of this machine is named 'no-such-user'; "
        "create the user or write another one"
    )


def test_first_folder_of_path_wins(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        program = tmp_path / folder / "prog"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (tmp_path / "a" / "prog").chmod(0o644)

    assert find_program("prog", {"PATH": "a:b"}, str(tmp_path)) == str(tmp_path / "b" / "prog")


def test_credentials() -> None:
    root = pwd.getpwnam("root")
    groups = tuple(os.getgrouplist("root", 0))

    assert resolve_credentials(None, None) is None
    assert resolve_credentials("root", None) == Credentials(uid=0, gid=root.pw_gid, groups=groups)
    assert resolve_credentials("0", None) == Credentials(uid=0, gid=root.pw_gid, groups=groups)
    assert resolve_credentials(54321, None) == Credentials(uid=54321, groups=())
    assert resolve_credentials(54321, 3) == Credentials(uid=54321, gid=3, groups=(3,))
    assert resolve_credentials(None, grp.getgrgid(0).gr_name) == Credentials(gid=0)


@pytest.mark.parametrize(("uid", "gid"), [("no-such-user", None), (None, "no-such-group"), (-1, None)])
def test_credentials_of_nobody(uid: str | int | None, gid: str | None) -> None:
    with pytest.raises(SpawnError, match="write another uid or gid"):
        resolve_credentials(uid, gid)
