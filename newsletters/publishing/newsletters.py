"""Newsletters as their owners look after them: founded, edited, given new words, retired and restored.

What is wrong with the fields is said for all of them at once. An address that readers or search engines
may hold is not changed any more once an issue stands in the archive. Opt-in wordings are only ever added:
each reader's consent points at the version they saw (GDPR Art. 7(1)).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from newsletters.accounts import audit
from newsletters.accounts.models import Editor
from newsletters.publishing.archive import latest_issue
from newsletters.publishing.models import Newsletter, OptInWording, Picture
from newsletters.publishing.newsletter_fields import (
    SLUG,
    NewsletterFields,
    NewsletterRefused,
    Problem,
    WordingFields,
    problems_of,
    problems_of_wording,
)


def create(
    session: Session, given: NewsletterFields, *, wording: WordingFields, actor: Editor | str, now: datetime
) -> Newsletter:
    """Found a newsletter with its first opt-in wording. Raises NewsletterRefused."""
    newsletter = Newsletter(created_at=now)
    _check(session, newsletter, given)
    _check_wording(wording)
    _fill(newsletter, given)
    session.add(newsletter)
    session.flush()
    _log(session, newsletter, "newsletter.created", actor=actor, now=now)
    add_wording(session, newsletter, wording, actor=actor, now=now)
    return newsletter


def edit(
    session: Session, newsletter: Newsletter, given: NewsletterFields, *, actor: Editor | str, now: datetime
) -> None:
    """Change what is said about a newsletter. Raises NewsletterRefused."""
    _check(session, newsletter, given)
    changed = _fill(newsletter, given)
    if changed:
        _log(session, newsletter, "newsletter.edited", actor=actor, now=now, detail=", ".join(changed))


def add_wording(
    session: Session, newsletter: Newsletter, wording: WordingFields, *, actor: Editor | str, now: datetime
) -> OptInWording:
    """Add the next version of the opt-in words; unchanged words make none. Raises NewsletterRefused."""
    _check_wording(wording)
    last = session.scalar(_wordings(newsletter.id).limit(1))
    if last is not None and wording == WordingFields(last.consent_text, last.mail_subject, last.mail_intro):
        return last
    added = OptInWording(
        newsletter_id=newsletter.id,
        version=last.version + 1 if last else 1,
        created_at=now,
        created_by_id=actor.id if isinstance(actor, Editor) else None,
        **asdict(wording),
    )
    session.add(added)
    session.flush()
    _log(session, newsletter, "newsletter.reworded", actor=actor, now=now, detail=f"version {added.version}")
    return added


def current_wording(session: Session, newsletter_id: int) -> OptInWording:
    """The version that forms show now."""
    return session.scalars(_wordings(newsletter_id).limit(1)).one()


def wordings(session: Session, newsletter_id: int) -> Sequence[OptInWording]:
    """All versions, newest first."""
    return session.scalars(_wordings(newsletter_id)).all()


def all_newsletters(session: Session) -> Sequence[Newsletter]:
    """Every newsletter, retired ones last."""
    order = (Newsletter.retired_at.is_not(None), Newsletter.position, Newsletter.name, Newsletter.id)
    return session.scalars(select(Newsletter).order_by(*order)).all()


def set_logo(
    session: Session, newsletter: Newsletter, picture: Picture | None, *, actor: Editor | str, now: datetime
) -> None:
    """Put a picture at the head of the newsletter's layout, or take it away."""
    newsletter.logo_id = picture.id if picture else None
    _log(session, newsletter, "newsletter.edited", actor=actor, now=now, detail="logo")


def retire(session: Session, newsletter: Newsletter, *, actor: Editor | str, now: datetime) -> None:
    """Close its forms; readers, archive and every way to unsubscribe stay. Twice is not an error."""
    if newsletter.retired_at is None:
        newsletter.retired_at = now
        _log(session, newsletter, "newsletter.retired", actor=actor, now=now)


def restore(session: Session, newsletter: Newsletter, *, actor: Editor | str, now: datetime) -> None:
    """Open it again, with the readers it had."""
    if newsletter.retired_at is not None:
        newsletter.retired_at = None
        _log(session, newsletter, "newsletter.restored", actor=actor, now=now)


def slug_is_fixed(session: Session, newsletter: Newsletter) -> bool:
    """Whether links to it may be out in the world already."""
    return newsletter.id is not None and latest_issue(session, newsletter.id) is not None


def day_in_zone(newsletter: Newsletter) -> date | None:
    """The day of the next issue where the newsletter lives."""
    moment = newsletter.next_issue_on
    return moment.astimezone(ZoneInfo(newsletter.timezone)).date() if moment else None


def _wordings(newsletter_id: int) -> Select[OptInWording]:
    return (
        select(OptInWording)
        .where(OptInWording.newsletter_id == newsletter_id)
        .order_by(OptInWording.version.desc())
    )


def _check(session: Session, newsletter: Newsletter, given: NewsletterFields) -> None:
    problems = problems_of(given)
    if "slug" not in problems and given.slug != newsletter.slug:
        slug = _slug_problem(session, newsletter, given.slug)
        problems |= {"slug": slug} if slug else {}
    if problems:
        raise NewsletterRefused(problems)


def _check_wording(wording: WordingFields) -> None:
    problems = problems_of_wording(wording)
    if problems:
        raise NewsletterRefused(problems)


def _slug_problem(session: Session, newsletter: Newsletter, slug: str) -> Problem | None:
    if not SLUG.fullmatch(slug):
        return Problem.BAD_SLUG
    if slug_is_fixed(session, newsletter):
        return Problem.FIXED
    taken = session.scalar(select(Newsletter.id).where(Newsletter.slug == slug))
    return Problem.TAKEN if taken not in (None, newsletter.id) else None


def _fill(newsletter: Newsletter, given: NewsletterFields) -> list[str]:
    """Set every field and name those that changed."""
    values = asdict(given)
    values["name"] = given.name.strip()
    values["sender_name"] = given.sender_name.strip() or values["name"]
    values["next_issue_on"] = _moment(newsletter, given)
    changed = [name for name, value in values.items() if getattr(newsletter, name) != value]
    for name in changed:
        setattr(newsletter, name, values[name])
    return changed


def _moment(newsletter: Newsletter, given: NewsletterFields) -> datetime | None:
    """Noon of the day in the newsletter's zone, which is the same day in nearly every other; a moment that
    is on that day already stays as it is.
    """
    if given.next_issue_on is None:
        return None
    zone = ZoneInfo(given.timezone)
    kept = newsletter.next_issue_on
    if kept is not None and kept.astimezone(zone).date() == given.next_issue_on:
        return kept
    return datetime.combine(given.next_issue_on, time(12), zone).astimezone(UTC)


def _log(
    session: Session,
    newsletter: Newsletter,
    action: str,
    *,
    actor: Editor | str,
    now: datetime,
    detail: str = "",
) -> None:
    audit.record(
        session, actor, action, now=now, subject="newsletter", subject_id=newsletter.id, detail=detail
    )
