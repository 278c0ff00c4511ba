"""Allowances: monthly pools of seconds, the account's own calendar, and what calls take of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# SQLite only numbers rows by itself where the key's type is spelled INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Added one by one and in place, in words that SQLite and PostgreSQL share: Alembic would copy the whole table, and
# records may be many. Rows written before count their months from the first, and used no allowance.
NEW_COLUMNS = (
    ("account", "month_day", 1, "month_day_in_month", "month_day BETWEEN 1 AND 31"),
    ("session", "first_allowance_s", 0, "first_allowance_in_paid", "first_allowance_s BETWEEN 0 AND first_paid_s"),
    ("session", "allowance_s", 0, "allowance_in_paid", "allowance_s BETWEEN 0 AND paid_s"),
    ("cdr", "allowance_s", 0, "allowance_in_billable", "allowance_s BETWEEN 0 AND billable_s"),
)


def upgrade() -> None:
    """Add the pools, the slices, and the columns that count an allowance's seconds."""
    for table, column, value, check, condition in NEW_COLUMNS:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} BIGINT NOT NULL DEFAULT {value} "
            f"CONSTRAINT ck_{table}_{check} CHECK ({condition})"
        )
    op.create_table(
        "allowance_pool",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("allowance", sa.Text(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("used_s", sa.BigInteger(), nullable=False),
        sa.Column("held_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used_s >= 0 AND held_s >= 0", name=op.f("ck_allowance_pool_seconds_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_allowance_pool_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allowance_pool")),
        sa.UniqueConstraint(
            "account_id",
            "plan",
            "allowance",
            "extension",
            "month",
            name=op.f("uq_allowance_pool_account_id_plan_allowance_extension_month"),
        ),
    )
    op.create_table(
        "allowance_slice",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("pool_id", sa.BigInteger(), nullable=False),
        sa.Column("held_s", sa.BigInteger(), nullable=False),
        sa.Column("used_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("held_s >= 0 AND used_s >= 0", name=op.f("ck_allowance_slice_seconds_not_negative")),
        sa.CheckConstraint("held_s = 0 OR used_s = 0", name=op.f("ck_allowance_slice_held_or_used")),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["allowance_pool.id"], name=op.f("fk_allowance_slice_pool_id_allowance_pool")
        ),
        sa.PrimaryKeyConstraint("call_id", "n", name=op.f("pk_allowance_slice")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_allowance_slice_pool_id"), "allowance_slice", ["pool_id"])
