"""Run workers inside an asyncio program, look after them, and end them with it.

python examples/embedded.py
"""

import asyncio
import sys

from circus import Circus

WORKER = f"{sys.executable} -u -c \"import os, time; print('worker', os.getpid()); time.sleep(3600)\""


async def main() -> None:
    workers = {"name": "workers", "cmd": WORKER, "numprocesses": 2, "stdout_stream": {"class": "StdoutStream"}}
    async with Circus(workers) as circus:
        print(circus.statuses())
        await circus.call("incr", name="workers", waiting=True)
        pids = [process.pid for process in circus.arbiter.watcher("workers").processes()]
        print(len(pids), "processes run")
    print("all of them have ended")


if __name__ == "__main__":
    asyncio.run(main())
