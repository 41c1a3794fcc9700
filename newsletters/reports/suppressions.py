"""How the suppression list grew: entries in force by the month they came in, for each reason."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from newsletters.reports.plots import Series
from newsletters.subscribers.suppressed import counts_by_month
from newsletters.subscribers.suppression_models import SuppressionReason

MONTHS = 12
TONES = {
    SuppressionReason.HARD_BOUNCE: "warn",
    SuppressionReason.SOFT_BOUNCES: "info",
    SuppressionReason.COMPLAINT: "bad",
    SuppressionReason.EDITOR: "accent",
    SuppressionReason.ERASED: "neutral",
}


def suppressed_by_month(
    session: Session, *, now: datetime, name: Callable[[str], str], months: int = MONTHS
) -> list[Series]:
    """One series for each reason there was; ``name`` says what people read."""
    begins = _first_days(now, months)
    counted = counts_by_month(session, since=begins[0])
    reasons = [reason for reason in SuppressionReason if any(key[2] is reason for key in counted)]
    return [
        Series(
            name(reason.value),
            [(day, float(counted.get((day.year, day.month, reason), 0))) for day in begins],
            TONES[reason],
        )
        for reason in reasons
    ]


def _first_days(now: datetime, months: int) -> list[datetime]:
    """The first of each month, the oldest first."""
    today = now.astimezone(UTC)
    whole = today.year * 12 + today.month - 1
    return [
        datetime((whole - back) // 12, (whole - back) % 12 + 1, 1, tzinfo=UTC)
        for back in reversed(range(months))
    ]
