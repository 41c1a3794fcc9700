"""The suppression list at the desk: added to, filtered, lifted, undone, and every step in the audit log."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.accounts.models import AuditEntry, Role
from newsletters.cli.suppressions import export_to, import_from
from newsletters.kernel.db import Database
from newsletters.reports.suppressions import suppressed_by_month
from newsletters.runtime import Runtime
from newsletters.subscribers.suppression import lift, newsletter_scope, suppress
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from tests.conftest import NOW
from tests.desk import post, signed_in
from tests.factories import DIGESTER, make_newsletter, make_subscriber

PAGE = "/desk/suppressions"
HASH = DIGESTER.address("never@readers.example")


@pytest.fixture(autouse=True)
def editor(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.EDITOR, name="Olena")


def entry(db: Database) -> Suppression:
    with db.reading() as session:
        return session.scalars(select(Suppression)).one()


def actions(db: Database) -> list[tuple[str, str]]:
    with db.reading() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(row.action, row.detail) for row in rows]


def add(client: FlaskClient, **fields: str) -> None:
    given = {"address": "Never@Readers.example", "scope": "all", "reason": "asked by phone", **fields}
    answer = post(client, PAGE, given, page=PAGE)
    assert answer.status_code == 303


def test_an_editor_adds_an_address_and_only_its_hash_is_kept(client: FlaskClient, db: Database) -> None:
    add(client)

    kept = entry(db)
    assert (kept.address_hash, kept.reason, kept.actor) == (HASH, SuppressionReason.EDITOR, "Olena")
    assert kept.detail == "asked by phone"
    assert "readers.example" not in "".join(str(value) for value in vars(kept).values())
    assert actions(db) == [("suppression.added", "asked by phone")]


def test_an_address_in_the_reason_is_not_kept_either(client: FlaskClient, db: Database) -> None:
    add(client, reason="never@readers.example wrote to us")

    assert entry(db).detail == "[address] wrote to us"


def test_adding_for_one_newsletter_leaves_the_others(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        one, _ = make_newsletter(session, name="One"), make_newsletter(session, name="Other")

    add(client, scope=newsletter_scope(one.id))

    with db.reading() as session:
        scopes = session.scalars(select(Suppression.scope).where(Suppression.address_hash == HASH)).all()
    assert scopes == [newsletter_scope(one.id)]


@pytest.mark.parametrize(
    "fields",
    [
        {"address": ""},
        {"address": "no address"},
        {"reason": ""},
        {"scope": "newsletter:999"},
        {"address": "a\0@b.c"},
    ],
)
def test_what_is_not_whole_is_not_added(fields: dict[str, str], client: FlaskClient, db: Database) -> None:
    given = {"address": "never@readers.example", "scope": "all", "reason": "why", **fields}

    answer = post(client, PAGE, given, page=PAGE)

    assert answer.status_code in (400, 422)
    with db.reading() as session:
        assert session.scalars(select(Suppression)).all() == []


def test_adding_can_be_undone(client: FlaskClient, db: Database) -> None:
    add(client)
    shown = client.get(f"{PAGE}?done={entry(db).id}").get_data(as_text=True)

    post(client, f"{PAGE}/{entry(db).id}/lift", {"reason": "undone"}, page=PAGE)

    assert "Nothing is sent any more" in shown
    assert "Undo" in shown
    assert entry(db).lifted_at is not None
    assert actions(db)[-1] == ("suppression.lifted", "undone")


def test_lifting_can_be_undone(client: FlaskClient, db: Database) -> None:
    add(client)
    post(client, f"{PAGE}/{entry(db).id}/lift", {"reason": "a mistake"}, page=PAGE)

    post(client, f"{PAGE}/{entry(db).id}/put-back", page=PAGE)

    assert (entry(db).lifted_at, entry(db).lifted_reason) == (None, "")
    assert entry(db).reason is SuppressionReason.EDITOR
    assert actions(db)[-1] == ("suppression.put_back", "")


def test_putting_back_what_is_in_force_changes_nothing(client: FlaskClient, db: Database) -> None:
    add(client)

    post(client, f"{PAGE}/{entry(db).id}/put-back", page=PAGE)

    assert len(actions(db)) == 1
    assert post(client, f"{PAGE}/999999/put-back", page=PAGE).status_code == 404


def test_lifting_wants_a_reason(client: FlaskClient, db: Database) -> None:
    add(client)

    post(client, f"{PAGE}/{entry(db).id}/lift", {"reason": " "}, page=PAGE)

    assert entry(db).lifted_at is None


def test_a_complaint_is_not_made_weaker_by_adding(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        suppress(session, address_hash=HASH, reason=SuppressionReason.COMPLAINT, now=NOW)

    add(client)

    assert entry(db).reason is SuppressionReason.COMPLAINT


def test_the_list_is_filtered_by_reason_scope_actor_and_state(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        scope = newsletter_scope(newsletter.id)
        for name, reason, actor, where in (
            ("dead", SuppressionReason.HARD_BOUNCE, "system", "all"),
            ("asked", SuppressionReason.EDITOR, "Olena", "all"),
            ("one", SuppressionReason.EDITOR, "Olena", scope),
            ("back", SuppressionReason.COMPLAINT, "system", "all"),
        ):
            reader = make_subscriber(session, f"{name}@readers.example")
            suppress(
                session, address_hash=reader.address_hash, reason=reason, actor=actor, scope=where, now=NOW
            )
        back = DIGESTER.address("back@readers.example")
        lift(session, address_hash=back, reason="came back", actor="Olena", now=NOW)

    found = {
        query: set(
            re.findall(r">(\w+)@readers\.example", client.get(f"{PAGE}?{query}").get_data(as_text=True))
        )
        for query in (
            "",
            "reason=hard_bounce",
            f"scope={scope}",
            "actor=Olena",
            "state=lifted",
            "reason=nonsense",
        )
    }

    assert found == {
        "": {"dead", "asked", "one"},
        "reason=hard_bounce": {"dead"},
        f"scope={scope}": {"one"},
        "actor=Olena": {"asked", "one"},
        "state=lifted": {"back"},
        "reason=nonsense": {"dead", "asked", "one"},
    }


def test_what_a_stranger_wrote_is_only_text(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        suppress(
            session,
            address_hash=HASH,
            reason=SuppressionReason.HARD_BOUNCE,
            detail="<script>alert(1)</script>",
            actor='"><img src=x>',
            now=NOW,
        )

    page = client.get(PAGE).get_data(as_text=True)

    assert "<script>alert" not in page
    assert "<img src=x>" not in page


def test_months_are_counted_by_reason(db: Database) -> None:
    months = (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), NOW - timedelta(days=2), NOW)
    with db.transaction() as session:
        for number, at in enumerate(months):
            suppress(session, address_hash=str(number) * 64, reason=SuppressionReason.HARD_BOUNCE, now=at)
        suppress(session, address_hash="9" * 64, reason=SuppressionReason.ERASED, now=NOW)

        drawn = suppressed_by_month(session, now=NOW, name=str, months=4)

    assert {one.name: [value for _, value in one.points] for one in drawn} == {
        "hard_bounce": [1.0, 0.0, 1.0, 1.0],
        "erased": [0.0, 0.0, 0.0, 1.0],
    }


# Files


def test_an_export_names_nobody_and_comes_back_as_it_was(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        suppress(
            session, address_hash=HASH, reason=SuppressionReason.COMPLAINT, scope="newsletter:7", now=NOW
        )
    file = io.StringIO()
    written = export_to(runtime, file)
    with db.transaction() as session:
        session.delete(session.scalars(select(Suppression)).one())

    counted = import_from(runtime, io.StringIO(file.getvalue()), reason="restored")

    assert (written, counted.read, counted.added, counted.unreadable) == (1, 1, 1, 0)
    assert (entry(db).address_hash, entry(db).scope) == (HASH, "newsletter:7")
    assert entry(db).reason is SuppressionReason.COMPLAINT
    assert "@" not in file.getvalue()


def test_a_list_of_addresses_is_imported_as_hashes(runtime: Runtime, db: Database) -> None:
    lines = [
        "\ufeffName,E-mail,Since",
        "Ada,Never@Readers.example,2024",
        "",
        "never@readers.example",
        "Nobody,not an address,2024",
        "=cmd|' /C calc'!A0@,x",
        '"a ""quoted"" one",other@readers.example',
        "x" * 100_000,
    ]

    counted = import_from(runtime, io.StringIO("\n".join(lines)), reason="from the old system")

    with db.reading() as session:
        kept = set(session.scalars(select(Suppression.address_hash)))
    assert kept == {HASH, DIGESTER.address("other@readers.example")}
    assert (counted.read, counted.added, counted.unreadable) == (6, 2, 3)
    assert actions(db)[-1][0] == "suppressions.imported"


def test_an_import_twice_adds_nothing_and_weakens_nothing(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        suppress(session, address_hash=HASH, reason=SuppressionReason.COMPLAINT, now=NOW)

    counted = [import_from(runtime, io.StringIO("never@readers.example"), reason="x").added for _ in range(2)]

    assert counted == [0, 0]
    assert entry(db).reason is SuppressionReason.COMPLAINT


def test_a_long_list_comes_in_pieces(runtime: Runtime, db: Database) -> None:
    lines = "\n".join(f"reader{number}@readers.example" for number in range(1201))

    counted = import_from(runtime, io.StringIO(lines), reason="x")

    assert (counted.read, counted.added) == (1201, 1201)
