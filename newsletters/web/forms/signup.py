"""A valid form is written down for a worker to take: the same for our own pages and embedded ones."""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from flask_babel import get_locale

from newsletters import context
from newsletters.subscribers import intake, proofs
from newsletters.subscribers.models import FormKind
from newsletters.web.forms.fields import SubscribeForm
from newsletters.web.forms.offers import Offers
from newsletters.web.forms.pace import Pace
from newsletters.web.forms.proof import brought

T = TypeVar("T")
NO_PROOF: Final = proofs.Proof()
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
    note = partial(
        intake.note_signup,
        signup=wanted,
        means=runtime,
        now=context.now(),
        most_per_minute=runtime.config.signups_per_minute,
    )
    receipt = _admitted(note)
    _nudge()
    return receipt


def ask_by_mail(kind: FormKind, email: str) -> None:
    """Take a form that holds nothing but an address; the answer never says whether a mail follows."""
    runtime = context.runtime()
    note = partial(
        intake.note_address,
        kind=kind,
        email=email,
        client=context.client_address(),
        means=runtime,
        now=context.now(),
        most_per_minute=runtime.config.signups_per_minute,
    )
    _admitted(note)
    _nudge()


def _nudge() -> None:
    """Ask for a worker, but not for every post of a crowd: one nudge takes all that wait."""
    if context.once("nudges for forms", lambda: Pace(NUDGED_EVERY_SECONDS)).may_go():
        context.runtime().engine.nudge("take_forms")


def _admitted(note: Callable[..., T]) -> T:
    """Note the form. One that brought a proof has it looked at before the database is held up for it."""
    proof, client = brought(), context.client_address()
    if proof == NO_PROOF:
        return context.together(note)
    with context.transaction() as session:
        is_proven = proofs.redeem(session, proof, client=client, means=context.runtime(), now=context.now())
        return note(session, is_proven=is_proven)
