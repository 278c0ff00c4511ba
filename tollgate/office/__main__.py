"""``make run``: the demonstration office, from an empty machine to the first call."""

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import NoReturn

from store.errors import StoreError
from tollgate.cli.installation import ADMINISTRATOR
from tollgate.office.asterisk import prepare_asterisk
from tollgate.office.errors import OfficeError
from tollgate.office.office import SERVICE_LOG, Office
from tollgate.office.ports import LOOPBACK, OfficePorts
from tollgate.office.simnet import NUMBERS
from tollgate.office.state import EXTENSIONS, OfficeState
from tollgate.settings import SettingsError

_WATCH_S = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the office and keep it until Ctrl-C.

    Returns:
        The exit status: 0 stopped by the user, 1 something is missing or failed.
    """
    options = _options(arguments)
    fixed = {name: port for name in asdict(OfficePorts()) if (port := getattr(options, name)) is not None}
    # SIGINT too: who starts us in the background may have had it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        _show("looking for Asterisk")
        binary = prepare_asterisk(_show)
        _show(f"Asterisk {binary.version}")
        with Office(options.folder, binary, fixed, _show) as office:
            print(_welcome(office), flush=True)
            _watch(office)
    except KeyboardInterrupt:
        _show("stopped")
        return 0
    except (OfficeError, StoreError, SettingsError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"error: {error.filename or options.folder}: {error.strerror or error}", file=sys.stderr, flush=True)
        return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tollgate.office",
        description="Start the demonstration office: a PBX, a simulated public network and Tollgate, on loopback.",
        epilog="Through make: make run ARGS='--sip 5070 --http 8099'",
    )
    parser.add_argument("--folder", type=Path, default=Path("run/office"), help="where it keeps everything")
    for name, port in asdict(OfficePorts()).items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, metavar="PORT", help=f"default {port}, or the next free block")
    return parser.parse_args(arguments)


def _watch(office: Office) -> NoReturn:
    """Wait until a part of the office ends by itself.

    Raises:
        OfficeError: it has; with what is known of it.
    """
    while (failed := office.failed_part()) is None:
        time.sleep(_WATCH_S)
    raise OfficeError(failed)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show(line: str) -> None:
    print(line, flush=True)


def _welcome(office: Office) -> str:
    state = OfficeState.read(office.folder)
    assert state is not None
    tollgate = shlex.quote(str(Path(sys.executable).parent / "tollgate"))
    phones = "\n".join(f"    {extension}   password {state.phones[extension]}" for extension in EXTENSIONS)
    behaviours = "\n".join(
        f"    any number ending in {row.last_digits}   {row.happens}"
        if row.last_digits
        else f"    any other number {'':10} {row.happens}"
        for row in NUMBERS
    )
    return f"""
Tollgate is running. The public network is simulated: no call leaves this machine, none costs money.

  In a second terminal (settings: export TOLLGATE_CONFIG={shlex.quote(str(office.settings_file))}):
    {tollgate} demo              five real calls, shown live
    {tollgate} balance           what is left of 10.00 EUR
    {tollgate} activity          the calls so far
    {tollgate} quote 00447797123456 --duration 60
    {tollgate} doctor            checks the PBX end to end

  Portal: http://{LOOPBACK}:{state.ports.portal}    {_portal_user(state)}

  Softphone: SIP server {LOOPBACK}, port {state.ports.sip}, UDP or TCP; user and password:
{phones}
  Numbers to try:
    06 12 34 56 78       included in the plan, free (dial without spaces)
    00 44 7797 123456    Jersey mobile, 0.19 a minute
    0899 12 34 56        French premium, 0.80 a minute and 0.10 for the connection
    00 53 5 2123456      Cuba, 1.00 a minute, whole minutes
    112                  emergency: rings whatever happens
    102                  another extension
    *62                  says what is left
  What the simulated network does, by the last two digits of 8 or more:
{behaviours}

  Logs: {office.folder / SERVICE_LOG}    Ctrl-C ends all of it.
"""


def _portal_user(state: OfficeState) -> str:
    if state.portal_password:
        return f"user {ADMINISTRATOR}, password {state.portal_password}"
    return f"`tollgate user password {ADMINISTRATOR}` gives its user a password"


if __name__ == "__main__":
    sys.exit(main())
