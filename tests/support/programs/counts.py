"""counts.py WID: writes numbered lines of many lengths, on TERM how many there were."""

import os
import signal
import sys
import time

pid = os.getpid()
is_told = []
signal.signal(signal.SIGTERM, lambda *_: is_told.append(1))
n = 0
while not is_told:
    lines = b"".join(b"%d %d %s\n" % (pid, n + i, b"x" * ((n + i) * 7919 % 211)) for i in range(20))
    n += 20
    view = memoryview(lines)
    while view:
        view = view[os.write(1, view) :]
    time.sleep(0.005)
os.write(1, b"%d end %d\n" % (pid, n))
sys.exit(0)
