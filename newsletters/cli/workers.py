"""``workers``: who is there, as lines for a terminal."""

from datetime import datetime, timedelta

from newsletters.kernel.roster import Kind
from newsletters.reports.crew import Member, crew
from newsletters.runtime import Runtime

HEADINGS = ("machine", "runs", "code", "running for", "last seen", "sends issue")
NOBODY = "No worker is running. Start one with: python -m newsletters.cli worker"


def lines(runtime: Runtime) -> list[str]:
    """A line for each process heard of lately, under headings; one sentence where no worker is."""
    now = runtime.clock.now()
    with runtime.db.reading() as session:
        members = crew(session, now=now)
    missing = [] if any(member.kind is Kind.WORKER for member in members) else [NOBODY]
    if not members:
        return missing
    rows = [HEADINGS, *(_row(member, now) for member in members)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return missing + [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(member: Member, now: datetime) -> tuple[str, ...]:
    seen = _length(now - member.seen_at)
    return (
        member.host,
        member.kind.value,
        member.version,
        _length(now - member.started_at),
        f"{seen} ago, silent" if member.is_silent else f"{seen} ago",
        ", ".join(str(issue_id) for issue_id in member.issue_ids) or "-",
    )


def _length(time: timedelta) -> str:
    """A length of time in its largest unit that is not zero."""
    seconds = max(0, int(time.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
