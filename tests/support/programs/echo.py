"""echo.py FIFO: prints what is written to the FIFO; a line that begins with ``!`` on standard error.

Prints ``ready`` first and, on TERM, ``bye``; ends by itself after the line ``exit``.
"""

import os
import signal
import sys


def say(text: str, stream: int = 1) -> None:
    """Print *text* in one write."""
    os.write(stream, f"{text}\n".encode())


def bye(signum: int, frame: object) -> None:
    """Say so and end."""
    say("bye")
    os._exit(0)


signal.signal(signal.SIGTERM, bye)
say("ready")
with os.fdopen(os.open(sys.argv[1], os.O_RDWR), "rb", buffering=0) as fifo:
    for line in fifo:
        text = line.decode().rstrip("\n")
        if text == "exit":
            break
        say(text.removeprefix("!"), 2 if text.startswith("!") else 1)
