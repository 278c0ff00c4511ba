"""The dialplan that belongs to an installation's settings and its plan."""

from dialplan.render import DialplanOptions, render_dialplan
from rating.plan import Plan
from tollgate.settings import Settings


def dialplan_text(settings: Settings, plan: Plan | None) -> str:
    """Return ``tollgate.conf`` for these settings.

    Args:
        settings: the installation's.
        plan: whose included destinations may ring while the service is away; None for none.

    Raises:
        DialplanError: no trunk is configured.
        SettingsError: the settings' numbers cannot be used.
    """
    rules = settings.dial_rules()
    away = plan if settings.included_while_away else None
    return render_dialplan(
        DialplanOptions(
            home_region=settings.home_region,
            trunks=settings.trunk_list(),
            emergency_numbers=rules.emergencies,
            outside_line=settings.outside_line,
            caller_id_codes=rules.home.caller_id_codes,
            carrier_codes=rules.home.plain_carrier_codes,
            ring_limit_s=settings.metering.ring_limit_s,
            longest_call_s=None if away is None else away.longest_call_s or settings.call_limit_s,
            internal_context=settings.asterisk.internal_context,
            node=settings.node,
            away_patterns=() if away is None else away.away_patterns,
            away_excluded=() if away is None else away.away_excluded,
            balance=settings.balance_by_phone(),
            notes_in_cdr=settings.asterisk.cdr_file is not None,
        )
    )
