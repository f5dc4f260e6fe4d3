"""Whatever a file holds, it is read or refused with errors."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from circus_core.command_line import build
from circus_core.config import Config, load
from circus_core.errors import ConfigErrors, SpawnError
from circus_core.options import CircusConfig, SocketConfig, WatcherConfig, table

_KEYS = [*table(WatcherConfig), *table(SocketConfig), *table(CircusConfig)]
_MORE_KEYS = [
    "rlimit_core",
    "rlimit_",
    "hooks.",
    "hooks.after_stop",
    "stdout_stream.",
    "stdout_stream.class",
    "use",
    "x.y",
]
_VALUES = [
    "",
    "1",
    "-1",
    "yes",
    "a b",
    "a 'b",
    "$(circus.env.A)",
    "((circus.wid))",
    "x,y",
    "a,true",
    "FileStream",
    "\\",
]
_SECTIONS = [
    "circus",
    "watcher:w",
    "watcher:W",
    "watcher:",
    "socket:s",
    "plugin:p",
    "env",
    "env:*",
    "DEFAULT",
    "x",
    "[",
]
_LINE = st.one_of(
    st.tuples(st.sampled_from(_KEYS + _MORE_KEYS), st.sampled_from(_VALUES) | st.text(max_size=8)).map(" = ".join),
    st.sampled_from(_SECTIONS).map("[{}]".format),
    st.text(max_size=12),
    st.just("[watcher:w]\ncmd = a $WID"),
)


def load_text(text: bytes) -> Config | ConfigErrors:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.ini"
        path.write_bytes(text)
        try:
            return load(path, {"A": "'"})
        except ConfigErrors as exc:
            return exc


def words(watcher: WatcherConfig) -> Sequence[str] | SpawnError:
    try:
        return build(watcher, 1, sockets={"s": 3})
    except SpawnError as exc:
        return exc


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINE, max_size=12))
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    found = load_text("\n".join(lines).encode("utf-8", "surrogatepass"))

    if isinstance(found, ConfigErrors):
        assert found.errors
        assert all(error.why and error.fix for error in found.errors)
    else:
        assert all(words(watcher) for watcher in found.watchers)
