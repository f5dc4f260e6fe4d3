"""What processes print: from their pipes to streams."""

from circus_core.output.faults import FaultReport
from circus_core.output.kept import check_journal, keep_rings, open_journal, take_rings
from circus_core.output.legacy import make_stream
from circus_core.output.pump import OutputStats, Pump, Token
from circus_core.output.rings import Rings, WatcherRings
from circus_core.output.targets import Target
from circus_core.values import OnError

__all__ = [
    "FaultReport",
    "OnError",
    "OutputStats",
    "Pump",
    "Rings",
    "Target",
    "Token",
    "WatcherRings",
    "check_journal",
    "keep_rings",
    "make_stream",
    "open_journal",
    "take_rings",
]
