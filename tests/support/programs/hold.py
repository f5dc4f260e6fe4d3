"""Hold some megabytes of memory that are really there."""

import mmap
import sys
import time

memory = mmap.mmap(-1, int(sys.argv[1]) << 20)
for at in range(0, len(memory), mmap.PAGESIZE):
    memory[at] = 1
print("ready", flush=True)
while True:
    time.sleep(3600)
