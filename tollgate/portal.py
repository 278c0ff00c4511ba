"""The portal of the service: what its pages are made of, its address, and how many it lets in."""

from typing import Final, NoReturn

from aiohttp import web

from ari_app.clock import steady_s, utc_now
from ari_app.metrics import Metrics
from store.store import Store
from tollgate.listen import Door, ListenAddress, keep_listening
from tollgate.notes import OutcomeNotes
from web.application import make_application
from web.notes import Notes
from web.server import PortalServer

MOST_CONNECTIONS: Final = 32


class Portal:
    """Serves pages on one address, until its task is cancelled."""

    def __init__(self, application: web.Application, notes: Notes) -> None:
        """Take the pages, and where outcomes are counted; :meth:`run` listens."""
        self._server = PortalServer(application, notes)
        self._door = Door(MOST_CONNECTIONS, self._server.serve)

    @property
    def open_connections(self) -> int:
        """How many there are."""
        return self._door.open_connections

    async def run(self, address: ListenAddress) -> NoReturn:
        """Serve until cancelled, then close what is open."""
        try:
            await keep_listening(address, self._door.accept, "portal")
        finally:
            await self._server.close()


def portal_of(public_url: str, store: Store, metrics: Metrics) -> Portal:
    """Return the portal with all its pages.

    Args:
        public_url: By which browsers reach it, behind a proxy; '' where that is where it listens.
        store: Where users, sessions and what pages show are.
        metrics: Where what becomes of requests is counted.
    """
    notes = OutcomeNotes(metrics.portal_requests)
    application = make_application(store=store, public_url=public_url, notes=notes, now=utc_now, steady_s=steady_s)
    portal = Portal(application, notes)
    metrics.gauge("portal_connections", "Connections of the portal that are open", lambda: portal.open_connections)
    return portal
