"""Caps and permissions, what was spent on each day, several nodes, provisional charges, and notices."""

from collections import defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# SQLite only numbers rows by itself where the key's type is spelled INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Added one by one and in place, in words that SQLite and PostgreSQL share, as in 0003.
NEW_COLUMNS = (
    ("account", "daily_cap_micros BIGINT", "daily_cap_not_negative", "daily_cap_micros >= 0"),
    ("account", "monthly_cap_micros BIGINT", "monthly_cap_not_negative", "monthly_cap_micros >= 0"),
    ("extension", "daily_cap_micros BIGINT", "daily_cap_not_negative", "daily_cap_micros >= 0"),
    ("extension", "monthly_cap_micros BIGINT", "monthly_cap_not_negative", "monthly_cap_micros >= 0"),
    ("extension", "max_calls BIGINT", "max_calls_not_negative", "max_calls >= 0"),
    ("extension", "max_rate_micros BIGINT", "max_rate_not_negative", "max_rate_micros >= 0"),
    ("extension", "longest_call_s BIGINT", "longest_call_positive", "longest_call_s > 0"),
    ("extension", "allow_list TEXT", None, None),
    ("extension", "deny_list TEXT", None, None),
    ("extension", "hours TEXT", None, None),
    ("session", "held_by_day TEXT NOT NULL DEFAULT '{}'", None, None),
    (
        "session",
        "provisional_micros BIGINT NOT NULL DEFAULT 0",
        "provisional_not_negative",
        "provisional_micros >= 0",
    ),
    ("cdr", "provisional BOOLEAN NOT NULL DEFAULT false", None, None),
)


def upgrade() -> None:
    """Add the columns and the tables."""
    for table, column, check, condition in NEW_COLUMNS:
        constraint = "" if check is None else f" CONSTRAINT ck_{table}_{check} CHECK ({condition})"
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column}{constraint}")
    op.create_table(
        "spend",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("spent_micros", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("spent_micros >= 0", name=op.f("ck_spend_spent_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_spend_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", "extension", "day", name=op.f("pk_spend")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "node",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_node")),
    )
    op.create_table(
        "notice",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_notice_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("key", name=op.f("uq_notice_key")),
    )
    op.create_index(op.f("ix_notice_account_id_id"), "notice", ["account_id", "id"])
    _count_spend()


def _count_spend() -> None:
    """Count what calls cost before, each on the local day of its answer; those across a midnight were few."""
    if op.get_context().as_sql:
        op.execute("-- Then count what calls cost before: `tollgate migrate` does, SQL alone cannot.")
        return
    connection = op.get_bind()
    zones = {
        account_id: ZoneInfo(timezone)
        for account_id, timezone in connection.execute(sa.text("SELECT id, timezone FROM account"))
    }
    spent: defaultdict[tuple[int, str, str], int] = defaultdict(int)
    # By quarters of an hour, at which days begin everywhere: far fewer rows than there are records.
    charged = connection.execute(
        sa.text(
            "SELECT account_id, extension, COALESCE(answered_at_ms, started_at_ms) / 900000 * 900000 AS quarter_ms,"
            " CAST(SUM(charged_micros) AS BIGINT) FROM cdr WHERE charged_micros > 0 GROUP BY 1, 2, 3"
        )
    )
    for account_id, extension, at_ms, charged_micros in charged.all():
        day = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zones[account_id]).date().isoformat()
        for owner in ("", extension):
            spent[account_id, owner, day] += charged_micros
    if spent:
        op.bulk_insert(
            sa.table("spend", *map(sa.column, ("account_id", "extension", "day", "spent_micros"))),
            [
                {"account_id": account_id, "extension": extension, "day": day, "spent_micros": micros}
                for (account_id, extension, day), micros in spent.items()
            ],
        )
