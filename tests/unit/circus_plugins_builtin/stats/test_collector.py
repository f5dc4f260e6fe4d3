"""Collectors for programs that make statistics of their own."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import zmq

from circus_plugins_builtin.stats.collector import SocketStatsCollector, WatcherStatsCollector
from circus_plugins_builtin.stats.publisher import StatsPublisher
from tests.support.waiting import wait_for

NO_PID = 2**22 + 1


class Streamer:
    """Knows this process, and one that is not there."""

    def get_pids(self, watcher: str | None = None) -> list[int]:
        return [os.getpid(), NO_PID] if watcher == "web" else []


def test_collector_of_a_watcher() -> None:
    process, whole = WatcherStatsCollector(Streamer(), "web").collect_stats()
    assert (process["subtopic"], process["pid"], process["name"]) == (os.getpid(), os.getpid(), None)
    assert (whole["pid"], whole["mem"]) == ([os.getpid()], process["mem"])
    assert list(WatcherStatsCollector(Streamer(), "other").collect_stats()) == [
        {"pid": [], "cpu": 0.0, "mem": 0.0, "age": "N/A"}
    ]


def test_collector_of_sockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        listed = {"fd": 5, "name": "web", "backlog": 1, "host": "127.0.0.1", "port": port}
        collector = SocketStatsCollector(Streamer(), "sockets", [listed])
        collector.look()
        (told,) = collector.collect_stats()
        collector.close()
        assert (told["fd"], told["reads"], told["address"]) == (5, 0, f"127.0.0.1:{port}")


def test_publisher_knows_what_is_wanted(tmp_path: Path) -> None:
    publisher = StatsPublisher(f"ipc://{tmp_path}/stats")
    subscriber = zmq.Context.instance().socket(zmq.SUB)
    subscriber.linger = 0
    try:
        assert not publisher.wants("stat.web")
        subscriber.connect(publisher.address)
        subscriber.subscribe(b"stat.web")

        def is_wanted(topic: str) -> bool:
            publisher.take_subscriptions()
            return publisher.wants(topic)

        wait_for(lambda: is_wanted("stat.web"), "the subscription")
        assert [publisher.wants(topic) for topic in ("stat.", "stat.web.12", "stat.idle", "watcher.")] == [
            True,
            True,
            False,
            False,
        ]
        publisher.publish("web", {"subtopic": 12, "cpu": 1.5})
        assert subscriber.poll(5000)
        topic, body = subscriber.recv_multipart()
        assert (topic, json.loads(body)) == (b"stat.web.12", {"subtopic": 12, "cpu": 1.5})
        subscriber.unsubscribe(b"stat.web")
        wait_for(lambda: not is_wanted("stat.web"), "the end of the subscription")
    finally:
        subscriber.close()
        publisher.stop()
        publisher.stop()


def test_what_is_told_again_is_what_it_is_now(tmp_path: Path) -> None:
    rounds: list[list[dict[str, Any]]] = [
        [{"subtopic": 12, "cpu": 0.0, "age": 1.25}, {"subtopic": 13, "cpu": 0.0, "age": 7.0}, {"cpu": 0.0}],
        [{"subtopic": 12, "cpu": 0.0, "age": 2.25}, {"subtopic": 13, "cpu": 9.5, "age": 8.0}, {"cpu": 9.5}],
        [{"subtopic": 12, "cpu": 0.0, "age": "N/A"}, {"cpu": 0.0, "age": [3.25, "N/A"]}],
        [{"subtopic": 13, "cpu": 9.5, "age": 0.0}],
    ]
    publisher = StatsPublisher(f"ipc://{tmp_path}/stats")
    subscriber = zmq.Context.instance().socket(zmq.SUB)
    subscriber.linger = 0
    try:
        subscriber.connect(publisher.address)
        subscriber.subscribe(b"")
        wait_for(lambda: publisher.take_subscriptions() or publisher.wants("stat.web"), "the subscription")
        for told in rounds:
            publisher.begin_round()
            for stat in told:
                publisher.publish("web", stat)
            for stat in told:
                assert subscriber.poll(5000)
                topic, body = subscriber.recv_multipart()
                assert topic == f"stat.web.{stat['subtopic']}".encode() if "subtopic" in stat else b"stat.web"
                assert json.loads(body) == stat
    finally:
        subscriber.close()
        publisher.stop()
