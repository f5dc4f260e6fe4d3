"""A plugin that somebody else ships."""

from dataclasses import dataclass

from circus_core.options import kinds, option
from circus_core.plugin import CircusPlugin


@dataclass(frozen=True, kw_only=True)
class HeardOptions:
    """Options of :class:`Heard`."""

    filename: str = option(kinds.PATH, None, "File to write to.")
    limit: int = option(kinds.whole(1), 10, "Topics to write down.")


class Heard(CircusPlugin):
    """Write down the topics of the first events."""

    name = "heard"
    options_type = HeardOptions

    def handle_recv(self, data):
        if self.options.limit > 0:
            with open(self.options.filename, "a") as file:
                print(data[0].decode(), file=file)
