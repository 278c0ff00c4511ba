"""Faults of settings: the name as it was written, what stands there, what is wanted, and no word of a library."""

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from tollgate.settings import Settings, SettingsError, TrunkSettings, settings_from
from tollgate.settings_faults import FORMS

FILE = Path("/etc/tollgate/tollgate.toml")


def fault(toml: str) -> str:
    """Read settings that cannot be used and return why."""
    with pytest.raises(SettingsError) as raised:
        settings_from(tomllib.loads(toml), FILE)
    return str(raised.value)


def test_every_setting_has_its_form() -> None:
    names = set()
    for name, field in Settings.model_fields.items():
        kind = TrunkSettings if name == "trunks" else field.annotation
        nested = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}
        names |= {name, *(f"{name}.{inner}" for inner in nested)}
    assert names == set(FORMS)


@pytest.mark.parametrize("name", [name for name in FORMS if FORMS[name].example[:1] not in ("[", chr(34) + "…")])
def test_every_example_can_be_used(name: str) -> None:
    section, dot, key = name.rpartition(".")
    if section == "trunks":
        return
    header = f"[{section}]\n" if dot else ""
    settings_from(tomllib.loads(f"{header}{key} = {FORMS[name].example}"), FILE)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (
            "[asterisk]\nami_port = 70000",
            f"asterisk.ami_port in {FILE} is 70000, which cannot be used; write a port from 1 to 65535, such as ami_",
        ),
        (
            'node_lost_s = "soon"',
            f"node_lost_s in {FILE} is 'soon', which cannot be used; write whole seconds from 30 to 86400, such as ",
        ),
        ("outside_line = 9", f"outside_line in {FILE} is 9, which cannot be used; write digits in quotes, such as "),
        ('"two\\nlines" = 3', f'"two\\nlines" in {FILE} sets nothing; did you mean '),
        ("slice_s = 3", f"slice_s in {FILE} sets nothing; did you mean metering.slice_s?"),
        ('[asterisk]\nari_pasword = "x"', f"asterisk.ari_pasword in {FILE} sets nothing; did you mean asterisk.ari_pa"),
        ('[[trunks]]\nendpoint = "a"\n[[trunks]]\nendpoint = "a b"', f"endpoint of trunk 2 in {FILE} is 'a b', which"),
        ("[[trunks]]\n", f'endpoint of trunk 1 in {FILE} is missing; write endpoint = "my-carrier"'),
        ("trunks = 5", f"trunks in {FILE} is 5, which cannot be used; write one section for each trunk, such as "),
        ("asterisk = 5", f"asterisk in {FILE} is 5, which cannot be used; write a section, such as [asterisk]"),
        ("warn_before_expiry_days = [30, 0]", f"warn_before_expiry_days.2 in {FILE} is 0, which cannot be used; "),
        ("[portal]\nlisten = 8480", f"portal.listen in {FILE} is 8480, which cannot be used; write an IP address and "),
        (
            '[portal]\npublic_url = "pbx.example.com"',
            f"portal.public_url in {FILE} is 'pbx.example.com', which cannot be used; write http:// or https:// and a ",
        ),
        (
            "included_while_away = 3",
            "such as included_while_away = true, or TOLLGATE_INCLUDED_WHILE_AWAY=true",
        ),
        (
            "[metering]\nfirst_slice_s = 1\ncutoff_margin_ms = 2000",
            f"metering in {FILE}: cutoff_margin_ms must be shorter than first_slice_s; correct one of them",
        ),
    ],
)
def test_fault_of_a_file_names_key_value_and_form(toml: str, said: str) -> None:
    assert fault(toml).startswith(said) or said in fault(toml)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "TOLLGATE_ASTERISK__AMI_PORT",
            "70000",
            "is '70000', which cannot be used; write a port from 1 to 65535, such as TOLLGATE_ASTERISK__AMI_PORT=5038",
        ),
        ("tollgate_log_level", "loud", "such as tollgate_log_level=info"),
        ("TOLLGATE_WARN_BEFORE_EXPIRY_DAYS", "[0]", "such as TOLLGATE_WARN_BEFORE_EXPIRY_DAYS='[30, 7]'"),
    ],
)
def test_fault_of_a_variable_names_it_and_its_form(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert said in fault("")


@pytest.mark.parametrize(
    "toml",
    [
        "[asterisk]\nari_password = 12345678",
        "[asterisk]\nami_secret = [12345678]",
        '[asterisk]\nari_url = "http://u:12345678@host/x"',
    ],
)
def test_fault_shows_no_secret(toml: str) -> None:
    assert "12345678" not in fault(toml)


@pytest.mark.parametrize(
    "url",
    ["", "https://pbx.example.com", "HTTPS://PBX.example.com:8443", "http://192.0.2.7:8480", "https://[2001:db8::1]"],
)
def test_public_url_of_the_portal_is_scheme_and_host(url: str) -> None:
    assert settings_from({"portal": {"public_url": url}}, FILE).portal.public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://pbx.example.com/",
        "https://pbx.example.com/tollgate",
        "https://pbx.example.com?x",
        "https://pbx.example.com:0",
        "https://pbx.example.com:x",
        "https://user@pbx.example.com",
        "ftp://pbx.example.com",
        "https://",
        "https://[",
    ],
)
def test_public_url_of_the_portal_is_nothing_else(url: str) -> None:
    assert "portal.public_url" in fault(f'[portal]\npublic_url = "{url}"')
