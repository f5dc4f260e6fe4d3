"""Docs, examples and changelog: links lead somewhere, what is generated is current, configurations are good."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from circus_core import config
from circus_core.arguments import schema
from circus_core.errors import ConfigErrors
from circus_core.interfaces import Command
from circus_core.options import CircusConfig, PluginConfig, SocketConfig, WatcherConfig, table
from circus_core.registry import Registry

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", ROOT / "changelog" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES: Final = sorted((ROOT / "examples").glob("*.ini"))
FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FRAGMENT: Final = re.compile(r"\+[a-z0-9-]+\.(breaking|feature|bugfix|doc|misc)\.rst")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def ini_blocks() -> dict[str, str]:
    """Return the configurations in the pages, by page and number."""
    found = ((page, text) for page in PAGES for kind, text in FENCE.findall(page.read_text()) if kind == "ini")
    return {f"{name_of(page)}-{number}": text for number, (page, text) in enumerate(found, 1)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if not link.startswith(("http://", "https://")):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_opens_with_its_title_and_closes_its_fences(page: Path) -> None:
    text = page.read_text()
    assert text.startswith("# ")
    assert text.count("\n```") % 2 == 0


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = ROOT / "docs" / "README.md"
    listed = {(contents.parent / link).resolve() for link in LINK.findall(contents.read_text())}
    assert {page for page in PAGES if page.is_relative_to(contents.parent)} - {contents} == listed


def test_generated_parts_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "gen_docs.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_example_is_a_good_configuration(path: Path) -> None:
    found = config.load(path, environ={"PATH": "/usr/bin:/bin"})
    assert found.watchers
    assert [warning for warning in found.warnings if "conf.d" not in str(warning)] == []


@pytest.mark.parametrize("text", ini_blocks().values(), ids=ini_blocks().keys())
def test_configuration_in_docs_is_good(text: str, tmp_path: Path) -> None:
    path = tmp_path / "stack.ini"
    path.write_text(text)
    try:
        found = config.load(path, environ={"PATH": "/usr/bin:/bin"})
    except ConfigErrors as exc:
        pytest.fail(str(exc))
    assert list(found.warnings) == []


@pytest.mark.parametrize("section", [CircusConfig, WatcherConfig, SocketConfig, PluginConfig])
def test_every_option_says_what_it_means(section: type) -> None:
    for option in table(section).values():
        assert re.fullmatch(r"[A-Z`$0-9-].*\.+", option.doc, re.DOTALL), f"{option.name}: {option.doc!r}"


@pytest.mark.parametrize("name", Registry().command_names())
def test_every_command_has_a_help_line_and_documented_properties(name: str) -> None:
    command: Command[object] = Registry().command(name)
    doc = command.__doc__ or ""
    assert doc.splitlines()[0].endswith("."), doc
    assert [prop.name for prop in schema(command.args_type) if not prop.doc] == []


@pytest.mark.parametrize("path", sorted((ROOT / "changelog").iterdir()), ids=name_of)
def test_changelog_fragment_has_a_name_and_a_sentence(path: Path) -> None:
    if path.name != "README.md":
        assert FRAGMENT.fullmatch(path.name)
        assert path.read_text().rstrip().endswith(".")
