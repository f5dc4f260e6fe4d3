"""Figures of watchers."""

from __future__ import annotations

from typing import Any

import pytest

from circus_plugins_builtin.stats.aggregate import aggregate


@pytest.mark.parametrize(
    ("infos", "expected"),
    [
        pytest.param({}, {"pid": [], "cpu": 0.0, "mem": 0.0, "age": "N/A"}, id="nothing-runs"),
        pytest.param(
            {7: {"cpu": 1.0, "mem": 0.25, "age": 3.0}, 8: {"cpu": 4.0, "mem": 0.5, "age": 9.5}},
            {"pid": [7, 8], "cpu": 2.5, "mem": 0.75, "age": 9.5},
            id="mean-sum-oldest",
        ),
        pytest.param(
            {7: {"cpu": "N/A", "mem": "N/A", "age": "N/A"}},
            {"pid": [7], "cpu": "N/A", "mem": "N/A", "age": "N/A"},
            id="nobody-knows",
        ),
        pytest.param(
            {7: {"cpu": "N/A", "mem": 0.5, "age": 1.0}, 8: {"cpu": 2.0, "mem": "N/A", "age": "N/A"}},
            {"pid": [7, 8], "cpu": 2.0, "mem": 0.5, "age": 1.0},
            id="what-is-known-counts",
        ),
    ],
)
def test_aggregate(infos: dict[int, dict[str, Any]], expected: dict[str, Any]) -> None:
    assert aggregate(infos) == expected
