"""Every call that the console makes to hookimpl modules, the extensions of group ``circus.console``.

A hookimpl has the name of the hookspec that it answers::

    from circus_web.hookspecs import hookimpl
    from circus_web.pages import Page

    @hookimpl
    def circus_console_pages():
        return [Page(slug="queue", title="Queue", render=show_queue)]

They run in the process of the console, never in the daemon. One that raises is logged with its name and left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from circus_core.hookspecs import PROJECT, hookimpl, hookspec
from circus_web.pages import Page, Panel

__all__ = ["PROJECT", "circus_console_pages", "circus_console_panels", "hookimpl"]


@hookspec
def circus_console_pages() -> Sequence[Page] | None:
    """Called once, when the console starts, to learn the pages of an extension.

    :returns: the pages; one whose slug is taken is left out, with a line in the log
    """


@hookspec
def circus_console_panels() -> Sequence[Panel] | None:
    """Called once, when the console starts, to learn the panels that an extension adds to our pages.

    :returns: the panels, in the order that they are shown
    """
