"""Pages that show something."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from circus_core.errors import MessageError
from circus_web import option_form
from circus_web.channels import Row
from circus_web.console import UnknownChannelError
from circus_web.feed import Feed, Snapshot
from circus_web.html import Html
from circus_web.system import Watched
from circus_web.visit import Answer, Visit, as_json

_MAX_CHANNELS: Final = 12
_FIRST_ROWS: Final = 100  # what fills a screen; the others follow once it is there


def show_index(visit: Visit) -> Answer:
    """Show all watchers."""
    _need_daemon(visit)
    snapshot = visit.console.look(visit.endpoint, "index:")
    live = {"index:": snapshot, **_panels(visit, "index")}
    rows = _ranked(snapshot)
    table = visit.html_of(rows[: _first(visit)])
    has_stats = visit.console.read(visit.endpoint, lambda feed: feed.system.has_stats)
    return visit.page(
        "index", "Watchers", live=live, rows=table, rest=_rest(rows, "index:"), cells=snapshot.cells,
        panels=_shown(visit, live, "index"), has_stats=has_stats,
    )  # fmt: skip


def _ranked(snapshot: Snapshot) -> list[Row]:
    """Return the rows of watchers, those in trouble first, our own last."""
    return sorted(snapshot.rows, key=lambda row: _rank(row.values["watched"], row.values["level"]))


def _first(visit: Visit) -> int | None:
    """Return how many rows a page comes with, ``None`` for all."""
    return None if visit.query("all") else _FIRST_ROWS


def _rest(rows: Sequence[Row], key: str) -> str:
    """Return the query that gets the other rows, empty when there are none."""
    return urlencode({"c": key, "from": _FIRST_ROWS}) if len(rows) > _FIRST_ROWS else ""


def rest(visit: Visit) -> Answer:
    """Tell the rows that a page came without."""
    key = visit.query("c")
    first = visit.query("from", "0")
    snapshot = visit.console.look(visit.endpoint, key)
    rows = _ranked(snapshot) if key == "index:" else [row for row in snapshot.rows if row.region == "processes"]
    render = visit.console.templates.render
    told = [[row.region, row.id, row.html(render)] for row in rows[int(first) if first.isdigit() else 0 :]]
    return as_json(json.dumps(told))


def _rank(watched: Watched, level: int) -> tuple[int, bool, str]:
    return -level, watched.is_own, watched.name.lower()


def show_watcher(visit: Visit) -> Answer:
    """Show one watcher and its processes."""
    name = _watcher(visit)
    key = f"watcher:{name}"
    snapshot = visit.console.look(visit.endpoint, key)
    rows = [row for row in snapshot.rows if row.region == "processes"]
    live = {key: snapshot, **_panels(visit, "watcher", name)}
    return visit.page(
        "watcher", name, live=live, name=name, head=visit.html_of(row for row in snapshot.rows if row.id == "head"),
        rows=visit.html_of(rows[: _first(visit)]), rest=_rest(rows, key), cells=snapshot.cells,
        panels=_shown(visit, live, "watcher", name),
    )  # fmt: skip


def show_options(visit: Visit) -> Answer:
    """Show the options of a watcher, to be changed."""
    name = _watcher(visit)
    fields = option_form.fields(visit.console.controller(visit.endpoint), name)
    return visit.page("options", f"Options of {name}", name=name, groups=option_form.grouped(fields), error="")


def show_add(visit: Visit) -> Answer:
    """Show the form for a new watcher."""
    return visit.page("add", "Add watcher", values={"start": "1", "numprocesses": "1"}, error="", errors={})


def show_events(visit: Visit) -> Answer:
    """Show what happened lately."""
    _need_daemon(visit)
    name = visit.query("name")
    key = f"events:{name}"
    snapshot = visit.console.look(visit.endpoint, key)
    title = f"Events of {name}" if name else "Events"
    return visit.page("events", title, live={key: snapshot}, rows=visit.html_of(snapshot.rows), name=name)


def show_output(visit: Visit) -> Answer:
    """Show what a watcher or one of its processes prints."""
    name = _watcher(visit)
    pid = visit.query("pid")
    source = f"{pid}/{name}" if pid.isdigit() else name
    key = f"output:{source}"
    snapshot = visit.console.look(visit.endpoint, key)
    title = f"Output of process {pid}" if pid.isdigit() else f"Output of {name}"
    note = snapshot.cells.get("output", {}).get("note", "")
    return visit.page("output", title, live={key: snapshot}, lines=snapshot.lines, name=name, pid=pid, note=note)


def show_part(visit: Visit) -> Answer:
    """Show a page of an extension."""
    _need_daemon(visit)
    page = visit.console.extensions.pages.get(visit.path.partition("?")[0])
    if page is None:
        raise UnknownChannelError(visit.path)
    key = f"part:{page.slug}"
    snapshot = visit.console.look(visit.endpoint, key)
    return visit.page("part", page.title, live={key: snapshot}, part=_part_html(snapshot, key), key=key)


def history(visit: Visit) -> Answer:
    """Tell what charts begin with: of a watcher, or of all and of what the rows of a page show."""
    name = visit.query("name")

    def read(feed: Feed) -> str:
        system = feed.system
        if not name:
            recent = {f"w:{w.name}": w.history.recent_cpu() for w in system.watchers.values()}
            return json.dumps({"total": system.total.as_json(), "rows": recent})
        watched = system.watchers.get(name)
        if watched is None:
            return json.dumps({})
        recent = {f"p:{pid}": process.cpu.values() for pid, process in watched.processes.items()}
        return json.dumps({"watcher": watched.history.as_json(), "rows": recent})

    return as_json(str(visit.console.read(visit.endpoint, read)))


def poll(visit: Visit) -> Answer:
    """Tell what changed on live pages, for browsers without a WebSocket."""
    try:
        asked = json.loads(visit.query("since", "{}"))
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or len(asked) > _MAX_CHANNELS:
        return as_json({"ok": False, "message": "since is an object of channels and versions"}, 400)
    visit.console.is_up(visit.endpoint)  # waits for the first look at it
    messages = [visit.console.poll(visit.endpoint, str(key), str(since)) for key, since in asked.items()]
    return as_json(f"[{','.join(messages)}]")


def _need_daemon(visit: Visit) -> None:
    """Raise what leads to the connect page when the daemon does not answer."""
    visit.console.need(visit.endpoint)


def _watcher(visit: Visit) -> str:
    """Return the watcher that is asked for, as the daemon writes it."""
    _need_daemon(visit)
    name = visit.query("name")
    known = _known(visit, name)
    if known is None:
        visit.console.learn(visit.endpoint)  # it may have been added a moment ago
        known = _known(visit, name)
    if known is None:
        raise MessageError(f"there is no watcher {name!r}: not found")
    return known


def _known(visit: Visit, name: str) -> str | None:
    names: list[str] = visit.console.read(visit.endpoint, lambda feed: list(feed.system.watchers))
    return next((known for known in names if known == name or known.lower() == name.lower()), None)


def _panels(visit: Visit, place: str, watcher: str = "") -> dict[str, Snapshot]:
    keys = [_panel_key(panel.name, watcher) for panel in visit.console.extensions.panels_on(place)]
    return {key: visit.console.look(visit.endpoint, key) for key in keys}


def _panel_key(name: str, watcher: str) -> str:
    return f"part:{name}:{watcher}" if watcher else f"part:{name}"


def _shown(visit: Visit, live: dict[str, Snapshot], place: str, watcher: str = "") -> list[tuple[str, str, Html]]:
    """Return title, region and HTML of the panels of a page."""
    panels = [(panel.title, _panel_key(panel.name, watcher)) for panel in visit.console.extensions.panels_on(place)]
    return [(title, key, _part_html(live[key], key)) for title, key in panels]


def _part_html(snapshot: Snapshot, key: str) -> Html:
    return Html(snapshot.html.get(key, ""))
