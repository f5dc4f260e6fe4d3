"""Streams to files."""

from circus_streams.file import FileStream
from circus_streams.timed_rotating_file import TimedRotatingFileStream
from circus_streams.watched_file import WatchedFileStream

__all__ = ["FileStream", "TimedRotatingFileStream", "WatchedFileStream"]
