"""Settings: a TOML file, and ``TOLLGATE_*`` variables, which win.

``TOLLGATE_DATABASE_URL`` sets ``database_url``; nested ones take two underscores, such as
``TOLLGATE_ASTERISK__ARI_PASSWORD``.
"""

import json
import os
import socket
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadVariableError

from ari_app.access import AmiAccess, AriAccess
from ari_app.ungated_verdict import UngatedAction
from charging.expiry import DEFAULT_EXPIRY_MONTHS, NEVER_MONTHS
from charging.policy import NODE_LOST_S, MeteringPolicy
from dialplan.balance import BalanceByPhone
from dialplan.contract import APPLICATION
from dialplan.trunks import DialFormat, Trunk
from rating.dialled import Dialled, DialRules, DialRulesError, read_dialled
from rating.numbering_file import NumberingError, parse_numbering
from rating.overrides import NumberingTable
from rating.shipped import shipped_numbering
from tollgate.listen import ListenAddress, parse_listen_address
from tollgate.settings_faults import NESTED, PREFIX, fault_of

SETTINGS_FILE = "tollgate.toml"
OFFICE_SETTINGS = Path("run/office/tollgate.toml")
"""Those of the demonstration office, in the folder in which `make run` was started."""
SYSTEM_SETTINGS = Path("/etc/tollgate/tollgate.toml")

DATABASE_URL = "sqlite:///tollgate.db"

