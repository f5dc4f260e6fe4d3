"""Logging in and out, and a daemon that goes and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from circus_web.passwords import hash_password
from tests.daemon.web.browser.conftest import Newcomer
from tests.support.browser import Chromium
from tests.support.console import ConsoleServer
from tests.support.daemon import Daemon
from tests.support.ini import watcher

PASSWORD = "correct horse"


@pytest.fixture
def own(chromium: Chromium, daemon: Daemon) -> Iterator[ConsoleServer]:
    """A console on the daemon of the test, both not started yet."""
    own = ConsoleServer(daemon.home, daemon.endpoint)
    yield own
    own.close()


def test_link_lets_in_once(newcomer: Newcomer, console: ConsoleServer) -> None:
    link = console.new_link()
    first, second = newcomer(cookies=None), newcomer(cookies=None)
    first.page.goto(link)
    expect(first.page.get_by_role("heading", level=1)).to_have_text("Watchers")
    assert "token" not in first.page.url
    second.is_used_to("403")
    second.page.goto(link)
    expect(second.page.get_by_role("alert")).to_be_visible()
    expect(second.page.get_by_label("Link or token")).to_be_focused()


def test_login_leads_where_one_wanted_to_go_and_logout_ends_it(newcomer: Newcomer, console: ConsoleServer) -> None:
    person = newcomer(cookies=None)
    person.page.goto(f"{console.url}watcher?name=web")
    person.page.get_by_label("Link or token").fill(console.new_link())
    person.button("Log in").click()
    expect(person.page.get_by_role("heading", level=1)).to_have_text("web")
    person.button("Log out").click()
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Log in")
    person.page.goto(console.url)
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_password_lets_in_and_another_does_not(own: ConsoleServer, newcomer: Newcomer, daemon: Daemon) -> None:
    daemon.start(watcher("web"))
    own.start(env={"CIRCUS_HTTPD_PASSWORD_HASH": hash_password(PASSWORD)})
    person = newcomer(own.url)
    person.is_used_to("403")
    person.page.goto(own.url)
    expect(person.page.get_by_label("Password")).to_be_focused()
    person.page.keyboard.type("guess")
    person.page.keyboard.press("Enter")
    expect(person.page.get_by_role("alert")).to_contain_text("password")
    person.page.get_by_label("Password").fill(PASSWORD)
    person.button("Log in").click()
    expect(person.watcher("web")).to_be_visible()


def test_disconnected_browser_can_connect_again(newcomer: Newcomer) -> None:
    person = newcomer()
    person.go("")
    person.button("Disconnect").click()
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Connect")
    person.button("Connect").click()
    expect(person.watcher("web")).to_be_visible()


def test_lost_daemon_is_told_and_found_again(own: ConsoleServer, newcomer: Newcomer, daemon: Daemon) -> None:
    daemon.start(watcher("web"))
    own.start()
    person = newcomer(own.url)
    person.page.goto(own.link)
    expect(person.watcher("web")).to_be_visible()
    person.wait_live()
    person.page.evaluate("document.body.dataset.mark = 'the same page'")
    daemon.stop()
    lost = person.page.locator("[data-lost]")
    expect(lost).to_be_visible()
    expect(lost).to_contain_text(re.compile("trying again", re.IGNORECASE))
    expect(person.watcher("web")).to_be_visible()
    daemon.start(watcher("web"), watcher("new"))
    expect(lost).to_be_hidden()
    expect(person.watcher("new").get_by_role("switch")).to_have_text("Active")
    expect(person.page.locator("body")).to_have_attribute("data-mark", "the same page")


def test_page_of_a_lost_daemon_comes_back_by_itself(own: ConsoleServer, newcomer: Newcomer, daemon: Daemon) -> None:
    daemon.start(watcher("web"))
    own.start()
    person = newcomer(own.url)
    person.is_used_to("503")
    person.page.goto(own.link)
    expect(person.watcher("web")).to_be_visible()
    daemon.stop()
    expect(person.page.locator("[data-lost]")).to_be_visible()
    person.page.reload()
    expect(person.page.get_by_role("alert")).to_be_visible()
    daemon.start(watcher("web"))
    expect(person.watcher("web")).to_be_visible()


def test_lost_console_is_told_and_found_again(own: ConsoleServer, newcomer: Newcomer, daemon: Daemon) -> None:
    daemon.start(watcher("web"))
    own.start()
    port = int(own.url.rstrip("/").rpartition(":")[2])
    person = newcomer(own.url)
    person.is_used_to("ERR_CONNECTION", "WebSocket connection", "ERR_EMPTY_RESPONSE")
    person.page.goto(own.link)
    person.wait_live()
    own.stop()
    expect(person.page.locator("[data-lost]")).to_contain_text("The console does not answer")
    own.start(port=port)
    expect(person.page.locator("[data-lost]")).to_be_hidden()
    daemon.call("stop", name="web")
    expect(person.watcher("web").get_by_role("switch")).to_have_text("Inactive")
