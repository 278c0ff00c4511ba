"""The desk of the end-to-end tests with a proxy before ARI and another before AMI."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from charging.cdr import Cdr, EndSource
from rating.plan import Plan
from store.store import Store
from tests.chaos.ami_proxy import AmiProxy
from tests.chaos.ari_proxy import AriProxy
from tests.e2e import sipp
from tests.e2e.conftest import line, pbx, plan
from tests.e2e.desk import Desk, wait_until
from tests.e2e.line import Line
from tests.e2e.monitor import Monitor
from tests.e2e.office import fill_store
from tests.e2e.pbx import settings_text
from tests.sqlite import url_of
from tollgate.office.instance import AsteriskInstance

__all__ = ["line", "pbx", "plan"]

FUNDS_MICROS = 10_000_000
NEAR = timedelta(milliseconds=400)
"""How far apart SIPp and Asterisk may see one moment on a machine that is busy with other tests."""

SHORT = "first_slice_s = 4\nslice_s = 6\nleast_slice_s = 1\nrenew_lead_s = 2"
"""A call is renewed 2 s before each slice ends, and ends 3.7 s after its answer where nothing renews it."""
EIGHT_SECONDS = "first_slice_s = 8\nslice_s = 6\nleast_slice_s = 1\nrenew_lead_s = 2"
"""Six seconds pass before a call asks the store for more, and two more before it is cut."""


@dataclass(kw_only=True)
class ChaosDesk(Desk):
    """A desk whose service reaches Asterisk by way of proxies."""

    ari: AriProxy
    ami: AmiProxy

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    @contextmanager
    def locked_store(self) -> Iterator[None]:
        """Hold the database's write lock, as another process would."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout = 5000")
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    def wait_answer_saved(self) -> None:
        """Wait until the store knows that a call talks."""
        wait_until(lambda: any(session.paid_until_ms for session in self.sessions()), "the answer is saved")

    def wait_armed(self) -> None:
        """Wait until the service has read Asterisk's deadline of the answered leg; without it, it would hang up."""
        wait_until(lambda: '"event_type": "DeadlineArmed"' in self.log(), "the deadline is verified")

    def wait_logged(self, event: str, count: int = 1, limit_s: float = 20) -> None:
        """Wait until the service has logged an event so many times."""
        wait_until(
            lambda: [entry["event"] for entry in self.log_entries()].count(event) >= count,
            f"{event} is logged",
            limit_s,
        )

    def journal_keys(self) -> list[str]:
        """Return the keys of all journal rows."""
        with closing(sqlite3.connect(self.database)) as books:
            return [key for (key,) in books.execute("SELECT key FROM journal")]

    def alert_kinds(self) -> list[str]:
        """Return the kinds of the alerts in the store, oldest first."""
        return asyncio.run(self._alert_kinds())

    async def _alert_kinds(self) -> list[str]:
        async with await Store.open(self.database_url) as store:
            return [alert.kind for alert in reversed(await store.alerts())]

    def close(self) -> None:
        """Mend the lines, then ask what must hold after every test."""
        for proxy in (self.ari, self.ami):
            proxy.heal()
            proxy.faults.clear()
        super().close()


MakeDesk = Callable[..., ChaosDesk]


@pytest.fixture
def make_desk(tmp_path: Path, line: Line, pbx: AsteriskInstance, plan: Plan) -> Iterator[MakeDesk]:
    """Make the test's desk: ``funds`` in EUR, ``metering`` as lines of the settings, ``url`` of another store.

    ``service`` says how the service is started: fields of :class:`tests.e2e.desk.Desk`.
    """
    with ExitStack() as stack:

        def make(*, funds: str = "10.00", metering: str = SHORT, url: str | None = None, **service: Any) -> ChaosDesk:
            ari = stack.enter_context(AriProxy(line.ports.http))
            ami = stack.enter_context(AmiProxy(line.ports.ami))
            by_proxy = replace(line, ports=replace(line.ports, http=ari.port, ami=ami.port))
            settings_file, database_url = tmp_path / "tollgate.toml", url or url_of(tmp_path)
            settings_file.write_text(settings_text(by_proxy, database_url, metering), encoding="utf-8")
            asyncio.run(fill_store(database_url, plan, funds))
            desk = ChaosDesk(tmp_path, line, pbx, settings_file, database_url, ari=ari, ami=ami, **service)
            stack.callback(desk.close)
            desk.start_service()
            return desk

        yield make


