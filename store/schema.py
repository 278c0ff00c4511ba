"""The tables, as SQLAlchemy Core metadata, valid for SQLite and PostgreSQL.

Conventions: money is an integer of micro-units (``*_micros``), an instant is UTC milliseconds since 1970
(``*_at_ms``, ``*_until_ms``), a duration is whole seconds (``*_s``), structured text is JSON in a TEXT
column. Only integers, text and booleans are used, so that rows read by the raw driver need no conversion.

Balances are cached sums of the journal: ``account.available_micros + account.reserved_micros`` is at all
times the sum of ``lot.remaining_micros``; ``account.reserved_micros`` is the sum of ``session.held_micros``.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only numbers rows by itself where the key's type is spelled INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")

TRANSFERS = {
    "fund": (("funding", "available"),),
    "hold": (("available", "reserved"),),
    "charge": (("reserved", "spent"),),
    "release": (("reserved", "available"),),
    "refund": (("spent", "available"),),
    "expire": (("available", "expired"),),
    "adjust": (("adjustment", "available"), ("available", "adjustment")),
}
"""The journal's legal transfers: kind → (debited bucket, credited bucket); money leaves the debited one."""


def _legal_transfer() -> str:
    return " OR ".join(
        f"(kind = '{kind}' AND debit_bucket = '{debit}' AND credit_bucket = '{credit}')"
        for kind, pairs in TRANSFERS.items()
        for debit, credit in pairs
    )


