"""What stands above a quote's explanation, for people: names and values in the language of the explanation.

Reasons and rules of refusals stay as they are in JSON and in records, so that they can be looked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rating.periods import per_minute_micros_at
from rating.sentences import language_of, money_text, name_of
from tollgate.cli.quoting import Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The words of one language."""

    number: str
    region: str
    number_type: str
    destination_class: str
    price: str
    a_minute: str
    verdict: str
    admitted: str
    refused: str
    rule: str
    at_most: str
    charge: str


_WORDS: Mapping[str, _Words] = {
    "en": _Words(
        number="number",
        region="region",
        number_type="type",
        destination_class="class",
        price="price",
        a_minute="{amount} a minute",
        verdict="verdict",
        admitted="admitted",
        refused="refused: {reason}",
        rule="rule",
        at_most="at most",
        charge="charge",
    ),
    "es": _Words(
        number="número",
        region="región",
        number_type="tipo",
        destination_class="clase",
        price="precio",
        a_minute="{amount} por minuto",
        verdict="veredicto",
        admitted="admitida",
        refused="rechazada: {reason}",
        rule="regla",
        at_most="como máximo",
        charge="coste",
    ),
    "fr": _Words(
        number="numéro",
        region="région",
        number_type="type",
        destination_class="classe",
        price="prix",
        a_minute="{amount} la minute",
        verdict="verdict",
        admitted="admis",
        refused="refusé : {reason}",
        rule="règle",
        at_most="au plus",
        charge="coût",
    ),
}


def header(found: Quote, locale: str) -> dict[str, str | None]:
    """Return the quote's main facts by their names, in order; None where there is nothing to say."""
    decision, verdict, words = found.decision, found.verdict, _WORDS[language_of(locale)]
    limit_s = verdict.max_duration_s if verdict.admitted else None
    reason = words.admitted if verdict.admitted else words.refused.format(reason=verdict.deny_reason)
    return {
        words.number: decision.number,
        words.region: decision.region,
        words.number_type: _name("number_type", decision.number_type, locale),
        words.destination_class: _name("destination_class", decision.destination_class, locale),
        words.price: _price(found, words, locale),
        words.verdict: reason,
        words.rule: found.deny_rule,
        words.at_most: None if limit_s is None else f"{limit_s} s",
        words.charge: _money(found.charge_micros, found.account.currency, locale),
    }


def _price(found: Quote, words: _Words, locale: str) -> str | None:
    rate = found.decision.rate
    if rate is None:
        return None
    amount = _money(per_minute_micros_at(rate, found.at), found.price_currency, locale)
    return words.a_minute.format(amount=amount)


def _money(micros: int | None, currency: str, locale: str) -> str | None:
    return None if micros is None else f"{money_text(micros, locale)} {currency}"


def _name(kind: str, value: str | None, locale: str) -> str | None:
    return None if value is None else name_of(kind, value, locale)
