"""Whatever Asterisk says of one call, in whatever words and order: the call beside it is charged as ever."""

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ari_app.access import AmiAccess, AriAccess
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply, JsonObject
from ari_app.errors import AmiRefusedError, AmiUnavailableError, AriUnavailableError
from ari_app.run import Service
from charging.cdr import Cdr, Disposition
from charging.policy import MeteringPolicy
from dialplan.trunks import Trunk
from rating.deck import Rate
from rating.dialled import DialRules
from store.catalog import create_account, put_plan
from store.extensions import ExtensionSettings, add_extension
from store.funds import add_funds
from store.payers import empty_catalog, load_catalog
from store.store import Store
from tests.fuzz.asterisk import story
from tests.fuzz.effort import fuzz
from tests.fuzz.mutation import mutated
from tests.integration.ari_app.serving import PLAN
from tests.integration.store.office import EUR, PER_SECOND, T0_MS
from tests.unit.ari_app.office import SETTINGS

RULES = DialRules(home_region="FR")
GOOD_CALLER, GOOD_LEG = "1793610000.107", "1793610000.108"
STATUSES = st.lists(st.sampled_from([200, 204, 204, 204, 404, 409, 500, None]), min_size=1, max_size=6)
OTHERS = (*story(), *story(dialled="112"), *story(dialled="0145678901"), *story(caller="1793610000.17"))


@dataclass
class FickleAri:
    """Answers what is drawn for all but the good call."""

    statuses: list[int | None]
    in_flight: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next = cycle(self.statuses)

    def _answer(self, what: str, channel_id: str) -> AriReply:
        self.asked.append((what, channel_id))
        if channel_id in {GOOD_CALLER, GOOD_LEG}:
            return AriReply(204)
        if (status := next(self._next)) is None:
            raise AriUnavailableError("no answer")
        return AriReply(status, {"message": "as drawn"})

    async def set_channel_vars(self, channel_id: str, variables: Mapping[str, str]) -> AriReply:
        """Take a verdict; what may be dialled is digits."""
        numbers = [value for name, value in variables.items() if name.startswith("TG_NUMBER")]
        assert all(set(number) <= set("+0123456789") for number in numbers)
        return self._answer("variables", channel_id)

    async def continue_in_dialplan(self, channel_id: str, _place: object = None) -> AriReply:
        """Take a caller back."""
        return self._answer("continue", channel_id)

    async def hangup(self, channel_id: str, _cause: int = 16) -> AriReply:
        """End a channel."""
        return self._answer("hangup", channel_id)

    async def get(self, channel_id: str) -> AriReply:
        """Show a channel."""
        return self._answer("get", channel_id)

    async def subscribe(self, event_source: str) -> AriReply:
        """Send a channel's events."""
        return self._answer("subscribe", event_source.partition(":")[2])

    async def list_channels(self) -> AriReply:
        """List none."""
        return AriReply(200, [])


@dataclass
class FickleAmi:
    """An AMI that answers now and then."""

    statuses: list[int | None]
    connected: bool = True
    in_flight: int = 0

    def __post_init__(self) -> None:
        self._next = cycle(self.statuses)

    def _answer(self, channel_id: str) -> None:
        if channel_id in {GOOD_CALLER, GOOD_LEG}:
            return
        status = next(self._next)
        if status is None:
            raise AmiUnavailableError("no answer")
        if status >= 400:
            raise AmiRefusedError("as drawn")

    async def read_deadline(self, channel_id: str) -> float | None:
        """Answer the dialplan's deadline."""
        self._answer(channel_id)
        return 5.0

    async def set_deadline(self, channel_id: str, _seconds: float) -> None:
        """Set a deadline."""
        self._answer(channel_id)

    async def clear_deadline(self, channel_id: str) -> None:
        """Clear a deadline."""
        self._answer(channel_id)

    async def read_variable(self, channel_id: str, _name: str) -> str:
        """Answer that a variable is not set."""
        self._answer(channel_id)
        return ""

    def close(self) -> None:
        """Do nothing."""


