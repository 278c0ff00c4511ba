"""Snippets of ari.conf and manager.conf: the users that the service logs in as."""

from dialplan.contract import ANSWERED_VARIABLE, LEG_VARIABLE
from tollgate.settings import Settings

ARI_FILE = "ari_tollgate.conf"
MANAGER_FILE = "manager_tollgate.conf"


def ari_text(settings: Settings) -> str:
    """Return the snippet of ari.conf: the service's user, and the variables that it must see on legs."""
    return _ARI.format(
        variables=f"{LEG_VARIABLE},{ANSWERED_VARIABLE}",
        user=settings.asterisk.ari_user,
        password=settings.asterisk.ari_password.get_secret_value(),
    )


def manager_text(settings: Settings) -> str:
    """Return the snippet of manager.conf: the service's user with the least it can work with."""
    return _MANAGER.format(user=settings.asterisk.ami_user, secret=settings.asterisk.ami_secret.get_secret_value())


_ARI = """\
; Tollgate's part of ari.conf, written by "tollgate dialplan". It holds a password: readable by Asterisk alone.
; In ari.conf, below its own [general] with "enabled = yes" and an empty "allowed_origins":
;     #include {file}
; In http.conf: enabled = yes, bindaddr = 127.0.0.1.

[general](+)
channelvars = {variables}

[{user}]
type = user
read_only = no
password = {password}
password_format = plain
""".replace("{file}", ARI_FILE)

_MANAGER = """\
; Tollgate's part of manager.conf, written by "tollgate dialplan". It holds a secret: readable by Asterisk alone.
; In manager.conf, below its own [general] with "enabled = yes" and "bindaddr = 127.0.0.1":
;     #include {file}

[{user}]
secret = {secret}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read =
; call: Setvar and Getvar, the deadline of a trunk leg. system: the hang-up records in AstDB.
; command: only what "tollgate doctor" looks at; without it doctor says what it could not check.
write = call,system,command
""".replace("{file}", MANAGER_FILE)
