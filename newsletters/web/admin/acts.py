"""What editors do at the desk, for the audit log: written in the transaction that does it."""

from sqlalchemy.orm import Session

from newsletters import context
from newsletters.accounts import audit
from newsletters.web.admin.access import current_editor


def record_act(
    session: Session, action: str, subject: str, subject_id: int | None = None, *, detail: str = ""
) -> None:
    """Note that whoever is signed in does ``action`` now, and to what."""
    audit.record(
        session,
        current_editor(),
        action,
        now=context.now(),
        subject=subject,
        subject_id=subject_id,
        detail=detail,
    )
