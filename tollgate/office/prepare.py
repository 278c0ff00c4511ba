"""Get everything a start or a test run needs onto this machine: `python -m tollgate.office.prepare`.

`--with-postgresql` adds what the store's tests need, `--with-sipp` and `--with-browser` what the end-to-end tests need,
`--with-faketime` what the chaos tests need besides.

Safe to repeat: what is there already is kept, and then it takes a fraction of a second.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from tollgate.office.asterisk import prepare_asterisk
from tollgate.office.browser import prepare_browser
from tollgate.office.errors import OfficeError
from tollgate.office.faketime import prepare_faketime
from tollgate.office.postgresql import prepare_postgresql
from tollgate.office.sipp import prepare_sipp


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare Asterisk and, when asked, PostgreSQL, SIPp, libfaketime and a browser.

    Returns:
        The exit status: 0 done, 1 something is missing that cannot be installed from here.
    """
    parser = argparse.ArgumentParser(prog="python -m tollgate.office.prepare", description=__doc__)
    parser.add_argument("--with-sipp", action="store_true", help="SIPp too, for the end-to-end tests")
    parser.add_argument("--with-postgresql", action="store_true", help="PostgreSQL too, for the store's tests")
    parser.add_argument("--with-faketime", action="store_true", help="libfaketime too, for the chaos tests")
    parser.add_argument("--with-browser", action="store_true", help="Chromium too, for the portal's end-to-end test")
    options = parser.parse_args(arguments)
    steps = [_asterisk]
    if options.with_postgresql:
        steps.append(_postgresql)
    if options.with_sipp:
        steps.append(_sipp)
    if options.with_faketime:
        steps.append(_faketime)
    if options.with_browser:
        steps.append(_browser)
    try:
        # Every step is tried, so that who has to ask an administrator asks once.
        done = [_succeeds(step) for step in steps]
    except KeyboardInterrupt:
        return 130
    return 0 if all(done) else 1


def _asterisk() -> str:
    asterisk = prepare_asterisk(_show)
    return f"Asterisk {asterisk.version}: {asterisk.argv_prefix[-1]}"


def _postgresql() -> str:
    return f"PostgreSQL: {prepare_postgresql(_show)}"


def _sipp() -> str:
    return f"SIPp: {prepare_sipp(_show)}"


def _faketime() -> str:
    return f"libfaketime: {prepare_faketime(_show)}"


def _browser() -> str:
    browser = prepare_browser(_show)
    return f"Chromium {browser.version}: {browser.program}"


def _succeeds(step: Callable[[], str]) -> bool:
    try:
        _show(step())
    except OfficeError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return False
    return True


def _show(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
