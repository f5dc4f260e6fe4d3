"""What circus-top shows of the messages that it got, and what keys do."""

from __future__ import annotations

from typing import Any

import pytest

from circus_plugins_builtin.stats.top.board import Board
from circus_plugins_builtin.stats.top.frame import frame, plain
from circus_plugins_builtin.stats.top.view import View

ENDPOINT = "tcp://127.0.0.1:5557"


def process(pid: int, cpu: float = 0.0, **more: Any) -> dict[str, Any]:
    figures = {
        "pid": pid,
        "cpu": cpu,
        "mem": 0.1,
        "age": 61.0,
        "mem_info1": "10.00M",
        "cmdline": "python",
        "name": None,
    }
    return {**figures, "subtopic": pid, "wid": pid % 10, "state": "running", **more}


class Story:
    """A board, and the time of its messages."""

    def __init__(self, endpoint: str = ENDPOINT) -> None:
        self.board = Board(endpoint)
        self.now = 1000.0

    def watcher(self, topic: str, *processes: dict[str, Any], **about: Any) -> None:
        for stat in processes:
            self.board.take((topic, str(stat["pid"]), stat), self.now)
        about = {"name": topic, "state": "active", "numprocesses": len(processes), "restarts": 0, **about}
        stat = {"pid": [each["pid"] for each in processes], "cpu": 0.0, "mem": 0.0, "age": "N/A", **about}
        self.board.take((topic, None, stat), self.now)

    def socket(self, fd: int, **stat: Any) -> None:
        self.board.take(("sockets", str(fd), {"fd": fd, "subtopic": fd, **stat}), self.now)

    def screen(self, view: View | None = None, width: int = 80, height: int = 24) -> list[str]:
        lines = frame([self.board], view or View(), width=width, height=height, now=self.now)
        assert len(lines) == height
        assert all(len(str(line)) <= width for line in lines)
        return [str(line) for line in lines]

    def rows(self, view: View | None = None) -> list[str]:
        """Return the first words of each line of the table."""
        lines = self.screen(view, height=40)[3:-1]
        return [" ".join(line.split()[:2]) for line in lines if line]


@pytest.fixture
def story() -> Story:
    story = Story()
    story.watcher("web", process(11, 5.0), process(12, 40.0), restarts=3)
    story.watcher("idle", process(21, 1.0, mem=9.0), restarts=1)
    story.watcher("gone", state="stopped", numprocesses=2)
    story.watcher("circus", process(1, name="circusd"), name=None, state=None, numprocesses=None, restarts=None)
    return story


def press(view: View, *keys: str) -> View:
    for key in keys:
        view.press(key)
    return view


def test_watchers_by_name_and_processes_by_cpu_as_ever(story: Story) -> None:
    assert story.rows() == ["gone 0/2", "▾ idle", "21 #1", "▾ web", "12 #2", "11 #1", "▾ circus", "1 #1"]


def test_line_of_a_watcher_has_sums_state_and_restarts(story: Story) -> None:
    line = next(line for line in story.screen() if "web" in line)
    assert line.split()[:9] == ["▾", "web", "2", "active", "45.0", "0.20", "20.00M", "1:01", "3"]


def test_first_lines_sum_up(story: Story) -> None:
    title, summary, header = story.screen()[:3]
    assert title.startswith(f"Circus Top  {ENDPOINT}")
    assert summary == "watchers 3 (1 stopped)  processes 3  CPU 46.0%  mem 9.3%"
    assert header.split()[:8] == ["WATCHER▲", "PROC", "STATE", "CPU%", "MEM%", "RSS", "AGE", "REST"]


def test_nothing_yet() -> None:
    story = Story()
    assert story.screen()[1].startswith("*** Waiting for data ***")


def test_what_is_not_told_any_more_is_dropped(story: Story) -> None:
    story.now += 2
    story.watcher("web", process(12, 1.0))
    story.now += 2
    assert story.rows() == ["▾ web", "12 #2"]
    story.now += 2
    assert "no news for 4s" in story.screen()[1]
    story.watcher("web", process(99))
    assert story.rows() == ["▾ web", "99 #9"]


@pytest.mark.parametrize(
    ("keys", "watchers"),
    [
        (["c"], ["web", "idle", "gone"]),
        (["c", "c"], ["gone", "idle", "web"]),
        (["m"], ["idle", "web", "gone"]),
        (["r"], ["web", "idle", "gone"]),
        (["n"], ["web", "idle", "gone"]),
    ],
    ids=["cpu", "cpu-reversed", "memory", "restarts", "name-reversed"],
)
def test_sorting(story: Story, keys: list[str], watchers: list[str]) -> None:
    rows = story.rows(press(View(), "f", *keys))
    assert [word for row in rows for word in row.split() if word in ("web", "idle", "gone")] == watchers


def test_folding(story: Story) -> None:
    view = View()
    story.screen(view)
    press(view, "down", "down", "enter")
    assert story.rows(view)[:3] == ["gone 0/2", "▸ idle", "▾ web"]
    press(view, "right")
    assert story.rows(view)[1:3] == ["▾ idle", "21 #1"]
    press(view, "f")
    assert story.rows(view) == ["gone 0/2", "▸ idle", "▸ web", "▸ circus"]
    press(view, "f")
    assert len(story.rows(view)) == 8


