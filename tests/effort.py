"""How hard the property tests try: a little on each run, much more by ``make thorough``."""

import os

EFFORT = int(os.environ.get("TOLLGATE_TEST_EFFORT", "1"))
"""How many times as many examples as on an ordinary run."""
