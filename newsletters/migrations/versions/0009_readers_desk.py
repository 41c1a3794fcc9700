"""the reader's desk"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UNDECIDED = sa.text("used_at IS NULL AND reminder_decided_at IS NULL")


def upgrade() -> None:
    _make_reminders()


def downgrade() -> None:
    _drop_reminders()


def _make_reminders() -> None:
    op.create_table(
        "unconfirmed_counts",
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("newsletter_id", BigId, nullable=False),
        *(sa.Column(fate, sa.Integer(), nullable=False) for fate in ("reminded", "won", "forgotten")),
        sa.ForeignKeyConstraint(
            ["newsletter_id"],
            ["newsletters.id"],
            name=op.f("fk_unconfirmed_counts_newsletter_id_newsletters"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("on", "newsletter_id", name=op.f("pk_unconfirmed_counts")),
    )
    op.add_column(
        "confirmations", sa.Column("is_reminder", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("confirmations", sa.Column("reminder_decided_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_confirmations_undecided",
        "confirmations",
        ["created_at"],
        sqlite_where=UNDECIDED,
        postgresql_where=UNDECIDED,
    )


def _drop_reminders() -> None:
    op.drop_index("ix_confirmations_undecided", "confirmations")
    op.drop_column("confirmations", "reminder_decided_at")
    op.drop_column("confirmations", "is_reminder")
    op.drop_table("unconfirmed_counts")
