"""``tollgate`` on a machine whose clock is set: a file holds by how many seconds, and may change at any time.

Run as ``python -m tests.chaos.service_in_shifted_time FILE --config … serve``. The steady clock goes on, as it does
where a clock is set.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ari_app.clock import clock_of
from tollgate.cli import main


def shifted_main(shift_file: Path) -> None:
    """Run the command line in the time that the file says."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(shift_file.read_text(encoding="ascii")))

    with clock_of(now, steady=lambda: time.clock_gettime(time.CLOCK_BOOTTIME)):
        main()


if __name__ == "__main__":
    shifted_main(Path(sys.argv.pop(1)))
