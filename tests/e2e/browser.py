"""A real browser: Chromium without a screen, which asks nobody but us and keeps nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tollgate.office.browser import find_browser

START_LIMIT_MS = 60_000
STEP_LIMIT_MS = 30_000
DESKTOP = (1280, 900)
PHONE = (390, 844)

_FAULTS = """() => {
  const faults = [];
  const check = (found, what) => { if (!found) faults.push(what); };
  const named = (element) => (element.innerText || element.getAttribute("aria-label") || "").trim();
  check(document.documentElement.lang, "the page has no language");
  check(document.title.trim(), "the page has no title");
  check(document.querySelectorAll("h1").length === 1, "the page has not one heading");
  check(document.querySelectorAll("main").length === 1, "the page has not one main part");
  document.querySelectorAll("input:not([type=hidden]), select").forEach(
    (field) => check(field.labels.length && named(field.labels[0]), `${field.name} has no label`));
  document.querySelectorAll("button, a").forEach((each) => check(named(each), `${each.outerHTML} has no name`));
  document.querySelectorAll("img").forEach((image) => check(image.hasAttribute("alt"), `${image.src} has no text`));
  document.querySelectorAll("th").forEach((head) => check(head.scope, `${head.innerText} heads nothing`));
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  check(new Set(ids).size === ids.length, "an id is there twice");
  check(document.documentElement.scrollWidth <= window.innerWidth, "the page is wider than the window");
  return faults;
}"""


@contextmanager
def real_browser() -> Iterator[Browser]:
    """Run the browser that was prepared."""
    found = find_browser()
    if found is None:
        pytest.fail("no Chromium: `make browser` prepares one; the portal's test never runs without it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found.program, args=list(found.arguments), timeout=START_LIMIT_MS
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, size: tuple[int, int]) -> Iterator[Page]:
    """Open a window of this size, with cookies of its own; whatever the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(STEP_LIMIT_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    yield page
    context.close()
    assert complaints == []


def faults_of(page: Page) -> list[str]:
    """Return what of a page would not be found by those who cannot see it, or would not fit."""
    return list(page.evaluate(_FAULTS))
