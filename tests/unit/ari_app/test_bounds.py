"""What waits for Asterisk is bounded: at the bound it is turned away, and afterwards there is room again."""

import asyncio
from typing import Any, cast

import pytest

from ari_app import ami, client, execute
from ari_app.access import AmiAccess, AriAccess
from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply
from ari_app.complaints import Complaints
from ari_app.errors import AmiUnavailableError, AriUnavailableError
from ari_app.execute import CommandExecutor
from ari_app.metrics import Metrics
from ari_app.store_watch import StoreWatch
from dialplan.trunks import Trunk
from store.caps import NO_SPEND_LIMITS
from tests.unit.ari_app.office import SomeLines
from tests.unit.charging.story import POLICY, TRUNK

MOST = 2
ARI = AriAccess(url="http://127.0.0.1:1", username="u", password="p", application="tollgate")
AMI = AmiAccess(host="127.0.0.1", port=1, username="u", secret="s")


class SlowAri(AriClient):
    """Asterisk over ARI that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(ARI, lambda _event: None, Complaints(Metrics().ari_messages))
        self.answer = asyncio.Event()

    async def _over_http(self, *_request: Any, **_more: Any) -> AriReply:
        await self.answer.wait()
        return AriReply(204)


async def test_requests_beyond_the_bound_are_as_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_IN_FLIGHT", MOST)
    ari = SlowAri()
    asked = [asyncio.create_task(ari.hangup(str(number))) for number in range(MOST)]
    await asyncio.sleep(0)
    assert ari.in_flight == MOST
    with pytest.raises(AriUnavailableError, match="wait for ARI already"):
        await ari.hangup("one more")
    ari.answer.set()
    assert all(reply.done for reply in await asyncio.gather(*asked))
    assert ari.in_flight == 0
    assert (await ari.hangup("one more")).done


class SlowManager:
    """Asterisk over AMI that never answers."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Any]] = []

    def send_action(self, _action: dict[str, str], *, as_list: bool | None) -> "asyncio.Future[Any]":
        """Take an action."""
        assert not as_list
        self.asked.append(asyncio.get_running_loop().create_future())
        return self.asked[-1]


async def test_actions_beyond_the_bound_are_as_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami, "MOST_IN_FLIGHT", MOST)
    manager = SlowManager()
    adapter = AmiAdapter(AMI, Complaints(Metrics().ami_messages))
    monkeypatch.setattr(adapter, "_manager", manager)
    asked = [asyncio.create_task(adapter.set_deadline(str(number), 1.0)) for number in range(MOST)]
    await asyncio.sleep(0)
    assert adapter.in_flight == MOST
    with pytest.raises(AmiUnavailableError, match="wait for AMI already"):
        await adapter.set_deadline("one more", 1.0)
    assert len(manager.asked) == MOST
    for future in manager.asked:
        future.set_exception(ConnectionResetError())
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [AmiUnavailableError] * MOST
    assert adapter.in_flight == 0


async def test_channels_to_refuse_beyond_the_bound_are_left_to_the_dialplan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "MOST_REFUSALS", MOST)
    ari, metrics, nobody = SlowAri(), Metrics(), cast("Any", None)
    executor = CommandExecutor(
        cast("StoreWatch", nobody),
        SomeLines(ari=ari),
        cast("Alerts", nobody),
        POLICY,
        (Trunk(endpoint=TRUNK),),
        "FR",
        lambda _call: NO_SPEND_LIMITS,
        lambda _call: "main",
        metrics,
    )
    for number in range(MOST + 3):
        executor.refuse_channel(str(number))
    assert executor.under_way == MOST
    assert 'tollgate_dropped_total{queue="refusals"} 3.0' in metrics.text().decode()
    ari.answer.set()
    await executor.drain(60)
    executor.refuse_channel("one more")
    assert executor.under_way == 1
    await executor.drain(60)
