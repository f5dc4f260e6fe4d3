"""Send back what comes in, line by line: a server that knows the systemd socket protocol and nothing of Circus.

``LISTEN_FDS`` says how many sockets there are, from descriptor 3 on; ``LISTEN_PID`` says for whom.
"""

import os
import socket
import socketserver
import sys

FIRST_FD = 3


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def get_request(self):
        connection, address = super().get_request()
        connection.setblocking(True)
        return connection, address


def main():
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        sys.exit("echo_server.py: wants one socket by LISTEN_FDS; run it with: circusd examples/echo.ini")
    with Server(("", 0), Echo, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = socket.socket(fileno=FIRST_FD)
        print(f"echo {os.getpid()}: ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
