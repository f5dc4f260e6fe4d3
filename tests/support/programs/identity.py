"""identity.py NAME WID [WORD...]: prints all that it was given, as one line of JSON, then waits."""

import json
import os
import resource
import signal
import stat
import sys


def describe(fd: int) -> dict[str, object]:
    """Return what the descriptor is."""
    flags = os.fstat(fd)
    return {"target": os.readlink(f"/proc/self/fd/{fd}"), "socket": stat.S_ISSOCK(flags.st_mode)}


def open_fds() -> dict[int, dict[str, object]]:
    """Return what every open descriptor is."""
    found = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            found[fd] = describe(fd)
        except OSError:  # the one that read the directory
            continue
    return found


def environment() -> dict[str, str]:
    """Return the environment at exec, before Python had its say."""
    with open("/proc/self/environ", "rb") as file:
        pairs = (item.partition(b"=") for item in file.read().split(b"\0") if item)
        return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


umask = os.umask(0)
limits = {n[7:].lower(): resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")}
mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
ignored = [s.name for s in signal.Signals if signal.getsignal(s) is signal.SIG_IGN]
facts = {
    "argv": sys.argv[1:],
    "blocked": sorted(int(s) for s in mask),
    "cwd": os.getcwd(),
    "env": environment(),
    "fds": open_fds(),
    "gids": os.getresgid(),
    "groups": sorted(os.getgroups()),
    "ignored": ignored,
    "limits": limits,
    "pgid": os.getpgid(0),
    "pid": os.getpid(),
    "sid": os.getsid(0),
    "uids": os.getresuid(),
    "umask": umask,
    "wid": int(sys.argv[2]),
}
os.write(1, f"identity {sys.argv[1]} {sys.argv[2]} {json.dumps(facts)}\n".encode())
os.write(1, f"ready {sys.argv[1]} {sys.argv[2]} {os.getpid()}\n".encode())
signal.pause()
