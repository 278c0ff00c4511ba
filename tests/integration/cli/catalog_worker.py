"""An administrator of its own, in a process of its own.

It sets one field of account main and of extension 101 over and over, each time to another value, and ends with status 1
where what it set is not there any more: another administrator's command took it back.
"""

import io
import json
import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from tests.processes import FORKS
from tests.statements import share_statements
from tollgate.cli.app import run


class CatalogWorker:
    """Sets a field so many times on the store that the environment names."""

    def __init__(self, field: str, times: int) -> None:
        self._process = FORKS.Process(target=work, args=(field, times, dict(os.environ), Path.cwd()), daemon=True)
        self._process.start()

    def end(self, limit_s: float) -> int | None:
        """Wait for its end and answer its status, None where it does not end."""
        self._process.join(limit_s)
        return self._process.exitcode

    def kill(self) -> None:
        """End it, wherever it is."""
        self._process.kill()
        self._process.join()


def work(field: str, times: int, environment: dict[str, str], folder: Path) -> None:
    """Be the administrator: in the process of its own."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    share_statements()
    set_over_and_over(field, times)


def tollgate(*arguments: str) -> Any:
    """Run a command that must succeed and return its document."""
    out = io.StringIO()
    with redirect_stdout(out):
        status = run([*arguments, "--json"])
    assert status == 0, arguments
    return json.loads(out.getvalue())


def set_over_and_over(field: str, times: int) -> None:
    """Set the field and look whether it stays; an import's row names no other field either."""
    option = f"--{field.replace('_', '-')}"
    account = extension = None
    for n in range(1, times + 1):
        assert tollgate("account", "show", "main")[field] == account, (field, n)
        assert tollgate("extension", "show", "101")[field] == extension, (field, n)
        account = tollgate("account", "set", "main", option, str(n))[field]
        if n % 2:
            extension = tollgate("extension", "set", "101", option, str(n))[field]
            continue
        Path(f"{field}.csv").write_text(f"extension,{field}\n101,{n}\n", encoding="utf-8")
        tollgate("extension", "import", f"{field}.csv")
        extension = f"{n}.00"
