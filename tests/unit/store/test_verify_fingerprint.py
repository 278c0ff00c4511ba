"""Fingerprints: zero where every key balances, and not zero where one does not, whatever the others do."""

from hypothesis import given
from hypothesis import strategies as st

from store.verify_fingerprint import Fingerprints

keys = st.one_of(st.text(max_size=8), st.integers(min_value=0, max_value=2**40))
amounts = st.dictionaries(keys, st.integers(min_value=-(10**15), max_value=10**15), min_size=1, max_size=50)


@given(amounts)
def test_what_is_found_in_parts_and_in_another_order_balances(expected: dict[str | int, int]) -> None:
    prints = Fingerprints()
    prints.add(expected.items())
    # Found in parts, as a call's charge is over its legs.
    prints.add((key, -(amount // 3)) for key, amount in reversed(expected.items()))
    prints.add((key, amount // 3 - amount) for key, amount in expected.items())
    assert prints.differing() == []


@given(amounts, st.integers(min_value=1, max_value=10**12))
def test_two_keys_that_make_up_for_each_other_are_both_found(expected: dict[str | int, int], moved: int) -> None:
    prints = Fingerprints()
    prints.add(expected.items())
    prints.add((key, -amount) for key, amount in expected.items())
    prints.add([("one call", moved), ("another", -moved)])
    assert set(prints.differing()) == {prints.bucket("one call"), prints.bucket("another")}


def test_two_keys_of_one_group_that_make_up_for_each_other_are_found() -> None:
    prints = Fingerprints()
    by_bucket: dict[int, str] = {}
    for n in range(100_000):
        key = f"call-{n}"
        other = by_bucket.setdefault(prints.bucket(key), key)
        if other != key:
            break
    prints.add([(key, 1), (other, -1)])
    assert prints.differing() == [prints.bucket(key)]
