"""Two PBXs, each a real Asterisk with its own service, on one balance in a real PostgreSQL."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from charging.cdr import EndSource, HangupSide
from rating.decision import DenyReason
from rating.plan import Plan
from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.line import Line, own_line
from tests.e2e.office import SECOND_PRICED, fill_store
from tests.e2e.pbx import SHORT_SLICES, running_pbx, settings_text
from tests.postgres import fresh_database
from tollgate.office.instance import AsteriskInstance

PARIS, LYON = "paris", "lyon"
FUNDS = "0.30"


@pytest.fixture(scope="module")
def second_pbx(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Line, AsteriskInstance]]:
    """Another Asterisk on lines of its own."""
    with own_line() as line, running_pbx(line, plan, tmp_path_factory.mktemp("pbx2"), LYON) as instance:
        yield line, instance


@pytest.fixture
def desks(
    tmp_path: Path,
    line: Line,
    pbx: AsteriskInstance,
    second_pbx: tuple[Line, AsteriskInstance],
    plan: Plan,
) -> Iterator[tuple[Desk, Desk]]:
    """Two desks whose services share a store with 0.30 EUR, enough for 30 seconds of one call."""
    with fresh_database() as url:
        asyncio.run(fill_store(url, plan, FUNDS))
        made = []
        for node, (own, instance) in ((PARIS, (line, pbx)), (LYON, second_pbx)):
            folder = tmp_path / node
            folder.mkdir()
            settings_file = folder / "tollgate.toml"
            text = settings_text(own, url, SHORT_SLICES, node=node, more="node_lost_s = 30")
            settings_file.write_text(text, encoding="utf-8")
            desk = Desk(folder, own, instance, settings_file, url)
            made.append(desk)
            desk.start_service()
        paris, lyon = made
        yield paris, lyon
        for desk in made:
            desk.close()


def test_calls_on_two_pbxs_share_the_last_money_and_end_together(desks: tuple[Desk, Desk]) -> None:
    for desk in desks:
        desk.carrier(sipp.answers(ring_ms=50))
    phones = [desk.phone(sipp.calls_until_cut(SECOND_PRICED)) for desk in desks]
    for phone in phones:
        phone.wait()

    cdrs = desks[0].wait_cdrs(2)
    assert {cdr.node for cdr in cdrs} == {PARIS, LYON}
    assert sum(cdr.charged_micros for cdr in cdrs) == 300_000
    assert {(cdr.hangup_side, cdr.deny_reason) for cdr in cdrs} == {(HangupSide.TOLLGATE, None)}
    assert all("not enough for further seconds" in (cdr.deny_rule or "") for cdr in cdrs)
    first, second = sorted(cdr.ended_at for cdr in cdrs)
    assert second - first <= timedelta(seconds=4), "one node's call starved while the other's went on"
    assert desks[1].account().available_micros == 0


def test_limit_set_on_one_node_holds_on_the_other(desks: tuple[Desk, Desk]) -> None:
    paris, lyon = desks
    assert paris.tollgate("extension", "set", "101", "--max-calls", "1").returncode == 0
    for desk in desks:
        wait_until(partial(knows_limits, desk), "the service has read the limit")
        desk.carrier(sipp.answers())
    talking = paris.phone(sipp.calls(SECOND_PRICED, 3_000))
    wait_until(lambda: any(session.paid_until_ms for session in paris.sessions()), "the call talks")
    lyon.phone(sipp.calls_and_is_refused(SECOND_PRICED, 403)).wait()
    talking.wait()
    assert [cdr.deny_reason for cdr in lyon.wait_cdrs(2)] == [None, DenyReason.TOO_MANY_CALLS]


def knows_limits(desk: Desk) -> bool:
    return [entry["event"] for entry in desk.log_entries()].count("catalog_loaded") > 1


def test_second_service_of_a_nodes_name_is_refused(desks: tuple[Desk, Desk]) -> None:
    result = desks[0].tollgate("serve")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert PARIS in result.stderr


def test_lost_call_is_charged_by_the_other_node_and_refunded_when_its_own_is_back(desks: tuple[Desk, Desk]) -> None:
    paris, lyon = desks
    paris.carrier(sipp.answers())
    phone = paris.phone(sipp.calls(SECOND_PRICED, 4_100))
    (session,) = wait_until(lambda: [each for each in lyon.sessions() if each.slice_n > 1], "the call was renewed")
    paris.kill_service()
    phone.wait()

    (lost,) = wait_until(lyon.cdrs, "the other node has charged the call", 180)
    assert (lost.provisional, lost.end_source, lost.node) == (True, EndSource.LAST_SEEN, PARIS)
    assert lost.charged_micros == session.held_micros
    account = lyon.account()
    assert (account.available_micros, account.reserved_micros) == (300_000 - session.held_micros, 0)
    (row,) = json.loads(lyon.tollgate("calls", "--json").stdout)["calls"]
    assert (row["state"], row["node"]) == ("lost", PARIS)
    assert lyon.differences() == []

    paris.start_service()
    (final,) = wait_until(lambda: [cdr for cdr in lyon.cdrs() if not cdr.provisional], "the call is settled")
    assert (final.billable_s, final.charged_micros) == (5, 50_000)
    assert final.end_source in {EndSource.HANDLER, EndSource.ASTERISK_CDR}
    assert lyon.account().available_micros == 250_000