def test_fold_from_a_process_goes_to_its_watcher(story: Story) -> None:
    view = View()
    story.screen(view)
    press(view, "end", "left")
    assert view.cursor == (ENDPOINT, "circus")
    assert story.rows(view)[-1] == "▸ circus"


def test_filter(story: Story) -> None:
    view = press(View(), "/", "W", "e", "x", "backspace")
    assert story.screen(view)[-1].startswith("show only: We")
    press(view, "enter")
    assert story.rows(view) == ["▾ web", "12 #2", "11 #1"]
    assert "only 'We'" in story.screen(view)[-1]
    press(view, "escape")
    assert len(story.rows(view)) == 8


def test_keys_are_text_while_a_filter_is_typed(story: Story) -> None:
    view = press(View(), "/", "q", "?")
    assert (view.filter, view.is_over, view.shows_help) == ("q?", False, False)


def test_ten_processes_of_a_watcher_unless_more_are_asked_for() -> None:
    story = Story()
    story.watcher("web", *(process(100 + number) for number in range(25)))
    view = View()
    assert len(story.rows(view)) == 12 and story.rows(view)[-1] == "15 more;"
    assert len(story.rows(press(view, "+"))) == 26
    assert len(story.rows(press(view, "-", "-", "-"))) == 5


def test_cursor_stays_in_sight() -> None:
    story = Story()
    story.watcher("web", *(process(100 + number) for number in range(10)))
    view = View()
    story.screen(view, height=10)
    assert story.screen(view, height=10)[-1].endswith(" 5 below ▼")
    press(view, "end")
    assert story.screen(view, height=10)[-2].split()[0] == "109"
    assert "below" not in story.screen(view, height=10)[-1]
    press(view, "home")
    assert "web" in story.screen(view, height=10)[3]


def test_help_and_leaving(story: Story) -> None:
    view = press(View(), "?")
    assert any("fold or unfold all" in line for line in story.screen(view))
    press(view, "x")
    assert not view.shows_help
    assert press(view, "q").is_over


def test_sockets(story: Story) -> None:
    story.socket(7, reads=3, address="127.0.0.1:8000", name="web", queue=2, backlog=128, accepted=41.5, connections=9)
    line = next(line for line in story.screen() if "127.0.0.1:8000" in line)
    assert line.split()[:6] == ["web", "127.0.0.1:8000", "3", "2/128", "41.5", "9"]
    assert "sockets 1 (2 queued)" in story.screen()[1]


def test_statistics_of_an_earlier_version_are_shown_too() -> None:
    story = Story()
    old = {key: value for key, value in process(11, 5.0).items() if key not in ("wid", "state")}
    story.board.take(("web", "11", old), story.now)
    story.board.take(("web", None, {"pid": [11], "cpu": 5.0, "mem": 0.1, "age": 61.0}), story.now)
    story.socket(7, reads=1, address="127.0.0.1:8000")
    screen = story.screen()
    assert next(line for line in screen if "web" in line).split()[:4] == ["▾", "web", "1", "5.0"]
    assert next(line for line in screen if "8000" in line).split()[:3] == ["127.0.0.1:8000", "1", "-"]


def test_what_nobody_knows() -> None:
    story = Story()
    unknown = dict.fromkeys(("cpu", "mem", "age", "mem_info1"), "N/A")
    story.watcher("web", {**process(11), **unknown, "nice": "Zombie"})
    words = next(line for line in story.screen() if " 11 " in line).split()
    assert words[:6] == ["11", "#1", "python", "zombie", "-", "-"]


def test_several_endpoints() -> None:
    first, second = Story("tcp://a:5557"), Story("tcp://b:5557")
    first.watcher("web", process(11))
    boards = [first.board, second.board]
    assert all(len(str(line)) <= 60 for line in frame(boards, View(), width=60, height=12, now=1000.0))
    lines = [str(line) for line in frame(boards, View(), width=100, height=12, now=1000.0)]
    assert "2 endpoints" in lines[0]
    assert lines[2].startswith("tcp://a:5557  watchers 1  processes 1")
    assert lines[3].startswith("▾ web")
    assert lines[5].startswith("tcp://b:5557  *** Waiting for data ***")


@pytest.mark.parametrize("width", [20, 40, 80, 120, 160, 400])
@pytest.mark.parametrize("height", [4, 24, 60])
def test_every_size_is_filled_and_nothing_is_wider(story: Story, width: int, height: int) -> None:
    story.socket(7, reads=3, address="/a/very/long/path" * 9, name="web", queue=2, backlog=128, accepted=41.5)
    lines = frame([story.board], View(), width=width, height=height, now=story.now)
    assert len(lines) == height
    assert width < 68 or all(len(str(line)) <= width for line in lines)


def test_plain_text_has_everything() -> None:
    story = Story()
    story.watcher("web", *(process(100 + number) for number in range(25)))
    lines = plain([story.board], width=90, now=story.now)
    assert lines[0].startswith(f"{ENDPOINT}  watchers 1  processes 25")
    assert len(lines) == 3 + 25
    assert not any("\x1b" in line for line in lines)


def test_history_outlives_a_restart_of_the_daemon(story: Story) -> None:
    story.now += 20
    story.watcher("web", process(77, 90.0))
    line = next(line for line in story.screen() if "web" in line)
    assert line[-3:] == "▅ █"
