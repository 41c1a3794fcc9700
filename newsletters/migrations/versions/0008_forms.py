"""forms for embedding"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ANSWERING = ("subscribers", "signup_requests")


def upgrade() -> None:
    op.create_table(
        "saved_forms",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("button", sa.String(length=40), nullable=False),
        sa.Column("accent", sa.String(length=20), nullable=False),
        sa.Column("newsletters", sa.JSON(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("origins", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["editors.id"], name=op.f("fk_saved_forms_changed_by_id_editors")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_forms")),
        sa.UniqueConstraint("name", name=op.f("uq_saved_forms_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reader_fields",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_reader_fields")),
    )
    op.create_table(
        "tripped_breakers",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tripped_breakers")),
    )
    for table in ANSWERING:
        op.add_column(table, sa.Column("fields", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    for table in reversed(ANSWERING):
        op.drop_column(table, "fields")
    op.drop_table("tripped_breakers")
    op.drop_table("reader_fields")
    op.drop_table("saved_forms")
