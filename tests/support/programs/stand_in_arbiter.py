"""stand_in_arbiter.py FOLDER: speaks with the keeper, and does what the file FOLDER/mode says: ``serve``, ``die``.

Its channel is in CIRCUS_KEEPER. The first one spawns a child. On a signal it ends all. It logs to FOLDER/log.
"""

import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from circus_core.keeper.wire import TO_ARBITER, VERSION, Channel

folder = Path(sys.argv[1])
command = [sys.executable, os.path.abspath(__file__), str(folder)]
channel = Channel(socket.socket(fileno=int(os.environ["CIRCUS_KEEPER"])), TO_ARBITER)


def note(text):
    with open(folder / "log", "a") as log:
        log.write(text + "\n")


def wait(operation):
    while True:
        message, fds = channel.receive_now(60)
        for fd in fds:
            os.close(fd)
        if message[0] == operation:
            return message[1:]


channel.send(("hello", VERSION, command))
wait("welcome")
if (folder / "mode").read_text() == "die":
    sys.exit(3)
channel.send(("list_children", 0))
records, _ = wait("children")
channel.send(("attach", 0))
if not records:
    spec = {"candidates": [b"/bin/sleep"], "env": {}, "cwd": None, "umask": None}
    spec |= {"uid": None, "gid": None, "groups": None, "limits": {}, "listen_pid": False}
    own = {"argv": [b"sleep", b"1000"], "fds": {}, "pipes": {}, "passed": 0, "label": "x"}
    channel.send(("spawn", spec, [(1, own)]))
    ((_, child, pid, *_),) = wait("spawned")[0]
else:
    child, pid = records[0]["child"], records[0]["pid"]
channel.send(("ready", 0.0))
note(f"serves {os.getpid()} {pid}")
wait("signal")
os.kill(pid, 15)
wait("exits")
channel.send(("acknowledge", child))
channel.send(("end",))
note("ended")
