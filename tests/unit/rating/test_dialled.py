"""Reading dialled digits: the traps, and what is taken off before the number."""

import pytest

from rating.dialled import Dialled, DialledKind, DialRules, DialRulesError, TakenOff, Unreadable, read_dialled
from rating.faults import Fault

FRANCE = DialRules(home_region="FR", extensions=frozenset({"101", "112", "3631", "9999"}))
AMERICA = DialRules(home_region="US", outside_line="9", extensions=frozenset({"2001"}))
GERMANY = DialRules(home_region="DE", outside_line="0")


def number_of(raw: str, rules: DialRules) -> str:
    dialled = read_dialled(raw, rules)
    assert isinstance(dialled, Dialled), dialled
    assert dialled.raw == raw
    return dialled.number


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("", Fault.EMPTY),
        ("*67", Fault.EMPTY),
        (" ", Fault.CHARACTERS),
        ("06 12 34 56 78", Fault.CHARACTERS),
        ("06.12.34.56.78", Fault.CHARACTERS),
        ("+33 (0)6", Fault.CHARACTERS),
        ("0612345678;ext=12", Fault.CHARACTERS),
        ("0612345678x123", Fault.CHARACTERS),
        ("0612345678,,123#", Fault.CHARACTERS),
        ("0800ABCDEF", Fault.CHARACTERS),
        ("０６１２３４５６７８", Fault.CHARACTERS),
        ("٠٦١٢٣٤٥٦٧٨", Fault.CHARACTERS),
        ("0612345678\n", Fault.CHARACTERS),
        ("11 2", Fault.CHARACTERS),
        ("sip:x@host", Fault.CHARACTERS),
        ("0" * 41, Fault.TOO_LONG),
        ("0" * 40, Fault.IMPOSSIBLE),
        ("1" * 40, Fault.IMPOSSIBLE),
        ("+" + "3" * 39, Fault.IMPOSSIBLE),
        ("0612345678#", Fault.SERVICE_CODE),
        ("*112", Fault.SERVICE_CODE),
        ("*21*0612345678#", Fault.SERVICE_CODE),
        ("+", Fault.IMPOSSIBLE),
        ("++33612345678", Fault.IMPOSSIBLE),
        ("0033+612345678", Fault.IMPOSSIBLE),
        ("06+12345678", Fault.IMPOSSIBLE),
        ("0", Fault.IMPOSSIBLE),
        ("+0612345678", Fault.IMPOSSIBLE),
        ("061234567", Fault.IMPOSSIBLE),
        ("+33061234567", Fault.IMPOSSIBLE),
        ("+333631", Fault.IMPOSSIBLE),
        ("+33112", Fault.IMPOSSIBLE),
        ("+1911", Fault.IMPOSSIBLE),
        ("+989601", Fault.IMPOSSIBLE),
        ("612345678", Fault.NO_TRUNK_PREFIX),
        ("+9991234567", Fault.UNKNOWN_COUNTRY),
        ("0598123456", Fault.UNKNOWN_COUNTRY),
    ],
)
def test_read_dialled_unreadable_digits_say_why(raw: str, fault: Fault) -> None:
    assert read_dialled(raw, FRANCE) == Unreadable(raw, fault)


@pytest.mark.parametrize(
    ("region", "raw", "country_code"),
    [
        ("FR", "+10000000000", 1),
        ("FR", "+447700900123", 44),
        ("FR", "0044207946000", 44),
        ("GB", "0901234567", 44),
        ("US", "19765551234", 1),
        ("US", "7005551234", 1),
    ],
)
def test_read_dialled_unknown_range_of_a_shared_country_code_names_the_code(
    region: str, raw: str, country_code: int
) -> None:
    read = read_dialled(raw, DialRules(home_region=region))
    assert read == Unreadable(raw, Fault.UNKNOWN_RANGE, country_code)


WITHHOLDING, SHOWING = TakenOff.WITHHOLDING_CODE, TakenOff.SHOWING_CODE


