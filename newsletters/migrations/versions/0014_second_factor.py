"""a second factor for editors"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("editors", sa.Column("second_factor_at", UtcDateTime(), nullable=True))
    op.create_table(
        "second_factors",
        sa.Column("editor_id", BigId, autoincrement=False, nullable=False),
        sa.Column("secret", sa.String(length=120), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("offered", sa.String(length=120), nullable=True),
        sa.Column("offered_at", UtcDateTime(), nullable=True),
        sa.Column("recovery_salt", sa.String(length=32), nullable=False),
        _of_an_editor("second_factors"),
        sa.PrimaryKeyConstraint("editor_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("editor_id", BigId, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        _of_an_editor("recovery_codes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_editor_id"), "recovery_codes", ["editor_id"])
    op.create_table(
        "sign_in_steps",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("editor_id", BigId, nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        _of_an_editor("sign_in_steps"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_steps")),
    )
    op.create_index(op.f("ix_sign_in_steps_editor_id"), "sign_in_steps", ["editor_id"])
    op.create_table(
        "house_rules",
        sa.Column("id", BigId, autoincrement=False, nullable=False),
        sa.Column("second_factor_required_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_house_rules_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_house_rules")),
    )


def downgrade() -> None:
    op.drop_table("house_rules")
    op.drop_index(op.f("ix_sign_in_steps_editor_id"), "sign_in_steps")
    op.drop_table("sign_in_steps")
    op.drop_index(op.f("ix_recovery_codes_editor_id"), "recovery_codes")
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
    op.drop_column("editors", "second_factor_at")


def _of_an_editor(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["editor_id"], ["editors.id"], name=op.f(f"fk_{table}_editor_id_editors"), ondelete="CASCADE"
    )
