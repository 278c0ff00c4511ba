"""Legs that came and went while ARI was away, in calls that end before anybody has read what such legs left."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from charging.cdr import EndSource
from dialplan.contract import LEG_RECORDS_FAMILY
from tests.integration.ari_app.fake_asterisk import Caller
from tests.integration.ari_app.serving import serving
from tests.unit.ari_app.office import until

BROKEN = b"\x83\x00"
"""A frame that ARI's line is given up for."""


def left_by(call_id: str, ended_at: datetime) -> str:
    """Return what the hang-up handler of a leg writes that talked for a second."""
    answered_at = ended_at - timedelta(seconds=1)
    return f"{call_id},{answered_at.timestamp():.3f},{ended_at.timestamp():.3f},16,carrier1"


async def test_leg_that_came_and_went_unseen_is_written_down_though_its_call_ends_before_it_is_read(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as served:
        fake, caller = served.asterisk, Caller(served.asterisk)
        await caller.enters()
        await caller.is_("Up")
        await until(lambda: served.service.switchboard.calls[caller.call_id].session.talking_leg)
        await until(lambda: fake.asked("GET", "channels"))

        ended_at = datetime.now(UTC)
        key = f"{ended_at:%Y%m%d%H}/1793610000.9"
        fake.records[LEG_RECORDS_FAMILY, key] = left_by(caller.call_id, ended_at)
        fake.requests.clear()
        await fake.write(BROKEN)
        await until(lambda: fake.connections == 2 and fake.asked("GET", "channels"))
        await caller.hangs_up()
        await until(lambda: not served.service.switchboard.calls)

        first, second = await served.cdrs()
        assert {first.end_source, second.end_source} == {EndSource.EVENT, EndSource.HANDLER}
        assert {first.leg, second.leg} == {1, 2}
