"""Whatever a phone dials: what reaches a trunk is the number that was rated, and nothing but digits and a plus."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ari_app.gate import Admissible, Refused, judge
from charging.policy import MeteringPolicy
from charging.records import refusal_cause
from charging.session import begin
from dialplan.trunks import DialFormat, trunk_number
from rating.destination import DestinationClass
from tests.fuzz.effort import fuzz
from tests.fuzz.mutation import damaged_text
from tests.unit.ari_app.office import CALL_ID, SETTINGS, catalog, entered

DIALS = re.compile(r"\+?[0-9]+")
KNOWN = (
    "00447797123456",
    "+447797123456",
    "0145678901",
    "*31#0145678901",
    "#31#00447797123456",
    "112",
    "*31#112",
    "101",
    "3631",
    "sip:0145678901@host",
    "0145678901;ext=5",
    "${EXTEN}",
    "0145678901&PJSIP/x",
    "tel:+33145678901",
)
DIALLED = damaged_text(KNOWN) | st.text(max_size=50) | st.text(alphabet="0123456789+*#", max_size=30)
CATALOG = catalog()
POLICY = MeteringPolicy()


@fuzz(400)
@given(DIALLED, st.sampled_from(DialFormat), st.sampled_from(["FR", "ES", "GB", "US", "IT"]))
def test_whatever_is_dialled_only_digits_reach_a_trunk(dialled: str, dial_format: DialFormat, region: str) -> None:
    match judge(entered(CALL_ID, dialled, "", "", ""), CATALOG, SETTINGS):
        case Refused() as refused:
            assert refused.reason
            assert refusal_cause(refused.reason) > 0
        case Admissible(call, decision):
            begin(call, POLICY)
            assert call.number == decision.number
            if call.destination_class is not DestinationClass.INTERNAL:
                assert DIALS.fullmatch(call.number)
                assert DIALS.fullmatch(trunk_number(call.number, dial_format, region))
            else:
                assert call.number in CATALOG.rules.extensions


NAMES = damaged_text(("PJSIP/101-00000001", "PJSIP/102-00000002", "Local/101@phones-1;2", "")) | st.text(max_size=20)


@fuzz(200)
@given(st.lists(NAMES, max_size=5))
def test_payer_is_an_extension_of_ours_or_the_call_is_refused(names: list[str]) -> None:
    verdict = judge(entered(CALL_ID, KNOWN[0], *names), CATALOG, SETTINGS)
    known = {"PJSIP/101": "101", "PJSIP/102": "102"}

    deciding = next((name for name in names if name), "PJSIP/101-00000001")
    endpoint = deciding.rpartition("-")[0]
    if endpoint in known and "-" in deciding:
        assert verdict.call.extension == known[endpoint]
    else:
        assert isinstance(verdict, Refused)
        assert verdict.call.extension == ""
