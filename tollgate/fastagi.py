"""The FastAGI server of the service: what it answers, and whom it asks."""

from typing import NoReturn

from agi.balance import AsteriskAwayError, BalanceQuestion
from agi.server import AgiServer
from ari_app.ami import AmiAdapter
from ari_app.errors import AmiRefusedError, AmiUnavailableError
from ari_app.run import Service
from dialplan.balance import BALANCE_PATH
from store.payers import Payer
from store.store import Store
from tollgate.listen import ListenAddress, keep_listening
from tollgate.notes import OutcomeNotes


def agi_server(service: Service, store: Store) -> AgiServer:
    """Return the server of all paths that the dialplan may ask at."""

    def payer_at(endpoint: str) -> Payer | None:  # in the catalog as it is by then
        return service.switchboard.catalog.payer_at(endpoint)

    async def channel_name(channel_id: str) -> str | None:
        return await name_of_channel(service.ami, channel_id)

    balance = BalanceQuestion(
        payer_at=payer_at,
        account=store.account_by_id,
        channel_name=channel_name,
    )
    server = AgiServer({BALANCE_PATH: balance}, OutcomeNotes(service.metrics.agi_sessions))
    service.metrics.gauge("agi_connections", "FastAGI connections that are open", lambda: server.open_connections)
    return server


async def name_of_channel(ami: AmiAdapter, channel_id: str) -> str | None:
    """Return what Asterisk calls the channel of this id; None where there is none.

    Raises:
        AsteriskAwayError: it does not say.
    """
    try:
        # The variable, not CHANNEL(name): functions of channels are not for AMI (ari_app.ami).
        return await ami.read_variable(channel_id, "CHANNEL")
    except AmiRefusedError:
        return None
    except AmiUnavailableError as error:
        raise AsteriskAwayError(str(error)) from error


async def serve_agi(address: ListenAddress, server: AgiServer) -> NoReturn:
    """Serve until cancelled, then close what is open."""
    try:
        await keep_listening(address, server.accept, "agi")
    finally:
        await server.close()
