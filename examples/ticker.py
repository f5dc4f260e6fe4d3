"""Print the time every few seconds: something that just runs."""

import itertools
import time

for number in itertools.count(1):
    print(f"tick {number} at {time.strftime('%H:%M:%S')}", flush=True)
    time.sleep(5)
