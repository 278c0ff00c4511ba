"""A portal on a port of its own, and browsers to visit it with."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from ari_app.metrics import Metrics
from store.catalog import create_account
from store.reconciliations import MoneyMoved, Reconciliation, ReconciliationCause, record_reconciliation
from store.store import Store
from store.users import Role, add_user
from tollgate.listen import ListenAddress
from tollgate.notes import OutcomeNotes
from tollgate.portal import Portal as ServedPortal
from web.application import make_application
from web.outcome import Outcome
from web.passwords import hash_password

PASSWORD = "correct horse battery"
PASSWORD_HASH = hash_password(PASSWORD)
LIMIT_S = 60.0
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


@dataclass
class Page:
    """What a browser was answered."""

    status: int
    text: str
    headers: Any
    path: str


@dataclass
class Portal:
    """The portal, its store and its clocks."""

    address: ListenAddress
    store: Store
    public_url: str = ""
    now: datetime = NOON
    steady_s: float = 0.0
    metrics: Metrics = field(default_factory=Metrics)
    turns: int = 0
    """How often the loop has turned: what a call's metering, which waits for its turn too, would have had."""

    def __post_init__(self) -> None:
        notes = OutcomeNotes(self.metrics.portal_requests)
        application = make_application(
            store=self.store,
            public_url=self.public_url,
            notes=notes,
            now=lambda: self.now,
            steady_s=lambda: self.steady_s,
        )
        self.server = ServedPortal(application, notes)

    def counted(self, outcome: Outcome) -> int:
        """Return how many requests or connections ended so."""
        value = self.metrics.registry.get_sample_value("tollgate_portal_requests_total", {"outcome": outcome})
        return int(value or 0)

    async def until_counted(self, outcome: Outcome, times: int = 1) -> None:
        """Wait until so many ended so, and none is open."""
        async with asyncio.timeout(LIMIT_S):
            while self.counted(outcome) < times or self.server.open_connections:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def turn(self) -> None:
        """Count the loop's turns."""
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect as a client that does what it likes."""
        return await asyncio.open_connection(*self.address)

    async def send(self, sent: bytes) -> bytes:
        """Send something, and return all that comes back until the server closes."""
        reader, writer = await self.connect()
        writer.write(sent)
        async with asyncio.timeout(LIMIT_S):
            answer = await reader.read()
        writer.close()
        return answer

    async def is_well(self) -> bool:
        """Ask as a browser does."""
        answer = await self.send(b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        return answer.startswith(b"HTTP/1.1 200 OK\r\n")

    async def report(self, number: int = 0, *, node: str = "pbx1", **more: Any) -> None:
        """Have a service report a reconciliation, ``number`` minutes after noon."""
        values: dict[str, Any] = {"cause": ReconciliationCause.START, "alive": number, "ended": 0, "unknown": 0}
        at_ms = int((NOON + timedelta(minutes=number)).timestamp() * 1000)
        report = Reconciliation(**{**values, "node": node, "at_ms": at_ms, "money": {}, **more})
        await self.store.apply(record_reconciliation(report))


class Browser:
    """Keeps cookies, follows where it is sent, and fills in forms."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._last = Page(0, "", {}, "")

    @property
    def url(self) -> str:
        """Where the portal is."""
        return f"http://{self._portal.address}"

    async def get(self, path: str, *, follows: bool = True, headers: dict[str, str] | None = None) -> Page:
        """Open a page."""
        async with self.http.get(f"{self.url}{path}", allow_redirects=follows, headers=headers) as reply:
            return await self._took(reply)

    async def post(self, path: str, fields: dict[str, str] | None = None, *, origin: str | None = "own") -> Page:
        """Send the form of the page that was opened last; ``origin`` may be another's, or None."""
        found = FORM_TOKEN.search(self._last.text)
        form = {"form_token": found[1] if found else "", **(fields or {})}
        headers = {} if origin is None else {"Origin": self.url if origin == "own" else origin}
        async with self.http.post(f"{self.url}{path}", data=form, headers=headers) as reply:
            return await self._took(reply)

    async def sign_in(self, name: str = "anna", password: str = PASSWORD) -> Page:
        """Open the page for signing in, and sign in."""
        await self.get("/sign-in")
        return await self.post("/sign-in", {"name": name, "password": password})

    async def _took(self, reply: aiohttp.ClientResponse) -> Page:
        self._last = Page(reply.status, await reply.text(), reply.headers, reply.url.path)
        return self._last

    @property
    def cookies(self) -> dict[str, str]:
        """Return what it carries."""
        return {cookie.key: cookie.value for cookie in self.http.cookie_jar}


@asynccontextmanager
async def open_portal(url: str, public_url: str = "") -> AsyncIterator[Portal]:
    """Serve a portal on an empty store with an account and three users: anna, mia and root."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = ListenAddress(*found.getsockname())
    async with await Store.open(url) as store:
        at_ms = int(NOON.timestamp() * 1000)
        await store.apply(
            create_account(name="main", currency="EUR", timezone="America/Mexico_City", plan=None, at_ms=at_ms)
        )
        for name, role in (("anna", Role.VIEWER), ("mia", Role.MANAGER), ("root", Role.ADMIN)):
            await store.apply(add_user(name=name, role=role, password_hash=PASSWORD_HASH, at_ms=at_ms))
        portal = Portal(address, store, public_url)
        serving = asyncio.create_task(portal.server.run(address))
        await asyncio.sleep(0)
        try:
            yield portal
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert portal.server.open_connections == 0


def money(**micros: int) -> dict[int, MoneyMoved]:
    """Return what was moved on the account main."""
    return {1: MoneyMoved(**micros)}
