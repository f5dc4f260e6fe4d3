"""What the benchmarks make of their figures."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from benchmarks import growth, metrics
from benchmarks.plot import plot
from benchmarks.report import Report, cell, figure


def report(**rows: dict[str, list[float]]) -> Report:
    made = Report(units=dict.fromkeys(rows, "ms"), versions=dict.fromkeys(("ours", "no-keeper", "s6", "loop"), "1"))
    for row, samples in rows.items():
        for peer, values in samples.items():
            made.add(peer, {row: values})
    return made


def test_ratios_are_to_the_best_peer_that_is_one() -> None:
    lines = report(cold={"ours": [2.0, 4.0, 3.0], "s6": [6.0], "loop": [1.5]}).table().splitlines()
    assert lines[0] == "|  | ours | s6 | loop | ours / best peer | ours / loop |"
    assert lines[2] == "| cold, ms | 3 (2-4) [3] | 6 [1] | 1.5 [1] | 0.50 | 2.00 |"


def test_the_best_throughput_is_the_highest() -> None:
    made = report(flood={"ours": [800.0], "s6": [100.0], "runit": [400.0]})
    made.units["flood"] = "MB/s"
    assert made.as_json()["rows"]["flood"]["to_best_peer"] == {"ours": 2.0}
    assert "| 2.00 |" in made.table()


def test_what_nobody_measured_is_left_empty() -> None:
    lines = report(a={"ours": [1.0]}, b={"s6": [2.0]}).table().splitlines()
    assert lines[2:] == ["| a, ms | 1 [1] |  |  |", "| b, ms |  | 2 [1] |  |"]


def test_merged_runs_are_one_table() -> None:
    saved = json.loads(json.dumps(report(a={"ours": [1.0], "s6": [4.0]}).as_json()))
    both = report(a={"ours": [3.0]}, b={"ours": [5.0]})
    both.merge(saved)
    assert both.results["a"] == {"ours": [3.0, 1.0], "s6": [4.0]}
    assert both.as_json()["rows"]["a"]["to_best_peer"] == {"ours": 0.5}


@pytest.mark.parametrize(("value", "text"), [(0.123456, "0.123"), (12.345, "12.3"), (1234.5, "1234"), (0.0, "0")])
def test_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_single_sample_has_no_range() -> None:
    assert cell([1.0]) == "1 [1]"


def test_plot_has_a_line_for_each_of_ours() -> None:
    rows = {row: {"ours": [float(count)], "no-keeper": [2.0]} for count in growth.COUNTS for row in growth.rows(count)}
    drawn = ElementTree.fromstring(plot(rows, "a & b"))
    lines = [node for node in drawn.iter() if node.tag.endswith("polyline")]
    assert len(lines) == 2 * len(growth.ROWS)
    assert len(lines[0].attrib["points"].split()) == len(growth.COUNTS)


def test_plot_of_nothing() -> None:
    assert ElementTree.fromstring(plot({}, "")) is not None


def test_every_metric_has_a_name_and_rows_of_its_own() -> None:
    names = [metric.name for metric in metrics.ALL]
    rows = [row for metric in metrics.ALL for row in metric.rows]
    assert len(set(names)) == len(names) and len(set(rows)) == len(rows)
    assert all(metric.doc and metric.rows for metric in metrics.ALL)
