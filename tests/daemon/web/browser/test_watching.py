"""What people see in a browser without touching anything that runs."""

from __future__ import annotations

import re
import socket

from playwright.sync_api import Locator, expect

from circus_web.figures import UNKNOWN
from tests.daemon.web.browser.conftest import Newcomer
from tests.support.browser import PHONE, Person
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

PAGES = (
    *("", "watcher?name=web", "watcher?name=broken", "output?name=talker", "output?name=web", "options?name=web"),
    *("events", "events?name=flapper", "sockets", "extensions", "add", "connect", "nowhere"),
)


def texts_of(place: Locator) -> list[str]:
    return [text.strip() for text in place.all_inner_texts()]


def coloured(chart: Locator) -> int:
    """Return how many pixels of a chart are not grey."""
    return int(
        chart.locator("canvas").evaluate(
            """canvas => {
                const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
                copy.drawImage(canvas, 0, 0);  // Chromium complains of a canvas that is read again and again
                const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
                let count = 0;
                for (let at = 0; at < data.length; at += 4) {
                    const [red, green, blue, alpha] = data.slice(at, at + 4);
                    if (alpha > 200 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) count += 1;
                }
                return count;
            }"""
        )
    )


def test_figures_move(person: Person) -> None:
    person.go("")
    figure = person.watcher("burner").locator('[data-cell="cpu"]')
    figure.scroll_into_view_if_needed()
    seen: set[str] = set()

    def moved() -> bool:
        seen.add(figure.inner_text())
        return len(seen - {UNKNOWN, "0.0"}) >= 2

    wait_for(moved, f"the figure of a busy watcher to change; it was {seen}", 30)
    expect(person.page.locator('[data-place="own:circusd"][data-cell="rss"]')).to_have_text(re.compile(r"\d+\.\d+M"))


def test_watcher_page_shows_figures_of_each_process(person: Person) -> None:
    person.go("watcher?name=web")
    expect(person.processes()).to_have_count(2)
    for row in person.processes().all():
        expect(row.locator('[data-cell="rss"]')).to_have_text(re.compile(r"\d"))
        expect(row.locator("time")).to_have_text(re.compile(r"\d+[sm]"))


def test_problems_come_first_with_their_reasons(person: Person) -> None:
    person.go("")
    panel = person.page.locator("[data-panel]", has_text="Needs attention")
    expect(panel).to_contain_text("program '/no/such/program' does not exist")
    expect(panel).to_contain_text("exit code 3")
    expect(panel.get_by_role("link")).to_have_text(["broken", "flapper"])
    names = person.page.locator('[data-region="watchers"] .c-name')
    wait_for(lambda: set(texts_of(names)[:2]) == {"broken", "flapper"}, "both to be on top", 20)
    panel.get_by_role("link", name="broken").click()
    expect(person.page.locator("[data-panel]")).to_contain_text("does not exist")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("broken")


def test_watcher_that_flapped_and_was_given_up_is_a_problem(person: Person, stack: Daemon) -> None:
    wait_for(lambda: stack.status("plugin:flapping") == "active", "the plugin to look")
    person.go("")
    options = {"flapping.max_retry": 0, "max_retry": -1}
    stack.call("add", name="hopeless", cmd="/bin/sh -c 'exit 4'", start=True, options=options)
    problem = person.page.locator(".problems li", has_text="hopeless")
    expect(problem).to_contain_text("given up")
    expect(problem).to_contain_text("exit code 4")
    stack.call("start", name="hopeless")
    stack.call("rm", name="hopeless")
    expect(problem).to_have_count(0)


def test_history_survives_a_reload_of_the_page(person: Person) -> None:
    person.go("")
    chart = person.page.locator('[data-chart="total"][data-series="cpu"]')
    wait_for(lambda: coloured(chart) > 20, "a line in the chart", 30)
    with person.page.expect_response(re.compile("/history")) as told:
        person.page.reload()
    times = told.value.json()["total"]["t"]
    loaded_at = person.page.evaluate("performance.timeOrigin / 1000")
    assert times, "there is no history"
    assert times[0] < loaded_at - 1
    wait_for(lambda: coloured(chart) > 20, "the line to be back")


