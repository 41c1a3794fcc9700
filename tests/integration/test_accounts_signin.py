"""How guessing is slowed down, and for whom it is not."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from newsletters.accounts import editors, passwords, signin
from newsletters.accounts.models import AuditEntry, Editor, Role
from newsletters.accounts.signin import (
    PER_ACCOUNT,
    PER_CLIENT,
    PER_CLIENT_AND_ACCOUNT,
    PER_KNOWN_BROWSER,
    Attempt,
    client_network,
)
from newsletters.kernel.limits import RateWindow
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.desk import PASSWORD
from tests.factories import make_editor

HOME = "192.0.2.7"


def tries(
    session: Session, runtime: Runtime, attempt: Attempt, times: int, *, at: timedelta = timedelta()
) -> list[bool]:
    return [
        signin.may_try(session, attempt, digester=runtime.digester, signer=runtime.signer, now=NOW + at)
        for _ in range(times)
    ]


def known(runtime: Runtime, editor: Editor) -> str:
    return signin.browser_cookie(editor, signer=runtime.signer, now=NOW)


def test_one_client_gets_a_few_tries_at_one_account(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)

        answers = tries(session, runtime, Attempt(editor.email, HOME), PER_CLIENT_AND_ACCOUNT.most + 1)

        assert answers == [True] * PER_CLIENT_AND_ACCOUNT.most + [False]


def test_the_next_window_begins_anew(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        attempt = Attempt(make_editor(session).email, HOME)
        tries(session, runtime, attempt, PER_CLIENT_AND_ACCOUNT.most + 5)

        assert tries(session, runtime, attempt, 1, at=signin.WINDOW) == [True]


def test_spelling_the_address_otherwise_gives_no_more_tries(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)
        tries(session, runtime, Attempt(editor.email, HOME), PER_CLIENT_AND_ACCOUNT.most)

        assert tries(session, runtime, Attempt(f" {editor.email.upper()} ", HOME), 1) == [False]


def test_one_client_cannot_spray_one_password_over_many_accounts(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        addresses = [f"editor{number}@newsroom.example" for number in range(PER_CLIENT.most + 1)]

        answers = [tries(session, runtime, Attempt(address, HOME), 1)[0] for address in addresses]

        assert answers.count(True) == PER_CLIENT.most
        assert answers[-1] is False


def test_many_clients_together_run_dry_at_one_account(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)
        clients = [f"198.51.100.{number}" for number in range(PER_ACCOUNT.most + 1)]

        answers = [tries(session, runtime, Attempt(editor.email, client), 1)[0] for client in clients]

        assert answers == [True] * PER_ACCOUNT.most + [False]


def test_a_known_browser_keeps_its_own_tries_while_strangers_guess(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)
        for number in range(PER_ACCOUNT.most + 10):
            tries(session, runtime, Attempt(editor.email, f"198.51.100.{number}"), 1)
        mine = Attempt(editor.email, "198.51.100.1", known(runtime, editor))

        assert tries(session, runtime, mine, 1) == [True]


def test_a_stolen_browser_cookie_is_no_way_to_guess_for_ever(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)
        mine = Attempt(editor.email, HOME, known(runtime, editor))

        answers = tries(session, runtime, mine, PER_KNOWN_BROWSER.most + 1)

        assert answers == [True] * PER_KNOWN_BROWSER.most + [False]


def test_a_browser_known_to_one_account_is_a_stranger_to_another(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        mallory, victim = make_editor(session), make_editor(session)
        cookie = known(runtime, mallory)

        answers = tries(
            session, runtime, Attempt(victim.email, HOME, cookie), PER_CLIENT_AND_ACCOUNT.most + 1
        )

        assert answers[-1] is False


@pytest.mark.parametrize("cookie", ["x", "AQ0", "\u20ac", "a" * 600])
def test_a_made_up_browser_cookie_makes_nobody_known(runtime: Runtime, cookie: str) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)

        answers = tries(
            session, runtime, Attempt(editor.email, HOME, cookie), PER_CLIENT_AND_ACCOUNT.most + 1
        )

        assert answers[-1] is False


def test_the_counters_hold_neither_addresses_nor_clients(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session)
        tries(session, runtime, Attempt(editor.email, HOME), 1)

        keys = [row.key for row in session.query(RateWindow)]

        assert len(keys) == 3
        assert [key for key in keys if HOME in key or "editor" in key or "@" in key] == []


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("not an address", "not an address"),
    ],
)
def test_a_household_counts_as_one_client(client: str, network: str) -> None:
    assert client_network(client) == network


def test_signing_in_hashes_an_old_password_anew(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        made = editors.create_editor(
            session, email="old@newsroom.example", name="Old", role=Role.EDITOR, now=NOW, password=PASSWORD
        )
        editor = made.editor
        weak = editor.password_hash.replace("m=47104", "m=8192")
        editor.password_hash = weak

        signin.let_in(session, editor, password=PASSWORD, user_agent="", now=NOW)

        assert "m=47104" in editor.password_hash
        assert editor.password_hash != weak


def test_right_and_wrong_passwords_are_both_written_down(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        editor = make_editor(session, password_hash=passwords.hash_password(PASSWORD))

        signin.turn_away(session, editor, now=NOW)
        signin.turn_away(session, None, now=NOW)
        signin.let_in(session, editor, password=PASSWORD, user_agent="", now=NOW)

        lines = [(line.actor, line.action, line.subject_id) for line in session.query(AuditEntry)]
        assert lines == [
            ("somebody", "editor.sign_in_failed", editor.id),
            ("somebody", "editor.sign_in_failed", None),
            (editor.name, "editor.signed_in", editor.id),
        ]
