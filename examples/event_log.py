"""A plugin that writes every event to a file; ``plugin.ini`` names it."""

from circus.plugins import CircusPlugin


class Logger(CircusPlugin):
    name = "logger"

    def __init__(self, filename, **kwargs):
        super(Logger, self).__init__(**kwargs)  # noqa: UP008 - as plugins have been written ever since
        self.filename = filename
        self.file = None

    def handle_init(self):
        self.file = open(self.filename, "a+")  # noqa: SIM115 - open as long as the plugin runs

    def handle_stop(self):
        self.file.close()

    def handle_recv(self, data):
        topic, msg = data
        self.file.write("%s::%s\n" % (topic.decode(), msg.decode()))  # noqa: UP031
        self.file.flush()
