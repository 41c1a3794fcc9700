"""what each process in the roster is: a worker, a web server's process or a mail door"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KINDS = ("worker", "web", "inbound")


def upgrade() -> None:
    with op.batch_alter_table("workers") as table:
        table.add_column(sa.Column("kind", sa.String(20), nullable=False, server_default="worker"))
        table.create_check_constraint(op.f("ck_workers_kind"), sa.column("kind").in_(KINDS))


def downgrade() -> None:
    op.execute("DELETE FROM workers WHERE kind <> 'worker'")
    with op.batch_alter_table("workers") as table:
        table.drop_constraint(op.f("ck_workers_kind"), type_="check")
        table.drop_column("kind")
