"""The portal of the service: what its pages are made of, and its address."""

from typing import NoReturn

from ari_app.clock import steady_s, utc_now
from ari_app.metrics import Metrics
from store.store import Store
from tollgate.listen import ListenAddress, keep_listening
from tollgate.notes import OutcomeNotes
from web.application import make_application
from web.server import PortalServer


def portal_server(public_url: str, store: Store, metrics: Metrics) -> PortalServer:
    """Return the server of all pages.

    Args:
        public_url: By which browsers reach it, behind a proxy; '' where that is where it listens.
        store: Where users, sessions and what pages show are.
        metrics: Where what becomes of requests is counted.
    """
    notes = OutcomeNotes(metrics.portal_requests)
    application = make_application(store=store, public_url=public_url, notes=notes, now=utc_now, steady_s=steady_s)
    server = PortalServer(application, notes)
    metrics.gauge("portal_connections", "Connections of the portal that are open", lambda: server.open_connections)
    return server


async def serve_portal(address: ListenAddress, server: PortalServer) -> NoReturn:
    """Serve until cancelled, then close what is open."""
    try:
        await keep_listening(address, server.accept, "portal")
    finally:
        await server.close()
