"""Who a process is and what it is given: user, limits, environment, folder, descriptors, command line."""

from __future__ import annotations

import grp
import os
import pwd
import resource
import sys
from pathlib import Path

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, circus, env, identity, watcher
from tests.support.waiting import wait_for

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root; run the tests as root, as the CI does")


def test_a_process_gets_no_environment_by_itself(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w")), env={**os.environ, "SECRET": "1"})

    assert {k: v for k, v in daemon.identity("w")["env"].items() if k != "__name__"} == {}


def test_env_sections_apply_in_the_order_of_the_file(daemon: Daemon) -> None:
    daemon.start(
        env(A="all", B="all", C="all"),
        env("w*", B="glob", C="glob"),
        env("other,web", C="$HOME-$NOT_SET_ANYWHERE-${HOME}"),
        watcher("web", cmd=identity("web")),
        env={**os.environ, "HOME": "/home/of/circusd"},
    )

    got = daemon.identity("web")["env"]

    assert {k: got[k] for k in "ABC"} == {"A": "all", "B": "glob", "C": "/home/of/circusd--${HOME}"}


def test_copy_env_adds_the_daemons_own(daemon: Daemon) -> None:
    daemon.start(
        env("w", MINE="ini"),
        watcher("w", cmd=identity("w"), copy_env=True),
        env={**os.environ, "MINE": "x", "HIS": "y"},
    )

    got = daemon.identity("w")["env"]

    assert (got["MINE"], got["HIS"]) == ("ini", "y")
    assert got["PATH"] == os.environ["PATH"]


def test_copy_path_gives_the_daemons_import_path(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w"), copy_env=True, copy_path=True))

    parts = daemon.identity("w")["env"]["PYTHONPATH"].split(os.pathsep)

    assert any(part.endswith("site-packages") for part in parts)


def test_virtualenv_puts_its_programs_and_packages_first(daemon: Daemon) -> None:
    venv = daemon.home / "venv"
    packages = venv / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    (venv / "bin").mkdir()
    daemon.start(watcher("w", cmd=identity("w"), copy_env=True, virtualenv=venv))

    got = daemon.identity("w")["env"]

    assert got["PATH"].split(os.pathsep)[0] == str(venv / "bin")
    assert str(packages) in got["PYTHONPATH"].split(os.pathsep)


def test_working_dir(daemon: Daemon) -> None:
    folder = daemon.home / "there"
    folder.mkdir()
    daemon.start(watcher("w", cmd=identity("w"), working_dir=folder), watcher("x", cmd=identity("x")))

    assert daemon.identity("w")["cwd"] == str(folder)
    assert daemon.identity("x")["cwd"] == str(daemon.home)


def test_a_working_dir_that_is_missing_stops_that_watcher_alone(daemon: Daemon) -> None:
    daemon.start(watcher("w", working_dir="/nonexistent/folder"), watcher("fine"), wait=False)

    daemon.wait_status("w", "stopped")

    daemon.wait_status("fine", "active")
    assert "/nonexistent/folder" in daemon.log


@pytest.mark.parametrize(("given", "got"), [("077", 0o077), ("27", 0o027), ("0", 0)])
def test_umask_is_inherited(daemon: Daemon, given: str, got: int) -> None:
    daemon.start(circus(umask=given), watcher("w", cmd=identity("w")))

    assert daemon.identity("w")["umask"] == got


@as_root
def test_uid_brings_the_users_group_and_all_its_groups(daemon: Daemon) -> None:
    user = pwd.getpwnam("nobody")
    daemon.start(watcher("w", uid="nobody"))
    (pid,) = daemon.wait_ready("w").values()

    got = procs.credentials_of(pid)

    assert got == {
        "Uid": [user.pw_uid] * 4,
        "Gid": [user.pw_gid] * 4,
        "Groups": sorted(os.getgrouplist("nobody", user.pw_gid)),
    }


@as_root
def test_uid_as_a_number_with_a_gid_of_its_own(daemon: Daemon) -> None:
    user, group = pwd.getpwnam("daemon"), grp.getgrnam("adm")
    daemon.start(watcher("w", uid=user.pw_uid, gid="adm"))
    (pid,) = daemon.wait_ready("w").values()

    got = procs.credentials_of(pid)

    assert got["Uid"] == [user.pw_uid] * 4
    assert got["Gid"] == [group.gr_gid] * 4
    assert 0 not in got["Groups"]


@as_root
def test_gid_alone_keeps_the_user(daemon: Daemon) -> None:
    daemon.start(watcher("w", gid="adm"))
    (pid,) = daemon.wait_ready("w").values()

    got = procs.credentials_of(pid)

    assert got["Uid"] == [0] * 4
    assert got["Gid"] == [grp.getgrnam("adm").gr_gid] * 4


@pytest.mark.parametrize("option", ["uid", "gid"])
def test_an_unknown_user_or_group_stops_that_watcher_alone(daemon: Daemon, option: str) -> None:
    daemon.start(watcher("w", {option: "nosuchname"}), watcher("fine"), wait=False)

    daemon.wait_status("fine", "active")
    daemon.wait_status("w", "stopped")
    assert "nosuchname" in daemon.log
    assert daemon.said("ready", "w") == []


def test_limits_are_soft_and_hard(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w"), rlimit_nofile=100, rlimit_core=0, rlimit_nproc=5000))

    got = daemon.identity("w")["limits"]

    assert got["nofile"] == [100, 100]
    assert got["core"] == [0, 0]
    assert got["nproc"] == [5000, 5000]


@as_root
def test_an_empty_limit_is_none(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w"), rlimit_stack="", rlimit_fsize=""))

    got = daemon.identity("w")["limits"]

    assert got["stack"] == got["fsize"] == [-1, -1]


def test_a_process_gets_the_descriptor_limit_that_circusd_was_born_with(daemon: Daemon) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    daemon.start(watcher("w", cmd=identity("w")), via=["/bin/sh", "-c", 'ulimit -S -n 300; exec "$@"', "sh"])

    assert daemon.identity("w")["limits"]["nofile"] == [300, hard]


@pytest.mark.differs("B5: leaves the watcher in starting, and those after it stopped")
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"rlimit_nonsense": 5}, id="unknown-limit"),
        pytest.param({"rlimit_nice": 2**70}, id="impossible-limit"),
        pytest.param({"stdin_socket": "nosuch"}, id="unknown-stdin-socket"),
    ],
)
def test_a_limit_or_socket_that_cannot_be_set_never_runs_the_program(
    daemon: Daemon, options: dict[str, object]
) -> None:
    daemon.write(watcher("a", options), watcher("fine"))
    daemon.launch(str(daemon.config))

    if _ended(daemon):
        assert daemon.wait_exit() == 1
        assert next(iter(options)) in daemon.log
    else:
        daemon.wait_status("fine", "active")
        daemon.wait_status("a", "stopped")
    assert daemon.said("ready", "a") == []


