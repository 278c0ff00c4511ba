"""An administrator of its own: ``python -m tests.integration.cli.catalog_worker FIELD TIMES``.

It sets one field of account main and of extension 101 over and over, each time to another value, and ends with status 1
where what it set is not there any more: another administrator's command took it back.
"""

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from tollgate.cli.app import run


def tollgate(*arguments: str) -> Any:
    """Run a command that must succeed and return its document."""
    out = io.StringIO()
    with redirect_stdout(out):
        status = run([*arguments, "--json"])
    assert status == 0, arguments
    return json.loads(out.getvalue())


def main(field: str, times: int) -> None:
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


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
