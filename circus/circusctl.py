"""``python -m circus.circusctl``."""

import sys

from circus_core.cli.circusctl import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
