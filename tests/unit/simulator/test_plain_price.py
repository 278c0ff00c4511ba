"""The plain price that charges are held against says the same as the real one, found by another way."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charging.call import Call
from charging.records import usage
from rating.destination import DestinationClass
from rating.rate import Rate
from tollgate.simulator.office import RATES
from tollgate.simulator.plain_price import plain_charge_micros

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
JERSEY, GB, FR, AMERICA, SPAIN = RATES


@pytest.mark.parametrize(
    ("rate", "talked_ms", "allowance_s", "expected"),
    [
        (JERSEY, 0, 0, 10_000),
        (JERSEY, 1_001, 0, 20_000),
        (JERSEY, 1_001, 2, 0),
        (GB, 61_000, 0, 50_000 + 257_556),
        (FR, 1_000, 0, 60_000),
        (SPAIN, 70_000, 10, 40_000),
    ],
)
def test_talk_costs_what_its_rate_says(rate: Rate, talked_ms: int, allowance_s: int, expected: int) -> None:

    assert plain_charge_micros(rate, talked_ms, allowance_s) == expected


@given(rate=st.sampled_from(RATES), talked_ms=st.integers(0, 2_000_000), allowance_s=st.integers(0, 900))
def test_plain_price_is_the_real_one(rate: Rate, talked_ms: int, allowance_s: int) -> None:
    call = Call(
        call_id="c",
        node="pbx1",
        account_id=1,
        extension="101",
        endpoint="PJSIP/101",
        caller_channel="c",
        dialled="1",
        number="+1",
        e164="+1",
        destination_class=DestinationClass.INTERNATIONAL,
        deck="simulated",
        rate=rate,
        funded_by=("account",),
        started_at=T0,
    )
    used = usage(call, T0, T0 + timedelta(milliseconds=talked_ms), allowance_s)
    assert plain_charge_micros(rate, talked_ms, allowance_s) == used.price_micros
