"""An arbiter without processes: commands are run against it, it notes what they change."""

from circus_core.testing import FakeArbiter, FakeChange, FakeWatcher

__all__ = ["FakeArbiter", "FakeChange", "FakeWatcher"]
