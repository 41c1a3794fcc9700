"""A newsletter's readers as CSV or JSON, in pieces so that a million of them need no memory and no long lock.

A spreadsheet takes a cell that begins with = + - @ or a control character for a formula, and an address
may begin with one: such cells get an apostrophe in front (OWASP ASVS 5.0, 1.2.10). ``raw`` leaves them as
they are, for programs. Behind the fixed columns comes one for each question that any form ever asked.
"""

import csv
import io
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.subscribers.form_fields import Answer, Field
from newsletters.subscribers.models import Subscriber, Subscription

COLUMNS: Final = (
    *("email", "name", "language", "state"),
    *("requested_at", "confirmed_at", "ended_at", "paused_until", "source"),
)
PIECE: Final = 1000
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")

Row = tuple[Subscriber, Subscription]


def export_piece(session: Session, newsletter_id: int, *, after: int = 0, size: int = PIECE) -> Sequence[Row]:
    """The next ``size`` readers of a newsletter, in every state, behind the number ``after``."""
    found = (
        select(Subscriber, Subscription)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(Subscription.newsletter_id == newsletter_id, Subscription.subscriber_id > after)
        .order_by(Subscription.subscriber_id)
        .limit(size)
    )
    return session.execute(found).all()


def csv_head(asked: Collection[Field] = ()) -> str:
    """The line that names the columns."""
    return _written([[*COLUMNS, *(field.name for field in asked)]])


def csv_lines(rows: Sequence[Row], asked: Collection[Field] = (), *, raw: bool = False) -> str:
    """One line for each reader (RFC 4180)."""
    lines = [
        [*_line(subscriber, subscription), *(_cell(subscriber.fields.get(field.key)) for field in asked)]
        for subscriber, subscription in rows
    ]
    return _written(lines if raw else [[spreadsheet_safe(cell) for cell in line] for line in lines])


def json_lines(rows: Sequence[Row]) -> list[str]:
    """One object for each reader (RFC 8259), by the columns' names, and all answers under ``fields``."""
    return [
        json.dumps(
            {
                **dict(zip(COLUMNS, _line(subscriber, subscription), strict=True)),
                "fields": subscriber.fields,
            },
            ensure_ascii=False,
        )
        for subscriber, subscription in rows
    ]


def spreadsheet_safe(cell: str) -> str:
    """``cell`` as text to any spreadsheet."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _line(subscriber: Subscriber, subscription: Subscription) -> list[str]:
    return [
        subscriber.email,
        subscriber.name,
        subscriber.language,
        subscription.state.value,
        _moment(subscription.requested_at),
        _moment(subscription.confirmed_at),
        _moment(subscription.ended_at),
        _moment(subscription.paused_until),
        subscription.source,
    ]


def _cell(answer: Answer | None) -> str:
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return answer or ""


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _written(lines: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue()
