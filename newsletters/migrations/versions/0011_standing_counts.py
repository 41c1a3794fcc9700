"""how many readers stand where, counted behind the scenes"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standing_counts",
        sa.Column("newsletter_id", BigId, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"],
            ["newsletters.id"],
            name=op.f("fk_standing_counts_newsletter_id_newsletters"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("newsletter_id", "state", name=op.f("pk_standing_counts")),
    )


def downgrade() -> None:
    op.drop_table("standing_counts")
