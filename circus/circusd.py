"""``python -m circus.circusd``."""

import sys

from circus_core.cli.circusd import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
