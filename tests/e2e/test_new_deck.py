"""A new deck goes live while calls talk: they keep the price of their answer, the next call has the new one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import SECOND_PRICED
from tests.e2e.pbx import SHORT_SLICES
from tollgate.cli.app import run

MakeDesk = Callable[..., Desk]

LOADING = timedelta(seconds=12)
"""How far ahead a price is loaded: by more than the service needs to hear of it on a busy machine."""


def load(desk: Desk, *rows: str, options: tuple[str, ...] = ()) -> None:
    """Import a deck by the command line, as an administrator does while the service runs."""
    file = desk.folder / "new-deck.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    command = ["--config", str(desk.settings_file), "rates", "import", str(file), "--deck", "example", *options]
    assert run(command) == 0  # in this process: to start another takes seconds on a busy machine
    wait_until(lambda: desk.log().count("catalog_loaded") >= 2, "the service has read the new deck")


def test_talking_call_keeps_its_price_and_the_next_has_the_new_one(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES)
    desk.carrier(sipp.answers())
    talking = desk.phone(sipp.calls(SECOND_PRICED, 7_100))
    wait_until(lambda: desk.sessions() and desk.sessions()[0].paid_until_ms, "the call is answered")
    load(desk, "prefix,destination,per_minute", "299,Greenland,1.20", options=("--replace",))
    desk.phone(sipp.calls(SECOND_PRICED, 1_100), extension="102").wait()
    talking.wait()

    first, second = desk.wait_cdrs(2)
    assert (first.billable_s, first.charged_micros) == (8, 80_000)
    assert (second.billable_s, second.charged_micros) == (2, 40_000)
    assert first.rate is not None
    assert first.rate.per_minute_micros == 600_000


def test_price_loaded_ahead_counts_from_its_moment_on(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES)
    desk.carrier(sipp.answers())
    begins = (datetime.now(UTC) + LOADING).isoformat(timespec="seconds")
    load(desk, "prefix,destination,per_minute,effective_from", f"299,Greenland,1.20,{begins}")
    desk.phone(sipp.calls(SECOND_PRICED, 100)).wait()
    wait_until(lambda: datetime.now(UTC) > datetime.fromisoformat(begins), "the new price is in force")
    desk.phone(sipp.calls(SECOND_PRICED, 100)).wait()

    before, after = desk.wait_cdrs(2)
    assert (before.charged_micros, after.charged_micros) == (10_000, 20_000)


def test_price_of_the_answer_counts_where_it_changes_while_the_phone_rings(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES)
    begins = datetime.now(UTC).replace(microsecond=0) + LOADING
    load(desk, "prefix,destination,per_minute,effective_from", f"299,Greenland,1.20,{begins.isoformat()}")
    desk.carrier(sipp.answers(ring_ms=5_000))
    wait_until(lambda: datetime.now(UTC) > begins - timedelta(seconds=3), "the new price is near")
    desk.phone(sipp.calls(SECOND_PRICED, 100)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert cdr.answered_at is not None
    assert cdr.started_at < begins < cdr.answered_at
    assert (cdr.billable_s, cdr.charged_micros, cdr.unfunded_micros) == (1, 20_000, 0)
