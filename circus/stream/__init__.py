"""Streams."""

from queue import Empty, Queue

from circus_core.compat.redirector import Redirector
from circus_core.compat.streams import get_stream
from circus_streams.fancy_stdout import FancyStdoutStream
from circus_streams.file import FileStream
from circus_streams.queue import QueueStream
from circus_streams.stdout import StdoutStream
from circus_streams.timed_rotating_file import TimedRotatingFileStream
from circus_streams.watched_file import WatchedFileStream

__all__ = [
    "Empty",
    "FancyStdoutStream",
    "FileStream",
    "Queue",
    "QueueStream",
    "Redirector",
    "StdoutStream",
    "TimedRotatingFileStream",
    "WatchedFileStream",
    "get_stream",
]
