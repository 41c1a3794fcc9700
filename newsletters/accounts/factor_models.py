"""The second factor of editors: sealed secrets, hashed recovery codes, sign-ins half done, the house's rule.

Whether an editor has a second factor is said by ``Editor.second_factor_at`` alone.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk


class SecondFactor(Base):
    """The secret an editor's app shares with us, sealed; and one that is offered but not confirmed yet."""

    __tablename__ = "second_factors"

    editor_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("editors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    secret: Mapped[str | None] = mapped_column(String(120))
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    offered: Mapped[str | None] = mapped_column(String(120))
    offered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recovery_salt: Mapped[str] = mapped_column(String(32), default="")


class RecoveryCode(Base):
    """A code that stands in for the app once; the code itself is nowhere."""

    __tablename__ = "recovery_codes"

    id: Mapped[big_pk]
    editor_id: Mapped[int] = mapped_column(BigId, ForeignKey("editors.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInStep(Base):
    """A browser that gave the right password and owes the code. It opens nothing."""

    __tablename__ = "sign_in_steps"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    editor_id: Mapped[int] = mapped_column(BigId, ForeignKey("editors.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class HouseRules(Base):
    """What owners decide for everybody: one row, once anything is decided."""

    __tablename__ = "house_rules"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    second_factor_required_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
