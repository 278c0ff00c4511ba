"""The files an instance and the simulated network get."""

from pathlib import Path

import pytest

from ari_app.version import AsteriskVersion
from tollgate.office.base_config import asterisk_conf, base_files
from tollgate.office.binary import AsteriskBinary
from tollgate.office.errors import OfficeError
from tollgate.office.instance import AsteriskInstance
from tollgate.office.modules import LATER_MODULES, REQUIRED_MODULES, modules_conf
from tollgate.office.ports import OfficePorts
from tollgate.office.simnet import NUMBERS, SimnetSettings, originate, simnet_files


@pytest.fixture
def binary(tmp_path: Path) -> AsteriskBinary:
    modules = tmp_path / "modules"
    modules.mkdir()
    for name in REQUIRED_MODULES:
        (modules / f"{name}.so").touch()
    return AsteriskBinary(("asterisk",), AsteriskVersion(22, 10, 1), modules, tmp_path / "data", tmp_path / "lib")


def settings(*, token: str = "t0ken", phones: dict[str, str] | None = None) -> SimnetSettings:
    return SimnetSettings(OfficePorts(), token, phones if phones is not None else {"101": "s3cret"})


def test_modules_are_an_explicit_list(binary: AsteriskBinary) -> None:
    text = modules_conf(binary.modules_dir)

    assert text.startswith("[modules]\nautoload = no\n")
    assert "require = func_timeout.so\n" in text
    assert not any(name in text for name in LATER_MODULES)


def test_modules_that_newer_releases_need_are_added_where_they_exist(binary: AsteriskBinary) -> None:
    (binary.modules_dir / "res_cdrel_custom.so").touch()

    assert "require = res_cdrel_custom.so\n" in modules_conf(binary.modules_dir)


def test_modules_that_are_missing_are_named_together(binary: AsteriskBinary) -> None:
    (binary.modules_dir / "app_dial.so").unlink()

    with pytest.raises(OfficeError, match="lacks the modules app_dial, res_smdi in"):
        modules_conf(binary.modules_dir, extra=("res_smdi",))


def test_no_module_is_listed_twice() -> None:
    names = (*REQUIRED_MODULES, *LATER_MODULES)
    assert len(names) == len(set(names))


def test_folders_go_into_the_main_file_with_semicolons_escaped(binary: AsteriskBinary) -> None:
    text = asterisk_conf(binary, {"astrundir": Path("/srv/my office;1/run")})

    assert "astrundir => /srv/my office\\;1/run\n" in text
    assert f"astmoddir => {binary.modules_dir}\n" in text
    assert "[directories]\n" in text, "(!) behind it would make it a template that Asterisk ignores"


def test_own_files_win_over_the_base_files(binary: AsteriskBinary, tmp_path: Path) -> None:
    instance = AsteriskInstance(binary, tmp_path / "pbx", {"cdr.conf": "[general]\nenable = no\n"})
    instance.etc_dir.mkdir(parents=True)
    instance.write_files({"cdr.conf": "mine"})

    assert (instance.etc_dir / "cdr.conf").read_text(encoding="utf-8") == "mine"
    assert (instance.etc_dir / "cdr.conf").stat().st_mode & 0o777 == 0o600
    assert "cdr.conf" in base_files(binary)


@pytest.mark.parametrize("file_name", ["asterisk.conf", "../pjsip.conf", "a/b.conf", ""])
def test_file_name_that_is_not_an_instances_own_is_refused(
    binary: AsteriskBinary, tmp_path: Path, file_name: str
) -> None:
    with pytest.raises(ValueError, match="not a configuration file"):
        AsteriskInstance(binary, tmp_path, {file_name: ""})


def test_network_knows_the_pbx_by_address_and_port_and_stays_on_loopback() -> None:
    text = simnet_files(settings())["pjsip.conf"]

    assert "match = 127.0.0.1:15060\n" in text
    assert [line for line in text.splitlines() if line.startswith("bind")] == [
        "bind = 127.0.0.1:15070",
        "bind = 127.0.0.1:15071",
    ]


def test_network_gets_a_phone_for_each_extension() -> None:
    text = simnet_files(settings(phones={"101": "one", "102": "two"}))["pjsip.conf"]

    assert text.count("[as-101]") == text.count("[as-102]") == 3
    assert "username = 102\npassword = two\n" in text


def test_numbering_plan_ends_with_the_rule_for_all_others() -> None:
    assert [row.last_digits for row in NUMBERS] == ["17", "18", "19", "34", "04", ""]


def test_dialplan_has_every_row_of_the_numbering_plan() -> None:
    text = simnet_files(settings())["extensions.conf"]

    assert "SIMNET_TOKEN = t0ken\n" in text
    for row in NUMBERS:
        assert f"exten => n{row.last_digits},1,{row.steps[0]}\n" in text


@pytest.mark.parametrize(
    "bad",
    [
        {"token": "a b"},
        {"token": ""},
        {"phones": {"101": "pass;word"}},
        {"phones": {"101": "two\nlines"}},
        {"phones": {"1 01": "x"}},
    ],
)
def test_words_that_a_file_cannot_carry_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"office|extension"):
        simnet_files(settings(**bad))  # type: ignore[arg-type]  # the wrong kinds are the point


@pytest.mark.parametrize(
    ("extension", "number", "talk_s"),
    [("101", "01 23", 3), ("101", "", 3), ("101", "1&Local/s@x", 3), ("1 01", "112", 3), ("101", "112", 0)],
)
def test_call_that_is_not_one_never_reaches_the_command_line(
    binary: AsteriskBinary, tmp_path: Path, extension: str, number: str, talk_s: int
) -> None:
    with pytest.raises(ValueError, match="cannot call"):
        originate(AsteriskInstance(binary, tmp_path, {}), extension, number, talk_s)
