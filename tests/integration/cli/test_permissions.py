"""Permissions and caps: set by options and CSV, shown, and obeyed by ``quote``."""

import asyncio
import csv
import io
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.caps import SpendDay, Spending
from store.operation import Operation
from store.sessions import open_session
from store.spend import count_spend
from store.store import Store
from tests.integration.cli.prepared import prepared_store
from tests.integration.cli.terminal import Terminal

NOW = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
"""Tuesday, 10 November, 10:00 in Paris."""
AT = "2026-11-10T10:00"
JERSEY = "00447797123456"
"""0.19 a minute, by the second."""
DAY = SpendDay("2026-11-10", "2026-11-01", "2026-12-01")
LIMITS = {
    "daily_cap": "5.00",
    "monthly_cap": "50.00",
    "max_calls": 2,
    "max_rate": "0.50",
    "longest_call_s": 600,
    "allow": ["GB", "JE", "national"],
    "deny": ["001", "premium"],
    "hours": "mon-fri 08:00-19:00",
}
OPTIONS = (
    *("--daily-cap", "5", "--monthly-cap", "50.00", "--max-calls", "2", "--max-rate", "0.5", "--longest-call", "10m"),
    *("--allow", "national,GB,je", "--deny", "premium,001", "--hours", "mon-fri 08:00-19:00"),
)


