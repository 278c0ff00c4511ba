"""Fixtures that have the service wait milliseconds where it waits half a second."""

import pytest

from ari_app import reconcile, ungated
from tests.unit.ari_app.morning import Morning


@pytest.fixture
def morning(monkeypatch: pytest.MonkeyPatch) -> Morning:
    """A service that has just started, and does not wait long for events to settle."""
    monkeypatch.setattr(reconcile, "SETTLING_S", 0.02)
    return Morning()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have suspects judged after milliseconds."""
    monkeypatch.setattr(ungated, "JUDGED_AFTER_S", 0.01)
    monkeypatch.setattr(ungated, "AGAIN_S", (0.01,))
