"""When a session ends."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from newsletters.accounts import editors, sessions
from newsletters.accounts.models import Editor, EditorSession, Role
from newsletters.kernel.db import Database
from tests.conftest import NOW
from tests.factories import make_editor

LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1"
)


def opened(session: Session, editor: Editor | None = None) -> tuple[Editor, str]:
    editor = editor or make_editor(session)
    return editor, sessions.open_session(session, editor, user_agent=LINUX, now=NOW)


def test_a_cookie_leads_to_its_editor(db: Database) -> None:
    with db.transaction() as session:
        editor, cookie = opened(session)

        found = sessions.find_session(session, cookie, now=NOW)

        assert found is not None
        assert found.editor.id == editor.id
        assert found.row.browser == "Firefox on Linux"


def test_two_cookies_are_never_the_same_and_hold_256_bits(db: Database) -> None:
    with db.transaction() as session:
        editor, first = opened(session)
        _, second = opened(session, editor)

        assert first != second
        assert len(first) >= 43


@pytest.mark.parametrize("cookie", ["", "x", "é\udcff", "0" * 64, "a" * 10_000])
def test_a_made_up_cookie_leads_nowhere(db: Database, cookie: str) -> None:
    with db.transaction() as session:
        opened(session)

        assert sessions.find_session(session, cookie, now=NOW) is None


def test_the_stored_hash_is_not_a_cookie(db: Database) -> None:
    with db.transaction() as session:
        opened(session)
        stored = session.query(EditorSession).one().token_hash

        assert sessions.find_session(session, stored, now=NOW) is None


def test_a_session_ends_when_it_lies_idle(db: Database) -> None:
    with db.transaction() as session:
        _, cookie = opened(session)

        assert sessions.find_session(session, cookie, now=NOW + sessions.IDLE - timedelta(seconds=1))
        assert sessions.find_session(session, cookie, now=NOW + sessions.IDLE) is None


def test_a_session_in_use_ends_in_the_end_all_the_same(db: Database) -> None:
    with db.transaction() as session:
        _, cookie = opened(session)
        row = session.query(EditorSession).one()
        sessions.note_use(session, row.token_hash, now=NOW + sessions.ABSOLUTE - timedelta(hours=1))

        assert sessions.find_session(session, cookie, now=NOW + sessions.ABSOLUTE - timedelta(seconds=1))
        assert sessions.find_session(session, cookie, now=NOW + sessions.ABSOLUTE) is None


def test_using_a_session_keeps_it_from_idling(db: Database) -> None:
    with db.transaction() as session:
        _, cookie = opened(session)
        later = NOW + sessions.IDLE - timedelta(minutes=1)
        found = sessions.find_session(session, cookie, now=later)
        assert found is not None
        assert found.is_stale
        sessions.note_use(session, found.row.token_hash, now=later)

        assert sessions.find_session(session, cookie, now=NOW + sessions.IDLE)


def test_changing_the_password_ends_every_session_but_ones_own(db: Database) -> None:
    with db.transaction() as session:
        editor, mine = opened(session)
        _, stolen = opened(session, editor)
        here = sessions.find_session(session, mine, now=NOW)
        assert here is not None

        editors.set_password(session, editor, None, now=NOW, keep_session=here.row.token_hash)

        assert sessions.find_session(session, mine, now=NOW)
        assert sessions.find_session(session, stolen, now=NOW) is None


def test_a_disabled_editor_is_signed_out_everywhere(db: Database) -> None:
    with db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        editor, cookie = opened(session)

        editors.disable(session, editor, actor=boss, now=NOW)
        editors.enable(session, editor, actor=boss, now=NOW)

        assert sessions.find_session(session, cookie, now=NOW) is None


def test_nobody_ends_the_session_of_somebody_else(db: Database) -> None:
    with db.transaction() as session:
        _, theirs = opened(session)
        mallory = make_editor(session)
        found = sessions.find_session(session, theirs, now=NOW)
        assert found is not None

        sessions.close_other(session, mallory, found.row.token_hash)

        assert sessions.find_session(session, theirs, now=NOW)


def test_the_list_shows_only_living_sessions(db: Database) -> None:
    with db.transaction() as session:
        editor, _ = opened(session)
        later = NOW + sessions.IDLE
        sessions.open_session(session, editor, user_agent=IPHONE, now=later)

        alive = sessions.open_sessions(session, editor, now=later)

        assert [row.browser for row in alive] == ["Safari on iPhone"]


def test_dead_sessions_are_forgotten(db: Database) -> None:
    with db.transaction() as session:
        opened(session)

        sessions.forget_dead_sessions(session, now=NOW + sessions.IDLE)

        assert session.query(EditorSession).count() == 0


def test_a_strange_browsers_name_is_made_harmless() -> None:
    assert sessions.describe_browser('<script>"x"</script>\r\ncurl/8') == "scriptx/scriptcurl/8"
