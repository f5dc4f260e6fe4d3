"""What the Spawner keeps with a process."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from circus_core.errors import StateError
from circus_core.records import Label, dump_label, load_label
from circus_core.states import Wid

LABEL = Label(watcher="web", key=3, wid=Wid(12), generation=4)


@pytest.mark.parametrize("name", ["web", 'say "hi"', "a\\b", "gr\u00fc\u00df", "line\nend", ""])
@pytest.mark.parametrize("expires_at", [inf, 0.0, 1e-9, 123456.789012345])
def test_a_label_comes_back_as_it_was(name: str, expires_at: float) -> None:
    label = replace(LABEL, watcher=name, expires_at=expires_at)

    assert load_label(dump_label(label)) == label


def test_what_is_no_label_is_refused() -> None:
    with pytest.raises(StateError, match="label 'x'"):
        load_label("x")
