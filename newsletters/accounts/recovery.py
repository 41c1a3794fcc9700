"""Recovery codes: what stands in for the app when the phone is gone, each once.

Twelve letters, 59 bits. Stored as passwords are, by argon2id (OWASP ASVS 5.0, 6.5.2); the ten of a sheet
share one salt, so that a typed code is hashed once and not ten times. Hashing takes tens of milliseconds on
purpose: doors do it outside any transaction.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from argon2.low_level import Type, hash_secret_raw
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from newsletters.accounts.factor_models import RecoveryCode, SecondFactor
from newsletters.accounts.passwords import MEMORY_KIB

HOW_MANY = 10
FEW = 3  # time to make new ones
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are mistaken for one another
_GROUPS, _GROUP = 3, 4
PATTERN = re.compile(rf"[{_LETTERS}]{{{_GROUP}}}(-[{_LETTERS}]{{{_GROUP}}}){{{_GROUPS - 1}}}")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Ten codes as they are shown once, and what is kept of them."""

    codes: tuple[str, ...]
    salt: str
    hashes: tuple[str, ...]


def new_sheet() -> Sheet:
    """Ten codes that nobody has seen."""
    salt = secrets.token_hex(16)
    codes = tuple(_new_code() for _ in range(HOW_MANY))
    return Sheet(codes, salt, tuple(hashed(each, salt) for each in codes))


def hashed(code: str, salt: str) -> str:
    """A code as it is stored."""
    raw = hash_secret_raw(
        code.encode(),
        bytes.fromhex(salt),
        time_cost=1,
        memory_cost=MEMORY_KIB,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )
    return raw.hex()


def as_code(typed: str) -> str | None:
    """A recovery code as we write it, however it was typed; None when it is none."""
    letters = re.sub(r"[\s\-‐-―]+", "", typed).lower()
    grouped = "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))
    return grouped if PATTERN.fullmatch(grouped) else None


def keep(session: Session, factor: SecondFactor, sheet: Sheet) -> None:
    """Store a sheet in the place of the one before."""
    forget(session, factor.editor_id)
    factor.recovery_salt = sheet.salt
    session.add_all(RecoveryCode(editor_id=factor.editor_id, code_hash=each) for each in sheet.hashes)
    session.flush()


def forget(session: Session, editor_id: int) -> None:
    """Make every code of an editor worthless."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.editor_id == editor_id))


def use(session: Session, editor_id: int, code_hash: str, *, now: datetime) -> bool:
    """Use up a code; one of two who come at once gets it."""
    unused = (
        RecoveryCode.editor_id == editor_id,
        RecoveryCode.code_hash == code_hash,
        RecoveryCode.used_at.is_(None),
    )
    used = session.scalars(update(RecoveryCode).where(*unused).values(used_at=now).returning(RecoveryCode.id))
    return used.first() is not None


def left(session: Session, editor_id: int) -> int:
    """How many codes an editor still has."""
    unused = (RecoveryCode.editor_id == editor_id, RecoveryCode.used_at.is_(None))
    return session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


def _new_code() -> str:
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)
