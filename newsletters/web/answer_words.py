"""What readers told in forms, in words: for the desk and for the readers themselves."""

from datetime import date

from flask_babel import format_date, get_locale
from sqlalchemy.orm import Session

from newsletters.subscribers import answers
from newsletters.subscribers.form_fields import Answer, Field, FieldKind, shown
from newsletters.subscribers.models import SignupRequest, Subscriber
from newsletters.web.tongue import _


def told_words(session: Session, person: Subscriber | SignupRequest) -> list[tuple[str, str]]:
    """Each question and its answer in the page's language; what no form knows any more, by its key."""
    known = answers.told(session, person)
    named = {field.key for field, _answer in known}
    lost = [(key, str(answer)) for key, answer in person.fields.items() if key not in named]
    return [*((field.label(_language()), answer_words(field, answer)) for field, answer in known), *lost]


def answer_words(field: Field, answer: Answer) -> str:
    """One answer in the language of the page."""
    if isinstance(answer, bool):
        return _("Yes") if answer else _("No")
    if field.kind is FieldKind.DATE:
        return str(format_date(date.fromisoformat(answer), "long"))
    return shown(field, answer, _language())


def _language() -> str:
    return str(get_locale())
