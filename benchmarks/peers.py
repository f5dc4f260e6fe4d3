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
import xmlrpc.client
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import zmq

from tests.support import oracle

NAME = "w"
OURS = ("ours", "no-keeper")
YARDSTICKS = ("loop",)  #: spawn, but supervise nothing: no peers
HIGH = 20_000


class NotHere(Exception):
    """A peer that is not installed, with the remedy."""


@dataclass(frozen=True)
class Writer:
    """A program whose output goes to a file.

    :param limit: bytes at which the file is rotated, one old one is kept; 0 for one that grows
    :param copies: how many processes of it write to the file
    """

    command: str
    log: Path
    limit: int = 0
    copies: int = 1


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

    @contextmanager
    def listing(self, home: Path, count: int) -> Iterator[Callable[[], object] | None]:
        """Yield a function that asks for the pids of all *count* processes on an open connection."""
        yield None

    @contextmanager
    def restarting(self, home: Path) -> Iterator[Callable[[], object]]:
        """Yield a function that has every process stop and another one take its place."""
        yield lambda: subprocess.run(self.restart_command(home), check=True, timeout=60, capture_output=True)

    def restart_command(self, home: Path) -> list[str]:
        """Return the command line that restarts every process."""
        raise NotImplementedError


class Circus(Peer):
    """Ours and the published one: the same file, the same protocol."""

    def __init__(
        self, name: str, scripts: Callable[[], Path], *flags: str, options: tuple[str, ...] = (), watcher: str = ""
    ) -> None:
        self.name = name  # type: ignore[misc]  # the two differ in it
        self._scripts = scripts
        self._flags = flags
        self._options = options
        self._watcher = watcher

    def with_statistics(self) -> Circus:
        """Return the same one, running ``circusd-stats``."""
        options = ("statsd = True", "stats_endpoint = ipc://{home}/stats")
        return Circus(self.name, self._scripts, *self._flags, options=options)

    def stopped(self) -> Circus:
        """Return the same one, whose processes are not started but by a command."""
        return Circus(self.name, self._scripts, *self._flags, watcher="autostart = False\n")

    def with_place_for_statistics(self) -> Circus:
        """Return the same one, naming an endpoint of statistics where somebody else publishes."""
        return Circus(self.name, self._scripts, *self._flags, options=("stats_endpoint = ipc://{home}/stats",))

    def version(self) -> str:
        circusd = self._scripts() / "circusd"
        if not circusd.exists():
            raise NotHere(f"no {circusd}; install the repository: pip install -e .")
        return _said([str(circusd), "--version"])

    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        (home / "circus.ini").write_text(
            f"[circus]\nendpoint = ipc://{home}/ctl\npubsub_endpoint = ipc://{home}/pub\nmulticast_endpoint =\n"
            + "".join(f"{option.format(home=home)}\n" for option in self._options)
            + f"[watcher:{NAME}]\ncmd = {program}\nnumprocesses = {count}\n{self._watcher}"
        )
        return [str(self._scripts() / "circusd"), *self._flags, str(home / "circus.ini")]

    def configure_writer(self, home: Path, program: Path, count: int, writer: Writer) -> list[str]:
        command = self.configure(home, program, count)
        rotation = f"stdout_stream.max_bytes = {writer.limit}\nstdout_stream.backup_count = 1\n" * bool(writer.limit)
        with open(home / "circus.ini", "a") as ini:
            ini.write(
                f"[watcher:flood]\ncmd = {writer.command}\nnumprocesses = {writer.copies}\n"
                f"stdout_stream.class = FileStream\nstdout_stream.filename = {writer.log}\n{rotation}"
            )
        return command

    def status_command(self, home: Path) -> list[str]:
        return [str(self._scripts() / "circusctl"), "--endpoint", f"ipc://{home}/ctl", "status"]

    @contextmanager
    def asking(self, home: Path) -> Iterator[Callable[[], object]]:
        with self.connected(home) as ask:
            yield lambda: ask("status")["statuses"][NAME]

    @contextmanager
    def listing(self, home: Path, count: int) -> Iterator[Callable[[], object]]:
        with self.connected(home) as ask:

            def pids() -> object:
                found = ask("list", name=NAME)["pids"]
                assert len(found) == count, f"{len(found)} of {count} pids"
                return found

            yield pids

    @contextmanager
    def restarting(self, home: Path) -> Iterator[Callable[[], object]]:
        with self.connected(home) as ask:
            yield lambda: ask("restart", name=NAME)

    @contextmanager
    def connected(self, home: Path) -> Iterator[Callable[..., Any]]:
        """Yield a function that sends a command with its properties and returns the reply."""
        with zmq.Context() as context, context.socket(zmq.DEALER) as client:
            client.linger = 0
            client.identity = uuid.uuid4().hex.encode()
            client.connect(f"ipc://{home}/ctl")

            def ask(command: str, **properties: object) -> Any:
                message = {"id": uuid.uuid4().hex, "command": command, "properties": properties}
                client.send(json.dumps(message).encode())
                while client.poll(120_000):
                    reply = json.loads(client.recv())
                    if reply["id"] == message["id"]:
                        assert reply.get("status") != "error", reply
                        return reply
                raise TimeoutError(f"no reply to {command} in 120 s")

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
                f"[program:flood]\ncommand = {writer.command}\nstderr_logfile = NONE\nnumprocs = {writer.copies}\n"
                "process_name = %(program_name)s_%(process_num)05d\n"
                f"stdout_logfile = {writer.log}\nstdout_logfile_maxbytes = {writer.limit}\nstdout_logfile_backups = 1\n"
            )
        return command

    def status_command(self, home: Path) -> list[str]:
        return [str(self._scripts() / "supervisorctl"), "-c", str(home / "supervisord.conf"), "status"]

    @contextmanager
    def asking(self, home: Path) -> Iterator[Callable[[], object]]:
        with self._connected(home) as call:

            def ask() -> object:
                reply = call("getAllProcessInfo")
                assert b"RUNNING" in reply or b"STARTING" in reply, reply[:300]
                return reply

            yield ask

    @contextmanager
    def listing(self, home: Path, count: int) -> Iterator[Callable[[], object]]:
        with self._connected(home) as call:

            def pids() -> object:
                reply: Any = xmlrpc.client.loads(call("getAllProcessInfo"))
                found = [each["pid"] for each in reply[0][0]]
                assert len(found) == count, f"{len(found)} of {count} processes"
                return found

            yield pids

    @contextmanager
    def restarting(self, home: Path) -> Iterator[Callable[[], object]]:
        with self._connected(home) as call:
            yield lambda: (call("stopProcessGroup", NAME), call("startProcessGroup", NAME, False))

    @contextmanager
    def _connected(self, home: Path) -> Iterator[Callable[..., bytes]]:
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(home / "sock"))

        def call(method: str, *args: Any) -> bytes:
            body = xmlrpc.client.dumps(args, f"supervisor.{method}")
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml", "Connection": "keep-alive"})
            return connection.getresponse().read()

        try:
            yield call
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

    def restart_command(self, home: Path) -> list[str]:
        return ["sh", "-c", f"for service in {home}/services/{NAME}*; do s6-svc -r $service; done"]

    def configure_writer(self, home: Path, program: Path, count: int, writer: Writer) -> list[str]:
        command = self.configure(home, program, count)
        service = home / "services" / "flood"
        folder = writer.log.with_suffix(".s6")
        keeper = f"s6-log n1 s{writer.limit or 2**28 - 1} {folder}"
        writer.log.symlink_to(folder / "current")
        several = f"for n in $(seq {writer.copies}); do {writer.command} & done\nwait"
        run = several if writer.copies > 1 else f"exec {writer.command}"
        for place, script in ((service, run), (service / "log", f"exec {keeper}")):
            place.mkdir()
            (place / "run").write_text(f"#!/bin/sh\n{script}\n")
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

    def restart_command(self, home: Path) -> list[str]:
        return ["sh", "-c", f"sv term {home}/services/{NAME}*"]


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
            f"kept += [subprocess.Popen({writer.command.split()!r}, stdout=write) for _ in range({writer.copies})]\n"
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
        Circus("no-keeper", lambda: beside, "--no-keeper"),
        Circus("circus-0.19", oracle.scripts),
        Supervisor(),
        S6(),
        Runit(),
        BareLoop(),
    ]
    return {peer.name: peer for peer in peers}
