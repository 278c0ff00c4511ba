"""What asks a service how it is, as monitoring would."""

import json
import urllib.error
import urllib.request
from typing import Any


class Monitor:
    """Asks the service how it is."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._url = f"http://{host}:{port}"

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and text; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"{self._url}{path}", timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> tuple[int, Any]:
        """Return the status and the parts."""
        status, text = self.ask("/health/ready")
        return status, json.loads(text) if text else None

    def lacking(self) -> set[str]:
        """Return the parts that are not ready."""
        parts = self.ready()[1] or {}
        return {name for name, is_ready in parts.items() if not is_ready} - {"ready"}
