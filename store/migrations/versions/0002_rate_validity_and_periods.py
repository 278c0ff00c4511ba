"""Rates get validity and periods: several prices of one prefix follow each other, and hours have their own.

The rates there are stay in force without begin and end, at one price at all hours.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite only numbers rows by itself where the key's type is spelled INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table of periods, then the table of rates anew around its rows."""
    op.create_table(
        "period_list",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period_list")),
        sa.UniqueConstraint("hours", name=op.f("uq_period_list_hours")),
    )
    with op.batch_alter_table("rate", copy_from=_rate_of_0001()) as rate:
        rate.add_column(sa.Column("effective_from_ms", sa.BigInteger(), nullable=False, server_default="-1"))
        rate.add_column(sa.Column("effective_until_ms", sa.BigInteger()))
        rate.add_column(sa.Column("period_list_id", sa.BigInteger()))
        rate.add_column(sa.Column("period_micros", sa.Text()))
        rate.drop_constraint(op.f("pk_rate"), type_="primary")
        rate.create_primary_key(op.f("pk_rate"), ["deck_id", "generation", "prefix", "effective_from_ms"])
        rate.create_foreign_key(op.f("fk_rate_period_list_id_period_list"), "period_list", ["period_list_id"], ["id"])
        rate.create_check_constraint(op.f("ck_rate_begin_since_1970"), "effective_from_ms >= -1")
        rate.create_check_constraint(op.f("ck_rate_begins_before_end"), "effective_until_ms > effective_from_ms")
        rate.create_check_constraint(
            op.f("ck_rate_prices_of_periods"), "(period_list_id IS NULL) = (period_micros IS NULL)"
        )


def _rate_of_0001() -> sa.Table:
    """Answer the table as the first migration made it: SQLite's own description of it lacks its checks."""
    return sa.Table(
        "rate",
        sa.MetaData(),
        sa.Column("deck_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("per_minute_micros", sa.BigInteger(), nullable=False),
        sa.Column("connect_fee_micros", sa.BigInteger(), nullable=False),
        sa.Column("initial_increment_s", sa.BigInteger(), nullable=False),
        sa.Column("increment_s", sa.BigInteger(), nullable=False),
        sa.Column("minimum_charge_micros", sa.BigInteger(), nullable=False),
        sa.Column("barred", sa.Boolean(), nullable=False),
        sa.CheckConstraint("initial_increment_s > 0 AND increment_s > 0", name=op.f("ck_rate_increments_positive")),
        sa.CheckConstraint(
            "per_minute_micros >= 0 AND connect_fee_micros >= 0 AND minimum_charge_micros >= 0",
            name=op.f("ck_rate_prices_not_negative"),
        ),
        sa.ForeignKeyConstraint(["deck_id"], ["deck.id"], name=op.f("fk_rate_deck_id_deck")),
        sa.PrimaryKeyConstraint("deck_id", "generation", "prefix", name=op.f("pk_rate")),
        sqlite_with_rowid=False,
    )
