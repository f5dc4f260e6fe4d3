"""signals.py NAME WID: prints each signal that it gets as ``signal NAME WID PID SIGNAL``, exits 0 on TERM."""

import os
import signal
import sys

WATCHED = {
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
}
_, name, wid = sys.argv


def say(word: str, *rest: object) -> None:
    """Print one line at once, in one write."""
    os.write(1, f"{' '.join(map(str, (word, name, wid, os.getpid(), *rest)))}\n".encode())


signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
say("ready")
got = None
while got != signal.SIGTERM:
    got = signal.Signals(signal.sigwait(WATCHED))
    say("signal", got.name)
