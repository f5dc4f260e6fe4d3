"""``python -m circus_web``: ``circushttpd``."""

from __future__ import annotations

import sys

from circus_web.program import main

if __name__ == "__main__":
    sys.exit(main())
