"""A leg that is to be hung up and is gone already, and whose own event never came."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from ari_app import legs
from ari_app.client import AriReply
from ari_app.clock import Clock, steady_s, utc_now
from ari_app.errors import AmiUnavailableError
from ari_app.leg_records import LegRecord, LegRecords, by_call
from charging import commands as cmd
from charging import events as ev
from charging.cdr import EndSource
from charging.session import Phase, next_wake_at, step
from tests.unit.ari_app.test_execute import Lines, SomeAmi, SomeAri, ago, answered, call_after
from tests.unit.charging.story import LEG, POLICY, TRUNK


@dataclass
class WithRecords(SomeAmi):
    """An AMI with what hang-up handlers left, or none that answers."""

    tree: dict[str, str] | None = field(default_factory=dict)

    async def read_tree(self, _family: str) -> dict[str, str]:
        """Return it."""
        if self.tree is None:
            raise AmiUnavailableError("AMI is not connected")
        return self.tree


class Speechless(SomeAri):
    """An ARI that does not say when Asterisk was started."""

    async def status(self) -> AriReply:
        """Answer with an error."""
        return AriReply(500)


async def end_of(
    monkeypatch: pytest.MonkeyPatch, ami: WithRecords, started_at: datetime = SomeAri.started_at
) -> datetime | None:
    """Have a leg hung up that ARI does not know any more; return when it ended."""
    monkeypatch.setattr(legs, "HANGUP_SETTLE_S", 0.0)
    live, executor = call_after(Lines(SomeAri(hang_ups=[404], started_at=started_at), ami), *answered())
    live.follow()
    executor.execute(live, cmd.HangUpLeg(LEG))
    await executor.drain(60)
    assert live.session.phase is Phase.CLOSING
    return live.session.last_leg_ended_at


async def test_it_ended_when_its_hang_up_handler_says(monkeypatch: pytest.MonkeyPatch) -> None:
    ended_at = ago(0.4).replace(microsecond=250_000)
    answered_at = ended_at - timedelta(seconds=1)
    call_id = call_after(Lines())[0].call_id
    record = f"{call_id},{answered_at.timestamp():.3f},{ended_at.timestamp():.3f},16,{TRUNK}"

    assert await end_of(monkeypatch, WithRecords(tree={f"2026110209/{LEG}": record})) == ended_at


async def test_without_a_record_it_ended_when_asterisks_own_cdr_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "HANGUP_SETTLE_S", 0.0)
    call_id, ended_at = call_after(Lines())[0].call_id, ago(0.4)

    async def read_cdrs() -> LegRecords:
        return by_call([LegRecord(LEG, call_id, ago(1), ended_at, None, TRUNK, EndSource.ASTERISK_CDR)])

    lines = Lines(SomeAri(hang_ups=[404]), WithRecords())
    live, executor = call_after(lines, *answered(), read_cdrs=read_cdrs)
    live.follow()
    executor.execute(live, cmd.HangUpLeg(LEG))
    await executor.drain(60)

    record = live.session.closing_record
    assert record is not None
    assert (record.ended_at, record.end_source) == (ended_at, EndSource.ASTERISK_CDR)


async def test_while_ami_cannot_tell_its_end_it_keeps_its_hold_and_is_asked_to_end_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(legs, "HANGUP_SETTLE_S", 0.0)
    ami = WithRecords(tree=None)
    live, executor = call_after(Lines(SomeAri(hang_ups=[404]), ami), *answered())
    live.follow()
    executor.execute(live, cmd.HangUpLeg(LEG))
    await executor.drain(60)

    assert live.session.phase is Phase.TALKING
    assert next_wake_at(live.session, POLICY) is not None


@pytest.mark.parametrize("tree", [{}, {"2026110209/other": "damaged"}], ids=["none", "others"])
async def test_without_a_record_it_is_taken_to_have_ended_now(
    monkeypatch: pytest.MonkeyPatch, tree: dict[str, str]
) -> None:
    ended_at = await end_of(monkeypatch, WithRecords(tree=tree))

    assert ended_at is not None
    assert ended_at > ago(5)


async def test_without_a_record_it_did_not_outlive_its_asterisk(monkeypatch: pytest.MonkeyPatch) -> None:
    started_at = ago(0.3)

    assert await end_of(monkeypatch, WithRecords(), started_at) == started_at


async def test_without_a_record_it_ended_now_where_the_clock_was_set_and_asterisk_does_not_say_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(legs, "HANGUP_SETTLE_S", 0.0)
    fast = timedelta()
    clock = Clock(lambda: utc_now() + fast, steady_s)
    fast = timedelta(hours=-1)
    live, executor = call_after(Lines(Speechless(hang_ups=[404]), WithRecords()), *answered(), clock=clock)
    live.follow()
    executor.execute(live, cmd.HangUpLeg(LEG))
    await executor.drain(60)

    assert live.session.phase is Phase.CLOSING


async def test_without_a_record_it_did_not_outlive_what_was_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "HANGUP_SETTLE_S", 0.0)
    opened, admitted, _ = answered()
    answered_at = ago(12)
    live, executor = call_after(Lines(SomeAri(hang_ups=[404]), WithRecords()), opened, admitted)
    live.follow()
    live.session, _ = step(live.session, ev.LegAnswered(answered_at, LEG, TRUNK), POLICY)
    executor.execute(live, cmd.HangUpLeg(LEG))
    await executor.drain(60)

    assert live.session.last_leg_ended_at == answered_at + timedelta(seconds=live.session.paid_s)
