"""Sessions in signed cookies."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from circus_core.testing import FakeClock
from circus_web.door import Door
from circus_web.register import SESSION_IDLE_LIMIT, Register
from circus_web.sessions import WHOLE_LIMIT, Session, Sessions
from circus_web.settings import Settings


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path / "console")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sessions(register: Register, clock: FakeClock) -> Sessions:
    return Sessions(register, "here", clock)


def test_session_comes_back_as_it_was(sessions: Sessions) -> None:
    session = sessions.new()
    session.connect("tcp://127.0.0.1:5555")
    session.flash("ok", "schön, \N{CIRCUS TENT}")
    loaded = sessions.load(sessions.dump(session))
    assert loaded is not None
    assert (loaded.id, loaded.endpoint, loaded.flashes) == (session.id, session.endpoint, session.flashes)


def test_every_login_has_a_session_of_its_own(sessions: Sessions) -> None:
    assert len({sessions.new().id for _ in range(50)}) == 50


def test_cookie_is_refused_when_any_character_of_it_is_another(sessions: Sessions) -> None:
    cookie = sessions.dump(sessions.new())
    for at in range(len(cookie)):
        altered = cookie[:at] + ("A" if cookie[at] != "A" else "B") + cookie[at + 1 :]
        assert sessions.load(altered) is None, at


def test_cookie_of_another_console_is_refused(register: Register, sessions: Sessions, clock: FakeClock) -> None:
    assert Sessions(register, "there", clock).load(sessions.dump(sessions.new())) is None


def test_session_ends_when_it_is_not_used(sessions: Sessions, clock: FakeClock) -> None:
    cookie = sessions.dump(sessions.new())
    clock.advance(SESSION_IDLE_LIMIT - 1)
    assert sessions.load(cookie) is not None
    clock.advance(1)
    assert sessions.load(cookie) is None


def test_session_ends_in_the_end_however_much_it_is_used(sessions: Sessions, clock: FakeClock) -> None:
    session: Session | None = sessions.new()
    for _ in range(WHOLE_LIMIT // 3600 - 1):
        assert session is not None
        clock.advance(3600)
        session = sessions.load(sessions.dump(session))
    clock.advance(3600)
    assert session is not None
    assert sessions.load(sessions.dump(session)) is None


def test_session_that_was_logged_out_is_so_in_every_process(tmp_path: Path, clock: FakeClock) -> None:
    first, second = (Sessions(Register(tmp_path / "console"), "here", clock) for _ in range(2))
    session = first.new()
    cookie = first.dump(session)
    assert second.load(cookie) is not None
    first.revoke(session)
    assert first.load(cookie) is None
    assert second.load(cookie) is None
    assert Sessions(Register(tmp_path / "console"), "here", clock).load(cookie) is None


def test_session_is_logged_out_without_a_folder_too(clock: FakeClock) -> None:
    sessions = Sessions(Register(None), "here", clock)
    session = sessions.new()
    sessions.revoke(session)
    assert sessions.load(sessions.dump(session)) is None


@pytest.mark.parametrize("text", ["x" * 10_000, "\N{CIRCUS TENT}" * 10_000, '"\\\x01' * 10_000])
def test_cookie_stays_as_short_as_browsers_and_proxies_want_it(sessions: Sessions, text: str) -> None:
    session = sessions.new()
    session.connect("ipc:///" + "p" * 100)
    for _ in range(5):
        session.flash("error", text)
    cookie = sessions.dump(session)
    assert len(cookie) < 3700
    assert sessions.load(cookie) is not None


def test_token_of_forms_is_that_of_the_session(sessions: Sessions) -> None:
    one, other = sessions.new(), sessions.new()
    assert sessions.is_csrf(one, sessions.csrf(one))
    for given in (sessions.csrf(other), "", "\N{CIRCUS TENT}", sessions.csrf(one)[:-1]):
        assert not sessions.is_csrf(one, given)


@pytest.mark.parametrize(
    "others",
    ['broken={"a": 1, "b"}; ', "a=b=c;;; ", '"; ', "circus-consol=x; ", "Expires=never; Path=/; ", "x y z; "],
)
def test_cookies_of_others_do_not_hide_ours(register: Register, others: str) -> None:
    door = Door(Settings(), register, address="here")
    mine = f"{door.cookie_name}={door.sessions.dump(door.sessions.new())}"
    for line in (others + mine, f"{mine}; {others}", f"{door.cookie_name}=forged; {mine}"):
        assert door.session({"Cookie": line}.get) is not None, line


def test_signed_rubbish_cannot_be_made(sessions: Sessions) -> None:
    body = base64.urlsafe_b64encode(json.dumps({"id": "x"}).encode()).decode()
    for cookie in (body, f"{body}.", f".{body}", "....", f"{body}.{'0' * 64}"):
        assert sessions.load(cookie) is None
