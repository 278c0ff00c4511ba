"""``TOLLGATE_*`` variables: one that sets nothing is refused, since a setting that is misspelt is not in force."""

import pytest

from tollgate.settings import SettingsError, check_environment, settings_from


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("TOLLGATE_DATABSE_URL", "TOLLGATE_DATABASE_URL"),
        ("TOLLGATE_ASTERISK_ARI_PASSWORD", "TOLLGATE_ASTERISK__ARI_PASSWORD"),
        ("TOLLGATE_ASTERISK__ARI_PASWORD", "TOLLGATE_ASTERISK__ARI_PASSWORD"),
        ("TOLLGATE_TRUNKS__ENDPOINT", "TOLLGATE_TRUNKS"),
        ("TOLLGATE_CONFIG_FILE", "TOLLGATE_CONFIG"),
        ("tollgate_log_lvl", "TOLLGATE_LOG_LEVEL"),
        ("TOLLGATE_", "TOLLGATE_AGI"),
    ],
)
def test_a_variable_that_sets_nothing_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check_environment([name])
    assert str(raised.value).startswith(f"the environment variable {name} ")
    assert str(raised.value).endswith(f"; did you mean {nearest}?")


@pytest.mark.parametrize(
    "name",
    [
        "TOLLGATE_CONFIG",
        "TOLLGATE_DATABASE_URL",
        "tollgate_log_level",
        "TOLLGATE_ASTERISK",
        "TOLLGATE_ASTERISK__AMI_PORT",
        "TOLLGATE_METERING__SLICE_S",
        "TOLLGATE_TRUNKS",
        "PATH",
        "TOLLGATES",
    ],
)
def test_a_variable_that_sets_something_is_taken(name: str) -> None:
    check_environment([name])


def test_settings_are_not_read_beside_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLGATE_NODES", "x")
    with pytest.raises(SettingsError, match="TOLLGATE_NODES"):
        settings_from({}, None)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TOLLGATE_WARN_BEFORE_EXPIRY_DAYS", "x", "write JSON such as [30, 7]"),
        ("TOLLGATE_TRUNKS", "carrier", 'write JSON such as [{"endpoint": "carrier"}]'),
        ("tollgate_trunks", "", 'write JSON such as [{"endpoint": "carrier"}]'),
        ("TOLLGATE_INTERNATIONAL_PREFIXES", "00", 'write JSON such as ["00"]'),
        ("TOLLGATE_ASTERISK", "x", "such as TOLLGATE_ASTERISK__ARI_URL"),
        ("TOLLGATE_TRUNKS", "5", """such as TOLLGATE_TRUNKS='[{"endpoint": "my-carrier"}]'"""),
        ("TOLLGATE_TRUNKS", '[{"endpoint": "a b"}]', "write the name of an endpoint in pjsip.conf"),
        ("TOLLGATE_ASTERISK", "[1]", "such as TOLLGATE_ASTERISK__ARI_URL"),
    ],
)
def test_a_variable_that_is_no_list_is_refused_with_its_form(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        settings_from({}, None)
    assert said in str(raised.value)
    assert name in str(raised.value)