Seconds = Annotated[int, Field(ge=1, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
ENDPOINT_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,78}"
EndpointName = Annotated[str, Field(pattern=f"^{ENDPOINT_NAME}$")]

_CONFIG = "TOLLGATE_CONFIG"
"""Names the settings file; it is no setting of its own."""
_AS_JSON = {
    "international_prefixes": '["00"]',
    "trunks": '[{"endpoint": "carrier"}]',
    "warn_before_expiry_days": "[30, 7]",
}
"""Lists, as their variables have them."""


class SettingsError(Exception):
    """The settings cannot be used; the message says what to mend."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AsteriskSettings(_Section):
    """Where Asterisk is, and the context of internal calls."""

    ari_url: str = Field("http://127.0.0.1:8088", pattern=r"^https?://[^/]+$")
    ari_user: str = "tollgate"
    ari_password: SecretStr = SecretStr("")
    ami_host: str = "127.0.0.1"
    ami_port: Port = 5038
    ami_user: str = "tollgate"
    ami_secret: SecretStr = SecretStr("")
    internal_context: str = Field("from-internal", pattern=r"^[A-Za-z0-9_-]+$")
    cdr_file: Path | None = None
    """Where cdr_custom writes what :mod:`ari_app.asterisk_cdr` reads; None: Asterisk's CDRs are not asked."""

    @field_validator("cdr_file")
    @classmethod
    def _is_absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError("cdr_file is in Asterisk's folder: write it from the root, beginning with /")
        return path


class TrunkSettings(_Section):
    """A PJSIP endpoint towards a carrier; the dialplan tries trunks in the order of the file."""

    endpoint: EndpointName
    dial_format: DialFormat = DialFormat.PLUS


def _listen_address(text: str) -> str:
    try:
        parse_listen_address(text)
    except ValueError as error:
        raise PydanticCustomError("listen_address", "no address to listen on") from error
    return text


ListenText = Annotated[str, AfterValidator(_listen_address)]
"""An IP address and a port; empty: nowhere."""


class AgiSettings(_Section):
    """What Asterisk's dialplan asks over FastAGI."""

    listen: ListenText = "127.0.0.1:4573"
    balance_extension: str = Field("*62", pattern=r"^([*#][0-9*#]{1,7})?$")
    """What a phone dials to hear what its account has available; empty: nothing."""


def _public_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_origin = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        is_origin = is_origin and text.lower() == f"{parts.scheme}://{parts.netloc}".lower() and parts.port != 0
    except ValueError:
        is_origin = False
    if text and not is_origin:
        raise PydanticCustomError("public_url", "no scheme, host and port")
    return text


class PortalSettings(_Section):
    """The admin portal."""

    listen: ListenText = "127.0.0.1:8480"
    public_url: Annotated[str, AfterValidator(_public_url)] = ""
    """By which browsers reach it through a proxy, such as ``https://pbx.example.com``; what follows from it is said at
    :mod:`web.site`. Empty: by the address where it listens, unencrypted."""


class MeteringSettings(_Section):
    """The lengths of slices and limits; what each means is said at :class:`charging.policy.MeteringPolicy`."""

    slice_s: Seconds = 60
    first_slice_s: Seconds = 10
    least_slice_s: Seconds = 2
    renew_lead_s: Seconds = 15
    store_away_s: Annotated[int, Field(ge=0, le=3600)] = 0
    cutoff_margin_ms: Annotated[int, Field(ge=0, le=2000)] = 300
    ring_limit_s: Seconds = 120

    @model_validator(mode="after")
    def _margin_leaves_something(self) -> Self:
        if self.cutoff_margin_ms >= self.first_slice_s * 1000:
            raise ValueError("cutoff_margin_ms must be shorter than first_slice_s")
        return self


class Settings(BaseSettings):
    """Everything an installation sets."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid", frozen=True)

    database_url: str = DATABASE_URL
    node: str = Field(
        default_factory=lambda: socket.gethostname().partition(".")[0] or "pbx",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
    )
    """This PBX's name; it is part of its sessions and of its calls' ids."""
    home_region: str = "FR"
    outside_line: str = ""
    international_prefixes: tuple[str, ...] = ()
    numbering_file: Path | None = None
    """Corrections and additions to the override table that ships (:mod:`rating.numbering_file`)."""
    node_lost_s: Annotated[int, Field(ge=30, le=86_400)] = NODE_LOST_S
    """For how long another PBX on the same store is silent before its calls are charged what they hold."""
    ungated_legs: UngatedAction = UngatedAction.HANG_UP
    """What is done with a leg on a trunk that never passed the gate."""
    included_while_away: bool = True
    """Whether included destinations ring while the service or its store is away. Emergencies always do."""
    longest_call_s: Annotated[int, Field(ge=0, le=86_400)] = 4 * 3600
    """How long a call may last that its plan does not limit, emergencies and internal calls excepted; 0 is for ever."""
    health_listen: ListenText = "127.0.0.1:8099"
    """Where health and metrics are told over HTTP."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    default_plan: str = "fr-office"
    """Whose destinations the dialplan lets through while the service is away."""
    funds_expire_months: Annotated[int, Field(ge=NEVER_MONTHS, le=1200)] = DEFAULT_EXPIRY_MONTHS
    """After how many months funds expire that were added without an expiry of their own; 0 is never."""
    warn_before_expiry_days: tuple[Annotated[int, Field(ge=1, le=3650)], ...] = (30, 7)
    """How many days before a lot expires its account is warned."""
    asterisk: AsteriskSettings = AsteriskSettings()
    agi: AgiSettings = AgiSettings()
    portal: PortalSettings = PortalSettings()
    trunks: tuple[TrunkSettings, ...] = ()
    metering: MeteringSettings = MeteringSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic names them)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose values come as arguments."""
        return env_settings, init_settings, file_secret_settings

    @property
    def call_limit_s(self) -> int | None:
        """How long a call may last that its plan does not limit; None is for ever."""
        return self.longest_call_s or None

    def health_address(self) -> ListenAddress | None:
        """Return where health is told; None: nowhere."""
        return parse_listen_address(self.health_listen)

    def agi_address(self) -> ListenAddress | None:
        """Return where FastAGI is served; None: nowhere."""
        return parse_listen_address(self.agi.listen)

    def portal_address(self) -> ListenAddress | None:
        """Return where the portal is served; None: nowhere."""
        return parse_listen_address(self.portal.listen)

    @property
    def has_balance_by_phone(self) -> bool:
        """Whether phones can hear their balance."""
        return bool(self.agi.listen and self.agi.balance_extension)

    def balance_by_phone(self) -> BalanceByPhone | None:
        """Return what a phone dials to hear its balance, and where the service listens; None: nothing.

        Raises:
            SettingsError: it is a number, or what is dialled before one.
        """
        extension, address = self.agi.balance_extension, self.agi_address()
        if address is None or not self.has_balance_by_phone:
            return None
        rules = self.dial_rules()
        if isinstance(read_dialled(extension, rules), Dialled) or extension in rules.home.caller_id_codes:
            raise SettingsError(
                f"agi.balance_extension {extension} is dialled for something else in {self.home_region}; "
                "write another in the settings"
            )
        return BalanceByPhone(extension=extension, host=address.near_host, port=address.port)

    def dial_rules(self) -> DialRules:
        """Return how digits are read here.

        Raises:
            SettingsError: a value cannot be dialled, or the numbering file cannot be used.
        """
        try:
            return DialRules(
                home_region=self.home_region,
                outside_line=self.outside_line,
                international_prefixes=self.international_prefixes,
                numbering=self.numbering_table(),
            )
        except DialRulesError as error:
            raise SettingsError(str(error)) from error

    def numbering_table(self) -> NumberingTable:
        """Return the override table: the numbering file's entries, if there is one, before those that ship.

        Raises:
            SettingsError: the file cannot be read, or is no numbering file.
        """
        if self.numbering_file is None:
            return shipped_numbering()
        try:
            text = self.numbering_file.read_text(encoding="utf-8")
            return parse_numbering(text, shipped_numbering()).before(shipped_numbering())
        except OSError as error:
            raise SettingsError(
                f"numbering file {self.numbering_file} cannot be read: {error.strerror}; "
                "correct numbering_file in the settings, or mend its rights"
            ) from error
        except (NumberingError, UnicodeDecodeError) as error:
            raise SettingsError(f"numbering file {self.numbering_file}: {error}") from error

    def trunk_list(self) -> tuple[Trunk, ...]:
        """Return the trunks in the order in which they are tried."""
        return tuple(Trunk(endpoint=trunk.endpoint, dial_format=trunk.dial_format) for trunk in self.trunks)

    def metering_policy(self) -> MeteringPolicy:
        """Return the numbers that govern metering."""
        return MeteringPolicy(**self.metering.model_dump(), free_without_store=self.included_while_away)

    def ari_access(self) -> AriAccess:
        """Return where ARI is."""
        return AriAccess(
            url=self.asterisk.ari_url,
            username=self.asterisk.ari_user,
            password=self.asterisk.ari_password.get_secret_value(),
            application=APPLICATION,
        )

    def ami_access(self) -> AmiAccess:
        """Return where AMI is."""
        return AmiAccess(
            host=self.asterisk.ami_host,
            port=self.asterisk.ami_port,
            username=self.asterisk.ami_user,
            secret=self.asterisk.ami_secret.get_secret_value(),
        )


def find_settings_file(named: Path | None) -> Path | None:
    """Return the settings file: the one named, ``TOLLGATE_CONFIG``, ./tollgate.toml, the office's or the system's."""
    if named is not None:
        return named
    if from_environment := os.environ.get(_CONFIG):
        return Path(from_environment)
    return next((path for path in (Path(SETTINGS_FILE), OFFICE_SETTINGS, SYSTEM_SETTINGS) if path.exists()), None)


def load_settings(named: Path | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: the file cannot be read, or a value is wrong; the message names it.
    """
    path = find_settings_file(named)
    try:
        values = {} if path is None else tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"settings file {path} cannot be read: {error.strerror}; "
            f"name another by --config or {_CONFIG}, or mend its rights"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} is not TOML: {error}; correct it and try again") from error
    return settings_from(values, path)


