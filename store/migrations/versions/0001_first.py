"""The first schema: catalog, decks, ledger, calls.

Tables are spelled out here and not taken from ``store.schema``: a migration says what was true when it was
written.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite only numbers rows by itself where the key's type is spelled INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

LEGAL_TRANSFER = (
    "(kind = 'fund' AND debit_bucket = 'funding' AND credit_bucket = 'available')"
    " OR (kind = 'hold' AND debit_bucket = 'available' AND credit_bucket = 'reserved')"
    " OR (kind = 'charge' AND debit_bucket = 'reserved' AND credit_bucket = 'spent')"
    " OR (kind = 'release' AND debit_bucket = 'reserved' AND credit_bucket = 'available')"
    " OR (kind = 'refund' AND debit_bucket = 'spent' AND credit_bucket = 'available')"
    " OR (kind = 'expire' AND debit_bucket = 'available' AND credit_bucket = 'expired')"
    " OR (kind = 'adjust' AND debit_bucket = 'adjustment' AND credit_bucket = 'available')"
    " OR (kind = 'adjust' AND debit_bucket = 'available' AND credit_bucket = 'adjustment')"
)

# The journal and what it took from which lot are only ever added to, whoever is connected.
APPEND_ONLY = ("journal", "lot_use")

SQLITE_REFUSE = """
CREATE TRIGGER {table}_refuse_{event} BEFORE {event} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: write a correcting entry'); END
"""
POSTGRESQL_FUNCTION = """
CREATE FUNCTION refuse_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only: write a correcting entry', TG_TABLE_NAME; END $$
"""
POSTGRESQL_REFUSE = """
CREATE TRIGGER {table}_refuse_{event} BEFORE {event} ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_append_only()
"""


def upgrade() -> None:
    """Create everything, and the one row of ``catalog_version``."""
    _create_catalog()
    _create_decks()
    _create_ledger()
    _create_calls()
    _refuse_changes()
    op.execute("INSERT INTO catalog_version (id, version) VALUES (1, 1)")


def _create_catalog() -> None:
    """Accounts, extensions, plans, and the number that says when they changed."""
    op.create_table(
        "catalog_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_catalog_version_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_version")),
    )
    op.create_table(
        "plan",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("toml", sa.Text(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_plan")),
    )
    op.create_table(
        "account",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text()),
        sa.Column("available_micros", sa.BigInteger(), nullable=False),
        sa.Column("reserved_micros", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("available_micros >= 0", name=op.f("ck_account_available_not_negative")),
        sa.CheckConstraint("reserved_micros >= 0", name=op.f("ck_account_reserved_not_negative")),
        sa.ForeignKeyConstraint(["plan"], ["plan.name"], name=op.f("fk_account_plan_plan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "extension",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text()),
        sa.Column("prepaid", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_extension_account_id_account")),
        sa.ForeignKeyConstraint(["plan"], ["plan.name"], name=op.f("fk_extension_plan_plan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extension")),
        sa.UniqueConstraint("endpoint", name=op.f("uq_extension_endpoint")),
        sa.UniqueConstraint("number", name=op.f("uq_extension_number")),
    )
    op.create_index(op.f("ix_extension_account_id"), "extension", ["account_id"])


def _create_decks() -> None:
    """Decks and their rates."""
    op.create_table(
        "deck",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("last_generation", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "generation >= 0 AND generation <= last_generation", name=op.f("ck_deck_generation_handed_out")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deck")),
        sa.UniqueConstraint("name", name=op.f("uq_deck_name")),
    )
    op.create_table(
        "rate",
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


def _create_ledger() -> None:
    """Lots and the journal."""
    op.create_table(
        "lot",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("remaining_micros", sa.BigInteger(), nullable=False),
        sa.Column("purchased_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger()),
        sa.CheckConstraint("amount_micros > 0", name=op.f("ck_lot_amount_positive")),
        sa.CheckConstraint(
            "remaining_micros >= 0 AND remaining_micros <= amount_micros",
            name=op.f("ck_lot_remaining_in_amount"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_lot_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
        sa.UniqueConstraint("account_id", "reference", name=op.f("uq_lot_account_id_reference")),
    )
    op.create_index(
        "ix_lot_unspent",
        "lot",
        ["account_id", "expires_at_ms", "id"],
        sqlite_where=sa.text("remaining_micros > 0"),
        postgresql_where=sa.text("remaining_micros > 0"),
    )
    op.create_table(
        "journal",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("debit_bucket", sa.Text(), nullable=False),
        sa.Column("credit_bucket", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("lot_id", sa.BigInteger()),
        sa.Column("reference", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(LEGAL_TRANSFER, name=op.f("ck_journal_legal_transfer")),
        sa.CheckConstraint("amount_micros > 0", name=op.f("ck_journal_amount_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_journal_account_id_account")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_journal_lot_id_lot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sa.UniqueConstraint("key", name=op.f("uq_journal_key")),
    )
    op.create_index(op.f("ix_journal_account_id_id"), "journal", ["account_id", "id"])
    op.create_table(
        "lot_use",
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_micros > 0", name=op.f("ck_lot_use_amount_positive")),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.id"], name=op.f("fk_lot_use_journal_id_journal")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_lot_use_lot_id_lot")),
        sa.PrimaryKeyConstraint("lot_id", "journal_id", name=op.f("pk_lot_use")),
        sqlite_with_rowid=False,
    )


def _create_calls() -> None:
    """Open calls and the records of ended ones."""
    op.create_table(
        "session",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("per_minute_micros", sa.BigInteger(), nullable=False),
        sa.Column("first_held_micros", sa.BigInteger(), nullable=False),
        sa.Column("first_paid_s", sa.BigInteger(), nullable=False),
        sa.Column("held_micros", sa.BigInteger(), nullable=False),
        sa.Column("paid_s", sa.BigInteger(), nullable=False),
        sa.Column("paid_until_ms", sa.BigInteger()),
        sa.Column("slice_n", sa.BigInteger(), nullable=False),
        sa.Column("slice_inputs", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("held_micros >= 0", name=op.f("ck_session_held_not_negative")),
        sa.CheckConstraint("paid_s >= 0", name=op.f("ck_session_paid_not_negative")),
        sa.CheckConstraint("per_minute_micros >= 0", name=op.f("ck_session_price_not_negative")),
        sa.CheckConstraint("slice_n >= 1", name=op.f("ck_session_slice_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_account_id_account")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"])
    op.create_table(
        "cdr",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("leg", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger()),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("dialled", sa.Text(), nullable=False),
        sa.Column("e164", sa.Text()),
        sa.Column("destination_class", sa.Text()),
        sa.Column("deck", sa.Text()),
        sa.Column("rate", sa.Text()),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("answered_at_ms", sa.BigInteger()),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("billable_s", sa.BigInteger(), nullable=False),
        sa.Column("charged_micros", sa.BigInteger(), nullable=False),
        sa.Column("unfunded_micros", sa.BigInteger(), nullable=False),
        sa.Column("funded_by", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("deny_reason", sa.Text()),
        sa.Column("deny_rule", sa.Text()),
        sa.Column("hangup_side", sa.Text()),
        sa.Column("hangup_cause", sa.BigInteger()),
        sa.Column("trunk", sa.Text()),
        sa.Column("end_source", sa.Text(), nullable=False),
        sa.CheckConstraint("billable_s >= 0", name=op.f("ck_cdr_billable_not_negative")),
        sa.CheckConstraint("charged_micros = 0 OR account_id IS NOT NULL", name=op.f("ck_cdr_charge_has_account")),
        sa.CheckConstraint("charged_micros >= 0 AND unfunded_micros >= 0", name=op.f("ck_cdr_money_not_negative")),
        sa.CheckConstraint("leg >= 0", name=op.f("ck_cdr_leg_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_cdr_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdr")),
        sa.UniqueConstraint("call_id", "leg", name=op.f("uq_cdr_call_id_leg")),
    )
    op.create_index(op.f("ix_cdr_extension_started_at_ms"), "cdr", ["extension", "started_at_ms"])
    op.create_index(op.f("ix_cdr_started_at_ms"), "cdr", ["started_at_ms"])


def _refuse_changes() -> None:
    """Make the database itself refuse to change or delete what is append-only."""
    events = ["update", "delete"]
    template = SQLITE_REFUSE
    if op.get_context().dialect.name == "postgresql":
        op.execute(POSTGRESQL_FUNCTION)
        events.append("truncate")
        template = POSTGRESQL_REFUSE
    for table in APPEND_ONLY:
        for event in events:
            op.execute(template.format(table=table, event=event))
