"""What a channel says when it cannot send: whose fault it is."""

from __future__ import annotations

import os
import socket

import pytest

from circus_core.keeper.wire import TO_KEEPER, Channel, ClosedError


def test_a_closed_channel_is_closed_also_to_descriptors() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        channel = Channel(ours, TO_KEEPER)
        channel.close()

        for fds in ([], [0]):
            with pytest.raises(ClosedError):
                channel.send(("synced", 1), fds)


def test_a_closed_descriptor_is_no_fault_of_the_channel() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with theirs:
        channel = Channel(ours, TO_KEEPER)
        with pytest.raises(OSError, match="Bad file descriptor"):
            channel.send(("synced", 1), [reader])
        channel.close()
