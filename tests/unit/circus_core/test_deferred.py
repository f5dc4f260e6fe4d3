"""Modules that run when something of them is first used."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from circus_core import deferred

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes modules of a package ``late``; what they do with ``ran`` can be seen as ``late.ran``."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(deferred, "_needed", [])
    package = tmp_path / "late"
    package.mkdir()
    (package / "__init__.py").write_text("ran = []\n")

    def write(**texts: str) -> None:
        for name, text in texts.items():
            (package / f"{name}.py").write_text(f"from late import ran\nran.append({name!r})\n{text}\n")

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "late"]:
        del sys.modules[name]


def ran() -> list[str]:
    return list(importlib.import_module("late").ran)


def load(name: str) -> ModuleType:
    return importlib.import_module(f"late.{name}")


def test_a_module_runs_when_something_of_it_is_used_and_once(write: Write) -> None:
    write(one="value = 1")
    deferred.defer("late.one", is_needed=False)

    one = load("one")
    assert ran() == []
    assert one.__name__ == "late.one" and sys.modules["late"].one is one

    assert one.value == 1
    assert one.value == 1
    assert ran() == ["one"]


def test_who_takes_a_name_from_it_has_it_run(write: Write) -> None:
    write(one="value = 1", two="from late.one import value")
    deferred.defer("late.one", is_needed=False)

    assert load("two").value == 1
    assert ran() == ["two", "one"]


def test_others_are_imported_as_ever_and_one_may_be_missing(write: Write) -> None:
    write(one="")
    deferred.defer("late.two", "late.three", is_needed=False)

    load("one")

    assert ran() == ["one"]
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'late.two'"):
        load("two")


def test_what_it_does_not_have_is_told_as_ever(write: Write) -> None:
    write(one="")
    deferred.defer("late.one", is_needed=False)

    with pytest.raises(AttributeError, match=r"module 'late.one' has no attribute 'nothing'"):
        _ = load("one").nothing
    with pytest.raises(ImportError, match=r"cannot import name 'nothing' from 'late.one'"):
        exec("from late.one import nothing")


def test_a_look_up_of_its_own_is_kept(write: Write) -> None:
    write(one="def __getattr__(name): return name * 2")
    deferred.defer("late.one", is_needed=False)

    assert load("one").__spec__ is not None
    assert [load("one").ab, load("one").cd] == ["abab", "cdcd"]


def test_one_that_fails_says_so_each_time(write: Write) -> None:
    write(one="value = 1 / (len(ran) - 1)")
    deferred.defer("late.one", is_needed=False)

    with pytest.raises(ZeroDivisionError):
        _ = load("one").value
    assert load("one").value == 1
    assert ran() == ["one", "one"]


def test_one_may_use_another_that_uses_it(write: Write) -> None:
    write(one="import late.two\nvalue = 1\nother = late.two.value", two="import late.one\nvalue = late.one.value + 1")
    deferred.defer("late.one", "late.two", is_needed=False)

    assert load("one").other == 2


def test_one_that_runs_is_to_others_what_it_is_by_then(write: Write) -> None:
    write(
        one="from late.two import value\nvalue += 1\nlate = 1",
        two="value = 1\nimport late.one\nhas_late = hasattr(late.one, 'late')\nfrom late import one as first",
    )
    deferred.defer("late.one", "late.two", is_needed=False)

    assert load("one").value == 2
    assert load("two").has_late is False


def test_what_was_set_before_stays(write: Write) -> None:
    write(one="value = 1\nother = 2\ndef both(): return value, other")
    deferred.defer("late.one", is_needed=False)
    load("one").value = 3  # type: ignore[attr-defined]

    assert load("one").both() == (3, 2)


def test_load_runs_what_is_needed_and_defers_it_no_more(write: Write) -> None:
    write(one="", two="", three="", four="")
    deferred.defer("late.one", "late.two", is_needed=True)
    deferred.defer("late.three", "late.four", is_needed=False)
    load("one")
    load("three")

    deferred.load()
    assert ran() == ["one"]

    load("two")
    load("four")
    assert ran() == ["one", "two"]


def test_who_comes_while_it_runs_waits(write: Write) -> None:
    write(one="import threading\nbegun = threading.Event()\ngo_on = threading.Event()\nran.append(go_on)\n"
              "begun.set()\ngo_on.wait(60)\nvalue = 1")  # fmt: skip
    deferred.defer("late.one", is_needed=False)
    one, values = load("one"), list[int]()

    threads = [threading.Thread(target=lambda: values.append(one.value)) for _ in range(2)]
    threads[0].start()
    while len(ran()) < 2:
        threading.Event().wait(0.001)
    threads[1].start()
    ran()[1].set()  # type: ignore[attr-defined]
    for thread in threads:
        thread.join(60)

    assert values == [1, 1]
    assert ran()[0] == "one" and len(ran()) == 2
