"""The AMI adapter against a real Asterisk, and against servers that say nothing or hang up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from ari_app import ami as ami_module
from ari_app.access import AmiAccess
from ari_app.ami import AmiAdapter
from ari_app.errors import AmiRefusedError, AmiUnavailableError
from tests.integration.ari_app.conftest import Pbx, complaints


@pytest.fixture
async def ami(pbx: Pbx) -> AsyncIterator[AmiAdapter]:
    """A connected adapter."""
    adapter = AmiAdapter(pbx.ami, complaints())
    await adapter.connect()
    yield adapter
    adapter.close()


async def channel(pbx: Pbx, ami: AmiAdapter) -> str:
    """Make a channel and return its uniqueid."""
    await asyncio.to_thread(pbx.originate, "talk")
    async with asyncio.timeout(60):
        while True:
            for line in (await ami.command("core show channels concise")).splitlines():
                fields = line.split("!")
                if len(fields) > 5 and fields[5] == "Wait":
                    return fields[-1]
            await asyncio.sleep(0.02)


async def gone(ami: AmiAdapter, channel_id: str, tries: int = 3000) -> None:
    """Wait until a channel has ended."""
    for _ in range(tries):
        if channel_id not in await ami.command("core show channels concise"):
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"channel {channel_id} lives on")


# --- the deadline ------------------------------------------------------------------------------------------------


async def test_deadline_is_set_and_read_back(pbx: Pbx, ami: AmiAdapter) -> None:
    channel_id = await channel(pbx, ami)
    assert await ami.read_deadline(channel_id) is None

    await ami.set_deadline(channel_id, 25.5)
    left_s = await ami.read_deadline(channel_id)
    assert left_s is not None
    assert 24.5 < left_s <= 25.5

    await ami.clear_deadline(channel_id)
    assert await ami.read_deadline(channel_id) is None


@pytest.mark.parametrize("seconds", [0.4, 0.0001])
async def test_deadline_ends_the_channel_however_short(pbx: Pbx, ami: AmiAdapter, seconds: float) -> None:
    channel_id = await channel(pbx, ami)
    await ami.set_deadline(channel_id, seconds)

    await gone(ami, channel_id)


@pytest.mark.parametrize("seconds", [0, -1, -0.001, float("nan"), float("inf")])
async def test_deadline_that_would_remove_the_deadline_is_never_sent(pbx: Pbx, ami: AmiAdapter, seconds: float) -> None:
    channel_id = await channel(pbx, ami)
    await ami.set_deadline(channel_id, 20)

    with pytest.raises(ValueError, match="would remove it"):
        await ami.set_deadline(channel_id, seconds)

    assert await ami.read_deadline(channel_id) is not None


async def test_deadline_of_a_channel_that_is_gone_is_refused(ami: AmiAdapter) -> None:
    with pytest.raises(AmiRefusedError, match="No such channel"):
        await ami.set_deadline("1.2", 5)
    with pytest.raises(AmiRefusedError, match="No such channel"):
        await ami.read_deadline("1.2")
    assert ami.connected


@pytest.mark.parametrize("channel_id", ["1.2\r\nAction: Logoff", "1.2\nX: y", "1.2\r"])
async def test_line_break_is_never_sent(ami: AmiAdapter, channel_id: str) -> None:
    with pytest.raises(AmiRefusedError, match="line break"):
        await ami.set_deadline(channel_id, 5)

    assert await ami.read_tree("nothing") == {}


# --- AstDB -------------------------------------------------------------------------------------------------------


async def test_tree_is_read_and_deleted_by_its_parts(pbx: Pbx, ami: AmiAdapter) -> None:
    for key in ("2026110208/1.1", "2026110209/1.2", "2026110209/1.3"):
        await asyncio.to_thread(pbx.asterisk.cli, f"database put tests {key} call,1,2,16,{key}")

    records = await ami.read_tree("tests")
    assert records == {key: f"call,1,2,16,{key}" for key in ("2026110208/1.1", "2026110209/1.2", "2026110209/1.3")}

    await ami.delete_tree("tests", "2026110209")
    assert set(await ami.read_tree("tests")) == {"2026110208/1.1"}
    await ami.delete_tree("tests", "2026110208")
    assert await ami.read_tree("tests") == {}


async def test_tree_that_is_not_there_is_empty_and_can_be_deleted(ami: AmiAdapter) -> None:
    assert await ami.read_tree("nothing") == {}
    await ami.delete_tree("nothing", "at-all")


async def test_many_actions_at_once_get_their_own_answers(pbx: Pbx, ami: AmiAdapter) -> None:
    await asyncio.to_thread(pbx.asterisk.cli, "database put tests only one")
    trees = await asyncio.gather(*(ami.read_tree("tests" if index % 2 else "nothing") for index in range(40)))

    assert trees == [{}, {"only": "one"}] * 20
    await ami.delete_tree("tests", "only")


# --- the connection ------------------------------------------------------------------------------------------------


async def test_wrong_secret_is_told_with_what_to_compare(pbx: Pbx) -> None:
    adapter = AmiAdapter(replace(pbx.ami, secret="wrong"), complaints())

    with pytest.raises(AmiUnavailableError, match=r"refuses the user 'tollgate'.*manager\.conf"):
        await adapter.connect()

    assert not adapter.connected


async def test_nobody_listens_is_an_error(pbx: Pbx) -> None:
    with pytest.raises(AmiUnavailableError, match="does not answer"):
        await AmiAdapter(replace(pbx.ami, port=1), complaints()).connect()


async def test_action_without_a_connection_is_an_error(pbx: Pbx) -> None:
    with pytest.raises(AmiUnavailableError, match="not connected"):
        await AmiAdapter(pbx.ami, complaints()).read_deadline("1.2")


async def test_close_is_a_loss_and_the_adapter_connects_again(ami: AmiAdapter) -> None:
    ami.close()
    await asyncio.wait_for(ami.wait_lost(), 60)
    with pytest.raises(AmiUnavailableError, match="not connected"):
        await ami.read_tree("nothing")

    await ami.connect()
    assert await ami.read_tree("nothing") == {}


async def test_connection_that_asterisk_ends_is_a_loss(ami: AmiAdapter) -> None:
    with suppress(AmiRefusedError, AmiUnavailableError):  # its answer to a farewell is no success
        await ami._action({"Action": "Logoff"})

    await asyncio.wait_for(ami.wait_lost(), 60)
    with pytest.raises(AmiUnavailableError, match="not connected"):
        await ami.read_deadline("1.2")


@asynccontextmanager
async def server(*, greets: bool, logs_in: bool, then_cuts: bool = False) -> AsyncIterator[AmiAccess]:
    """Listen as an Asterisk would, but stop answering, or cut the line, at some point."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if greets:
                writer.write(b"Asterisk Call Manager/11.0.0\r\n")
            request = await reader.readuntil(b"\r\n\r\n")
            if logs_in:
                action_id = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"actionid"))
                writer.write(b"Response: Success\r\n" + action_id + b"\r\nMessage: Authentication accepted\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
            if not then_cuts:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield AmiAccess(host="127.0.0.1", port=port, username="u", secret="s")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami_module, "ACTION_LIMIT_S", 0.2)


@pytest.mark.parametrize("greets", [True, False])
async def test_silence_at_the_login_is_an_error_after_the_limit(impatient: None, greets: bool) -> None:
    async with server(greets=greets, logs_in=False) as access:
        adapter = AmiAdapter(access, complaints())
        with pytest.raises(AmiUnavailableError, match="does not answer"):
            await adapter.connect()
        assert not adapter.connected


async def test_silence_after_an_action_is_an_error_and_ends_the_connection(impatient: None) -> None:
    async with server(greets=True, logs_in=True) as access:
        adapter = AmiAdapter(access, complaints())
        await adapter.connect()

        with pytest.raises(AmiUnavailableError, match="did not answer Getvar"):
            await adapter.read_deadline("1.2")

        await asyncio.wait_for(adapter.wait_lost(), 60)
        assert not adapter.connected


async def test_cut_line_is_a_loss_and_fails_what_waits(impatient: None) -> None:
    async with server(greets=True, logs_in=True, then_cuts=True) as access:
        adapter = AmiAdapter(access, complaints())
        await adapter.connect()

        with pytest.raises(AmiUnavailableError):
            await adapter.read_deadline("1.2")

        await asyncio.wait_for(adapter.wait_lost(), 60)
