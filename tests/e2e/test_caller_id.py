"""A code that withholds or shows the caller's number does so on the wire, for that call and for no other."""

import pytest

from charging.cdr import Disposition
from rating.destination import DestinationClass
from tests.e2e import sipp
from tests.e2e.desk import Desk
from tests.e2e.office import INCLUDED, SECOND_PRICED

ANONYMOUS = "[Aa]nonymous.*anonymous.invalid"
NAMED = "sip:101@"


@pytest.mark.parametrize(
    ("dialled", "caller", "destination_class"),
    [
        (INCLUDED, NAMED, DestinationClass.INCLUDED),
        (f"*67{INCLUDED}", ANONYMOUS, DestinationClass.INCLUDED),
        (f"*67{SECOND_PRICED}", ANONYMOUS, DestinationClass.INTERNATIONAL),
        (f"3651{INCLUDED}", ANONYMOUS, DestinationClass.INCLUDED),
        (f"*82{SECOND_PRICED}", NAMED, DestinationClass.INTERNATIONAL),
        ("*67112", NAMED, DestinationClass.EMERGENCY),
        ("3651112", NAMED, DestinationClass.EMERGENCY),
    ],
)
def test_carrier_sees_the_number_that_the_code_lets_it_see(
    desk: Desk, dialled: str, caller: str, destination_class: DestinationClass
) -> None:
    desk.carrier(sipp.answers(caller=caller))
    desk.phone(sipp.calls(dialled, 600)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.destination_class) == (Disposition.ANSWERED, destination_class)


def test_next_call_of_the_same_phone_shows_its_number_again(desk: Desk) -> None:
    withheld = desk.carrier(sipp.answers(caller=ANONYMOUS), calls=1)
    desk.phone(sipp.calls(f"*67{SECOND_PRICED}", 600)).wait()
    withheld.wait()
    desk.carrier(sipp.answers(caller=NAMED))
    desk.phone(sipp.calls(SECOND_PRICED, 600)).wait()

    assert [cdr.disposition for cdr in desk.wait_cdrs(2)] == [Disposition.ANSWERED] * 2
