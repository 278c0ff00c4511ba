"""What a look-up finds: the rate in force, and the prices of its prefix that are loaded ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from rating.deck import Rate
from store.records import DeckInfo
from tollgate.cli.output import Document, print_fields, say
from tollgate.cli.rate_document import rate_document


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A number, its rate in a deck (None: there is none, and a call is refused) and later prices."""

    number: str
    deck: DeckInfo
    rate: Rate | None
    later: Sequence[Rate]

    def document(self, zone: ZoneInfo) -> Document:
        """Return it for JSON, with times in ``zone``."""
        return {
            "number": self.number,
            "deck": self.deck.name,
            "currency": self.deck.currency,
            "rate": None if self.rate is None else rate_document(self.rate, zone),
            "later": [rate_document(rate, zone) for rate in self.later],
        }

    def say(self, zone: ZoneInfo) -> None:
        """Write it for people, with times in ``zone``."""
        shown: Document = {"number": self.number, "deck": f"{self.deck.name} ({self.deck.currency})"}
        if self.rate is None:
            shown["rate"] = "none: such a call is refused"
        else:
            shown |= _words(self.rate, zone)
        print_fields(shown)
        for rate in self.later:
            words = rate_document(rate, zone)
            until = f" until {words['effective_until']}" if "effective_until" in words else ""
            price = "barred" if rate.barred else f"{words['per_minute']} per minute"
            say(f"{rate.prefix} from {words['effective_from']}{until}: {price}")


def _words(rate: Rate, zone: ZoneInfo) -> Document:
    words = rate_document(rate, zone)
    words["barred"] = "yes" if rate.barred else "no"
    if "periods" in words:
        words["periods"] = "; ".join(
            f"{each['name']} {each['per_minute']} {each['hours']}" for each in words["periods"]
        )
    return words
