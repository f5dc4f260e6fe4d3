"""Uses what it is told to, itself or in a child: eats.py NAME WID (cpu | MEGABYTES | nothing) [in-child]."""

import os
import sys
import time

name, wid, what = sys.argv[1:4]
in_child = sys.argv[4:] == ["in-child"]
if in_child:
    child = os.fork()
    while child:
        print("ready", name, wid, child, flush=True)
        os.wait()
        child = os.fork()
else:
    print("ready", name, wid, os.getpid(), flush=True)
if what == "cpu":
    while True:
        pass
food = bytearray(int(what) << 20 if what.isdigit() else 1)
for at in range(0, len(food), 4096):
    food[at] = 1
while True:
    time.sleep(60)
