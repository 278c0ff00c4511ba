"""The portal over real sockets, as browsers and programs use it: signing in and out, the page of reconciliations."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from store.errors import StoreUnavailableError
from store.reconciliations import ReconciliationCause
from store.user_sessions import LONGEST_IDLE_MS, LONGEST_MS
from store.users import disable_user, set_password
from tests.integration.service.portal_visits import PASSWORD, Browser, Portal, money, open_portal
from tests.postgres import fresh_database
from tests.sqlite import fresh_file
from web.attempts import MOST_OF_A_NAME, WINDOW_S
from web.outcome import Outcome


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield fresh_file(tmp_path)
    else:
        with fresh_database() as url:
            yield url


@pytest.fixture
async def portal(database: str) -> AsyncIterator[Portal]:
    async with open_portal(database) as opened:
        yield opened


@pytest.fixture
async def browser(portal: Portal) -> AsyncIterator[Browser]:
    opened = Browser(portal)
    yield opened
    await opened.http.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
async def test_user_signs_in_sees_the_reports_and_signs_out(portal: Portal, browser: Browser) -> None:
    await portal.report(0, ended=2, money=money(charged_micros=400_000, released_micros=200_000))
    assert (await browser.get("/")).path == "/sign-in"
    page = await browser.sign_in("  Anna ")
    assert (page.status, page.path) == (200, "/reconciliations")
    assert "anna · viewer" in page.text
    assert "main: charged 0.40, released 0.20 EUR" in page.text
    assert "2026-11-21 06:00:00" in page.text, "the office's time"
    assert (await browser.get("/")).path == "/reconciliations"
    assert (await browser.get("/sign-in")).path == "/reconciliations"
    await browser.get("/")
    assert (await browser.post("/sign-out")).path == "/sign-in"
    assert browser.cookies.keys() <= {"tollgate"}
    assert (await browser.get("/reconciliations")).path == "/sign-in"
    assert portal.counted(Outcome.SIGNED_IN) == portal.counted(Outcome.SIGNED_OUT) == 1
    assert portal.counted(Outcome.NOT_SIGNED_IN) == 2


@pytest.mark.parametrize("name", ["anna", "mia", "root"])
async def test_every_role_sees_the_reports(browser: Browser, name: str) -> None:
    assert "Reconciliations" in (await browser.sign_in(name)).text


async def test_session_has_a_token_of_its_own_that_only_the_browser_knows(portal: Portal, browser: Browser) -> None:
    await browser.get("/sign-in")
    before = browser.cookies["tollgate"]
    await browser.post("/sign-in", {"name": "anna", "password": PASSWORD})
    after = browser.cookies["tollgate"]
    assert before != after
    async with portal.store._reading() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM portal_session")).all()
    assert after not in str(rows)
    for stale in (before, after[::-1], "", "x" * 2000):
        other = Browser(portal)
        other.http.cookie_jar.update_cookies({"tollgate": stale})
        assert (await other.get("/reconciliations")).path == "/sign-in"
        await other.http.close()


async def test_cookie_is_for_us_alone_and_secure_behind_tls(database: str) -> None:
    async with open_portal(database, "https://pbx.example.com") as portal:
        browser = Browser(portal)
        cookie = (await browser.get("/sign-in")).headers["Set-Cookie"]
        await browser.http.close()
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-tollgate=")
    assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=Strict", "Secure"}


async def test_every_answer_has_the_headers_that_browsers_go_by(browser: Browser) -> None:
    for path in ("/sign-in", "/nothing", "/static/portal.css", "/api/v1/reconciliations"):
        headers = (await browser.get(path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "aiohttp" not in headers["Server"]


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "correct horse batterz"), ("nobody", PASSWORD), ("anna", ""), ("", ""), ("'--", "x")],
)
async def test_whoever_fails_is_told_one_thing(portal: Portal, browser: Browser, name: str, password: str) -> None:
    page = await browser.sign_in(name, password)
    assert page.status == 403
    assert "That is no user&#39;s name and password" in page.text.replace("user's", "user&#39;s")
    assert portal.counted(Outcome.SIGN_IN_REFUSED) == 1
    assert (await browser.get("/reconciliations")).path == "/sign-in"


async def test_disabled_user_is_told_the_same_and_is_out_at_once(portal: Portal, browser: Browser) -> None:
    await browser.sign_in()
    await portal.store.apply(disable_user(name="anna"))
    assert (await browser.get("/reconciliations")).path == "/sign-in"
    refused = await browser.sign_in()
    unknown = await browser.sign_in("nobody")
    assert refused.status == unknown.status == 403
    assert len(refused.text) - len("anna") == len(unknown.text) - len("nobody")


async def test_new_password_ends_the_session_at_once(portal: Portal, browser: Browser) -> None:
    await browser.sign_in()
    await portal.store.apply(set_password(name="anna", password_hash="x"))
    assert (await browser.get("/reconciliations")).path == "/sign-in"


async def test_session_ends_when_it_is_not_used_and_goes_on_when_it_is(portal: Portal, browser: Browser) -> None:
    await browser.sign_in()
    for _ in range(3):
        portal.now += timedelta(milliseconds=LONGEST_IDLE_MS - 1000)
        assert (await browser.get("/")).path == "/reconciliations"
    portal.now += timedelta(milliseconds=LONGEST_IDLE_MS)
    assert (await browser.get("/")).path == "/sign-in"


async def test_session_ends_after_half_a_day_of_use(portal: Portal, browser: Browser) -> None:
    await browser.sign_in()
    ends_at = portal.now + timedelta(milliseconds=LONGEST_MS)
    while portal.now < ends_at - timedelta(minutes=50):
        portal.now += timedelta(minutes=50)
        assert (await browser.get("/")).path == "/reconciliations"
    portal.now = ends_at
    assert (await browser.get("/")).path == "/sign-in"


async def test_guessing_is_limited_and_the_right_password_waits_too(portal: Portal, browser: Browser) -> None:
    for _ in range(MOST_OF_A_NAME):
        assert (await browser.sign_in(password="guess")).status == 403
    page = await browser.sign_in()
    assert (page.status, page.headers["Retry-After"]) == (429, str(int(WINDOW_S)))
    assert "Try again in 15 minutes." in page.text
    assert (await browser.sign_in("mia")).status == 200
    assert portal.counted(Outcome.SIGN_IN_LIMITED) == 1
    portal.steady_s += WINDOW_S
    await browser.get("/")
    await browser.post("/sign-out")
    assert (await browser.sign_in()).path == "/reconciliations"


async def test_behind_a_proxy_guessing_is_limited_by_the_clients_address(database: str) -> None:
    async with open_portal(database, "http://pbx.lan") as portal:
        browser = Browser(portal)
        for number in range(30):
            page = await browser.sign_in(f"name{number}", "guess")
            assert page.status == 403
        assert (await browser.sign_in("another")).status == 429
        browser.http.headers["X-Forwarded-For"] = "203.0.113.5"
        assert (await browser.sign_in("another", "guess")).status == 403
        await browser.http.close()


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://127.0.0.1"])
async def test_form_of_another_page_is_refused(portal: Portal, browser: Browser, origin: str | None) -> None:
    await browser.sign_in()
    await browser.get("/")
    page = await browser.post("/sign-out", origin=origin)
    assert (page.status, portal.counted(Outcome.FORBIDDEN_ORIGIN)) == (403, 1)
    assert (await browser.get("/")).path == "/reconciliations"


@pytest.mark.parametrize("forged", ["", "0" * 64, "\u00e9"])
async def test_form_without_its_token_is_refused(portal: Portal, browser: Browser, forged: str) -> None:
    await browser.sign_in()
    await browser.get("/")
    assert (await browser.post("/sign-out", {"form_token": forged})).status == 403
    assert (await browser.get("/")).path == "/reconciliations"
    stranger = Browser(portal)
    await stranger.get("/sign-in")
    fields = {"name": "anna", "password": PASSWORD, "form_token": forged}
    page = await stranger.post("/sign-in", fields)
    assert "The form is out of date" in page.text
    await stranger.http.close()
    assert portal.counted(Outcome.FORBIDDEN_FORM) == 2


async def test_browser_that_takes_no_cookie_is_told_so(portal: Portal, browser: Browser) -> None:
    await browser.get("/sign-in")
    browser.http.cookie_jar.clear()
    page = await browser.post("/sign-in", {"name": "anna", "password": PASSWORD})
    assert "accept cookies" in page.text


async def test_name_that_leads_here_from_elsewhere_is_refused(portal: Portal, browser: Browser) -> None:
    for host in ("evil.example", "evil.example:8480", "127.0.0.1.evil.example"):
        page = await browser.get("/sign-in", headers={"Host": host})
        assert page.status == 421
        assert "portal.public_url" in page.text
    assert portal.counted(Outcome.FORBIDDEN_HOST) == 3


async def test_reports_are_paged_and_filtered(portal: Portal, browser: Browser) -> None:
    for number in range(30):
        await portal.report(number, node=f"pbx{number % 2}", cause=ReconciliationCause.SWEEP)
    await portal.report(31, node="pbx1", unknown=1, cause=ReconciliationCause.AMI_RECONNECT)
    await browser.sign_in()
    first = await browser.get("/reconciliations")
    assert first.text.count("<tr>") == 1 + 25
    assert 'href="/reconciliations?page=2" rel="next"' in first.text
    assert 'rel="prev"' not in first.text
    second = await browser.get("/reconciliations?page=2")
    assert second.text.count("<tr>") == 1 + 6
    assert 'href="/reconciliations" rel="prev"' in second.text
    assert 'rel="next"' not in second.text
    only = await browser.get("/reconciliations?node=pbx1&cause=ami_reconnect")
    assert only.text.count("<tr>") == 1 + 1
    assert "<option selected>pbx1</option>" in only.text
    assert '<option value="ami_reconnect" selected>ami reconnect</option>' in only.text
    of_one = await browser.get("/reconciliations?node=pbx0&cause=&page=1")
    assert of_one.text.count("<tr>") == 1 + 15
    assert "There are no reports of that kind" in (await browser.get("/reconciliations?node=pbx7")).text
    newest = first.text.partition('<div class="cards">')[2].partition("</div>\n\n")[0]
    assert newest.count("<article>") == 2
    assert '<div class="unknown"><dt>unknown</dt><dd>1</dd>' in newest


async def test_page_says_so_where_there_are_no_reports(browser: Browser) -> None:
    assert "There are no reports yet" in (await browser.sign_in()).text


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=x",
        "page=10001",
        "page=1%00",
        "page=" + "9" * 100,
        "page=\u0661",
        "cause=nothing",
        "node=" + "x" * 64,
        "node=%00",
        "node=%ff",
    ],
)
async def test_query_that_makes_no_sense_is_refused(portal: Portal, browser: Browser, query: str) -> None:
    await browser.sign_in()
    assert (await browser.get(f"/reconciliations?{query}")).status == 400
    api = await browser.get(f"/api/v1/reconciliations?{query.replace('page', 'limit')}")
    assert api.status == 400
    assert set(json.loads(api.text)) == {"error", "hint"}
    assert portal.counted(Outcome.BAD_QUERY) == 2


async def test_name_of_a_node_is_shown_as_text(portal: Portal, browser: Browser) -> None:
    await portal.report(node="<b>&pbx</b>")
    page = await browser.sign_in()
    assert "<b>" not in page.text
    assert "&lt;b&gt;&amp;pbx&lt;/b&gt;" in page.text


async def test_program_with_a_session_reads_what_the_command_line_writes(portal: Portal, browser: Browser) -> None:
    await portal.report(1, unknown=1, money=money(refunded_micros=1_230_000))
    await portal.report(2)
    refused = await browser.get("/api/v1/reconciliations")
    assert (refused.status, json.loads(refused.text)["error"]) == (401, "Nobody is signed in")
    await browser.sign_in()
    page = await browser.get("/api/v1/reconciliations?limit=5")
    newest, first = json.loads(page.text)["reconciliations"]
    assert newest["alive"] == 2
    assert first == {
        "at": "2026-11-21T06:01:00.000-06:00",
        "node": "pbx1",
        "cause": "start",
        "alive": 1,
        "ended": 0,
        "unknown": 1,
        "money": [{"account": "main", "currency": "EUR", "charged": "0.00", "released": "0.00", "refunded": "1.23"}],
    }
    assert len(json.loads((await browser.get("/api/v1/reconciliations?limit=1")).text)["reconciliations"]) == 1


async def test_unknown_path_and_method_have_their_pages(portal: Portal, browser: Browser) -> None:
    page = await browser.get("/reconciliations/7")
    assert (page.status, portal.counted(Outcome.NOT_FOUND)) == (404, 1)
    assert "There is no such page" in page.text
    assert (await browser.post("/reconciliations")).status == 405
    assert json.loads((await browser.get("/api/nothing")).text)["error"] == "There is no such page"
    assert (await browser.get("/sign-out")).status == 405


async def test_store_that_is_away_is_told_and_nobody_is_signed_out(portal: Portal, browser: Browser) -> None:
    await browser.sign_in()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(portal.store, "portal_session", _away)
        page = await browser.get("/reconciliations")
    assert (page.status, portal.counted(Outcome.STORE_AWAY)) == (503, 1)
    assert "Calls go on" in page.text
    assert (await browser.get("/reconciliations")).status == 200


def _away(*_: object) -> None:
    raise StoreUnavailableError("the database is locked")


async def test_fault_of_ours_is_a_page_without_a_traceback(portal: Portal, browser: Browser) -> None:
    await browser.sign_in()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("web.reconciliations.office_zone", lambda _store: 1 / 0)
        page = await browser.get("/reconciliations")
    assert (page.status, portal.counted(Outcome.FAILED)) == (500, 1)
    assert "Something is wrong with the portal" in page.text
    assert "ZeroDivision" not in page.text
