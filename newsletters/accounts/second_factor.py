"""A second factor for editors: codes of an app (RFC 6238), turned on by a first code, off by the last.

The secret is sealed with the application's key and leaves us once, on the page that offers it. Every change
is written down, mailed to its editor, and signs out their other browsers (OWASP ASVS 5.0, 7.4.3). A new
password changes nothing here. Doors ask for the password and a code before they call what takes less of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from newsletters.accounts import audit, factor_mail, house, recovery, sessions
from newsletters.accounts.errors import FactorRequired, NothingOffered, WrongCode
from newsletters.accounts.factor_models import SecondFactor
from newsletters.accounts.factor_proof import about
from newsletters.accounts.invitations import Letterhead
from newsletters.accounts.models import Editor
from newsletters.accounts.recovery import Sheet
from newsletters.kernel import totp
from newsletters.kernel.sealing import SealBroken, Sealer

OFFER_IS_GOOD_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody changes their own second factor, in the session that goes on."""

    letterhead: Letterhead
    keep_session: str
    now: datetime


def offer(session: Session, editor: Editor, *, sealer: Sealer, now: datetime) -> None:
    """Make a secret for an app to take up. The present one stays until the new one is confirmed."""
    factor = session.get(SecondFactor, editor.id)
    if factor is None:
        factor = SecondFactor(editor_id=editor.id)
        session.add(factor)
    factor.offered = sealer.seal(totp.new_secret(), about=about(editor.id))
    factor.offered_at = now


def offered(session: Session, editor: Editor, *, sealer: Sealer, now: datetime) -> bytes | None:
    """The secret that waits to be confirmed, None when there is none or it has waited too long."""
    factor = session.get(SecondFactor, editor.id)
    if factor is None or factor.offered is None or factor.offered_at is None:
        return None
    if now >= factor.offered_at + OFFER_IS_GOOD_FOR:
        return None
    try:
        return sealer.open(factor.offered, about=about(editor.id))
    except SealBroken:
        return None


def withdraw_offer(session: Session, editor: Editor) -> None:
    """Forget a secret that waits to be confirmed."""
    factor = session.get(SecondFactor, editor.id)
    if factor is not None:
        factor.offered = factor.offered_at = None


def turn_on(
    session: Session, editor: Editor, typed: str, *, sheet: Sheet, sealer: Sealer, change: Change
) -> None:
    """Take up the offered secret, which ``typed`` proves to be in the app, and a sheet of recovery codes.

    Raises NothingOffered or WrongCode.
    """
    secret = offered(session, editor, sealer=sealer, now=change.now)
    if secret is None:
        raise NothingOffered
    step = totp.matching_step(secret, "".join(typed.split()), now=change.now)
    if step is None:
        raise WrongCode
    factor = session.get_one(SecondFactor, editor.id)
    factor.secret, factor.last_step = sealer.seal(secret, about=about(editor.id)), step
    factor.offered = factor.offered_at = None
    recovery.keep(session, factor, sheet)
    event = "replaced" if editor.has_second_factor else "on"
    editor.second_factor_at = change.now
    _changed(session, editor, event, change)


def turn_off(session: Session, editor: Editor, *, change: Change) -> None:
    """Let the password do again. Raises FactorRequired."""
    if house.factor_required_at(session) is not None:
        raise FactorRequired
    _forget(session, editor)
    _changed(session, editor, "off", change)


def renew_codes(session: Session, editor: Editor, *, sheet: Sheet, change: Change) -> None:
    """Give out a new sheet; the old one is worth nothing."""
    recovery.keep(session, session.get_one(SecondFactor, editor.id), sheet)
    _changed(session, editor, "codes", change)


def reset(
    session: Session, editor: Editor, *, actor: Editor | str, letterhead: Letterhead, now: datetime
) -> bool:
    """Take the second factor from somebody who lost it and sign them out; False when there was none."""
    if not editor.has_second_factor:
        return False
    _forget(session, editor)
    sessions.close_all(session, editor)
    audit.record(session, actor, "editor.factor_reset", now=now, subject="editor", subject_id=editor.id)
    by = actor.name if isinstance(actor, Editor) else ""
    factor_mail.tell(session, editor, "reset", letterhead=letterhead, now=now, by=by)
    return True


def _forget(session: Session, editor: Editor) -> None:
    factor = session.get(SecondFactor, editor.id)
    if factor is not None:
        session.delete(factor)
    recovery.forget(session, editor.id)
    editor.second_factor_at = None


def _changed(session: Session, editor: Editor, event: str, change: Change) -> None:
    sessions.close_all(session, editor, but=change.keep_session)
    audit.record(
        session, editor, f"editor.factor_{event}", now=change.now, subject="editor", subject_id=editor.id
    )
    factor_mail.tell(
        session,
        editor,
        event,
        letterhead=change.letterhead,
        now=change.now,
        left=recovery.left(session, editor.id),
    )
