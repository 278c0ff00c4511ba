"""Alerts, reports of reconciliations, and records of legs that never passed the gate."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# SQLite only numbers rows by itself where the key's type is spelled INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # as all text since 0005


def upgrade() -> None:
    """Add the column and the tables."""
    # In place, in words that SQLite and PostgreSQL share, as in 0003.
    op.execute("ALTER TABLE cdr ADD COLUMN ungated BOOLEAN NOT NULL DEFAULT false")
    op.create_table(
        "alert",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("node", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=True),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("key", name=op.f("uq_alert_key")),
    )
    op.create_table(
        "reconciliation",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("node", TEXT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("alive", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("unknown", sa.BigInteger(), nullable=False),
        sa.Column("money", TEXT, nullable=False),
        sa.CheckConstraint(
            "alive >= 0 AND ended >= 0 AND unknown >= 0", name=op.f("ck_reconciliation_counts_not_negative")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation")),
    )
    op.create_index(op.f("ix_reconciliation_node_id"), "reconciliation", ["node", "id"])
