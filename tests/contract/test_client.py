"""The client against a socket that answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from circus_core.client import CircusClient, cast_message, make_message
from circus_core.errors import CallError, CallTimeoutError

Answer = Callable[[dict[str, Any]], list[bytes]]
Serve = Callable[[Answer], str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve one message after the other with an answer, until the test ends."""
    context = zmq.Context()
    stop, stopper = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    stop.bind("inproc://stop")
    stopper.connect("inproc://stop")
    threads: list[threading.Thread] = []
    endpoint = f"ipc://{tmp_path}/ctl"

    def run(router: zmq.Socket[Any], answer: Answer) -> None:
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        poller.register(stop, zmq.POLLIN)
        while stop not in dict(poller.poll()):
            identity, body = router.recv_multipart()
            for reply in answer(json.loads(body)):
                router.send_multipart([identity, reply])
        router.close(0)

    def start(answer: Answer) -> str:
        router = context.socket(zmq.ROUTER)
        router.bind(endpoint)
        threads.append(threading.Thread(target=run, args=(router, answer)))
        threads[-1].start()
        return endpoint

    yield start
    stopper.send(b"")
    for thread in threads:
        thread.join()
    context.destroy(0)


def reply_to(message: dict[str, Any], **keys: Any) -> bytes:
    return json.dumps({"status": "ok", "id": message["id"], **keys}).encode()


def test_call_returns_the_reply(serve: Serve) -> None:
    client = CircusClient(endpoint=serve(lambda m: [reply_to(m, got=m)]))
    message = make_message("incr", name="web")
    assert client.call(message)["got"] == {"command": "incr", "properties": {"name": "web"}, "id": message["id"]}
    assert client.send_message("list", name="x")["got"]["properties"] == {"name": "x"}
    client.stop()


def test_error_reply_is_a_reply(serve: Serve) -> None:
    client = CircusClient(endpoint=serve(lambda m: [reply_to(m, status="error", reason="no")]))
    assert client.send_message("list")["reason"] == "no"
    client.stop()


def test_reply_to_another_message_is_dropped(serve: Serve) -> None:
    client = CircusClient(endpoint=serve(lambda m: [reply_to({"id": "old"}), reply_to(m, mine=1)]))
    assert client.send_message("list")["mine"] == 1
    client.stop()


def test_error_without_an_id_is_about_this_message(serve: Serve) -> None:
    client = CircusClient(endpoint=serve(lambda m: [reply_to({"id": None}, status="error", reason="too big")]))
    assert client.send_message("list")["reason"] == "too big"
    client.stop()


@pytest.mark.parametrize("body", [b"nope", b"[]", b"\xff"])
def test_reply_that_cannot_be_one_says_so(serve: Serve, body: bytes) -> None:
    client = CircusClient(endpoint=serve(lambda m: [body]))
    with pytest.raises(CallError, match="is it circusd"):
        client.send_message("list")
    client.stop()


def test_late_replies_do_not_stretch_the_deadline(serve: Serve) -> None:
    client = CircusClient(endpoint=serve(lambda m: [reply_to({"id": "old"})] * 3), timeout=0.05)
    with pytest.raises(CallTimeoutError):
        client.send_message("list")
    client.stop()


def test_time_out_names_endpoint_and_seconds(tmp_path: Path) -> None:
    client = CircusClient(endpoint=f"ipc://{tmp_path}/none", timeout=0.05)
    with pytest.raises(CallError, match=rf"^Timed out. No reply from ipc://{tmp_path}/none in 0.05s; is circusd"):
        client.send_message("list")
    client.stop()


def test_command_that_was_given_up_is_not_done_when_a_daemon_starts(serve: Serve, tmp_path: Path) -> None:
    client = CircusClient(endpoint=f"ipc://{tmp_path}/ctl", timeout=0.05)
    with pytest.raises(CallTimeoutError):
        client.send_message("quit")
    asked: list[str] = []

    def answer(message: dict[str, Any]) -> list[bytes]:
        asked.append(message["command"])
        return [reply_to(message)]

    serve(answer)
    client.timeout = 10000
    assert client.send_message("list")["status"] == "ok"
    assert asked == ["list"]
    client.stop()


def test_cast_is_not_waited_for(tmp_path: Path) -> None:
    client = CircusClient(endpoint=f"ipc://{tmp_path}/none", timeout=0.05)
    assert client.call(cast_message("stop", name="web")) == {}
    client.stop()


@pytest.mark.parametrize("endpoint", ["nope", "tcp://127.0.0.1:x", "bogus://x", "", "tcp://127.0.0.1"])
def test_endpoint_that_cannot_be_one_says_so(endpoint: str) -> None:
    with pytest.raises(CallError, match="write tcp://HOST:PORT or ipc://PATH"):
        CircusClient(endpoint=endpoint)


def test_tunnel_is_for_addresses_that_ssh_knows() -> None:
    with pytest.raises(CallError, match="write tcp://HOST:PORT or ipc:///PATH, as seen from me@there"):
        CircusClient(endpoint="inproc://x", ssh_server="me@there")


@pytest.mark.parametrize("kind", [TypeError, DeprecationWarning])
def test_call_takes_a_message_and_no_text(kind: type[Exception]) -> None:
    client = CircusClient()
    with pytest.raises(kind, match="make_message"):
        client.call('{"command": "list"}')  # type: ignore[arg-type]  # what is tested
    client.stop()


def test_context_that_was_given_is_left_to_its_owner() -> None:
    with zmq.Context() as context:
        client = CircusClient(context)
        client.stop()
        client.stop()
        assert not context.closed
