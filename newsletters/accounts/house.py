"""What owners decide for everybody at the desk.

A rule takes hold of a session that begins after it: nobody who is writing right now is thrown out of their
draft, and whoever signs in next does what it asks before anything else.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.accounts import audit
from newsletters.accounts.errors import OwnFactorFirst
from newsletters.accounts.factor_models import HouseRules
from newsletters.accounts.models import Editor

_ONLY_ROW = 1


def factor_required_at(session: Session) -> datetime | None:
    """Since when everybody needs a second factor, None when nobody does."""
    rules = session.get(HouseRules, _ONLY_ROW)
    return rules.second_factor_required_at if rules else None


def owes_factor(session: Session, editor: Editor, *, signed_in_at: datetime) -> bool:
    """Whether an editor must set a second factor up before anything else."""
    if editor.has_second_factor:
        return False
    since = factor_required_at(session)
    return since is not None and signed_in_at >= since


def require_factor(session: Session, *, is_required: bool, actor: Editor, now: datetime) -> None:
    """Want a second factor of everybody, or leave it to each. Raises OwnFactorFirst."""
    if is_required and not actor.has_second_factor:
        raise OwnFactorFirst
    rules = session.get(HouseRules, _ONLY_ROW, with_for_update=True)
    if rules is None:
        rules = HouseRules(id=_ONLY_ROW)
        session.add(rules)
    if is_required == (rules.second_factor_required_at is not None):
        return
    rules.second_factor_required_at = now if is_required else None
    action = "editor.factor_required" if is_required else "editor.factor_left_to_each"
    audit.record(session, actor, action, now=now)
