"""A valid form is written down for a worker to take: the same for our own pages and embedded ones."""

from typing import Final

from flask_babel import get_locale
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.subscribers import intake, proofs
from newsletters.subscribers.models import FormKind
from newsletters.web.forms.fields import SubscribeForm
from newsletters.web.forms.offers import Offers
from newsletters.web.forms.pace import Pace
from newsletters.web.forms.proof import brought

NUDGED_EVERY_SECONDS: Final = 0.03  # a post in between is found with the next one, or by the pulse


def sign_up(
    form: SubscribeForm, offers: Offers, *, form_name: str, page: str, filled_in_seconds: float | None
) -> intake.Receipt:
    """Note what the reader asked for. The answer, and the time it takes, is the same for any address.

    Raises DeadDomain, ProofWanted or TooManyPosts.
    """
    runtime = context.runtime()
    chosen = [offers.newsletters[slug] for slug in form.newsletter.data]
    wanted = intake.Signup(
        email=form.email.data,
        address=form.email.address,
        newsletter_ids=[newsletter.id for newsletter in chosen],
        client=context.client_address(),
        form=form_name,
        page=page,
        language=str(get_locale()),
        trap=form.homepage.data or "",
        filled_in_seconds=filled_in_seconds,
        wording_ids=form.wording_ids,
        campaign=form.campaign.data or "",
        name=form.given_name,
        fields=form.answers,
        typed=form.typed,
    )
    with context.transaction() as session:
        receipt = intake.note_signup(
            session,
            wanted,
            is_proven=_is_proven(session),
            means=runtime,
            now=context.now(),
            most_per_minute=runtime.config.signups_per_minute,
        )
    _nudge()
    return receipt


def ask_by_mail(kind: FormKind, email: str) -> None:
    """Take a form that holds nothing but an address; the answer never says whether a mail follows."""
    runtime = context.runtime()
    with context.transaction() as session:
        intake.note_address(
            session,
            kind,
            email,
            client=context.client_address(),
            is_proven=_is_proven(session),
            means=runtime,
            now=context.now(),
            most_per_minute=runtime.config.signups_per_minute,
        )
    _nudge()


def _nudge() -> None:
    """Ask for a worker, but not for every post of a crowd: one nudge takes all that wait."""
    if context.once("nudges for forms", lambda: Pace(NUDGED_EVERY_SECONDS)).may_go():
        context.runtime().engine.nudge("take_forms")


def _is_proven(session: Session) -> bool:
    """Whether the post brought a proof that is good; it is spent with the transaction."""
    client = context.client_address()
    return proofs.redeem(session, brought(), client=client, means=context.runtime(), now=context.now())
