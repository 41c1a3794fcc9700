"""The readers' room: the list with its search, and one person's page with their whole history."""

from flask import abort, render_template, request
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.accounts.queries import entries_about
from newsletters.publishing.newsletters import all_newsletters
from newsletters.reports.history import history
from newsletters.subscribers.models import SubscriptionState
from newsletters.subscribers.queries import Person, person, readers
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.asking import asked_number
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.reader_forms import EraseForm, LiftForm, SuppressForm
from newsletters.web.admin.reader_words import STATES, reason_words, rhythm_words, state_words, timeline_line
from newsletters.web.answer_words import told_words

blueprint.add_app_template_filter(state_words)
blueprint.add_app_template_filter(reason_words)
blueprint.add_app_template_filter(rhythm_words)


@blueprint.get("/readers")
@editors_only
def readers_list() -> str:
    """List readers by address, name, newsletter and state."""
    search = request.args.get("search", "").strip()
    newsletter_id = asked_number("newsletter")
    state = _state(request.args.get("state", ""))
    cursor = request.args.get("after")
    with context.reading() as session:
        page = readers(session, search=search, newsletter_id=newsletter_id, state=state, cursor=cursor)
        newsletters = all_newsletters(session)
    return render_template(
        "desk/readers/list.html",
        page=page,
        newsletters=newsletters,
        names={newsletter.id: newsletter.name for newsletter in newsletters},
        states=STATES,
        search=search,
        newsletter_id=newsletter_id,
        state=state,
        is_first=cursor is None,
    )


@blueprint.get("/readers/<int:reader_id>")
@editors_only
def reader(reader_id: int) -> str:
    """One person: what they read, and everything that ever passed between us."""
    return reader_page(reader_id)


def reader_page(reader_id: int, **forms: FlaskForm) -> str:
    """The person's page, with the forms of its actions as they were sent."""
    with context.reading() as session:
        shown = person_or_404(session, reader_id)
        happenings = history(session, shown)
        newsletters = {newsletter.id: newsletter for newsletter in all_newsletters(session)}
        done = entries_about(session, "reader", reader_id)
        told = told_words(session, shown.subscriber)
        waiting = [
            (one, words)
            for one in shown.requests
            if one.confirmed_at is None and (words := told_words(session, one))
        ]
    blank = {
        "suppress_form": SuppressForm(formdata=None),
        "lift_form": LiftForm(formdata=None),
        "erase_form": EraseForm(formdata=None),
    }
    return render_template(
        "desk/readers/reader.html",
        person=shown,
        reader=shown.subscriber,
        names={number: newsletter.name for number, newsletter in newsletters.items()},
        zones={number: newsletter.zone for number, newsletter in newsletters.items()},
        lines=[timeline_line(happening) for happening in happenings],
        done=done,
        told=told,
        waiting=waiting,
        **{**blank, **forms},
    )


def person_or_404(session: Session, reader_id: int) -> Person:
    """The reader of that number."""
    found = person(session, reader_id)
    if found is None:
        abort(404)
    return found


def _state(value: str) -> SubscriptionState | None:
    return SubscriptionState(value) if value in STATES else None
