"""What editors are told by mail of their second factor: all that happens to it, so that nothing is unseen."""

from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.accounts.invitations import Letterhead
from newsletters.accounts.models import Editor
from newsletters.mail.outbox import QueuedMail, queue


def tell(
    session: Session,
    editor: Editor,
    event: str,
    *,
    letterhead: Letterhead,
    now: datetime,
    left: int = 0,
    by: str = "",
) -> None:
    """Queue the mail; ``event`` is one that templates/mail/second_factor/what.txt has words for."""
    params = {
        "event": event,
        "left": left,
        "by": by,
        "newsroom": letterhead.newsroom,
        "url": letterhead.urls.second_factor(),
    }
    queue(session, QueuedMail("second_factor", editor.email, letterhead.language, params), now=now)
