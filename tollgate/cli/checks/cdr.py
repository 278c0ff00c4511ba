"""Check of the file in which Asterisk writes its own CDRs, where the settings name one."""

from pathlib import Path

from ari_app.asterisk_cdr import MAPPING, last_lines, parse_cdrs
from tollgate.cli.checks.check import Check, ok, warn
from tollgate.cli.counted import counted
from tollgate.settings import Settings

_NAME = "CDR file"


def check_cdr_file(settings: Settings) -> list[Check]:
    """Check that the file can be read and that its lines can be used; nothing where no file is set."""
    path = settings.asterisk.cdr_file
    return [] if path is None else [_check(path)]


def _check(path: Path) -> Check:
    line = f"{path.name} => {MAPPING} in [mappings] of cdr_custom.conf"
    try:
        records, damaged = parse_cdrs(last_lines(path))
    except FileNotFoundError:
        return warn(_NAME, f"{path} is not there", f"{line}; Asterisk makes the file at the next call's end")
    except OSError as error:
        return warn(_NAME, f"{path} cannot be read: {error.strerror}", "let the service's user read it")
    if damaged:
        return warn(_NAME, f"{counted(damaged, 'line')} of {path} cannot be read", line)
    return ok(_NAME, f"{path}: {counted(len(records), 'answered leg')}")
