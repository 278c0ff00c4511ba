"""What an office remembers between starts: passwords, ports, and where it is; one JSON file in its folder."""

import json
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from tollgate.office.errors import OfficeError
from tollgate.office.ports import OfficePorts

STATE_FILE = "office.json"
DEMO_EXTENSION = "100"
EXTENSIONS = ("101", "102", "103")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeState:
    """One office. Readable by its owner alone."""

    ports: OfficePorts
    phones: dict[str, str]
    """SIP passwords by extension."""
    ari_password: str
    ami_secret: str
    portal_password: str = ""
    """Of the portal's user admin; empty where the store was made by a version without a portal."""
    token: str
    """Carried by the simulated network; new at each start."""

    @classmethod
    def new(cls) -> Self:
        """Return a state with fresh passwords."""
        return cls(
            ports=OfficePorts(),
            phones={extension: _password() for extension in (DEMO_EXTENSION, *EXTENSIONS)},
            ari_password=_password(),
            ami_secret=_password(),
            portal_password=_password(),
            token=_password(),
        )

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the state kept in this folder, None where there is none.

        Raises:
            OfficeError: the file is damaged.
        """
        path = folder / STATE_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**values, "ports": OfficePorts(**values["ports"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise OfficeError(f"{path} is damaged ({error}): remove {folder} to begin anew") from error

    def started_on(self, ports: OfficePorts) -> Self:
        """Return the state of a new start on these ports."""
        return replace(self, ports=ports, token=_password())

    def write(self, folder: Path) -> None:
        """Keep the state in this folder."""
        path = folder / STATE_FILE
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def _password() -> str:
    return secrets.token_hex(10)
