"""The longest prefixes of a number, also where prefixes nest, touch and come again."""

import pytest

from rating.prefixes import PrefixIndex


def index_of(prefixes: str) -> PrefixIndex:
    index = PrefixIndex()
    for prefix in prefixes.split():
        index.append(prefix)
    return index


@pytest.mark.parametrize(
    ("prefixes", "number", "found"),
    [
        ("", "44", ""),
        ("44", "4", ""),
        ("44", "43", ""),
        ("44", "45", ""),
        ("44", "44", "44"),
        ("44", "447797", "44"),
        ("44 440", "44", "44"),
        ("44 440 4400", "44001", "4400 440 44"),
        ("44 447797123", "4477971", "44"),
        ("44 447797123", "447797123456", "447797123 44"),
        ("1 12 123 1234 12345 123456 1234567", "1234", "1234 123 12 1"),
        ("1 12345678", "1234567", "1"),
        ("12345678 99", "123456789", "12345678"),
        ("12 12345 345 6789 9", "67890", "6789"),
        ("12 12345 345 6789 9", "67", ""),
        ("44 441 4412 442 443", "4429", "442 44"),
        ("44 441 44123 45", "449", "44"),
        ("999999999999999", "999999999999999", "999999999999999"),
        ("999999999999999", "99999999999999", ""),
        ("999999999999999", "9999999999999999", "999999999999999"),
    ],
)
def test_matches_longest_prefix_first(prefixes: str, number: str, found: str) -> None:
    assert [prefixes.split()[entry] for entry, _ in index_of(prefixes).matches(number)] == found.split()
    assert [length for _, length in index_of(prefixes).matches(number)] == [len(prefix) for prefix in found.split()]


def test_matches_prefix_added_again_the_last_first() -> None:
    assert list(index_of("44 447 447 447 448").matches("4477")) == [(3, 3), (2, 3), (1, 3), (0, 2)]
    assert list(index_of("44 447 447 447 448").matches("448")) == [(4, 3), (0, 2)]


@pytest.mark.parametrize("number", ["", "+44", "44a", "٤٤", "44 7", "4\u00b2", "*21#"])
def test_matches_of_what_is_not_digits_are_none(number: str) -> None:
    assert list(index_of("4 44").matches(number)) == []


@pytest.mark.parametrize(("prefixes", "late"), [("33 44", "4"), ("4 440", "44"), ("44 45", "449999")])
def test_append_out_of_order_refused(prefixes: str, late: str) -> None:
    index = index_of(prefixes)
    with pytest.raises(ValueError, match="in order"):
        index.append(late)


def test_append_of_more_digits_than_a_number_has_refused() -> None:
    with pytest.raises(ValueError, match="more than 15 digits"):
        index_of("4444444444444444")


def test_extend_is_appending_one_after_the_other() -> None:
    index = index_of("1 12")
    index.extend(["123", "2", "21", "211"])
    index.append("22")
    numbers = ["1234", "1299", "2111", "2211", "3"]
    together = index_of("1 12 123 2 21 211 22")
    assert [list(index.matches(number)) for number in numbers] == [list(together.matches(number)) for number in numbers]
