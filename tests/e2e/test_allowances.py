"""An allowance pays first, then money, then nothing: inside one call, through a real Asterisk."""

from collections.abc import Callable

from charging.cdr import HangupSide
from rating.decision import DenyReason
from tests.e2e import sipp
from tests.e2e.desk import Desk, assert_cut_within_paid, wait_until
from tests.e2e.earlier_use import use_allowance
from tests.e2e.office import SECOND_PRICED
from tests.e2e.pbx import SHORT_SLICES

MakeDesk = Callable[..., Desk]

MINUTE_OF_GREENLAND = """
[[allowance]]
name = "greenland"
minutes = 1
per = "account"

[[allowance.covers]]
regions = ["GL"]
types = ["fixed", "mobile", "fixed_or_mobile"]
"""


def desk_with(make_desk: MakeDesk, left_s: int, funds: str) -> Desk:
    """Return a desk whose account has so much left of its minute."""
    desk: Desk = make_desk(funds=funds, metering=SHORT_SLICES, more=MINUTE_OF_GREENLAND)
    use_allowance(desk, "greenland", limit_s=60, used_s=60 - left_s)
    return desk


def test_call_goes_on_with_money_after_its_allowance(make_desk: MakeDesk) -> None:
    desk = desk_with(make_desk, left_s=5, funds="10.00")
    desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 9_100)).wait()

    cdr = desk.wait_cdrs(2)[-1]
    assert (cdr.allowance_s, cdr.billable_s, cdr.charged_micros) == (5, 10, 50_000)
    assert cdr.funded_by == ("allowance", "account")
    assert (cdr.hangup_side, cdr.unfunded_micros) == (HangupSide.CALLER, 0)
    assert desk.account().available_micros == 10_000_000 - 50_000


def test_call_without_money_ends_with_its_allowance_and_is_not_refused(make_desk: MakeDesk) -> None:
    desk = desk_with(make_desk, left_s=7, funds="0")
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()

    cdr = desk.wait_cdrs(2)[-1]
    assert_cut_within_paid(cdr, 7)
    assert carrier.seen("BYE", sent=False)
    assert (cdr.allowance_s, cdr.charged_micros) == (7, 0)
    assert (cdr.funded_by, cdr.hangup_side) == (("allowance",), HangupSide.TOLLGATE)

    desk.phone(sipp.calls_or_is_refused(SECOND_PRICED, 500)).wait()
    refused = desk.wait_cdrs(3)[-1]
    assert refused.deny_reason is DenyReason.NO_FUNDS
    assert "allowance is used up" in (refused.deny_rule or "")


def test_two_calls_share_an_allowance_without_spending_a_second_twice(make_desk: MakeDesk) -> None:
    desk = desk_with(make_desk, left_s=10, funds="0")
    desk.carrier(sipp.answers(ring_ms=50))
    phones = [desk.phone(sipp.calls_until_cut(SECOND_PRICED), extension=extension) for extension in ("101", "102")]
    for phone in phones:
        phone.wait()

    _, first, second = desk.wait_cdrs(3)
    assert first.allowance_s + second.allowance_s == 10
    assert (first.billable_s, second.billable_s) == (first.allowance_s, second.allowance_s)
    assert first.charged_micros == second.charged_micros == 0


def test_service_killed_while_an_allowance_pays_charges_what_its_successor_finds(make_desk: MakeDesk) -> None:
    desk = desk_with(make_desk, left_s=20, funds="10.00")
    desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls(SECOND_PRICED, 6_100))
    wait_until(lambda: desk.sessions() and desk.sessions()[0].paid_s > 4, "the first slice is renewed")
    desk.kill_service()
    desk.start_service()
    phone.wait()

    cdr = desk.wait_cdrs(2)[-1]
    assert (cdr.allowance_s, cdr.billable_s, cdr.charged_micros) == (7, 7, 0)
