"""Check of the numbering file: the administrator's own entries of the override table."""

from rating.shipped import shipped_numbering
from tollgate.cli.checks.check import Check, fail, ok
from tollgate.settings import Settings, SettingsError


def check_numbering(settings: Settings) -> Check:
    """Check that the numbering file can be used, and say how many entries the override table has."""
    try:
        table = settings.dial_rules().numbering
    except SettingsError as error:
        return fail("numbering", str(error), "the service does not start until it is mended")
    shipped = len(shipped_numbering())
    if settings.numbering_file is None:
        return ok("numbering", f"{shipped} entries in the override table")
    return ok("numbering", f"{len(table) - shipped} entries of {settings.numbering_file} before {shipped} that ship")
