"""Doctor's checks of this side."""

from tollgate.cli.checks.check import Status
from tollgate.cli.checks.installation import check_host_name


def _unknown(_name: str) -> str:
    raise OSError("Name or service not known")


def test_a_host_name_that_does_not_resolve_is_a_warning() -> None:
    assert check_host_name("pbx", _unknown).status is Status.WARN
    assert check_host_name("pbx", lambda _: "127.0.1.1").status is Status.OK
