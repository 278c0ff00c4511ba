"""Templates and files: every problem has its words, what is hostile is text, and a file is found by its name alone."""

import json
from http import HTTPStatus
from importlib import resources
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from jinja2 import UndefinedError

from web.outcome import Outcome, RefusedError
from web.pages import Pages
from web.site import security_headers
from web.static_files import StaticFiles


@pytest.fixture(scope="module")
def files() -> StaticFiles:
    return StaticFiles()


@pytest.fixture(scope="module")
def pages(files: StaticFiles) -> Pages:
    return Pages(files)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_problem_is_worded_for_people_and_programs(pages: Pages, outcome: Outcome) -> None:
    refused = RefusedError(HTTPStatus.FORBIDDEN, outcome, retry_after_s=61)
    page = pages.problem(refused, headers={"Retry-After": "61"})
    document = json.loads(pages.problem_document(refused, headers={}).text or "")
    assert (page.status, page.headers["Retry-After"]) == (403, "61")
    assert page.text is not None
    for said in document.values():
        assert said
        assert "\n\n" not in said
        assert "&" not in said
    assert document["error"] in page.text.replace("&#39;", "'")


def test_wait_is_told_in_minutes(pages: Pages) -> None:
    def hint(wait_s: int) -> str:
        refused = RefusedError(HTTPStatus.TOO_MANY_REQUESTS, Outcome.SIGN_IN_LIMITED, retry_after_s=wait_s)
        return str(json.loads(pages.problem_document(refused, headers={}).text or "")["hint"])

    assert hint(60).startswith("Try again in a minute.")
    assert hint(61).startswith("Try again in 2 minutes.")


def test_what_somebody_typed_is_shown_as_text(pages: Pages) -> None:
    page = pages.page("sign_in.html", form_token="x", name='"><script>alert(1)</script>', is_refused=True)
    assert page.text is not None
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


def test_name_that_a_template_does_not_know_is_an_error(pages: Pages) -> None:
    with pytest.raises(UndefinedError):
        pages.page("sign_in.html", name="anna")


def test_no_page_holds_what_the_policy_forbids() -> None:
    assert "unsafe" not in security_headers()["Content-Security-Policy"]
    for template in resources.files("web").joinpath("templates").iterdir():
        text = template.read_text(encoding="utf-8")
        assert "<script" not in text
        assert " style=" not in text
        assert "|safe" not in text
        assert "://" not in text


def ask(files: StaticFiles, name: str, **query: str) -> Any:
    return files.answer(cast("web.Request", SimpleNamespace(match_info={"name": name}, query=query)))


async def test_file_may_be_kept_under_the_address_that_names_its_contents(files: StaticFiles) -> None:
    version = files.address_of("portal.css").partition("?v=")[2]
    kept, other = await ask(files, "portal.css", v=version), await ask(files, "portal.css", v="old")
    assert kept.content_type == "text/css"
    assert "immutable" in kept.headers["Cache-Control"]
    assert "Cache-Control" not in other.headers


@pytest.mark.parametrize("name", ["../pages.py", "..", "", "pico.LICENSE.md", "PICO.MIN.CSS", "portal.css/", "\x00"])
async def test_other_names_are_no_files(files: StaticFiles, name: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await ask(files, name)
    assert refused.value.outcome is Outcome.NOT_FOUND


def test_styles_ship_with_their_licence() -> None:
    licence = resources.files("web").joinpath("static", "pico.LICENSE.md").read_text(encoding="utf-8")
    assert "MIT License" in licence
