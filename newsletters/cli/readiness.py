"""Before a program starts: is the database there and of this version, and does the engine answer?

What stands in the way is one line. An engine that is away stands in nobody's way: it is said, and the
program starts all the same.
"""

from sqlalchemy.exc import SQLAlchemyError

from newsletters.migrations import is_behind
from newsletters.runtime import EngineAway, Runtime


class NotReady(Exception):
    """Why a program cannot start; the message is one line that says what to do."""


def check(runtime: Runtime) -> None:
    """Raises NotReady where the database does not answer or was not migrated."""
    try:
        behind = is_behind(runtime.db.engine)
    except SQLAlchemyError as error:
        raise NotReady(f"DATABASE_URL: {str(error).splitlines()[0]}") from error
    if behind:
        raise NotReady("the database is older than this code; run first: python -m newsletters.cli migrate")


def engine_trouble(runtime: Runtime) -> str | None:
    """What is to be said of the engine, in one line; None where it is well."""
    try:
        runtime.engine.ping()
    except EngineAway as error:
        return f"ENGINE_URL: {error}. Mail leaves all the same, up to a second later."
    return None
