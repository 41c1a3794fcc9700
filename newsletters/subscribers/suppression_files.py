"""The suppression list as a file: hashes out, addresses or hashes in.

What goes out names nobody without the key of the hashes; what comes in may be a list of addresses from
another system, or such an export. Nothing that is in force becomes weaker by it, and what an editor lifted
comes back only if the file says so.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, TextIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.kernel.digests import Digester
from newsletters.subscribers.suppression import EVERYTHING, suppress
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason

PIECE: Final = 500
LONGEST_LINE: Final = 2000
COLUMNS: Final = ("address_hash", "scope", "reason", "actor", "since")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of a file."""

    address_hash: str
    scope: str
    reason: SuppressionReason


@dataclass(slots=True)
class Imported:
    """What a file came to."""

    read: int = 0
    added: int = 0
    unreadable: int = 0


def write_list(session: Session, file: TextIO) -> int:
    """Write every entry in force and say how many there were."""
    out = csv.writer(file)
    out.writerow(COLUMNS)
    written, after = 0, 0
    while rows := _piece(session, after):
        for row in rows:
            out.writerow(
                (row.address_hash, row.scope, row.reason.value, row.actor, row.created_at.isoformat())
            )
        written, after = written + len(rows), rows[-1].id
    return written


def read_list(file: Iterable[str], digester: Digester, counted: Imported) -> Iterator[list[Wanted]]:
    """The lines of a file in pieces; what is no address is counted and left out."""
    lines = _wanted(file, digester, counted)
    while piece := list(islice(lines, PIECE)):
        yield piece


def add_piece(session: Session, piece: Sequence[Wanted], *, detail: str, actor: str, now: datetime) -> int:
    """Put one piece on the list and say how many were new to it. Idempotent."""
    known = session.execute(
        select(Suppression.address_hash, Suppression.scope).where(
            Suppression.address_hash.in_([one.address_hash for one in piece]), Suppression.lifted_at.is_(None)
        )
    )
    in_force = {(address_hash, scope) for address_hash, scope in known}
    new = {
        (one.address_hash, one.scope): one for one in piece if (one.address_hash, one.scope) not in in_force
    }
    for one in new.values():
        suppress(
            session,
            address_hash=one.address_hash,
            reason=one.reason,
            scope=one.scope,
            detail=detail,
            actor=actor,
            now=now,
        )
    return len(new)


def _piece(session: Session, after: int) -> Sequence[Suppression]:
    return session.scalars(
        select(Suppression)
        .where(Suppression.id > after, Suppression.lifted_at.is_(None))
        .order_by(Suppression.id)
        .limit(PIECE)
        .execution_options(populate_existing=True)
    ).all()


def _wanted(file: Iterable[str], digester: Digester, counted: Imported) -> Iterator[Wanted]:
    """A head line is recognised by holding neither an address nor a hash."""
    for row in csv.reader(line[:LONGEST_LINE].replace("\0", "") for line in file):
        cells = [cell.strip().removeprefix("\ufeff") for cell in row]
        if not any(cells):
            continue
        counted.read += 1
        found = _understood(cells, digester)
        if found is not None:
            yield found
        elif counted.read == 1:
            counted.read = 0
        else:
            counted.unreadable += 1


def _understood(cells: Sequence[str], digester: Digester) -> Wanted | None:
    if _HASH.fullmatch(cells[0]):
        return Wanted(cells[0], *_scope_and_reason(cells))
    for cell in cells:
        if "@" not in cell:
            continue
        try:
            return Wanted(digester.address(parse_address(cell).key), EVERYTHING, SuppressionReason.EDITOR)
        except InvalidAddress:
            continue
    return None


def _scope_and_reason(cells: Sequence[str]) -> tuple[str, SuppressionReason]:
    """As an export of ours says; for a bare hash, everything and an editor's decision."""
    scope = cells[1] if len(cells) > 1 and re.fullmatch(r"all|newsletter:\d{1,18}", cells[1]) else EVERYTHING
    known = {reason.value: reason for reason in SuppressionReason}
    return scope, known.get(cells[2] if len(cells) > 2 else "", SuppressionReason.EDITOR)
