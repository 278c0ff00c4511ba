"""Which Asterisk modules are loaded: the ones that are used, and no other.

`autoload=yes` opens ports nobody asked for and logs an error for every module without a configuration; an
explicit list starts in a third of a second. `require` stops Asterisk when a module is missing or refuses to
start, so that a PBX never runs without, say, its deadlines (func_timeout).
"""

from collections.abc import Iterable
from pathlib import Path

from tollgate.office.errors import OfficeError

REQUIRED_MODULES = (
    # dialplan, timing and storage
    "pbx_config",
    "res_timing_timerfd",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_clioriginate",
    # SIP
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_pubsub",
    "res_pjsip_acl",
    "res_pjsip_authenticator_digest",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_registrar",
    "res_pjsip_path",
    "res_pjsip_maintenance",
    "res_pjsip_refer",
    "res_pjsip_caller_id",
    "res_pjsip_diversion",
    "res_pjsip_rfc3326",
    "res_pjsip_nat",
    "res_pjsip_dtmf_info",
    "res_pjsip_dlg_options",
    "res_pjsip_header_funcs",
    "res_pjsip_logger",
    "chan_pjsip",
    # media
    "res_rtp_asterisk",
    "codec_ulaw",
    "codec_alaw",
    "codec_a_mu",
    "codec_resample",
    "codec_gsm",
    "format_pcm",
    "format_gsm",
    "chan_bridge_media",
    "bridge_simple",
    "bridge_native_rtp",
    "bridge_softmix",
    "bridge_holding",
    "bridge_builtin_features",
    # applications
    "app_dial",
    "app_originate",
    "app_stack",
    "app_exec",
    "app_verbose",
    "app_userevent",
    "app_echo",
    "app_milliwatt",
    "app_playback",
    "app_playtones",
    "app_directed_pickup",
    "app_blind_transfer",
    "app_attended_transfer",
    "app_transfer",
    "app_senddtmf",
    "app_cdr",
    "app_db",
    "app_stasis",
    # functions
    "func_base64",
    "func_callerid",
    "func_cdr",
    "func_channel",
    "func_cut",
    "func_db",
    "func_dialplan",
    "func_env",
    "func_export",
    "func_global",
    "func_groupcount",
    "func_hangupcause",
    "func_logic",
    "func_math",
    "func_md5",
    "func_module",
    "func_pjsip_aor",
    "func_pjsip_contact",
    "func_pjsip_endpoint",
    "func_rand",
    "func_sprintf",
    "func_strings",
    "func_timeout",
    "func_uri",
    "func_version",
    # Stasis and ARI
    "res_http_websocket",
    "res_stasis",
    "res_stasis_answer",
    "res_stasis_device_state",
    "res_stasis_playback",
    "res_stasis_recording",
    "res_stasis_snoop",
    "res_ari",
    "res_ari_model",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_bridges",
    "res_ari_channels",
    "res_ari_device_states",
    "res_ari_endpoints",
    "res_ari_events",
    "res_ari_playbacks",
    "res_ari_recordings",
    "res_ari_sounds",
    # FastAGI
    "res_speech",
    "res_agi",
    # records
    "cdr_custom",
)
"""Modules without which the office does not work; Asterisk itself sorts them by dependency."""

LATER_MODULES = (
    "res_websocket_client",  # res_ari needs it from 22.5 on
    "res_cdrel_custom",  # cdr_custom needs it from 22.8 on
)
"""Modules that only newer releases have, and then need."""


def modules_conf(modules_dir: Path, *, extra: Iterable[str] = ()) -> str:
    """Write modules.conf for the Asterisk whose modules are in this folder.

    Args:
        modules_dir: the folder of the `.so` files.
        extra: further modules, without `.so`; name what they depend on as well.

    Raises:
        OfficeError: a needed module is not installed; the message names all that are missing.
    """
    required = (*REQUIRED_MODULES, *extra)
    missing = [name for name in required if not (modules_dir / f"{name}.so").exists()]
    if missing:
        raise OfficeError(
            f"this Asterisk lacks the modules {', '.join(missing)} in {modules_dir}: install its full set"
        )
    later = [name for name in LATER_MODULES if (modules_dir / f"{name}.so").exists()]
    lines = ["[modules]", "autoload = no", *(f"require = {name}.so" for name in (*later, *required))]
    return "\n".join(lines) + "\n"
