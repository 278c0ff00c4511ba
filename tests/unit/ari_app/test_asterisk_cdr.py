"""Asterisk's own CDRs: lines as a real Asterisk wrote them, damaged ones, large and rotated files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app import asterisk_cdr
from ari_app.asterisk_cdr import CdrFile, parse_cdrs
from ari_app.leg_records import LegRecord
from charging.cdr import EndSource

CALL = "e2e/1795339894.6-1"
NOTE = f"tollgate|{CALL}|1795339894.685|1795339894.7|carrier1"
PLAIN = f'";{NOTE}","1795339895.399026"'
TRANSFERRED = f'"{NOTE}","1795339897.520339"'
"""The same leg after the caller transferred it away: it is the first of its CDR's channels then."""
FAILED = '"","1795339900.990771"'


def moment(seconds: int, microseconds: int = 0) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)


def record(ended_at: datetime) -> LegRecord:
    return LegRecord(
        channel_id="1795339894.7",
        call_id=CALL,
        answered_at=moment(1795339894, 685_000),
        ended_at=ended_at,
        cause=None,
        trunk="carrier1",
        source=EndSource.ASTERISK_CDR,
    )


def test_leg_of_a_call_is_read_with_its_end() -> None:
    assert parse_cdrs([FAILED, PLAIN]) == ([record(moment(1795339895, 399_026))], 0)


@pytest.mark.parametrize("lines", [[PLAIN, TRANSFERRED], [TRANSFERRED, PLAIN]])
def test_leg_that_was_transferred_ended_with_its_last_cdr(lines: list[str]) -> None:
    assert parse_cdrs(lines) == ([record(moment(1795339897, 520_339))], 0)


def test_two_legs_that_were_joined_are_both_read_beside_a_field_of_the_pbxs_own() -> None:
    second = "tollgate|away|e2e/7.1-1|Local/101@x-0001;1|0145678901|1795339890.000|1795339894.9|carrier2"
    records, damaged = parse_cdrs([f'"{NOTE};{second}","1795339897.5"', f'"mine;{NOTE}","1795339898.5"'])

    assert [(each.call_id, each.trunk) for each in records] == [(CALL, "carrier1"), ("e2e/7.1-1", "carrier2")]
    assert records[0].ended_at == moment(1795339898, 500_000)
    assert damaged == 0


@pytest.mark.parametrize(
    "line",
    [
        f'";{NOTE}"',
        f'";{NOTE}","2026-11-22 09:31:30"',
        f'";{NOTE}","nan"',
        f'";{NOTE}","1e300"',
        f'";{NOTE},"1795339895.3"',
        f'"{NOTE[:40]}","1795339895.3"',
        f'";{NOTE}","1795339895.3","more"',
        NOTE,
    ],
)
def test_line_that_is_damaged_is_counted_and_left_out(line: str) -> None:
    assert parse_cdrs([line, PLAIN]) == ([record(moment(1795339895, 399_026))], 1)


@given(st.text(), st.text())
def test_any_text_is_read_or_nothing(before: str, after: str) -> None:
    parse_cdrs([f"{before}tollgate|{after}"])


async def test_file_is_read_from_its_end_and_the_rotated_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tollgate.csv"
    path.with_name("tollgate.csv.1").write_text(f"{TRANSFERRED}\n")
    older = PLAIN.replace("1795339894.7|", "1795339894.5|")
    path.write_text(f"{older}\n{FAILED}\n{PLAIN}\n")
    records = await CdrFile(path).read()
    assert [each.channel_id for each in records[CALL]] == ["1795339894.7", "1795339894.5"]
    assert records[CALL][0].ended_at == moment(1795339897, 520_339)

    monkeypatch.setattr(asterisk_cdr, "MOST_BYTES", len(PLAIN) + 20)
    assert [each.channel_id for each in (await CdrFile(path).read())[CALL]] == ["1795339894.7"]


async def test_file_that_is_not_there_or_no_file_tells_nothing(tmp_path: Path) -> None:
    assert await CdrFile(tmp_path / "tollgate.csv").read() == {}
    assert await CdrFile(tmp_path).read() == {}
