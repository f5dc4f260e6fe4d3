"""What pages and panels of extensions are handed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circus_web.controller import Controller
from circus_web.html import Html
from circus_web.system import System, Watched
from circus_web.templates import Templates


class DaemonView:
    """One daemon as it is known when this is made; see :class:`circus_web.pages.View`."""

    def __init__(self, system: System, controller: Controller, templates: Templates, watcher: str | None) -> None:
        self.endpoint = system.endpoint
        self.readonly = controller.readonly
        self.now = system.clock()
        self.watcher = watcher
        self.has_stats = system.has_stats
        self._watchers = list(system.watchers.values())
        self._sockets = list(system.sockets)
        self._socket_figures = dict(system.socket_figures)
        self._controller = controller
        self._templates = templates

    @property
    def watchers(self) -> list[Watched]:
        """The watchers, in the daemon's order."""
        return self._watchers

    @property
    def sockets(self) -> list[dict[str, Any]]:
        """What ``listsockets`` replies."""
        return self._sockets

    @property
    def socket_figures(self) -> Mapping[int, Mapping[str, Any]]:
        """The newest statistics of sockets by number."""
        return self._socket_figures

    def call(self, command: str, **props: Any) -> dict[str, Any]:
        """Send a command and return its reply; see :meth:`Controller.call`."""
        return self._controller.call(command, **props)

    def html(self, source: str, /, **values: Any) -> Html:
        """Return HTML made by *source*, a template in the language of bottle."""
        return self._templates.render_text(source, **values)
