"""Where everything is."""

from typing import Final

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
RECONCILIATIONS: Final = "/reconciliations"
FIRST: Final = RECONCILIATIONS
"""Where whoever has signed in begins."""
STATIC: Final = "/static/"
API: Final = "/api/"
API_RECONCILIATIONS: Final = "/api/v1/reconciliations"