@pytest.mark.parametrize(
    ("region", "raw", "number", "taken_off"),
    [
        ("FR", "#31#+33612345678", "+33612345678", (WITHHOLDING, "#31#")),
        ("FR", "*31#0612345678", "+33612345678", (SHOWING, "*31#")),
        ("FR", "*67101", "101", (WITHHOLDING, "*67")),
        ("FR", "*820612345678", "+33612345678", (SHOWING, "*82")),
        ("FR", "36510612345678", "+33612345678", (WITHHOLDING, "3651")),
        ("FR", "365115", "15", (WITHHOLDING, "3651")),
        ("FR", "3651", "3651", None),
        ("FR", "0612345678", "+33612345678", None),
        ("ES", "067912345678", "+34912345678", (WITHHOLDING, "067")),
        ("ES", "067112", "112", (WITHHOLDING, "067")),
        ("GB", "14102079460018", "+442079460018", (WITHHOLDING, "141")),
        ("GB", "147002079460018", "+442079460018", (SHOWING, "1470")),
        ("GB", "141999", "999", (WITHHOLDING, "141")),
        ("IE", "142012345678", "+35312345678", (SHOWING, "142")),
        ("US", "11672125550100", "+12125550100", (WITHHOLDING, "1167")),
        ("US", "11822125550100", "+12125550100", (SHOWING, "1182")),
        ("US", "1167911", "911", (WITHHOLDING, "1167")),
        ("DE", "*31#030901820", "+4930901820", (WITHHOLDING, "*31#")),
        ("CH", "*31#0446681800", "+41446681800", (WITHHOLDING, "*31#")),
        ("IT", "*67#0612345678", "+390612345678", (WITHHOLDING, "*67#")),
        ("IT", "*670612345678", "+390612345678", (WITHHOLDING, "*67")),
        ("AU", "18310212345678", "+61212345678", (WITHHOLDING, "1831")),
        ("NZ", "0197092345678", "+6492345678", (WITHHOLDING, "0197")),
        ("JP", "1840312345678", "+81312345678", (WITHHOLDING, "184")),
        ("JP", "1860312345678", "+81312345678", (SHOWING, "186")),
        ("HK", "13321234567", "+85221234567", (WITHHOLDING, "133")),
        ("HK", "135721234567", "+85221234567", (SHOWING, "1357")),
    ],
)
def test_read_dialled_caller_id_code_is_taken_off_and_says_what_it_does(
    region: str, raw: str, number: str, taken_off: tuple[TakenOff, str] | None
) -> None:
    rules = FRANCE if region == "FR" else DialRules(home_region=region)
    dialled = read_dialled(raw, rules)
    assert isinstance(dialled, Dialled), dialled
    assert (dialled.number, dialled.taken_off) == (number, () if taken_off is None else (taken_off,))
    assert dialled.withhold_caller_id == (None if taken_off is None else taken_off[0] is WITHHOLDING)


def test_read_dialled_two_caller_id_codes_the_last_one_counts() -> None:
    rules = DialRules(home_region="US", outside_line="9")
    for raw, withheld in (("*679*822125550100", False), ("*829*672125550100", True)):
        dialled = read_dialled(raw, rules)
        assert isinstance(dialled, Dialled)
        assert dialled.withhold_caller_id is withheld


@pytest.mark.parametrize(
    ("region", "raw", "number", "code"),
    [
        ("US", "101028812125550100", "+12125550100", "1010288"),
        ("US", "1010288911", "911", "1010288"),
        ("US", "1010288411", "411", "1010288"),
        ("CA", "101588014165550123", "+14165550123", "1015880"),
        ("BR", "0151130001234", "+551130001234", "015"),
        ("BR", "02111987654321", "+5511987654321", "021"),
        ("BR", "01130001234", "+551130001234", None),
        ("BR", "011987654321", "+5511987654321", None),
        ("BR", "08001234567", "+558001234567", None),
        ("FR", "16110145678901", "+33145678901", "1611"),
        ("DE", "01013030901820", "+4930901820", "01013"),
        ("DE", "010033030901820", "+4930901820", "010033"),
        ("DE", "01013110", "110", "01013"),
        ("ES", "1050912345678", "+34912345678", "1050"),
        ("NL", "16580201234567", "+31201234567", "1658"),
        ("PL", "1044221234567", "+48221234567", "1044"),
        ("PT", "1070211234567", "+351211234567", "1070"),
        ("CH", "107120446681800", "+41446681800", "10712"),
    ],
)
def test_read_dialled_carrier_code_is_taken_off(region: str, raw: str, number: str, code: str | None) -> None:
    dialled = read_dialled(raw, DialRules(home_region=region))
    assert isinstance(dialled, Dialled), dialled
    assert (dialled.number, dialled.taken_off) == (number, () if code is None else ((TakenOff.CARRIER_CODE, code),))


