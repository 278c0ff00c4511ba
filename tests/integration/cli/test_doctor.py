"""``doctor`` and ``dialplan``: each check against an Asterisk that is well, and ill in one way after the other."""

import re
import shutil
import stat
import time
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from rating.emergency import emergency_numbers
from tests.integration.cli.fake_asterisk import FakeAsterisk
from tests.integration.cli.prepared import prepared_store
from tests.integration.cli.terminal import Terminal

ENDPOINT = (
    " rtp_timeout                        : 60\n rtp_timeout_hold                   : 3600\n"
    " timers                             : yes\n"
)
NO_ENDPOINT = "Unable to find object 101.\n\n"
FAR_CONTEXT = "[ Context 'far' created by 'pbx_config' ]\n  'T' =>            1. NoOp()"
MODULES = """
app_dial app_exec app_originate app_stack app_stasis app_verbose chan_pjsip func_base64 func_callerid func_cdr
func_channel func_cut func_db func_dialplan func_logic func_strings func_timeout
pbx_config res_ari res_ari_applications res_ari_channels res_ari_events res_stasis
app_playback app_playtones res_agi
"""


def shown(dialplan: str) -> str:
    """Return a dialplan as ``dialplan show`` prints it, with the phones' contexts added."""
    dialplan += "\n[phones]\ninclude => tollgate\n[from-internal]\nexten => _10X,1,Dial()\n"
    lines = []
    for line in dialplan.splitlines():
        code = re.sub(r"(^|\s);.*", "", line)
        if heading := re.match(r"\[([\w-]+)\]", code):
            lines.append(f"[ Context '{heading[1]}' created by 'pbx_config' ]")
        elif extension := re.match(r"exten => ([^,]+),1,(.*)", code):
            lines.append(f"  '{extension[1]}' =>          1. {extension[2].rstrip()}    [tollgate.conf:1]")
        elif step := re.match(r" same => n(\(\w+\))?,(.*)", code):
            lines.append(f"                    2. {step[2].rstrip()}    [tollgate.conf:1]")
        elif include := re.match(r"include => (.*)", code):
            lines.append(f"  Include =>        '{include[1]}'           [pbx_config]")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def store_in_use(installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an extension and the carrier's own prices, to be copied."""
    folder = tmp_path_factory.mktemp("in use")
    prices = folder / "own.csv"
    prices.write_text("prefix,destination,per_minute\n44,United Kingdom,0.02\n")
    importing = ("rates", "import", str(prices), "--deck", "example", "--replace")
    return prepared_store(installation, folder, ("extension", "add", "101"), importing)


@pytest.fixture
def pbx(asterisk: FakeAsterisk, office: Terminal, store_in_use: Path, tmp_path: Path) -> FakeAsterisk:
    """An Asterisk on which all is well."""
    shutil.copy(store_in_use, tmp_path)
    asterisk.resources |= {
        "asterisk/info": {"system": {"version": "22.10.1"}},
        "applications/tollgate": {"name": "tollgate", "endpoint_ids": ["PJSIP/carrier"]},
        "endpoints/PJSIP/carrier": {"state": "online"},
        "asterisk/config/dynamic/res_ari/general/general": [
            {"attribute": "channelvars", "value": "TOLLGATE_CALL, TOLLGATE_ANSWERED"}
        ],
        "asterisk/modules": [{"name": f"{name}.so", "status": "Running"} for name in MODULES.split()],
        "sounds/digits/1": {"id": "digits/1"},
        "asterisk/variable": lambda: {"value": str(int(time.time()))},
    }
    asterisk.commands |= {
        "core show version": "Asterisk 22.10.1",
        "ari show websocket sessions": "ID Type Addr State Apps\n1 in 127.0.0.1 up tollgate",
        "dialplan show": shown(office.done("dialplan").out),
        "pjsip show endpoint carrier": ENDPOINT + " media_address                      : 127.0.0.1\n",
        "pjsip show endpoint 101": NO_ENDPOINT,
    }
    for number in emergency_numbers("FR"):
        asterisk.commands[f"dialplan show {number}@phones"] = (
            "[ Included context 'tollgate-emergency' created by 'pbx_config' ]"
        )
    return asterisk


def examine(office: Terminal, status: int) -> dict[str, dict[str, Any]]:
    """Run doctor and return its checks by name."""
    answer = office("doctor", "--json")
    assert (answer.status, answer.err) == (status, ""), answer
    assert answer.document["ok"] is (status == 0)
    for check in answer.document["checks"]:
        assert set(check) == {"name", "status", "detail", "mend"}
        assert (check["mend"] is None) is (check["status"] == "OK")
    return {check["name"]: check for check in answer.document["checks"]}


def test_doctor_where_all_is_well_says_ok(pbx: FakeAsterisk, office: Terminal) -> None:
    checks = examine(office, 0)
    assert {check["status"] for check in checks.values()} == {"OK"}
    assert len(checks) >= 20
    said = office.done("doctor").out
    assert "0 WARN, 0 FAIL" in said


def test_doctor_where_nothing_answers_fails_ari_and_ami_and_says_the_rest(
    office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLGATE_ASTERISK__ARI_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TOLLGATE_ASTERISK__AMI_PORT", "1")
    checks = examine(office, 1)
    assert checks["store"]["status"] == "OK"
    assert checks["trunks"]["status"] == checks["ARI"]["status"] == checks["AMI"]["status"] == "FAIL"
    assert checks["extensions"]["status"] == "WARN"


def test_doctor_tells_where_the_balance_could_not_be_said(
    pbx: FakeAsterisk, office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert examine(office, 0)["sounds"]["detail"] == "numbers can be said: *62 tells the balance"
    del pbx.resources["sounds/digits/1"]
    assert examine(office, 0)["sounds"]["status"] == "WARN"
    pbx.resources["asterisk/modules"] = [
        {"name": f"{name}.so", "status": "Running"} for name in MODULES.replace("res_agi", "").split()
    ]
    assert examine(office, 1)["modules"]["detail"] == "not running: res_agi.so"
    monkeypatch.setenv("TOLLGATE_AGI__BALANCE_EXTENSION", "")
    pbx.commands["dialplan show"] = shown(office.done("dialplan").out)
    assert "sounds" not in examine(office, 0)


@pytest.mark.parametrize(("setting", "status"), [("hang_up", "OK"), ("meter", "OK"), ("alert", "WARN")])
def test_doctor_says_what_is_done_with_legs_around_the_gate(
    pbx: FakeAsterisk, office: Terminal, monkeypatch: pytest.MonkeyPatch, setting: str, status: str
) -> None:
    assert pbx.password
    monkeypatch.setenv("TOLLGATE_UNGATED_LEGS", setting)
    assert examine(office, 0)["un-gated legs"]["status"] == status


def test_doctor_with_a_wrong_password_says_whose(pbx: FakeAsterisk, office: Terminal) -> None:
    pbx.password = "other"
    checks = examine(office, 1)
    assert "refuses the user" in checks["ARI"]["detail"]
    assert "refuses the user" in checks["AMI"]["detail"]


def test_doctor_without_a_store_still_looks_at_asterisk(
    pbx: FakeAsterisk, office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLGATE_DATABASE_URL", "sqlite:///nosuch.db")
    checks = examine(office, 1)
    assert checks["store"]["status"] == "FAIL"
    assert checks["dialplan"]["status"] == "WARN"
    assert checks["ARI"]["status"] == "OK"


@pytest.mark.parametrize(
    ("resource", "content", "name", "status"),
    [
        ("asterisk/info", {"system": {"version": "22.10.0"}}, "ARI", "FAIL"),
        ("asterisk/info", None, "ARI", "FAIL"),
        ("asterisk/info", [], "ARI", "FAIL"),
        ("applications/tollgate", None, "service", "FAIL"),
        ("applications/tollgate", {"endpoint_ids": []}, "subscription carrier", "FAIL"),
        ("endpoints/PJSIP/carrier", None, "trunk carrier", "FAIL"),
        ("endpoints/PJSIP/carrier", {"state": "offline"}, "trunk carrier", "WARN"),
        ("asterisk/config/dynamic/res_ari/general/general", None, "channelvars", "WARN"),
        ("asterisk/config/dynamic/res_ari/general/general", [], "channelvars", "FAIL"),
        ("asterisk/modules", None, "modules", "WARN"),
        ("asterisk/modules", [{"name": "app_dial.so", "status": "Running"}], "modules", "FAIL"),
        ("asterisk/variable", None, "clock", "WARN"),
        ("asterisk/variable", {"value": str(int(time.time()) - 3600)}, "clock", "FAIL"),
    ],
)
def test_doctor_finds_what_ari_tells(
    pbx: FakeAsterisk, office: Terminal, resource: str, content: Any, name: str, status: str
) -> None:
    if content is None:
        del pbx.resources[resource]
    else:
        pbx.resources[resource] = content
    assert examine(office, int(status == "FAIL"))[name]["status"] == status


def test_doctor_looks_at_the_file_of_asterisks_cdrs_where_one_is_set(
    pbx: FakeAsterisk, office: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "CDR file" not in examine(office, 0)
    file = tmp_path / "tollgate.csv"
    monkeypatch.setenv("TOLLGATE_ASTERISK__CDR_FILE", str(file))
    pbx.commands["dialplan show"] = shown(office.done("dialplan").out)
    checks = examine(office, 1)
    assert checks["modules"]["detail"] == "not running: cdr_custom.so"
    modules = [*MODULES.split(), "cdr_custom"]
    pbx.resources["asterisk/modules"] = [{"name": f"{name}.so", "status": "Running"} for name in modules]
    checks = examine(office, 0)
    assert checks["CDR file"]["status"] == "WARN"
    assert "tollgate.csv => ${CSV_QUOTE(${CDR(userfield)})},${CSV_QUOTE(${CDR(end,u)})}" in checks["CDR file"]["mend"]

    line = '";tollgate|pbx/7.1-1|1795339894.685|7.2|carrier","1795339895.399026"\n'
    file.write_text(line)
    check = examine(office, 0)["CDR file"]
    assert (check["status"], check["detail"]) == ("OK", f"{file}: 1 answered leg")
    file.write_text(line.replace("1795339895.399026", "2026-11-22 09:31:35"))
    assert examine(office, 0)["CDR file"]["detail"] == f"1 line of {file} cannot be read"
    file.unlink()
    file.mkdir()
    assert "cannot be read" in examine(office, 0)["CDR file"]["detail"]


def test_doctor_warns_of_invented_prices_on_a_real_trunk(pbx: FakeAsterisk, office: Terminal) -> None:
    assert examine(office, 0)["prices"]["status"] == "OK"
    shipped = str(resources.files("tollgate").joinpath("data", "example-deck.csv"))
    office.done("rates", "import", shipped, "--deck", "example", "--replace")
    prices = examine(office, 0)["prices"]
    assert prices["status"] == "WARN"
    assert "plan fr-office" in prices["detail"]
    assert "tollgate rates import" in prices["mend"]


def test_doctor_of_the_simulated_trunk_takes_the_example_prices(
    office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLGATE_ASTERISK__ARI_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TOLLGATE_ASTERISK__AMI_PORT", "1")
    for trunks, status in (
        ('[{"endpoint": "simnet"}]', "OK"),
        ('[{"endpoint": "simnet"}, {"endpoint": "carrier"}]', "WARN"),
    ):
        monkeypatch.setenv("TOLLGATE_TRUNKS", trunks)
        assert examine(office, 1)["prices"]["status"] == status


def test_doctor_on_an_older_asterisk_sees_the_variables_on_a_channel(pbx: FakeAsterisk, office: Terminal) -> None:
    del pbx.resources["asterisk/config/dynamic/res_ari/general/general"]
    pbx.resources["channels"] = [{"id": "1", "channelvars": {"TOLLGATE_CALL": ""}}]
    assert "TOLLGATE_ANSWERED" in examine(office, 1)["channelvars"]["detail"]


@pytest.mark.parametrize(
    ("action", "name", "status"),
    [
        ("Setvar", "AMI call", "FAIL"),
        ("DBDelTree", "AMI system", "FAIL"),
        ("Command", "dialplan", "WARN"),
        ("PJSIPShowEndpoint", "unseen legs carrier", "WARN"),
    ],
)
def test_doctor_finds_what_our_ami_user_may_not(
    pbx: FakeAsterisk, office: Terminal, action: str, name: str, status: str
) -> None:
    pbx.refused_actions.add(action)
    assert examine(office, int(status == "FAIL"))[name]["status"] == status


@pytest.mark.parametrize(
    ("was", "becomes", "name", "status"),
    [
        ("Context 'tg-answer'", "Context 'other'", "dialplan", "FAIL"),
        ("Set(TG_GUARD=0)", "Set(TG_GUARD=1)", "dialplan", "FAIL"),
        ("Include =>        'tollgate' ", "Include =>        'nothing' ", "phones' context", "WARN"),
        ("Context 'from-internal'", "Context 'T'", "internal context", "FAIL"),
        ("'_10X'", "'T'", "T extensions", "FAIL"),
        (
            "[ Context 'phones'",
            "[ Context 'x' created by 'y' ]\n  'T' => 1. A\n[ Context 'phones'",
            "T extensions",
            "WARN",
        ),
    ],
)
def test_doctor_finds_what_is_wrong_with_the_dialplan(
    pbx: FakeAsterisk, office: Terminal, was: str, becomes: str, name: str, status: str
) -> None:
    assert was in pbx.commands["dialplan show"]
    pbx.commands["dialplan show"] = pbx.commands["dialplan show"].replace(was, becomes)
    assert examine(office, int(status == "FAIL"))[name]["status"] == status


def test_doctor_finds_a_dialplan_of_other_settings(
    pbx: FakeAsterisk, office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLGATE_OUTSIDE_LINE", "9")
    checks = examine(office, 1)
    assert "tollgate-emergency" in checks["dialplan"]["detail"]
    assert "9112 in phones goes to nowhere" in checks["emergency numbers"]["detail"]


def test_doctor_finds_a_context_that_takes_an_emergency_number(pbx: FakeAsterisk, office: Terminal) -> None:
    pbx.commands["dialplan show 112@phones"] = "[ Context 'phones' created by 'pbx_config' ]"
    assert "112 in phones goes to phones" in examine(office, 1)["emergency numbers"]["detail"]


@pytest.mark.parametrize(
    ("command", "output", "name", "status"),
    [
        ("ari show websocket sessions", "ID Type Addr State Apps", "service connection", "FAIL"),
        ("pjsip show endpoint carrier", ENDPOINT.replace("60", "0"), "dead calls carrier", "WARN"),
        ("pjsip show endpoint carrier", ENDPOINT.replace("yes", "no"), "dead calls carrier", "WARN"),
    ],
)
def test_doctor_finds_what_the_command_line_of_asterisk_tells(
    pbx: FakeAsterisk, office: Terminal, command: str, output: str, name: str, status: str
) -> None:
    pbx.commands[command] = output
    assert examine(office, int(status == "FAIL"))[name]["status"] == status


@pytest.mark.parametrize(
    ("output", "status"),
    [
        (ENDPOINT, "OK"),
        (ENDPOINT.replace(": 60", ": 0"), "WARN"),
        (ENDPOINT.replace("3600", "0"), "WARN"),
        (ENDPOINT.replace("yes", "no"), "WARN"),
    ],
)
def test_doctor_looks_whether_calls_end_whose_phone_is_gone(
    pbx: FakeAsterisk, office: Terminal, output: str, status: str
) -> None:
    pbx.commands["pjsip show endpoint 101"] = output
    check = examine(office, 0)["dead phones"]
    assert check["status"] == status
    assert status == "OK" or "101" in check["detail"]


@pytest.mark.parametrize(
    ("output", "unread"),
    [
        (None, "rtp_timeout, rtp_timeout_hold, timers"),  # the command is refused
        ("", "rtp_timeout, rtp_timeout_hold, timers"),
        ("<rtp_timeout>60</rtp_timeout>", "rtp_timeout, rtp_timeout_hold, timers"),
        (ENDPOINT.replace(" timers ", " refreshes "), "timers"),
    ],
)
@pytest.mark.parametrize(("endpoint", "name"), [("carrier", "dead calls carrier"), ("101", "dead phones")])
def test_doctor_says_what_it_cannot_read_of_an_endpoint(
    pbx: FakeAsterisk, office: Terminal, endpoint: str, name: str, output: str | None, unread: str
) -> None:
    if output is None:
        del pbx.commands[f"pjsip show endpoint {endpoint}"]
    else:
        pbx.commands[f"pjsip show endpoint {endpoint}"] = output
    check = examine(office, 0)[name]
    assert check["status"] == "WARN"
    assert f"{unread} of {endpoint}" in check["detail"]
    assert f"pjsip show endpoint {endpoint}" in check["mend"]


def test_doctor_says_nothing_of_dead_phones_where_asterisk_has_none(pbx: FakeAsterisk, office: Terminal) -> None:
    assert pbx.commands["pjsip show endpoint 101"] == NO_ENDPOINT
    assert "dead phones" not in examine(office, 0)


@pytest.mark.parametrize(
    ("set_var", "status"),
    [("FOO=a,b,CHANNEL(hangup_handler_push)=tg-around,s,1", "OK"), ("FOO=a,b", "WARN"), ("", "WARN")],
)
def test_doctor_looks_whether_legs_around_the_gate_leave_word_of_themselves(
    pbx: FakeAsterisk, office: Terminal, set_var: str, status: str
) -> None:
    pbx.set_var = set_var
    check = examine(office, 0)["unseen legs carrier"]
    assert check["status"] == status
    assert status == "OK" or "set_var = CHANNEL(hangup_handler_push)=tg-around,s,1" in check["mend"]


@pytest.mark.parametrize(("longest_call_s", "status"), [("14400", "OK"), ("0", "WARN")])
def test_doctor_looks_whether_every_call_has_a_longest_time(
    pbx: FakeAsterisk, office: Terminal, monkeypatch: pytest.MonkeyPatch, longest_call_s: str, status: str
) -> None:
    monkeypatch.setenv("TOLLGATE_LONGEST_CALL_S", longest_call_s)
    pbx.commands["dialplan show"] = shown(office.done("dialplan").out)
    check = examine(office, 0)["longest call"]
    assert (check["status"], "fr-office" in check["detail"]) == (status, status == "WARN")


def test_doctor_warns_of_a_settings_file_that_others_read(pbx: FakeAsterisk, office: Terminal) -> None:
    Path("tollgate.toml").chmod(0o644)
    assert examine(office, 0)["settings"]["status"] == "WARN"


def test_dialplan_written_is_the_one_that_is_shown(asterisk: FakeAsterisk, office: Terminal) -> None:
    written = office.json("dialplan", "--output", "conf")["written"]
    assert written == ["conf/tollgate.conf", "conf/ari_tollgate.conf", "conf/manager_tollgate.conf"]
    assert Path("conf/tollgate.conf").read_text() == office.json("dialplan")["files"]["tollgate.conf"]
    assert Path("conf/tollgate.conf").read_text() == office.done("dialplan").out
    for name in ("conf/ari_tollgate.conf", "conf/manager_tollgate.conf"):
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
        assert f"{asterisk.password}\n" in Path(name).read_text()
    assert "channelvars = TOLLGATE_CALL,TOLLGATE_ANSWERED" in Path("conf/ari_tollgate.conf").read_text()
    Path("conf/ari_tollgate.conf").chmod(0o640)
    assert "core reload" in office.done("dialplan", "--output", "conf").out
    assert stat.S_IMODE(Path("conf/ari_tollgate.conf").stat().st_mode) == 0o640


def test_dialplan_follows_the_settings(
    asterisk: FakeAsterisk, office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_plan = office.done("dialplan").out
    assert "exten => 112,1,Goto(tg-emergency" in with_plan
    assert "_0[13]XXXXXXXX" in with_plan
    monkeypatch.setenv("TOLLGATE_INCLUDED_WHILE_AWAY", "false")
    assert "_0[13]XXXXXXXX" not in office.done("dialplan").out
    monkeypatch.setenv("TOLLGATE_INCLUDED_WHILE_AWAY", "true")
    monkeypatch.setenv("TOLLGATE_DEFAULT_PLAN", "nosuch")
    assert "no plan nosuch" in office.fails(1, "dialplan")


def test_dialplan_without_a_trunk_or_a_folder_is_bad_input(office: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no trunk" in office.fails(2, "dialplan")
    monkeypatch.setenv("TOLLGATE_TRUNKS", '[{"endpoint": "carrier"}]')
    Path("file").touch()
    office.fails(2, "dialplan", "--output", "file")
