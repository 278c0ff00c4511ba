"""Lists of destinations: read, written back, and matched."""

import pytest

from rating.destination import DestinationClass
from rating.hours import parse_hours
from rating.permissions import (
    ALL_PERMITTED,
    LISTABLE_CLASSES,
    DestinationList,
    Permissions,
    PermissionsError,
    format_destinations,
    parse_destinations,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("GB", "GB"),
        ("gb, Premium", "GB,premium"),
        ("premium,FR,GB,FR", "FR,GB,premium"),
        ("  international premium ", "premium,international"),
        ("001", "001"),
        (",DE,", "DE"),
        ("included,national,premium,international,001", "001,included,national,premium,international"),
    ],
)
def test_list_read_is_written_in_one_order(text: str, written: str) -> None:
    assert format_destinations(parse_destinations(text)) == written
    assert parse_destinations(written) == parse_destinations(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GB,premum", "'premum' is no country and no class; did you mean premium?"),
        ("UK", "'UK' is no country and no class; did you mean GB?"),
        ("usa", "did you mean US?"),
        ("XX", "write two letters for a country, such as GB, or one of included, national, premium, international"),
        ("emergency", "'emergency' cannot be in the list: emergency calls always go through; take it out"),
        ("GB,internal", "'internal' cannot be in the list: calls inside the office are always made; take it out"),
        ("barred", "'barred' cannot be in the list"),
        ("", "names no destination"),
        (" , ", "names no destination"),
        ("G\u0412", "is no country"),
    ],
)
def test_list_that_cannot_be_read_names_the_word_and_the_nearest(text: str, words: str) -> None:
    with pytest.raises(PermissionsError) as raised:
        parse_destinations(text)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("region", "destination_class", "entry"),
    [
        ("GB", DestinationClass.PREMIUM, "GB"),
        ("GB", DestinationClass.INCLUDED, "GB"),
        ("DE", DestinationClass.PREMIUM, "premium"),
        ("DE", DestinationClass.INTERNATIONAL, None),
    ],
)
def test_entry_matches_by_region_or_by_class(
    region: str, destination_class: DestinationClass, entry: str | None
) -> None:
    assert parse_destinations("GB,premium").entry_for(region, destination_class) == entry


def test_empty_list_has_nothing() -> None:
    nothing = DestinationList()
    assert nothing.entries == []
    assert all(nothing.entry_for("FR", each) is None for each in LISTABLE_CLASSES)


def test_hours_are_written_as_they_are_read() -> None:
    assert Permissions(hours=parse_hours("fri 08:00-19:00;mon 08:00-19:00")).hours_text == "mon,fri 08:00-19:00"
    assert ALL_PERMITTED.hours_text == ""