def settings_from(values: dict[str, Any], path: Path | None) -> Settings:
    """Return the settings of a file's values; a relative path in them is meant from the file's folder.

    Raises:
        SettingsError: a value is wrong; the message names it.
    """
    if path is not None:
        values = {**values, "database_url": _from_folder(str(values.get("database_url", DATABASE_URL)), path.parent)}
        if isinstance(numbering_file := values.get("numbering_file"), str):
            values["numbering_file"] = path.parent.absolute() / numbering_file
    return _validated(values, path)


def _from_folder(url: str, folder: Path) -> str:
    scheme, found, file = url.partition(":///")
    if scheme != "sqlite" or not found or not file or file.startswith("/"):
        return url
    return f"sqlite:///{folder.absolute() / file}"


def _validated(values: dict[str, Any], path: Path | None) -> Settings:
    check_environment(os.environ)
    try:
        return Settings(**values)
    except UnreadVariableError as error:
        raise SettingsError(_unread_variable(os.environ)) from error
    except ValidationError as error:
        raise SettingsError(fault_of(error, path, os.environ)) from error


def _unread_variable(environment: Mapping[str, str]) -> str:
    """Say which variable of a list or a section is no JSON, and what to write."""
    for name, value in sorted(environment.items()):
        setting = name.lower().removeprefix(PREFIX.lower())
        if not name.upper().startswith(PREFIX) or setting not in (*_AS_JSON, *_sections()) or _is_json(value):
            continue
        if setting in _AS_JSON:
            return f"the environment variable {name} is no list; write JSON such as {_AS_JSON[setting]}"
        first = f"{name}{NESTED}{next(iter(_sections()[setting].model_fields))}".upper()
        return f"the environment variable {name} is no JSON; set its values one by one, such as {first}"
    return f"a {PREFIX}* variable cannot be read; write lists as JSON such as {_AS_JSON['trunks']}"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def check_environment(names: Iterable[str]) -> None:
    """Refuse a ``TOLLGATE_*`` variable that sets nothing: pydantic passes over those that it does not know.

    Raises:
        SettingsError: there is one; the message names it and the nearest that sets something.
    """
    known = sorted([_CONFIG, *_variables()])
    for name in sorted(names):
        # As pydantic reads them: letters of either case.
        upper = name.upper()
        if upper.startswith(PREFIX) and upper not in known:
            (nearest,) = get_close_matches(upper, known, n=1, cutoff=0)
            raise SettingsError(f"the environment variable {name} sets nothing; did you mean {nearest}?")


def _variables() -> Iterable[str]:
    """Yield the variables that set something: one a setting, and one for each value of a section."""
    sections = _sections()
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name}".upper()
        yield variable
        if name in sections:
            yield from (f"{variable}{NESTED}{value}".upper() for value in sections[name].model_fields)


def _sections() -> dict[str, type[_Section]]:
    """Return the settings that are sections, with what they hold."""
    annotations = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in annotations.items() if isinstance(kind, type) and issubclass(kind, _Section)}
