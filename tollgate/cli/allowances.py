"""What is left of an account's allowances this month, as every command shows it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rating.calendar import period_at
from rating.plan import Allowance, AllowanceScope, Plan
from rating.written_time import iso
from store.payers import plan_name_of, readable_plans
from store.records import Account, Extension
from store.store import Store
from tollgate.cli.output import Document, print_table
from tollgate.cli.times import zone


async def allowance_documents(
    store: Store, account: Account, extensions: Sequence[Extension], at: datetime
) -> list[Document]:
    """Return each pool of the account's extensions in the month that ``at`` lies in, for JSON."""
    plans = readable_plans(await store.plans())
    account_zone = zone(account.timezone)
    month = period_at(at, account_zone, account.month_day)
    gone = {
        (use.plan, use.allowance, use.extension): use
        for use in await store.allowance_uses(account.id, month.first_day.isoformat())
    }
    documents = []
    for plan, owner, allowance, seats in dict.fromkeys(_pools(plans, account, extensions)):
        use = gone.get((plan, allowance.name, owner))
        used_s, held_s = (0, 0) if use is None else (use.used_s, use.held_s)
        limit_s = allowance.limit_s(seats)
        documents.append(
            {
                "plan": plan,
                "allowance": allowance.name,
                "per": allowance.scope,
                "extension": owner or None,
                "seats": seats if allowance.scope is AllowanceScope.SEAT else None,
                "from": iso(month.starts_at, account_zone),
                "to": iso(month.ends_at, account_zone),
                "limit_s": limit_s,
                "used_s": used_s,
                "held_s": held_s,
                "left_s": max(0, limit_s - used_s - held_s),
            }
        )
    return documents


def _pools(
    plans: Mapping[str, Plan], account: Account, extensions: Sequence[Extension]
) -> Iterator[tuple[str, str, Allowance, int]]:
    """Yield plan, owner (empty: shared), allowance and seats of every pool, once for each extension that has it."""
    names = [plan_name_of(account, extension) for extension in extensions]
    for extension, name in zip(extensions, names, strict=True):
        plan = None if name is None else plans.get(name)
        for allowance in () if plan is None else plan.allowances:
            yield name or "", allowance.owner(extension.number), allowance, names.count(name)


def print_allowances(documents: list[Document]) -> None:
    """Print them as a table, in minutes."""
    columns = ("plan", "allowance", "shared by", ">minutes", ">used", ">held", ">left", "until")
    rows = [
        (
            each["plan"],
            each["allowance"],
            each["extension"] or (f"{each['seats']} seats" if each["seats"] else "all"),
            *(f"{each[name] / 60:.1f}" for name in ("limit_s", "used_s", "held_s", "left_s")),
            each["to"][:10],
        )
        for each in documents
    ]
    print_table(columns, rows)
