"""Forms for other sites that an editor has made: what may be said about one, and keeping it.

All problems are found at once. A question's key belongs to one kind of answer, whichever form asks it, so
that answers from several forms can stand in one column. Deleting a form leaves what readers told in it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.accounts import audit
from newsletters.accounts.models import Editor
from newsletters.kernel.errors import DomainError
from newsletters.kernel.i18n import LANGUAGES
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.publishing.palette import ACCENTS
from newsletters.subscribers.form_fields import (
    KEY,
    LONGEST_KEY,
    LONGEST_LABEL,
    MOST_FIELDS,
    MOST_OPTIONS,
    NAME_KEY,
    Field,
    FieldKind,
)
from newsletters.subscribers.form_models import ReaderField, SavedForm

LONGEST_NAME: Final = 120
LONGEST_BUTTON: Final = 40
MOST_ORIGINS: Final = 50
LEAST_OPTIONS: Final = 2
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Problem(StrEnum):
    """What is wrong with a form."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    TAKEN = "taken"
    UNKNOWN = "unknown"
    NO_NEWSLETTER = "no_newsletter"
    BAD_ORIGIN = "bad_origin"
    TOO_MANY = "too_many"
    BAD_KEY = "bad_key"
    KEY_TWICE = "key_twice"
    OTHER_KIND = "other_kind"
    NO_LABEL = "no_label"
    FEW_OPTIONS = "few_options"


class FormRefused(DomainError):
    """The form cannot be kept; ``problems`` by its parts, a question's under ``field-<place>``."""

    def __init__(self, problems: dict[str, Problem]) -> None:
        super().__init__(", ".join(f"{part}: {problem}" for part, problem in problems.items()))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Offered:
    """One newsletter on a form; the newest wording where none is named."""

    newsletter_id: int
    is_ticked: bool = False
    wording_id: int | None = None


@dataclass(frozen=True, slots=True)
class FormMade:
    """What an editor says about a form. ``origins`` as typed."""

    name: str
    language: str
    offered: tuple[Offered, ...]
    button: str = ""
    accent: str = ""
    fields: tuple[Field, ...] = ()
    origins: tuple[str, ...] = ()


def all_forms(session: Session) -> Sequence[SavedForm]:
    """Every form, by name."""
    return session.scalars(select(SavedForm).order_by(SavedForm.name)).all()


def save(
    session: Session, made: FormMade, *, form_id: int | None = None, actor: Editor, now: datetime
) -> SavedForm:
    """Keep a new form, or another version of one. Raises FormRefused."""
    problems = _problems(session, made, form_id)
    if problems:
        raise FormRefused(problems)
    row = session.get_one(SavedForm, form_id) if form_id else SavedForm(created_at=now)
    row.name, row.language, row.button, row.accent = made.name, made.language, made.button, made.accent
    row.newsletters = [
        {"id": one.newsletter_id, "is_ticked": one.is_ticked, "wording_id": one.wording_id}
        for one in made.offered
    ]
    row.fields = [field.as_json() for field in made.fields]
    row.origins = list(dict.fromkeys(origin for typed in made.origins if (origin := origin_of(typed))))
    row.changed_at, row.changed_by_id = now, actor.id
    session.add(row)
    _learn(session, made.fields)
    session.flush()
    audit.record(session, actor, "form.saved", subject="form", subject_id=row.id, detail=row.name, now=now)
    return row


def delete(session: Session, form: SavedForm, *, actor: Editor, now: datetime) -> None:
    """Take a form off the list. Its code keeps signing readers up, as any form does."""
    audit.record(
        session, actor, "form.deleted", subject="form", subject_id=form.id, detail=form.name, now=now
    )
    session.delete(form)


def origin_of(typed: str) -> str:
    """The origin (RFC 6454) of what was typed, as browsers say it; empty where it names no site."""
    address = typed.strip().rstrip("/")
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:  # UnicodeError is one
        return ""
    is_plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in DEFAULT_PORTS or not is_plain or not _is_host(host):
        return ""
    tail = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{tail}"


