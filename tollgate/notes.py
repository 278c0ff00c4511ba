"""Where the servers beside the calls count what became of those who connect."""

from prometheus_client import Counter

from ari_app.complaints import Complaints


class OutcomeNotes(Complaints):
    """Counts outcomes; logs those that no client of ours would have, within bounds."""

    def __init__(self, counter: Counter) -> None:
        """Count with ``counter``, which has the one label ``outcome``."""
        super().__init__(counter)
        self._outcomes = counter

    def count(self, outcome: str) -> None:
        """Count one that is worth no line in the log."""
        self._outcomes.labels(outcome).inc()
