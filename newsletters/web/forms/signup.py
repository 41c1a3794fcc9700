"""A valid sign-up form becomes a sign-up: the same few lines for our own pages and for embedded forms."""

from flask_babel import get_locale

from newsletters import context
from newsletters.subscribers import signup
from newsletters.web.forms.fields import SubscribeForm
from newsletters.web.forms.offers import Offers
from newsletters.web.forms.pace import even_pace


def sign_up(
    form: SubscribeForm, offers: Offers, *, form_name: str, page: str, filled_in_seconds: float | None
) -> signup.Receipt:
    """Note what the reader asked for and let the mail leave. The answer is the same for any address."""
    runtime = context.runtime()
    chosen = [offers.newsletters[slug] for slug in form.newsletter.data]
    wanted = signup.Signup(
        email=form.email.data,
        newsletter_ids=[newsletter.id for newsletter in chosen],
        client=context.client_address(),
        form=form_name,
        page=page,
        language=str(get_locale()),
        trap=form.homepage.data or "",
        filled_in_seconds=filled_in_seconds,
        wording_ids=form.wording_ids,
    )
    with even_pace(), context.transaction() as session:
        receipt = signup.sign_up(
            session,
            wanted,
            means=runtime,
            now=context.now(),
            most_per_minute=runtime.config.signups_per_minute,
        )
    runtime.engine.nudge("send_outbox", priority=100)
    return receipt


def send_again(email: str) -> None:
    """Send the confirmation once more, as far as the limits allow; the answer never says whether."""
    runtime = context.runtime()
    with even_pace(), context.transaction() as session:
        signup.ask_again(
            session,
            email,
            client=context.client_address(),
            means=runtime,
            now=context.now(),
            most_per_minute=runtime.config.signups_per_minute,
        )
    runtime.engine.nudge("send_outbox", priority=100)
