"""The sentences: complete in every language, with the same values, and readable."""

from string import Formatter

import pytest

from rating.destination import DestinationClass, NumberType
from rating.dialled import DialledKind, TakenOff
from rating.faults import Fault
from rating.sentences import _NAMES as NAMES
from rating.sentences import SENTENCES, language_of, money_text, sentence

LANGUAGES = ("en", "es", "fr")


def names(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


def test_languages_are_those_that_were_promised() -> None:
    assert tuple(sorted(SENTENCES)) == tuple(sorted(NAMES)) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence_with_the_same_values(language: str) -> None:
    english = SENTENCES["en"]
    assert SENTENCES[language].keys() == english.keys()
    assert {key: names(words) for key, words in SENTENCES[language].items()} == {
        key: names(words) for key, words in english.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_whatever_a_decision_says(language: str) -> None:
    keys = {f"unreadable_{fault}" for fault in Fault} | set(TakenOff) | {f"read_{kind}" for kind in DialledKind}
    assert keys <= SENTENCES[language].keys()
    assert NAMES[language]["destination_class"].keys() == set(DestinationClass)
    assert NAMES[language]["number_type"].keys() == set(NumberType)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_written_and_ends_like_one(language: str) -> None:
    for key, words in SENTENCES[language].items():
        values: dict[str, str | int] = {
            name: 1_500_000 if name.endswith(("_micros", "_s")) else name for name in names(words)
        }
        written = sentence(key, values, language)
        assert written.endswith(".")
        assert "{" not in written


def test_languages_are_not_each_other_s_copies() -> None:
    for key, english in SENTENCES["en"].items():
        assert len({english, SENTENCES["es"][key], SENTENCES["fr"][key]}) == 3, key


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "An answered call costs at least 1234.50 EUR."),
        ("fr", "Un appel abouti coûte au moins 1234,50 EUR."),
        ("fr_CA", "Un appel abouti coûte au moins 1234,50 EUR."),
        ("es", "Una llamada contestada cuesta al menos 1234,50 EUR."),
        ("es_MX", "Una llamada contestada cuesta al menos 1234.50 EUR."),
        ("de", "An answered call costs at least 1234.50 EUR."),
    ],
)
def test_money_is_written_as_the_locale_writes_it(locale: str, words: str) -> None:
    values: dict[str, str | int] = {"minimum_charge_micros": 1_234_500_000, "currency": "EUR"}
    assert sentence("minimum_charge", values, locale) == words


def test_money_text_is_exact() -> None:
    assert money_text(123_456, "fr") == "0,123456"
    assert money_text(-500_000, "es_MX") == "-0.50"


def test_class_and_type_are_words_of_the_language() -> None:
    values = {"plan": "office", "destination_class": DestinationClass.PREMIUM}
    assert "classe surtaxée" in sentence("not_included", values, "fr")
    reading = {"number": "+33899123456", "region": "FR", "number_type": NumberType.SHARED_COST}
    assert sentence("read_e164", reading, "es").endswith("tipo de coste compartido.")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "In the hours mon-fri 08:00-20:00 (peak) a minute costs 0.25 EUR."),
        ("es", "En las horas lun-vie 08:00-20:00 (hora punta), el minuto cuesta 0,25 EUR."),
        ("fr", "Aux heures lun-ven 08:00-20:00 (heures pleines), la minute coûte 0,25 EUR."),
    ],
)
def test_hours_have_the_days_and_the_name_of_the_language(language: str, words: str) -> None:
    values: dict[str, str | int] = {
        "hours": "mon-fri 08:00-20:00",
        "period": "peak",
        "per_minute_micros": 250_000,
        "currency": "EUR",
    }
    assert sentence("rate_hours", values, language) == words
    assert "(siesta)" in sentence("rate_hours", {**values, "period": "siesta"}, language)


def test_language_of_a_locale_is_the_table_that_it_has() -> None:
    assert [language_of(locale) for locale in ("fr_CH", "es", "tlh", "")] == ["fr", "es", "en", "en"]
