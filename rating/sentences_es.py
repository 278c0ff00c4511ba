"""The words of a decision's explanation in Spanish."""

SENTENCES = {
    "dialled": "Se ha marcado {raw}.",
    "dialled_nothing": "No se ha marcado nada.",
    "withholding_code": "{digits} oculta el número de quien llama en esta llamada; se ha quitado y no se marca.",
    "showing_code": "{digits} muestra el número de quien llama en esta llamada; se ha quitado y no se marca.",
    "outside_line": "{digits} da línea exterior y se ha quitado.",
    "carrier_code": "{digits} elige un operador y se ha quitado; las llamadas salen por el operador de esta oficina.",
    "read_e164": "El número se interpreta como {number}: región {region}, tipo {number_type}.",
    "read_short": "Es el número corto {number} ({region}).",
    "read_emergency": "Es el número de emergencia {number} ({region}).",
    "read_internal": "Es la extensión {number} de esta oficina.",
    "read_override": "Según la tabla de correcciones: región {region}, tipo {number_type} ({source}).",
    "read_by_beginning": "Ninguna serie conocida de {region} lo contiene; empieza como los números de tipo "
    "{number_type} y se cuenta como uno de ellos.",
    "read_override_free": "Según la tabla de correcciones, {number} no cuesta nada a quien llama ({source}).",
    "read_override_premium": "Según la tabla de correcciones, "
    "{number} cuesta más que una llamada ordinaria ({source}).",
    "read_override_ordinary": "Según la tabla de correcciones, "
    "{number} no cuesta más que una llamada ordinaria ({source}).",
    "emergency": "Las llamadas de emergencia salen siempre y no cuestan nada.",
    "internal": "Las llamadas internas no cuestan nada.",
    "included": "El plan {plan} incluye este destino: la llamada no cuesta nada.",
    "not_included": "El plan {plan} no incluye este destino: es una llamada de pago, clase {destination_class}.",
    "no_plan": "No se aplica ningún plan: es una llamada de pago, clase {destination_class}.",
    "barred": "La tarifa {deck} prohíbe el prefijo {prefix} ({destination}): la llamada se rechaza.",
    "barred_by_override": "La tabla de correcciones prohíbe {digits} ({source}): la llamada se rechaza.",
    "plan_refuses": "El plan {plan} no permite llamadas de la clase {destination_class}: la llamada se rechaza.",
    "prepaid_off": "Las llamadas de prepago están desactivadas para la extensión {extension}: la llamada se rechaza.",
    "no_deck": "No hay tarifa que dé su precio: la llamada se rechaza.",
    "no_rate": "La tarifa {deck} no tiene precio para este destino: la llamada se rechaza.",
    "general_rate": "Es un número de tarificación adicional, y de la tarifa {deck} solo le corresponde el prefijo "
    "{prefix} ({destination}), que da el precio de números ordinarios: la llamada se rechaza. Añada a la tarifa un "
    "precio para su propia serie.",
    "rate": "La tarifa {deck} aplica el precio del prefijo {prefix} ({destination}): "
    "{per_minute_micros} {currency} por minuto, {initial_increment_s} s al principio y después cada {increment_s} s.",
    "rate_even": "La tarifa {deck} aplica el precio del prefijo {prefix} ({destination}): "
    "{per_minute_micros} {currency} por minuto, en tramos de {increment_s} s.",
    "rate_by_second": "La tarifa {deck} aplica el precio del prefijo {prefix} ({destination}): "
    "{per_minute_micros} {currency} por minuto, por segundos.",
    "connect_fee": "Cada llamada contestada cuesta {connect_fee_micros} {currency} de establecimiento.",
    "minimum_charge": "Una llamada contestada cuesta al menos {minimum_charge_micros} {currency}.",
    "allowance_seat": "El plan {plan} cubre este destino con su bolsa {allowance}, {minutes} minutos al mes por "
    "extensión, en común; después la llamada es de pago, clase {destination_class}.",
    "allowance_account": "El plan {plan} cubre este destino con su bolsa {allowance}, {minutes} minutos al mes para "
    "toda la cuenta; después la llamada es de pago, clase {destination_class}.",
    "allowance_extension": "El plan {plan} cubre este destino con su bolsa {allowance}, {minutes} minutos al mes solo "
    "para esta extensión; después la llamada es de pago, clase {destination_class}.",
    "only_allowance_plan_refuses": "El plan {plan} no permite llamadas de pago de clase {destination_class}: "
    "la llamada termina con la bolsa.",
    "only_allowance_prepaid_off": "Las llamadas de prepago están desactivadas para la extensión {extension}: "
    "la llamada termina con la bolsa.",
    "only_allowance_no_deck": "Ninguna tarifa da el precio de lo que sigue: la llamada termina con la bolsa.",
    "only_allowance_no_rate": "La tarifa {deck} no tiene precio para lo que sigue: la llamada termina con la bolsa.",
    "only_allowance_general_rate": "De la tarifa {deck} solo corresponde a lo que sigue el prefijo {prefix} "
    "({destination}), que da el precio de números ordinarios: la llamada termina con la bolsa.",
    "only_allowance_payer_fault": "No se puede pagar lo que sigue ({fault}): la llamada termina con la bolsa.",
    "allowance_left": "Este mes quedan {left_s} s de la bolsa.",
    "allowance_gone": "Este mes no queda nada de la bolsa: la llamada es de pago desde el primer segundo.",
    "allowance_gone_refused": "Este mes no queda nada de la bolsa: se rechaza la llamada.",
    "rate_hours": "En las horas {hours} ({period}), el minuto cuesta {per_minute_micros} {currency}.",
    "held_later": "La bolsa paga el principio, así que aún no se reserva dinero; con los {available_micros} {currency} "
    "disponibles dura {max_duration_s} s como máximo.",
    "held_later_limited": "La bolsa paga el principio, así que aún no se reserva dinero; con los {available_micros} "
    "{currency} disponibles duraría más que los {max_duration_s} s permitidos a una llamada.",
    "charged_after_allowance": "{allowance_s} de {duration_s} s son de la bolsa; se cobran {charged_s} s y cuestan "
    "{charge_micros} {currency}.",
    "payer_fault": "Las llamadas de pago de esta extensión no son posibles ({fault}): la llamada se rechaza.",
    "unknown_extension": "No existe la extensión {extension}: la llamada se rechaza.",
    "held": "Se reservan {hold_micros} {currency} antes de que suene; {available_micros} {currency} alcanzan "
    "para {max_duration_s} s.",
    "held_limited": "Se reservan {hold_micros} {currency} antes de que suene; {available_micros} {currency} "
    "alcanzarían para más que los {max_duration_s} s permitidos a una llamada.",
    "not_held": "Hay que reservar {hold_micros} {currency} antes de que suene y la cuenta {account} solo tiene "
    "{available_micros} {currency} disponibles: la llamada se rechaza.",
    "charged": "{duration_s} s se cobran como {billable_s} s y cuestan {charge_micros} {currency}.",
    "charged_even": "{duration_s} s cuestan {charge_micros} {currency}.",
    "deny_list_has": "La lista de destinos denegados de la extensión {extension} contiene {destinations}: la llamada "
    "se rechaza.",
    "allow_list_has": "La lista de destinos permitidos de la extensión {extension} contiene {destinations}.",
    "not_in_allow_list": "Fuera de lo que incluye su plan, la extensión {extension} solo puede llamar a "
    "{destinations}: la llamada se rechaza.",
    "outside_hours": "Fuera de lo que incluye su plan, la extensión {extension} solo puede llamar en las horas "
    "{hours}: la llamada se rechaza.",
    "within_hours": "Está dentro de las horas de la extensión {extension}: {hours}.",
    "rate_too_high": "La extensión {extension} puede pagar como máximo {most_micros} {currency} por minuto, y el "
    "precio puede llegar a {per_minute_micros} {currency}: la llamada se rechaza.",
    "only_allowance_rate_too_high": "La extensión {extension} puede pagar como máximo {most_micros} {currency} por "
    "minuto, y el precio de lo que sigue puede llegar a {per_minute_micros} {currency}: la llamada termina con la "
    "bolsa.",
    "rate_within": "Está dentro de los {most_micros} {currency} por minuto que puede pagar la extensión {extension}.",
    "longest_call": "Una llamada de la extensión {extension} puede durar {longest_s} s.",
    "longest_call_of_all": "Una llamada puede durar {longest_s} s.",
    "cap_extension_day": "De su límite diario de {cap_micros} {currency}, a la extensión {extension} le quedan "
    "{left_micros} {currency}.",
    "cap_extension_month": "De su límite mensual de {cap_micros} {currency}, a la extensión {extension} le quedan "
    "{left_micros} {currency}.",
    "cap_account_day": "De su límite diario de {cap_micros} {currency}, a la cuenta {account} le quedan "
    "{left_micros} {currency}.",
    "cap_account_month": "De su límite mensual de {cap_micros} {currency}, a la cuenta {account} le quedan "
    "{left_micros} {currency}.",
    "held_capped": "Se reservan {hold_micros} {currency} antes de que suene; dura {max_duration_s} s, hasta que se "
    "alcanza un límite de gasto.",
    "held_later_capped": "La bolsa paga el principio, así que aún no se reserva dinero; dura {max_duration_s} s, "
    "hasta que se alcanza un límite de gasto.",
    "cap_reached": "Hay que reservar {hold_micros} {currency} antes de que suene, más de lo que deja un límite de "
    "gasto: la llamada se rechaza.",
    "too_many_calls": "La extensión {extension} tiene {open_calls} llamadas de pago abiertas y puede tener "
    "{most_calls}: la llamada se rechaza.",
    "unreadable_empty": "No hay ningún número: la llamada se rechaza.",
    "unreadable_characters": "Solo se pueden marcar las cifras 0-9, +, * y #: la llamada se rechaza.",
    "unreadable_too_long": "Es demasiado largo para un número de teléfono: la llamada se rechaza.",
    "unreadable_service_code": "Los códigos con * o # no se envían al operador: la llamada se rechaza.",
    "unreadable_no_outside_line": "Falta la cifra que da línea exterior: la llamada se rechaza.",
    "unreadable_no_trunk_prefix": "Los números nacionales empiezan aquí por un prefijo, y falta: "
    "la llamada se rechaza.",
    "unreadable_unknown_country": "No se conoce ningún país para este número: la llamada se rechaza.",
    "unreadable_unknown_range": "Es un número de {region} o de una región que comparte su código de país "
    "+{country_code}, pero allí ningún número empieza así o tiene esta longitud: la llamada se rechaza.",
    "unreadable_impossible": "Ningún número tiene estas cifras: la llamada se rechaza.",
}

CLASSES = {
    "emergency": "emergencia",
    "internal": "interna",
    "included": "incluida",
    "national": "nacional",
    "premium": "de tarificación adicional",
    "international": "internacional",
    "barred": "prohibida",
}

TYPES = {
    "fixed": "fijo",
    "mobile": "móvil",
    "fixed_or_mobile": "fijo o móvil",
    "toll_free": "gratuito",
    "premium": "de tarificación adicional",
    "shared_cost": "de coste compartido",
    "personal": "personal",
    "voip": "VoIP",
    "uan": "acceso universal",
    "pager": "buscapersonas",
    "voicemail": "buzón de voz",
    "satellite": "satélite",
    "short": "número corto",
    "emergency": "emergencia",
    "internal": "interno",
    "unknown": "desconocido",
}

PERIODS = {"peak": "hora punta", "off_peak": "hora valle", "weekend": "fin de semana"}

DAYS = {"mon": "lun", "tue": "mar", "wed": "mié", "thu": "jue", "fri": "vie", "sat": "sáb", "sun": "dom"} | {
    "always": "siempre"
}
