"""Links and passwords."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from circus_web import passwords
from circus_web.door import Door, LoginRefused
from circus_web.limits import LoginLimit
from circus_web.passwords import check_hash, hash_password, verify
from circus_web.register import Register
from circus_web.settings import Settings


def test_link_lets_in_once_whichever_process_is_asked(tmp_path: Path) -> None:
    doors = [Door(Settings(), Register(tmp_path / "console"), address="here") for _ in range(2)]
    token = doors[0].make_token()
    assert doors[1].login_with_token(token, "client").id
    for door in doors:
        with pytest.raises(LoginRefused, match="used already"):
            door.login_with_token(token, "client")


def test_many_at_once_use_a_link_once(tmp_path: Path) -> None:
    register = Register(tmp_path / "console")
    token = register.make_token("here")
    barrier = threading.Barrier(8)
    taken = []

    def take() -> None:
        barrier.wait()
        taken.append(register.take_token("here", token))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]


def test_flood_of_passwords_does_not_take_every_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is looked at for a while; those beyond a few are sent away at once."""
    door = Door(Settings(password_hash=hash_password("right", cost=2)), Register(tmp_path / "console"), address="here")
    said: list[str] = []

    def guess(number: int) -> None:
        try:
            door.login_with_password("wrong", f"203.0.113.{number}")
        except LoginRefused as exc:
            said.append(str(exc))

    with passwords._lock:  # as if the one who is looked at took long
        threads = [threading.Thread(target=guess, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        limit = threading.Event()
        while len(said) < 5:
            limit.wait(0.01)
    for thread in threads:
        thread.join()
    assert sorted(said) == ["many are logging in at this moment; wait a second"] * 5 + ["wrong password"] * 3


def test_guesses_from_everywhere_are_slowed_down_together() -> None:
    limit = LoginLimit(lambda: 0.0)
    waits = [limit.begin(f"203.0.113.{number}") for number in range(51)]
    assert waits[:50] == [0.0] * 50
    assert waits[50] > 0


def test_password_is_the_one_that_was_hashed() -> None:
    text = hash_password("correct horse", cost=16)
    assert verify(text, "correct horse")
    assert not verify(text, "correct horse ")
    assert hash_password("correct horse", cost=16) != text, "each has a salt of its own"


@pytest.mark.parametrize(
    "text", ["", "secret", "md5:1:1:1:x:y", "scrypt:3:8:1:AAAAAAAAAAAAAAAA:AAAA", "scrypt:999999999:8:1:A:A"]
)
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|made by|range|short"):
        check_hash(text)
