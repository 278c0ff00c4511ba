"""Fixtures of the tests that compare what lives with what is open."""

import pytest

from ari_app import reconcile
from tests.unit.ari_app.morning import Morning


@pytest.fixture
def morning(monkeypatch: pytest.MonkeyPatch) -> Morning:
    """A service that has just started, and does not wait long for events to settle."""
    monkeypatch.setattr(reconcile, "SETTLING_S", 0.02)
    return Morning()
