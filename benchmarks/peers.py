"""The supervisors that are measured: how each is installed, configured, asked and ended."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import zmq

from tests.support import oracle

NAME = "w"
HIGH = 20_000


class NotHere(Exception):
    """A peer that is not installed, with the remedy."""


@dataclass(frozen=True)
class Writer:
    """A program whose output goes to a file.

    :param limit: bytes at which the file is rotated, one old one is kept; 0 for one that grows
    """

    command: str
    log: Path
    limit: int = 0


class Peer(ABC):
    """One supervisor with one group of identical processes."""

    name: ClassVar[str]
    stop_signal: ClassVar[int] = signal.SIGTERM
    replaces: ClassVar[bool] = True  #: dead processes

    @abstractmethod
    def version(self) -> str:
        """Return what is measured; raise :class:`NotHere` when it is not installed."""

    @abstractmethod
    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        """Write what the daemon needs for *count* processes of *program*, return its command line."""

    def configure_writer(self, home: Path, program: Path, count: int, writer: Writer) -> list[str]:
        """Do the same with a *writer* beside these processes."""
        raise NotHere(f"{self.name} is not configured to write logs")

    def status_command(self, home: Path) -> list[str] | None:
        """Return the command line by which a user asks for the state of everything."""
        return None

    @contextmanager
    def asking(self, home: Path) -> Iterator[Callable[[], object] | None]:
        """Yield a function that asks for the state of everything on an open connection."""
        yield None


class Circus(Peer):
    """Ours and the published one: the same file, the same protocol."""

    def __init__(self, name: str, scripts: Callable[[], Path], *options: str) -> None:
        self.name = name  # type: ignore[misc]  # the two differ in it
        self._scripts = scripts
        self._options = options

    def with_statistics(self) -> Circus:
        """Return the same one, running ``circusd-stats``."""
        return Circus(self.name, self._scripts, "statsd = True", "stats_endpoint = ipc://{home}/stats")

    def version(self) -> str:
        circusd = self._scripts() / "circusd"
        if not circusd.exists():
            raise NotHere(f"no {circusd}; install the repository: pip install -e .")
        return _said([str(circusd), "--version"])

    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        (home / "circus.ini").write_text(
            f"[circus]\nendpoint = ipc://{home}/ctl\npubsub_endpoint = ipc://{home}/pub\nmulticast_endpoint =\n"
            + "".join(f"{option.format(home=home)}\n" for option in self._options)
            + f"[watcher:{NAME}]\ncmd = {program}\nnumprocesses = {count}\n"
        )
        return [str(self._scripts() / "circusd"), str(home / "circus.ini")]

    def configure_writer(self, home: Path, program: Path, count: int, writer: Writer) -> list[str]:
        command = self.configure(home, program, count)
        rotation = f"stdout_stream.max_bytes = {writer.limit}\nstdout_stream.backup_count = 1\n" * bool(writer.limit)
        with open(home / "circus.ini", "a") as ini:
            ini.write(
                f"[watcher:flood]\ncmd = {writer.command}\n"
                f"stdout_stream.class = FileStream\nstdout_stream.filename = {writer.log}\n{rotation}"
            )
        return command

    def status_command(self, home: Path) -> list[str]:
        return [str(self._scripts() / "circusctl"), "--endpoint", f"ipc://{home}/ctl", "status"]

    @contextmanager
    def asking(self, home: Path) -> Iterator[Callable[[], object]]:
        message = json.dumps({"id": uuid.uuid4().hex, "command": "status", "properties": {}}).encode()
        with zmq.Context() as context, context.socket(zmq.DEALER) as client:
            client.linger = 0
            client.connect(f"ipc://{home}/ctl")

            def ask() -> object:
                client.send(message)
                if not client.poll(10_000):
                    raise TimeoutError("no reply in 10 s")
                reply = json.loads(client.recv())
                assert NAME in reply["statuses"], reply
                return reply

            yield ask


class Supervisor(Peer):
    """supervisord, over its unix socket."""

    name = "supervisor"

    def _scripts(self) -> Path:
        return oracle.venv_with("supervisor==4.2.5") / "bin"

    def version(self) -> str:
        return _said([str(self._scripts() / "supervisord"), "--version"])

    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        (home / "supervisord.conf").write_text(
            f"[supervisord]\nnodaemon = true\nlogfile = /dev/null\nlogfile_maxbytes = 0\npidfile = {home}/pid\n"
            f"childlogdir = {home}\nminfds = {HIGH // 2}\nuser = root\n"
            f"[unix_http_server]\nfile = {home}/sock\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[supervisorctl]\nserverurl = unix://{home}/sock\n"
            f"[program:{NAME}]\ncommand = {program}\nnumprocs = {count}\nautorestart = true\n"
            "process_name = %(program_name)s_%(process_num)05d\nstdout_logfile = NONE\nstderr_logfile = NONE\n"
        )
        return [str(self._scripts() / "supervisord"), "-c", str(home / "supervisord.conf")]

    def configure_writer(self, home: Path, program: Path, count: int, writer: Writer) -> list[str]:
        command = self.configure(home, program, count)
        with open(home / "supervisord.conf", "a") as conf:
            conf.write(
                f"[program:flood]\ncommand = {writer.command}\nstderr_logfile = NONE\n"
                f"stdout_logfile = {writer.log}\nstdout_logfile_maxbytes = {writer.limit}\nstdout_logfile_backups = 1\n"
            )
        return command

    def status_command(self, home: Path) -> list[str]:
        return [str(self._scripts() / "supervisorctl"), "-c", str(home / "supervisord.conf"), "status"]

    @contextmanager
    def asking(self, home: Path) -> Iterator[Callable[[], object]]:
        body = b"<?xml version='1.0'?><methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>"
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(home / "sock"))

        def ask() -> object:
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml", "Connection": "keep-alive"})
            reply = connection.getresponse().read()
            assert b"RUNNING" in reply or b"STARTING" in reply, reply[:300]
            return reply

        try:
            yield ask
        finally:
            connection.close()


class S6(Peer):
    """s6-svscan with one s6-supervise for each process."""

    name = "s6"

    def version(self) -> str:
        return _packaged("s6", "s6-svscan")

    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        _service_folders(home / "services", program, count)
        return ["s6-svscan", "-c", str(count + 10), str(home / "services")]

    def configure_writer(self, home: Path, program: Path, count: int, writer: Writer) -> list[str]:
        command = self.configure(home, program, count)
        service = home / "services" / "flood"
        folder = writer.log.with_suffix(".s6")
        keeper = f"s6-log n1 s{writer.limit or 2**28 - 1} {folder}"
        writer.log.symlink_to(folder / "current")
        for place, run in ((service, writer.command), (service / "log", keeper)):
            place.mkdir()
            (place / "run").write_text(f"#!/bin/sh\nexec {run}\n")
            (place / "run").chmod(0o755)
        return command


class Runit(Peer):
    """runsvdir with one runsv for each process."""

    name = "runit"
    stop_signal = signal.SIGHUP

    def version(self) -> str:
        return _packaged("runit", "runsvdir")

    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        _service_folders(home / "services", program, count)
        return ["runsvdir", str(home / "services")]


class BareLoop(Peer):
    """A loop of ``subprocess.Popen``: what spawning costs by itself, without any supervision."""

    name = "loop"
    replaces = False

    def version(self) -> str:
        return f"Python {sys.version.split()[0]}"

    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        loop = f"[subprocess.Popen([{str(program)!r}]) for _ in range({count})]"
        return [sys.executable, "-c", f"import signal, subprocess; kept = {loop}; signal.pause()"]

    def configure_writer(self, home: Path, program: Path, count: int, writer: Writer) -> list[str]:
        """Copy what the writer prints by the simplest loop on a big pipe."""
        code = (
            "import fcntl, os, subprocess\n"
            "read, write = os.pipe()\n"
            "fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, 1 << 20)\n"
            f"kept = [subprocess.Popen([{str(program)!r}]) for _ in range({count})]\n"
            f"kept.append(subprocess.Popen({writer.command.split()!r}, stdout=write))\n"
            "os.close(write)\n"
            "buffer = memoryview(bytearray(1 << 20))\n"
            f"with open({str(writer.log)!r}, 'wb', buffering=0) as file:\n"
            "    while size := os.readv(read, [buffer]):\n"
            "        file.write(buffer[:size])\n"
        )
        return [sys.executable, "-c", code]


def _service_folders(folder: Path, program: Path, count: int) -> None:
    for number in range(count):
        service = folder / f"{NAME}{number:05d}"
        service.mkdir(parents=True)
        (service / "run").symlink_to(program)


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ), timeout=30)
    return done.stdout.strip() or done.stderr.strip()


def _packaged(package: str, program: str) -> str:
    if shutil.which(program) is None:
        raise NotHere(f"no {program}; install it: apt-get install {package}")
    return _said(["dpkg-query", "--showformat=${Version}", "--show", package])


def all_peers() -> dict[str, Peer]:
    """Return every peer by name; ours comes first."""
    beside = Path(sys.executable).parent
    peers: list[Peer] = [
        Circus("ours", lambda: beside),
        Circus("circus-0.19", oracle.scripts),
        Supervisor(),
        S6(),
        Runit(),
        BareLoop(),
    ]
    return {peer.name: peer for peer in peers}
