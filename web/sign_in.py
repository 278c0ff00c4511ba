"""Signing in and out.

The page for signing in gives the browser a token, so that its form can carry a proof of where it is from; a session
begins with a token of its own, so that nobody can have a browser carry one that he knows (session fixation). Whoever
fails is told one thing, whatever was wrong, after the same time.
"""

from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from store.user_sessions import begin_session, end_session
from web import paths
from web.answering import came_to
from web.attempts import Attempts
from web.forms import read_form
from web.outcome import Outcome, RefusedError
from web.pages import Pages
from web.password_check import PasswordCheck
from web.passwords import LONGEST
from web.reading import Reading
from web.sessions import Sessions
from web.site import Site
from web.tokens import form_token, new_token, token_hash

log = structlog.get_logger(__name__)

_LONGEST_NAME: Final = 64


class SignIn:
    """The page for signing in, its form, and the one for signing out."""

    def __init__(
        self,
        *,
        reading: Reading,
        sessions: Sessions,
        pages: Pages,
        site: Site,
        attempts: Attempts,
        check: PasswordCheck,
    ) -> None:
        """Take what is needed for it."""
        self._reading = reading
        self._sessions = sessions
        self._pages = pages
        self._site = site
        self._attempts = attempts
        self._check = check

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Answer the form; somebody who is signed in goes on."""
        if await self._sessions.who(request) is not None:
            return _see(paths.FIRST)
        token = self._sessions.token(request) or new_token()
        page = self._pages.page("sign_in.html", form_token=form_token(token), name="", is_refused=False)
        self._sessions.give(page, token)
        return page

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Begin a session, or say that name and password are not those of a user."""
        token = self._sessions.token(request)
        form = await read_form(request, token)
        name, password = form.get("name", "").strip().lower()[:_LONGEST_NAME], form.get("password", "")
        address = self._site.client_address(request.remote or "", request.headers.getall("X-Forwarded-For", []))
        wait_s = self._attempts.begin(name, address)
        if wait_s:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, Outcome.SIGN_IN_LIMITED, retry_after_s=wait_s)
        begun = await self._begin(name, password)
        if begun is None:
            came_to(request, Outcome.SIGN_IN_REFUSED)
            return self._pages.page(
                "sign_in.html", status=HTTPStatus.FORBIDDEN, form_token=form_token(token), name=name, is_refused=True
            )
        self._attempts.succeeded(name, address)
        log.info("portal_signed_in", user=name, address=address)
        came_to(request, Outcome.SIGNED_IN)
        seen = _see(paths.FIRST)
        self._sessions.give(seen, begun)
        return seen

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """End the session; one that is over already is no error."""
        token = self._sessions.token(request)
        await read_form(request, token)
        await self._reading.store.apply(end_session(token_hash=token_hash(token)))
        came_to(request, Outcome.SIGNED_OUT)
        seen = _see(paths.SIGN_IN)
        self._sessions.take_back(seen)
        return seen

    async def _begin(self, name: str, password: str) -> str | None:
        """Begin a session and return its token; None where there is no such user, or the password is another."""
        known = await self._reading.read(lambda store: store.credentials(name))
        verified_hash = None if known is None or known.disabled else known.password_hash
        is_right = await self._check.is_password(password[: LONGEST + 1], verified_hash)
        if verified_hash is None or not is_right:
            return None
        token = new_token()
        begin = begin_session(
            name=name, verified_hash=verified_hash, token_hash=token_hash(token), at_ms=self._reading.now_ms()
        )
        return token if await self._reading.store.apply_unless_busy(begin) else None


def _see(path: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})
