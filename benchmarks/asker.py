"""Asks a daemon for the state of everything, on and on, until standard input ends; prints each round trip.

``python asker.py CONTROL``: a program of its own, so that what else the benchmark does is not in its figures.
"""

from __future__ import annotations

import json
import select
import sys
import time

import zmq

PAUSE = 0.001  #: seconds between two questions


def main() -> None:
    """Ask; a line is a moment, in seconds of the monotonic clock, and the milliseconds that the reply took."""
    message = json.dumps({"id": "asker", "command": "status", "properties": {}}).encode()
    took = []
    with zmq.Context() as context, context.socket(zmq.DEALER) as client:
        client.linger = 0
        client.connect(sys.argv[1])
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            before = time.monotonic()
            client.send(message)
            if not client.poll(60_000):
                break
            client.recv()
            took.append((before, 1000 * (time.monotonic() - before)))
            if len(took) == 1:
                print("asked", flush=True)
    sys.stdout.writelines(f"{at} {ms}\n" for at, ms in took)


if __name__ == "__main__":
    main()
