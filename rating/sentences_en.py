"""The words of a decision's explanation in English."""

SENTENCES = {
    "dialled": "{raw} was dialled.",
    "dialled_nothing": "Nothing was dialled.",
    "withholding_code": "{digits} withholds the caller's number for this call; it was taken off and is not dialled.",
    "showing_code": "{digits} shows the caller's number for this call; it was taken off and is not dialled.",
    "outside_line": "{digits} gets an outside line and was taken off.",
    "carrier_code": "{digits} chooses a carrier and was taken off; calls leave by this office's trunk.",
    "read_e164": "It reads as {number}: region {region}, type {number_type}.",
    "read_short": "It is the short number {number} of {region}.",
    "read_emergency": "It is the emergency number {number} of {region}.",
    "read_internal": "It is extension {number} of this office.",
    "read_override": "The override table says so: region {region}, type {number_type} ({source}).",
    "read_by_beginning": "No known range of {region} has it; it begins like numbers of type {number_type} there and "
    "counts as one.",
    "read_override_free": "The override table says that {number} costs its callers nothing ({source}).",
    "read_override_premium": "The override table says that {number} costs more than an ordinary call ({source}).",
    "read_override_ordinary": "The override table says that {number} costs no more than an ordinary call ({source}).",
    "emergency": "Emergency calls always go through and cost nothing.",
    "internal": "Calls inside the office cost nothing.",
    "included": "The plan {plan} includes it: it costs nothing.",
    "not_included": "The plan {plan} does not include it: it is a paid call, class {destination_class}.",
    "no_plan": "No plan applies: it is a paid call, class {destination_class}.",
    "barred": "The deck {deck} bars prefix {prefix} ({destination}): the call is refused.",
    "barred_by_override": "The override table bars {digits} ({source}): the call is refused.",
    "plan_refuses": "The plan {plan} does not allow {destination_class} calls: the call is refused.",
    "prepaid_off": "Prepaid calls are switched off for extension {extension}: the call is refused.",
    "no_deck": "There is no deck to price it: the call is refused.",
    "no_rate": "The deck {deck} has no price for it: the call is refused.",
    "general_rate": "It is a premium number, and of the deck {deck} only prefix {prefix} ({destination}) fits, which "
    "prices ordinary numbers: the call is refused. Give the deck a rate for its own range.",
    "rate": "The deck {deck} prices it by prefix {prefix} ({destination}): "
    "{per_minute_micros} {currency} a minute, {initial_increment_s} s at first and then every {increment_s} s.",
    "rate_even": "The deck {deck} prices it by prefix {prefix} ({destination}): "
    "{per_minute_micros} {currency} a minute, every {increment_s} s.",
    "rate_by_second": "The deck {deck} prices it by prefix {prefix} ({destination}): "
    "{per_minute_micros} {currency} a minute, by the second.",
    "connect_fee": "Each answered call costs a connect fee of {connect_fee_micros} {currency}.",
    "minimum_charge": "An answered call costs at least {minimum_charge_micros} {currency}.",
    "allowance_seat": "The plan {plan} covers it by its allowance {allowance}, {minutes} minutes a month for each "
    "extension in one pool; after them it is a paid call, class {destination_class}.",
    "allowance_account": "The plan {plan} covers it by its allowance {allowance}, {minutes} minutes a month for the "
    "whole account; after them it is a paid call, class {destination_class}.",
    "allowance_extension": "The plan {plan} covers it by its allowance {allowance}, {minutes} minutes a month for this "
    "extension alone; after them it is a paid call, class {destination_class}.",
    "only_allowance_plan_refuses": "The plan {plan} does not allow paid {destination_class} calls: it ends with the "
    "allowance.",
    "only_allowance_prepaid_off": "Prepaid calls are switched off for extension {extension}: it ends with the "
    "allowance.",
    "only_allowance_no_deck": "There is no deck to price what follows: it ends with the allowance.",
    "only_allowance_no_rate": "The deck {deck} has no price for what follows: it ends with the allowance.",
    "only_allowance_general_rate": "Of the deck {deck} only prefix {prefix} ({destination}) fits what follows, which "
    "prices ordinary numbers: it ends with the allowance.",
    "only_allowance_payer_fault": "Money may not pay for what follows ({fault}): it ends with the allowance.",
    "allowance_left": "{left_s} s of the allowance are left this month.",
    "allowance_gone": "Nothing of the allowance is left this month: money pays from the first second.",
    "allowance_gone_refused": "Nothing of the allowance is left this month: the call is refused.",
    "rate_hours": "In the hours {hours} ({period}) a minute costs {per_minute_micros} {currency}.",
    "held_later": "The allowance pays for the beginning, so no money is held yet; with the {available_micros} "
    "{currency} that are available it lasts for {max_duration_s} s.",
    "held_later_limited": "The allowance pays for the beginning, so no money is held yet; with the {available_micros} "
    "{currency} that are available it would last longer than the {max_duration_s} s that a call may.",
    "charged_after_allowance": "{allowance_s} of {duration_s} s are the allowance's; {charged_s} s are charged and "
    "cost {charge_micros} {currency}.",
    "payer_fault": "Paid calls of this extension are not possible ({fault}): the call is refused.",
    "unknown_extension": "There is no extension {extension}: the call is refused.",
    "held": "{hold_micros} {currency} are held before it rings; {available_micros} {currency} last for "
    "{max_duration_s} s.",
    "held_limited": "{hold_micros} {currency} are held before it rings; {available_micros} {currency} would last "
    "longer than the {max_duration_s} s that a call may.",
    "not_held": "{hold_micros} {currency} must be held before it rings and account {account} has only "
    "{available_micros} {currency} available: it is refused.",
    "charged": "{duration_s} s are charged as {billable_s} s and cost {charge_micros} {currency}.",
    "charged_even": "{duration_s} s cost {charge_micros} {currency}.",
    "deny_list_has": "The deny list of extension {extension} has {destinations}: the call is refused.",
    "allow_list_has": "The allow list of extension {extension} has {destinations}.",
    "not_in_allow_list": "Beyond what its plan includes, extension {extension} may only call {destinations}: the "
    "call is refused.",
    "outside_hours": "Beyond what its plan includes, extension {extension} may only call in the hours {hours}: the "
    "call is refused.",
    "within_hours": "It is within the hours of extension {extension}: {hours}.",
    "rate_too_high": "Extension {extension} may pay at most {most_micros} {currency} a minute, and up to "
    "{per_minute_micros} {currency} may be due: the call is refused.",
    "only_allowance_rate_too_high": "Extension {extension} may pay at most {most_micros} {currency} a minute, and up "
    "to {per_minute_micros} {currency} may be due for what follows: it ends with the allowance.",
    "rate_within": "That is within the {most_micros} {currency} a minute that extension {extension} may pay.",
    "longest_call": "A call of extension {extension} may last {longest_s} s.",
    "longest_call_of_all": "A call may last {longest_s} s.",
    "cap_extension_day": "Of its daily cap of {cap_micros} {currency}, extension {extension} has {left_micros} "
    "{currency} left.",
    "cap_extension_month": "Of its monthly cap of {cap_micros} {currency}, extension {extension} has {left_micros} "
    "{currency} left.",
    "cap_account_day": "Of its daily cap of {cap_micros} {currency}, account {account} has {left_micros} {currency} "
    "left.",
    "cap_account_month": "Of its monthly cap of {cap_micros} {currency}, account {account} has {left_micros} "
    "{currency} left.",
    "held_capped": "{hold_micros} {currency} are held before it rings; it lasts for {max_duration_s} s, until a cap "
    "is reached.",
    "held_later_capped": "The allowance pays for the beginning, so no money is held yet; it lasts for "
    "{max_duration_s} s, until a cap is reached.",
    "cap_reached": "{hold_micros} {currency} must be held before it rings, and that is more than a cap leaves: the "
    "call is refused.",
    "too_many_calls": "Extension {extension} has {open_calls} paid calls open and may have {most_calls}: the call is "
    "refused.",
    "unreadable_empty": "There is no number in it: the call is refused.",
    "unreadable_characters": "Only the digits 0-9, +, * and # can be dialled: the call is refused.",
    "unreadable_too_long": "That is too long for a phone number: the call is refused.",
    "unreadable_service_code": "Codes with * or # are not sent to the trunk: the call is refused.",
    "unreadable_no_outside_line": "The digit for an outside line is missing: the call is refused.",
    "unreadable_no_trunk_prefix": "National numbers begin with a trunk prefix here, and it is missing: "
    "the call is refused.",
    "unreadable_unknown_country": "No country is known for this number: the call is refused.",
    "unreadable_unknown_range": "It is a number of {region} or of a region that shares its country code "
    "+{country_code}, but no number there begins so or has this length: the call is refused.",
    "unreadable_impossible": "No number has these digits: the call is refused.",
}

CLASSES = {
    "emergency": "emergency",
    "internal": "internal",
    "included": "included",
    "national": "national",
    "premium": "premium",
    "international": "international",
    "barred": "barred",
}

TYPES = {
    "fixed": "fixed",
    "mobile": "mobile",
    "fixed_or_mobile": "fixed or mobile",
    "toll_free": "toll-free",
    "premium": "premium",
    "shared_cost": "shared cost",
    "personal": "personal",
    "voip": "VoIP",
    "uan": "universal access",
    "pager": "pager",
    "voicemail": "voicemail",
    "satellite": "satellite",
    "short": "short",
    "emergency": "emergency",
    "internal": "internal",
    "unknown": "unknown",
}

PERIODS = {"peak": "peak", "off_peak": "off-peak", "weekend": "weekend"}
"""The names that an import gives to periods; others are the administrator's own."""

DAYS: dict[str, str] = {}
"""As :mod:`rating.hours` writes them."""
