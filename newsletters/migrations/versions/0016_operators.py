"""databases that were put back from a copy"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None

REASONS = ("editor", "server", "complaints", "content")
MORE_REASONS = (*REASONS, "restored")


def upgrade() -> None:
    op.create_table(
        "restorations",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("copied_at", UtcDateTime(), nullable=False),
        sa.Column("restored_at", UtcDateTime()),
        sa.Column("issues_held", sa.Integer(), nullable=False),
        sa.Column("mails_left", sa.Integer(), nullable=False),
        sa.Column("released_at", UtcDateTime()),
        sa.Column("released_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restorations")),
    )
    _allow_reasons(MORE_REASONS)


def downgrade() -> None:
    op.execute("UPDATE issues SET pause_reason = 'editor' WHERE pause_reason = 'restored'")
    _allow_reasons(REASONS)
    op.drop_table("restorations")


def _allow_reasons(reasons: tuple[str, ...]) -> None:
    with op.batch_alter_table("issues") as table:
        table.drop_constraint(op.f("ck_issues_pause_reason"), type_="check")
        table.create_check_constraint(op.f("ck_issues_pause_reason"), sa.column("pause_reason").in_(reasons))
