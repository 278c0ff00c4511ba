"""The page and the document of reconciliations: what comparing live channels with open sessions found, and moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from rating.written_time import from_ms, local_time
from store.office_zone import office_zone
from store.reconciliation_words import Accounts, cause_words, money_lines, report_document
from store.reconciliations import KEPT, Reconciliation, ReconciliationCause
from store.store import Store
from web import paths
from web.outcome import Outcome, RefusedError
from web.pages import Pages
from web.reading import Reading
from web.sessions import SignedIn

ON_A_PAGE: Final = 25
_LAST_PAGE: Final = 10_000
_LONGEST_NODE: Final = 63
_MOST_DIGITS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which reports are wanted; None: of all nodes, for whatever cause."""

    node: str | None
    cause: ReconciliationCause | None

    def address_of(self, page: int) -> str:
        """Return where browsers find the reports of a page, the first one being 1."""
        wanted = {"node": self.node, "cause": self.cause and self.cause.value, "page": page if page > 1 else None}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return f"{paths.RECONCILIATIONS}?{query}" if query else paths.RECONCILIATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A report as the page shows it."""

    at: str
    """In the office's time zone."""
    node: str
    cause: str
    alive: int
    ended: int
    unknown: int
    money: Sequence[str]
    """A line an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    reports: list[Reconciliation]
    newest: list[Reconciliation]
    """Of each node."""
    accounts: Accounts
    zone: ZoneInfo

    def rows(self, reports: Sequence[Reconciliation]) -> list[Row]:
        return [_row(report, self.accounts, self.zone) for report in reports]


class ReconciliationsPage:
    """The reports, newest first, a page at a time; and as a document."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        """Take where the reports are."""
        self._reading = reading
        self._pages = pages

    async def page(self, request: web.Request, signed_in: SignedIn) -> web.StreamResponse:
        """Answer the page."""
        filters, number = _filters(request), _number(request, "page", default=1, most=_LAST_PAGE)
        # One more than are shown tells whether there are older ones.
        found = await self._reading.read(
            lambda store: _read(store, filters, skip=(number - 1) * ON_A_PAGE, limit=ON_A_PAGE + 1)
        )
        shown = found.reports[:ON_A_PAGE]
        return self._pages.page(
            "reconciliations.html",
            signed_in=signed_in,
            rows=found.rows(shown),
            newest=found.rows(found.newest),
            zone=found.zone.key,
            filters=filters,
            causes=[(cause.value, cause_words(cause)) for cause in ReconciliationCause],
            page_number=number,
            newer=filters.address_of(number - 1) if number > 1 else None,
            older=filters.address_of(number + 1) if len(found.reports) > ON_A_PAGE else None,
        )

    async def document(self, request: web.Request, _signed_in: SignedIn) -> web.StreamResponse:
        """Answer what ``tollgate reconciliations --json`` writes."""
        filters, limit = _filters(request), _number(request, "limit", default=20, most=KEPT)
        found = await self._reading.read(lambda store: _read(store, filters, skip=0, limit=limit))
        documents = [report_document(report, found.accounts, found.zone) for report in found.reports]
        return web.json_response({"reconciliations": documents})


async def _read(store: Store, filters: Filters, *, skip: int, limit: int) -> _Found:
    return _Found(
        reports=await store.reconciliations(filters.node, cause=filters.cause, skip=skip, limit=limit),
        newest=await store.newest_reconciliations(),
        accounts={account.id: account for account in await store.accounts()},
        zone=await office_zone(store),
    )


def _row(report: Reconciliation, accounts: Accounts, zone: ZoneInfo) -> Row:
    return Row(
        at=local_time(from_ms(report.at_ms), zone),
        node=report.node,
        cause=cause_words(report.cause),
        alive=report.alive,
        ended=report.ended,
        unknown=report.unknown,
        money=money_lines(report, accounts),
    )


def _filters(request: web.Request) -> Filters:
    """Return what the query asks for; what is empty is not asked.

    Raises:
        RefusedError: there is no such cause, or no such name.
    """
    node, cause = request.query.get("node", ""), request.query.get("cause", "")
    if len(node) > _LONGEST_NODE or not (node.isprintable() and node.isascii()) or (cause and cause not in _CAUSES):
        raise RefusedError(HTTPStatus.BAD_REQUEST, Outcome.BAD_QUERY)
    return Filters(node=node or None, cause=ReconciliationCause(cause) if cause else None)


_CAUSES: Final = frozenset(cause.value for cause in ReconciliationCause)


def _number(request: web.Request, name: str, *, default: int, most: int) -> int:
    """Return a number of the query, from 1.

    Raises:
        RefusedError: it is none, or too large.
    """
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and 1 <= int(text) <= most):
        raise RefusedError(HTTPStatus.BAD_REQUEST, Outcome.BAD_QUERY)
    return int(text)
