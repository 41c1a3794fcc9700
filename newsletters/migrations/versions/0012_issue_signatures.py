"""signed statements about issues; low-trace newsletters"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "issue_signatures",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("issue_id", BigId, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=43), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=88), nullable=False),
        sa.Column("signed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["issues.id"],
            name=op.f("fk_issue_signatures_issue_id_issues"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_signatures")),
        sa.UniqueConstraint(
            "issue_id",
            "content_hash",
            "key_id",
            name=op.f("uq_issue_signatures_issue_id_content_hash_key_id"),
        ),
    )
    op.add_column(
        "newsletters", sa.Column("is_low_trace", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "newsletters", sa.Column("neutral_sender", sa.String(length=120), nullable=False, server_default="")
    )
    op.add_column(
        "newsletters", sa.Column("neutral_subject", sa.String(length=200), nullable=False, server_default="")
    )
    op.add_column(
        "newsletters",
        sa.Column("has_neutral_issues", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    with op.batch_alter_table("newsletters") as batch_op:
        for column in ("has_neutral_issues", "neutral_subject", "neutral_sender", "is_low_trace"):
            batch_op.drop_column(column)
    op.drop_table("issue_signatures")
