"""What axe-core finds: nothing serious on any page, light or dark."""

from __future__ import annotations

from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.daemon.web.browser.conftest import Newcomer
from tests.daemon.web.browser.test_watching import PAGES

BAD: Final = {"serious", "critical"}
ALIKE: Final = {"exclude": [[".line:nth-child(n+10)"], ["tbody tr:nth-child(n+12)"]]}  #: more of the same takes long
COLOURS: Final = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def violations(page: Page, **only: Any) -> list[str]:
    """Return what is seriously wrong on a page, with where and why."""
    found = Axe().run(page, context=ALIKE, options={"resultTypes": ["violations"], **only}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}: {node['failureSummary']}"
        for rule in found
        if rule["impact"] in BAD
        for node in rule["nodes"]
    ]


def test_nothing_serious_is_found_on_any_page(newcomer: Newcomer) -> None:
    person = newcomer()
    person.is_used_to("404")
    found = {}
    for page in PAGES:
        person.go(page)
        found[page] = violations(person.page)
    assert {page: what for page, what in found.items() if what} == {}


def test_contrasts_are_high_enough_in_the_dark(newcomer: Newcomer) -> None:
    person = newcomer(scheme="dark")
    person.is_used_to("404")
    found = {}
    for page in PAGES:
        person.go(page)
        found[page] = violations(person.page, **COLOURS)
    assert {page: what for page, what in found.items() if what} == {}


def test_nothing_serious_is_found_before_the_login(newcomer: Newcomer) -> None:
    person = newcomer(cookies=None)
    person.go("")
    assert violations(person.page) == []
    person.page.emulate_media(color_scheme="dark")
    assert violations(person.page, **COLOURS) == []


def test_nothing_serious_is_found_in_dialogs(newcomer: Newcomer) -> None:
    person = newcomer()
    person.go("watcher?name=web")
    person.page.keyboard.press("?")
    assert violations(person.page) == []
    person.page.keyboard.press("Escape")
    person.button("Remove web").click()
    assert violations(person.page) == []
    person.button("Cancel").click()
