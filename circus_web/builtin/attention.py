"""The panel of what is wrong."""

from __future__ import annotations

from circus_web.hookspecs import hookimpl
from circus_web.html import Html
from circus_web.pages import Panel, View
from circus_web.problems import Problem, problems_of

_PANEL = """
<ul class="problems">
% for problem in problems:
<li class="level-{{problem.level}}">
% if not single:
<a href="{{link("watcher", name=problem.watcher)}}">{{problem.watcher}}</a>
% end
<span>{{problem.text}}</span></li>
% end
</ul>
"""


def show(view: View) -> Html | None:
    """Return what is wrong with the watchers, or with the one of the page; nothing when all is well."""
    problems: list[Problem] = []
    for watched in view.watchers:
        if view.watcher in {None, watched.name}:
            problems += problems_of(watched, view.now)
    problems.sort(key=lambda problem: (-problem.level, problem.watcher))
    return view.html(_PANEL, problems=problems, single=view.watcher is not None) if problems else None


@hookimpl
def circus_console_panels() -> list[Panel]:
    """Add the panel to the list of watchers and to the page of each."""
    return [
        Panel(name="attention", place="index", title="Needs attention", render=show, period=1.0),
        Panel(name="attention-watcher", place="watcher", title="Needs attention", render=show, period=1.0),
    ]
