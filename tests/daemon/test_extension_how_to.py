"""The tests that the how-to on testing shows pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import TUTORIALS, blocks

PAGE = TUTORIALS.parent / "how-to" / "test-an-extension.md"


@pytest.mark.differs("it has no such tools")
def test_tests_of_the_how_to_pass(tmp_path: Path) -> None:
    for _, text, name in blocks(PAGE):
        (tmp_path / name).write_text(text)
    words = ["-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
