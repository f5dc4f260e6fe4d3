"""The smallest WSGI application, for examples/gunicorn.ini."""

import os


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"hello from pid {os.getpid()}\n".encode()]
