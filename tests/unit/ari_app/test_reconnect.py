"""Connections that are lost: the pauses before the next attempt, and what a new connection asks for."""

import asyncio

import pytest

from ari_app import backoff
from ari_app.access import AmiAccess
from ari_app.ami import AmiAdapter
from ari_app.backoff import Backoff
from ari_app.complaints import Complaints
from ari_app.errors import AmiUnavailableError
from store.reconciliations import ReconciliationCause
from tests.unit.ari_app.office import until
from tests.unit.ari_app.test_run import service


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes any time."""
    made: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds >= min(backoff.PAUSES_S):  # what waits for the test itself is none
            made.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return made


async def test_pauses_grow_until_a_connection_lasts(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = Backoff()
    for _ in range(4):
        await attempts.pause()
    assert pauses == [0.2, 0.5, 1.0, 1.0]

    attempts.connected()
    await attempts.pause()
    assert pauses[-1] == 1.0, "it was lost again at once"

    attempts.connected()
    monkeypatch.setattr(backoff, "LASTING_S", 0.0)
    await attempts.pause()
    assert pauses[-1] == 0.2


class FlakyAmi(AmiAdapter):
    """An AMI that is lost at once, twice, and refuses in between."""

    def __init__(self, access: AmiAccess, complaints: Complaints) -> None:
        super().__init__(access, complaints)
        self.answers: list[Exception | None] = [None, AmiUnavailableError("away"), None, None]

    async def connect(self) -> None:
        """Connect, or not."""
        if not self.answers:
            await asyncio.Event().wait()
        if (fault := self.answers.pop(0)) is not None:
            raise fault

    async def wait_lost(self) -> None:
        """Return at once."""


async def test_each_ami_connection_but_the_first_asks_for_a_comparison(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tollgate = service()
    tollgate.ami = ami = FlakyAmi(
        AmiAccess(host="", port=0, username="", secret=""), Complaints(tollgate.metrics.ami_messages)
    )
    asked: list[ReconciliationCause] = []
    monkeypatch.setattr(tollgate._comparing, "ask", asked.append)
    keeping = asyncio.create_task(tollgate._keep_ami())
    await until(lambda: not ami.answers)
    await asyncio.sleep(0)
    keeping.cancel()

    assert asked == [ReconciliationCause.AMI_RECONNECT] * 2
    assert pauses[0] == 0.2, "one that is lost at once is not made again without a pause"
