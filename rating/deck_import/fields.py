"""What a column of a carrier's price list can mean, and by which names it goes.

Names are compared in small letters, without accents, punctuation, currencies and units, so that
``Préfixe``, ``Rate (EUR/min)`` and ``per_minute`` find their field.
"""

import re
import unicodedata
from enum import StrEnum


class Field(StrEnum):
    """What a column means to us."""

    PREFIX = "prefix"
    COUNTRY_CODE = "country_code"
    AREA_CODE = "area_code"
    DESTINATION = "destination"
    COUNTRY = "country"
    PRICE = "price"
    PEAK = "peak"
    OFF_PEAK = "off_peak"
    WEEKEND = "weekend"
    CONNECT_FEE = "connect_fee"
    MINIMUM_CHARGE = "minimum_charge"
    INITIAL = "initial_increment"
    INCREMENT = "increment"
    BILLING = "billing"
    FROM = "effective_from"
    UNTIL = "effective_until"
    STATUS = "status"
    CURRENCY = "currency"
    BARRED = "barred"
    PERIODS = "periods"
    UNUSED = "unused"


PRICES = (Field.PRICE, Field.PEAK, Field.OFF_PEAK, Field.WEEKEND)
FEES = (Field.CONNECT_FEE, Field.MINIMUM_CHARGE)
DATES = (Field.FROM, Field.UNTIL)

