"""Text that fits."""

from __future__ import annotations

import pytest

from circus_plugins_builtin.stats.top.sparkline import History, step
from circus_plugins_builtin.stats.top.text import age, cells, columns, count, fit, number


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("web", 5, "web  "),
        ("web", 3, "web"),
        ("worker", 4, "wor~"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本~"),
        ("日本語", 4, "日~ "),
        ("a\x1b[31mb\n", 8, "a?[31mb?"),
        ("", 2, "  "),
        ("web", 0, ""),
    ],
)
def test_fit(text: str, width: int, expected: str) -> None:
    assert fit(text, width) == expected
    assert cells(fit(text, width)) == width


def test_columns_to_the_left_and_to_the_right() -> None:
    assert columns(["a", "1.5"], [3, -6]) == "a      1.5"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1:00"),
        (3599, "59:59"),
        (3600, "1:00:00"),
        (86399, "23:59:59"),
        (90000, "1d 01h"),
    ],
)
def test_age(seconds: float, text: str) -> None:
    assert age(seconds) == text
    assert len(text) <= 8


def test_what_nobody_knows_is_a_dash() -> None:
    assert [number(1.25), number("N/A"), number(None), count(3.0), count("N/A")] == ["1.2", "-", "-", "3", "-"]


def test_sparkline_is_the_mean_of_each_step_as_a_share_of_the_highest() -> None:
    history = History()
    for at in range(60):
        history.add(float(at), 100.0 if at >= 50 else 50.0 if at >= 40 else 0.0)
    assert step(12) == 10
    assert history.sparkline(59.5, 12, least_peak=1) == "      ▁▁▁▁▅█"
    assert history.sparkline(59.5, 3, least_peak=1000) == "▁▁▂"
    assert history.sparkline(59.5, 3, least_peak=1, is_ascii=True) == "_=#"
    assert history.sparkline(59.5, 0, least_peak=1) == ""


def test_sparkline_forgets() -> None:
    history = History()
    history.add(0.0, 5.0)
    history.add(1000.0, 5.0)
    assert history.sparkline(1000.0, 4, least_peak=1) == "   █"
