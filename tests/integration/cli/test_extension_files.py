"""``extension import`` and ``export``: files as editors and Excel write them, and what is told of bad ones."""

import asyncio
from pathlib import Path

import pytest

from store.store import Store
from tests.integration.cli.terminal import Terminal

FILE = "in.csv"


def put(content: str, encoding: str = "utf-8") -> None:
    """Write the file that is imported, its line ends as they are."""
    Path(FILE).write_bytes(content.encode(encoding))


def bad_rows(office: Terminal) -> list[tuple[int, str, str]]:
    """Import a file that must be refused; return line, column and value of its bad rows."""
    answer = office("extension", "import", FILE, "--json")
    assert answer.status == 1, answer
    return [(row["line"], row["column"], row["value"]) for row in answer.document["bad_rows"]]


def reasons(office: Terminal) -> str:
    """Import a file that must be refused; return why its bad rows are bad."""
    return "\n".join(row["reason"] for row in office("extension", "import", FILE, "--json").document["bad_rows"])


@pytest.fixture
def currencies(office: Terminal) -> Terminal:
    """Account main in EUR, mexico in MXN; a plan usd whose deck is in USD; extensions 101 and 102 on main."""
    office.done("account", "add", "mexico", "--currency", "MXN")
    Path("usd.csv").write_text("prefix,destination,per_minute\n1,United States,0.01\n")
    office.done("rates", "import", "usd.csv", "--deck", "usd", "--currency", "USD")
    text = office.done("plan", "show", "fr-office").out
    Path("usd.toml").write_text(text.replace('name = "fr-office"', 'name = "usd"').replace('"example"', '"usd"'))
    office.done("plan", "import", "usd.toml")
    office.done("extension", "add", "101")
    office.done("extension", "add", "102")
    return office


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_file_as_a_spreadsheet_saves_it_is_read(office: Terminal, encoding: str, delimiter: str) -> None:
    cells = (("Extension", " Daily Cap", "PREPAID", "name"), ("101", "4.99", "Off", "Zoë"), ("", "", "", ""))
    put("\r\n".join(delimiter.join(row) for row in cells) + "\r\n", encoding)

    assert office.json("extension", "import", FILE) == {"added": 1, "changed": 0, "bad_rows": []}

    shown = office.json("extension", "show", "101")
    assert (shown["name"], shown["prepaid"], shown["daily_cap"]) == ("Zoë", False, "4.99")


def test_decimal_comma_between_semicolons_is_read(office: Terminal) -> None:
    put("extension;daily_cap;monthly_cap;max_rate;deny\n101;4,99;50;0,125;GB,premium\n")
    office.done("extension", "import", FILE)
    shown = office.json("extension", "show", "101")
    assert [shown[name] for name in ("daily_cap", "monthly_cap", "max_rate")] == ["4.99", "50.00", "0.125"]
    assert shown["deny"] == ["GB", "premium"]
    put('extension,daily_cap\n101,"4,99"\n')
    assert bad_rows(office) == [(2, "daily_cap", "4,99")]
    put("extension;daily_cap\n101;1.004,99\n")
    assert bad_rows(office) == [(2, "daily_cap", "1.004,99")]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("extension,colour", "an unknown column 'colour'"),
        ("extension,name,Name", "the column name twice"),
        ("name,plan", "no column extension"),
        ("extension|name", "an unknown column 'extension|name' and no column extension"),
        ("extension,", "a column without a name"),
        ("", "no column extension"),
    ],
)
def test_header_that_cannot_be_used_says_which_column(office: Terminal, header: str, said: str) -> None:
    put(f"{header}\n101,x\n" if header else "")
    assert f"the header of in.csv has {said};" in office.fails(2, "extension", "import", FILE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('extension,name\n101,Ana\n102,"Luc\n103,Zoe\n', "line 3 of in.csv has a quote that is not closed"),
        ('extension,name\n101,"Ana"x\n', "line 2 of in.csv is no CSV"),
        ('extension,"name\n101,Ana\n', "line 1 of in.csv has a quote that is not closed"),
    ],
)
def test_file_with_a_broken_line_names_it(office: Terminal, content: str, said: str) -> None:
    put(content)
    assert said in office.fails(2, "extension", "import", FILE)
    assert office.json("extension", "list") == {"extensions": []}


@pytest.mark.parametrize("data", [b"PK\x03\x04extension", b"\xff\xfee\x00x", b"exten\x00sion,\xeb\n", b"\x81\x8d,a\n"])
def test_file_that_is_no_text_is_bad_input(office: Terminal, data: bytes) -> None:
    Path(FILE).write_bytes(data)
    assert "save it as CSV" in office.fails(2, "extension", "import", FILE)


