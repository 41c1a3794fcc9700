"""What the database is asked to do while something happens."""

from collections.abc import Callable

from sqlalchemy import Connection, event

from newsletters.kernel.db import Database


def statements_of(db: Database, act: Callable[[], object]) -> list[str]:
    """The statements that ``act`` runs, in order, without their values."""
    asked: list[str] = []

    def note(_c: Connection, _k: object, statement: str, _v: object, _x: object, _m: bool) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return asked
