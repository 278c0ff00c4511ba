"""The portal's pages and where they are: one line each."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from aiohttp import web

from store.store import Store
from web import paths
from web.answering import add_headers, answering
from web.attempts import Attempts
from web.connection import MOST_BODY_BYTES
from web.notes import Notes
from web.pages import Pages
from web.password_check import PasswordCheck
from web.reading import Reading
from web.reconciliations import ReconciliationsPage
from web.sessions import Sessions, SignedIn
from web.sign_in import SignIn
from web.site import Site
from web.static_files import StaticFiles


def make_application(
    *, store: Store, public_url: str, notes: Notes, now: Callable[[], datetime], steady_s: Callable[[], float]
) -> web.Application:
    """Return the portal; :class:`web.server.PortalServer` serves it.

    Args:
        store: Where users, sessions and what pages show are.
        public_url: By which browsers reach it, behind a proxy; '' where that is where it listens.
        notes: Where outcomes are counted.
        now: Tells the time, aware, in UTC.
        steady_s: Seconds of a clock that nobody sets.
    """
    files, site, check = StaticFiles(), Site(public_url), PasswordCheck()
    pages, reading = Pages(files), Reading(store, now)
    sessions = Sessions(reading, site)
    sign_in = SignIn(
        reading=reading, sessions=sessions, pages=pages, site=site, attempts=Attempts(steady_s), check=check
    )
    reports = ReconciliationsPage(reading, pages)

    async def stop(_application: web.Application) -> None:
        check.close()

    application = web.Application(middlewares=[answering(pages, site, notes)], client_max_size=MOST_BODY_BYTES)
    application.on_response_prepare.append(add_headers)
    application.on_cleanup.append(stop)
    router = application.router
    router.add_get(f"{paths.STATIC}{{name}}", files.answer)
    router.add_get(paths.SIGN_IN, sign_in.page)
    router.add_post(paths.SIGN_IN, sign_in.sign_in)
    router.add_post(paths.SIGN_OUT, sign_in.sign_out)
    router.add_get("/", sessions.page(_first_page))
    router.add_get(paths.RECONCILIATIONS, sessions.page(reports.page))
    router.add_get(paths.API_RECONCILIATIONS, sessions.document(reports.document))
    return application


async def _first_page(_request: web.Request, _signed_in: SignedIn) -> web.StreamResponse:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": paths.FIRST})
