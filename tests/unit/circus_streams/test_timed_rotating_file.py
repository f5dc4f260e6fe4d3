"""``TimedRotatingFileStream``: when it rotates, what old files are called."""

from __future__ import annotations

import calendar
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core.errors import OptionError
from circus_core.interfaces import Chunk
from circus_streams._schedule import Schedule, parse_when
from circus_streams.timed_rotating_file import TimedRotatingFileStream


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def utc(text: str) -> float:
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


@pytest.mark.parametrize(
    ("when", "interval", "begun", "until", "name"),
    [
        pytest.param("S", 1, "2026-03-04 10:20:30", "2026-03-04 10:20:31", "20260304102030", id="second"),
        pytest.param("M", 5, "2026-03-04 10:20:30", "2026-03-04 10:25:30", "202603041020", id="five-minutes"),
        pytest.param("H", 1, "2026-03-04 10:20:30", "2026-03-04 11:20:30", "2026030410", id="hour"),
        pytest.param("D", 1, "2026-02-28 10:20:30", "2026-03-01 10:20:30", "20260228", id="day"),
        pytest.param("midnight", 1, "2026-12-31 10:00:00", "2027-01-01 00:00:00", "20261231", id="midnight"),
        pytest.param(
            "midnight", 2, "2026-03-04 10:00:00", "2026-03-06 00:00:00", "20260304", id="every-other-midnight"
        ),
        pytest.param("W0", 1, "2026-03-04 10:00:00", "2026-03-10 00:00:00", "20260303", id="Monday-on-a-Wednesday"),
        pytest.param("W2", 1, "2026-03-04 10:00:00", "2026-03-05 00:00:00", "20260226", id="Wednesday-on-a-Wednesday"),
    ],
)
def test_schedule(when: str, interval: int, begun: str, until: str, name: str) -> None:
    schedule = Schedule(*parse_when(when), interval, utc=True)
    end = schedule.next_after(utc(begun))

    assert end == utc(until)
    assert schedule.name(end) == name


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("begun", "until", "name"),
    [
        pytest.param("2026-03-28 23:30:00", "2026-03-29 22:00:00", "20260329", id="clocks-go-forward"),
        pytest.param("2026-10-24 22:30:00", "2026-10-25 23:00:00", "20261025", id="clocks-go-back"),
    ],
)
def test_midnight_is_the_local_one_when_the_clocks_change(begun: str, until: str, name: str) -> None:
    schedule = Schedule("MIDNIGHT")
    end = schedule.next_after(utc(begun))

    assert end == utc(until)
    assert schedule.name(end) == name


def test_a_pause_keeps_the_rhythm() -> None:
    schedule = Schedule("H", utc=True)

    assert schedule.next_after_period(utc("2026-03-04 10:00:00"), utc("2026-03-04 13:15:00")) == utc(
        "2026-03-04 14:00:00"
    )


def test_files_are_rotated_and_only_the_newest_kept(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    other = tmp_path / "web.log.keep"
    other.touch()
    stream = TimedRotatingFileStream(str(path), rotate_when="s", backup_count="2", utc="yes")
    stream.open()
    start = int(time.time()) + 100

    for n in range(4):
        stream.write(Chunk(b"line %d\n" % n, 1, "stdout", "web", 1, start + n))

    old = sorted(tmp_path.glob("web.log.2*"))
    assert [file.read_bytes() for file in [*old, path]] == [b"line 1\n", b"line 2\n", b"line 3\n"]
    assert other.exists()
    stream.close()


def test_a_taken_name_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_bytes(b"old\n")
    os.utime(path, (utc("2026-03-04 10:00:00"),) * 2)
    (tmp_path / "web.log.20260304").write_bytes(b"older\n")
    stream = TimedRotatingFileStream(str(path), rotate_when="midnight", utc=True)
    stream.open()

    stream.write_raw(memoryview(b"new\n"))

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "web.log": b"new\n",
        "web.log.20260304": b"older\n",
        "web.log.20260304.1": b"old\n",
    }
    stream.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rotate_when": "W7"}, "rotate_when = 'W7': no time to rotate at; write S, M, H, D, MIDNIGHT or W0 to W6"),
        ({"rotate_interval": "0"}, "rotate_interval = '0': less than 1; write a whole number from 1"),
        ({"utc": "perhaps"}, "utc = 'perhaps': 'perhaps' is not a boolean; write yes or no"),
    ],
)
def test_a_bad_option_is_refused_by_name(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        TimedRotatingFileStream(str(tmp_path / "web.log"), **options)  # type: ignore[arg-type]

    assert str(caught.value) == message