def _ended(daemon: Daemon) -> bool:
    """Tell whether circusd refused to start; return once that, or that it answers, is known."""

    def known() -> str | None:
        if not daemon.is_running:
            return "ended"
        return "up" if (daemon.home / "ctl").exists() else None

    if wait_for(known, "circusd to answer or to end") == "ended":
        return True
    daemon.wait_until_up()
    return False


def test_only_the_three_standard_descriptors_are_open(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w"), numprocesses=3))

    for facts in daemon.identities("w", 3):
        assert set(facts["fds"]) == {"0", "1", "2"}
        assert facts["fds"]["0"]["target"] == "/dev/null"


def test_no_descriptor_that_circusd_was_born_with_leaks(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w")), via=["/bin/sh", "-c", 'exec 7</etc/passwd; exec "$@"', "sh"])

    assert set(daemon.identity("w")["fds"]) == {"0", "1", "2"}


def test_signals_are_as_a_program_expects_them(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w")))

    got = daemon.identity("w")

    assert got["blocked"] == []
    assert set(got["ignored"]) <= {"SIGPIPE", "SIGXFSZ"}  # by Python itself


@pytest.mark.parametrize(
    ("cmd", "args", "argv"),
    [
        pytest.param("a 'b c'", "d", ["a", "b c", "d"], id="cmd-and-args"),
        pytest.param("$(circus.wid)", "$(circus.numprocesses)-((circus.wid))", ["1", "1-1"], id="variables"),
        pytest.param("$(CIRCUS.ENV.Word)", "$(circus.nope)", ["x", "y", "$(circus.nope)"], id="env-is-split"),
        pytest.param(
            "$WID", "$(WID)", ["1", "1"], id="old-wid", marks=pytest.mark.differs("B19: $WID is not substituted")
        ),
    ],
)
def test_command_line(daemon: Daemon, cmd: str, args: str, argv: list[str]) -> None:
    daemon.start(env("w", Word="x y"), watcher("w", cmd=f"{identity('w')} {cmd}", args=args))

    assert daemon.identity("w")["argv"][2:] == argv


def test_each_process_has_its_wid(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w"), numprocesses=3))

    assert [facts["argv"][1] for facts in daemon.identities("w", 3)] == ["1", "2", "3"]


def test_a_program_is_found_in_its_own_path(daemon: Daemon) -> None:
    program = daemon.home / "bin" / "my-program"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "ready w 1 $$"\nexec sleep 3600\n')
    program.chmod(0o755)
    daemon.start(env("w", PATH=f"{program.parent}:/usr/bin:/bin"), watcher("w", cmd="my-program"))

    daemon.wait_ready("w")


def test_shell_runs_the_line_in_a_shell(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd="echo ready w 1", shell=True), wait=False)

    wait_for(lambda: daemon.said("ready", "w"), "its output")


@pytest.mark.differs("B20: quotes every word, so shell syntax never works")
def test_shell_syntax_works(daemon: Daemon) -> None:
    daemon.start(
        env("w", WORD="deep"),
        watcher("w", cmd="echo ready w $WORD | tr d D; exec sleep 3600", shell=True, shell_args="zero one"),
        watcher("x", cmd="echo ready x $0 $1; exec sleep 3600", shell=True, shell_args="zero one"),
    )

    wait_for(lambda: daemon.said("ready", "x") and "reaDy w Deep" in daemon.output, "their output")

    assert daemon.said("ready", "x") == [["zero", "one"]]


@pytest.mark.differs("B45: executable is ignored")
def test_executable_runs_instead_of_the_first_word(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=f"shown -I -S {PROGRAMS}/identity.py w $(circus.wid)", executable=sys.executable))

    pid = daemon.identity("w")["pid"]

    assert Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] == b"shown"
