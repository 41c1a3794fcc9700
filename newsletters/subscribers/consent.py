"""Consent evidence (GDPR Art. 7(1) and 7(3)): who agreed to which words, where, when, how; and who withdrew.

Records are only ever added. There is no function that changes or removes one, and the mapper refuses both;
they go with their subscriber, when the law says that everything must go.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NoReturn

from sqlalchemy import Select, bindparam, event, func, select
from sqlalchemy.orm import ORMExecuteState, Session

from newsletters.publishing.models import OptInWording
from newsletters.subscribers.models import ConsentEvent, ConsentRecord, Subscription


class Mechanism(StrEnum):
    """How a reader said it. Stored as text: a word may be added, never changed."""

    FORM = "form"
    LINK = "link"
    SAME_BROWSER = "same_browser"
    CODE = "code"
    PREFERENCES = "preferences"
    ONE_CLICK = "one_click"
    MAIL = "mail"
    UNDO = "undo"
    IMPORT = "import"
    MERGED = "merged"
    PAUSE_ENDED = "pause_ended"


class EvidenceIsFinal(TypeError):
    """Somebody tried to change or remove a consent record."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where somebody agreed, and to which words."""

    wording_id: int | None = None
    form: str = ""
    page: str = ""
    signup_request_id: int | None = None


NOTHING = Evidence()


def record(
    session: Session,
    subscription: Subscription,
    what: ConsentEvent,
    mechanism: Mechanism,
    *,
    evidence: Evidence = NOTHING,
    now: datetime,
) -> None:
    """Add one record about ``subscription``."""
    session.add(
        ConsentRecord(
            subscriber_id=subscription.subscriber_id,
            newsletter_id=subscription.newsletter_id,
            event=what,
            mechanism=mechanism.value,
            wording_id=evidence.wording_id,
            form=evidence.form,
            page=evidence.page,
            signup_request_id=evidence.signup_request_id,
            at=now,
        )
    )


def newest_requests(session: Session, subscriber_id: int) -> dict[int, Evidence]:
    """What the newest request for each newsletter was made with: a confirmation is evidence of the same."""
    records = session.scalars(
        select(ConsentRecord)
        .where(ConsentRecord.subscriber_id == subscriber_id, ConsentRecord.event == ConsentEvent.REQUESTED)
        .order_by(ConsentRecord.id)
    )
    return {
        row.newsletter_id: Evidence(row.wording_id, row.form, row.page, row.signup_request_id)
        for row in records
    }


def asked_for_in(session: Session, subscriber_id: int, requests: Collection[int]) -> set[int]:
    """The newsletters that ``requests`` (of one browser) asked for on behalf of this subscriber."""
    if not requests:
        return set()
    return set(
        session.scalars(
            select(ConsentRecord.newsletter_id).where(
                ConsentRecord.subscriber_id == subscriber_id,
                ConsentRecord.event == ConsentEvent.REQUESTED,
                ConsentRecord.signup_request_id.in_(requests),
            )
        )
    )


def current_wordings(session: Session, newsletter_ids: Collection[int]) -> dict[int, OptInWording]:
    """The newest wording of each newsletter that has one."""
    wordings = session.scalars(_CURRENT, {"newsletters": list(newsletter_ids)})
    return {wording.newsletter_id: wording for wording in wordings}


def shown_wordings(
    session: Session, newsletter_ids: Collection[int], shown: Collection[int]
) -> dict[int, OptInWording]:
    """The wording each newsletter's form showed; the newest where it did not say, or said another's."""
    wordings = current_wordings(session, newsletter_ids)
    if shown:
        named = session.scalars(
            select(OptInWording).where(
                OptInWording.id.in_(shown), OptInWording.newsletter_id.in_(newsletter_ids)
            )
        )
        wordings.update({wording.newsletter_id: wording for wording in named})
    return wordings


def _current() -> Select[OptInWording]:
    newest = (
        select(OptInWording.newsletter_id, func.max(OptInWording.version).label("version"))
        .where(OptInWording.newsletter_id.in_(bindparam("newsletters", expanding=True)))
        .group_by(OptInWording.newsletter_id)
        .subquery()
    )
    return select(OptInWording).join(
        newest,
        (OptInWording.newsletter_id == newest.c.newsletter_id) & (OptInWording.version == newest.c.version),
    )


_CURRENT: Final = _current()  # built once: every sign-up asks, while nobody else can write


def _refuse(_mapper: Any, _connection: Any, target: ConsentRecord) -> NoReturn:
    raise EvidenceIsFinal(f"consent record {target.id} cannot be changed")


def _refuse_in_bulk(statement: ORMExecuteState) -> None:
    mapper = statement.bind_mapper if statement.is_update or statement.is_delete else None
    if mapper is not None and mapper.class_ is ConsentRecord:
        raise EvidenceIsFinal("consent records cannot be changed")


event.listen(ConsentRecord, "before_update", _refuse)
event.listen(ConsentRecord, "before_delete", _refuse)
event.listen(Session, "do_orm_execute", _refuse_in_bulk)
