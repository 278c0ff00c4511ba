"""A decision's explanation in words: one sentence a step, in the languages of the tables beside this module.

Keys are those of :class:`rating.decision.Step`. In a sentence ``{…_micros}`` is written as money, the
``{number_type}`` and ``{destination_class}`` by their name in that language, anything else as it is. A new key
needs its sentence in every language, with the same values; a test compares the tables.
"""

from collections.abc import Mapping

from rating import sentences_en, sentences_es, sentences_fr
from rating.money import format_money

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": sentences_en.SENTENCES,
    "es": sentences_es.SENTENCES,
    "fr": sentences_fr.SENTENCES,
}
_NAMES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "en": {"destination_class": sentences_en.CLASSES, "number_type": sentences_en.TYPES},
    "es": {"destination_class": sentences_es.CLASSES, "number_type": sentences_es.TYPES},
    "fr": {"destination_class": sentences_fr.CLASSES, "number_type": sentences_fr.TYPES},
}
_ENGLISH = "en"

_COMMA_LANGUAGES = frozenset({"es", "fr"})
_POINT_LOCALES = frozenset(
    {"es_DO", "es_GT", "es_HN", "es_MX", "es_NI", "es_PA", "es_PE", "es_PR", "es_SV", "es_US", "fr_CH"}
)
"""Places that write 0.19 although their language elsewhere writes 0,19 (Unicode CLDR, number symbols)."""


def sentence(key: str, values: Mapping[str, str | int], locale: str = _ENGLISH) -> str:
    """Write one step as a sentence.

    ``locale`` is a language, with a country where that matters (``es``, ``es_MX``); English where there is no table
    of its language.

    Raises:
        KeyError: no sentence has this key, or a value of it is missing.
    """
    language = language_of(locale)
    words = {name: _word(name, value, language, locale) for name, value in values.items()}
    return SENTENCES[language][key].format(**words)


def language_of(locale: str) -> str:
    """Return the language in whose table the sentences of a locale are."""
    language = locale.partition("_")[0]
    return language if language in SENTENCES else _ENGLISH


def money_text(micros: int, locale: str = _ENGLISH) -> str:
    """Write an amount exactly, with the decimal sign of the locale: ``0.19``, ``0,19``."""
    text = format_money(micros)
    has_comma = language_of(locale) in _COMMA_LANGUAGES and locale not in _POINT_LOCALES
    return text.replace(".", ",") if has_comma else text


def _word(name: str, value: str | int, language: str, locale: str) -> str:
    if isinstance(value, int):
        return money_text(value, locale) if name.endswith("_micros") else str(value)
    return _NAMES[language].get(name, {}).get(value, value)
