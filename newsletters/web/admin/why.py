"""“Why didn't she get it?”: one box, one address, the explanation, the whole story, and what to do now."""

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.reports.history import history
from newsletters.reports.why import Answer, answers
from newsletters.subscribers import lookups, mails
from newsletters.subscribers.mailboxes import likely_meant
from newsletters.subscribers.queries import Person, ReaderRow, find_reader, person, readers
from newsletters.subscribers.suppressed import suppressions_of
from newsletters.subscribers.suppression import FINAL, reason_for
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.reader_words import timeline_line
from newsletters.web.admin.readers import person_or_404
from newsletters.web.admin.why_words import Advice, advice

SIMILAR_LETTERS = 4
MOST_SIMILAR = 5


@dataclass(frozen=True, slots=True)
class Explained:
    """One newsletter's explanation in words, and what to do."""

    answer: Answer
    advice: Advice


@blueprint.get("/readers/why")
@editors_only
def why() -> str:
    """Ask, or show what is known of an address."""
    typed = request.args.get("address", "").strip()
    if not typed:
        return render_template("desk/readers/why.html", typed="", is_address=True)
    try:
        address = parse_address(typed)
    except InvalidAddress:
        return render_template("desk/readers/why.html", typed=typed, is_address=False)
    with context.reading() as session:
        found = find_reader(session, typed)
        if found is not None and (known := person(session, found.id)) is not None:
            return _known(session, known, typed)
        digest = context.runtime().digester.address(address.key)
        return render_template(
            "desk/readers/why.html",
            typed=typed,
            is_address=True,
            meant=likely_meant(address.domain),
            suppressed=[row.entry for row in suppressions_of(session, digest)],
            similar=_similar(session, address.key),
        )


@blueprint.post("/readers/<int:reader_id>/confirmation")
@editors_only
def send_confirmation(reader_id: int) -> Response:
    """Send the confirmation mail once more, on behalf of a reader who asked for it."""
    runtime, now = context.runtime(), context.now()
    with context.transaction() as session:
        reader = person_or_404(session, reader_id).subscriber
        waiting = lookups.open_newsletters(
            session, lookups.pending(lookups.subscriptions(session, reader_id))
        )
        may_send = bool(waiting) and reason_for(session, reader.address_hash) not in FINAL
        if may_send:
            mails.queue_confirmation(session, reader, waiting, recipient=reader.email, means=runtime, now=now)
            record_act(session, "reader.confirmation_sent", "reader", reader_id)
    if may_send:
        runtime.engine.nudge("send_outbox")
        flash(_("The confirmation mail is on its way once more."), "good")
    else:
        flash(_("There is nothing to confirm, or all mail to this address is stopped."), "warn")
    return redirect(url_for("desk.why", address=reader.email), 303)


def _known(session: Session, known: Person, typed: str) -> str:
    explained = [Explained(answer, advice(answer, known)) for answer in answers(session, known)]
    return render_template(
        "desk/readers/why.html",
        typed=typed,
        is_address=True,
        reader=known.subscriber,
        explained=explained,
        lines=[timeline_line(happening) for happening in history(session, known)],
    )


def _similar(session: Session, key: str) -> list[ReaderRow]:
    """Readers whose address begins alike: most often it is another spelling."""
    begins = key.partition("@")[0][:SIMILAR_LETTERS]
    return list(readers(session, search=begins, size=MOST_SIMILAR).rows) if begins else []