def test_output_is_followed_as_text(person: Person) -> None:
    person.go("output?name=talker")
    last = person.page.locator("[data-output] .line", has_text="tick").last
    expect(last).to_contain_text(re.compile(r"tick <b>\d+</b>"))
    number = lambda: int(re.findall(r"<b>(\d+)", last.inner_text())[0])  # noqa: E731 - read again and again
    first = number()
    wait_for(lambda: number() > first + 3, f"lines after {first}")
    expect(person.page.locator(".line.err").last).to_contain_text("oops")
    box = person.page.locator("[data-output]")
    assert box.evaluate("box => box.scrollHeight - box.scrollTop - box.clientHeight") < 40
    person.page.get_by_label("Show lines that contain").fill("oops")
    expect(last).to_be_hidden()
    assert {re.sub(r"^\d+", "", text) for text in texts_of(box.locator(".line:visible"))} == {"oops"}


def test_output_that_is_not_kept_says_what_to_do(person: Person) -> None:
    person.go("output?name=web")
    expect(person.page.locator("main")).to_contain_text("log_ring")
    expect(person.button("Keep the output of web")).to_be_visible()


def test_events_arrive_newest_first(person: Person, stack: Daemon) -> None:
    person.go("events?name=web")
    stack.call("incr", name="web")
    stack.call("decr", name="web", waiting=True)
    tags = person.page.locator('[data-region="events"] .tag')
    wait_for(lambda: texts_of(tags)[:2] == ["kill", "spawn"], "the end above the begin")
    stack.call("signal", name="web", pid=stack.pids("web")[0], signum="KILL")
    wait_for(lambda: texts_of(tags)[:4] == ["spawn", "reap", "kill", "spawn"], "what came of a kill on top of it")
    said = texts_of(tags)
    person.page.reload()
    assert texts_of(tags)[: len(said)] == said


def test_sockets_show_hits_and_queue(person: Person, stack: Daemon) -> None:
    (shop,) = stack.call("listsockets")["sockets"]
    person.go("sockets")
    row = person.page.locator("tr", has_text="shop")
    expect(row).to_contain_text("0 of 16")
    clients = [socket.create_connection(("127.0.0.1", shop["port"])) for _ in range(3)]
    try:
        expect(row).to_contain_text("3 of 16")
        expect(row.locator("td.num").nth(1)).to_have_text(re.compile("[1-9]"))
    finally:
        for client in clients:
            client.close()


def test_extensions_are_listed(person: Person) -> None:
    person.go("extensions")
    expect(person.page.locator("tr", has_text="incr").first).to_contain_text("circus.commands")
    expect(person.page.locator("tr", has_text="resource_watcher").first).to_contain_text("circus.plugins")


def test_search_narrows_the_list(person: Person) -> None:
    person.go("")
    search = person.page.get_by_label("Search watchers")
    search.fill("burn")
    expect(person.page.locator('[data-region="watchers"] tr:visible')).to_have_count(1)
    search.fill("no such thing")
    expect(person.page.get_by_text("Nothing matches.")).to_be_visible()
    search.press("Escape")
    expect(person.watcher("web")).to_be_visible()


def test_list_is_sorted_by_a_column(person: Person) -> None:
    person.go("")
    button = person.button("Name")
    button.click()
    names = person.page.locator('[data-region="watchers"] .c-name')
    assert texts_of(names) == sorted(texts_of(names))
    button.click()
    assert texts_of(names) == sorted(texts_of(names), reverse=True)
    expect(person.page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")


def test_theme_follows_the_system_until_one_is_chosen(person: Person) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    person.go("events")
    light = person.page.evaluate(background)
    person.page.emulate_media(color_scheme="dark")
    dark = person.page.evaluate(background)
    assert light != dark
    person.button("Theme").click()
    assert person.page.evaluate(background) == light
    person.go("sockets")
    assert person.page.evaluate(background) == light


def test_pages_fit_a_phone(newcomer: Newcomer) -> None:
    person = newcomer(window=PHONE)
    person.is_used_to("404")
    too_wide = {}
    for page in PAGES:
        person.go(page)
        too_wide[page] = person.width_too_much()
    assert too_wide == dict.fromkeys(PAGES, 0)
