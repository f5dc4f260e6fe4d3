"""A web server on a listening socket that somebody else has bound: ``web_worker.py --fd 5``.

It needs nothing but Python. On SIGTERM it answers what it has accepted, then leaves; connections that wait in
the queue of the shared socket go to the other processes.
"""

import argparse
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"hello from pid {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, template, *args):
        print(f"web {os.getpid()}: {template % args}", flush=True)


class SharedSocketServer(ThreadingHTTPServer):
    daemon_threads = False  # answer what was accepted before leaving

    def __init__(self, fd):
        super().__init__(("", 0), Hello, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=fd)

    def get_request(self):
        connection, address = super().get_request()
        connection.setblocking(True)  # the shared socket is not, and some systems hand that on
        return connection, address


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="number of the listening socket")
    server = SharedSocketServer(parser.parse_args().fd)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"web {os.getpid()}: ready", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