@pytest.mark.parametrize(
    ("raw", "number", "kinds"),
    [
        ("92125550100", "+12125550100", [TakenOff.OUTSIDE_LINE]),
        ("*6792125550100", "+12125550100", [TakenOff.WITHHOLDING_CODE, TakenOff.OUTSIDE_LINE]),
        ("9*672125550100", "+12125550100", [TakenOff.OUTSIDE_LINE, TakenOff.WITHHOLDING_CODE]),
        ("9101028812125550100", "+12125550100", [TakenOff.OUTSIDE_LINE, TakenOff.CARRIER_CODE]),
        ("91010288011447797123456", "+447797123456", [TakenOff.OUTSIDE_LINE, TakenOff.CARRIER_CODE]),
        ("912125551212", "+12125551212", [TakenOff.OUTSIDE_LINE]),
        ("+12125550100", "+12125550100", []),
        ("9+12125550100", "+12125550100", [TakenOff.OUTSIDE_LINE]),
        ("9411", "411", [TakenOff.OUTSIDE_LINE]),
        ("911", "911", []),
        ("9911", "911", [TakenOff.OUTSIDE_LINE]),
        ("*67911", "911", [TakenOff.WITHHOLDING_CODE]),
        ("9*67911", "911", [TakenOff.OUTSIDE_LINE, TakenOff.WITHHOLDING_CODE]),
        ("91010288911", "911", [TakenOff.OUTSIDE_LINE, TakenOff.CARRIER_CODE]),
        ("2001", "2001", []),
    ],
)
def test_read_dialled_with_an_outside_line(raw: str, number: str, kinds: list[TakenOff]) -> None:
    dialled = read_dialled(raw, AMERICA)
    assert isinstance(dialled, Dialled)
    assert dialled.number == number
    assert [kind for kind, _ in dialled.taken_off] == kinds


@pytest.mark.parametrize("raw", ["2125550100", "12125550100", "411", "2002"])
def test_read_dialled_without_the_outside_line_refused(raw: str) -> None:
    assert read_dialled(raw, AMERICA) == Unreadable(raw, Fault.NO_OUTSIDE_LINE)


@pytest.mark.parametrize(
    ("raw", "number"),
    [("0030901820", "+4930901820"), ("00033123456789", "+33123456789"), ("0112", "112"), ("112", "112")],
)
def test_read_dialled_outside_line_that_is_also_the_trunk_prefix(raw: str, number: str) -> None:
    assert number_of(raw, GERMANY) == number


def test_read_dialled_outside_line_alone_is_empty() -> None:
    assert read_dialled("9", AMERICA) == Unreadable("9", Fault.EMPTY)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("112", DialledKind.EMERGENCY),
        ("101", DialledKind.INTERNAL),
        ("3631", DialledKind.INTERNAL),
        ("3919", DialledKind.SHORT),
        ("0612345678", DialledKind.E164),
    ],
)
def test_read_dialled_emergency_before_extension_before_short(raw: str, kind: DialledKind) -> None:
    dialled = read_dialled(raw, FRANCE)
    assert isinstance(dialled, Dialled)
    assert dialled.kind is kind
    assert (dialled.e164 is not None) == (kind is DialledKind.E164)


def test_read_dialled_own_international_prefixes_replace_the_region_s() -> None:
    rules = DialRules(home_region="FR", international_prefixes=("00", "19"))
    assert number_of("19442079460018", rules) == "+442079460018"
    assert number_of("00442079460018", rules) == "+442079460018"
    assert number_of("0612345678", rules) == "+33612345678"
    only_19 = DialRules(home_region="FR", international_prefixes=("19",))
    assert read_dialled("00442079460018", only_19) == Unreadable("00442079460018", Fault.IMPOSSIBLE)


@pytest.mark.parametrize(
    ("region", "raw", "number"),
    [
        ("CN", "13812345678", "+8613812345678"),
        ("CN", "013812345678", "+8613812345678"),
        ("IT", "0612345678", "+390612345678"),
        ("HU", "0612345678", "+3612345678"),
        ("AU", "0011442079460018", "+442079460018"),
        ("RU", "84951234567", "+74951234567"),
    ],
)
def test_read_dialled_other_dialling_habits(region: str, raw: str, number: str) -> None:
    assert number_of(raw, DialRules(home_region=region)) == number


@pytest.mark.parametrize(
    ("region", "raw"),
    [("BR", "+559044921360"), ("BR", "09044921360"), ("BR", "0639044921360"), ("CN", "0111277244005")],
)
def test_read_dialled_digits_that_the_library_would_lose_refused(region: str, raw: str) -> None:
    assert read_dialled(raw, DialRules(home_region=region)) == Unreadable(raw, Fault.IMPOSSIBLE)


@pytest.mark.parametrize(
    ("values", "mend"),
    [
        ({"home_region": "XX"}, "such as FR"),
        ({"home_region": "fr"}, "such as FR"),
        ({"home_region": "001"}, "such as FR"),
        ({"home_region": "FR", "outside_line": "*"}, "is not digits"),
        ({"home_region": "FR", "international_prefixes": ("+",)}, "is not digits"),
        ({"home_region": "FR", "international_prefixes": ("",)}, "is not digits"),
    ],
)
def test_dial_rules_that_cannot_work_refused(values: dict[str, str], mend: str) -> None:
    with pytest.raises(DialRulesError, match=mend):
        DialRules(**values)  # type: ignore[arg-type]  # wrong values are the test
