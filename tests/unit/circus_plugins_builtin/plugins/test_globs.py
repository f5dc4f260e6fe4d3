"""Globs over whole paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from circus_plugins_builtin.plugins._globs import Glob


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a/*.py", "/a/x.py", True),
        ("/a/*.py", "/a/b/x.py", False),
        ("/a/**/*.py", "/a/x.py", True),
        ("/a/**/*.py", "/a/b/c/x.py", True),
        ("/a/**/*.py", "/b/x.py", False),
        ("/a/**", "/a/b/c", True),
        ("/a/?.txt", "/a/x.txt", True),
        ("/a/?.txt", "/a/xy.txt", False),
        ("/a/[ab].txt", "/a/b.txt", True),
        ("/a/[!ab].txt", "/a/b.txt", False),
        ("/a/[!ab].txt", "/a/c.txt", True),
        ("/a/x+(1).py", "/a/x+(1).py", True),
        ("/a/*/c", "/a/b/c", True),
        ("/a/*/c", "/a/b/d/c", False),
    ],
)
def test_glob_matches(pattern: str, path: str, matches: bool) -> None:
    assert Glob(pattern).matches(path) is matches


@pytest.mark.parametrize(
    ("pattern", "root", "is_deep"),
    [
        ("/a/b/*.py", "/a/b", False),
        ("/a/b/x.py", "/a/b", False),
        ("/a/**/*.py", "/a", True),
        ("/a/*/c.py", "/a", True),
        ("/a/**", "/a", True),
        ("/*.py", "/", False),
    ],
)
def test_root_is_the_folder_to_watch(pattern: str, root: str, is_deep: bool) -> None:
    assert (Glob(pattern).root, Glob(pattern).is_deep) == (root, is_deep)


def test_folder_stands_for_all_in_it(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()

    glob = Glob.of("app", str(tmp_path))

    assert glob.matches(str(tmp_path / "app" / "x" / "y")) and glob.root == str(tmp_path / "app")
    assert Glob.of("app.py", str(tmp_path)).pattern == str(tmp_path / "app.py")
    assert Glob.of("../x/*", "/a/b").pattern == "/a/x/*"
