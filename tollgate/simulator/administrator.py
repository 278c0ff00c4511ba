"""Whoever looks after the accounts: adds and corrects funds, changes caps and permissions while calls talk.

Each change is one operation of another process than the services. Now and then it is made twice, as by somebody whose
answer was lost.
"""

from ari_app.clock import epoch_ms
from store.catalog import set_account
from store.errors import StoreError
from store.extensions import ExtensionChanges, set_extensions
from store.funds import add_funds, adjust_funds
from store.operation import Operation
from tollgate.simulator.ledger import Ledger
from tollgate.simulator.office import EUR, Office
from tollgate.simulator.world import World

FIRST_FUNDS = {"rich": 500 * EUR, "poor": 2 * EUR, "capped": 60 * EUR}
EXPIRES_S = (20.0, 600.0)


class Administrator:
    """Changes things at random."""

    def __init__(self, world: World, ledger: Ledger, office: Office) -> None:
        self._world = world
        self._ledger = ledger
        self._office = office
        self._references = 0

    def opens(self) -> None:
        """Add the first funds."""
        for name, account_id in self._office.accounts.items():
            self._add_funds(account_id, FIRST_FUNDS[name], expire=0.0)

    def acts(self) -> None:
        """Do something, or nothing: asked once for each call that is placed."""
        dice = self._world.dice
        roll = dice.random()
        accounts = self._office.accounts
        if roll < 0.05:
            self._add_funds(accounts["poor"], dice.randrange(50_000, EUR))
        elif roll < 0.06:
            self._add_funds(accounts[dice.choice(("rich", "capped"))], dice.randrange(EUR, 10 * EUR))
        elif roll < 0.07:
            self._adjust(accounts[dice.choice(("rich", "poor", "capped"))])
        elif roll < 0.075:
            self._change_limits()

    def _add_funds(self, account_id: int, amount_micros: int, expire: float = 0.5) -> None:
        at_ms = epoch_ms(self._world.loop.now())
        expires_at_ms = None
        if self._world.chance(expire):
            expires_at_ms = at_ms + int(1000 * self._world.between(*EXPIRES_S))
        self._references += 1
        reference = f"purchase {self._references}"
        for _ in range(self._times()):
            self._do(
                add_funds(
                    account_id=account_id,
                    amount_micros=amount_micros,
                    reference=reference,
                    at_ms=at_ms,
                    expires_at_ms=expires_at_ms,
                )
            )

    def _adjust(self, account_id: int) -> None:
        self._references += 1
        amount_micros = self._world.dice.randrange(-EUR // 2, EUR // 2) or 1
        at_ms, reference = epoch_ms(self._world.loop.now()), f"correction {self._references}"
        for _ in range(self._times()):
            self._do(
                adjust_funds(
                    account_id=account_id,
                    amount_micros=amount_micros,
                    reference=reference,
                    reason="simulated",
                    at_ms=at_ms,
                )
            )

    def _change_limits(self) -> None:
        dice, highest = self._world.dice, self._office.highest_cap
        phone = dice.choice(self._office.phones)
        changes: ExtensionChanges = {"deny_list": dice.choice((None, None, None, "GB,JE", "international"))}
        changes["prepaid"] = dice.random() > 0.1
        cap_micros = dice.randrange(0, 2 * EUR)
        if (phone.account_id, phone.extension) in highest:
            changes["daily_cap_micros"] = cap_micros
            self._remember(phone.account_id, phone.extension, cap_micros)
        self._do(set_extensions({phone.extension: changes}))
        if dice.random() < 0.3:
            cap_micros = dice.randrange(EUR, 6 * EUR)
            self._remember(self._office.accounts["capped"], "", cap_micros)
            self._do(set_account(name="capped", daily_cap_micros=cap_micros))

    def _remember(self, account_id: int, extension: str, cap_micros: int) -> None:
        highest = self._office.highest_cap
        highest[account_id, extension] = max(cap_micros, highest[account_id, extension])

    def _times(self) -> int:
        return 2 if self._world.chance(0.1) else 1

    def _do(self, operation: Operation[object]) -> None:
        try:
            self._ledger.run(operation)
        except StoreError as error:
            self._world.violated("an administrator is served", "", repr(error))
