"""The defaults of a home region."""

from zoneinfo import ZoneInfo

import pytest
from phonenumbers import SUPPORTED_REGIONS

from tollgate.cli.regions import CURRENCIES, DEFAULTS


def test_every_region_that_digits_are_read_for_has_defaults() -> None:
    assert set(DEFAULTS) >= SUPPORTED_REGIONS
    for defaults in DEFAULTS.values():
        assert ZoneInfo(defaults.timezone).key == defaults.timezone
        assert len(defaults.currency) == 3


@pytest.mark.parametrize(
    ("region", "currency", "timezone"),
    [
        ("FR", "EUR", "Europe/Paris"),
        ("ES", "EUR", "Europe/Madrid"),
        ("GB", "GBP", "Europe/London"),
        ("US", "USD", "America/New_York"),
        ("MX", "MXN", "America/Mexico_City"),
        ("AU", "AUD", "Australia/Sydney"),
        ("RE", "EUR", "Indian/Reunion"),
    ],
)
def test_a_region_has_its_currency_and_zone(region: str, currency: str, timezone: str) -> None:
    assert (DEFAULTS[region].currency, DEFAULTS[region].timezone) == (currency, timezone)
    assert currency in CURRENCIES
