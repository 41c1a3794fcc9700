"""What readers told in forms beside their address: a stranger's word until the address is confirmed.

At confirmation the answers of what is confirmed become the reader's own. Those given in the browser that
confirms come first and may correct what was there; anybody else's only fill in what is empty, the earliest
first: a post for somebody's address changes nothing they have said.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.subscribers.form_fields import Answer, Answers, Field
from newsletters.subscribers.form_models import ReaderField
from newsletters.subscribers.models import ConsentEvent, ConsentRecord, SignupRequest, Subscriber


def introduce(
    session: Session, subscriber: Subscriber, newsletter_ids: Collection[int], *, own: Collection[int] = ()
) -> None:
    """Make the answers given for ``newsletter_ids`` the reader's; ``own`` are requests of this browser."""
    requests = _unanswered(session, subscriber.id, newsletter_ids)
    for request in requests:
        if request.id in own:
            subscriber.fields = {**subscriber.fields, **request.fields}
            subscriber.name = request.name or subscriber.name
    for request in requests:
        if request.id not in own:
            subscriber.fields = {**request.fields, **subscriber.fields}
            subscriber.name = subscriber.name or request.name


def known_fields(session: Session) -> Sequence[Field]:
    """Every question any form ever asked, by key."""
    return [row.field for row in session.scalars(select(ReaderField).order_by(ReaderField.key))]


def told(session: Session, person: Subscriber | SignupRequest) -> list[tuple[Field, Answer]]:
    """What a reader has told, or somebody in their name, question by question."""
    answers = person.fields
    return [(field, answers[field.key]) for field in known_fields(session) if field.key in answers]


def change(subscriber: Subscriber, field: Field, answer: Answer | None) -> None:
    """Keep another answer of the reader's own, or none."""
    kept: Answers = {key: said for key, said in subscriber.fields.items() if key != field.key}
    subscriber.fields = kept if answer is None else {**kept, field.key: answer}


def _unanswered(
    session: Session, subscriber_id: int, newsletter_ids: Collection[int]
) -> Sequence[SignupRequest]:
    """The requests for these newsletters since the last confirmation of any of them, the oldest first."""
    about = (ConsentRecord.subscriber_id == subscriber_id, ConsentRecord.newsletter_id.in_(newsletter_ids))
    last = select(func.coalesce(func.max(ConsentRecord.id), 0)).where(
        *about, ConsentRecord.event == ConsentEvent.CONFIRMED
    )
    asked = select(ConsentRecord.signup_request_id).where(
        *about, ConsentRecord.event == ConsentEvent.REQUESTED, ConsentRecord.id > last.scalar_subquery()
    )
    waiting = select(SignupRequest).where(SignupRequest.id.in_(asked))
    return session.scalars(waiting.order_by(SignupRequest.id)).all()
