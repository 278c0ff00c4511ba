"""A decision's explanation in words: one sentence a step, in the languages of the tables beside this module.

Keys are those of :class:`rating.reasons.Step`. In a sentence ``{…_micros}`` is written as money, the
``{number_type}``, ``{destination_class}`` and ``{period}`` by their name in that language, ``{hours}`` with its days,
the classes among ``{destinations}`` by their names, anything else as it is. A new key needs its sentence in every
language, with the same values; a test compares the tables.
"""

import re
from collections.abc import Mapping

from rating import sentences_en, sentences_es, sentences_fr
from rating.money import format_money

_TABLES = {"en": sentences_en, "es": sentences_es, "fr": sentences_fr}
SENTENCES: Mapping[str, Mapping[str, str]] = {language: table.SENTENCES for language, table in _TABLES.items()}
_NAMES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    language: {"destination_class": table.CLASSES, "number_type": table.TYPES, "period": table.PERIODS}
    for language, table in _TABLES.items()
}
_DAYS: Mapping[str, Mapping[str, str]] = {language: table.DAYS for language, table in _TABLES.items()}
_LOWER_CASE_WORD = re.compile(r"[a-z]+")
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


def name_of(kind: str, value: str, locale: str = _ENGLISH) -> str:
    """Return what a ``number_type``, a ``destination_class`` or a ``period`` is called; itself where it has no name."""
    return _NAMES[language_of(locale)].get(kind, {}).get(value, value)


def money_text(micros: int, locale: str = _ENGLISH) -> str:
    """Write an amount exactly, with the decimal sign of the locale: ``0.19``, ``0,19``."""
    text = format_money(micros)
    has_comma = language_of(locale) in _COMMA_LANGUAGES and locale not in _POINT_LOCALES
    return text.replace(".", ",") if has_comma else text


def _word(name: str, value: str | int, language: str, locale: str) -> str:
    if isinstance(value, int):
        return money_text(value, locale) if name.endswith("_micros") else str(value)
    if name == "hours":
        return _LOWER_CASE_WORD.sub(lambda day: _DAYS[language].get(day[0], day[0]), value)
    if name == "destinations":
        return _LOWER_CASE_WORD.sub(lambda word: name_of("destination_class", word[0], language), value)
    return name_of(name, value, language)
