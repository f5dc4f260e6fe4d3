"""What extensions add to the console: pages of their own, panels on ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from circus_core.quick_dataclass import dataclass
from circus_web.html import Html

Reply = dict[str, Any]


class WatcherView(Protocol):
    """A watcher, as it is known at the moment."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str:
        """One of the words of ``status``."""

    @property
    def report(self) -> Mapping[str, Any]:
        """What ``status --long`` tells."""

    @property
    def flapping(self) -> Mapping[str, Any]:
        """What the plugin that stopped it for dying again and again said, empty once it is started again."""

    @property
    def last_death(self) -> int | None:
        """Exit code of the last process that ended without being told to, of those that the console saw."""

    @property
    def cpu(self) -> float | None:
        """Percent of a core that its processes use together."""

    @property
    def mem(self) -> float | None:
        """Percent of the machine's memory that its processes use together."""

    @property
    def counted(self) -> int:
        """How many processes it has."""

    def recent_restarts(self, now: float) -> int:
        """Return how many processes were replaced in the last five minutes."""


class View(Protocol):
    """What a page or panel is handed: one daemon, as it is known at the moment, and the means to ask it more."""

    endpoint: str
    readonly: bool
    now: float  #: Unix time
    watcher: str | None  #: the watcher whose page a panel is on

    @property
    def watchers(self) -> Sequence[WatcherView]: ...
    @property
    def sockets(self) -> Sequence[Mapping[str, Any]]:
        """What ``listsockets`` replies."""

    @property
    def socket_figures(self) -> Mapping[int, Mapping[str, Any]]:
        """The newest statistics of sockets by number; empty without ``circusd-stats``."""

    def call(self, command: str, **props: Any) -> Reply:
        """Send a command and return its reply; it may wait for the daemon.

        :raises CallError: no reply in time
        :raises CommandError: an error reply, or a read-only console was told to change something
        """

    def html(self, source: str, /, **values: Any) -> Html:
        """Return HTML made by *source*, a template in the language of bottle; it escapes what it is given."""


Render = Callable[[View], object]
"""Makes the HTML of a page or panel; text that is no :class:`Html` is shown as it is, ``None`` shows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of its own, with an entry in the menu.

    :param slug: its address, lower case letters, digits and ``-``
    :param title: for menu and heading
    :param render: called on a thread of its own: it may wait
    :param period: seconds after which it is rendered anew while somebody looks; ``None`` for never
    :param order: its place in the menu, lowest first
    """

    slug: str
    title: str
    render: Render
    period: float | None = None
    order: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of one of our pages.

    :param name: lower case letters, digits and ``-``
    :param place: ``index`` or ``watcher``, the page that it is on
    :param title: its heading
    :param render: as that of a page; ``None`` hides the panel
    :param period: as that of a page
    """

    name: str
    place: str
    title: str
    render: Render
    period: float | None = None
