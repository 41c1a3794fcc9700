"""Saved sign-up forms, the questions that any of them ever asked, and the crowd that may be at them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, Json, UtcDateTime, big_pk
from newsletters.subscribers.form_fields import Field, from_json

# A form's number stands in pages that we cannot see: SQLite must never give it out a second time.
NEVER_REUSED = {"sqlite_autoincrement": True}


class SavedForm(Base):
    """A form for other sites, as an editor made it.

    ``newsletters`` has one line for each newsletter offered: ``{"id", "is_ticked", "wording_id"}``, the
    wording None for the newest. ``origins`` are the sites that may use the form; none named is all.
    """

    __tablename__ = "saved_forms"
    __table_args__ = NEVER_REUSED

    id: Mapped[big_pk]
    name: Mapped[str] = mapped_column(String(120), unique=True)
    language: Mapped[str] = mapped_column(String(8))
    button: Mapped[str] = mapped_column(String(40), default="")
    accent: Mapped[str] = mapped_column(String(20), default="")
    newsletters: Mapped[list[Json]] = mapped_column(JSON)
    fields: Mapped[list[Json]] = mapped_column(JSON)
    origins: Mapped[list[Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("editors.id"))

    @property
    def asked(self) -> tuple[Field, ...]:
        """The questions of the form, in their order."""
        return tuple(from_json(said) for said in self.fields)


class ReaderField(Base):
    """A question that readers have been asked: it gives their answers a name when the form is gone."""

    __tablename__ = "reader_fields"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    labels: Mapped[Json] = mapped_column(JSON)
    options: Mapped[list[Json]] = mapped_column(JSON)

    @property
    def field(self) -> Field:
        said = {"key": self.key, "kind": self.kind, "labels": self.labels, "options": self.options}
        return from_json(said)

    def learn(self, field: Field) -> None:
        """Keep the newest words, and every option there ever was."""
        known = {option["value"]: option for option in self.options or []}
        known.update({option["value"]: option for option in field.as_json()["options"]})
        self.kind, self.labels, self.options = (
            field.kind.value,
            dict(field.labels),
            [*known.values()],
        )


class TrippedBreaker(Base):
    """A crowd at the sign-up forms; the row goes once all is quiet."""

    __tablename__ = "tripped_breakers"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
