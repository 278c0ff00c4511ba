"""The longest prefix, also where the lengths have gaps."""

import pytest

from rating.prefixes import PrefixIndex


@pytest.mark.parametrize(
    ("prefixes", "number", "found"),
    [
        ("", "44", None),
        ("44", "4", None),
        ("44", "44", "44"),
        ("44", "447797", "44"),
        ("44 447797123", "4477971", "44"),
        ("44 447797123", "447797123456", "447797123"),
        ("1 12 123 1234 12345 123456 1234567", "1234", "1234"),
        ("1 12345678", "1234567", "1"),
        ("12345678 99", "123456789", "12345678"),
        ("9 12 345 6789 12345", "67890", "6789"),
        ("9 12 345 6789 12345", "67", None),
    ],
)
def test_find_longest_prefix(prefixes: str, number: str, found: str | None) -> None:
    assert PrefixIndex({prefix: prefix for prefix in prefixes.split()}).find(number) == found


class Counted(dict[str, str | None]):
    """A dictionary that counts its look-ups."""

    looked_up = 0

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]  # one form is used
        self.looked_up += 1
        return super().get(key, default)


def test_find_with_fifteen_lengths_takes_four_look_ups() -> None:
    number = "123456789012345"
    index = PrefixIndex({number[:length]: number[:length] for length in range(1, 16)})
    index._best = counted = Counted(index._best)
    for length in range(1, 16):
        counted.looked_up = 0
        assert index.find(number[:length]) == number[:length]
        assert counted.looked_up <= 4
