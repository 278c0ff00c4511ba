"""A real Asterisk, the real service as a process of its own, SIPp as phones and as carriers.

One Asterisk serves a whole run; each test has a store and a service of its own, and is followed by the same
questions: no channel is left, no hold is open, the books are right.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rating.plan import Plan, parse_plan
from tests.e2e.desk import Desk
from tests.e2e.line import Line, own_line
from tests.e2e.office import PLAN_FILE, fill_store
from tests.e2e.pbx import running_pbx, settings_text
from tollgate.office.instance import AsteriskInstance


@pytest.fixture(scope="session")
def line() -> Iterator[Line]:
    """This worker's addresses."""
    with own_line() as found:
        yield found


@pytest.fixture(scope="session")
def plan() -> Plan:
    """The shipped French plan."""
    return parse_plan(PLAN_FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def pbx(line: Line, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskInstance]:
    """A real Asterisk with Tollgate's dialplan, four phones and two carriers."""
    with running_pbx(line, plan, tmp_path_factory.mktemp("pbx")) as instance:
        yield instance


@pytest.fixture
def make_desk(tmp_path: Path, line: Line, pbx: AsteriskInstance, plan: Plan) -> Iterator[Callable[..., Desk]]:
    """Make the test's desk: ``funds`` in EUR, ``metering`` as lines of the settings, ``more`` of the plan's TOML.

    ``settings`` are those of no section.
    """
    desks: list[Desk] = []

    def make(*, funds: str = "10.00", metering: str = "", more: str = "", settings: str = "") -> Desk:
        settings_file, url = tmp_path / "tollgate.toml", f"sqlite:///{tmp_path / 'tollgate.db'}"
        settings_file.write_text(settings_text(line, url, metering, more=settings), encoding="utf-8")
        desk = Desk(tmp_path, line, pbx, settings_file, url)
        asyncio.run(fill_store(url, plan, funds, more))
        desks.append(desk)
        desk.start_service()
        return desk

    yield make
    for desk in desks:
        desk.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A desk with 10.00 EUR and the shipped metering."""
    return make_desk()
