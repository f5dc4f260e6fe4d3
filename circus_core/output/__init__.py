"""What processes print: from their pipes to streams."""

from circus_core.output.faults import FaultReport
from circus_core.output.legacy import make_stream
from circus_core.output.pump import OutputStats, Pump, Token
from circus_core.output.targets import OnError, Target

__all__ = ["FaultReport", "OnError", "OutputStats", "Pump", "Target", "Token", "make_stream"]
