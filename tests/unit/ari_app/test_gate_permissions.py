"""The gate obeys an extension's permissions, and its records name the rule."""

from datetime import timedelta

import pytest

from ari_app.gate import Admissible, Refused, judge
from rating.decision import DenyReason
from rating.hours import parse_hours
from rating.permissions import Permissions, parse_destinations
from tests.unit.ari_app.office import CALL_ID, JERSEY, PARIS, SETTINGS, T0, caller, catalog, entered, payer

PHONE = "PJSIP/101-00000001"


@pytest.mark.parametrize(
    ("permissions", "reason", "rule"),
    [
        (
            Permissions(extension="101", deny=parse_destinations("JE")),
            DenyReason.DESTINATION_DENIED,
            "extension 101: deny list has JE",
        ),
        (
            Permissions(extension="101", hours=parse_hours("mon 11:00-12:00")),
            DenyReason.OUTSIDE_HOURS,
            "extension 101: hours mon 11:00-12:00",
        ),
        (
            Permissions(extension="101", max_rate_micros=599_999),
            DenyReason.RATE_TOO_HIGH,
            "extension 101: highest price 0.599999 EUR a minute, this is 0.60",
        ),
    ],
)
def test_caller_without_permission_is_refused_by_its_rule(
    permissions: Permissions, reason: DenyReason, rule: str
) -> None:
    known = catalog(payer("101", permissions=permissions), payer("102"))
    refused = judge(entered(CALL_ID, JERSEY, by=caller(name=PHONE)), known, SETTINGS)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.rule) == (reason, rule)
    for dialled in ("112", "102", PARIS):
        assert isinstance(judge(entered(CALL_ID, dialled, by=caller(name=PHONE)), known, SETTINGS), Admissible)


def test_hours_begin_on_the_account_s_clock_and_the_longest_call_goes_with_the_call() -> None:
    limited = Permissions(extension="101", hours=parse_hours("mon 11:00-12:00"), longest_call_s=600)
    known = catalog(payer("101", permissions=limited))
    # The caller enters at 10:00 in Paris.
    late = entered(CALL_ID, JERSEY, by=caller(name=PHONE), when=T0 + timedelta(hours=1))
    verdict = judge(late, known, SETTINGS)
    assert isinstance(verdict, Admissible)
    assert verdict.call.longest_call_s == 600
