"""Group commit: what several threads write at one moment goes to the disk together, with one wait for it.

On SQLite one writes at a time, and each durable commit waits for the disk. Whoever has the turn here does
the work of all who wait as well, each between a savepoint of its own, so that one's error undoes nothing of
another's. Nobody is answered before the commit that holds their work.
"""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

T = TypeVar("T")
Begin = Callable[[], AbstractContextManager[Session]]
MOST: Final = 32  # in one transaction: others wait for the file meanwhile


class _Job(Generic[T]):
    """One thread's work and what came of it."""

    def __init__(self, act: Callable[[Session], T]) -> None:
        self.act = act
        self.result: T | None = None
        self.error: BaseException | None = None
        self.is_over = False

    def do(self, session: Session) -> None:
        self.result = self.act(session)

    def told(self) -> T:
        if self.error is not None:
            raise self.error
        return cast(T, self.result)


class GroupCommit:
    """Of one database. Safe to share between threads."""

    def __init__(self, begin: Begin) -> None:
        """``begin`` gives a transaction that is committed at its end, or undone by an error."""
        self._begin = begin
        self._waiting: deque[_Job[Any]] = deque()
        self._turn = Lock()

    def run(self, act: Callable[[Session], T]) -> T:
        """Do ``act``, perhaps in another thread, and return its result once it is committed.

        Raises what ``act`` raises, and nothing of it is written then; or why nothing could be committed.
        """
        job = _Job(act)
        self._waiting.append(job)
        with self._turn:
            if not job.is_over:
                self._lead(job)
        return job.told()

    def _lead(self, own: _Job[Any]) -> None:
        """Do everything that waits, one's own among it."""
        jobs = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        while own not in jobs:  # more than one group waited
            self._do(jobs)
            jobs = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        self._do(jobs)

    def _do(self, jobs: list[_Job[Any]]) -> None:
        try:
            if len(jobs) == 1 or not self._has_done_together(jobs):
                for job in jobs:
                    self._do_alone(job)
        except BaseException as error:
            for job in jobs:
                job.error = job.error or error
            raise
        finally:
            for job in jobs:
                job.is_over = True

    def _do_alone(self, job: _Job[Any]) -> None:
        try:
            with self._begin() as session:
                job.do(session)
        except Exception as error:  # noqa: BLE001  (raised again in the thread whose work it is)
            job.error = error

    def _has_done_together(self, jobs: list[_Job[Any]]) -> bool:
        """Whether all of them are settled: not where the database refused something in the middle.

        It may have undone all that came before, so everybody's work is then done again alone.
        """
        is_amid = False
        try:
            with self._begin() as session:
                for job in jobs:
                    is_amid = True
                    try:
                        with session.begin_nested():
                            job.do(session)
                    except SQLAlchemyError:
                        raise
                    except Exception as error:  # noqa: BLE001  (as above)
                        job.error = error
                    is_amid = False
        except SQLAlchemyError as error:
            for job in jobs:
                job.error = None if is_amid else error
            return not is_amid
        return True
