"""The files that pages refer to: read once, at the start, and found by their names alone, so no path leads elsewhere.

Their addresses name their contents, so browsers may keep them: after an upgrade the addresses are others.
"""

import hashlib
from http import HTTPStatus
from importlib import resources
from typing import Final, NamedTuple

from aiohttp import web

from web import paths
from web.outcome import Outcome, RefusedError

_TYPES: Final = {".css": "text/css", ".svg": "image/svg+xml"}
_KEPT: Final = "public, max-age=31536000, immutable"


class _File(NamedTuple):
    body: bytes
    content_type: str
    version: str


class StaticFiles:
    """Those in ``static/`` that are of a known type."""

    def __init__(self) -> None:
        """Read them all; they are few and small."""
        self._files: dict[str, _File] = {}
        for found in resources.files("web").joinpath("static").iterdir():
            suffix = found.name[found.name.rfind(".") :]
            if suffix in _TYPES:
                body = found.read_bytes()
                self._files[found.name] = _File(body, _TYPES[suffix], hashlib.sha256(body).hexdigest()[:12])

    def address_of(self, name: str) -> str:
        """Return under which address browsers find a file."""
        return f"{paths.STATIC}{name}?v={self._files[name].version}"

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a file."""
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, Outcome.NOT_FOUND)
        kept = {"Cache-Control": _KEPT} if request.query.get("v") == file.version else {}
        return web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=kept)
