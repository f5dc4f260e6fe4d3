"""Sends heartbeats to a UDP port until the file ``silence`` is there: heartbeat.py NAME WID PORT SILENCE."""

import os
import socket
import sys
import time

name, wid, port, silence = sys.argv[1:]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("ready", name, wid, os.getpid(), flush=True)
while True:
    if not os.path.exists(f"{silence}{wid}"):
        sock.sendto(f"{os.getpid()};{time.time()}".encode(), ("127.0.0.1", int(port)))
    time.sleep(0.1)
