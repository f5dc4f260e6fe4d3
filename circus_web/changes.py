"""Requests that change something."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

from circus_core.errors import CommandError
from circus_web import option_form
from circus_web.actions import ACTIONS
from circus_web.templates import link
from circus_web.visit import Answer, Visit, as_json, redirect

_READONLY: Final = "this console is read-only"


def do(visit: Visit) -> Answer:
    """Do what a button says."""
    if visit.console.settings.readonly:
        return _told(visit, False, _READONLY, status=403)
    fields = {**visit.fields(), **dict(parse_qsl(visit.form("button"), keep_blank_values=True))}
    action = ACTIONS.get(fields.get("do", ""))
    if action is None:
        return _told(visit, False, f"there is nothing to do that is called {fields.get('do')!r}", status=400)
    try:
        text = action.perform(visit.console.controller(visit.endpoint), fields)
    except CommandError as exc:
        return _told(visit, False, str(exc), status=409)
    return _told(visit, True, text)


def set_options(visit: Visit) -> Answer:
    """Set the options of a watcher that differ from what they were."""
    name = visit.query("name")
    back = f"{visit.root}{link('options', name=name)}"
    if visit.console.settings.readonly:
        return _told(visit, False, _READONLY, status=403, back=back)
    controller = visit.console.controller(visit.endpoint)
    fields = option_form.fields(controller, name)
    changed = option_form.read(fields, visit.fields())
    error = ""
    if changed and not any(field.error for field in fields):
        try:
            controller.call("set", name=name, options=changed)
        except CommandError as exc:
            error = option_form.blame(fields, str(exc))
    if error or any(field.error for field in fields):
        title = f"Options of {name}"
        groups = option_form.grouped(fields)
        return visit.page("options", title, status=422, name=name, groups=groups, error=error)
    words = ", ".join(sorted(changed))
    return _told(visit, True, f"changed {words}" if changed else "nothing was changed", back=back)


def add(visit: Visit) -> Answer:
    """Add a watcher."""
    back = f"{visit.root}add"
    if visit.console.settings.readonly:
        return _told(visit, False, _READONLY, status=403, back=back)
    given = visit.fields()
    options, errors = option_form.read_new(given)
    error = ""
    if not errors:
        props: dict[str, Any] = {"name": given.get("name", "").strip(), "cmd": given.get("cmd", ""), "options": options}
        try:
            visit.console.controller(visit.endpoint).call("add", **props, start="start" in given)
        except CommandError as exc:
            error = str(exc)
        else:
            name = props["name"]
            return _told(visit, True, f"{name} was added", back=f"{visit.root}{link('watcher', name=name)}")
    return visit.page("add", "Add watcher", status=422, values=given, error=error, errors=errors)


def _told(visit: Visit, is_ok: bool, text: str, *, status: int = 200, back: str = "") -> Answer:
    if visit.wants_json:
        return as_json({"ok": is_ok, "message": text}, status)
    visit.console.learn(visit.endpoint)  # the next page shows what was done
    visit.flash("ok" if is_ok else "error", text)
    return redirect(back or visit.came_from)
