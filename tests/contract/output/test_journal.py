"""What a pump leaves to the next one when it is killed at any line of its code."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.mortal_pump import PIPES

STRIDE = 41  # each round costs 30 ms; the soak does them all
EXPECTED = Counter(line for pipe in PIPES for line in pipe.decode().splitlines())


def rounds(scenario: str, folder: Path, *, stride: int) -> list[tuple[int, Counter[str]]]:
    """Return for each round where the first pump died, and the lines that both wrote."""
    first = random.randint(1, stride)
    command = [sys.executable, "-m", "tests.support.mortal_pump", scenario, str(folder), str(first), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 10
    return [(step, Counter(lines(text))) for step, text in found]


def lines(text: str) -> list[str]:
    """Return the lines, an unfinished one as one that is whole, without the time and pid before them."""
    return re.sub(r"\d+ \[\d\] \| ", "", text.replace("unfinished", "unfinished\n")).split("\n")


@pytest.fixture
def stride(request: pytest.FixtureRequest) -> int:
    return 1 if request.config.getoption("--soak") else STRIDE


@pytest.mark.parametrize("scenario", ["plain", "stamped", "rotated"])
def test_what_goes_to_a_regular_file_is_there_once(scenario: str, stride: int, tmp_path: Path) -> None:
    for step, found in rounds(scenario, tmp_path, stride=stride):
        del found[""]
        assert found == EXPECTED, f"killed at step {step}"


def test_another_stream_may_get_one_chunk_twice_and_loses_none(stride: int, tmp_path: Path) -> None:
    chunks = [Counter(pipe.decode().splitlines()) for pipe in PIPES]
    for step, found in rounds("threaded", tmp_path, stride=stride):
        del found[""]
        repeated = found - EXPECTED
        assert not EXPECTED - found, f"killed at step {step}"
        assert not repeated or any(repeated <= chunk for chunk in chunks), f"killed at step {step}"
