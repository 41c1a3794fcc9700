"""events of providers, and the health of domains"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_webhook_tokens")),
    )
    op.create_index(op.f("ix_webhook_tokens_expires_at"), "webhook_tokens", ["expires_at"])
    op.create_table(
        "domain_checks",
        sa.Column("from_domain", sa.String(length=255), nullable=False),
        sa.Column("reply_domain", sa.String(length=255), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "ok",
                "unknown",
                "warning",
                "broken",
                name="level",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("from_domain", "reply_domain", name=op.f("pk_domain_checks")),
    )
    op.create_index(op.f("ix_outbox_message_id"), "outbox", ["message_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_outbox_message_id"), table_name="outbox")
    op.drop_table("domain_checks")
    op.drop_index(op.f("ix_webhook_tokens_expires_at"), table_name="webhook_tokens")
    op.drop_table("webhook_tokens")
