"""Count what was asked of a provider in the last minute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of budgets."""
    op.create_table(
        "quota",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spent", sa.Text(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_quota")),
    )
