"""A metered leg that rings never has a deadline beyond what is held for it, whenever its service dies."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from ari_app import ungated_ringing
from ari_app.execute import CommandExecutor
from ari_app.lines import Lines
from ari_app.switchboard import ChannelEvent
from ari_app.ungated_ringing import RingingDeadlines
from ari_app.ungated_verdict import UngatedAction
from charging import events as ev
from charging.policy import MeteringPolicy
from tests.unit.ari_app.office import LEG, at, changed, destroyed, until
from tests.unit.ari_app.ungated_office import ALERT, HANG_UP, METER, UNGATED_ID, Watch, stray, watch

HELD_S = 10 - MeteringPolicy().margin.total_seconds()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    """Have deadlines put off every few milliseconds."""
    monkeypatch.setattr(ungated_ringing, "PUT_OFFS", 1000)
    monkeypatch.setattr(ungated_ringing, "SHORTEST", ungated_ringing.SHORTEST / 100)


class Deadlines(dict[str, float]):
    """Deadlines by channel, each setting counted."""

    settings = 0

    def __setitem__(self, channel_id: str, seconds: float) -> None:
        self.settings += 1
        super().__setitem__(channel_id, seconds)


async def ringing(office: Watch) -> Deadlines:
    """Have a metered leg ring."""
    deadlines = Deadlines()
    office.asterisk.deadlines = deadlines
    await office.sees(changed(0.1, stray()))
    return deadlines


async def stands_still(deadlines: Deadlines) -> bool:
    """Whether no deadline is set any more."""
    await asyncio.sleep(0.02)
    before = deadlines.settings
    await asyncio.sleep(0.05)
    return deadlines.settings == before


@pytest.mark.usefixtures("hasty")
async def test_leg_that_rings_is_put_off_again_and_again_by_what_is_held() -> None:
    deadlines = await ringing(watch(METER))

    await until(lambda: deadlines.settings > 3)
    assert deadlines == {LEG: HELD_S}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("event", [changed(2, stray("Up")), destroyed(2, stray())], ids=["answered", "ended"])
async def test_leg_that_rings_no_more_is_put_off_no_more(event: ChannelEvent) -> None:
    office = watch(METER)
    deadlines = await ringing(office)
    await until(lambda: deadlines.settings > 1)

    office.desk.board.channel_event(event)
    assert await stands_still(deadlines)


class Later:
    """An executor that runs what it was given when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Coroutine[Any, Any, None]] = []

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Keep it."""
        self.waiting.append(coroutine)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("is_answered", "settings"), [(False, 1), (True, 0)])
async def test_deadline_is_not_set_any_more_where_the_answer_was_heard_on_the_way(
    is_answered: bool, settings: int
) -> None:
    office, later = watch(METER), Later()
    await ringing(office)
    office.legs.stop()
    deadlines = office.asterisk.deadlines = Deadlines()
    ringings = RingingDeadlines(MeteringPolicy(), cast("CommandExecutor", later), cast("Lines", office.asterisk))
    ringings.keep(office.desk.board.calls[UNGATED_ID])
    if is_answered:
        office.desk.board.channel_event(changed(0.2, stray("Up")))
    ringings.stop()
    [setting] = later.waiting
    await setting

    assert deadlines.settings == settings


@pytest.mark.usefixtures("hasty")
async def test_leg_is_put_off_again_after_ami_was_away() -> None:
    office = watch(METER)
    deadlines = await ringing(office)
    office.asterisk.connected = False
    assert await stands_still(deadlines)
    office.asterisk.connected = True

    before = deadlines.settings
    await until(lambda: deadlines.settings > before)


@pytest.mark.usefixtures("hasty")
async def test_service_that_stops_puts_off_nothing_and_its_successor_goes_on() -> None:
    office = watch(METER)
    deadlines = await ringing(office)
    office.legs.stop()
    assert await stands_still(deadlines)

    before = deadlines.settings
    for _ in range(2):
        office.legs.compared([], {LEG}, at(3))
    await until(lambda: deadlines.settings > before)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("setting", [ALERT, HANG_UP])
async def test_leg_that_nobody_pays_for_has_no_deadline(setting: UngatedAction) -> None:
    office = watch(setting)
    deadlines = await ringing(office)
    office.legs.compared([], {LEG}, at(3))

    assert await stands_still(deadlines)
    assert deadlines == {}


@pytest.mark.usefixtures("hasty")
async def test_leg_that_calls_an_emergency_has_no_deadline() -> None:
    office = watch(METER)
    deadlines = await ringing(office)
    live = office.desk.board.calls[UNGATED_ID]
    live.post(ev.LegExempted(live.now(), LEG))

    assert await stands_still(deadlines)
