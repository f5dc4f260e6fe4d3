"""Where circusd logs."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from circus_core.errors import ConfigError
from circus_core.log import configure, reopen_logs

logger = logging.getLogger("circus")
LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d circus\[(\d+)\] \[(\w+)\] (.*)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the loggers as they were."""
    found = [logging.root, logger, logging.getLogger("asyncio")]
    before = [(each, list(each.handlers), each.level, each.propagate) for each in found]
    yield
    for each, handlers, level, propagate in before:
        for handler in [handler for handler in each.handlers if handler not in handlers]:
            each.removeHandler(handler)
            handler.close()
        each.setLevel(level)
        each.propagate = propagate


def lines(path: Path) -> list[tuple[str, str, str]]:
    return LINE.findall(path.read_text())


def test_a_line_has_time_pid_level_and_message(tmp_path: Path) -> None:
    configure(output=str(tmp_path / "log"))
    logger.info("hello %s", "world")
    logging.getLogger("asyncio").error("lost")
    pid = str(os.getpid())
    assert lines(tmp_path / "log") == [(pid, "INFO", "hello world"), (pid, "ERROR", "lost")]


@pytest.mark.parametrize("output", ["-", "stdout"])
def test_a_dash_is_standard_error(capsys: pytest.CaptureFixture[str], output: str) -> None:
    configure(output=output)
    logger.info("hello")
    captured = capsys.readouterr()
    assert captured.err.endswith("[INFO] hello\n")
    assert captured.out == ""


@pytest.mark.parametrize(
    ("level", "seen"),
    [("debug", "DIWEC"), ("INFO", "IWEC"), ("warning", "WEC"), ("error", "EC"), ("critical", "C"), ("loud", "IWEC")],
)
def test_levels(tmp_path: Path, level: str, seen: str) -> None:
    configure(level, str(tmp_path / "log"))
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(logger, name)("x")
    assert "".join(line[1][0] for line in lines(tmp_path / "log")) == seen


def test_a_second_call_replaces_the_first(tmp_path: Path) -> None:
    configure(output=str(tmp_path / "one"))
    configure(output=str(tmp_path / "two"))
    logger.info("hello")
    assert lines(tmp_path / "one") == []
    assert len(lines(tmp_path / "two")) == 1


def test_what_fails_leaves_the_logging_of_before(tmp_path: Path) -> None:
    configure(output=str(tmp_path / "one"))
    with pytest.raises(ConfigError):
        configure(output=str(tmp_path / "no" / "log"))
    logger.info("hello")
    assert len(lines(tmp_path / "one")) == 1


def test_reopening_follows_a_moved_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    configure(output=str(path))
    logger.info("one")
    path.rename(tmp_path / "log.1")
    logger.info("two")
    reopen_logs()
    logger.info("three")
    assert [line[2] for line in lines(tmp_path / "log.1")] == ["one", "two"]
    assert [line[2] for line in lines(path)] == ["three"]


def test_reopening_what_did_not_move_changes_nothing(tmp_path: Path) -> None:
    configure(output=str(tmp_path / "log"))
    stream = logger.handlers[-1].stream  # type: ignore[attr-defined]  # a FileHandler
    reopen_logs()
    assert logger.handlers[-1].stream is stream  # type: ignore[attr-defined]  # likewise


def test_what_cannot_be_reopened_goes_on_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    configure(output=str(tmp_path / "logs" / "log"))
    (tmp_path / "logs").rename(tmp_path / "moved")
    reopen_logs()
    assert "is not reopened: No such file" in lines(tmp_path / "moved" / "log")[0][2]


def test_reopening_reaches_the_handlers_of_every_logger(tmp_path: Path) -> None:
    other = logging.getLogger("circus.tests.other")
    handler = logging.FileHandler(tmp_path / "log")
    other.addHandler(handler)
    try:
        (tmp_path / "log").rename(tmp_path / "log.1")
        reopen_logs()
        assert (tmp_path / "log").exists()
    finally:
        other.removeHandler(handler)
        handler.close()


