"""Everything that any slice holds about one reader, for that reader (GDPR Art. 15 and 20)."""

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from newsletters.bounces.queries import bounces_of, complaints_of
from newsletters.delivery.models import Delivery
from newsletters.delivery.queries import deliveries_to
from newsletters.mail.queries import mails_to
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.web import issue_subject
from newsletters.subscribers.download import Json, download
from newsletters.subscribers.models import Subscriber

ALL = 100_000


def everything(session: Session, reader: Subscriber, *, now: datetime) -> Json:
    """All of it, ready for JSON."""
    return download(session, reader, now=now) | {
        "deliveries": _deliveries(session, reader.id),
        "mails": [
            {
                "kind": mail.kind,
                "at": mail.created_at.isoformat(),
                "state": mail.state.value,
                "settled_at": mail.settled_at.isoformat() if mail.settled_at else None,
                "reply": mail.reply,
            }
            for mail in mails_to(session, reader.id, limit=ALL)
        ],
        "returned_mail": [
            {"kind": row.kind.value, "at": row.at.isoformat(), "reply": row.reply}
            for row in bounces_of(session, reader.id, limit=ALL)
        ],
        "complaints": [
            {"from": row.source, "at": row.at.isoformat()}
            for row in complaints_of(session, reader.id, limit=ALL)
        ],
    }


def _deliveries(session: Session, subscriber_id: int) -> list[Json]:
    rows = deliveries_to(session, subscriber_id, limit=ALL)
    found = session.execute(
        select(Issue, Newsletter)
        .join(Newsletter, Newsletter.id == Issue.newsletter_id)
        .where(exists().where(Delivery.issue_id == Issue.id, Delivery.subscriber_id == subscriber_id))
    )
    subjects = {issue.id: issue_subject(issue, newsletter) for issue, newsletter in found}
    return [
        {
            "issue": subjects[row.issue_id],
            "issue_id": row.issue_id,
            "state": row.state.value,
            "reason": row.reason,
            "settled_at": row.settled_at.isoformat() if row.settled_at else None,
            "attempts": row.attempts,
            "reply": row.reply,
        }
        for row in rows
    ]
