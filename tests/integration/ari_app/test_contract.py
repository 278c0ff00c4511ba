"""Everything the client asks of ARI is in Asterisk's own documents, with these parameters; so is every event."""

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from ari_app.client import AriClient, AriReply
from ari_app.decode import WANTED_EVENTS
from tests.integration.ari_app.conftest import Pbx, complaints

Request = tuple[str, str, frozenset[str], frozenset[str]]
"""Method, path, names in the query, names in the body."""

OPERATIONS: dict[str, Callable[[AriClient], Awaitable[AriReply]]] = {
    "filter": lambda ari: ari.filter(WANTED_EVENTS),
    "subscribe": lambda ari: ari.subscribe("endpoint:PJSIP/carrier1"),
    "status": lambda ari: ari.status(),
    "list_channels": lambda ari: ari.list_channels(),
    "get": lambda ari: ari.get("1.2"),
    "get_variable": lambda ari: ari.get_variable("1.2", "A"),
    "set_channel_vars": lambda ari: ari.set_channel_vars("1.2", {"A": "b"}),
    "continue_in_dialplan": lambda ari: ari.continue_in_dialplan("1.2", ("tg-internal", "1-102")),
    "hangup": lambda ari: ari.hangup("1.2", 21),
}


class Documents:
    """Asterisk's Swagger documents."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._operations = [
            (operation["httpMethod"], api["path"], operation)
            for document in documents
            for api in document["apis"]
            for operation in api["operations"]
        ]
        self.models = {name for document in documents for name in document.get("models", {})}

    def parameters(self, method: str, path: str) -> dict[str, str] | None:
        """Return the operation's parameters, each with where it goes; None where there is no such operation."""
        for documented_method, documented_path, operation in self._operations:
            pattern = re.sub(r"\{\w+\}", "[^/]+", documented_path)
            if documented_method == method and re.fullmatch(pattern, f"/{path}"):
                return {parameter["name"]: parameter["paramType"] for parameter in operation.get("parameters", ())}
        return None


@pytest.fixture
async def documents(pbx: Pbx) -> Documents:
    auth = aiohttp.encode_basic_auth(pbx.ari.username, pbx.ari.password)
    names = ("applications", "asterisk", "channels", "events")
    async with aiohttp.ClientSession(headers={"Authorization": auth}) as http:
        found = []
        for name in names:
            async with http.get(f"{pbx.ari.url}/ari/api-docs/{name}.json") as response:
                assert response.status == 200
                found.append(await response.json(content_type=None))
    return Documents(found)


class Recorder(AriClient):
    """A client that notes what it would ask."""

    asked: Request

    async def _request(self, method: str, path: str, query: Any = None, body: Any = None) -> AriReply:
        self.asked = (method, path, frozenset(query or ()), frozenset(body or ()))
        return AriReply(204)


def test_every_operation_of_the_client_is_looked_at() -> None:
    plumbing = {"connect", "listen", "close"}
    public = {name for name, _ in inspect.getmembers(AriClient, inspect.isfunction) if not name.startswith("_")}

    assert public - plumbing == OPERATIONS.keys()


@pytest.mark.parametrize("name", OPERATIONS)
async def test_operation_is_documented_with_its_parameters(pbx: Pbx, documents: Documents, name: str) -> None:
    recorder = Recorder(pbx.ari, lambda _event: None, complaints())
    await OPERATIONS[name](recorder)

    method, path, query, body = recorder.asked
    parameters = documents.parameters(method, path)

    assert parameters is not None, f"{method} /{path}"
    assert all(parameters.get(each) == "query" for each in query), parameters
    assert not body or "body" in parameters.values(), parameters


async def test_version_is_asked_as_documented(documents: Documents) -> None:
    assert documents.parameters("GET", "asterisk/info") == {"only": "query"}


async def test_every_wanted_event_is_documented(documents: Documents) -> None:
    assert set(WANTED_EVENTS) <= documents.models
