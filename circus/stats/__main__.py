"""``python -m circus.stats``."""

import sys

from circus_plugins_builtin.stats.circusd_stats import main

if __name__ == "__main__":
    sys.exit(main())
