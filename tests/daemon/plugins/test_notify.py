"""The ``notify`` plugin: messages to a web server, to a mail server."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import Section, circus, watcher
from tests.support.plugins import plugin, wait_connected
from tests.support.sinks import MailServer, WebServer
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("the published package has no such plugin")


@pytest.fixture
def web() -> Iterator[WebServer]:
    """Where the webhook is."""
    server = WebServer()
    yield server
    server.close()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """Where the mail goes."""
    server = MailServer()
    yield server
    server.close()


def notify(**options: object) -> Section:
    return plugin("n", "notify", **{"gather": 0.2, "min_interval": 0.3, "host_name": "here", **options})


def start(daemon: Daemon, *sections: Section) -> None:
    daemon.start(circus(check_delay=0.5), *sections)
    wait_connected(daemon, "n")


def messages(web: WebServer) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in list(web.requests)]


def events(web: WebServer) -> list[tuple[str, str]]:
    return [(event["watcher"], event["action"]) for message in messages(web) for event in message["events"]]


def test_crash_is_posted_as_json(daemon: Daemon, web: WebServer) -> None:
    start(daemon, watcher("Web One", numprocesses=2), notify(webhook_url=web.url + "hook"))
    pid = daemon.pids("Web One")[0]

    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: web.requests, "the message")

    path, _ = web.requests[0]
    (message,) = messages(web)
    (event,) = message["events"]
    assert path == "/hook"
    assert (event["watcher"], event["action"], event["exit_code"], event["process_pid"]) == (
        "Web One",
        "crash",
        -9,
        pid,
    )
    assert (message["host"], message["omitted"]) == ("here", 0)
    assert "[circus here] Web One crash" in message["text"]


def test_ends_that_were_asked_for_are_no_crash(daemon: Daemon, web: WebServer) -> None:
    start(
        daemon,
        watcher("web", numprocesses=2),
        watcher("done", cmd="/bin/true", respawn=False, autostart=False),
        notify(webhook_url=web.url),
    )

    daemon.call("restart", name="web", waiting=True)
    daemon.call("start", name="done", waiting=True)
    daemon.call("stop", name="web", waiting=True)
    daemon.call("publish", name="web", action="health", data={"status": "unhealthy"})
    wait_for(lambda: web.requests, "the message")

    assert events(web) == [("web", "health")]


def test_events_are_chosen_by_patterns(daemon: Daemon, web: WebServer) -> None:
    start(daemon, watcher("api"), watcher("web"), notify(webhook_url=web.url, events="web.st*, *.reap"))

    daemon.call("restart", name="api", waiting=True)
    daemon.call("restart", name="web", waiting=True)
    wait_for(lambda: ("web", "start") in events(web), "the last event")

    assert events(web) == [("api", "reap"), ("web", "reap"), ("web", "stop"), ("web", "start")]


def test_many_events_are_few_messages(daemon: Daemon, web: WebServer) -> None:
    start(daemon, watcher("web"), notify(webhook_url=web.url, events="*.custom", min_interval=1))

    began = time.monotonic()
    for number in range(300):
        daemon.call("publish", name="web", action="custom", data={"number": number})
    wait_for(lambda: sum(len(m["events"]) + m["omitted"] for m in messages(web)) == 300, "all to be told")

    assert len(web.requests) <= 3 + (time.monotonic() - began), "no more than one a second"
    assert all(len(message["events"]) <= 200 for message in messages(web))
    assert events(web)[0] == ("web", "custom")


def test_web_server_in_trouble_is_asked_again(daemon: Daemon, web: WebServer) -> None:
    web.code = 503
    start(daemon, watcher("web"), notify(webhook_url=web.url, events="*.custom"))

    daemon.call("publish", name="web", action="custom")
    wait_for(lambda: web.requests, "the first try")
    web.code, tries = 200, len(web.requests)
    wait_for(lambda: len(web.requests) > tries, "another try")

    assert set(events(web)) == {("web", "custom")}
    assert "lost" not in daemon.log


def test_refused_message_is_logged(daemon: Daemon, web: WebServer) -> None:
    web.code = 404
    start(daemon, watcher("web"), notify(webhook_url=web.url, events="*.custom"))

    daemon.call("publish", name="web", action="custom")

    wait_for(lambda: "refused: HTTP 404" in daemon.log, "the error")
    assert "lost: [circus here] web custom" in daemon.log


def test_token_is_read_from_a_file(daemon: Daemon, web: WebServer) -> None:
    token = daemon.home / "token"
    token.write_text("s3cret\n")
    start(daemon, watcher("web"), notify(webhook_url=web.url, webhook_token_file=token, events="*.custom"))

    daemon.call("publish", name="web", action="custom")
    wait_for(lambda: web.headers, "the message")

    assert web.headers[0]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(daemon.call("options", name="plugin:n"))


def test_flapping_is_mailed(daemon: Daemon, mail: MailServer) -> None:
    start(
        daemon,
        watcher("bad", cmd='/bin/sh -c "exit 3"', autostart=False),
        plugin("flap", "flapping", max_retry=0),
        notify(
            smtp_host="127.0.0.1", smtp_port=mail.port, mail_to="a@x.test, b@x.test", mail_from="me@x.test",
            events="*.flapping",
        ),
    )  # fmt: skip
    wait_connected(daemon, "flap")

    daemon.call("start", name="bad")
    wait_for(lambda: mail.mails, "the mail")

    sender, recipients, message = mail.mails[0]
    assert (sender, recipients) == ("me@x.test", ["a@x.test", "b@x.test"])
    assert message["Subject"] == "[circus here] bad flapping"
    assert message["To"] == "a@x.test, b@x.test" and message["Date"] and message["Message-ID"]
    assert "bad flapping: status given_up, tries 0" in message.get_content()


def test_mail_and_webhook_do_not_wait_for_each_other(daemon: Daemon, mail: MailServer, web: WebServer) -> None:
    mail.close()
    start(
        daemon,
        watcher("web"),
        notify(smtp_host="127.0.0.1", smtp_port=mail.port, mail_to="a@x.test", webhook_url=web.url, events="*.custom"),
    )

    daemon.call("publish", name="web", action="custom")
    wait_for(lambda: web.requests, "the message")

    wait_for(lambda: "plugin:n: mail by 127.0.0.1" in daemon.log, "the error")
    mail.close = lambda: None  # type: ignore[method-assign]


def test_what_waits_is_sent_when_the_plugin_stops(daemon: Daemon, web: WebServer) -> None:
    start(daemon, circus(loglevel="debug"), watcher("web"), notify(webhook_url=web.url, gather=60, events="*.custom"))
    daemon.call("publish", name="web", action="custom")
    wait_for(lambda: "web custom will be told" in daemon.log, "the plugin to have the event")

    daemon.call("stop", name="plugin:n", waiting=True)

    assert events(web) == [("web", "custom")]
