"""A process of its own that makes calls on a store: ``python -m tests.integration.store.load_worker URL NAME CALLS``.

It says on standard output which call was opened or settled once that is durable, one line each.
"""

import asyncio
import sys

from store.answers import Held
from store.store import Store
from tests.integration.store.office import Office

TASKS = 8


async def make_calls(office: Office, name: str, task: int, calls: int) -> None:
    """Open a call, renew it and settle it, ``calls`` times."""
    for n in range(calls):
        call_id = f"{name}-{task}-{n}"
        if not isinstance(await office.open(call_id, held_micros=1_000, paid_s=10), Held):
            return
        print(f"opened {call_id}", flush=True)
        await office.settle(call_id, 700)
        print(f"settled {call_id}", flush=True)


async def main(url: str, name: str, calls: int) -> None:
    """Run the tasks on an open store."""
    async with await Store.open(url) as store:
        office = Office(store, account_id=1)
        await asyncio.gather(*(make_calls(office, name, task, calls) for task in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
