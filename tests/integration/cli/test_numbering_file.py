"""The numbering file: an administrator corrects and extends the override table without code."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.terminal import Terminal

OWN = """
[[override]]
digits = ["33612"]
type = "premium"
source = "our carrier's bill"

[[emergency]]
home = ["FR"]
numbers = ["3237"]
source = "the prefecture"
"""


@pytest.fixture
def numbering(office: Terminal) -> Path:
    """A numbering file beside the settings file, which names it."""
    settings = Path("tollgate.toml")
    settings.write_text('numbering_file = "numbering.toml"\n' + settings.read_text(encoding="utf-8"), encoding="utf-8")
    path = Path("numbering.toml")
    path.write_text(OWN, encoding="utf-8")
    return path


def doctor_line(office: Terminal, name: str) -> dict[str, Any]:
    document = office("doctor", "--json").document
    return next(check for check in document["checks"] if check["name"] == name)


def test_quote_reads_by_the_numbering_file_and_names_its_source(office: Terminal, numbering: Path) -> None:
    quoted = office("quote", "0612345678", "--json").document

    assert (quoted["number_type"], quoted["class"]) == ("premium", "premium")
    assert any("override table" in step and "our carrier's bill" in step for step in quoted["steps"])


def test_emergency_number_of_the_numbering_file_is_free_and_rings_without_the_service(
    office: Terminal, numbering: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert office.json("quote", "3237")["class"] == "emergency"

    monkeypatch.setenv("TOLLGATE_TRUNKS", '[{"endpoint": "carrier"}]')
    assert "exten => 3237,1,Goto(tg-emergency,${EXTEN},1)" in office.done("dialplan").out


def test_numbering_file_is_found_from_the_folder_of_the_settings(
    office: Terminal, numbering: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    quoted = office("--config", str(tmp_path / "tollgate.toml"), "quote", "0612345678", "--json")
    assert quoted.document["class"] == "premium"


def test_doctor_counts_the_entries(office: Terminal, numbering: Path) -> None:
    line = doctor_line(office, "numbering")

    assert (line["status"], line["mend"]) == ("OK", None)
    assert line["detail"].startswith("2 entries of ")


def test_doctor_without_a_numbering_file_counts_what_ships(office: Terminal) -> None:
    line = doctor_line(office, "numbering")

    assert (line["status"], line["detail"].endswith("entries in the override table")) == ("OK", True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[override", "is not TOML"),
        ('[[override]]\ndigits = ["33"]\ntype = "cheap"\nsource = "x"\n', "override 1: type cannot be 'cheap'"),
        (None, "cannot be read"),
    ],
)
def test_numbering_file_that_cannot_be_used_stops_quote_and_fails_doctor(
    office: Terminal, numbering: Path, text: str | None, fault: str
) -> None:
    if text is None:
        numbering.unlink()
    else:
        numbering.write_text(text, encoding="utf-8")

    assert fault in office.fails(2, "quote", "0612345678")
    line = doctor_line(office, "numbering")
    assert line["status"] == "FAIL"
    assert fault in line["detail"]
    assert doctor_line(office, "extensions")["status"] in {"OK", "WARN"}, "the other checks are made all the same"
