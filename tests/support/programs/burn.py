"""Take a share of a processor: half of it, or what the first word says."""

import sys
import time

share = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
period = 0.02
print("ready", flush=True)
began = time.monotonic()
while True:
    # What was not had in time, on a busy machine, is made up for.
    while time.process_time() < share * (time.monotonic() - began):
        pass
    time.sleep(period)
