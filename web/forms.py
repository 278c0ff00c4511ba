"""Forms as browsers send them: bounded, of one kind, and with the token of the page that they are from."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from web.connection import MOST_BODY_BYTES
from web.outcome import Outcome, RefusedError
from web.tokens import is_form_token

FORM_TOKEN: Final = "form_token"  # noqa: S105  # a field's name
_MOST_FIELDS: Final = 16
_KIND: Final = "application/x-www-form-urlencoded"


async def read_form(request: web.Request, token: str) -> Mapping[str, str]:
    """Return the fields of a form that we gave to the browser with this token.

    Raises:
        RefusedError: it is another browser's or nobody's, too large, or no form.
    """
    if request.content_type != _KIND:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Outcome.MALFORMED)
    if request.content_length is not None and request.content_length > MOST_BODY_BYTES:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Outcome.TOO_LARGE)
    try:
        text = (await request.read()).decode("utf-8")
        fields = dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except (ValueError, web.RequestPayloadError) as error:  # no UTF-8, too many fields, broken chunks
        raise RefusedError(HTTPStatus.BAD_REQUEST, Outcome.MALFORMED) from error
    if not token or not is_form_token(fields.get(FORM_TOKEN, ""), token):
        raise RefusedError(HTTPStatus.FORBIDDEN, Outcome.FORBIDDEN_FORM)
    return fields
