"""Plugins written for the published package, but for what it does not have; each writes down what happens to it."""

import asyncio
import json
import os

from circus.plugins import CircusPlugin


class Recorder(CircusPlugin):
    """Appends a JSON object a line to the file ``out``."""

    name = "recorder"

    def __init__(self, *args, **config):
        super().__init__(*args, **config)
        self.out = config["out"]

    def note(self, **what):
        with open(self.out, "a") as file:
            file.write(json.dumps(what) + "\n")

    def handle_init(self):
        self.note(init=self.config, pid=os.getpid(), check_delay=self.check_delay)

    def handle_stop(self):
        self.note(stop=True)

    def handle_sync(self, statuses):
        self.note(sync=statuses)

    def handle_recv(self, data):
        watcher, action, message = self.split_data(data)
        self.note(event=f"{watcher}.{action}", data=self.load_message(message))


class Raiser(Recorder):
    """Raises at each event."""

    def handle_recv(self, data):
        super().handle_recv(data)
        raise RuntimeError(f"cannot bear {data[0].decode()}")


class Sleeper(Recorder):
    """Takes events by coroutines, each after a while."""

    async def handle_init(self):
        await asyncio.sleep(0)
        super().handle_init()

    async def handle_recv(self, data):
        await asyncio.sleep(0.05)
        super().handle_recv(data)

    async def handle_stop(self):
        await asyncio.sleep(0.05)
        super().handle_stop()


class Crasher(Recorder):
    """Ends itself at the first event of a watcher called trigger."""

    def handle_recv(self, data):
        super().handle_recv(data)
        if data[0].startswith(b"watcher.trigger."):
            os._exit(7)


class Caller(Recorder):
    """Calls and casts once it is connected, from the loop that it was given."""

    def handle_init(self):
        super().handle_init()
        self.loop.call_later(0.1, self.talk)

    def talk(self):
        self.note(call=self.call("list", name="web"))
        self.note(refused=self.call("list", name="nobody"))
        self.cast("incr", name="web")


class Named:
    """Nothing that could be run."""


class Logger(CircusPlugin):
    """The example of the documents, with options by name."""

    name = "logger"

    def __init__(self, filename, **kwargs):
        super(Logger, self).__init__(**kwargs)  # noqa: UP008 - as it stands there
        self.filename = filename
        self.file = None

    def handle_init(self):
        self.file = open(self.filename, "a+", buffering=1)  # noqa: SIM115 - as it stands there

    def handle_stop(self):
        self.file.close()

    def handle_recv(self, data):
        topic, msg = data
        self.file.write("%s::%s\n" % (topic, msg))  # noqa: UP031 - as it stands there
