"""The smallest ASGI application, for examples/uvicorn.ini."""

import os


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": f"hello from pid {os.getpid()}\n".encode()})
