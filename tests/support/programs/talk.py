"""Print a line with markup in it three times a second, and now and then an error."""

import sys
import time

number = 0
while True:
    number += 1
    print(f"tick <b>{number}</b>", flush=True)
    if number % 5 == 0:
        print("oops", file=sys.stderr, flush=True)
    time.sleep(0.3)
