"""The ways in that are mailed: invitations and new passwords, each good once."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from newsletters.accounts import editors, invitations, resets, sessions
from newsletters.accounts.errors import EditorExists, LinkUnusable, WeakPassword
from newsletters.accounts.invitations import Letterhead
from newsletters.accounts.models import AuditEntry, Editor, PasswordReset, Role
from newsletters.accounts.passwords import matches
from newsletters.accounts.queries import open_invitations
from newsletters.kernel.tokens import Purpose
from newsletters.mail.models import OutboxMail
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.desk import PASSWORD
from tests.factories import make_editor

GUEST = "grace@newsroom.example"


@pytest.fixture
def letterhead(runtime: Runtime) -> Letterhead:
    return Letterhead(runtime.signer, runtime.urls, "The Newsroom", "en")


def mailed_token(session: Session) -> str:
    """The token in the newest mail."""
    mail = session.query(OutboxMail).order_by(OutboxMail.id.desc()).first()
    assert mail is not None
    return str(mail.params["url"]).rpartition("/")[2]


def ask(
    session: Session, email: str, runtime: Runtime, letterhead: Letterhead, *, client: str = "192.0.2.1"
) -> None:
    resets.ask_for_reset(
        session, email, client=client, digester=runtime.digester, letterhead=letterhead, now=NOW
    )


def test_an_invitation_makes_exactly_the_account_that_was_offered(
    runtime: Runtime, letterhead: Letterhead
) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        invitations.invite(
            session, email=GUEST, role=Role.EDITOR, inviter=boss, letterhead=letterhead, now=NOW
        )
        offered = invitations.read_invitation(session, mailed_token(session), signer=runtime.signer, now=NOW)

        editor = invitations.accept(
            session, offered, name="Grace", password=PASSWORD, newsroom="The Newsroom", now=NOW
        )

        assert (editor.email, editor.name, editor.role) == (GUEST, "Grace", Role.EDITOR)
        assert matches(editor.password_hash, PASSWORD)
        assert open_invitations(session) == []


def test_a_link_is_good_once(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        invitations.invite(
            session, email=GUEST, role=Role.EDITOR, inviter=boss, letterhead=letterhead, now=NOW
        )
        token = mailed_token(session)
        offered = invitations.read_invitation(session, token, signer=runtime.signer, now=NOW)
        invitations.accept(session, offered, name="Grace", password=PASSWORD, newsroom="", now=NOW)

        with pytest.raises(LinkUnusable):
            invitations.read_invitation(session, token, signer=runtime.signer, now=NOW)


def test_a_link_runs_out(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        invitations.invite(
            session, email=GUEST, role=Role.EDITOR, inviter=boss, letterhead=letterhead, now=NOW
        )
        token, late = mailed_token(session), NOW + invitations.GOOD_FOR

        with pytest.raises(LinkUnusable):
            invitations.read_invitation(session, token, signer=runtime.signer, now=late)


def test_a_withdrawn_invitation_is_worth_nothing(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        made = invitations.invite(
            session, email=GUEST, role=Role.EDITOR, inviter=boss, letterhead=letterhead, now=NOW
        )
        invitations.revoke(session, made, actor=boss, now=NOW)

        with pytest.raises(LinkUnusable):
            invitations.read_invitation(session, mailed_token(session), signer=runtime.signer, now=NOW)


def test_a_second_invitation_replaces_the_first(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        invitations.invite(
            session, email=GUEST, role=Role.OWNER, inviter=boss, letterhead=letterhead, now=NOW
        )
        first = mailed_token(session)
        invitations.invite(
            session, email=GUEST, role=Role.EDITOR, inviter=boss, letterhead=letterhead, now=NOW
        )
        session.flush()
        session.expire_all()

        with pytest.raises(LinkUnusable):
            invitations.read_invitation(session, first, signer=runtime.signer, now=NOW)
        second = invitations.read_invitation(session, mailed_token(session), signer=runtime.signer, now=NOW)
        assert second.role is Role.EDITOR


def test_who_has_an_account_is_not_invited(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)

        with pytest.raises(EditorExists):
            invitations.invite(
                session,
                email=boss.email.upper(),
                role=Role.EDITOR,
                inviter=boss,
                letterhead=letterhead,
                now=NOW,
            )


def test_a_guessable_password_leaves_the_invitation_open(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        made = invitations.invite(
            session, email=GUEST, role=Role.EDITOR, inviter=boss, letterhead=letterhead, now=NOW
        )

        with pytest.raises(WeakPassword):
            invitations.accept(session, made, name="Grace", password="grace-newsroom-1", newsroom="", now=NOW)

        assert made.used_at is None


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.INVITATION])
def test_a_token_made_for_something_else_is_no_invitation(
    runtime: Runtime, letterhead: Letterhead, purpose: Purpose
) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        made = invitations.invite(
            session, email=GUEST, role=Role.OWNER, inviter=boss, letterhead=letterhead, now=NOW
        )
        token = runtime.signer.sign(purpose, made.id)

        with pytest.raises(LinkUnusable):
            invitations.read_invitation(session, token, signer=runtime.signer, now=NOW)


def test_asking_for_a_new_password_mails_a_link_to_the_account_alone(
    runtime: Runtime, letterhead: Letterhead
) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)

        ask(session, editor.email.upper(), runtime, letterhead)
        ask(session, "nobody@newsroom.example", runtime, letterhead)
        ask(session, "not an address", runtime, letterhead)

        assert [mail.recipient for mail in session.query(OutboxMail)] == [editor.email]


def test_a_disabled_account_gets_no_link(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session, disabled_at=NOW)

        ask(session, editor.email, runtime, letterhead)

        assert session.query(OutboxMail).count() == 0


def test_nobody_is_flooded_with_links(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)

        for number in range(30):
            ask(session, editor.email, runtime, letterhead, client=f"192.0.2.{number}")

        assert session.query(OutboxMail).count() == resets.PER_ACCOUNT.most


def test_a_new_password_ends_every_session_and_voids_every_other_link(
    runtime: Runtime, letterhead: Letterhead
) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)
        stolen = sessions.open_session(session, editor, user_agent="", now=NOW)
        ask(session, editor.email, runtime, letterhead)
        first = mailed_token(session)
        ask(session, editor.email, runtime, letterhead)
        reset, owner = resets.read_reset(session, mailed_token(session), signer=runtime.signer, now=NOW)

        resets.finish_reset(session, reset, owner, password=PASSWORD, newsroom="", now=NOW)

        session.flush()
        session.expire_all()
        assert matches(editor.password_hash, PASSWORD)
        assert sessions.find_session(session, stolen, now=NOW) is None
        with pytest.raises(LinkUnusable):
            resets.read_reset(session, first, signer=runtime.signer, now=NOW)


def test_a_reset_link_is_good_once_and_for_an_hour(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)
        ask(session, editor.email, runtime, letterhead)
        token = mailed_token(session)

        with pytest.raises(LinkUnusable):
            resets.read_reset(session, token, signer=runtime.signer, now=NOW + timedelta(hours=1))
        reset, owner = resets.read_reset(session, token, signer=runtime.signer, now=NOW)
        resets.finish_reset(session, reset, owner, password=PASSWORD, newsroom="", now=NOW)
        with pytest.raises(LinkUnusable):
            resets.read_reset(session, token, signer=runtime.signer, now=NOW)


def test_a_reset_link_of_somebody_disabled_meanwhile_is_worth_nothing(
    runtime: Runtime, letterhead: Letterhead
) -> None:
    with runtime.db.transaction() as session:
        make_editor(session, role=Role.OWNER)
        editor = make_editor(session)
        ask(session, editor.email, runtime, letterhead)
        editors.disable(session, editor, actor="operator", now=NOW)

        with pytest.raises(LinkUnusable):
            resets.read_reset(session, mailed_token(session), signer=runtime.signer, now=NOW)


def test_a_link_of_another_purpose_is_no_reset(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)
        ask(session, editor.email, runtime, letterhead)
        reset = session.query(PasswordReset).one()
        token = runtime.signer.sign(Purpose.INVITATION, reset.id)

        with pytest.raises(LinkUnusable):
            resets.read_reset(session, token, signer=runtime.signer, now=NOW)


def test_no_line_of_the_log_holds_an_address_or_a_token(runtime: Runtime, letterhead: Letterhead) -> None:
    with runtime.db.transaction() as session:
        boss = make_editor(session, role=Role.OWNER)
        invitations.invite(
            session, email=GUEST, role=Role.EDITOR, inviter=boss, letterhead=letterhead, now=NOW
        )
        token = mailed_token(session)
        offered = invitations.read_invitation(session, token, signer=runtime.signer, now=NOW)
        invitations.accept(session, offered, name=GUEST, password=PASSWORD, newsroom="", now=NOW)

        text = " ".join(f"{line.actor} {line.action} {line.detail}" for line in session.query(AuditEntry))

        assert session.query(Editor).count() == 2
        assert "invitation.accepted" in text
        assert "@" not in text
        assert token not in text
