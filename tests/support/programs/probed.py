"""An HTTP server whose port is BASE + WID; it fails while the file BAD is there: probed.py NAME WID BASE BAD."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

name, wid, base, bad = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists(f"{bad}{wid}") else 204)
        self.end_headers()

    def log_message(self, *args):
        pass


HTTPServer.allow_reuse_address = True
server = HTTPServer(("127.0.0.1", int(base) + int(wid)), Handler)
print("ready", name, wid, os.getpid(), flush=True)
server.serve_forever()
