"""The rendered dialplan in a real Asterisk: it loads, it matches what it says, and its expressions hold."""

import re
import time

import pytest

from rating.emergency import emergency_numbers
from tests.integration.dialplan.probes import SLICES, probe
from tests.unit.dialplan.test_render import CONTEXTS
from tollgate.office.instance import AsteriskInstance


def first_match(pbx: AsteriskInstance, number: str, context: str) -> str:
    """Return what Asterisk would do first for a number dialled in a context."""
    shown = pbx.cli(f"dialplan show {number}@{context}")
    found = re.search(r"=>\s+1\. (.*?)\s+\[", shown)
    return "" if found is None else found[1]


def test_every_context_is_loaded_and_nothing_is_complained_about(pbx: AsteriskInstance) -> None:
    shown = pbx.cli("dialplan show")
    loaded = set(re.findall(r"Context '([\w-]+)' created by 'pbx_config'", shown))

    assert loaded >= CONTEXTS | {"phones", "from-trunk"}
    assert pbx.log_errors() == []
    log = (pbx.log_dir / "messages.log").read_text(encoding="utf-8")
    assert [line for line in log.splitlines() if "WARNING" in line and ("pbx" in line or "extension" in line)] == []


@pytest.mark.parametrize("outside_line", ["", "0"])
def test_every_emergency_number_dialled_by_a_phone_goes_to_the_emergency_context_first(
    pbx: AsteriskInstance, outside_line: str
) -> None:
    for number in sorted(emergency_numbers("FR")):
        dialled = outside_line + number
        target = "${EXTEN:1}" if outside_line else "${EXTEN}"
        assert first_match(pbx, dialled, "phones") == f"Goto(tg-emergency,{target},1)", dialled


@pytest.mark.parametrize("number", ["112", "0112"])
def test_emergency_is_found_from_every_way_in(pbx: AsteriskInstance, number: str) -> None:
    assert first_match(pbx, number, "tollgate").startswith("Goto(tg-emergency,")


@pytest.mark.parametrize("number", ["00145678901", "+447797123456", "*67112", "1121", "9112125551212", "3631"])
def test_anything_else_goes_to_the_gate(pbx: AsteriskInstance, number: str) -> None:
    assert first_match(pbx, number, "phones").startswith("GotoIf(${REGEX(")


def test_office_extension_stays_inside(pbx: AsteriskInstance) -> None:
    assert first_match(pbx, "101", "phones").startswith("Dial(PJSIP/${EXTEN}")


@pytest.mark.parametrize(
    ("dialled", "exists"),
    [
        ("00145678901", True),
        ("00945678901", True),
        ("00044123456789", False),
        ("0004412345678901", False),
        ("000441234567890", True),
        ("0145678901", False),
        ("001456789012", False),
        ("0899123456", False),
    ],
)
def test_away_patterns_exist_for_what_is_included_and_nothing_else(
    pbx: AsteriskInstance, dialled: str, exists: bool
) -> None:
    assert probe(pbx, dialled, "probe-away") == ("10" if exists else "00")


def test_away_exclusion_exists_beside_the_pattern_that_covers_it(pbx: AsteriskInstance) -> None:
    assert probe(pbx, "00976123456", "probe-away") == "11"


@pytest.mark.parametrize("index", range(len(SLICES)), ids=[repr(slice_s) for slice_s in SLICES])
def test_slice_that_is_no_positive_number_aborts_at_the_answer(pbx: AsteriskInstance, index: int) -> None:
    is_metered = SLICES[index] in {"9.700", "1", "0.001"}

    assert probe(pbx, str(index), "probe-slice") == ("metered" if is_metered else "abort")


def test_gate_without_a_service_refuses_and_dials_nothing(pbx: AsteriskInstance) -> None:
    log = pbx.log_dir / "messages.log"
    before = len(log.read_text(encoding="utf-8"))
    pbx.cli("core set verbose 5")
    pbx.cli("channel originate Local/+447797123456@tg-gate/n application Wait 1")
    deadline = time.monotonic() + 60
    while "0 active channels" not in pbx.cli("core show channels count"):
        assert time.monotonic() < deadline, "the call is still there"
        time.sleep(0.05)

    assert "Dial(" not in log.read_text(encoding="utf-8")[before:]
    assert "carrier" not in pbx.cli("core show channels")


def test_reload_keeps_the_dialplan(pbx: AsteriskInstance) -> None:
    pbx.cli("dialplan reload")

    assert first_match(pbx, "112", "phones") == "Goto(tg-emergency,${EXTEN},1)"
    assert pbx.log_errors() == []
