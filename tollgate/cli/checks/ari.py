"""Checks over ARI: version, application, trunks, variables, modules, clock."""

from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from ari_app.client import JsonObject
from ari_app.version import AsteriskVersion
from dialplan.contract import ANSWERED_VARIABLE, APPLICATION, LEG_VARIABLE
from tollgate.cli.ari_http import AriHttp
from tollgate.cli.checks.check import Check, fail, ok, warn
from tollgate.settings import Settings

_VARIABLES = (LEG_VARIABLE, ANSWERED_VARIABLE)
_CHANNELVARS = f"channelvars = {','.join(_VARIABLES)}"
DIALPLAN_MODULES = (
    "app_dial.so",
    "app_exec.so",
    "app_originate.so",
    "app_stack.so",
    "app_stasis.so",
    "app_verbose.so",
    "func_base64.so",
    "func_callerid.so",
    "func_cdr.so",
    "func_channel.so",
    "func_cut.so",
    "func_db.so",
    "func_dialplan.so",
    "func_logic.so",
    "func_strings.so",
    "func_timeout.so",
)
"""What the dialplan uses whatever the settings are."""
_MODULES = (
    *DIALPLAN_MODULES,
    "chan_pjsip.so",
    "pbx_config.so",
    "res_ari.so",
    "res_ari_applications.so",
    "res_ari_channels.so",
    "res_ari_events.so",
    "res_stasis.so",
)
"""What the dialplan and the service use."""
_CDR_MODULES = ("cdr_custom.so",)
"""What they use besides where Asterisk's own CDRs are read."""
BALANCE_MODULES = ("app_playback.so", "app_playtones.so", "res_agi.so")
"""What the balance by phone uses."""
_DIGIT_SOUND = "digits/1"

_CLOCK_WARN_S = 2
_CLOCK_FAIL_S = 10


async def check_version(ari: AriHttp) -> Check:
    """Check that ARI answers, and that its Asterisk is one that the service works with.

    Raises:
        AriUnavailableError: ARI does not answer, or refuses the credentials.
    """
    reply = await ari.get("asterisk/info", only="system")
    if not reply.done:
        return fail("ARI", f"it answers with status {reply.status}", "enabled = yes in ari.conf and http.conf")
    version = AsteriskVersion.parse(_text(_object(reply.body).get("system"), "version"))
    if not version.is_supported:
        return fail(
            "ARI", f"Asterisk {version} is too old", "20.20.1 or 22.10.1 and later have the fixes that it needs"
        )
    return ok("ARI", f"Asterisk {version}")


async def check_application(ari: AriHttp, settings: Settings) -> list[Check]:
    """Check that the service has registered its application and hears of every trunk's legs."""
    reply = await ari.get(f"applications/{APPLICATION}")
    if not reply.done:
        return [fail("service", "its application is not registered: paid calls are refused", "tollgate serve")]
    sources = _object(reply.body).get("endpoint_ids") or []
    checks = [ok("service", f"application {APPLICATION} is registered")]
    for trunk in settings.trunks:
        name, endpoint = f"subscription {trunk.endpoint}", f"PJSIP/{trunk.endpoint}"
        if endpoint in sources:
            checks.append(ok(name, "the service hears of its legs"))
        else:
            checks.append(fail(name, "the service does not hear of its legs", "start the service again"))
    return checks


async def check_trunks(ari: AriHttp, settings: Settings) -> list[Check]:
    """Check that Asterisk has every trunk of the settings, and that its carrier can be reached."""
    checks = []
    for trunk in settings.trunks:
        name = f"trunk {trunk.endpoint}"
        reply = await ari.get(f"endpoints/PJSIP/{trunk.endpoint}")
        state = _text(reply.body, "state")
        if not reply.done:
            checks.append(fail(name, "Asterisk has no such endpoint", "correct [[trunks]] or pjsip.conf"))
        elif state == "offline":
            checks.append(warn(name, "Asterisk says it is offline", "pjsip show endpoint says why"))
        else:
            checks.append(ok(name, state or "there"))
    return checks


