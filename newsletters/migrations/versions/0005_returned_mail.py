"""returned mail"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KINDS = ("hard", "soft", "policy")
MORE_KINDS = (*KINDS, "temporary", "notice")


def upgrade() -> None:
    _let_bounces_say_more()
    _let_complaints_say_more()
    _make_spikes()
    _make_alerts()
    _make_quarantine()


def downgrade() -> None:
    op.drop_table("quarantined_mail")
    op.drop_table("rate_alerts")
    op.drop_table("bounce_spikes")
    with op.batch_alter_table("complaints") as table:
        table.drop_constraint(op.f("uq_complaints_event_key"), type_="unique")
        table.drop_column("domain")
        table.drop_column("event_key")
    _let_bounces_say_less()


def _one_of(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _let_bounces_say_more() -> None:
    _allow_kinds(MORE_KINDS)
    with op.batch_alter_table("bounces") as table:
        table.add_column(sa.Column("source", sa.String(20), nullable=False, server_default="smtp"))
        table.add_column(sa.Column("event_key", sa.String(64)))
        table.add_column(sa.Column("domain", sa.String(255), nullable=False, server_default=""))
        table.add_column(sa.Column("is_weighed", sa.Boolean(), nullable=False, server_default=sa.true()))
        table.add_column(sa.Column("owes_delivery", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.create_unique_constraint(op.f("uq_bounces_event_key"), ["event_key"])
    op.create_index(op.f("ix_bounces_domain_at"), "bounces", ["domain", "at"])
    for name, flag, value in (
        ("ix_bounces_unweighed", "is_weighed", "false"),
        ("ix_bounces_owing", "owes_delivery", "true"),
    ):
        op.create_index(
            name,
            "bounces",
            ["id"],
            sqlite_where=sa.text(f"{flag} IS {1 if value == 'true' else 0}"),
            postgresql_where=sa.text(f"{flag} IS {value}"),
        )


def _let_bounces_say_less() -> None:
    for name in ("ix_bounces_owing", "ix_bounces_unweighed", op.f("ix_bounces_domain_at")):
        op.drop_index(name, "bounces")
    op.execute("DELETE FROM bounces WHERE kind IN ('temporary', 'notice')")
    with op.batch_alter_table("bounces") as table:
        table.drop_constraint(op.f("uq_bounces_event_key"), type_="unique")
        for name in ("owes_delivery", "is_weighed", "domain", "event_key", "source"):
            table.drop_column(name)
    _allow_kinds(KINDS)


def _allow_kinds(kinds: tuple[str, ...]) -> None:
    """Say anew which kinds there are; SQLite keeps the rule in the table's own text and copies the table."""
    with op.batch_alter_table("bounces") as table:
        table.drop_constraint(op.f("ck_bounces_kind"), type_="check")
        table.create_check_constraint(op.f("ck_bounces_kind"), sa.column("kind").in_(kinds))


def _let_complaints_say_more() -> None:
    with op.batch_alter_table("complaints") as table:
        table.add_column(sa.Column("event_key", sa.String(64)))
        table.add_column(sa.Column("domain", sa.String(255), nullable=False, server_default=""))
        table.create_unique_constraint(op.f("uq_complaints_event_key"), ["event_key"])


def _make_spikes() -> None:
    op.create_table(
        "bounce_spikes",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("hard", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("judged_at", UtcDateTime()),
        sa.Column("verdict", _one_of(("ordinary", "forgiven", "condemned"), "verdict")),
        sa.Column("closed_at", UtcDateTime()),
        sa.Column("closed_by_id", BigId),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounce_spikes")),
        sa.UniqueConstraint("domain", "hour", name=op.f("uq_bounce_spikes_domain_hour")),
    )


def _make_alerts() -> None:
    op.create_table(
        "rate_alerts",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("issue_id", BigId, nullable=False),
        sa.Column("measure", _one_of(("complaints", "hard_bounces"), "measure"), nullable=False),
        sa.Column("provider", sa.String(255), nullable=False),
        sa.Column("level", _one_of(("alert", "pause"), "level"), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_alerts")),
        sa.UniqueConstraint(
            "issue_id",
            "measure",
            "provider",
            "level",
            name=op.f("uq_rate_alerts_issue_id_measure_provider_level"),
        ),
    )
    op.create_index(op.f("ix_rate_alerts_at"), "rate_alerts", ["at"])


def _make_quarantine() -> None:
    reasons = ("unreadable", "unknown", "unproven", "foreign", "misdirected")
    op.create_table(
        "quarantined_mail",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("why", _one_of(reasons, "why"), nullable=False),
        sa.Column("recipient", sa.String(320), nullable=False),
        sa.Column("sender", sa.String(320), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content_key", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("reply", sa.String(500), nullable=False),
        sa.Column("issue_id", BigId),
        sa.Column("subscriber_id", BigId),
        sa.Column("outbox_id", BigId),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("decision", _one_of(("acted", "dropped"), "decision")),
        sa.Column("decided_at", UtcDateTime()),
        sa.Column("decided_by_id", BigId),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_mail")),
        sa.UniqueConstraint("content_key", name=op.f("uq_quarantined_mail_content_key")),
    )
    for columns in (["at"], ["subscriber_id"], ["address_hash"], ["decision", "at"]):
        op.create_index(op.f(f"ix_quarantined_mail_{'_'.join(columns)}"), "quarantined_mail", columns)
