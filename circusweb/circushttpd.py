"""``python -m circusweb.circushttpd``: the web console; ``app`` is it for any WSGI server."""

from __future__ import annotations

import sys

from circus.web.circushttpd import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    sys.exit(main())
