"""Emergency numbers in the dialplan are those of the gate, for every region, with and without outside line."""

import re

import pytest

from dialplan.contract import LegMark, MarkKind, Presentation, parse_leg_variable
from dialplan.trunks import Trunk
from rating.dialled import Dialled, DialledKind, DialRules, Unreadable, read_dialled
from rating.emergency import emergency_numbers
from rating.overrides import CarrierCode, NumberingTable
from tests.unit.dialplan.conf import dials, rendered

REGIONS = ("FR", "ES", "MX", "US", "GB", "DE")
_ROUTE = re.compile(r"exten => (_?[0-9XZN*#\[\]-]+),1,Goto\(tg-emergency,\$\{EXTEN(?::([0-9]+))?\},1\)")
_ONE_OF_A_SET = re.compile(r"\[([0-9])[^\]]*\]")


def caller_id_codes(home_region: str) -> tuple[str, ...]:
    """Return what may be dialled first to withhold or show one's number."""
    return DialRules(home_region=home_region).home.caller_id_codes


def carrier_codes(home_region: str) -> tuple[str, ...]:
    """Return what may be dialled first to choose a carrier, as patterns."""
    return DialRules(home_region=home_region).home.plain_carrier_codes


def emergency_routes(home_region: str, outside_line: str) -> dict[str, str]:
    """Return what may be dialled, one number for each pattern, and what number it rings."""
    routes: dict[str, str] = {}
    codes, carriers = caller_id_codes(home_region), carrier_codes(home_region)
    text = rendered(home_region=home_region, outside_line=outside_line, caller_id_codes=codes, carrier_codes=carriers)
    for line in text["tollgate-emergency"]:
        found = _ROUTE.fullmatch(line)
        assert found is not None, line
        dialled = one_of(found[1].removeprefix("_")) if found[1].startswith("_") else found[1]
        assert dialled not in routes, f"{dialled} is there twice: Asterisk takes only one"
        routes[dialled] = dialled[int(found[2] or 0) :]
    return routes


def one_of(pattern: str) -> str:
    """Return digits that a pattern matches."""
    return _ONE_OF_A_SET.sub(r"\1", pattern).replace("X", "0").replace("Z", "1").replace("N", "2")


@pytest.mark.parametrize("home_region", REGIONS)
@pytest.mark.parametrize("outside_line", ["", "0", "9", "1", "88"])
def test_emergency_patterns_are_the_gates_own(home_region: str, outside_line: str) -> None:
    numbers = emergency_numbers(home_region)

    routes = emergency_routes(home_region, outside_line)

    codes = ("", *caller_id_codes(home_region))
    beginnings = {code + line for code in codes for line in ("", outside_line)}
    beginnings |= {outside_line + code for code in codes}
    beginnings |= {outside_line + one_of(carrier) for carrier in carrier_codes(home_region)}
    assert routes.keys() == {beginning + number for beginning in beginnings for number in numbers}
    assert set(routes.values()) == numbers


@pytest.mark.parametrize("home_region", REGIONS)
@pytest.mark.parametrize("outside_line", ["", "0", "9", "1"])
def test_emergency_patterns_ring_the_number_that_the_gate_reads(home_region: str, outside_line: str) -> None:
    rules = DialRules(home_region=home_region, outside_line=outside_line)

    for dialled, number in emergency_routes(home_region, outside_line).items():
        reading = read_dialled(dialled, rules)
        assert isinstance(reading, Dialled)
        assert (reading.kind, reading.number) == (DialledKind.EMERGENCY, number)


@pytest.mark.parametrize("home_region", ["FR", "DE"])
def test_nothing_else_of_up_to_five_digits_is_an_emergency_at_the_gate(home_region: str) -> None:
    rules = DialRules(home_region=home_region, outside_line="0")
    routes = emergency_routes(home_region, "0")

    for digits in (f"{value:0{length}d}" for length in range(1, 6) for value in range(10**length)):
        reading = read_dialled(digits, rules)
        if isinstance(reading, Dialled) and reading.kind is DialledKind.EMERGENCY:
            assert digits in routes


def test_emergency_number_behind_a_carrier_code_of_an_administrator_rings_as_the_gate_reads_it() -> None:
    table = NumberingTable(
        carrier_codes=(
            CarrierCode("19[1-4]N", frozenset({"FR"}), "ours"),
            CarrierCode("0ZX", frozenset({"FR"}), "ours", becomes="0"),  # what is left of it is no emergency number
        )
    )
    rules = DialRules(home_region="FR", numbering=table)

    lines = rendered(carrier_codes=rules.home.plain_carrier_codes)["tollgate-emergency"]

    assert "exten => _19[1-4]N112,1,Goto(tg-emergency,${EXTEN:4},1)" in lines
    assert not [line for line in lines if "0ZX" in line]
    assert isinstance(read_dialled("01211" + "2", rules), Unreadable)
    reading = read_dialled("1912112", rules)
    assert isinstance(reading, Dialled)
    assert reading.kind is DialledKind.EMERGENCY


def test_emergency_rings_every_trunk_without_limit_and_with_its_mark() -> None:
    lines = rendered(trunks=(Trunk(endpoint="carrier1"), Trunk(endpoint="carrier2")))["tg-emergency"]

    assert [dial.split(",")[:2] for dial in dials(lines)] == [
        ["PJSIP/${EXTEN}@carrier1", ""],
        ["PJSIP/${EXTEN}@carrier2", ""],
    ]
    for dial in dials(lines):
        hook = re.fullmatch(r"ib\(tg-leg\^s\^1\((.*)\^(.*)\)\)", dial.split(",")[2])
        assert hook is not None, "nothing at the answer, no other option"
        mark = parse_leg_variable(hook[1])
        assert isinstance(mark, LegMark)
        assert (mark.kind, mark.call_id, mark.dialled) == (MarkKind.EMERGENCY, "${TG_CALL}", "${EXTEN}")
        assert hook[2] == Presentation.SHOWN, "an emergency service sees who calls, whatever the phone asked for"


def test_emergency_takes_the_callers_deadline_away_before_it_dials() -> None:
    lines = rendered()["tg-emergency"]
    cleared = next(index for index, line in enumerate(lines) if "TIMEOUT(absolute)=0" in line)

    assert cleared < next(index for index, line in enumerate(lines) if "Dial(" in line)
    assert not any("Stasis" in line for line in lines)