def test_file_that_is_too_long_is_bad_input(office: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollgate.cli.extension_sheet._MOST_BYTES", 20)
    put("extension,name\n101,x\n")
    assert "is too long" in office.fails(2, "extension", "import", FILE)


def test_names_with_control_characters_are_refused(office: Terminal) -> None:
    for name in ("A\x00", "A\tB", "A\nB", "\x1b[2J", "A\u2028B"):
        assert "name" in office.fails(2, "extension", "add", "101", "--name", name)
    put('extension,name\n101,A\x00\n102,"A\tB"\n103,"A\nB"\n104,"Anne\u00a0Marie 👩\u200d💻"\n105,A\u2028B\n')
    assert bad_rows(office) == [
        (2, "name", "A\x00"),
        (3, "name", "A\tB"),
        (4, "name", "A\nB"),
        (7, "name", "A\u2028B"),
    ]
    said = office("extension", "import", FILE)
    assert "\x00" not in said.out
    assert r"A\x00" in said.out
    put("extension,name\n104,Anne\u00a0Marie\n")
    office.done("extension", "import", FILE)


def test_all_faults_of_all_rows_are_told(office: Terminal) -> None:
    put("extension,prepaid,daily_cap\n1x,maybe,five\n102,on\n,on,1\n")
    assert bad_rows(office) == [
        (2, "extension", "1x"),
        (2, "prepaid", "maybe"),
        (2, "daily_cap", "five"),
        (3, "", ""),
        (4, "extension", ""),
    ]
    assert "it has 2 cells, the header has 3" in reasons(office)


def test_faults_name_the_columns_as_the_file_does(office: Terminal) -> None:
    put("Extension,Longest Call S,DAILY-CAP,Language,Plan\n101,1d,five,de,\n")
    assert bad_rows(office) == [(2, "Longest Call S", "1d"), (2, "DAILY-CAP", "five"), (2, "Language", "de")]
    said = reasons(office).splitlines()
    assert said[0].startswith("Longest Call S: '1d' cannot be used; write seconds")
    assert said[1].startswith("DAILY-CAP: 'five' is not an amount of money; write plain digits")
    assert said[2] == "Language: 'de' is not spoken here; write one of en, es, fr"
    assert "--" not in "".join(said)
    put("Extension,Plan,Account\n101,no,nobody\n")
    assert bad_rows(office) == [(2, "Account", "nobody"), (2, "Plan", "no")]


def test_options_are_named_as_they_are_typed(office: Terminal) -> None:
    office.done("extension", "add", "101")
    command = ("extension", "set", "101")
    assert "error: --daily-cap: 'five' is not" in office.fails(2, *command, "--daily-cap", "five")
    assert "error: --longest-call: '1d' cannot" in office.fails(2, *command, "--longest-call", "1d")
    said = office.fails(2, *command, "--language", "de")
    assert said == "error: --language: 'de' is not spoken here; write one of en, es, fr\n"
    assert "error: extension: '1x' is no extension" in office.fails(2, "extension", "add", "1x")


def test_name_is_cleared_by_none_and_kept_by_an_empty_cell(office: Terminal) -> None:
    office.done("extension", "add", "101", "--name", "Zoë")
    put("extension,name\n101,\n")
    office.done("extension", "import", FILE)
    assert office.json("extension", "show", "101")["name"] == "Zoë"
    put("extension,name\n101,None\n")
    office.done("extension", "import", FILE)
    assert office.json("extension", "show", "101")["name"] is None
    for none in ("none", ""):
        office.done("extension", "set", "101", "--name", "Zoë")
        assert office.json("extension", "set", "101", "--name", none)["name"] is None
    office.done("extension", "export", "--output", FILE)
    office.done("extension", "set", "101", "--name", "Luc")
    office.done("extension", "import", FILE)
    assert office.json("extension", "show", "101")["name"] is None


def test_import_counts_in_the_singular(office: Terminal) -> None:
    put("extension,prepaid\n101,maybe\n")
    assert "error: 1 bad row, nothing was imported" in office("extension", "import", FILE).err
    put("extension\n101\n")
    assert office.done("extension", "import", FILE).out == "1 extension added, 0 changed\n"
    put("extension\n101\n102\n103\n")
    assert office.done("extension", "import", FILE).out == "2 extensions added, 1 changed\n"


def test_import_without_an_account_main_says_so(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def make() -> None:
        async with await Store.create(f"sqlite:///{Path.cwd()}/empty.db"):
            pass

    asyncio.run(make())
    monkeypatch.setenv("TOLLGATE_DATABASE_URL", f"sqlite:///{Path.cwd()}/empty.db")
    put("extension\n101\n")
    said = terminal.fails(1, "extension", "import", FILE)
    assert said == "error: there is no account main; `tollgate account list` shows them\n"
    terminal.done("account", "add", "sales")
    put("extension,account\n101,sales\n")
    assert terminal.json("extension", "import", FILE)["added"] == 1


def test_endpoint_twice_is_a_bad_row(currencies: Terminal) -> None:
    put("extension,endpoint\n102,PJSIP/101\n103,PJSIP/desk\n104,PJSIP/desk\n101,\n")
    assert bad_rows(currencies) == [(2, "endpoint", "PJSIP/101"), (4, "endpoint", "PJSIP/desk")]
    assert "extension 101 has it" in reasons(currencies)
    assert len(currencies.json("extension", "list")["extensions"]) == 2


def test_endpoint_that_another_row_frees_first_is_taken(currencies: Terminal) -> None:
    put("extension,endpoint\n103,PJSIP/101\n101,PJSIP/desk\n102,PJSIP/102\n")
    assert currencies.json("extension", "import", FILE) == {"added": 1, "changed": 2, "bad_rows": []}
    put("extension,endpoint\n103,PJSIP/102\n102,PJSIP/101\n")
    assert bad_rows(currencies) == [(2, "endpoint", "PJSIP/102"), (3, "endpoint", "PJSIP/101")]


def test_plan_in_another_currency_is_a_bad_row(currencies: Terminal) -> None:
    currencies.done("extension", "set", "102", "--plan", "fr-office")
    put("extension,plan,account\n101,usd,\n102,,mexico\n103,usd,mexico\n104,default,mexico\n")
    assert bad_rows(currencies) == [(2, "plan", "usd"), (3, "account", "mexico"), (4, "plan", "usd")]
    assert "plan usd is priced in USD, and account main is in EUR" in reasons(currencies)


def test_move_to_another_currency_with_limits_in_money_is_refused(currencies: Terminal) -> None:
    currencies.done("extension", "set", "101", "--daily-cap", "5", "--max-rate", "0.50", "--max-calls", "2")
    move = ("extension", "set", "101", "102", "--account", "mexico")
    said = currencies.fails(1, *move, "--max-rate", "none")
    assert said.startswith("error: extension 101 has daily_cap in EUR, and account mexico is in MXN; ")
    assert "daily_cap and max_rate" in currencies.fails(1, *move)
    assert currencies.json("extension", "show", "102")["account"] == "main"

    moved = currencies.json(*move, "--max-rate", "none", "--daily-cap", "100")["extensions"][0]
    assert [moved[name] for name in ("account", "daily_cap", "max_rate", "max_calls")] == ["mexico", "100.00", None, 2]
    # Within a currency nothing needs to be named.
    currencies.done("account", "add", "sales")
    currencies.done("extension", "add", "103", "--daily-cap", "5")
    assert currencies.json("extension", "set", "103", "--account", "sales")["daily_cap"] == "5.00"


def test_move_by_file_to_another_currency_with_limits_in_money_is_a_bad_row(currencies: Terminal) -> None:
    currencies.done("extension", "set", "101", "--monthly-cap", "5")
    put("extension,account\n101,mexico\n102,mexico\n")
    assert bad_rows(currencies) == [(2, "account", "mexico")]
    assert "monthly_cap in EUR" in reasons(currencies)
    put("extension,account,monthly_cap\n101,mexico,none\n102,mexico,\n")
    assert currencies.json("extension", "import", FILE)["changed"] == 2


def test_export_restores_the_account_s_plan(office: Terminal) -> None:
    office.done("extension", "add", "101")
    office.done("extension", "export", "--output", FILE)
    office.done("extension", "set", "101", "--plan", "fr-office")
    office.done("extension", "import", FILE)
    assert office.json("extension", "show", "101")["plan"] is None


def test_help_of_set_has_no_defaults_of_add(office: Terminal) -> None:
    of_add, of_set = (" ".join(office.done("extension", word, "--help").out.split()) for word in ("add", "set"))
    assert "PJSIP/ and its number" in of_add
    for default in ("; on.", "; main.", "; en.", "and its number"):
        assert default not in of_set
