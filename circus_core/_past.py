"""What became of the arbiters and keepers before."""

from __future__ import annotations

import time
from dataclasses import field, replace

from circus_core._views import Recovery, Upgrade
from circus_core.estate import Left
from circus_core.quick_dataclass import dataclass
from circus_core.records import ArbiterRecord


@dataclass(slots=True)
class Past:
    """How often one took the place of another."""

    recovery: Recovery = field(default_factory=Recovery)
    keeper_replacements: Recovery = field(default_factory=Recovery)
    last_upgrade: Upgrade = field(default_factory=Upgrade)

    @staticmethod
    def of(left: Left | None) -> Past:
        """Return the past of an arbiter that goes on from *left*."""
        return Past() if left is None else Past(left.recovery, left.arbiter.keeper_replacements, left.upgrade)

    def keeper_died(self) -> int:
        """Count another keeper."""
        count = self.keeper_replacements.count + 1
        self.keeper_replacements = Recovery(count=count, time=time.time(), reason="the keeper died")
        return count

    def note(self, record: ArbiterRecord) -> ArbiterRecord:
        """Return *record* with all of it."""
        return replace(
            record,
            recovery=self.recovery,
            keeper_replacements=self.keeper_replacements,
            upgrade=self.last_upgrade,
        )
