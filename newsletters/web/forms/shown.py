"""How often sign-up forms were shown: kept in memory for some seconds and then added to the day's counts.

It is a count and no promise: what a process has not written when it ends is lost, and machines that read
pages are in it. A page costs no write of its own. Of whoever looked, nothing is kept.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable
from threading import Lock
from typing import Final

from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError

from newsletters import context
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import funnel
from newsletters.subscribers.campaign import read_campaign
from newsletters.subscribers.funnel import Place, Step, without_query
from newsletters.subscribers.words import without_controls
from newsletters.web.forms.door import blueprint, without_cookies
from newsletters.web.forms.offers import open_offers
from newsletters.web.forms.place import article_address

KEPT_SECONDS: Final = 5.0
MOST_PLACES: Final = 2_000  # of a process between two writes; more is somebody playing
LONGEST_FORM: Final = 120
NOTHING: Final = ("", 204)

log = logging.getLogger(__name__)


class Shown:
    """The counts of one process. Safe to share between threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = Lock()
        self._counted: Counter[Place] = Counter()
        self._written_at = time.monotonic()

    def note(self, places: Collection[Place]) -> None:
        """Count one showing of each."""
        with self._lock:
            self._counted.update(
                place for place in places if place in self._counted or len(self._counted) < MOST_PLACES
            )

    def write_when_due(self) -> None:
        """Write what has waited for some seconds."""
        if self._counted and time.monotonic() - self._written_at > KEPT_SECONDS:
            self.write()

    def write(self) -> None:
        """Add what was counted to the database; a database that is away loses a count."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
            self._written_at = time.monotonic()
        try:
            with self._runtime.db.transaction(durable=False) as session:
                for place, times in sorted(counted.items(), key=lambda one: repr(one[0])):
                    funnel.count(session, Step.SHOWN, [place], each=times, now=self._runtime.clock.now())
        except SQLAlchemyError:
            log.warning("how often forms were shown could not be written")


def shown() -> Shown:
    """The counts of this application."""
    return context.once("shown", lambda: Shown(context.runtime()))


def note_page(newsletters: Iterable[Newsletter], *, form: str, page: str) -> None:
    """A page of ours shows a form; a HEAD shows nobody anything."""
    if request.method == "GET":
        shown().note(
            [_place(newsletter, form, page, request.query_string.decode()) for newsletter in newsletters]
        )


def write_when_due(response: Response) -> Response:
    """For the end of every request, whatever it was about; one that could not be answered waits no longer."""
    if response.status_code < 500:
        shown().write_when_due()
    return response


@blueprint.post("/embed/shown")
@without_cookies
def embed_shown() -> tuple[str, int]:
    """embed.js says that a reader has an embedded form before them."""
    offers = open_offers()
    chosen = [
        offers.newsletters[slug] for slug in request.form.getlist("newsletter") if slug in offers.newsletters
    ]
    saved = offers.forms.get(request.form.get("saved", ""))
    named = saved.name if saved else request.form.get("form", "")
    form = without_controls(named)[:LONGEST_FORM] or "embedded form"
    page = article_address(request.form.get("page", ""))
    campaign = request.form.get("campaign", "")
    shown().note([_place(newsletter, form, page, campaign) for newsletter in chosen])
    return NOTHING


def _place(newsletter: Newsletter, form: str, page: str, query: str) -> Place:
    return Place(
        newsletter_id=newsletter.id, form=form, page=without_query(page), campaign=read_campaign(query)
    )
