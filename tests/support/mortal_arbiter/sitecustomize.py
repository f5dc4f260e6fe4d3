"""Has an arbiter die right after a message that it sends to the keeper, the one that a file counts down to.

On the ``PYTHONPATH`` of circusd; ``CIRCUS_TEST_DEATH`` names the file: how many messages are left, -1 for no death.
"""

import fcntl
import os
import signal

_FILE = os.environ.get("CIRCUS_TEST_DEATH", "")


def _count_down() -> bool:
    """Count one message, and tell whether it is the last one."""
    with open(_FILE, "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        left = int(file.read())
        if left > 0:
            file.seek(0)
            file.write(b"%-8d" % (left - 1 or -1))
        return left == 1


def _install() -> None:
    from circus_core.keeper_link import KeeperLink

    send = KeeperLink.send

    def send_and_die(self: KeeperLink, message: tuple[object, ...], fds: object = ()) -> None:
        send(self, message, fds)  # type: ignore[arg-type]
        if message[0] != "pong" and _count_down():
            os.kill(os.getpid(), signal.SIGKILL)

    KeeperLink.send = send_and_die  # type: ignore[assignment]


if _FILE and "circusd" in " ".join(__import__("sys").orig_argv):
    _install()
