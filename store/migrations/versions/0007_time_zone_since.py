"""Since when an account has its time zone: the days of spend before that may be those of another one."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; whether the zone was changed before is not known, so what there is may be of another."""
    # In place, in words that SQLite and PostgreSQL share, as in 0003.
    op.execute("ALTER TABLE account ADD COLUMN timezone_since_ms BIGINT")
    op.execute("UPDATE account SET timezone_since_ms = (SELECT at_ms FROM journal ORDER BY id DESC LIMIT 1)")
