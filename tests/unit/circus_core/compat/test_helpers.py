"""Helpers of ``circus.util`` and their kin: what they return is what programs rely on."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from circus import util
from circus.pidfile import Pidfile
from circus.stream import FileStream, QueueStream, StdoutStream, get_stream
from circus.watcher import Watcher


@pytest.mark.parametrize(
    ("word", "truth"), [("yes", True), ("On", True), ("0", False), ("no", False), (True, True), (None, False)]
)
def test_to_bool(word: Any, truth: bool) -> None:
    assert util.to_bool(word) is truth


def test_to_bool_refuses_other_words() -> None:
    with pytest.raises(ValueError, match="'maybe' is not a boolean"):
        util.to_bool("maybe")


@pytest.mark.parametrize("name", ["TERM", "sigterm", "SIGTERM", 15, "15"])
def test_to_signum(name: Any) -> None:
    assert util.to_signum(name) == signal.SIGTERM


def test_users_and_groups() -> None:
    assert util.to_uid("root") == util.to_uid("0") == util.to_gid("root") == 0
    with pytest.raises(ValueError, match="nobody-knows"):
        util.to_uid("nobody-knows")
    with pytest.raises(ValueError, match="987654"):
        util.to_uid(987654)


def test_text_and_bytes() -> None:
    assert util.to_str(b"a\xff") == "a\ufffd"
    assert util.to_str(1) == "1"
    assert util.to_bytes("ä") == "ä".encode()


@pytest.mark.parametrize(
    ("text", "size"),
    [("1K", 1024), ("1k", 1024), ("1kilo", 1024), ("1Ki", 1024), ("1.5M", 1572864), ("2G", 2**31), ("3B", 3)],
)
def test_human2bytes(text: str, size: int) -> None:
    assert util.human2bytes(text) == size


@pytest.mark.parametrize("text", ["100", "", "x", "1Q"])
def test_human2bytes_wants_a_unit(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        util.human2bytes(text)


@pytest.mark.parametrize(("size", "text"), [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (10**9, "953.67M")])
def test_bytes2human(size: int, text: str) -> None:
    assert util.bytes2human(size) == text


def test_bytes2human_wants_a_whole_number() -> None:
    with pytest.raises(TypeError):
        util.bytes2human(1.5)  # type: ignore[arg-type]


def test_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE", "/srv")
    assert util.parse_env_str("A=1, B=$BASE/x") == {"A": "1", "B": "/srv/x"}
    assert util.parse_env_dict({"A": "$BASE$NOTHING"}) == {"A": "/srv"}
    assert util.env_to_str({"B": "2", "A": 1}) == "A=1,B=2"
    assert [util.convert_opt("env", {"A": "1"}), util.convert_opt("x", None), util.convert_opt("x", 1)] == [
        "A=1",
        "",
        "1",
    ]


def test_replace_gnu_args() -> None:
    text = "$(circus.env.X) ((circus.wid)) $(CIRCUS.Foo.bar) $(circus.nope) $(cmd.x)"
    replaced = util.replace_gnu_args(text, env={"X": "1"}, wid=3, foo={"bar": "z"})
    assert replaced == "1 3 z $(circus.nope) $(cmd.x)"
    assert util.replace_gnu_args("$(test.wid) $(circus.wid)", prefix="test", wid=3) == "3 $(circus.wid)"
    assert util.replace_gnu_args("$(wid)", prefix=None, wid=3) == "3"


def test_resolve_name() -> None:
    assert util.resolve_name("os.path.join") is os.path.join
    assert util.resolve_name("os") is os
    assert util.resolve_name("circus.stream:FileStream") is FileStream
    assert util.resolve_name("nothing.at.all", silent=True) is None
    with pytest.raises(ImportError):
        util.resolve_name("os.nothing")
    assert util.resolve_name("json.dumps", reload=True) is not None


def test_dict_differ() -> None:
    differ = util.DictDiffer({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5})
    assert (differ.added(), differ.removed(), differ.changed(), differ.unchanged()) == ({"a"}, {"d"}, {"c"}, {"b"})


def test_get_info() -> None:
    info = util.get_info()
    assert info["pid"] == os.getpid()
    assert util.get_info(psutil.Process())["pid"] == os.getpid()
    with pytest.raises(psutil.NoSuchProcess):
        util.get_info(2**22 + 1)


def test_close_on_exec() -> None:
    with socket.socket() as sock:
        sock.set_inheritable(True)
        util.close_on_exec(sock.fileno())
        assert not sock.get_inheritable()


def test_load_virtualenv_sets_the_path(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    watcher = Watcher("a", "x", copy_env=True, virtualenv=str(tmp_path), env={"PATH": "/bin"}, virtualenv_py_ver="3.11")
    util.load_virtualenv(watcher, "3.11")
    assert watcher.env["PATH"].startswith(f"{tmp_path}/bin:")
    assert str(site) in watcher.env["PYTHONPATH"]


def test_decorators_leave_functions_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    @util.debuglog
    def add(a: int, b: int) -> int:
        return a + b

    @util.synchronized("adding")
    def same(a: int) -> int:
        return a

    with caplog.at_level("DEBUG", "circus"):
        assert add(1, b=2) == 3
    assert "add" in caplog.text
    assert same(4) == 4


def test_configure_logger_replaces_its_own_handler(tmp_path: Path) -> None:
    logger = logging.getLogger("circus-test-of-util")
    for name in ("a", "b"):
        util.configure_logger(logger, "debug", str(tmp_path / name))
    logger.debug("hello")
    (handler,) = logger.handlers
    handler.close()
    logger.removeHandler(handler)
    assert (tmp_path / "a").read_text() == ""
    assert "hello" in (tmp_path / "b").read_text()


def test_udp_socket_and_working_dir() -> None:
    util.create_udp_socket("237.219.251.97", 0).close()
    assert os.path.samefile(util.get_working_dir(), ".")


def test_futures_of_the_loop() -> None:
    async def main() -> None:
        upstream = asyncio.get_running_loop().create_future()
        future = util.TransformableFuture()
        future.set_upstream_future(upstream)
        future.set_transform_function(lambda result: result * 2)
        upstream.set_result(21)
        assert await future == 42
        failed = util.TransformableFuture()
        broken = asyncio.get_running_loop().create_future()
        failed.set_upstream_future(broken)
        broken.set_exception(KeyError("x"))
        with pytest.raises(KeyError):
            await failed
        await util.tornado_sleep(0)

    asyncio.run(main())


def test_get_stream() -> None:
    queue = QueueStream()
    assert get_stream({"stream": queue}) is queue
    assert get_stream(None) is None
    assert isinstance(get_stream({"class": "StdoutStream", "refresh_time": 0.3}), StdoutStream)
    assert isinstance(get_stream({"class": "circus.stream.QueueStream"}), QueueStream)
    assert isinstance(get_stream({"class": FileStream, "filename": "/dev/null"}), FileStream)


def test_pidfile(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    pidfile = Pidfile(str(path))
    assert pidfile.validate() is None
    pidfile.create(os.getpid())
    assert path.read_text() == f"{os.getpid()}\n"
    assert path.stat().st_mode & 0o777 == 0o644
    pidfile.create(os.getpid())
    pidfile.rename(str(tmp_path / "other"))
    assert not path.exists()
    assert pidfile.validate() == os.getpid()
    pidfile.unlink()
    pidfile.unlink()
    assert list(tmp_path.iterdir()) == []


def test_pidfile_of_somebody_who_lives_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("1\n")
    with pytest.raises(RuntimeError, match="process 1, which lives"):
        Pidfile(str(path)).create(os.getpid())
    path.write_text("garbage")
    Pidfile(str(path)).create(os.getpid())
    assert path.read_text() == f"{os.getpid()}\n"
