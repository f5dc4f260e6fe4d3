"""Run by the published package's own Python: send commands with its CircusClient, print the replies as JSON.

Standard input is ``{"endpoint": ..., "calls": [[command, properties], ...]}``. A property ``"<pid of NAME>"`` stands
for the first pid of that watcher.
"""

import json
import sys
import time

from circus.client import CircusClient  # type: ignore[attr-defined, import-untyped, unused-ignore]
from circus.exc import CallError  # type: ignore[import-not-found, import-untyped, unused-ignore]


def call(client, command, properties):  # type: ignore[no-untyped-def]
    """Return the reply; the published daemon has to be asked again while it does something else."""
    while True:
        try:
            reply = client.call({"command": command, "properties": properties})
        except CallError as exc:
            return {"CallError": str(exc)}
        if "already running" not in str(reply.get("reason")):
            return reply
        time.sleep(0.05)


def main():  # type: ignore[no-untyped-def]
    """Send what standard input says."""
    given = json.load(sys.stdin)
    client = CircusClient(endpoint=given["endpoint"], timeout=15.0)

    def resolve(value):  # type: ignore[no-untyped-def]
        if isinstance(value, str) and value.startswith("<pid of "):
            return call(client, "list", {"name": value[8:-1]})["pids"][0]
        return value

    replies = []
    for command, properties in given["calls"]:
        replies.append(call(client, command, {key: resolve(value) for key, value in properties.items()}))
    client.stop()
    json.dump(replies, sys.stdout)


main()