def test_syslog_over_a_unix_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "dev"))
        server.settimeout(5)
        configure(output=f"syslog://{tmp_path / 'dev'}?local3")
        logger.info("hello")
        record = server.recv(1000).decode()
    # The number is 8 * facility + severity.
    assert re.fullmatch(rf"<{8 * 19 + 6}>\w{{3}} \d\d \d\d:\d\d:\d\d circus\[{os.getpid()}\] \[INFO\] hello", record)


def test_syslog_over_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        configure(output=f"syslog://127.0.0.1:{server.getsockname()[1]}")
        logger.error("hello")
        assert server.recv(1000).startswith(b"<11>")


@pytest.mark.parametrize(
    ("output", "text"),
    [
        pytest.param("/no/such/log", "no such file or directory; write - for", id="directory"),
        pytest.param("/", "is a directory", id="is-a-directory"),
        pytest.param("syslog://localhost?loud", "loud is no syslog facility; write one of auth, ", id="facility"),
        pytest.param("syslog://localhost:99999", "the port is no port number", id="port"),
    ],
)
def test_a_bad_output_says_why(output: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(output=output)
    assert str(caught.value).startswith(f"[circus] logoutput = {output!r}: ")
    assert text in str(caught.value)


def logging_config(path: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "formatters": {"f": {"format": "own %(message)s"}},
        "handlers": {"h": {"class": "logging.FileHandler", "filename": str(path), "formatter": "f"}},
        "loggers": {"circus": {"handlers": ["h"], "level": "DEBUG"}},
    }


INI = """\
[loggers]
keys = root, circus
[handlers]
keys = h
[formatters]
keys = f
[logger_root]
handlers =
[logger_circus]
qualname = circus
level = DEBUG
handlers = h
[handler_h]
class = FileHandler
formatter = f
args = ({path!r},)
[formatter_f]
format = own %(message)s
"""


@pytest.mark.parametrize("kind", ["ini", "json", "yaml"])
def test_a_logger_config_replaces_our_set_up(tmp_path: Path, kind: str) -> None:
    configure(output=str(tmp_path / "ours"))
    log = tmp_path / "log"
    file = tmp_path / f"logging.{kind}"
    # Every JSON text is a YAML text.
    file.write_text(INI.format(path=str(log)) if kind == "ini" else json.dumps(logging_config(log)))
    configure(config=str(file))
    logger.debug("hello")
    assert log.read_text() == "own hello\n"
    assert (tmp_path / "ours").read_text() == ""


def test_the_word_default_is_our_set_up(tmp_path: Path) -> None:
    configure(output=str(tmp_path / "log"), config="default")
    logger.info("hello")
    assert len(lines(tmp_path / "log")) == 1


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        pytest.param("l.json", "{", "not a logging configuration (Expecting property name", id="json"),
        pytest.param("l.json", "[]", "it holds no mapping at its top", id="list"),
        pytest.param("l.json", "{}", "(dictionary doesn't specify a version)", id="version"),
        pytest.param("l.yaml", "a: [", "not a logging configuration (while parsing", id="yaml"),
        pytest.param("l.ini", "hello", "not a logging configuration", id="ini"),
        pytest.param("l.toml", "", "neither an ini, a JSON nor a YAML file", id="kind"),
        pytest.param("l.ini", None, "no such file or directory", id="missing"),
        pytest.param("l.json", None, "no such file or directory", id="missing-json"),
        pytest.param(
            "l.json", '{"version": 1, "handlers": {"h": {"class": "no.Such"}}}', "No module named 'no'", id="import"
        ),
    ],
)
def test_a_bad_logger_config_says_why(tmp_path: Path, name: str, content: str | None, text: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        configure(config=str(tmp_path / name))
    assert str(caught.value).startswith("[circus] loggerconfig = ")
    assert text in str(caught.value)


def test_without_yaml_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match="PyYAML is not installed; pip install PyYAML, or write the file as JSON"):
        configure(config=str(tmp_path / "l.yaml"))
