"""Caps and permissions of an extension, set while the service runs, through a real Asterisk."""

import time
from collections.abc import Callable
from datetime import timedelta

from charging.cdr import Disposition, HangupSide
from rating.decision import DenyReason
from tests.e2e import sipp
from tests.e2e.desk import Desk, assert_cut_within_paid, wait_until
from tests.e2e.office import INCLUDED, SECOND_PRICED
from tests.e2e.pbx import SHORT_SLICES

MakeDesk = Callable[..., Desk]


def set_limits(desk: Desk, what: str, name: str, *options: str) -> None:
    """Set limits as an administrator would, and wait until the service knows them."""
    before = loaded(desk)
    result = desk.tollgate(what, "set", name, *options)
    assert result.returncode == 0, result.stderr
    wait_until(lambda: loaded(desk) > before, "the service has read the catalog again")


def loaded(desk: Desk) -> int:
    return sum(entry["event"] == "catalog_loaded" for entry in desk.log_entries())


def test_cap_ends_a_call_to_the_second_with_money_left(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES)
    set_limits(desk, "extension", "101", "--daily-cap", "0.08")
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()

    (cdr,) = desk.wait_cdrs(1)
    assert_cut_within_paid(cdr, 8)
    assert carrier.seen("BYE", sent=False)
    assert (cdr.charged_micros, cdr.hangup_side) == (80_000, HangupSide.TOLLGATE)
    assert (cdr.deny_reason, cdr.deny_rule) == (None, "extension 101: daily cap 0.08, 0.08 is spent or held")
    assert desk.account().available_micros == 10_000_000 - 80_000

    desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 403)).wait()
    refused = desk.wait_cdrs(2)[-1]
    assert (refused.disposition, refused.deny_reason) == (Disposition.REFUSED, DenyReason.CAP_REACHED)
    assert "extension 101: daily cap 0.08" in (refused.deny_rule or "")
    desk.phone(sipp.calls(INCLUDED, 300)).wait()
    desk.phone(sipp.calls(SECOND_PRICED, 300), extension="102").wait()
    assert [cdr.disposition for cdr in desk.wait_cdrs(4)[2:]] == [Disposition.ANSWERED] * 2


def test_calls_share_their_accounts_cap_and_end_together(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES)
    set_limits(desk, "account", "main", "--monthly-cap", "0.20")
    desk.carrier(sipp.answers(ring_ms=50))
    phones = [desk.phone(sipp.calls_until_cut(SECOND_PRICED), extension=extension) for extension in ("101", "102")]
    for phone in phones:
        phone.wait()

    cdrs = desk.wait_cdrs(2)
    assert sum(cdr.charged_micros for cdr in cdrs) == 200_000
    assert {cdr.deny_rule for cdr in cdrs} == {"account main: monthly cap 0.20, 0.20 is spent or held"}
    first, second = sorted(cdr.ended_at for cdr in cdrs)
    assert second - first <= timedelta(seconds=4), "one call starved while the other went on"


def test_cap_that_is_raised_while_a_call_talks_lets_it_go_on(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES)
    set_limits(desk, "extension", "101", "--daily-cap", "0.10")
    desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls(SECOND_PRICED, 11_100))
    wait_until(lambda: any(session.paid_until_ms for session in desk.sessions()), "the call talks")
    set_limits(desk, "extension", "101", "--daily-cap", "none")
    phone.wait()

    (cdr,) = desk.wait_cdrs(1)
    assert (cdr.billable_s, cdr.hangup_side, cdr.deny_rule) == (12, HangupSide.CALLER, None)


def test_one_paid_call_at_a_time(make_desk: MakeDesk) -> None:
    desk = make_desk()
    set_limits(desk, "extension", "101", "--max-calls", "1")
    desk.carrier(sipp.answers())
    desk.phone(sipp.calls_or_is_refused(SECOND_PRICED, 3_000), calls=2, rate=1).wait()
    desk.phone(sipp.calls(SECOND_PRICED, 300)).wait()

    first, second, third = desk.wait_cdrs(3)
    assert [cdr.deny_reason for cdr in (first, second, third)] == [None, DenyReason.TOO_MANY_CALLS, None]
    assert (second.deny_rule or "").startswith("extension 101: 1 paid calls at a time")


def test_nothing_an_extension_is_denied_keeps_an_emergency_from_ringing(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0")
    set_limits(
        desk, "extension", "101", "--prepaid", "off", "--daily-cap", "0", "--max-calls", "0",
        "--deny", "FR,GL,national,premium,international,included", "--max-rate", "0",
    )  # fmt: skip
    set_limits(desk, "account", "main", "--monthly-cap", "0")
    desk.carrier(sipp.answers())
    desk.phone(sipp.calls("112", 300)).wait()
    desk.phone(sipp.calls_and_is_refused(INCLUDED, 403)).wait()
    desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 403)).wait()

    emergency, included, paid = desk.wait_cdrs(3)
    assert emergency.disposition is Disposition.ANSWERED
    assert included.deny_reason is paid.deny_reason is DenyReason.DESTINATION_DENIED
    assert "extension 101" in (paid.deny_rule or "")


def test_hours_refuse_outside_and_admit_within(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.carrier(sipp.answers())
    # Three hours on the other side of the day, by any clock of Europe.
    hour = (time.gmtime().tm_hour + 12) % 24
    set_limits(desk, "extension", "101", "--hours", f"mon-sun {hour:02d}:00-{(hour + 3) % 24:02d}:00")
    desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 403)).wait()
    set_limits(desk, "extension", "101", "--hours", "always")
    desk.phone(sipp.calls(SECOND_PRICED, 300)).wait()

    refused, admitted = desk.wait_cdrs(2)
    assert refused.deny_reason is DenyReason.OUTSIDE_HOURS
    assert admitted.disposition is Disposition.ANSWERED
