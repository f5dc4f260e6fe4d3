"""The page of managed sockets."""

from __future__ import annotations

from typing import Any

from circus_web.figures import UNKNOWN, number
from circus_web.hookspecs import hookimpl
from circus_web.html import Html
from circus_web.pages import Page, View

_PAGE = """
% if not sockets:
<p class="empty">This daemon manages no sockets. A <code>[socket:NAME]</code> section makes one.</p>
% else:
<div class="scroll" tabindex="0" role="region" aria-label="Sockets">
<table class="grid">
<thead><tr>
  <th scope="col">Name</th><th scope="col">Address</th><th scope="col" class="num wide">Number</th>
  <th scope="col" class="num">Hits</th><th scope="col">Waiting</th><th scope="col" class="num wide">Accepted</th>
</tr></thead>
<tbody>
% for socket in sockets:
<tr>
  <th scope="row" class="nowrap">{{socket["name"]}}</th>
  <td class="mono address">{{socket["address"]}}</td>
  <td class="num wide">{{socket["fd"]}}</td>
  <td class="num">{{socket["hits"]}}</td>
  <td class="nowrap">{{socket["queue"]}}\\\\
% if socket["limit"]:
 <meter class="wide" min="0" max="{{socket["limit"]}}" high="{{socket["limit"] * 0.7}}" value="{{socket["depth"]}}"
  aria-label="connections that wait at {{socket["name"]}}">{{socket["queue"]}}</meter>\\\\
% end
</td>
  <td class="num wide">{{socket["accepted"]}}</td>
</tr>
% end
</tbody></table></div>
<p class="note">Hits: how often a connection was seen waiting, in the last second.
Waiting: connections that no process has accepted yet, of as many as the queue holds.</p>
% end
% if not has_stats:
<p class="note">There are no figures: <code>circusd-stats</code> does not run. <code>statsd = True</code> starts it.</p>
% end
"""


def show(view: View) -> Html:
    """Return the sockets with their newest figures."""
    rows = [_row(socket, view.socket_figures.get(socket["fd"], {})) for socket in view.sockets]
    return view.html(_PAGE, sockets=rows, has_stats=bool(view.socket_figures) or not rows)


def _row(socket: Any, figures: Any) -> dict[str, Any]:
    depth, limit = number(figures.get("queue")), number(figures.get("backlog"))
    accepted = number(figures.get("accepted"))
    return {
        "name": socket["name"],
        "fd": socket["fd"],
        "address": socket.get("path") or f"{socket.get('host')}:{socket.get('port')}",
        "hits": _shown(number(figures.get("reads"))),
        "queue": UNKNOWN if depth is None else f"{depth:.0f} of {limit or socket.get('backlog', 0):.0f}",
        "depth": depth or 0,
        "limit": 0 if depth is None else limit or socket.get("backlog") or 0,
        "accepted": UNKNOWN if accepted is None else f"{accepted:.0f}/s",
    }


def _shown(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0f}"


@hookimpl
def circus_console_pages() -> list[Page]:
    """Add the page of sockets."""
    return [Page(slug="sockets", title="Sockets", render=show, period=1.0, order=10)]