catalog_version = Table(
    "catalog_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

plan = Table(
    "plan",
    metadata,
    Column("name", Text, primary_key=True),
    Column("toml", Text, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("month_day", BigInteger, nullable=False),
    Column("plan", Text, ForeignKey("plan.name")),
    Column("available_micros", BigInteger, nullable=False),
    Column("reserved_micros", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    # The most that all its calls may spend in a local day and in one of its months; null: no cap.
    Column("daily_cap_micros", BigInteger),
    Column("monthly_cap_micros", BigInteger),
    # When the time zone was changed last, by the journal's latest entry then; null: never.
    Column("timezone_since_ms", BigInteger),
    UniqueConstraint("name"),
    CheckConstraint("month_day BETWEEN 1 AND 31", name="month_day_in_month"),
    CheckConstraint("daily_cap_micros >= 0", name="daily_cap_not_negative"),
    CheckConstraint("monthly_cap_micros >= 0", name="monthly_cap_not_negative"),
    CheckConstraint("available_micros >= 0", name="available_not_negative"),
    CheckConstraint("reserved_micros >= 0", name="reserved_not_negative"),
)

extension = Table(
    "extension",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("number", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("plan", Text, ForeignKey("plan.name")),
    Column("prepaid", Boolean, nullable=False),
    Column("language", Text, nullable=False),
    Column("display_name", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    # What it may spend, and on what; null is no limit. Both lists are comma-separated regions and destination classes.
    Column("daily_cap_micros", BigInteger),
    Column("monthly_cap_micros", BigInteger),
    Column("max_calls", BigInteger),
    Column("max_rate_micros", BigInteger),  # a minute
    Column("longest_call_s", BigInteger),
    Column("allow_list", Text),
    Column("deny_list", Text),
    Column("hours", Text),
    UniqueConstraint("number"),
    UniqueConstraint("endpoint"),
    CheckConstraint("daily_cap_micros >= 0", name="daily_cap_not_negative"),
    CheckConstraint("monthly_cap_micros >= 0", name="monthly_cap_not_negative"),
    CheckConstraint("max_calls >= 0", name="max_calls_not_negative"),
    CheckConstraint("max_rate_micros >= 0", name="max_rate_not_negative"),
    CheckConstraint("longest_call_s > 0", name="longest_call_positive"),
    Index(None, "account_id"),
)

deck = Table(
    "deck",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    # The generation of rates in force (0: none yet), and the last one handed to an import.
    Column("generation", BigInteger, nullable=False),
    Column("last_generation", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    UniqueConstraint("name"),
    CheckConstraint("generation >= 0 AND generation <= last_generation", name="generation_handed_out"),
)

period_list = Table(
    "period_list",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("hours", Text, nullable=False),  # JSON array of [name, hours]
    UniqueConstraint("hours"),
)
"""The periods that rates have prices for: the same few for whole decks, each list written once."""

rate = Table(
    "rate",
    metadata,
    Column("deck_id", BigInteger, ForeignKey("deck.id"), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("prefix", Text, nullable=False),
    # In force in [from, until); -1 and null: without a begin and without an end.
    Column("effective_from_ms", BigInteger, nullable=False, server_default="-1"),
    Column("effective_until_ms", BigInteger),
    Column("destination", Text, nullable=False),
    Column("per_minute_micros", BigInteger, nullable=False),
    Column("connect_fee_micros", BigInteger, nullable=False),
    Column("initial_increment_s", BigInteger, nullable=False),
    Column("increment_s", BigInteger, nullable=False),
    Column("minimum_charge_micros", BigInteger, nullable=False),
    Column("barred", Boolean, nullable=False),
    Column("period_list_id", BigInteger, ForeignKey("period_list.id")),  # null: one price at all hours
    Column("period_micros", Text),  # JSON array, the price per minute of each period
    PrimaryKeyConstraint("deck_id", "generation", "prefix", "effective_from_ms"),
    CheckConstraint(
        "per_minute_micros >= 0 AND connect_fee_micros >= 0 AND minimum_charge_micros >= 0",
        name="prices_not_negative",
    ),
    CheckConstraint("initial_increment_s > 0 AND increment_s > 0", name="increments_positive"),
    CheckConstraint("effective_from_ms >= -1", name="begin_since_1970"),
    CheckConstraint("effective_until_ms > effective_from_ms", name="begins_before_end"),
    CheckConstraint("(period_list_id IS NULL) = (period_micros IS NULL)", name="prices_of_periods"),
    sqlite_with_rowid=False,
)

lot = Table(
    "lot",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("reference", Text, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("remaining_micros", BigInteger, nullable=False),
    Column("purchased_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),  # null: never
    UniqueConstraint("account_id", "reference"),
    CheckConstraint("amount_micros > 0", name="amount_positive"),
    CheckConstraint("remaining_micros >= 0 AND remaining_micros <= amount_micros", name="remaining_in_amount"),
)
# Spent lots stay for ever; only the few with money in them are looked for at a charge.
Index(
    "ix_lot_unspent",
    lot.c.account_id,
    lot.c.expires_at_ms,
    lot.c.id,
    sqlite_where=lot.c.remaining_micros > 0,
    postgresql_where=lot.c.remaining_micros > 0,
)

journal = Table(
    "journal",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("key", Text, nullable=False),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("debit_bucket", Text, nullable=False),
    Column("credit_bucket", Text, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("call_id", Text),
    Column("lot_id", BigInteger, ForeignKey("lot.id")),
    Column("reference", Text),
    Column("reason", Text),
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("key"),
    CheckConstraint("amount_micros > 0", name="amount_positive"),
    CheckConstraint(_legal_transfer(), name="legal_transfer"),
    Index(None, "account_id", "id"),
)

lot_use = Table(
    "lot_use",
    metadata,
    Column("lot_id", BigInteger, ForeignKey("lot.id"), nullable=False),
    Column("journal_id", BigInteger, ForeignKey("journal.id"), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("lot_id", "journal_id"),
    CheckConstraint("amount_micros > 0", name="amount_positive"),
    sqlite_with_rowid=False,
)
"""Which lots a journal row took its money from: what makes each lot's rest provable."""

session = Table(
    "session",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("extension", Text, nullable=False),
    Column("per_minute_micros", BigInteger, nullable=False),
    # What the call was opened with: a repeated opening is compared with it.
    Column("first_held_micros", BigInteger, nullable=False),
    Column("first_paid_s", BigInteger, nullable=False),
    Column("first_allowance_s", BigInteger, nullable=False),
    Column("held_micros", BigInteger, nullable=False),
    Column("paid_s", BigInteger, nullable=False),
    Column("allowance_s", BigInteger, nullable=False),  # of paid_s, the first ones
    Column("paid_until_ms", BigInteger),  # null until the answer is known
    Column("slice_n", BigInteger, nullable=False),
    Column("slice_inputs", Text),  # of slice_n, null for the first
    Column("state", Text, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    # JSON object: local day → micro-units of the hold that count in it. A first hold counts in each day in which the
    # call may be answered, until it is.
    Column("held_by_day", Text, nullable=False, server_default="{}"),
    # Charged while the call's end is unknown; the hold is gone then.
    Column("provisional_micros", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("provisional_micros >= 0", name="provisional_not_negative"),
    CheckConstraint("held_micros >= 0", name="held_not_negative"),
    CheckConstraint("paid_s >= 0", name="paid_not_negative"),
    CheckConstraint("first_allowance_s BETWEEN 0 AND first_paid_s", name="first_allowance_in_paid"),
    CheckConstraint("allowance_s BETWEEN 0 AND paid_s", name="allowance_in_paid"),
    CheckConstraint("per_minute_micros >= 0", name="price_not_negative"),
    CheckConstraint("slice_n >= 1", name="slice_positive"),
    Index(None, "account_id"),
)

allowance_pool = Table(
    "allowance_pool",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("plan", Text, nullable=False),
    Column("allowance", Text, nullable=False),
    Column("extension", Text, nullable=False),  # empty: shared by the account's extensions under the plan
    Column("month", Text, nullable=False),  # the local date on which the account's month begins
    Column("used_s", BigInteger, nullable=False),
    Column("held_s", BigInteger, nullable=False),
    UniqueConstraint("account_id", "plan", "allowance", "extension", "month"),
    CheckConstraint("used_s >= 0 AND held_s >= 0", name="seconds_not_negative"),
)
"""Seconds of one allowance in one month: used by calls that ended, held by those that run."""

allowance_slice = Table(
    "allowance_slice",
    metadata,
    Column("call_id", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("pool_id", BigInteger, ForeignKey("allowance_pool.id"), nullable=False),
    Column("held_s", BigInteger, nullable=False),
    Column("used_s", BigInteger, nullable=False),
    PrimaryKeyConstraint("call_id", "n"),
    CheckConstraint("held_s >= 0 AND used_s >= 0", name="seconds_not_negative"),
    CheckConstraint("held_s = 0 OR used_s = 0", name="held_or_used"),
    Index(None, "pool_id"),
    sqlite_with_rowid=False,
)
"""What a call's slice holds of a pool while it runs, and what it used of it afterwards."""

cdr = Table(
    "cdr",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("call_id", Text, nullable=False),
    Column("leg", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("account_id", BigInteger, ForeignKey("account.id")),
    Column("extension", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("dialled", Text, nullable=False),
    Column("e164", Text),
    Column("destination_class", Text),
    Column("deck", Text),
    Column("rate", Text),  # JSON object, the rate as it was used
    Column("started_at_ms", BigInteger, nullable=False),
    Column("answered_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger, nullable=False),
    Column("billable_s", BigInteger, nullable=False),
    Column("allowance_s", BigInteger, nullable=False),  # of billable_s, the first ones
    Column("charged_micros", BigInteger, nullable=False),
    Column("unfunded_micros", BigInteger, nullable=False),
    Column("funded_by", Text, nullable=False),  # JSON array
    Column("disposition", Text, nullable=False),
    Column("deny_reason", Text),
    Column("deny_rule", Text),
    Column("hangup_side", Text),
    Column("hangup_cause", BigInteger),
    Column("trunk", Text),
    Column("end_source", Text, nullable=False),
    Column("provisional", Boolean, nullable=False, server_default="false"),  # the true end may still be learnt
    Column("ungated", Boolean, nullable=False, server_default="false"),  # the leg never passed the gate
    UniqueConstraint("call_id", "leg"),
    CheckConstraint("leg >= 0", name="leg_not_negative"),
    CheckConstraint("billable_s >= 0", name="billable_not_negative"),
    CheckConstraint("allowance_s BETWEEN 0 AND billable_s", name="allowance_in_billable"),
    CheckConstraint("charged_micros >= 0 AND unfunded_micros >= 0", name="money_not_negative"),
    CheckConstraint("charged_micros = 0 OR account_id IS NOT NULL", name="charge_has_account"),
    Index(None, "extension", "started_at_ms"),
    Index(None, "started_at_ms"),
)

spend = Table(
    "spend",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("extension", Text, nullable=False),  # empty: the whole account
    Column("day", Text, nullable=False),  # local date
    Column("spent_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "extension", "day"),
    CheckConstraint("spent_micros >= 0", name="spent_not_negative"),
    sqlite_with_rowid=False,
)
"""What ended calls cost on each local day, an increment on the day in which it starts."""

node = Table(
    "node",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seen_at_ms", BigInteger, nullable=False),
)
"""The services that share the store, and when each was last heard of."""

notice = Table(
    "notice",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON object
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("key"),
    Index(None, "account_id", "id"),
)
"""What an account's administrators are to be told, each once: its key names the occasion."""

alert = Table(
    "alert",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("key", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("call_id", Text),
    Column("detail", Text, nullable=False),  # JSON object
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("key"),
)
"""What those who run the PBX are to be told, each occasion once: its key names it."""

reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("node", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("alive", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
    Column("money", Text, nullable=False),  # JSON object: account id to its micro-units charged, released, refunded
    CheckConstraint("alive >= 0 AND ended >= 0 AND unknown >= 0", name="counts_not_negative"),
    Index(None, "node", "id"),
)
"""What comparing live channels with open sessions found, and the money that it moved."""

portal_user = Table(
    "portal_user",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),  # argon2id, in its own text form
    Column("disabled", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("name"),
    CheckConstraint("role IN ('admin', 'manager', 'viewer')", name="role_known"),
)
"""Who may use the portal. A user is disabled, never deleted: what somebody did stays theirs."""

portal_session = Table(
    "portal_session",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256 in hex; the token itself is in the browser alone
    Column("user_id", BigInteger, ForeignKey("portal_user.id"), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    CheckConstraint("expires_at_ms > created_at_ms", name="expires_after_begin"),
    Index(None, "user_id"),
)
"""Who is signed in to the portal."""
