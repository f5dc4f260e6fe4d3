"""serve.py NAME WID FD: answers each connection, or datagram, with its pid; finishes what it began on TERM."""

import os
import selectors
import signal
import socket
import sys

_, name, wid, number = sys.argv
listener = socket.socket(fileno=int(number))
listener.setblocking(False)
waker, wakened = socket.socketpair()
wakened.setblocking(False)
signal.set_wakeup_fd(wakened.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)


def answer() -> None:
    """Serve one client, if another process did not."""
    pid = str(os.getpid()).encode()
    try:
        if listener.type == socket.SOCK_DGRAM:
            listener.sendto(pid, listener.recvfrom(100)[1])
            return
        client, _ = listener.accept()
    except BlockingIOError:
        return
    with client:
        client.setblocking(True)
        client.recv(100)
        client.sendall(pid)


os.write(1, f"ready {name} {wid} {os.getpid()}\n".encode())
with selectors.DefaultSelector() as selector:
    selector.register(listener, selectors.EVENT_READ)
    selector.register(waker, selectors.EVENT_READ)
    while waker not in {key.fileobj for key, _ in selector.select()}:
        answer()
