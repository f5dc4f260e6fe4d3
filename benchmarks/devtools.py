"""A headless Chromium, driven over the DevTools protocol: no driver, no library but tornado."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

from benchmarks.running import Failed

PROGRAM = shutil.which("chromium")
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--window-size=1280,800"),
)


class Tab:
    """One page of a browser."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self._count = 0
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.frames: list[int] = []  #: sizes of the messages that came over WebSockets

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the protocol and return its result."""
        self._count += 1
        reply = self._replies[self._count] = asyncio.get_running_loop().create_future()
        await self._connection.write_message(json.dumps({"id": self._count, "method": method, "params": params}))
        return await asyncio.wait_for(reply, 60)

    async def run(self, script: str) -> Any:
        """Return what *script* is in the page."""
        told = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise Failed(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def wait(self, script: str, timeout: float = 60.0) -> None:
        """Return when *script* is true in the page."""
        limit = asyncio.get_running_loop().time() + timeout
        while not await self.run(script):
            if asyncio.get_running_loop().time() > limit:
                raise Failed(f"waited {timeout:g} s for {script}")
            await asyncio.sleep(0.05)

    async def listen(self) -> None:
        """Take what the browser says, until it ends."""
        while (text := await self._connection.read_message()) is not None:
            message = json.loads(text)
            if message.get("method") == "Network.webSocketFrameReceived":
                self.frames.append(len(message["params"]["response"]["payloadData"].encode()))
            waiting = self._replies.pop(message.get("id", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message.get("result", {}))


@contextmanager
def browser() -> Iterator[str]:
    """Run a browser of our own while the block lasts; yield the address that it is driven at."""
    if PROGRAM is None:
        raise Failed("no chromium; apt-get install chromium")
    folder = Path(tempfile.mkdtemp(prefix="bench-chromium-", dir="/tmp"))
    log = folder / "log"
    words = [PROGRAM, *_FLAGS, f"--user-data-dir={folder}/profile", "about:blank"]
    env = {**os.environ, "HOME": str(folder)}
    with log.open("wb") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=env)
    try:
        yield _address(log)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _address(log: Path) -> str:
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        if found := re.search(r"DevTools listening on ws://([^/]+)/", log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise Failed(f"chromium does not start: {log.read_text(errors='replace')[-500:]}")


@asynccontextmanager
async def tab(address: str) -> AsyncIterator[Tab]:
    """Yield the page of a fresh browser."""
    reply = await AsyncHTTPClient().fetch(f"http://{address}/json")
    url = next(page["webSocketDebuggerUrl"] for page in json.loads(reply.body) if page["type"] == "page")
    page = Tab(await websocket_connect(url, max_message_size=1 << 28))
    listener = asyncio.create_task(page.listen())
    try:
        for domain in ("Page", "Runtime", "Network"):
            await page.send(f"{domain}.enable")
        yield page
    finally:
        listener.cancel()
