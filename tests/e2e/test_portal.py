"""The portal of the real service in a real browser: a call that ended while the service was away, and its report."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ari_app.clock import epoch_ms, utc_now
from rating.money import format_money
from store.store import Store
from store.users import Role, add_user
from tests.e2e import sipp
from tests.e2e.browser import DESKTOP, PHONE, faults_of, real_browser, window
from tests.e2e.desk import Desk, wait_until
from tests.e2e.line import Line
from tests.e2e.office import SECOND_PRICED
from web.passwords import hash_password

MakeDesk = Callable[..., Desk]
PASSWORD = "correct horse battery"


@pytest.fixture
def portal(line: Line, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have services serve their portal, and return where it is."""
    monkeypatch.setenv("TOLLGATE_PORTAL__LISTEN", f"127.0.0.1:{line.ports.portal}")
    return f"http://127.0.0.1:{line.ports.portal}"


def add_viewer(desk: Desk) -> None:
    async def add() -> None:
        async with await Store.open(desk.database_url) as store:
            password_hash, at_ms = hash_password(PASSWORD), epoch_ms(utc_now())
            await store.apply(add_user(name="anna", role=Role.VIEWER, password_hash=password_hash, at_ms=at_ms))

    asyncio.run(add())


def end_a_call_unseen(desk: Desk) -> int:
    """Have a call end while the service is away, which then settles it; return what it was charged, in micro-units."""
    desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 3_000))
    wait_until(lambda: [session for session in desk.sessions() if session.paid_until_ms], "the call talks")
    desk.kill_service()
    phone.wait()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    wait_until(lambda: len(reports(desk)) == 2, "the successor's report is there")
    return cdr.charged_micros


def reports(desk: Desk) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(desk.tollgate("reconciliations", "--json").stdout)["reconciliations"]
    return listed


def sign_in(page: Page, portal: str) -> None:
    page.goto(f"{portal}/")
    expect(page).to_have_title("Sign in · Tollgate")
    assert faults_of(page) == []
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_title("Reconciliations · Tollgate")


def test_viewer_reads_what_a_restart_found_and_signs_out(make_desk: MakeDesk, portal: str, tmp_path: Path) -> None:
    desk = make_desk()
    add_viewer(desk)
    charged = format_money(end_a_call_unseen(desk))
    [newest, _] = reports(desk)
    [moved] = newest["money"]
    with real_browser() as browser:
        for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
            with window(browser, size) as page:
                sign_in(page, portal)
                assert faults_of(page) == []
                row = page.locator("table.reports tbody tr").first
                assert row.locator("td").all_inner_texts()[1:6] == ["e2e", "start", "0", "1", "0"]
                expect(row).to_contain_text(f"main: charged {charged}, released {moved['released']} EUR")
                expect(page.locator(".cards article")).to_contain_text("e2e")
                expect(page.locator("table.reports tbody tr")).to_have_count(2)
                page.screenshot(path=tmp_path / f"{name}.png", full_page=True)

                page.get_by_label("Why").select_option("sweep")
                page.get_by_role("button", name="Show").click()
                expect(page.get_by_text("There are no reports of that kind.")).to_be_visible()
                page.get_by_label("Why").select_option("start")
                page.get_by_role("button", name="Show").click()
                expect(page.locator("table.reports tbody tr")).to_have_count(2)

                page.get_by_role("button", name="Sign out").click()
                expect(page).to_have_title("Sign in · Tollgate")
                page.goto(f"{portal}/reconciliations")
                expect(page).to_have_title("Sign in · Tollgate")
                page.go_back()
                page.reload()
                expect(page).to_have_title("Sign in · Tollgate")


def test_user_who_is_disabled_is_out_with_the_next_click(make_desk: MakeDesk, portal: str) -> None:
    desk = make_desk()
    add_viewer(desk)
    with real_browser() as browser, window(browser, DESKTOP) as page:
        sign_in(page, portal)
        disabled = desk.tollgate("user", "disable", "anna")
        assert disabled.returncode == 0, disabled.stderr
        page.get_by_role("link", name="Reconciliations").click()
        expect(page).to_have_title("Sign in · Tollgate")