@pytest.fixture(scope="module")
def store_in_use(installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 10 EUR and two extensions, to be copied."""
    return prepared_store(
        installation,
        tmp_path_factory.mktemp("in use"),
        ("funds", "add", "10.00", "--reference", "r1"),
        ("extension", "add", "101"),
        ("extension", "add", "102"),
    )


@pytest.fixture
def office(office: Terminal, store_in_use: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """An office with 10 EUR and two extensions, at a fixed moment."""
    for module in ("account", "extension", "quoting"):
        monkeypatch.setattr(f"tollgate.cli.{module}.utc_now", lambda: NOW)
    shutil.copy(store_in_use, tmp_path)
    return office


def apply(operation: Operation[object]) -> None:
    """Write to the store in the present folder."""

    async def work() -> None:
        async with await Store.open(f"sqlite:///{Path.cwd()}/tollgate.db") as store:
            await store.apply(operation)

    asyncio.run(work())


def spend(extension: str, micros: int, day: str = DAY.day) -> None:
    """Let ended calls have spent money."""
    apply(count_spend(1, extension, {day: micros}))


def hold(call_id: str, extension: str, micros: int) -> None:
    """Let a call that rings hold money."""
    opening = open_session(
        call_id=call_id,
        node="pbx1",
        account_id=1,
        extension=extension,
        held_micros=micros,
        paid_s=60,
        per_minute_micros=micros,
        state="{}",
        at_ms=0,
        spending=Spending(extension=extension, days=(DAY,)),
    )
    apply(opening)


def test_extension_is_added_with_limits_and_shows_them(office: Terminal) -> None:
    added = office.json("extension", "add", "103", *OPTIONS)
    assert {name: added[name] for name in LIMITS} == LIMITS
    shown = office.json("extension", "show", "103")
    assert {name: shown[name] for name in LIMITS} == LIMITS
    said = office.done("extension", "show", "103").out
    assert ["deny", "001,premium"] in [line.split() for line in said.splitlines()]
    assert "daily cap 5.00; monthly cap 50.00; max calls 2" in office.done("extension", "list").out


def test_extension_set_keeps_limits_that_are_not_named(office: Terminal) -> None:
    office.done("extension", "set", "101", *OPTIONS)
    changed = office.json("extension", "set", "101", "--prepaid", "off", "--deny", "GB")
    assert {name: changed[name] for name in LIMITS} == {**LIMITS, "deny": ["GB"]}


@pytest.mark.parametrize("name", LIMITS)
def test_limit_is_removed_by_none(office: Terminal, name: str) -> None:
    office.done("extension", "set", "101", *OPTIONS)
    option = "--longest-call" if name == "longest_call_s" else f"--{name.replace('_', '-')}"
    changed = office.json("extension", "set", "101", option, "none")
    assert {each: changed[each] for each in LIMITS} == {**LIMITS, name: None}


@pytest.mark.parametrize(
    "option",
    [
        ("--daily-cap", "five"),
        ("--monthly-cap", "-1"),
        ("--max-calls", "1.5"),
        ("--max-rate", "1e3"),
        ("--longest-call", "0"),
        ("--allow", "GB,emergency"),
        ("--deny", "premum"),
        ("--hours", "mon 25:00-26:00"),
    ],
)
def test_limit_that_cannot_be_used_is_bad_input(office: Terminal, option: tuple[str, str]) -> None:
    assert option[0].removeprefix("--").split("-")[0] in office.fails(2, "extension", "set", "101", *option)
    office.fails(2, "extension", "add", "109", *option)
    assert "none" in office("extension", "set", "101", *option, "--json").document["hint"]


def test_many_extensions_are_set_at_once(office: Terminal) -> None:
    for extension in ("120", "122345", "129", "201"):
        office.done("extension", "add", extension)
    changed = office.json("extension", "set", "101", "120-129", "201", "120", "--prepaid", "off", "--daily-cap", "3")
    assert [(each["extension"], each["prepaid"], each["daily_cap"]) for each in changed["extensions"]] == [
        ("101", False, "3.00"),
        ("120", False, "3.00"),
        ("129", False, "3.00"),
        ("201", False, "3.00"),
    ]
    others = {each["extension"]: each["prepaid"] for each in office.json("extension", "list")["extensions"]}
    assert (others["102"], others["122345"]) == (True, True)
    assert "201" in office.done("extension", "set", "201-202", "--prepaid", "on").out


def test_many_extensions_are_set_all_or_none(office: Terminal) -> None:
    assert "no extension 109" in office.fails(1, "extension", "set", "101", "109", "--prepaid", "off")
    assert "no extension in 300-399" in office.fails(1, "extension", "set", "101", "300-399", "--prepaid", "off")
    for bad in ("119-110", "1-119", "110-", "a-b", "110-11x", "1\u0661-12"):
        assert "range" in office.fails(2, "extension", "set", bad, "--prepaid", "off")
    office.fails(2, "extension", "set", "101", "102", "--endpoint", "PJSIP/9")
    assert office.json("extension", "show", "101")["prepaid"] is True


def test_limits_go_out_and_in_by_csv(office: Terminal) -> None:
    office.done("extension", "set", "101", *OPTIONS)
    office.done("extension", "export", "--output", "out.csv")
    rows = list(csv.DictReader(io.StringIO(Path("out.csv").read_text())))
    assert (rows[0]["deny"], rows[0]["longest_call_s"], rows[0]["hours"]) == ("001,premium", "600", LIMITS["hours"])
    assert {rows[1][name] for name in LIMITS} == {"none"}
    before = office.json("extension", "list")
    office.done("extension", "set", "101", "--deny", "none", "--max-calls", "7")
    office.done("extension", "set", "102", *OPTIONS)
    assert office.json("extension", "import", "out.csv")["changed"] == 2
    assert office.json("extension", "list") == before


def test_csv_keeps_removes_and_sets(office: Terminal) -> None:
    office.done("extension", "set", "101", *OPTIONS)
    Path("in.csv").write_text(
        'extension,prepaid,daily_cap,max_calls,deny,hours\n101,off,,none,"GB,premium",\n102,,1.50,,,sat\n'
    )
    assert office.json("extension", "import", "in.csv")["changed"] == 2
    first, second = office.json("extension", "list")["extensions"]
    assert {name: first[name] for name in LIMITS} == {**LIMITS, "max_calls": None, "deny": ["GB", "premium"]}
    assert (first["prepaid"], second["prepaid"]) == (False, True)
    assert (second["daily_cap"], second["hours"]) == ("1.50", "sat 00:00-24:00")


def test_csv_with_a_bad_limit_is_not_imported(office: Terminal) -> None:
    Path("in.csv").write_text("extension,daily_cap,deny\n101,1,\n102,x,\n103,,UK\n")
    answer = office("extension", "import", "in.csv", "--json")
    assert answer.status == 1
    assert [(row["line"], row["column"], row["value"]) for row in answer.document["bad_rows"]] == [
        (3, "daily_cap", "x"),
        (4, "deny", "UK"),
    ]
    assert "GB" in answer.document["bad_rows"][1]["reason"]
    assert office.json("extension", "show", "101")["daily_cap"] is None


def test_account_has_caps(office: Terminal) -> None:
    added = office.json("account", "add", "sales", "--daily-cap", "20")
    assert (added["daily_cap"], added["monthly_cap"]) == ("20.00", None)
    changed = office.json("account", "set", "sales", "--monthly-cap", "300")
    assert (changed["daily_cap"], changed["monthly_cap"]) == ("20.00", "300.00")
    # What has nothing to do with caps keeps them.
    kept = office.json("account", "set", "sales", "--month-day", "15")
    assert (kept["daily_cap"], kept["monthly_cap"]) == ("20.00", "300.00")
    assert "daily cap 20.00; monthly cap 300.00" in office.done("account", "list").out
    removed = office.json("account", "set", "sales", "--daily-cap", "none")
    assert (removed["daily_cap"], removed["monthly_cap"]) == (None, "300.00")
    for bad in (("--daily-cap", "x"), ("--monthly-cap", "-1")):
        office.fails(2, "account", "set", "sales", *bad)
        office.fails(2, "account", "add", "other", *bad)
    assert office.json("account", "show", "sales")["monthly_cap"] == "300.00"


def test_spend_is_shown_against_the_caps(office: Terminal) -> None:
    office.done("extension", "set", "101", "--daily-cap", "5", "--monthly-cap", "6")
    office.done("account", "set", "main", "--daily-cap", "8")
    spend("101", 1_500_000)
    spend("101", 2_000_000, "2026-11-02")
    spend("101", 9_000_000, "2026-10-31")
    spend("102", 250_000)
    hold("a", "101", 1_000_000)
    shown = office.json("extension", "show", "101")
    # Of 6 a month: 3.50 spent and 1 held; of 5 a day 2.50 would be left.
    assert (shown["spent_today"], shown["spent_month"], shown["cap_left"]) == ("1.50", "3.50", "1.50")
    other = office.json("extension", "show", "102")
    assert (other["spent_today"], other["spent_month"]) == ("0.25", "0.25")
    assert "cap_left" not in other
    account = office.json("account", "show")
    assert (account["spent_today"], account["spent_month"], account["cap_left"]) == ("1.75", "3.75", "5.25")
    assert ["cap_left", "1.50"] in [line.split() for line in office.done("extension", "show", "101").out.splitlines()]


def refused(office: Terminal, number: str, *options: str) -> tuple[str, str, str]:
    """Ask for a call of extension 101 that is refused; return reason, rule and the last step."""
    answer = office("quote", number, "--extension", "101", "--at", AT, "--json", *options)
    assert answer.status == 1
    document = answer.document
    return document["deny_reason"], document["deny_rule"], document["steps"][-1]


@pytest.mark.parametrize(
    ("number", "option", "reason", "rule"),
    [
        (JERSEY, ("--deny", "JE"), "destination_denied", "extension 101: deny list has JE"),
        (
            JERSEY,
            ("--allow", "FR"),
            "destination_denied",
            "extension 101: allow list FR has neither JE nor international",
        ),
        (JERSEY, ("--hours", "sat-sun"), "outside_hours", "extension 101: hours sat-sun 00:00-24:00"),
        (
            JERSEY,
            ("--max-rate", "0.18"),
            "rate_too_high",
            "extension 101: highest price 0.18 EUR a minute, this is 0.19",
        ),
        ("0142685300", ("--deny", "included"), "destination_denied", "extension 101: deny list has included"),
    ],
)
def test_quote_obeys_permissions(
    office: Terminal, number: str, option: tuple[str, str], reason: str, rule: str
) -> None:
    office.done("extension", "set", "101", *option)
    assert refused(office, number)[:2] == (reason, rule)
    texts = {refused(office, number, "--language", language)[2] for language in ("en", "es", "fr")}
    assert len(texts) == 3
    assert office.json("quote", number, "--extension", "102", "--at", AT)["admitted"]
    assert office.json("quote", "112", "--extension", "101", "--at", AT)["admitted"]


def test_quote_asks_for_the_moment_of_the_call(office: Terminal) -> None:
    office.done("extension", "set", "101", "--hours", "mon-fri 08:00-19:00")
    for at, admitted in (("2026-11-10T18:59", True), ("2026-11-10T19:00", False), ("2026-11-14T10:00", False)):
        answer = office("quote", JERSEY, "--extension", "101", "--at", at, "--json")
        assert answer.document["admitted"] is admitted


def test_quote_ends_at_the_longest_call(office: Terminal) -> None:
    office.done("extension", "set", "101", "--longest-call", "10m")
    document = office.json("quote", JERSEY, "--extension", "101", "--at", AT)
    assert document["max_duration_s"] == 600
    assert "A call of extension 101 may last 600 s." in document["steps"]
    assert office.json("quote", "0142685300", "--extension", "101")["max_duration_s"] == 600


@pytest.mark.parametrize(
    ("option", "key", "said"),
    [
        (("extension", "set", "101", "--daily-cap", "2"), "extension 101: daily cap 2.00", "its daily cap of 2.00 EUR"),
        (
            ("extension", "set", "101", "--monthly-cap", "3"),
            "extension 101: monthly cap 3.00",
            "its monthly cap of 3.00 EUR",
        ),
        (("account", "set", "main", "--daily-cap", "2.25"), "account main: daily cap 2.25", "account main has"),
        (("account", "set", "main", "--monthly-cap", "3.25"), "account main: monthly cap 3.25", "account main has"),
    ],
)
def test_quote_obeys_caps(office: Terminal, option: tuple[str, ...], key: str, said: str) -> None:
    office.done(*option)
    spend("101", 1_000_000, "2026-11-02")
    spend("101", 800_000)
    spend("102", 250_000)
    hold("a", "101", 250_000)
    # 0.95 left of each: 5 minutes at 0.19.
    document = office.json("quote", JERSEY, "--extension", "101", "--at", AT)
    assert document["max_duration_s"] == 300
    assert any(said in step for step in document["steps"])
    assert document["steps"][-1].endswith("it lasts for 300 s, until a cap is reached.")
    spend("101", 950_000)
    reason, rule, step = refused(office, JERSEY, "--duration", "60")
    assert reason == "cap_reached"
    assert rule.startswith(key)
    assert step == "60 s cost 0.19 EUR."
    assert "more than a cap leaves" in office("quote", JERSEY, "--extension", "101", "--at", AT).out
    # Tomorrow has a daily cap of its own.
    tomorrow = office("quote", JERSEY, "--extension", "101", "--at", "2026-11-11T10:00", "--json")
    assert tomorrow.document["admitted"] is ("daily" in key)


def test_quote_over_midnight_goes_on_with_the_next_day_s_cap(office: Terminal) -> None:
    office.done("extension", "set", "101", "--daily-cap", "0.19")
    document = office.json("quote", JERSEY, "--extension", "101", "--at", "2026-11-10T23:59:30")
    assert document["max_duration_s"] == 90


def test_quote_obeys_the_number_of_calls(office: Terminal) -> None:
    office.done("extension", "set", "101", "--max-calls", "1")
    assert office.json("quote", JERSEY, "--extension", "101", "--at", AT)["admitted"]
    hold("other", "102", 100_000)
    assert office.json("quote", JERSEY, "--extension", "101", "--at", AT)["admitted"]
    hold("a", "101", 100_000)
    assert refused(office, JERSEY) == (
        "too_many_calls",
        "extension 101: 1 paid calls at a time",
        "Extension 101 has 1 paid calls open and may have 1: the call is refused.",
    )
    assert office.json("quote", "0142685300", "--extension", "101", "--at", AT)["admitted"]


def test_quote_without_an_extension_obeys_the_account_s_caps(office: Terminal) -> None:
    office.done("account", "set", "main", "--daily-cap", "0.57")
    assert office.json("quote", JERSEY, "--at", AT)["max_duration_s"] == 180