async def check_variables(ari: AriHttp) -> Check:
    """Check that events carry the two variables of legs: without them no leg is metered.

    Asterisk 22.5 and later tell ari.conf's own settings; on older ones a live channel shows it.
    """
    name = "channelvars"
    configured = await _configured_variables(ari)
    if configured is None:
        configured = await _seen_variables(ari)
    if configured is None:
        return warn(name, "this Asterisk does not tell", f"see that ari.conf says {_CHANNELVARS}")
    missing = [variable for variable in _VARIABLES if variable not in configured]
    if missing:
        return fail(name, f"lacks {', '.join(missing)}", f"{_CHANNELVARS} in [general] of ari.conf")
    return ok(name, ", ".join(_VARIABLES))


async def _configured_variables(ari: AriHttp) -> set[str] | None:
    reply = await ari.get("asterisk/config/dynamic/res_ari/general/general")
    if not reply.done or not isinstance(reply.body, list):
        return None
    values = {_text(field, "attribute"): _text(field, "value") for field in reply.body}
    return {variable.strip() for variable in values.get("channelvars", "").split(",")}


async def _seen_variables(ari: AriHttp) -> set[str] | None:
    reply = await ari.get("channels")
    channels = reply.body if isinstance(reply.body, list) else []
    return set(_object(channels[0]).get("channelvars") or {}) if channels else None


async def check_modules(ari: AriHttp, settings: Settings) -> Check:
    """Check that the modules are loaded that the dialplan and the service use."""
    wanted = [*_MODULES]
    if settings.asterisk.cdr_file is not None:
        wanted += _CDR_MODULES
    if settings.has_balance_by_phone:
        wanted += BALANCE_MODULES
    reply = await ari.get("asterisk/modules")
    if not isinstance(reply.body, list):
        return warn("modules", "Asterisk does not list them", "load res_ari_asterisk.so")
    running = {_text(module, "name") for module in reply.body if _text(module, "status") == "Running"}
    missing = [module for module in wanted if module not in running]
    if missing:
        return fail("modules", f"not running: {', '.join(missing)}", "load them in modules.conf")
    return ok("modules", f"all {len(wanted)} that are used are running")


async def check_sounds(ari: AriHttp, settings: Settings) -> Check:
    """Check that Asterisk can say the balance."""
    extension = settings.agi.balance_extension
    if (await ari.get(f"sounds/{quote(_DIGIT_SOUND, safe='')}")).status == HTTPStatus.NOT_FOUND:
        mend = "install Asterisk's core sounds, or set agi.balance_extension to nothing"
        return warn("sounds", f"there are none of numbers: who dials {extension} hears nothing", mend)
    return ok("sounds", f"numbers can be said: {extension} tells the balance")


async def check_clock(ari: AriHttp, now: datetime) -> Check:
    """Check that Asterisk's clock and ours agree: calls are metered by its time stamps."""
    reply = await ari.get("asterisk/variable", variable="EPOCH")
    try:
        apart_s = abs(int(_text(reply.body, "value")) - int(now.timestamp()))
    except ValueError:
        return warn("clock", "Asterisk does not tell the time", "see that both machines use NTP")
    mend = "let both machines set their clocks by NTP"
    if apart_s > _CLOCK_FAIL_S:
        return fail("clock", f"Asterisk's and ours are {apart_s} s apart", mend)
    if apart_s > _CLOCK_WARN_S:
        return warn("clock", f"Asterisk's and ours are {apart_s} s apart", mend)
    return ok("clock", "Asterisk's and ours agree")


def _object(body: object) -> JsonObject:
    return body if isinstance(body, dict) else {}


def _text(body: object, key: str) -> str:
    value = _object(body).get(key)
    return value if isinstance(value, str) else ""
