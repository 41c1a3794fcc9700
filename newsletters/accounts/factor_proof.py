"""Whether what was typed is the second factor: a code of the app, or a recovery code.

In two parts, because hashing is slow: ``read_proof`` looks without a transaction, ``claim`` uses it up inside
one. A code of the app is good once (RFC 6238 section 5.2): the step it came from is remembered, and that one
and all before it are spent.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletters.accounts import audit, factor_mail, recovery
from newsletters.accounts.factor_models import SecondFactor
from newsletters.accounts.invitations import Letterhead
from newsletters.accounts.models import Editor
from newsletters.kernel import totp
from newsletters.kernel.sealing import SealBroken, Sealer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proof:
    """Something that would do, if it has not been used: a step of the app, or the hash of a recovery code."""

    step: int | None = None
    code_hash: str = ""


def about(editor_id: int) -> str:
    """What a sealed secret of an editor is bound to."""
    return f"second factor of editor {editor_id}"


def read_proof(factor: SecondFactor | None, typed: str, *, sealer: Sealer, now: datetime) -> Proof | None:
    """What was typed, if it has the look of the right thing."""
    digits = "".join(typed.split())
    if factor is None or factor.secret is None:
        return None
    if len(digits) == totp.DIGITS and digits.isascii() and digits.isdigit():
        return _of_the_app(factor, factor.secret, digits, sealer=sealer, now=now)
    code = recovery.as_code(typed)
    if code is None or not factor.recovery_salt:
        return None
    return Proof(code_hash=recovery.hashed(code, factor.recovery_salt))


def claim(
    session: Session,
    editor: Editor,
    proof: Proof | None,
    *,
    letterhead: Letterhead,
    sealer: Sealer,
    now: datetime,
) -> bool:
    """Use ``proof`` up and say whether it was good. Whoever used a recovery code is told by mail."""
    if proof is None:
        return False
    if proof.step is not None:
        return _claim_step(session, editor, proof.step, sealer=sealer)
    if not recovery.use(session, editor.id, proof.code_hash, now=now):
        return False
    left = recovery.left(session, editor.id)
    audit.record(
        session,
        editor,
        "editor.recovery_code_used",
        now=now,
        subject="editor",
        subject_id=editor.id,
        detail=str(left),
    )
    factor_mail.tell(session, editor, "recovery_used", letterhead=letterhead, now=now, left=left)
    return True


def _of_the_app(
    factor: SecondFactor, sealed: str, digits: str, *, sealer: Sealer, now: datetime
) -> Proof | None:
    try:
        secret = sealer.open(sealed, about=about(factor.editor_id))
    except SealBroken:
        log.error("no secret key opens the second factor of editor %d", factor.editor_id)
        return None
    step = totp.matching_step(secret, digits, now=now)
    return None if step is None else Proof(step=step)


def _claim_step(session: Session, editor: Editor, step: int, *, sealer: Sealer) -> bool:
    """One of two who type the same code at once gets in."""
    fresh = (SecondFactor.editor_id == editor.id, SecondFactor.last_step < step)
    claimed = session.scalars(
        update(SecondFactor).where(*fresh).values(last_step=step).returning(SecondFactor.secret)
    )
    sealed = claimed.first()
    if sealed is None:
        return False
    if sealer.is_outdated(sealed, about=about(editor.id)):
        factor = session.get_one(SecondFactor, editor.id)
        factor.secret = sealer.seal(sealer.open(sealed, about=about(editor.id)), about=about(editor.id))
    return True
