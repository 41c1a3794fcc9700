"""whom a reader who is gone was merged into; workers that find no room on the disk"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("erasures", sa.Column("merged_into", BigId, nullable=True))
    op.add_column("workers", sa.Column("lacks_room", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("workers", "lacks_room")
    op.drop_column("erasures", "merged_into")