@pytest.fixture
def monitor(line: Line, monkeypatch: pytest.MonkeyPatch) -> Monitor:
    """What asks the test's service how it is."""
    host, port = line.host(250), 8099
    monkeypatch.setenv("TOLLGATE_HEALTH_LISTEN", f"{host}:{port}")
    return Monitor(port, host)


@pytest.fixture
def desk(make_desk: MakeDesk) -> ChaosDesk:
    """A desk with 10.00 EUR and short slices."""
    return make_desk()


# --- what is asked of records and books -----------------------------------------------------------------------


@dataclass(frozen=True)
class Talk:
    """What the carrier saw of an answered leg."""

    answer: sipp.Seen
    bye: sipp.Seen

    @property
    def length(self) -> timedelta:
        """How long it talked."""
        return self.bye.at - self.answer.at


def talks_and_records(carrier: sipp.Sipp, cdrs: list[Cdr]) -> Iterator[tuple[Talk, Cdr]]:
    """Pair what a carrier saw with the records of answered legs, one for one, in the order of their ends."""
    answered = sorted((cdr for cdr in cdrs if cdr.answered_at is not None), key=lambda cdr: cdr.ended_at)
    talks = sorted(talks_of(carrier), key=lambda talk: talk.bye.at)
    return zip(talks, answered, strict=True)


def talks_of(carrier: sipp.Sipp) -> list[Talk]:
    """Wait until all legs that were answered have ended, and return them in the order of their answers."""
    answers = {seen.call_id: seen for seen in reversed(carrier.seen("SIP/2.0 200", sent=True))}
    wait_until(lambda: answers.keys() == _byes(carrier).keys(), "every leg has ended")
    byes = _byes(carrier)
    return [Talk(answer, byes[answer.call_id]) for answer in sorted(answers.values(), key=lambda seen: seen.at)]


def _byes(carrier: sipp.Sipp) -> dict[str, sipp.Seen]:
    """Return the first BYE of each call; one that nobody answered is repeated."""
    return {seen.call_id: seen for seen in reversed(carrier.seen("BYE"))}


def check_times(cdr: Cdr, talk: Talk, *sources: EndSource) -> None:
    """Compare the times of a record with what the carrier saw."""
    assert cdr.answered_at is not None
    assert abs(cdr.answered_at - talk.answer.at) < NEAR
    assert abs(cdr.ended_at - talk.bye.at) < NEAR
    assert cdr.end_source in sources
    assert cdr.billable_s == -(-(cdr.ended_at - cdr.answered_at) // timedelta(seconds=1))


def check_record(cdr: Cdr, talk: Talk, *sources: EndSource) -> None:
    """Compare a record of a second-priced call with what the carrier saw: when it talked, and what that cost."""
    check_times(cdr, talk, *sources)
    assert (cdr.charged_micros, cdr.unfunded_micros) == (cdr.billable_s * 10_000, 0)


def check_cut(talk: Talk, paid_s: int) -> None:
    """Check that a carrier saw a leg end in the last second that was paid."""
    assert timedelta(seconds=paid_s - 1) - NEAR <= talk.length <= timedelta(seconds=paid_s) + NEAR


def check_refused_in_3_s(phone: sipp.Sipp) -> None:
    """Check that the dialplan's guard turned a caller away whom the service left waiting."""
    [asked], [refused] = phone.seen("INVITE", sent=True), phone.seen("SIP/2.0 503")
    assert timedelta(seconds=2.9) <= refused.at - asked.at <= timedelta(seconds=3.4) + NEAR


def check_books(desk: ChaosDesk, funds_micros: int = FUNDS_MICROS) -> None:
    """Check that nothing is held, that the records explain the balance, and that no journal key is there twice.

    ``verify`` runs at the end of every test.
    """
    wait_until(lambda: not desk.sessions(), f"no session is open: {desk.sessions()}", 40)
    account = desk.account()
    assert account.reserved_micros == 0
    assert account.available_micros == funds_micros - sum(cdr.charged_micros for cdr in desk.cdrs())
    assert len(keys := desk.journal_keys()) == len(set(keys))
