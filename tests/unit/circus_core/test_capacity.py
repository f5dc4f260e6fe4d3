"""Whether the machine can carry what a configuration asks for."""

from __future__ import annotations

from circus_core.capacity import Limits, capacity_problems, machine_limits
from circus_core.config import Config
from circus_core.options import StreamConfig, WatcherConfig

ENOUGH = 1 << 40


def config(*watchers: WatcherConfig) -> Config:
    return Config(watchers=watchers)


def problems(limits: Limits, *watchers: WatcherConfig) -> list[str]:
    return capacity_problems(config(*watchers), limits)


def crowd(name: str = "crowd", numprocesses: int = 1000, *, has_stream: bool = False) -> WatcherConfig:
    stream = StreamConfig("StdoutStream", {}) if has_stream else None
    return WatcherConfig(name=name, cmd="sleep 1", numprocesses=numprocesses, stdout_stream=stream)


def test_what_fits() -> None:
    assert problems(Limits(1100, {"kernel.pid_max": 1000}), crowd()) == []
    assert capacity_problems(Config(), machine_limits()) == []


def test_too_few_descriptors() -> None:
    (text,) = problems(Limits(1024, {}), crowd(), crowd("small", 2))
    assert "need 1066 open descriptors, the hard limit here is 1024" in text
    assert "[watcher:crowd] alone needs 1000, one and 0 of output for each of 1000 processes" in text
    assert "LimitNOFILE=" in text and text.endswith("lower numprocesses")


def test_pipes_count_too() -> None:
    assert problems(Limits(2100, {}), crowd(has_stream=True)) == []
    (text,) = problems(Limits(2000, {}), crowd(has_stream=True))
    assert "one and 1 of output for each" in text and text.endswith("or leave its streams out")


def test_too_few_processes() -> None:
    (text,) = problems(Limits(ENOUGH, {"kernel.pid_max": 1500, "kernel.threads-max": 99_999}), crowd(), crowd("more"))
    assert text == "all watchers together ask for 2000 processes, kernel.pid_max allows 1500; raise it or ask for fewer"


def test_limits_of_this_machine() -> None:
    limits = machine_limits()
    assert limits.descriptors > 100
    assert all(most > 100 for most in limits.processes.values())
