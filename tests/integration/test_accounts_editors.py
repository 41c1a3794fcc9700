"""Accounts: made, given roles, disabled; and the owner who must be left."""

import logging

import pytest

from newsletters.accounts import audit, editors
from newsletters.accounts.audit import AuditIsForever
from newsletters.accounts.errors import EditorExists, LastOwner, WeakPassword, WrongPassword
from newsletters.accounts.models import AuditEntry, Editor, Role
from newsletters.accounts.passwords import matches
from newsletters.accounts.queries import active_editors, audit_entries, editor_names, entries_about
from newsletters.kernel.addresses import InvalidAddress
from newsletters.kernel.db import Database
from tests.conftest import NOW
from tests.desk import PASSWORD
from tests.factories import make_editor


def test_a_new_editor_gets_a_password_that_works_and_is_kept_nowhere(db: Database) -> None:
    with db.transaction() as session:
        made = editors.create_editor(
            session, email="ada@newsroom.example", name="Ada", role=Role.OWNER, now=NOW
        )

        assert matches(made.editor.password_hash, made.password)
        assert made.password not in made.editor.password_hash


def test_one_address_has_one_account_however_it_is_written(db: Database) -> None:
    with db.transaction() as session:
        editors.create_editor(session, email="ada@newsroom.example", name="Ada", role=Role.OWNER, now=NOW)

        with pytest.raises(EditorExists):
            editors.create_editor(
                session, email="Ada@NEWSROOM.example", name="Ada", role=Role.EDITOR, now=NOW
            )


@pytest.mark.parametrize("email", ["", "ada", "ada@", "ada@newsroom.example\r\nBcc: x@y.example"])
def test_what_is_no_address_gets_no_account(db: Database, email: str) -> None:
    with db.transaction() as session, pytest.raises(InvalidAddress):
        editors.create_editor(session, email=email, name="Ada", role=Role.OWNER, now=NOW)


def test_a_guessable_password_is_refused(db: Database) -> None:
    with db.transaction() as session, pytest.raises(WeakPassword):
        editors.create_editor(
            session, email="ada@newsroom.example", name="Ada", role=Role.OWNER, now=NOW, password="ada2026!"
        )


def test_the_last_owner_can_neither_leave_nor_step_down(db: Database) -> None:
    with db.transaction() as session:
        owner = make_editor(session, role=Role.OWNER)
        make_editor(session, role=Role.OWNER, disabled_at=NOW)
        make_editor(session, role=Role.EDITOR)

        with pytest.raises(LastOwner):
            editors.disable(session, owner, actor=owner, now=NOW)
        with pytest.raises(LastOwner):
            editors.change_role(session, owner, Role.EDITOR, actor=owner, now=NOW)

        assert owner.disabled_at is None
        assert owner.role is Role.OWNER


def test_an_owner_can_leave_when_another_stays(db: Database) -> None:
    with db.transaction() as session:
        leaving, staying = make_editor(session, role=Role.OWNER), make_editor(session, role=Role.OWNER)

        editors.change_role(session, leaving, Role.EDITOR, actor=staying, now=NOW)
        editors.disable(session, leaving, actor=staying, now=NOW)

        assert leaving.role is Role.EDITOR
        assert leaving not in active_editors(session)


def test_changing_ones_password_takes_the_present_one(db: Database) -> None:
    with db.transaction() as session:
        editor = editors.create_editor(
            session, email="ada@newsroom.example", name="Ada", role=Role.OWNER, now=NOW, password=PASSWORD
        ).editor

        with pytest.raises(WrongPassword):
            editors.change_own_password(
                session,
                editor,
                current="wrong",
                password="x" * 3 + PASSWORD,
                keep_session="",
                newsroom="",
                now=NOW,
            )

        assert matches(editor.password_hash, PASSWORD)


