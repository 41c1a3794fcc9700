"""the reader's desk"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REASONS = ("too_many", "not_for_me", "elsewhere", "hard_to_read", "never_asked", "other")
KINDS = ("catch_up", "daily", "weekly")
IS_DIGEST = sa.text("rhythm <> 'each'")
UNDECIDED = sa.text("used_at IS NULL AND reminder_decided_at IS NULL")


def upgrade() -> None:
    _make_reminders()
    _make_reasons()
    _make_digests()
    _make_rhythms()


def downgrade() -> None:
    _drop_rhythms()
    _drop_digests()
    _drop_reasons()
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


def _make_reasons() -> None:
    op.create_table(
        "leaving_reasons",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", BigId, nullable=False),
        sa.Column(
            "reason",
            sa.Enum(*REASONS, name="reason", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"],
            ["newsletters.id"],
            name=op.f("fk_leaving_reasons_newsletter_id_newsletters"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leaving_reasons")),
    )
    op.create_index(op.f("ix_leaving_reasons_newsletter_id_on"), "leaving_reasons", ["newsletter_id", "on"])
    op.create_index(op.f("ix_leaving_reasons_on"), "leaving_reasons", ["on"])
    op.add_column(
        "subscriptions", sa.Column("told_why", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def _drop_reasons() -> None:
    op.drop_column("subscriptions", "told_why")
    op.drop_table("leaving_reasons")


def _make_digests() -> None:
    op.create_table(
        "digests",
        sa.Column("subscription_id", BigId, autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*KINDS, name="kind", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_digests_subscription_id_subscriptions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_digests")),
    )
    op.create_index(op.f("ix_digests_until"), "digests", ["until"])
    op.add_column("subscriptions", sa.Column("paused_from", UtcDateTime(), nullable=True))
    op.execute(
        "UPDATE subscriptions SET paused_from = (SELECT max(at) FROM consent_records WHERE event = 'paused' "
        "AND consent_records.subscriber_id = subscriptions.subscriber_id "
        "AND consent_records.newsletter_id = subscriptions.newsletter_id) WHERE state = 'paused'"
    )


def _drop_digests() -> None:
    op.drop_column("subscriptions", "paused_from")
    op.drop_table("digests")


def _make_rhythms() -> None:
    op.add_column(
        "subscriptions", sa.Column("rhythm", sa.String(length=20), nullable=False, server_default="each")
    )
    op.add_column("subscriptions", sa.Column("covered_until", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_subscriptions_digest",
        "subscriptions",
        ["newsletter_id", "covered_until"],
        sqlite_where=IS_DIGEST,
        postgresql_where=IS_DIGEST,
    )
    op.add_column(
        "newsletters", sa.Column("offers_digests", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    for column, usual in {"digest_hour": "8", "digest_weekday": "0"}.items():
        op.add_column("newsletters", sa.Column(column, sa.Integer(), nullable=False, server_default=usual))


def _drop_rhythms() -> None:
    for column in ("digest_weekday", "digest_hour", "offers_digests"):
        op.drop_column("newsletters", column)
    op.drop_index("ix_subscriptions_digest", "subscriptions")
    for column in ("covered_until", "rhythm"):
        op.drop_column("subscriptions", column)
