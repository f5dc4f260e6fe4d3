"""What the tests of the library share."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator

import pytest

from tests.support.procs import children_of, command_of
from tests.support.waiting import wait_for


def open_descriptors() -> set[str]:
    """Return number and target of every descriptor that is open."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}")
        except FileNotFoundError:
            continue
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Fail a test that leaves a thread, a descriptor, a child or a signal handler behind."""
    gc.collect()
    threads, descriptors = set(threading.enumerate()), open_descriptors()
    children = children_of(os.getpid())
    yield
    gc.collect()
    wait_for(lambda: not set(threading.enumerate()) - threads, "the threads of the test to end")
    assert open_descriptors() - descriptors == set()
    assert [f"{pid} {command_of(pid)}" for pid in children_of(os.getpid()) if pid not in children] == []
