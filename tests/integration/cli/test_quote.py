"""``quote``: the contract's own example, every class, every reason the store knows."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.cli.terminal import Terminal


@pytest.fixture
def funded(office: Terminal) -> Terminal:
    """An office with 10 EUR and the extension 101."""
    office.done("funds", "add", "10.00", "--reference", "r1")
    office.done("extension", "add", "101")
    return office


def test_quote_is_the_contract_s_example(funded: Terminal) -> None:
    document = funded.json("quote", "00447797123456", "--duration", "60")
    steps = document.pop("steps")
    rate = document.pop("rate")
    assert Decimal(document.pop("charge")) == Decimal("0.1900")
    assert document == {
        "dialled": "00447797123456",
        "e164": "+447797123456",
        "region": "JE",
        "number_type": "mobile",
        "class": "international",
        "admitted": True,
        "deny_reason": None,
        "deny_rule": None,
        "funded_by": ["account"],
        "max_duration_s": 3157,
        "billable_s": 60,
    }
    assert {name: rate[name] for name in ("deck", "prefix", "destination")} == {
        "deck": "example",
        "prefix": "447797",
        "destination": "Jersey mobile",
    }
    assert Decimal(rate["per_minute"]) == Decimal("0.19")
    assert Decimal(rate["connect_fee"]) == 0
    assert (rate["initial_increment_s"], rate["increment_s"]) == (1, 1)
    assert len(steps) >= 4
    assert all(step.endswith(".") for step in steps)


def test_quote_without_duration_has_no_charge(funded: Terminal) -> None:
    document = funded.json("quote", "00447797123456", "--at", "2026-12-24")
    assert "charge" not in document
    assert "billable_s" not in document
    assert document["at"] == "2026-12-24T00:00:00.000+01:00"


@pytest.mark.parametrize(
    ("number", "destination_class", "funded_by"),
    [
        ("112", "emergency", []),
        ("101", "internal", []),
        ("0612345678", "included", ["plan"]),
        ("0899123456", "premium", ["account"]),
        ("+12025550123", "international", ["account"]),
    ],
)
def test_quote_of_each_class_is_admitted(
    funded: Terminal, number: str, destination_class: str, funded_by: list[str]
) -> None:
    document = funded.json("quote", number, "--extension", "101", "--duration", "60")
    assert (document["class"], document["admitted"]) == (destination_class, True)
    assert document["funded_by"] == funded_by
    if funded_by != ["account"]:
        assert document["rate"] is None
        assert document["max_duration_s"] == (14_400 if destination_class == "included" else None)
        assert (document["charge"], document["billable_s"]) == ("0.00", 60)


@pytest.mark.parametrize(
    ("number", "reason"),
    [("abc", "invalid_number"), ("", "invalid_number"), ("00", "invalid_number"), ("+999123", "invalid_number")],
)
def test_quote_of_what_is_no_number_says_so(funded: Terminal, number: str, reason: str) -> None:
    answer = funded("quote", number, "--json", "--duration", "60")
    assert (answer.status, answer.err) == (1, "")
    assert answer.document["admitted"] is False
    assert answer.document["deny_reason"] == reason
    assert answer.document["max_duration_s"] == 0
    assert answer.document["charge"] is None


def test_quote_without_funds_is_refused_and_still_priced(office: Terminal) -> None:
    answer = office("quote", "00447797123456", "--duration", "60", "--json")
    assert answer.status == 1
    assert answer.document["deny_reason"] == "no_funds"
    assert answer.document["charge"] == "0.19"
    assert answer.document["deny_rule"] == "account main: the first hold is 0.031667, 0.00 is available"
    assert "must be held before it rings and account main has only 0.00 EUR" in answer.document["steps"][-2]
    assert office.json("quote", "0612345678")["admitted"] is True
    assert office.json("quote", "112")["admitted"] is True


def test_quote_of_an_unknown_extension_is_refused_but_for_emergencies(funded: Terminal) -> None:
    answer = funded("quote", "0612345678", "--extension", "999", "--json")
    assert (answer.status, answer.document["deny_reason"]) == (1, "unknown_extension")
    assert answer.document["steps"] == [
        "0612345678 was dialled.",
        "It reads as +33612345678: region FR, type mobile.",
        "There is no extension 999: the call is refused.",
    ]
    assert funded.json("quote", "112", "--extension", "999")["admitted"] is True


def test_quote_of_nothing_reads_well(funded: Terminal) -> None:
    assert funded("quote", "", "--json").document["steps"] == [
        "Nothing was dialled.",
        "There is no number in it: the call is refused.",
    ]


def test_quote_for_an_extension_without_prepaid_is_refused(funded: Terminal) -> None:
    funded.done("extension", "set", "101", "--prepaid", "off")
    answer = funded("quote", "00447797123456", "--extension", "101", "--json")
    assert (answer.status, answer.document["deny_reason"]) == (1, "prepaid_off")
    assert answer.document["deny_rule"] == "extension 101: prepaid is off"
    assert answer.document["steps"][-1] == ("Prepaid calls are switched off for extension 101: the call is refused.")


def test_quote_where_the_deck_is_missing_says_which(funded: Terminal) -> None:
    Path("plan.toml").write_text('name = "p"\ntitle = "P"\nhome_region = "FR"\ndeck = "nosuch"\n')
    assert "not there yet" in funded.done("plan", "import", "plan.toml").out
    funded.done("extension", "set", "101", "--plan", "p")
    answer = funded("quote", "00447797123456", "--extension", "101", "--json")
    assert (answer.status, answer.document["deny_reason"]) == (1, "no_rate")


def test_quote_of_a_deck_in_another_currency_is_refused(funded: Terminal) -> None:
    text = funded.done("plan", "show", "fr-office").out
    Path("late.toml").write_text(text.replace("fr-office", "late").replace('deck = "example"', 'deck = "late"'))
    funded.done("plan", "import", "late.toml")
    funded.done("account", "add", "mexico", "--currency", "MXN", "--plan", "late")
    Path("late.csv").write_text("prefix,destination,per_minute\n447797,Jersey mobile,0.19\n")
    funded.done("rates", "import", "late.csv", "--deck", "late", "--currency", "EUR")
    funded.done("funds", "add", "100", "--reference", "r", "--account", "mexico")
    answer = funded("quote", "00447797123456", "--account", "mexico", "--json")
    assert (answer.status, answer.document["deny_reason"]) == (1, "no_rate")
    assert "EUR" in answer.document["deny_rule"]
    assert "EUR" in answer.document["steps"][-1]
    assert "0.19 EUR a minute" in " ".join(answer.document["steps"])
    assert answer.document["rate"]["currency"] == "EUR"
    said = funded("quote", "00447797123456", "--account", "mexico").out
    assert "0.19 EUR a minute" in said
    assert "0.19 MXN" not in said


def test_quote_at_peak_shows_the_price_of_that_moment(funded: Terminal) -> None:
    Path("peak.csv").write_text("prefix,destination,off-peak,peak\n447797,Jersey mobile,0.10,0.30\n")
    funded.done("rates", "import", "peak.csv", "--deck", "example", "--peak", "mon-fri 08:00-20:00")
    options = ("00447797123456", "--duration", "60", "--at")
    peak = funded.json("quote", *options, "2026-12-02T19:00")
    assert (peak["rate"]["per_minute"], peak["rate"]["off_peak_per_minute"]) == ("0.30", "0.10")
    assert Decimal(peak["charge"]) == Decimal("0.30")
    off_peak = funded.json("quote", *options, "2026-12-02T20:00")
    assert (off_peak["rate"]["per_minute"], Decimal(off_peak["charge"])) == ("0.10", Decimal("0.10"))
    # Half of the minute is peak.
    assert Decimal(funded.json("quote", *options, "2026-12-02T19:59:30")["charge"]) == Decimal("0.20")
    assert "0.30 EUR" in funded.done("quote", *options, "2026-12-02T19:00").out


def test_quote_of_a_barred_prefix_is_refused(funded: Terminal) -> None:
    Path("deck.csv").write_text("prefix,destination,per_minute,barred\n44,UK,0.1,no\n447797,Jersey,0.1,yes\n")
    funded.done("rates", "import", "deck.csv", "--deck", "example", "--replace")
    answer = funded("quote", "00447797123456", "--json")
    assert answer.status == 1
    assert (answer.document["class"], answer.document["deny_reason"]) == ("barred", "barred")
    assert answer.document["rate"]["prefix"] == "447797"


def test_quote_prices_increments_fee_and_minimum(funded: Terminal) -> None:
    Path("deck.csv").write_text(
        "prefix,destination,per_minute,connect_fee,initial_increment_s,increment_s,minimum_charge\n"
        "447797,Jersey,0.60,0.05,60,30,1.00\n"
    )
    funded.done("rates", "import", "deck.csv", "--deck", "example", "--replace")
    document = funded.json("quote", "00447797123456", "--duration", "61")
    # 61 s are 60 + 30; 90 s at 0.60 and the fee are 0.95, less than the minimum.
    assert (document["billable_s"], document["charge"]) == (90, "1.00")
    assert document["rate"]["minimum_charge"] == "1.00"
    assert "0.05" in " ".join(document["steps"])


def test_quote_with_bad_input_is_bad_input(funded: Terminal) -> None:
    funded.fails(2, "quote", "112", "--duration", "-1")
    funded.fails(2, "quote", "112", "--duration", "x")
    funded.fails(2, "quote", "112", "--at", "x")
    funded.fails(2, "quote")
    funded.done("account", "add", "sales")
    funded.fails(2, "quote", "112", "--extension", "101", "--account", "sales")


def test_quote_for_people_explains_itself(funded: Terminal) -> None:
    said = funded.done("quote", "00447797123456", "--duration", "60").out
    assert "admitted" in said
    assert "Jersey mobile" in said
    assert "0.19 EUR" in said
    refused = funded("quote", "abc")
    assert (refused.status, refused.err) == (1, "")
    assert "refused: invalid_number" in refused.out


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["a minute", "admitted", "60 s cost 0.19 EUR.", "by the second"]),
        ("es", ["0,19 EUR por minuto", "admitida", "clase", "60 s cuestan 0,19 EUR.", "por segundos"]),
        ("fr", ["0,19 EUR la minute", "admis", "internationale", "60 s coûtent 0,19 EUR.", "à la seconde"]),
    ],
)
def test_quote_for_people_is_in_one_language(funded: Terminal, language: str, words: list[str]) -> None:
    said = funded.done("quote", "00447797123456", "--duration", "60", "--language", language).out
    assert all(word in said for word in words), said


def test_quote_of_a_call_that_ends_by_the_longest_time_says_so(funded: Terminal) -> None:
    funded.done("funds", "add", "1000000", "--reference", "r2")
    document = funded.json("quote", "00447797123456")
    assert document["max_duration_s"] == 14_400
    assert "A call may last 14400 s." in document["steps"]
    assert document["steps"][-1].endswith("would last longer than the 14400 s that a call may.")


def test_quote_of_a_call_that_nothing_limits_ends_after_a_day(
    funded: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLGATE_LONGEST_CALL_S", "0")
    funded.done("funds", "add", "1000000", "--reference", "r2")
    assert funded.json("quote", "00447797123456")["max_duration_s"] == 86_400
    assert funded.json("quote", "0612345678")["max_duration_s"] is None


def test_quote_of_premium_without_a_rate_of_its_own_has_no_rate(funded: Terminal) -> None:
    answer = funded("quote", "+12129761234", "--json")
    assert (answer.status, answer.document["class"]) == (1, "premium")
    assert (answer.document["deny_reason"], answer.document["rate"]) == ("no_rate", None)
