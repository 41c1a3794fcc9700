"""How often the periodic table ran, by the rows that every worker takes its turns from."""

from sqlalchemy import select

from newsletters.kernel.db import Database
from newsletters.kernel.turns import Turn
from newsletters.tasks.periodic import TABLE


def turns_too_many(db: Database, *, elapsed_seconds: float) -> int:
    """How many runs there were beyond one in each interval since the first worker began."""
    allowed = {entry.name: 1 + int(elapsed_seconds // entry.every_seconds) for entry in TABLE}
    with db.reading() as session:
        begun = dict(session.execute(select(Turn.name, Turn.fence)).all())
    assert begun.keys() == allowed.keys(), "housekeeping that never ran"
    return sum(max(0, begun[name] - allowed[name]) for name in allowed)
