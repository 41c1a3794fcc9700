"""The declarative base and the column types every slice shares.

Times are aware UTC on both databases: SQLite keeps no zone, so it is taken off on the way in and put
back on the way out, and a naive value is refused rather than guessed at.
"""

from datetime import UTC, datetime
from enum import Enum as PyEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Enum, Integer, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The root of every mapped class; its metadata is complete once ``newsletters.schema`` is imported."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime. Raises ValueError for a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def choice(values: type[PyEnum], name: str, *, is_checked: bool = True) -> Enum:
    """A column type that stores an enum's values as text under a CHECK constraint called ``name``.

    ``is_checked=False`` is for a column added to a large table: SQLite would have to write it anew.
    """
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=is_checked,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


# SQLite only numbers rows by itself in an INTEGER primary key; PostgreSQL needs eight bytes.
BigId = BigInteger().with_variant(Integer(), "sqlite")

big_pk = Annotated[int, mapped_column(BigId, primary_key=True, autoincrement=True)]

Json = dict[str, Any]
