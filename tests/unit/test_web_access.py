"""Keys and sessions of the local page, by a clock of the test's own."""

from pipeline.web.access import IDLE_SECONDS, KEY_SECONDS, Access, is_token_of


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_key_is_good_once_and_not_for_long() -> None:
    clock = Clock()
    access = Access(1, clock)
    key = access.new_key()
    assert access.enter(key, "en")
    assert access.enter(key, "en") is None
    late = access.new_key()
    clock.now += KEY_SECONDS + 1
    assert access.enter(late, "en") is None
    assert access.enter("", "en") is None


def test_an_idle_session_is_locked_and_what_a_page_asks_for_by_itself_keeps_none_open() -> None:
    clock = Clock()
    access = Access(1, clock)
    cookie = access.enter(access.new_key(), "en") or ""
    clock.now += IDLE_SECONDS - 1
    assert access.session(cookie, using=False) is not None
    clock.now += 2
    assert access.session(cookie) is None
    used = access.enter(access.new_key(), "en") or ""
    for _ in range(3):
        clock.now += IDLE_SECONDS - 1
        assert access.session(used) is not None


def test_sessions_know_nothing_of_each_other() -> None:
    access, other = Access(1), Access(2)
    cookie = access.enter(access.new_key(), "en") or ""
    assert other.session(cookie) is None
    assert other.enter(access.new_key(), "en") is None
    mine, theirs = access.session(cookie), access.session(access.enter(access.new_key(), "en") or "")
    assert mine is not None
    assert theirs is not None
    assert is_token_of(mine, mine.form_token)
    assert not is_token_of(mine, theirs.form_token)
    assert not is_token_of(mine, "")
    access.leave(cookie)
    assert access.session(cookie) is None


def test_a_session_shows_no_secret_of_its_own() -> None:
    access = Access(1)
    session = access.session(access.enter(access.new_key(), "en") or "")
    assert session is not None
    assert session.form_token not in repr(session)
