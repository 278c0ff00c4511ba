"""Around all pages: every request is answered in time, once, with the headers that browsers go by, and counted.

What a handler raises becomes the page of a problem here, for the API a document ``{error, hint}``; nobody is shown a
traceback. The outcome that is counted is ``ANSWERED``, unless the handler named another (:func:`came_to`) or raised.
"""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from store.errors import StoreError
from web import paths
from web.connection import PortalConnection
from web.notes import Notes
from web.outcome import EXPECTED, Outcome, RefusedError
from web.pages import Pages
from web.site import Site, security_headers

REQUEST_LIMIT_S: float = 10.0
_OUTCOME: Final = web.RequestKey("outcome", Outcome)
_OF_STATUS: Final = {
    HTTPStatus.NOT_FOUND: Outcome.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: Outcome.BAD_METHOD,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Outcome.TOO_LARGE,
    HTTPStatus.EXPECTATION_FAILED: Outcome.MALFORMED,
}
"""What aiohttp itself refuses."""


def came_to(request: web.Request, outcome: Outcome) -> None:
    """Say what became of a request that is answered."""
    request[_OUTCOME] = outcome


def answering(pages: Pages, site: Site, notes: Notes) -> Middleware:
    """Return what goes around every handler."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if isinstance(request.protocol, PortalConnection):
            request.protocol.asked()
        error: BaseException | None = None
        try:
            async with asyncio.timeout(REQUEST_LIMIT_S):
                _refuse_foreign(request, site)
                answered = await handler(request)
            outcome = request.get(_OUTCOME, Outcome.ANSWERED)
        except asyncio.CancelledError:
            notes.count(Outcome.GONE)
            raise
        except Exception as raised:  # noqa: BLE001  # whatever it is, it is the matter of one request
            refused = _refused(raised)
            outcome, answered = refused.outcome, _problem(request, refused, pages)
            error = raised if outcome is Outcome.FAILED else None
        _count(request, outcome, error, notes, site)
        answered.force_close()
        return answered

    return answer


async def add_headers(_request: web.Request, answered: web.StreamResponse) -> None:
    """Add what browsers go by, also to what aiohttp refuses before it comes to any handler."""
    may_be_kept = answered.headers.get("Cache-Control")
    answered.headers.update(security_headers())
    if may_be_kept is not None:
        answered.headers["Cache-Control"] = may_be_kept


def _refuse_foreign(request: web.Request, site: Site) -> None:
    """Refuse what names us otherwise than we are called, or comes from a page that is not ours.

    Raises:
        RefusedError: so it is.
    """
    hosts = request.headers.getall("Host", [])
    if not site.is_own_host(hosts):
        raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, Outcome.FORBIDDEN_HOST)
    is_reading = request.method in ("GET", "HEAD")
    if not is_reading and not site.is_own_origin(request.headers.getall("Origin", []), hosts[0]):
        raise RefusedError(HTTPStatus.FORBIDDEN, Outcome.FORBIDDEN_ORIGIN)


def _refused(raised: Exception) -> RefusedError:
    match raised:
        case RefusedError():
            return raised
        case web.HTTPException():
            status = HTTPStatus(raised.status)
            return RefusedError(status, _OF_STATUS.get(status, Outcome.MALFORMED))
        case StoreError():
            return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, Outcome.STORE_AWAY)
        case TimeoutError():
            return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, Outcome.OVERTIME)
        case _:
            return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, Outcome.FAILED)


def _problem(request: web.Request, refused: RefusedError, pages: Pages) -> web.Response:
    headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
    if request.path.startswith(paths.API):
        return pages.problem_document(refused, headers=headers)
    return pages.problem(refused, headers=headers)


def _count(request: web.Request, outcome: Outcome, error: BaseException | None, notes: Notes, site: Site) -> None:
    if outcome in EXPECTED:
        notes.count(outcome)
        return
    address = site.client_address(request.remote or "", request.headers.getall("X-Forwarded-For", []))
    notes.note(
        outcome,
        "portal_request_in_vain",
        error=error,
        ended=str(outcome),
        address=address,
        method=request.method,
        path=request.path,
    )
