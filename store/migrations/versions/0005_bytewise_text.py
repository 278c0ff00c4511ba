"""PostgreSQL compares and sorts text as SQLite does: byte by byte, whatever language the database was made for.

A deck's chunks are ranges of prefixes, and lists of names come in one order on both. SQLite has nothing to change.
A text column of a later migration is created ``COLLATE "C"`` there.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    "account",
    "allowance_pool",
    "allowance_slice",
    "cdr",
    "deck",
    "extension",
    "journal",
    "lot",
    "node",
    "notice",
    "period_list",
    "plan",
    "rate",
    "session",
    "spend",
)

ALL_TEXT = """
DO $$
DECLARE changed RECORD;
BEGIN
  FOR changed IN
    SELECT table_name, string_agg(format('ALTER COLUMN %I TYPE TEXT COLLATE "C"', column_name), ', ') AS columns
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type = 'text' AND table_name IN ({tables})
    GROUP BY table_name
  LOOP
    EXECUTE format('ALTER TABLE %I ', changed.table_name) || changed.columns;
  END LOOP;
END $$
"""


def upgrade() -> None:
    """Change the collation of every text column there is."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(ALL_TEXT.format(tables=", ".join(f"'{table}'" for table in TABLES)))
