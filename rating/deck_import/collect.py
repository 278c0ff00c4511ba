"""All rates of a price list, none of them in the way of another."""

from array import array
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import count
from operator import attrgetter

from rating.deck import Rate, SharedRate
from rating.deck_import.model import BadRow, Withdrawal
from rating.deck_import.reader import PricedRows
from rating.deck_import.terms import Terms

_rate_of = attrgetter("rate")


class NewRates:
    """What a file brings, by prefix: rates and withdrawals whose validity does not overlap.

    It keeps the prefixes and who shares which terms, and makes a rate when it is asked for: a million take
    about 200 MB.
    """

    def __init__(self) -> None:
        self._lines = array("I")
        self._names: list[str] = []
        self._terms: list[Terms] = []
        self._first: dict[str, int] = {}
        """Prefix → place of its first item."""
        self._more: dict[str, list[int]] = {}
        """Prefix → places of its further items, for the few that have several."""

    def add(self, rows: PricedRows) -> list[BadRow]:
        """Add what rows price; return those that price a prefix again at the same time, which are left out."""
        prefixes = set(rows.prefixes)
        if len(prefixes) < len(rows.prefixes) or not self._first.keys().isdisjoint(prefixes):
            return list(self._add_one_by_one(rows))
        self._first.update(zip(rows.prefixes, count(len(self._names))))
        self._lines.extend(rows.lines)
        self._names.extend(rows.names)
        self._terms.extend(rows.terms)
        return []

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
        """Return the rates by prefix, where :attr:`has_one_each`; much quicker than asking for each prefix."""
        prefixes = self.prefixes()
        places = list(map(self._first.__getitem__, prefixes))
        names = map(self._names.__getitem__, places)
        rates = map(_rate_of, map(self._terms.__getitem__, places))
        return map(SharedRate, prefixes, names, rates)

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

    def _add_one_by_one(self, rows: PricedRows) -> Iterator[BadRow]:
        for line, prefix, name, terms in zip(*rows, strict=True):
            if prefix in self._first:
                clash = self._add_again(line, prefix, terms)
                if clash is not None:
                    yield clash
                    continue
            else:
                self._first[prefix] = len(self._names)
            self._lines.append(line)
            self._names.append(name)
            self._terms.append(terms)

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
