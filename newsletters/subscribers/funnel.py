"""How far sign-ups come, counted without a cookie: form shown, sent, mail accepted, page opened, confirmed.

Counts by day, newsletter, form, page, campaign and mailbox provider, and nothing of any person: they stay
when the requests behind them are forgotten. Each request counts once at each step, however often it is taken.
What was shown is counted by pages and scripts and is no promise; every other step is counted in the
transaction that takes it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Final

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletters.subscribers import consent
from newsletters.subscribers.count_models import FunnelCount
from newsletters.subscribers.mailboxes import provider_of
from newsletters.subscribers.models import SignupRequest, Subscriber

LONGEST_PAGE: Final = 300


class Step(StrEnum):
    """How far a sign-up has come. The values are columns."""

    SHOWN = "shown"
    SUBMITTED = "submitted"
    MAILED = "mailed"
    OPENED = "opened"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sign-up form stood, for which newsletter, and whose mailbox it was about ("" where unknown)."""

    newsletter_id: int
    form: str = ""
    page: str = ""
    campaign: str = ""
    provider: str = ""


def count(session: Session, step: Step, places: Iterable[Place], *, now: datetime, each: int = 1) -> None:
    """Add to the counts of today (UTC)."""
    session.flush()
    connection = session.connection()
    statement = _counting(connection.dialect.name, step)
    for place in places:
        said = {
            "on": now.astimezone(UTC).date(),
            "newsletter_id": place.newsletter_id,
            "form": place.form,
            "page": without_query(place.page),
            "campaign": place.campaign,
            "provider": place.provider,
        }
        connection.execute(statement, said | dict.fromkeys(Step, 0) | {step: each})


def note_submitted(
    session: Session, request: SignupRequest, newsletter_ids: Collection[int], *, email: str, now: datetime
) -> None:
    """A form was sent for newsletters that wait for a confirmation now."""
    count(session, Step.SUBMITTED, _places(request, newsletter_ids, email), now=now)


def note_step(
    session: Session,
    step: Step,
    subscriber: Subscriber,
    newsletter_ids: Collection[int],
    *,
    now: datetime,
) -> None:
    """Count the step for the requests behind pending newsletters that have not come so far before.

    A request that was confirmed in the end was opened as well, script or not.
    """
    behind = consent.newest_requests(session, subscriber.id)
    for newsletter_id in sorted(newsletter_ids):
        number = behind.get(newsletter_id, consent.NOTHING).signup_request_id
        request = session.get(SignupRequest, number) if number else None
        if request is None:
            continue
        for passed in PASSED[step]:
            if getattr(request, f"{passed}_at") is None:
                setattr(request, f"{passed}_at", now)
                count(session, passed, _places(request, [newsletter_id], subscriber.email), now=now)


PASSED: Final = {
    Step.MAILED: (Step.MAILED,),
    Step.OPENED: (Step.OPENED,),
    Step.CONFIRMED: (Step.OPENED, Step.CONFIRMED),
}


def without_query(page: str) -> str:
    """A page's address as it is counted."""
    return page.partition("?")[0].partition("#")[0][:LONGEST_PAGE]


@cache
def _counting(dialect: str, step: Step) -> sqlite.Insert | postgresql.Insert:
    """Built once: every sign-up counts, while nobody else can write."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement: sqlite.Insert | postgresql.Insert = insert(FunnelCount)
    key = ["on", "newsletter_id", "form", "page", "campaign", "provider"]
    added = {step: getattr(FunnelCount, step) + statement.excluded[step]}
    return statement.on_conflict_do_update(index_elements=key, set_=added)


def _places(request: SignupRequest, newsletter_ids: Collection[int], email: str) -> list[Place]:
    return [
        Place(
            newsletter_id=newsletter_id,
            form=request.form,
            page=request.page,
            campaign=request.campaign,
            provider=provider_of(email),
        )
        for newsletter_id in sorted(newsletter_ids)
    ]
