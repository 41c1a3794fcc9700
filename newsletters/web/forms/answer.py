"""What stands below the neutral answer to a sign-up, whatever page or script shows it.

A slip of the pen to mend, the reader's own mailbox, and what else this newsroom writes. All of it follows
from what was typed and from what everybody may see: it tells nothing of the address.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from newsletters import context
from newsletters.kernel.addresses import parse_address
from newsletters.subscribers.mailboxes import likely_meant
from newsletters.subscribers.webmail import Mailbox, mailbox_of
from newsletters.web.forms.few_traces import low_trace_words
from newsletters.web.forms.offers import Offers

RESEND_AFTER_SECONDS: Final = 60
MOST_OTHERS: Final = 3


@dataclass(frozen=True, slots=True)
class Other:
    """A newsletter to add with one press, the words it is agreed to with, and what else its form says."""

    slug: str
    name: str
    language: str
    consent_text: str
    wording_id: int | None
    note: str


@dataclass(frozen=True, slots=True)
class NextSteps:
    """``meant`` is the address that was probably meant, empty where nothing looks like a slip."""

    meant: str
    mailbox: Mailbox | None
    others: list[Other]


def next_steps(email: str, slugs: Collection[str], offers: Offers) -> NextSteps:
    """What a reader may want after asking for ``slugs``. ``email`` is valid."""
    domain = parse_address(email).domain
    meant = likely_meant(domain)
    return NextSteps(
        meant=f"{email.strip().rpartition('@')[0]}@{meant}" if meant else "",
        mailbox=mailbox_of(domain, sender=context.runtime().config.mail_from),
        others=_others(slugs, offers),
    )


def _others(slugs: Collection[str], offers: Offers) -> list[Other]:
    """First those in a language of what was chosen; the newsroom's own order otherwise."""
    spoken = {offers.newsletters[slug].language for slug in slugs if slug in offers.newsletters}
    left = [newsletter for slug, newsletter in offers.newsletters.items() if slug not in slugs]
    left.sort(key=lambda newsletter: newsletter.language not in spoken)
    return [
        Other(
            slug=newsletter.slug,
            name=newsletter.name,
            language=newsletter.language,
            consent_text=wording.consent_text if wording else newsletter.tagline or "",
            wording_id=wording.id if wording else None,
            note=low_trace_words([newsletter]),
        )
        for newsletter in left[:MOST_OTHERS]
        for wording in [offers.wordings.get(newsletter.id)]
    ]
