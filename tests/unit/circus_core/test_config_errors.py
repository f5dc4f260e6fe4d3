"""Broken configurations are refused with errors that a person can act on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from circus_core.config import load
from circus_core.errors import ConfigErrors
from tests.support.broken_configs import BROKEN, Broken


def errors_of(path: Path) -> ConfigErrors:
    with pytest.raises(ConfigErrors) as caught:
        load(path, {})
    return caught.value


@pytest.mark.parametrize("broken", [pytest.param(case, id=name) for name, case in BROKEN.items()])
def test_broken_config_is_refused(broken: Broken, tmp_path: Path) -> None:
    path = tmp_path / "broken.ini"
    path.write_text(broken.text)

    errors = errors_of(path)

    assert [word for word in broken.words if word not in str(errors)] == []
    for error in errors.errors:
        assert re.fullmatch(re.escape(str(path)) + r":\d+", error.where or "")
        assert error.why
        assert error.fix
        assert len(str(error).splitlines()) == 1


def test_corpus_is_large() -> None:
    assert len(BROKEN) >= 110


def test_all_errors_come_together_in_file_order(tmp_path: Path) -> None:
    path = tmp_path / "many.ini"
    path.write_text(
        "[plugin:p]\npriority = x\n"
        "[watcher:w]\ncmd = a\nstop_signal = X\nnumprocesses = y\nnonsense\n"
        "[socket:s]\nport = z\n[circus]\ncheck_delay = q\n"
    )

    errors = errors_of(path).errors

    assert [error.option for error in errors] == [
        "use",
        "priority",
        "stop_signal",
        "numprocesses",
        "",
        "port",
        "check_delay",
    ]
    assert [int((error.where or "").rpartition(":")[2]) for error in errors] == [1, 2, 5, 6, 7, 9, 11]


def test_message_names_place_section_option_value_reason_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    path.write_text("[watcher:web]\ncmd = a\nstop_signal = SIGFOO\n")

    assert str(errors_of(path)) == (
        f"{path}:3: [watcher:web] stop_signal = 'SIGFOO': not a signal; "
        "write a name such as TERM or a number from 1 to 64"
    )


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.ini"

    assert str(errors_of(path)) == (
        f"{str(path)!r}: cannot be read: no such file or directory; write the path of a readable ini file"
    )


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    assert "is a directory" in str(errors_of(tmp_path))


@pytest.mark.parametrize("data", [b"[watcher:w]\ncmd = \xff\xfe\n", b"\x7fELF\x00\x80", "[ü]".encode("utf-16")])
def test_file_that_is_no_text(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "binary.ini"
    path.write_bytes(data)

    assert "UTF-8" in str(errors_of(path))


def test_null_characters_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "null.ini"
    path.write_bytes(
        b"[watcher:w]\ncmd = a\nargs = a\0b\nmy_option = c\0d\nstdout_stream.filename = e\0f\n[env]\nA = g\0h\n"
    )

    assert [error.option for error in errors_of(path).errors] == ["args", "my_option", "stdout_stream.filename", "A"]


def test_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "more.ini").write_text("\n[watcher:w]\ncmd = a\nnumprocesses = x\n")
    path = tmp_path / "main.ini"
    path.write_text("[circus]\ninclude = more.ini\n")

    assert str(errors_of(path)).startswith(f"{tmp_path / 'more.ini'}:4: [watcher:w] numprocesses = 'x'")
