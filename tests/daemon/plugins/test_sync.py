"""How a subscriber learns from when on it gets every event."""

from __future__ import annotations

import json
import subprocess

import pytest
import zmq

from tests.support.daemon import Daemon
from tests.support.ini import watcher
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("the published daemon does not tell")


def test_topic_of_a_subscribers_own_is_answered_once_its_subscriptions_hold(daemon: Daemon) -> None:
    """Twenty times in a row, since a subscription that is lost would be lost now and then."""
    daemon.start(watcher("web"))
    context = zmq.Context.instance()
    for number in range(20):
        with context.socket(zmq.SUB) as subscriber:
            subscriber.linger = 0
            subscriber.subscribe("watcher.")
            subscriber.subscribe(f"sync.test-{number}")
            subscriber.connect(daemon.pubsub_endpoint)
            assert subscriber.poll(60_000), "no answer"
            topic, body = subscriber.recv_multipart()
            assert (topic, json.loads(body)) == (f"sync.test-{number}".encode(), {})

            daemon.call("publish", name="web", action="custom", data={"number": number})

            assert subscriber.poll(60_000), "no event"
            topic, body = subscriber.recv_multipart()
            assert (topic, json.loads(body)["number"]) == (b"watcher.web.custom", number)


def test_answer_comes_again_after_a_reconnection(daemon: Daemon) -> None:
    daemon.start(watcher("web"))
    with zmq.Context.instance().socket(zmq.SUB) as subscriber:
        subscriber.linger = 0
        subscriber.subscribe("sync.mine")
        subscriber.connect(daemon.pubsub_endpoint)
        assert subscriber.poll(60_000) and subscriber.recv_multipart()[0] == b"sync.mine"

        daemon.stop()
        daemon.start(watcher("web"))

        assert subscriber.poll(60_000) and subscriber.recv_multipart()[0] == b"sync.mine"


def test_answers_are_no_events_to_who_listens(daemon: Daemon) -> None:
    daemon.start(watcher("web"))
    command = [*daemon.flavour.circusctl, "--endpoint", daemon.endpoint, "listen"]
    with open(daemon.home / "heard", "wb") as file:
        child = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
    try:
        wait_for(
            lambda: daemon.call("publish", name="web", action="custom") and (daemon.home / "heard").read_text(),
            "an event",
        )
        with zmq.Context.instance().socket(zmq.SUB) as subscriber:
            subscriber.linger = 0
            subscriber.subscribe("sync.mine")
            subscriber.connect(daemon.pubsub_endpoint)
            assert subscriber.poll(60_000)
        daemon.call("publish", name="web", action="last")
        wait_for(lambda: "watcher.web.last" in (daemon.home / "heard").read_text(), "the last event")
    finally:
        child.terminate()
        child.wait()

    assert "sync" not in (daemon.home / "heard").read_text()
