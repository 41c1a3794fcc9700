"""shaping of the flow to servers and domains"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "domain_providers",
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("provider", sa.String(length=60), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_domain_providers")),
    )
    op.create_index(op.f("ix_domain_providers_expires_at"), "domain_providers", ["expires_at"])

    op.create_table(
        "flow_minutes",
        sa.Column("server", sa.String(length=300), nullable=False),
        sa.Column("provider", sa.String(length=255), nullable=False),
        sa.Column("minute", UtcDateTime(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("put_off", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("server", "provider", "minute", name=op.f("pk_flow_minutes")),
    )
    op.create_index(op.f("ix_flow_minutes_minute"), "flow_minutes", ["minute"])

    op.create_table(
        "mail_server_shares",
        sa.Column("server", sa.String(length=300), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("under_way", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("server", "worker", name=op.f("pk_mail_server_shares")),
    )

    op.create_table(
        "mail_servers",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("first_used_at", UtcDateTime(), nullable=True),
        sa.Column("rests_since", UtcDateTime(), nullable=True),
        sa.Column("rests_until", UtcDateTime(), nullable=True),
        sa.Column("rest_seconds", sa.Double(), nullable=False),
        sa.Column("slowed_to", sa.Double(), nullable=True),
        sa.Column("slowed_at", UtcDateTime(), nullable=True),
        sa.Column("crowd_most", sa.Integer(), nullable=True),
        sa.Column("crowd_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("error_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mail_servers")),
    )

    op.create_table(
        "provider_rests",
        sa.Column("server", sa.String(length=300), nullable=False),
        sa.Column("provider", sa.String(length=255), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("rest_seconds", sa.Double(), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("server", "provider", name=op.f("pk_provider_rests")),
    )

    op.create_table(
        "shaping_buckets",
        sa.Column("key", sa.String(length=600), nullable=False),
        sa.Column("full_at", sa.BigInteger(), nullable=False),
        sa.Column("used_on", sa.Date(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("touched_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_shaping_buckets")),
    )
    op.create_index(op.f("ix_shaping_buckets_touched_at"), "shaping_buckets", ["touched_at"])


def downgrade() -> None:
    for table in (
        "shaping_buckets",
        "provider_rests",
        "mail_servers",
        "mail_server_shares",
        "flow_minutes",
        "domain_providers",
    ):
        op.drop_table(table)
