"""Who is signed in: the browser's token, and pages that are for signed-in users alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from store.users import PortalUser
from web import paths
from web.answering import came_to
from web.outcome import Outcome, RefusedError
from web.reading import Reading
from web.site import Site
from web.tokens import form_token, is_token, token_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who asks for a page, as its template shows it."""

    user: PortalUser
    form_token: str
    """What forms on the page carry."""


SignedInHandler = Callable[[web.Request, SignedIn], Awaitable[web.StreamResponse]]


class Sessions:
    """Finds the session of a request."""

    def __init__(self, reading: Reading, site: Site) -> None:
        """Take where sessions are, and what their cookie is called."""
        self._reading = reading
        self._site = site

    def token(self, request: web.Request) -> str:
        """Return the token that the browser carries, of a session or of none; '' where it is none of ours."""
        token = request.cookies.get(self._site.cookie, "")
        return token if is_token(token) else ""

    def give(self, response: web.Response, token: str) -> None:
        """Have the browser carry a token, until it is closed."""
        response.set_cookie(
            self._site.cookie, token, path="/", httponly=True, samesite="Strict", secure=self._site.is_secure
        )

    def take_back(self, response: web.Response) -> None:
        """Have the browser forget its token."""
        response.del_cookie(self._site.cookie, path="/", httponly=True, samesite="Strict", secure=self._site.is_secure)

    async def who(self, request: web.Request) -> SignedIn | None:
        """Return who is signed in; None where nobody is.

        Raises:
            StoreError: the store cannot be read.
        """
        token = self.token(request)
        found = await self._reading.session(token_hash(token)) if token else None
        return None if found is None else SignedIn(user=found.user, form_token=form_token(token))

    def page(self, handler: SignedInHandler) -> Handler:
        """Return a page that sends whoever is not signed in to the page for that."""

        async def answer(request: web.Request) -> web.StreamResponse:
            signed_in = await self.who(request)
            if signed_in is not None:
                return await handler(request, signed_in)
            came_to(request, Outcome.NOT_SIGNED_IN)
            return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": paths.SIGN_IN})

        return answer

    def document(self, handler: SignedInHandler) -> Handler:
        """Return what programs ask for, which they are refused where they are not signed in."""

        async def answer(request: web.Request) -> web.StreamResponse:
            signed_in = await self.who(request)
            if signed_in is None:
                raise RefusedError(HTTPStatus.UNAUTHORIZED, Outcome.NOT_SIGNED_IN)
            return await handler(request, signed_in)

        return answer
