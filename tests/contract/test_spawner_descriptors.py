"""What every Spawner promises of descriptors and what it stores."""

from __future__ import annotations

import errno
import os
import signal
import socket
from pathlib import Path

import pytest

from circus_core.spawner import (
    OpenFd,
    Stdio,
    StoredFd,
)
from tests.support.spawners import (
    EACH_WAY,
    MAKERS,
    Harness,
    report_request,
    request,
)


def test_no_other_descriptor_is_open(harness: Harness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        harness.spawner.store_fd("other", two.fileno())
        assert harness.report(report_request())["fds"].keys() == {"0", "1", "2"}
        assert harness.report(report_request(umask=0o22))["fds"].keys() == {"0", "1", "2"}
        fds = {7: OpenFd(one.fileno()), 30: OpenFd(two.fileno())}
        assert harness.report(report_request(fds=fds))["fds"].keys() == {"0", "1", "2", "7", "30"}
        assert harness.report(report_request(fds=fds, umask=0o22))["fds"].keys() == {"0", "1", "2", "7", "30"}


@pytest.mark.parametrize("make_spawner", [MAKERS["library"], MAKERS["popen"]], ids=["library", "popen"])
def test_inheritable_descriptors_of_the_host_stay_with_it(harness: Harness) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    high = 150
    os.dup2(writer, high, inheritable=True)
    try:
        for fields in EACH_WAY:
            assert harness.report(report_request(**fields))["fds"].keys() == {"0", "1", "2"}
            fds = harness.report(report_request(fds={120: OpenFd(reader)}, **fields))["fds"]
            assert fds.keys() == {"0", "1", "2", "120"}
    finally:
        for fd in (reader, writer, high):
            os.close(fd)


def test_descriptors_can_swap_numbers(harness: Harness, tmp_path: Path) -> None:
    files = [(tmp_path / name).open("w") for name in "abc"]
    a, b, c = (file.fileno() for file in files)
    wanted = {a: OpenFd(b), b: OpenFd(c), c: OpenFd(a), 60: OpenFd(a)}
    for fields in EACH_WAY:
        seen = harness.report(report_request(fds=wanted, **fields))["fds"]
        names = {int(fd): Path(target).name for fd, target in seen.items() if int(fd) > 2}
        assert names == {a: "b", b: "c", c: "a", 60: "a"}
    for file in files:
        file.close()


def test_open_descriptor_may_be_closed_once_spawned(harness: Harness) -> None:
    reader, writer = os.pipe()
    for fields in EACH_WAY:
        spawned = harness.spawn_one(request("cat", stdin=OpenFd(reader), stdout=Stdio.PIPE, **fields))
        harness.spawner.signal(spawned.child, signal.SIGKILL)
        assert harness.output(spawned) == b""
    spawned = harness.spawn_one(request("cat", stdin=OpenFd(reader), stdout=Stdio.PIPE))
    os.close(reader)
    os.write(writer, b"hello")
    os.close(writer)
    assert harness.output(spawned) == b"hello"


def test_standard_descriptors(harness: Harness, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        harness.spawner.store_fd("log", log.fileno())
        wanted = report_request(stdin=Stdio.INHERIT, stderr=StoredFd("log"))
        fds = harness.report(wanted)["fds"]
        assert fds["0"] == os.readlink("/proc/self/fd/0")
        assert fds["1"].startswith("pipe:")
        assert fds["2"] == str(tmp_path / "log")

        wanted = report_request(stderr=Stdio.NULL)
        assert harness.report(wanted)["fds"].items() >= {"0": "/dev/null", "2": "/dev/null"}.items()


def test_standard_descriptors_may_be_each_others(harness: Harness) -> None:
    for fields in EACH_WAY:
        wanted = request(
            "sh", "-c", "readlink /proc/$$/fd/2", stdout=Stdio.PIPE, stderr=OpenFd(0), stdin=OpenFd(2), **fields
        )
        spawned = harness.spawn_one(wanted)
        assert harness.output(spawned).decode().strip() == os.readlink("/proc/self/fd/0")


def test_output_is_inherited_by_default(harness: Harness) -> None:
    spawned = harness.spawn_one(request("sleep", "60"))
    for number in (1, 2):
        assert os.readlink(f"/proc/{spawned.pid}/fd/{number}") == os.readlink(f"/proc/self/fd/{number}")
    assert os.readlink(f"/proc/{spawned.pid}/fd/0") == "/dev/null"


def test_pipes_are_ours_and_do_not_block(harness: Harness) -> None:
    for fields in EACH_WAY:
        wanted = request("sh", "-c", "echo out; echo err >&2", stdout=Stdio.PIPE, stderr=Stdio.PIPE, **fields)
        spawned = harness.spawn_one(wanted)
        assert spawned.stdout is not None
        assert spawned.stderr is not None
        for fd in (spawned.stdout, spawned.stderr):
            assert not os.get_blocking(fd)
            assert not os.get_inheritable(fd)
        harness.wait_for_exits([spawned])
        # Its end closes them: no write end is left here or in another child.
        assert [os.read(fd, 99) + os.read(fd, 99) for fd in (spawned.stdout, spawned.stderr)] == [b"out\n", b"err\n"]
        os.close(spawned.stdout)
        os.close(spawned.stderr)


def test_pipe_ends_with_its_child_while_others_run(harness: Harness) -> None:
    first = harness.spawn_one(request("sleep", "60", stdout=Stdio.PIPE))
    harness.spawn(request("sleep", "60"), request("sleep", "60", umask=0o22))
    harness.spawner.signal(first.child, signal.SIGKILL)
    assert harness.output(first) == b""


def test_closed_descriptor_is_named(harness: Harness) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    failure = harness.failure(request("true", fds={9: OpenFd(reader)}))
    assert (failure.errno, failure.error) == (
        errno.EBADF,
        f"descriptor {reader}, which program 'true' is to get, is not open",
    )


def test_unknown_name_of_a_descriptor_is_named(harness: Harness) -> None:
    with socket.socket() as sock:
        harness.spawner.store_fd("web", sock.fileno())
    failure = harness.failure(request("true", fds={9: StoredFd("wbe")}))
    assert failure.error == "no descriptor is stored under 'wbe'; known: web"
    assert "'wbe'" in harness.failure(request("true", stdin=StoredFd("wbe"))).error


def test_stored_descriptor_has_its_number_in_children(harness: Harness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        number = harness.spawner.store_fd("web", web.fileno(), "tcp")
        target = os.readlink(f"/proc/self/fd/{web.fileno()}")
    assert number > 31
    assert harness.spawner.stored_fds() == {"web": (number, "tcp")}
    for fields in EACH_WAY:
        assert harness.report(report_request(fds={number: StoredFd("web")}, **fields))["fds"][str(number)] == target


def test_stored_descriptor_can_be_replaced(harness: Harness, tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as a, (tmp_path / "b").open("w") as b:
        harness.spawner.store_fd("file", a.fileno(), "first")
        number = harness.spawner.store_fd("file", b.fileno(), "second")
    assert harness.spawner.stored_fds() == {"file": (number, "second")}
    fds = harness.report(report_request(fds={number: StoredFd("file")}))["fds"]
    assert fds[str(number)] == str(tmp_path / "b")


def test_stored_descriptor_can_be_fetched_and_dropped(harness: Harness) -> None:
    reader, writer = os.pipe()
    harness.spawner.store_fd("writer", writer)
    os.close(writer)
    fetched = harness.spawner.fetch_fd("writer")
    assert not os.get_inheritable(fetched)
    os.write(fetched, b"x")
    os.close(fetched)
    harness.spawner.drop_fd("writer")
    harness.spawner.drop_fd("writer")
    assert os.read(reader, 9) + os.read(reader, 9) == b"x"
    os.close(reader)
    with pytest.raises(KeyError):
        harness.spawner.fetch_fd("writer")
    assert harness.spawner.stored_fds() == {}


def test_state_is_kept_by_name(harness: Harness) -> None:
    harness.spawner.store_state("web", b"one")
    harness.spawner.store_state("web", b"two")
    harness.spawner.store_state("db", b"three")
    assert harness.spawner.stored_state() == {"web": b"two", "db": b"three"}
    harness.spawner.store_state("web", b"")
    harness.spawner.store_state("never", b"")
    assert harness.spawner.stored_state() == {"db": b"three"}
