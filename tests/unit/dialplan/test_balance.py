"""The balance by phone in the dialplan: one short extension, beside emergencies and the gate, and no dead air."""

import pytest

from dialplan.balance import (
    BALANCE_CURRENCY_VARIABLE,
    BALANCE_STATUS_VARIABLE,
    BALANCE_VARIABLE,
    BalanceByPhone,
    BalanceStatus,
)
from dialplan.render import render_dialplan
from tests.unit.dialplan.conf import dials, options, rendered
from tests.unit.dialplan.test_render import CONTEXTS
from tollgate.settings import Settings, SettingsError, settings_from

BALANCE = BalanceByPhone(extension="*62", host="127.0.0.1", port=4573)


def test_without_it_the_dialplan_knows_nothing_of_it() -> None:
    assert rendered().keys() == CONTEXTS
    assert "AGI" not in render_dialplan(options())


def test_phones_reach_it_behind_emergencies_and_before_the_gate() -> None:
    contexts = rendered(balance=BALANCE)

    assert contexts["tollgate"] == [
        "include => tollgate-emergency",
        "include => tollgate-balance",
        "include => tollgate-outbound",
    ]
    assert contexts["tollgate-balance"] == ["exten => *62,1,Goto(tg-gate,${EXTEN},1)"]
    assert contexts.keys() == CONTEXTS | {"tollgate-balance", "tg-balance"}
    assert "@@" not in render_dialplan(options(balance=BALANCE))


def test_service_is_asked_under_the_gates_own_guard_and_no_context_more_has_a_t_extension() -> None:
    contexts = rendered(balance=BALANCE)
    start = contexts["tg-gate"].index(next(line for line in contexts["tg-gate"] if line.startswith("exten => *62,")))
    cleared, armed, gives_up, asked, disarmed, goes_on, *rest = contexts["tg-gate"][start:]

    assert cleared.startswith(f"exten => *62,1,MSet({BALANCE_STATUS_VARIABLE}=,TG_GUARD=")
    assert armed.endswith('ExecIf($["${TG_GUARD}" = "1"]?Set(TIMEOUT(absolute)=3))')
    assert gives_up.endswith("Set(AGIEXITONHANGUP=yes)")
    assert asked.endswith("AGI(agi://127.0.0.1:4573/balance)")
    assert disarmed.endswith('ExecIf($["${TG_GUARD}" = "1"]?MSet(TIMEOUT(absolute)=0,TG_GUARD=0))')
    assert f'"${{{BALANCE_STATUS_VARIABLE}}}" = "{BalanceStatus.OK}"' in goes_on
    assert rest[0].startswith("exten => T,1,")
    assert [name for name, lines in contexts.items() if any("exten => T," in line for line in lines)] == ["tg-gate"]


def test_amount_and_currency_are_said_and_whoever_is_not_told_is_refused_by_cause() -> None:
    lines = rendered(balance=BALANCE)["tg-balance"]

    text = "\n".join(lines)
    assert f"CUT({BALANCE_VARIABLE},.,1)" in text
    assert f"SayAlpha(${{{BALANCE_CURRENCY_VARIABLE}}})" in text
    refused = next(number for number, line in enumerate(lines) if "n(refused)" in line)
    assert not any("Answer" in line for line in lines[refused:]), "nobody pays for a refusal"
    assert "PlayTones(congestion)" in "\n".join(lines[refused:])
    assert [line.rpartition(",")[2] for line in lines[refused:] if "Hangup" in line] == ["Hangup(34)", "Hangup(21)"]
    assert dials(lines) == []


def test_address_of_version_6_stands_in_brackets() -> None:
    lines = rendered(balance=BalanceByPhone(extension="*62", host="::1", port=4573))["tg-gate"]

    assert any("AGI(agi://[::1]:4573/balance)" in line for line in lines)


def settings(**agi: str) -> Settings:
    """Return settings of a French office with this section."""
    return settings_from({"agi": agi}, None)


@pytest.mark.parametrize(
    ("agi", "balance"),
    [
        ({}, BALANCE),
        ({"listen": "0.0.0.0:4573"}, BALANCE),
        ({"listen": "[::]:99"}, BalanceByPhone(extension="*62", host="::1", port=99)),
        ({"listen": "192.0.2.7:4573"}, BalanceByPhone(extension="*62", host="192.0.2.7", port=4573)),
        ({"balance_extension": "#*9"}, BalanceByPhone(extension="#*9", host="127.0.0.1", port=4573)),
        ({"listen": ""}, None),
        ({"balance_extension": ""}, None),
    ],
)
def test_settings_say_what_is_dialled_and_where_the_service_is_asked(
    agi: dict[str, str], balance: BalanceByPhone | None
) -> None:
    made = settings(**agi)

    assert made.balance_by_phone() == balance
    assert made.has_balance_by_phone is (balance is not None)


@pytest.mark.parametrize("extension", ["*31#112", "*31#15", "#31#17", "*31#", "#31#"])
def test_what_is_dialled_for_an_emergency_or_before_a_number_is_refused(extension: str) -> None:
    with pytest.raises(SettingsError, match="is dialled for something else"):
        settings(balance_extension=extension).balance_by_phone()


@pytest.mark.parametrize("extension", ["112", "62", "*", "*6 2", "*6,2", "*12345678", "*62\n", "_X", "*1X"])
def test_what_may_be_a_number_or_a_pattern_is_refused(extension: str) -> None:
    with pytest.raises(SettingsError, match=r"agi\.balance_extension"):
        settings(balance_extension=extension)


@pytest.mark.parametrize("listen", ["4573", "localhost:4573", "127.0.0.1:0", "x"])
def test_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(SettingsError, match=r"agi\.listen"):
        settings(listen=listen)
