"""What people do in a browser, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.daemon.web.browser.conftest import Newcomer
from tests.support import procs
from tests.support.browser import Person
from tests.support.daemon import Daemon
from tests.support.ini import ready
from tests.support.waiting import wait_for


@pytest.fixture(autouse=True)
def left_as_found(stack: Daemon) -> Iterator[None]:
    """Take away what a test added: the daemon is everybody's."""
    before = set(stack.call("list")["watchers"])
    yield
    for name in set(stack.call("list")["watchers"]) - before:
        stack.call("rm", name=name, waiting=True)


def add(stack: Daemon, name: str, **options: object) -> None:
    """Add a watcher that is up once this returns."""
    stack.call("add", name=name, cmd=ready(name).replace("$(circus.wid)", "1"), start=True, options=options)
    stack.wait_status(name, "active")


def test_toggle_stops_and_starts_for_everybody(newcomer: Newcomer, stack: Daemon) -> None:
    add(stack, "shared")
    one, other = newcomer(), newcomer()
    one.go("")
    other.go("")
    one.watcher("shared").get_by_role("switch").click()
    stack.wait_status("shared", "stopped")
    for person in (one, other):
        expect(person.watcher("shared").get_by_role("switch")).to_have_text("Inactive")
        expect(person.watcher("shared").get_by_role("switch")).not_to_be_checked()
    other.watcher("shared").get_by_role("switch").click()
    stack.wait_status("shared", "active")
    expect(one.watcher("shared").get_by_role("switch")).to_have_text("Active")
    assert one.page.url == one.url


def test_processes_are_added_removed_and_ended(person: Person, stack: Daemon) -> None:
    add(stack, "crew")
    person.go("watcher?name=crew")
    expect(person.processes()).to_have_count(1)
    person.button("Add process").click()
    person.said("one process more for crew")
    expect(person.processes()).to_have_count(2)
    first, second = stack.pids("crew")
    person.page.get_by_role("button", name=f"End process {first}").click()
    expect(person.page.locator(f'[data-row="p:{first}"]')).to_have_count(0)
    expect(person.processes()).to_have_count(2)
    assert not procs.is_alive(first)
    assert second in stack.pids("crew")
    person.button("Remove process").click()
    expect(person.processes()).to_have_count(1)
    wait_for(lambda: len(stack.pids("crew")) == 1, "one process to be left")


def test_reload_and_restart_replace_processes(person: Person, stack: Daemon) -> None:
    add(stack, "fresh")
    person.go("watcher?name=fresh")
    for button in ("Reload", "Restart"):
        (old,) = wait_for(lambda: len(pids := stack.pids("fresh")) == 1 and pids, "one process")
        expect(person.page.locator(f'[data-row="p:{old}"]')).to_be_visible()
        person.button(button).click()
        expect(person.page.locator(f'[data-row="p:{old}"]')).to_have_count(0)
        expect(person.processes()).to_have_count(1)


def test_watcher_is_added_and_removed(person: Person, stack: Daemon) -> None:
    person.go("")
    person.page.get_by_role("link", name="Add Watcher").click()
    person.page.get_by_label("Name").fill("novice")
    person.page.get_by_label("Command").fill("sleep 1000")
    person.page.get_by_label("Processes").fill("many")
    person.is_used_to("422")
    person.button("Add watcher").click()
    expect(person.page.locator(".fault")).to_contain_text("many")
    expect(person.page.get_by_label("Command")).to_have_value("sleep 1000")
    person.page.get_by_label("Processes").fill("2")
    person.button("Add watcher").click()
    person.said("novice was added")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("novice")
    expect(person.processes()).to_have_count(2)
    stack.wait_status("novice", "active")

    remove = person.button("Remove novice")
    remove.click()
    person.button("Cancel").click()
    stack.wait_status("novice", "active")
    remove.click()
    person.button("Do it").click()
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Watchers")
    expect(person.watcher("novice")).to_have_count(0)
    assert "novice" not in stack.call("list")["watchers"]


def test_options_are_changed_and_mistakes_explained(person: Person, stack: Daemon) -> None:
    add(stack, "tuned")
    person.is_used_to("422")
    person.go("options?name=tuned")
    field = person.page.get_by_label("graceful_timeout", exact=True)
    field.fill("soon")
    person.button("Save changes").click()
    fault = person.page.locator(".field.bad .fault")
    expect(fault).to_contain_text("soon")
    expect(field).to_have_value("soon")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(fault).to_be_in_viewport()
    field.fill("7")
    person.button("Save changes").click()
    person.said("changed graceful_timeout")
    expect(field).to_have_value("7")
    assert stack.call("get", name="tuned", keys=["graceful_timeout"])["options"] == {"graceful_timeout": 7.0}


def test_refused_command_shows_its_reason(person: Person, stack: Daemon) -> None:
    add(stack, "gone")
    person.is_used_to("409")
    person.go("watcher?name=gone")
    expect(person.processes()).to_have_count(1)
    button = person.button("Reload").element_handle()
    assert button is not None
    button.evaluate("button => { button.value = 'do=incr&name=nobody'; }")
    person.button("Reload").click()
    person.said("nobody not found")


def test_everything_by_keyboard(person: Person, stack: Daemon) -> None:
    add(stack, "keyed")
    person.go("")
    page = person.page
    page.keyboard.press("/")
    page.keyboard.type("keyed")
    expect(page.get_by_label("Search watchers")).to_be_focused()
    expect(page.locator('[data-region="watchers"] tr:visible')).to_have_count(1)
    page.keyboard.press("Tab")
    page.locator("body").press("j")
    expect(person.watcher("keyed")).to_have_class(re.compile("selected"))
    page.keyboard.press("+")
    wait_for(lambda: len(stack.pids("keyed")) == 2, "a second process")
    page.keyboard.press("-")
    wait_for(lambda: len(stack.pids("keyed")) == 1, "one process less")
    page.keyboard.press("s")
    stack.wait_status("keyed", "stopped")
    expect(person.watcher("keyed").get_by_role("switch")).to_have_text("Inactive")
    page.keyboard.press("s")
    stack.wait_status("keyed", "active")
    expect(person.watcher("keyed").get_by_role("switch")).to_have_text("Active")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("keyed")
    person.wait_live()
    (old,) = wait_for(lambda: len(pids := stack.pids("keyed")) == 1 and pids, "one process")
    expect(page.locator(f'[data-row="p:{old}"]')).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator(f'[data-row="p:{old}"]')).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sockets")
