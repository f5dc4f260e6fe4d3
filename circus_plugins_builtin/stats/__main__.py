"""``python -m circus_plugins_builtin.stats``: ``circusd-stats``."""

from __future__ import annotations

import sys

from circus_plugins_builtin.stats.circusd_stats import main

if __name__ == "__main__":
    sys.exit(main())
