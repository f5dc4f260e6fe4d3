"""Text to value."""

from __future__ import annotations

import resource
import shlex
import signal
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circus_core import values
from circus_core._nearest import nearest
from circus_core.values import Respawn


@pytest.mark.parametrize("text", ["yes", "true", "on", "1", " True ", "ON"])
def test_true_words(text: str) -> None:
    assert values.boolean(text) is True


@pytest.mark.parametrize("text", ["no", "false", "off", "0", "\tOff\n"])
def test_false_words(text: str) -> None:
    assert values.boolean(text) is False


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9", 9),
        ("TERM", signal.SIGTERM),
        ("term", signal.SIGTERM),
        ("SIGTERM", signal.SIGTERM),
        ("SigInt", signal.SIGINT),
        (" quit ", signal.SIGQUIT),
        ("SIGRTMIN", signal.SIGRTMIN),
        ("SIGRTMIN+1", signal.SIGRTMIN + 1),
        ("rtmin+3", signal.SIGRTMIN + 3),
        ("SIGRTMAX-1", signal.SIGRTMAX - 1),
        ("0", 0),
        (15, signal.SIGTERM),
    ],
)
def test_signals(text: str | int, number: int) -> None:
    assert values.signal_number(text) == number


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("4096", 4096),
        ("1K", 1024),
        ("1k", 1024),
        ("2M", 2 << 20),
        ("1.5G", 3 << 29),
        ("1KiB", 1024),
        ("5 MB", 5 << 20),
    ],
)
def test_sizes(text: str, bytes_: int) -> None:
    assert values.size(text) == bytes_


@pytest.mark.parametrize(
    ("text", "env"),
    [
        ("", {}),
        ("A=1", {"A": "1"}),
        ("A=1,B=2", {"A": "1", "B": "2"}),
        ("A=1, B=2", {"A": "1", "B": "2"}),
        ("A=", {"A": ""}),
        ("A=x=y", {"A": "x=y"}),
        ("HOSTS=a,b,c,N=3", {"HOSTS": "a,b,c", "N": "3"}),
    ],
)
def test_environments(text: str, env: dict[str, str]) -> None:
    assert values.environment(text) == env


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.whole, " 12 ", 12),
        (values.number, "-1.5", -1.5),
        (values.seconds, "0.5", 0.5),
        (values.respawn, "yes", Respawn.ALWAYS),
        (values.respawn, "0", Respawn.NEVER),
        (values.respawn, "On-Failure", Respawn.ON_FAILURE),
        (values.respawn, "on_failure", Respawn.ON_FAILURE),
        (values.words, "a, b\nc  d", ("a", "b", "c", "d")),
        (values.paths, "a,b c", ("a,b", "c")),
        (values.octal, "022", 0o22),
        (values.octal, "0o777", 0o777),
        (values.rlimit, "", None),
        (values.rlimit, "infinity", None),
        (values.rlimit, "-1", None),
        (values.rlimit, "100", 100),
        (values.rlimit_name, "NOFILE", "nofile"),
        (values.rlimit_number, "core", resource.RLIMIT_CORE),
    ],
)
def test_values(parse: Callable[[str], Any], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "why"),
    [
        (values.boolean, "maybe", "'maybe' is not a boolean"),
        (values.boolean, "", "'' is not a boolean"),
        (values.respawn, "maybe", "neither a boolean nor on-failure"),
        (values.whole, "1.5", "not a whole number"),
        (values.whole, "", "empty"),
        (values.number, "x", "not a number"),
        (values.number, "nan", "not a finite number"),
        (values.number, "1e999", "not a finite number"),
        (values.seconds, "-1", "less than 0"),
        (values.size, "-1", "not a size"),
        (values.size, "1X", "not a size"),
        (values.signal_number, "", "not a signal"),
        (values.signal_number, "SIG", "not a signal"),
        (values.signal_number, "99", "not a signal"),
        (values.signal_number, "TERM+1", "not a signal"),
        (values.signal_number, "RTMIN+", "not a signal"),
        (values.signal_number, "BLOCK", "not a signal"),
        (values.stop_signal, "0", "stops nothing"),
        (values.octal, "8", "octal"),
        (values.octal, "1000", "octal"),
        (values.rlimit, "x", "not a whole number"),
        (values.rlimit_name, "files", "not a resource limit"),
        (values.environment, "A", "'A' is not NAME=VALUE"),
        (values.environment, "=1", "'=1' is not NAME=VALUE"),
    ],
)
def test_what_is_refused(parse: Callable[[str], Any], text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)


def test_nearest() -> None:
    known = ("numprocesses", "stop_signal")

    assert nearest("NumProceses", known) == "numprocesses"
    assert nearest("bogus", known) is None


@given(st.text(st.one_of(st.sampled_from("ab'\"\\ \t\n\x0b\x1c\x85\xa0#$"), st.characters())))
def test_text_is_split_as_shlex_does(text: str) -> None:
    try:
        wanted = shlex.split(text)
    except ValueError as exc:
        with pytest.raises(ValueError, match=str(exc)):
            values.split_words(text)
    else:
        assert values.split_words(text) == wanted
