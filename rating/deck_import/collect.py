"""All rates of a price list, none of them in the way of another."""

from array import array
from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from rating.deck import Rate, SharedRate
from rating.deck_import.model import BadRow, Withdrawal
from rating.deck_import.reader import DeckReader
from rating.deck_import.terms import Terms


class NewRates:
    """What a file brings, by prefix: rates and withdrawals whose validity does not overlap.

    It keeps the prefixes and who shares which terms, and makes a rate when it is asked for: a million take
    about 200 MB.

    Args:
        reader: The file; it is read to its end, and rows that price a prefix again are its bad rows too.
    """

    def __init__(self, reader: DeckReader) -> None:
        self._lines = array("I")
        self._names: list[str] = []
        self._terms: list[Terms] = []
        self._first: dict[str, int] = {}
        """Prefix → place of its first item."""
        self._more: dict[str, list[int]] = {}
        """Prefix → places of its further items, for the few that have several."""
        first, lines, names, all_terms = self._first, self._lines, self._names, self._terms
        for line, prefix, name, terms in reader.priced_rows():
            if prefix in first:
                clash = self._add_again(line, prefix, terms)
                if clash is not None:
                    reader.bad_rows.append(clash)
                    continue
            else:
                first[prefix] = len(names)
            lines.append(line)
            names.append(name)
            all_terms.append(terms)

    def __len__(self) -> int:
        """How many rates and withdrawals there are."""
        return len(self._names)

    @property
    def destinations(self) -> int:
        """How many different names there are."""
        return len(set(self._names))

    @property
    def rates(self) -> int:
        """How many rates there are, withdrawals not counted."""
        return sum(times for terms, times in self.terms if not terms.withdrawn)

    @property
    def has_one_each(self) -> bool:
        """Whether no prefix has more than one item, and none is withdrawn."""
        return not self._more and self.rates == len(self)

    @cached_property
    def terms(self) -> list[tuple[Terms, int]]:
        """The terms there are, and how many items share each."""
        by_id = dict(zip(map(id, self._terms), self._terms, strict=True))
        return [(by_id[known], times) for known, times in Counter(map(id, self._terms)).items()]

    def prefixes(self) -> list[str]:
        """Return every prefix once, in their order."""
        return sorted(self._first)

    def each_rate(self) -> Iterator[SharedRate]:
        """Yield the rates by prefix, where :attr:`has_one_each`; much quicker than asking for each prefix."""
        first, names, terms = self._first, self._names, self._terms
        for prefix in self.prefixes():
            place = first[prefix]
            yield SharedRate(prefix, names[place], terms[place].rate)

    def of(self, prefix: str) -> list[Rate | Withdrawal]:
        """Return what the file says of a prefix, in its order; empty for nothing."""
        place = self._first.get(prefix)
        if place is None:
            return []
        if prefix not in self._more:
            return [self._item(prefix, place)]
        return [self._item(prefix, place) for place in (place, *self._more[prefix])]

    def _item(self, prefix: str, place: int) -> Rate | Withdrawal:
        terms = self._terms[place]
        if terms.withdrawn:
            return Withdrawal(prefix, terms.rate.effective_from_ms)
        return terms.rate.priced_as(prefix, self._names[place])

    def _add_again(self, line: int, prefix: str, terms: Terms) -> BadRow | None:
        """Make room for another item of a prefix; return why there is none where it holds at the same time."""
        further = self._more.get(prefix, [])
        for place in (self._first[prefix], *further):
            if _clash(self._terms[place], terms):
                at = self._lines[place]
                where = "this line" if at == line else f"line {at}"
                return BadRow(line, "prefix", prefix, f"{where} has the same prefix at the same time")
        self._more[prefix] = [*further, len(self._names)]
        return None


def _clash(one: Terms, other: Terms) -> bool:
    """Say whether two items of a prefix begin at once, or the earlier one says that it ends in the later one.

    An earlier one without an end is no clash: it ends where the later one begins.
    """
    if one.rate.effective_from_ms == other.rate.effective_from_ms:
        return True
    earlier, later = (one, other) if _begin_ms(one) < _begin_ms(other) else (other, one)
    end_ms = None if earlier.withdrawn else earlier.rate.effective_until_ms
    return end_ms is not None and end_ms > _begin_ms(later)


def _begin_ms(terms: Terms) -> int:
    return -1 if terms.rate.effective_from_ms is None else terms.rate.effective_from_ms
