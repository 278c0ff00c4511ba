"""The offices of an episode: accounts, plans, prices and extensions.

Three accounts: one with money, one that lives from hand to mouth, one under caps. Extensions are spread over them and
over the nodes, so that one account's calls run on every node at once.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from ari_app.clock import epoch_ms
from rating.dialled import DialRules
from rating.emergency import emergency_numbers
from rating.rate import Rate
from store.catalog import create_account, put_plan
from store.extensions import ExtensionSettings, add_extension
from store.operation import Operation
from store.store import Store
from tollgate.simulator.ledger import Ledger

EUR = 1_000_000
ZONE = "Europe/Paris"
RULES = DialRules(home_region="FR")
EMERGENCIES = emergency_numbers("FR")
DECK = "simulated"
UNLIMITED, MINUTES = "unlimited", "minutes"
TRUNKS = ("carrier1", "carrier2")
AWAY_PREFIXES = ("01",)
LONGEST_CALL_S = 240
"""The longest call of the settings, and of the plans below that have one; the dialplan has it for included calls."""
INCLUDED = "0145678901"
"""What every plan includes."""

RATES = (
    Rate(prefix="447797", destination="Jersey", per_minute_micros=600_000, initial_increment_s=1, increment_s=1),
    Rate(
        prefix="447",
        destination="GB mobile",
        per_minute_micros=253_333,
        connect_fee_micros=50_000,
        initial_increment_s=60,
        increment_s=1,
    ),
    Rate(
        prefix="336",
        destination="FR mobile",
        per_minute_micros=91_700,
        initial_increment_s=30,
        increment_s=6,
        minimum_charge_micros=60_000,
    ),
    Rate(prefix="1", destination="North America", per_minute_micros=12_345, initial_increment_s=6, increment_s=6),
    Rate(prefix="34", destination="Spain", per_minute_micros=40_000, initial_increment_s=60, increment_s=60),
)

_PLANS = {
    UNLIMITED: """
name = "unlimited"
title = "French fixed lines"
home_region = "FR"
deck = "simulated"
[[included]]
regions = ["FR"]
types = ["fixed", "toll_free"]
""",
    MINUTES: """
name = "minutes"
title = "A few minutes to Spain and to French mobiles"
home_region = "FR"
deck = "simulated"
longest_call_s = 240
[[included]]
regions = ["FR"]
types = ["fixed"]
[[allowance]]
name = "abroad"
minutes = 6
per = "account"
[[allowance.covers]]
regions = ["ES", "FR"]
types = ["fixed", "mobile"]
""",
}


@dataclass(frozen=True, slots=True)
class Phone:
    """An extension at one node."""

    extension: str
    endpoint: str
    node: str
    account_id: int


class Office:
    """The accounts and their phones. ``highest_cap`` is what was ever allowed at most, by account and extension."""

    def __init__(
        self, ledger: Ledger, nodes: tuple[str, ...], extensions: int, highest_cap: dict[tuple[int, str], int]
    ) -> None:
        self._ledger = ledger
        self._nodes = nodes
        self._extensions = extensions
        self.accounts: dict[str, int] = {}
        self.phones: list[Phone] = []
        self.highest_cap = highest_cap

    async def open(self, store: Store, at: datetime) -> None:
        """Write the catalog; the accounts are empty."""
        at_ms = epoch_ms(at)
        await store.import_deck(name=DECK, currency="EUR", rates=_rates(), at_ms=at_ms)
        for name, toml in _PLANS.items():
            self._ledger.run(put_plan(name=name, toml=toml, at_ms=at_ms))
        for name, plan, cap_micros in (
            ("rich", UNLIMITED, None),
            ("poor", MINUTES, None),
            ("capped", UNLIMITED, 4 * EUR),
        ):
            account_id = self._ledger.run(_account(name, plan, cap_micros, at_ms))
            self.accounts[name] = account_id
            if cap_micros is not None:
                self.highest_cap[account_id, ""] = cap_micros
        for index in range(self._extensions):
            self._add_phone(index, at_ms)

    def _add_phone(self, index: int, at_ms: int) -> None:
        number = str(101 + index)
        account_id = list(self.accounts.values())[index % len(self.accounts)]
        cap_micros = EUR if index % 4 == 0 else None
        settings = ExtensionSettings(
            number=number,
            account_id=account_id,
            endpoint=f"PJSIP/{number}",
            daily_cap_micros=cap_micros,
            max_calls=2 if index % 5 == 0 else None,
            max_rate_micros=500_000 if index % 7 == 6 else None,
        )
        self._ledger.run(add_extension(settings, at_ms=at_ms))
        if cap_micros is not None:
            self.highest_cap[account_id, number] = cap_micros
        node = self._nodes[index // len(self.accounts) % len(self._nodes)]
        self.phones.append(Phone(number, settings.endpoint, node, account_id))


def _account(name: str, plan: str, cap_micros: int | None, at_ms: int) -> Operation[int]:
    return create_account(name=name, currency="EUR", timezone=ZONE, at_ms=at_ms, plan=plan, daily_cap_micros=cap_micros)


def rate_of(number: str) -> Rate | None:
    """Return the longest of the rates that covers a number in international form; None where none does."""
    digits = number.lstrip("+0")
    covering = [rate for rate in RATES if digits.startswith(rate.prefix)]
    return max(covering, key=lambda rate: len(rate.prefix), default=None)


async def _rates() -> AsyncIterator[Rate]:
    for rate in RATES:
        yield rate
