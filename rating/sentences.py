"""The words of a decision's explanation, one table per language.

Keys are those of :class:`rating.decision.Step`. ``{name_micros}`` is written as money, any other name as it
is.
"""

SENTENCES: dict[str, dict[str, str]] = {
    "en": {
        "dialled": "{raw} was dialled.",
        "dialled_nothing": "Nothing was dialled.",
        "caller_id_code": "{digits} is a caller-ID code and was taken off; it is not sent to the trunk.",
        "outside_line": "{digits} gets an outside line and was taken off.",
        "carrier_code": "{digits} chooses a carrier and was taken off; calls leave by this office's trunk.",
        "read_e164": "It reads as {number}: region {region}, type {number_type}.",
        "read_short": "It is the short number {number} of {region}.",
        "read_emergency": "It is the emergency number {number} of {region}.",
        "read_internal": "It is extension {number} of this office.",
        "emergency": "Emergency calls always go through and cost nothing.",
        "internal": "Calls inside the office cost nothing.",
        "included": "The plan {plan} includes it: it costs nothing.",
        "not_included": "The plan {plan} does not include it: it is a paid call, class {destination_class}.",
        "no_plan": "No plan applies: it is a paid call, class {destination_class}.",
        "barred": "The deck {deck} bars prefix {prefix} ({destination}): the call is refused.",
        "plan_refuses": "The plan {plan} does not allow {destination_class} calls: the call is refused.",
        "prepaid_off": "Prepaid calls are switched off for this extension: the call is refused.",
        "no_deck": "There is no deck to price it: the call is refused.",
        "no_rate": "The deck {deck} has no price for it: the call is refused.",
        "rate": "The deck {deck} prices it by prefix {prefix} ({destination}): "
        "{per_minute_micros} {currency} a minute, {initial_increment_s} s at first and then every {increment_s} s.",
        "connect_fee": "Each answered call costs a connect fee of {connect_fee_micros} {currency}.",
        "minimum_charge": "An answered call costs at least {minimum_charge_micros} {currency}.",
        "unreadable_empty": "There is no number in it: the call is refused.",
        "unreadable_characters": "Only the digits 0-9, +, * and # can be dialled: the call is refused.",
        "unreadable_too_long": "That is too long for a phone number: the call is refused.",
        "unreadable_service_code": "Codes with * or # are not sent to the trunk: the call is refused.",
        "unreadable_no_outside_line": "The digit for an outside line is missing: the call is refused.",
        "unreadable_no_trunk_prefix": "National numbers begin with a trunk prefix here, and it is missing: "
        "the call is refused.",
        "unreadable_unknown_country": "No country is known for this number: the call is refused.",
        "unreadable_impossible": "No number has these digits: the call is refused.",
    },
}