def _is_host(host: str) -> bool:
    labels = host.split(".")
    return all(label and label.replace("-", "").isalnum() and label.isascii() for label in labels)


def _learn(session: Session, fields: Sequence[Field]) -> None:
    for field in fields:
        if field.kind is FieldKind.NAME:
            continue  # it has a column of its own everywhere
        row = session.get(ReaderField, field.key) or ReaderField(key=field.key)
        row.learn(field)
        session.add(row)


def _problems(session: Session, made: FormMade, form_id: int | None) -> dict[str, Problem]:
    problems: dict[str, Problem] = {}
    if not made.name:
        problems["name"] = Problem.EMPTY
    elif len(made.name) > LONGEST_NAME:
        problems["name"] = Problem.TOO_LONG
    elif session.scalar(select(SavedForm.id).where(SavedForm.name == made.name)) not in (None, form_id):
        problems["name"] = Problem.TAKEN
    if len(made.button) > LONGEST_BUTTON:
        problems["button"] = Problem.TOO_LONG
    if made.language not in LANGUAGES:
        problems["language"] = Problem.UNKNOWN
    if made.accent and made.accent not in ACCENTS:
        problems["accent"] = Problem.UNKNOWN
    if len(made.origins) > MOST_ORIGINS:
        problems["origins"] = Problem.TOO_MANY
    elif not all(origin_of(typed) for typed in made.origins):
        problems["origins"] = Problem.BAD_ORIGIN
    if not _are_open(session, made.offered):
        problems["newsletters"] = Problem.NO_NEWSLETTER
    elif not _are_of_them(session, made.offered):
        problems["newsletters"] = Problem.UNKNOWN
    return problems | _field_problems(session, made.fields)


def _are_open(session: Session, offered: Sequence[Offered]) -> bool:
    numbers = {one.newsletter_id for one in offered}
    found = select(Newsletter.id).where(Newsletter.id.in_(numbers))
    return bool(numbers) and set(session.scalars(found)) == numbers


def _are_of_them(session: Session, offered: Sequence[Offered]) -> bool:
    """Whether each wording is one of its newsletter's."""
    named = {(one.wording_id, one.newsletter_id) for one in offered if one.wording_id}
    rows = session.execute(
        select(OptInWording.id, OptInWording.newsletter_id).where(
            OptInWording.id.in_([number for number, _ in named])
        )
    )
    return {(number, newsletter_id) for number, newsletter_id in rows} == named


def _field_problems(session: Session, fields: Sequence[Field]) -> dict[str, Problem]:
    if len(fields) > MOST_FIELDS:
        return {"form": Problem.TOO_MANY}
    times = Counter(field.key for field in fields)
    kinds = dict(session.execute(select(ReaderField.key, ReaderField.kind)).all())
    return {
        f"field-{place}": problem
        for place, field in enumerate(fields)
        if (problem := _field_problem(field, times[field.key], kinds.get(field.key, field.kind)))
    }


def _field_problem(field: Field, times: int, known_kind: str) -> Problem | None:
    options = [option.value for option in field.options]
    checks = (
        (Problem.NO_LABEL, not any(field.labels.values())),
        (Problem.TOO_LONG, any(len(label) > LONGEST_LABEL for label in (*field.labels.values(), *options))),
        (Problem.BAD_KEY, not KEY.fullmatch(field.key) or len(field.key) > LONGEST_KEY),
        (Problem.BAD_KEY, (field.key == NAME_KEY) is not (field.kind is FieldKind.NAME)),
        (Problem.KEY_TWICE, times > 1),
        (Problem.OTHER_KIND, known_kind != field.kind),
        (
            Problem.FEW_OPTIONS,
            field.kind is FieldKind.CHOICE and len(set(options)) < max(LEAST_OPTIONS, len(options)),
        ),
        (Problem.TOO_MANY, len(options) > MOST_OPTIONS),
    )
    return next((problem for problem, is_so in checks if is_so), None)