def test_everything_done_to_an_account_is_written_down(db: Database) -> None:
    with db.transaction() as session:
        boss, editor = make_editor(session, role=Role.OWNER), make_editor(session)

        editors.change_role(session, editor, Role.OWNER, actor=boss, now=NOW)
        editors.disable(session, editor, actor=boss, now=NOW)
        editors.enable(session, editor, actor=boss, now=NOW)
        editors.set_password(session, editor, None, actor="operator", now=NOW)

        lines = [
            (line.actor, line.action, line.detail) for line in entries_about(session, "editor", editor.id)
        ]
        assert lines == [
            ("operator", "editor.password_changed", ""),
            (boss.name, "editor.enabled", ""),
            (boss.name, "editor.disabled", ""),
            (boss.name, "editor.role_changed", "owner"),
        ]


def test_a_name_cannot_forge_a_line_of_the_log(db: Database) -> None:
    with db.transaction() as session:
        editor = make_editor(session, name="Eve\r\nroot@newsroom.example signed in")

        audit.record(session, editor, "issue.sent", now=NOW, subject="issue", subject_id=1)

        assert session.query(AuditEntry).one().actor == r"Eve\r\n[address] signed in"


def test_the_log_is_never_changed(db: Database) -> None:
    with db.transaction() as session:
        audit.record(session, "operator", "editor.created", now=NOW)
    with pytest.raises(AuditIsForever), db.transaction() as session:
        session.query(AuditEntry).one().actor = "nobody"
    with pytest.raises(AuditIsForever), db.transaction() as session:
        session.delete(session.query(AuditEntry).one())

    with db.reading() as session:
        assert session.query(AuditEntry).one().actor == "operator"


def test_what_was_committed_goes_to_the_programs_log_too_and_what_was_not_does_not(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="newsletters.accounts.audit")
    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        audit.record(session, "operator", "editor.disabled", now=NOW)
        raise ZeroDivisionError
    with db.transaction() as session:
        eve = make_editor(session, name="Eve")
        audit.record(session, eve, "issue.sent", now=NOW, subject="issue", subject_id=7, detail="a\nb c@d.e")

    assert [record.getMessage() for record in caplog.records] == [
        rf"issue.sent by editor {eve.id}, issue 7, a\nb [address]"
    ]


def test_the_log_is_read_page_by_page_without_gaps(db: Database) -> None:
    with db.transaction() as session:
        for number in range(7):
            audit.record(session, "operator", "editor.created", now=NOW, subject_id=number)

        first = audit_entries(session, size=3)
        second = audit_entries(session, size=3, after=first.after)
        third = audit_entries(session, size=3, after=second.after)

        seen = [entry.subject_id for page in (first, second, third) for entry in page.rows]
        assert seen == [6, 5, 4, 3, 2, 1, 0]
        assert third.after is None


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "W10", "WyJhIl0", "eyJhIjoxfQ", "W251bGxd", "WzFlMzBd", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTld"],
)
def test_a_made_up_cursor_shows_the_first_page(db: Database, cursor: str) -> None:
    with db.transaction() as session:
        audit.record(session, "operator", "editor.created", now=NOW)

        assert len(audit_entries(session, after=cursor).rows) == 1


def test_the_log_is_filtered_by_person_and_kind(db: Database) -> None:
    with db.transaction() as session:
        editor = make_editor(session)
        audit.record(session, editor, "issue.sent", now=NOW)
        audit.record(session, "operator", "editor.created", now=NOW)
        audit.record(session, "operator", "issuexsent", now=NOW)

        assert [entry.action for entry in audit_entries(session, actor_id=editor.id).rows] == ["issue.sent"]
        assert [entry.action for entry in audit_entries(session, kind="issue").rows] == ["issue.sent"]


def test_names_are_found_by_number(db: Database) -> None:
    with db.transaction() as session:
        first, second = make_editor(session), make_editor(session)

        assert editor_names(session, [first.id, 99_999]) == {first.id: first.name}
        assert editor_names(session, []) == {}
        assert session.get(Editor, second.id) is second
