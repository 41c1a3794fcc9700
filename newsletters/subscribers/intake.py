"""The way in for every public form: what was posted is written down, alike for every address, and no more.

One row and the counts of its client. It is the same work, and so takes the same time, whatever is known of
the address: the answer cannot tell, and a crowd costs little. A worker takes the row moments later
(taking.py). What was answered with success is on disk once the caller has committed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from newsletters.kernel.addresses import Address, parse_address
from newsletters.kernel.columns import Json
from newsletters.subscribers import domains, guard
from newsletters.subscribers.campaign import read_campaign
from newsletters.subscribers.errors import DeadDomain, NoNewsletterChosen
from newsletters.subscribers.form_fields import Answer
from newsletters.subscribers.guard import Post
from newsletters.subscribers.mailboxes import is_large_provider
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import FormKind, PostedForm
from newsletters.subscribers.words import without_controls

LONGEST_NAME, LONGEST_FORM, LONGEST_PAGE, LONGEST_TRAP = 120, 120, 1000, 40
LONGEST_TYPED: Final = 2_000
TRIED_AGAIN_AFTER: Final = timedelta(minutes=1)
MOST_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Signup:
    """One post of a sign-up form; ``typed`` is what free text its fields hold, where machines leave links.

    ``address`` is ``email``, where the form has read it already.
    """

    email: str
    newsletter_ids: Collection[int]
    client: str
    form: str = ""
    page: str = ""
    language: str = ""
    name: str = ""
    trap: str = ""
    filled_in_seconds: float | None = None
    wording_ids: Collection[int] = ()
    campaign: str = ""
    fields: Mapping[str, Answer] = field(default_factory=dict)
    typed: str = ""
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the browser may know: a number to type the code against. It says nothing of the address."""

    request_id: int


def note_signup(
    session: Session,
    signup: Signup,
    *,
    means: Means,
    now: datetime,
    is_proven: bool = False,
    most_per_minute: int = guard.MOST_PER_MINUTE,
) -> Receipt:
    """Write down that somebody asks for newsletters.

    Raises InvalidAddress, NoNewsletterChosen, DeadDomain, ProofWanted or TooManyPosts.
    """
    address = signup.address or parse_address(signup.email)
    if not signup.newsletter_ids:
        raise NoNewsletterChosen
    if not is_large_provider(address.domain) and domains.is_dead(session, address.domain, now=now):
        raise DeadDomain(address.domain)
    said: Json = {
        "email": signup.email,
        "newsletters": sorted(set(signup.newsletter_ids)),
        "form": without_controls(signup.form)[:LONGEST_FORM],
        "page": without_controls(signup.page)[:LONGEST_PAGE],
        "language": signup.language,
        "name": without_controls(signup.name)[:LONGEST_NAME],
        "trap": without_controls(signup.trap)[:LONGEST_TRAP],
        "filled_in_seconds": signup.filled_in_seconds,
        "wordings": sorted(set(signup.wording_ids)),
        "is_proven": is_proven,
        "campaign": read_campaign(signup.campaign or urlsplit(signup.page).query),
        "fields": dict(signup.fields),
        "typed": without_controls(signup.typed)[:LONGEST_TYPED],
    }
    post = Post(signup.client, form=signup.form, domain=address.domain, is_proven=is_proven)
    guard.admit(session, post, means=means, most_per_minute=most_per_minute, now=now)
    return Receipt(_write(session, FormKind.SIGN_UP, said, now=now))


def note_address(
    session: Session,
    kind: FormKind,
    email: str,
    *,
    client: str,
    means: Means,
    now: datetime,
    is_proven: bool = False,
    most_per_minute: int = guard.MOST_PER_MINUTE,
) -> None:
    """Write down a form that holds nothing but an address.

    Raises InvalidAddress, ProofWanted or TooManyPosts.
    """
    post = Post(client, domain=parse_address(email).domain, is_proven=is_proven)
    guard.admit(session, post, means=means, most_per_minute=most_per_minute, now=now)
    _write(session, kind, {"email": email}, now=now)


def due(session: Session, *, now: datetime, limit: int) -> Sequence[PostedForm]:
    """Posted forms to be taken now, the oldest first, held until the transaction ends."""
    waiting = select(PostedForm).where(PostedForm.due_at <= now).order_by(PostedForm.due_at, PostedForm.id)
    return session.scalars(waiting.limit(limit).with_for_update(skip_locked=True)).all()


def next_due_at(session: Session) -> datetime | None:
    """When the next posted form may be taken, None where none waits."""
    return session.scalar(select(func.min(PostedForm.due_at)))


def put_off(session: Session, posted: PostedForm, *, now: datetime) -> None:
    """Let a form that could not be taken wait; after some tries it is given up, with the log as witness."""
    posted.tries += 1
    posted.due_at = now + TRIED_AGAIN_AFTER * posted.tries
    if posted.tries >= MOST_TRIES:
        session.delete(posted)


def _write(session: Session, kind: FormKind, said: Json, *, now: datetime) -> int:
    """One statement on the bare connection: every reader waits for it, and a crowd of them."""
    values = {"kind": kind, "said": said, "tries": 0, "posted_at": now, "due_at": now}
    return int(session.connection().execute(_INSERT, values).scalar_one())


_INSERT = insert(PostedForm).returning(PostedForm.id)