async def office() -> Store:
    """Return a store with one account that has 1 EUR, one extension and one price."""

    async def rates() -> AsyncIterator[Rate]:
        yield PER_SECOND

    store = Store.in_memory()
    account_id = await store.apply(create_account(name="main", currency="EUR", timezone="Europe/Paris", at_ms=T0_MS))
    funds = add_funds(account_id=account_id, amount_micros=EUR, reference="start", at_ms=T0_MS, expires_at_ms=None)
    await store.apply(funds)
    await store.import_deck(name="example", currency="EUR", rates=rates(), at_ms=T0_MS)
    await store.apply(put_plan(name="fr-office", toml=PLAN, at_ms=T0_MS))
    settings = ExtensionSettings(number="101", account_id=account_id, endpoint="PJSIP/101", plan="fr-office")
    await store.apply(add_extension(settings, at_ms=T0_MS))
    return store


async def serving(store: Store, statuses: list[int | None]) -> Service:
    """Return a service that is connected, and whose events the test brings."""
    service = Service(
        store=store,
        ari=AriAccess(url="http://127.0.0.1:1", username="u", password="p", application="tollgate"),
        ami=AmiAccess(host="127.0.0.1", port=1, username="u", secret="s"),
        gate=SETTINGS,
        trunks=(Trunk(endpoint="carrier1"), Trunk(endpoint="carrier2")),
        home_region="FR",
        policy=MeteringPolicy(),
        rules=RULES,
        new_ami=lambda _access, _complaints: cast("AmiAdapter", FickleAmi(statuses)),
    )
    service.switchboard.catalog = await load_catalog(store, empty_catalog(RULES, None))
    service.ari = cast("AriClient", FickleAri(statuses))
    service.switchboard.reconciled = True
    return service


async def play(
    events: list[JsonObject], order: list[bool], statuses: list[int | None]
) -> tuple[list[Cdr], float, list[object]]:
    """Bring a changed story and, between its events, that of a good call.

    Returns:
        The good call's records, how many events could not be handled, and what ``verify`` finds.
    """
    async with await office() as store:
        service = await serving(store, statuses)
        good = [each for each in story(GOOD_CALLER, GOOD_LEG) if each["type"] != "BridgeAttendedTransfer"]
        while good or events:
            takes_good = good and (not events or order[len(good) % len(order)])
            service._on_event((good if takes_good else events).pop(0))
            for _ in range(3 if takes_good else 1):
                await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        service._ungated.stop()
        service.switchboard.stop()
        await service._executor.drain(0)
        failed = service.metrics.registry.get_sample_value("tollgate_ari_messages_total", {"outcome": "failed"})
        cdrs = [cdr async for cdr in store.cdrs() if cdr.call_id == f"{GOOD_CALLER}-1"]
        return cdrs, failed or 0.0, list(await store.verify())


@fuzz(60)
@given(
    st.lists(mutated(OTHERS, most=2), max_size=14) | st.lists(st.sampled_from(OTHERS), max_size=14),
    st.lists(st.booleans(), min_size=1, max_size=8),
    STATUSES,
)
def test_changed_story_disturbs_no_other_call(
    events: list[JsonObject], order: list[bool], statuses: list[int | None]
) -> None:
    with capture_logs() as logs:
        cdrs, failed, differences = asyncio.run(play(copy.deepcopy(events), order, statuses))

    assert [(cdr.disposition, cdr.charged_micros, cdr.billable_s) for cdr in cdrs] == [
        (Disposition.ANSWERED, 30_000, 3)
    ]
    assert failed == 0, [line for line in logs if line["event"] == "event_not_handled"]
    assert differences == []
    assert not [line for line in logs if line["event"] == "command_failed"]


def test_good_call_is_charged_where_nothing_else_happens() -> None:
    cdrs, failed, differences = asyncio.run(play([], [True], [204]))

    assert [cdr.charged_micros for cdr in cdrs] == [30_000]
    assert (failed, differences) == (0, [])
