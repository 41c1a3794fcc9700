"""policy of sign-up"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "posted_forms",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "sign_up",
                "again",
                "way_in",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("posted_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posted_forms")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_posted_forms_due_at"), "posted_forms", ["due_at"])
    op.create_table(
        "address_domains",
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("takes_mail", sa.Boolean(), nullable=True),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_address_domains")),
    )
    op.add_column(
        "signup_requests", sa.Column("held", sa.String(length=20), nullable=False, server_default="")
    )
    op.create_index(
        "ix_signup_requests_held",
        "signup_requests",
        ["id"],
        sqlite_where=sa.text("held <> ''"),
        postgresql_where=sa.text("held <> ''"),
    )
    with op.batch_alter_table("newsletters") as batch_op:
        batch_op.add_column(
            sa.Column("takes_throwaways", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        batch_op.add_column(
            sa.Column("holds_role_addresses", sa.Boolean(), nullable=False, server_default=sa.true())
        )
    _number_on_from_sign_up_requests()


def downgrade() -> None:
    with op.batch_alter_table("newsletters") as batch_op:
        batch_op.drop_column("holds_role_addresses")
        batch_op.drop_column("takes_throwaways")
    op.drop_index("ix_signup_requests_held", "signup_requests")
    op.drop_column("signup_requests", "held")
    op.drop_table("address_domains")
    op.drop_index(op.f("ix_posted_forms_due_at"), "posted_forms")
    op.drop_table("posted_forms")


def _number_on_from_sign_up_requests() -> None:
    """A sign-up request has its form's number, and numbers are never given out twice."""
    connection = op.get_bind()
    last = connection.execute(sa.text("SELECT max(id) FROM signup_requests")).scalar() or 0
    if not last:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(
            sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('posted_forms', :last)"), {"last": last}
        )
        return
    connection.execute(
        sa.text("SELECT setval(pg_get_serial_sequence('posted_forms', 'id'), :last)"), {"last": last}
    )
