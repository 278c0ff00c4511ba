"""How connections are taken in."""

import asyncio
import gc
import socket
import warnings

import pytest

from tollgate.listen import take_in


@pytest.mark.parametrize("turns", range(6))
async def test_connection_that_comes_as_its_taker_is_cancelled_is_lost_by_nobody(turns: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        listener.setblocking(False)
        taking = asyncio.create_task(take_in(listener))
        await asyncio.sleep(0.01)
        with socket.create_connection(listener.getsockname()):
            for _ in range(turns):
                await asyncio.sleep(0)
            is_taken = not taking.cancel()
            await asyncio.wait([taking])
            if is_taken:
                taking.result()[0].close()
            del taking
            gc.collect()
        assert [str(each.message) for each in told] == []


async def test_connection_is_taken_in_with_the_address_of_who_connects_and_does_not_block() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        taking = asyncio.create_task(take_in(listener))
        await asyncio.sleep(0.01)
        with socket.create_connection(listener.getsockname()) as client:
            connection, address = await taking
            with connection:
                assert (address, connection.getblocking()) == ("127.0.0.1", False)
                assert connection.getpeername() == client.getsockname()
