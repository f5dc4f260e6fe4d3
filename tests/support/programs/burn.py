"""Take a share of a processor: half of it, or what the first word says."""

import sys
import time

share = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
period = 0.02
print("ready", flush=True)
while True:
    began, spent = time.monotonic(), time.process_time()
    while time.process_time() - spent < share * period:
        pass
    # What was not had in time is not made up for.
    time.sleep(max(0.0, began + period - time.monotonic()))
