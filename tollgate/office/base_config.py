"""The configuration every instance has: its folders, what it logs, and empty files for what is not used.

Asterisk logs an error for each missing file of a part that cannot be left out; an empty file means its
defaults.
"""

from collections.abc import Mapping
from pathlib import Path

from ari_app.asterisk_cdr import MAPPING as CDR_MAPPING
from tollgate.office.binary import AsteriskBinary
from tollgate.office.modules import modules_conf

_LOGGER = """\
[general]
dateformat = %F %T.%3q

[logfiles]
messages.log = notice,warning,error
"""

_STASIS = """\
; A call sets some seventy variables, and Asterisk would tell every application and manager session of each.
; Nothing here listens to that.
[declined_message_types]
decline = ast_channel_varset_type
"""

_INDICATIONS = """\
[general]
country = fr

[fr]
description = France
ringcadence = 1500,3500
dial = 440
busy = 440/500,0/500
ring = 440/1500,0/3500
congestion = 440/250,0/250
callwaiting = 440/300,0/10000
dialrecall = !350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440
record = 1400/500,0/15000
info = !950/330,!1440/330,!1800/330
stutter = !440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,440
"""
"""Tones a caller hears: the national tones of ITU-T E.180 supplement 2, as in Asterisk's own sample."""

_CDR_FIELDS = (
    "uniqueid",
    "linkedid",
    "channel",
    "src",
    "dst",
    "start",
    "answer",
    "end",
    "disposition",
    "userfield",
)
_CDR_LINE = ",".join(f"${{CSV_QUOTE(${{CDR({field})}})}}" for field in _CDR_FIELDS)

_EMPTY_FILES = (
    "acl.conf",
    "ccss.conf",
    "cel.conf",
    "features.conf",
    "pjproject.conf",
    "udptl.conf",
    "websocket_client.conf",
)


def base_files(binary: AsteriskBinary) -> dict[str, str]:
    """Return the files that an instance gets unless it brings its own, by name.

    Raises:
        OfficeError: the Asterisk lacks a needed module.
    """
    return {
        "modules.conf": modules_conf(binary.modules_dir),
        "logger.conf": _LOGGER,
        "indications.conf": _INDICATIONS,
        "stasis.conf": _STASIS,
        "cdr.conf": "[general]\nenable = yes\n",
        "cdr_custom.conf": f"[mappings]\nMaster.csv => {_CDR_LINE}\ntollgate.csv => {CDR_MAPPING}\n",
        **dict.fromkeys(_EMPTY_FILES, "; the defaults\n"),
    }


def asterisk_conf(binary: AsteriskBinary, directories: Mapping[str, Path]) -> str:
    """Write asterisk.conf.

    Args:
        binary: whose modules, documentation and library folders are used, all only read.
        directories: the instance's own folders, by their name in the file (`astetcdir`, `astrundir`, …).
    """
    folders = {
        "astmoddir": binary.modules_dir,
        "astdatadir": binary.data_dir,
        "astvarlibdir": binary.var_lib_dir,
        **directories,
    }
    lines = [
        "[directories]",
        *(f"{name} => {_escaped(folder)}" for name, folder in folders.items()),
        "",
        "[options]",
        "nocolor = yes",
        "hideconnect = yes",
        "verbose = 0",
        # Without media from a silent channel the far side's RTP time-out ends the call.
        "transmit_silence = yes",
        # Shell and file functions are refused to ARI and AMI, whatever their users may do.
        "live_dangerously = no",
        f"defaultlanguage = {_language(binary.data_dir / 'sounds')}",
    ]
    return "\n".join(lines) + "\n"


def _language(sounds: Path) -> str:
    """Return the folder of English sounds: Debian's is named after who speaks, until its packages have been set up."""
    if (sounds / "en").exists():
        return "en"
    return next((folder.name for folder in sorted(sounds.glob("en_*"))), "en")


def _escaped(path: Path) -> str:
    """Keep a `;` in a path from starting a comment."""
    return str(path).replace(";", r"\;")
