"""``python -m circus.web.circushttpd``: the web console; ``app`` is it for any WSGI server."""

from __future__ import annotations

import sys

from circus_web.program import main
from circus_web.wsgi import app

__all__ = ["app", "main"]

if __name__ == "__main__":
    sys.exit(main())
