"""The page of installed extensions."""

from __future__ import annotations

from circus_web.hookspecs import hookimpl
from circus_web.html import Html
from circus_web.pages import Page, View

_PAGE = """
<div class="bar">
<p class="quiet">{{len(rows)}} installed{{", %d broken" % broken if broken else ""}}</p>
<div class="search"><svg aria-hidden="true"><use href="#i-search"/></svg><input type="search" data-search
  aria-label="Search extensions" placeholder="Search"></div>
</div>
<div class="scroll" tabindex="0" role="region" aria-label="Extensions">
<table class="grid dense" data-rows>
<thead><tr>
  <th scope="col">Name</th><th scope="col">Group</th><th scope="col">Distribution</th><th scope="col">State</th>
</tr></thead>
<tbody>
% for row in rows:
<tr data-row="x:{{row["group"]}}:{{row["name"]}}" data-name="{{row["name"]}} {{row["group"]}} {{row["distribution"]}}">
  <th scope="row">{{row["name"]}}
% if row["error"]:
  <p class="fault">{{row["error"]}}</p>
% end
  </th>
  <td class="mono">{{row["group"]}}</td>
  <td>{{row["distribution"]}} <span class="quiet">{{row["version"]}}</span></td>
  <td><span class="tag tag-{{row["state"]}}">{{row["state"]}}</span></td>
</tr>
% end
</tbody></table></div>
<p class="empty" data-none hidden>Nothing matches.</p>
"""

_ORDER = {"broken": 0, "disabled": 1}


def show(view: View) -> Html:
    """Return the extensions that are installed for the daemon, what is broken first."""
    rows = view.call("extensions")["extensions"]
    rows.sort(key=lambda row: (_ORDER.get(row["state"], 2), row["group"], row["name"]))
    return view.html(_PAGE, rows=rows, broken=sum(row["state"] == "broken" for row in rows))


@hookimpl
def circus_console_pages() -> list[Page]:
    """Add the page of extensions."""
    return [Page(slug="extensions", title="Extensions", render=show, order=90)]