_NAMES: dict[Field, str] = {
    Field.PREFIX: """prefix|prefixes|code|codes|dial code|dial codes|dialcode|dialling code|dialing code|dialed digits
        |dialled digits|destination code|destination prefix|route prefix|full code|country area code|breakout code
        |number prefix|e164|e 164|e164 prefix|digits
        |prefixe|prefixes|indicatif|indicatifs|code destination|indicatif international
        |prefijo|prefijos|codigo|codigos|codigo de destino|codigo destino|codigo de marcacion|codigo de area completo
        |vorwahl|vorwahlen|rufnummernbereich|kennzahl|zielvorwahl|praefix|prafix""",
    Field.COUNTRY_CODE: """country code|cc|country prefix|ctry code|intl code|international code|country dial code
        |code pays|indicatif pays|indicatif du pays
        |codigo pais|codigo de pais|codigo del pais|prefijo pais|prefijo internacional
        |landervorwahl|laendervorwahl|landeskennzahl|landesvorwahl|landercode""",
    Field.AREA_CODE: """area code|area codes|city code|city codes|ndc|national code|national destination code
        |code zone|indicatif regional|code ville|indicatif national
        |codigo de area|codigo area|codigo ciudad|codigo de ciudad|prefijo nacional|lada
        |ortsvorwahl|ortsnetzkennzahl|ortskennzahl|netzvorwahl""",
    Field.DESTINATION: """destination|destinations|destination name|dest|dest name|description|desc|name|route
        |route name|zone|zone name|area|location|area name|breakout|operator|network|term dest
        |destination nom|libelle|libelle destination|nom|nom de la destination|designation|reseau
        |destino|destinos|descripcion|nombre|nombre destino|nombre de destino|nombre del destino|red|operador
        |ziel|zielname|beschreibung|bezeichnung|zielgebiet|netz|zielland netz""",
    Field.COUNTRY: "country|country name|pays|nom du pays|pais|nombre pais|land|zielland|landname|staat",
    Field.PRICE: """rate|rates|price|prices|cost|tariff|charge|new rate|new price|rate price|call rate|sell rate
        |selling rate|buy rate|standard rate|base rate|voice rate|unit price|retail rate|wholesale rate|flat rate
        |prix|tarif|cout|nouveau prix|nouveau tarif|prix unitaire|prix ht|tarif ht|prix vente
        |precio|precios|tarifa|coste|costo|nuevo precio|nueva tarifa|precio unitario|importe
        |preis|preise|neuer preis|kosten|entgelt|neuer tarif|verkaufspreis|gesprachspreis""",
    Field.PEAK: """peak|peak rate|peak price|rate peak|price peak|day rate|daytime|daytime rate
        |heures pleines|hp|prix heures pleines|tarif heures pleines|tarif plein|plein tarif|prix hp|tarif hp
        |hora punta|horas punta|precio punta|tarifa punta|punta|tarifa pico|pico|hora pico|precio pico
        |hauptzeit|preis hauptzeit|tarif hauptzeit|tagtarif""",
    Field.OFF_PEAK: """off peak|offpeak|off peak rate|offpeak rate|off peak price|offpeak price|rate off peak
        |rate offpeak|price off peak|price offpeak|night rate|evening rate|economy rate
        |heures creuses|hc|prix heures creuses|tarif heures creuses|prix hc|tarif hc|tarif reduit
        |hora valle|horas valle|precio valle|tarifa valle|valle|tarifa reducida|hora no pico|fuera de pico
        |nebenzeit|preis nebenzeit|tarif nebenzeit|nachttarif""",
    Field.WEEKEND: """weekend|week end|weekend rate|weekend price|rate weekend|price weekend|prix week end
        |tarif week end|prix weekend|tarif weekend|fin de semana|precio fin de semana|tarifa fin de semana
        |wochenende|preis wochenende|wochenendtarif|wochenendpreis""",
    Field.CONNECT_FEE: """connect fee|connect|connection|connection fee|connection charge|connection cost|connect cost
        |setup|set up|setup fee|set up fee|setup cost|setup charge|call setup|call setup fee|flag fall|flagfall
        |per call|call fee|fixed fee
        |frais de connexion|frais connexion|cout de connexion|connexion|mise en relation|frais d etablissement
        |frais de mise en relation|cout d etablissement|prix connexion
        |establecimiento|coste establecimiento|costo establecimiento|establecimiento de llamada|coste de conexion
        |costo de conexion|cuota de conexion|cargo de conexion|precio establecimiento|cargo por establecimiento
        |verbindungsgebuhr|verbindungsentgelt|einrichtung|einwahlgebuhr|verbindungsaufbau|rufaufbau""",
    Field.MINIMUM_CHARGE: """min charge|minimum charge|minimum call charge|minimum cost|min cost|minimum price
        |minimum fee|min fee
        |cout minimum|prix minimum|minimum de facturation|montant minimum
        |cargo minimo|importe minimo|coste minimo|costo minimo|precio minimo
        |mindestpreis|mindestentgelt|mindestbetrag|mindestgebuhr""",
    Field.INITIAL: """initial increment|initial increment s|initial|initial interval|first increment|first interval
        |first period|initial period|min increment|minimum increment|minimum duration|min duration|min time
        |minimum time|initial block|interval 1|interval1|first block|minimum length|min length|initial billing
        |premier increment|increment initial|palier initial|duree minimum|duree minimale|premier palier
        |incremento inicial|primer incremento|intervalo inicial|duracion minima|tiempo minimo
        |erster takt|ersttakt|anfangstakt|mindestdauer|erstes intervall""",
    Field.INCREMENT: """increment|increment s|increments|next increment|further increment|subsequent increment
        |additional increment|next interval|subsequent interval|interval n|intervaln|interval 2|interval2
        |second increment|sub increment|next period|interval|next block|subsequent block|following increment
        |increment suivant|palier|palier suivant|increments suivants
        |incremento|incremento siguiente|incremento adicional|siguiente incremento|intervalo|intervalo siguiente
        |takt|folgetakt|intervall|weiterer takt|nachster takt""",
    Field.BILLING: """billing increment|billing increments|billing|billing interval|billing terms|increment min next
        |rounding|billing rule|billing block|billing scheme|billing step|charging interval
        |facturation|pas de facturation|increment de facturation|palier de facturation|mode de facturation
        |facturacion|incremento de facturacion|intervalo de facturacion
        |taktung|abrechnungstakt|abrechnung|abrechnungsintervall""",
    Field.FROM: """effective date|effective from|effective|effective as of|start date|valid from|from|date effective
        |from date|activation date|begin date|date|eff date|rate effective date|start|new rate effective date
        |date d effet|date effet|a partir du|debut|date de debut|date debut|valable du|en vigueur|entree en vigueur
        |fecha efectiva|fecha de inicio|fecha inicio|vigencia|vigente desde|desde|fecha de vigencia|valido desde
        |gultig ab|gultig von|ab|startdatum|wirksam ab|gueltig ab|gultigkeitsdatum""",
    Field.UNTIL: """effective until|until|end date|expiry|expiry date|expiration|expiration date|valid until|valid to
        |to|expires|to date|effective to|end|valid thru|valid through|expire date
        |date de fin|fin|jusqu au|date fin|valable jusqu au|expiration
        |fecha de fin|fecha fin|hasta|vigente hasta|valido hasta|fecha de vencimiento|vencimiento|caducidad
        |gultig bis|bis|enddatum|ablaufdatum|gueltig bis""",
    Field.STATUS: """status|action|change|changes|change type|rate change|type of change|rate status|change status
        |statut|modification|etat|estado|accion|cambio|anderung|aenderung|aktion""",
    Field.CURRENCY: "currency|curr|ccy|devise|monnaie|moneda|divisa|wahrung|waehrung",
    Field.BARRED: """barred|blocked|forbidden|not allowed|disabled|bar|bloque|bloquee|interdit|interdite|barre
        |bloqueado|prohibido|restringido|gesperrt|gesperrtes ziel|sperre""",
    Field.PERIODS: "periods|price periods",
}

FIELD_OF: dict[str, Field] = {
    " ".join(name.split()): meant for meant, names in _NAMES.items() for name in names.split("|")
}
"""Normalized name → field."""

_OUTDATED_NAMES = """old rate|old price|previous rate|previous price|current rate|current price|ancien prix
    |ancien tarif|precio anterior|tarifa anterior|precio actual|alter preis|bisheriger preis|bisheriger tarif"""
OUTDATED = frozenset(" ".join(name.split()) for name in _OUTDATED_NAMES.split("|"))
"""Prices that another column of the same file replaces."""

_SEPARATORS = re.compile(r"[^a-z0-9]+")


def plain(text: str) -> str:
    """Return words in small ASCII letters: accents and case do not tell columns apart."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in spread if not unicodedata.combining(character))
    return _SEPARATORS.sub(" ", bare).strip()
