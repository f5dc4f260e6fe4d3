"""Streams of our own; ``custom_stream.ini`` names them."""

import datetime

from circus_core.interfaces import Chunk, Stream


class ShoutStream(Stream):
    """Writes what processes print to a file, in capital letters: as streams are written today."""

    def __init__(self, filename: str, **_ignored: object) -> None:
        self._filename = filename

    def open(self) -> None:
        self._file = open(self._filename, "ab", buffering=0)  # noqa: SIM115 - open as long as the stream is

    def write(self, chunk: Chunk) -> None:
        self._file.write(chunk.data.upper())

    def close(self) -> None:
        self._file.close()


class MyStream:
    """Writes each piece with its time and pid to a file: as streams have been written ever since."""

    def __init__(self, filename, **kwargs):
        self._file = open(filename, "a")  # noqa: SIM115 - open as long as the stream is

    def __call__(self, data):
        moment = datetime.datetime.fromtimestamp(data["timestamp"])
        self._file.write(f"{moment:%H:%M:%S} [{data['pid']}] {data['name']}: {data['data'].decode()}")
        self._file.flush()

    def close(self):
        self._file.close()
