"""The words of a decision's explanation in French."""

SENTENCES = {
    "dialled": "{raw} a été composé.",
    "dialled_nothing": "Rien n'a été composé.",
    "withholding_code": "{digits} masque le numéro de l'appelant pour cet appel ; "
    "ce code a été retiré et n'est pas composé.",
    "showing_code": "{digits} affiche le numéro de l'appelant pour cet appel ; "
    "ce code a été retiré et n'est pas composé.",
    "outside_line": "{digits} donne une ligne extérieure et a été retiré.",
    "carrier_code": "{digits} choisit un opérateur et a été retiré ; "
    "les appels partent par l'opérateur de cette installation.",
    "read_e164": "Le numéro se lit {number} : région {region}, type {number_type}.",
    "read_short": "C'est le numéro court {number} ({region}).",
    "read_emergency": "C'est le numéro d'urgence {number} ({region}).",
    "read_internal": "C'est le poste {number} de cette installation.",
    "read_override": "D'après la table de corrections : région {region}, type {number_type} ({source}).",
    "read_by_beginning": "Aucune tranche connue de {region} ne le contient ; il commence comme les numéros de type "
    "{number_type} et compte comme l'un d'eux.",
    "read_override_free": "D'après la table de corrections, {number} est gratuit pour l'appelant ({source}).",
    "read_override_premium": "D'après la table de corrections, {number} coûte plus qu'un appel ordinaire ({source}).",
    "read_override_ordinary": "D'après la table de corrections, "
    "{number} ne coûte pas plus qu'un appel ordinaire ({source}).",
    "emergency": "Les appels d'urgence aboutissent toujours et sont gratuits.",
    "internal": "Les appels internes sont gratuits.",
    "included": "Le forfait {plan} comprend cette destination : l'appel est gratuit.",
    "not_included": "Le forfait {plan} ne comprend pas cette destination : "
    "l'appel est payant, classe {destination_class}.",
    "no_plan": "Aucun forfait ne s'applique : l'appel est payant, classe {destination_class}.",
    "barred": "La grille tarifaire {deck} interdit le préfixe {prefix} ({destination}) : l'appel est refusé.",
    "barred_by_override": "La table de corrections interdit {digits} ({source}) : l'appel est refusé.",
    "plan_refuses": "Le forfait {plan} n'autorise pas les appels de classe {destination_class} : l'appel est refusé.",
    "prepaid_off": "Les appels prépayés sont désactivés pour le poste {extension} : l'appel est refusé.",
    "no_deck": "Aucune grille tarifaire n'en donne le prix : l'appel est refusé.",
    "no_rate": "La grille tarifaire {deck} n'a pas de prix pour cette destination : l'appel est refusé.",
    "general_rate": "C'est un numéro surtaxé, et de la grille tarifaire {deck} seul le préfixe {prefix} "
    "({destination}) lui correspond, qui est le prix de numéros ordinaires : l'appel est refusé. Ajoutez à la grille "
    "un prix pour sa propre tranche.",
    "rate": "La grille tarifaire {deck} en donne le prix par le préfixe {prefix} ({destination}) : "
    "{per_minute_micros} {currency} la minute, par {initial_increment_s} s d'abord, puis par {increment_s} s.",
    "rate_even": "La grille tarifaire {deck} en donne le prix par le préfixe {prefix} ({destination}) : "
    "{per_minute_micros} {currency} la minute, par tranches de {increment_s} s.",
    "rate_by_second": "La grille tarifaire {deck} en donne le prix par le préfixe {prefix} ({destination}) : "
    "{per_minute_micros} {currency} la minute, à la seconde.",
    "connect_fee": "Chaque appel abouti coûte {connect_fee_micros} {currency} de mise en relation.",
    "minimum_charge": "Un appel abouti coûte au moins {minimum_charge_micros} {currency}.",
    "allowance_seat": "Le forfait {plan} couvre cette destination par son quota {allowance}, {minutes} minutes par "
    "mois et par poste, mises en commun ; ensuite l'appel est payant, classe {destination_class}.",
    "allowance_account": "Le forfait {plan} couvre cette destination par son quota {allowance}, {minutes} minutes "
    "par mois pour tout le compte ; ensuite l'appel est payant, classe {destination_class}.",
    "allowance_extension": "Le forfait {plan} couvre cette destination par son quota {allowance}, {minutes} minutes "
    "par mois pour ce poste seul ; ensuite l'appel est payant, classe {destination_class}.",
    "only_allowance_plan_refuses": "Le forfait {plan} n'autorise pas les appels payants de classe "
    "{destination_class} : l'appel se termine avec le quota.",
    "only_allowance_prepaid_off": "Les appels prépayés sont désactivés pour le poste {extension} : "
    "l'appel se termine avec le quota.",
    "only_allowance_no_deck": "Aucune grille tarifaire ne donne le prix de la suite : "
    "l'appel se termine avec le quota.",
    "only_allowance_no_rate": "La grille tarifaire {deck} n'a pas de prix pour la suite : "
    "l'appel se termine avec le quota.",
    "only_allowance_general_rate": "De la grille tarifaire {deck}, seul le préfixe {prefix} ({destination}) correspond "
    "à la suite, qui est le prix de numéros ordinaires : l'appel se termine avec le quota.",
    "only_allowance_payer_fault": "La suite ne peut être payée ({fault}) : l'appel se termine avec le quota.",
    "allowance_left": "Il reste {left_s} s du quota ce mois-ci.",
    "allowance_gone": "Il ne reste rien du quota ce mois-ci : l'appel est payant dès la première seconde.",
    "allowance_gone_refused": "Il ne reste rien du quota ce mois-ci : l'appel est refusé.",
    "rate_hours": "Aux heures {hours} ({period}), la minute coûte {per_minute_micros} {currency}.",
    "held_later": "Le quota paie le début de l'appel, rien n'est donc encore réservé ; avec les {available_micros} "
    "{currency} disponibles, il dure {max_duration_s} s.",
    "held_later_limited": "Le quota paie le début de l'appel, rien n'est donc encore réservé ; avec les "
    "{available_micros} {currency} disponibles, il durerait plus que les {max_duration_s} s permises à un appel.",
    "charged_after_allowance": "{allowance_s} s sur {duration_s} sont prises sur le quota ; {charged_s} s sont "
    "facturées et coûtent {charge_micros} {currency}.",
    "payer_fault": "Les appels payants de ce poste sont impossibles ({fault}) : l'appel est refusé.",
    "unknown_extension": "Le poste {extension} n'existe pas : l'appel est refusé.",
    "held": "{hold_micros} {currency} sont réservés avant la sonnerie ; {available_micros} {currency} suffisent "
    "pour {max_duration_s} s.",
    "held_limited": "{hold_micros} {currency} sont réservés avant la sonnerie ; {available_micros} {currency} "
    "suffiraient pour plus que les {max_duration_s} s permises à un appel.",
    "not_held": "{hold_micros} {currency} doivent être réservés avant la sonnerie et le compte {account} n'a que "
    "{available_micros} {currency} disponibles : l'appel est refusé.",
    "charged": "{duration_s} s sont facturées comme {billable_s} s et coûtent {charge_micros} {currency}.",
    "charged_even": "{duration_s} s coûtent {charge_micros} {currency}.",
    "deny_list_has": "La liste des destinations refusées du poste {extension} contient {destinations} : l'appel est "
    "refusé.",
    "allow_list_has": "La liste des destinations permises du poste {extension} contient {destinations}.",
    "not_in_allow_list": "Hors de ce que comprend son forfait, le poste {extension} ne peut appeler que "
    "{destinations} : l'appel est refusé.",
    "outside_hours": "Hors de ce que comprend son forfait, le poste {extension} ne peut appeler qu'aux heures "
    "{hours} : l'appel est refusé.",
    "within_hours": "C'est dans les heures du poste {extension} : {hours}.",
    "rate_too_high": "Le poste {extension} peut payer au plus {most_micros} {currency} la minute, et le prix peut "
    "atteindre {per_minute_micros} {currency} : l'appel est refusé.",
    "only_allowance_rate_too_high": "Le poste {extension} peut payer au plus {most_micros} {currency} la minute, et "
    "le prix de la suite peut atteindre {per_minute_micros} {currency} : l'appel se termine avec le quota.",
    "rate_within": "C'est dans la limite de {most_micros} {currency} la minute que le poste {extension} peut payer.",
    "longest_call": "Un appel du poste {extension} peut durer {longest_s} s.",
    "longest_call_of_all": "Un appel peut durer {longest_s} s.",
    "cap_extension_day": "De son plafond journalier de {cap_micros} {currency}, il reste {left_micros} {currency} au "
    "poste {extension}.",
    "cap_extension_month": "De son plafond mensuel de {cap_micros} {currency}, il reste {left_micros} {currency} au "
    "poste {extension}.",
    "cap_account_day": "De son plafond journalier de {cap_micros} {currency}, il reste {left_micros} {currency} au "
    "compte {account}.",
    "cap_account_month": "De son plafond mensuel de {cap_micros} {currency}, il reste {left_micros} {currency} au "
    "compte {account}.",
    "held_capped": "{hold_micros} {currency} sont réservés avant la sonnerie ; l'appel dure {max_duration_s} s, "
    "jusqu'à ce qu'un plafond soit atteint.",
    "held_later_capped": "Le quota paie le début de l'appel, rien n'est donc encore réservé ; l'appel dure "
    "{max_duration_s} s, jusqu'à ce qu'un plafond soit atteint.",
    "cap_reached": "{hold_micros} {currency} doivent être réservés avant la sonnerie, plus que ce que laisse un "
    "plafond : l'appel est refusé.",
    "too_many_calls": "Le poste {extension} a {open_calls} appels payants ouverts et peut en avoir {most_calls} : "
    "l'appel est refusé.",
    "unreadable_empty": "Il n'y a pas de numéro : l'appel est refusé.",
    "unreadable_characters": "Seuls les chiffres 0-9, +, * et # peuvent être composés : l'appel est refusé.",
    "unreadable_too_long": "C'est trop long pour un numéro de téléphone : l'appel est refusé.",
    "unreadable_service_code": "Les codes avec * ou # ne sont pas envoyés à l'opérateur : l'appel est refusé.",
    "unreadable_no_outside_line": "Il manque le chiffre qui donne une ligne extérieure : l'appel est refusé.",
    "unreadable_no_trunk_prefix": "Les numéros nationaux commencent ici par un préfixe, et il manque : "
    "l'appel est refusé.",
    "unreadable_unknown_country": "Aucun pays n'est connu pour ce numéro : l'appel est refusé.",
    "unreadable_unknown_range": "C'est un numéro de {region} ou d'une région qui partage son indicatif "
    "+{country_code}, mais aucun numéro n'y commence ainsi ou n'y a cette longueur : l'appel est refusé.",
    "unreadable_impossible": "Aucun numéro ne correspond à ces chiffres : l'appel est refusé.",
}

CLASSES = {
    "emergency": "urgence",
    "internal": "interne",
    "included": "incluse",
    "national": "nationale",
    "premium": "surtaxée",
    "international": "internationale",
    "barred": "interdite",
}

TYPES = {
    "fixed": "fixe",
    "mobile": "mobile",
    "fixed_or_mobile": "fixe ou mobile",
    "toll_free": "gratuit",
    "premium": "surtaxé",
    "shared_cost": "à coût partagé",
    "personal": "personnel",
    "voip": "VoIP",
    "uan": "accès universel",
    "pager": "radiomessagerie",
    "voicemail": "messagerie vocale",
    "satellite": "satellite",
    "short": "numéro court",
    "emergency": "urgence",
    "internal": "interne",
    "unknown": "inconnu",
}

PERIODS = {"peak": "heures pleines", "off_peak": "heures creuses", "weekend": "week-end"}

DAYS = {"mon": "lun", "tue": "mar", "wed": "mer", "thu": "jeu", "fri": "ven", "sat": "sam", "sun": "dim"} | {
    "always": "toujours"
}
