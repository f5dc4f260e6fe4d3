"""The probes of the ``health`` plugin: each returns, or raises :class:`ProbeError`, within the time that it has."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Mapping
from typing import Final

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

_LAST_LINES: Final = 500  #: characters of what a command printed


class ProbeError(Exception):
    """What is probed is not well."""


async def http(address: str, limit: float) -> None:
    """Fetch a URL; a redirect is an answer.

    :param limit: seconds
    """
    try:
        response = await AsyncHTTPClient().fetch(
            address, connect_timeout=limit, request_timeout=limit, follow_redirects=False, raise_error=False
        )
    except (HTTPClientError, OSError) as exc:
        raise ProbeError(f"{address}: {exc}") from exc
    if response.code == 599:
        raise ProbeError(f"{address}: {response.error}")
    if not 200 <= response.code < 400:
        raise ProbeError(f"{address}: {response.code} {response.reason}")


async def tcp(address: str, limit: float) -> None:
    """Connect to ``HOST:PORT`` or to a unix socket.

    :param limit: seconds
    """
    try:
        async with asyncio.timeout(limit):
            if address.startswith("/"):
                _, writer = await asyncio.open_unix_connection(address)
            else:
                host, _, port = address.rpartition(":")
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError as exc:
        raise ProbeError(f"{address}: no connection in {limit:g}s") from exc
    except (OSError, ValueError) as exc:
        raise ProbeError(f"{address}: {exc}") from exc
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def command(line: str, limit: float, env: Mapping[str, str]) -> None:
    """Run a command line; it and what it started is killed when it takes too long.

    :param limit: seconds
    :param env: variables to add to our own
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(line),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **env},
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        raise ProbeError(f"{line}: {exc}") from exc
    try:
        async with asyncio.timeout(limit):
            printed, _ = await process.communicate()
    except TimeoutError as exc:
        raise ProbeError(f"{line}: not done in {limit:g}s") from exc
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        said = printed[-_LAST_LINES:].decode("utf-8", "replace").strip()
        raise ProbeError(f"{line}: exit code {process.returncode}" + (f": {said}" if said else ""))
