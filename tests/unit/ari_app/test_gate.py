"""The gate: who pays, in which order that is decided, and what is refused whoever pays."""

from dataclasses import replace

import pytest

from ari_app.gate import Admissible, MalformedEntryError, Refused, Verdict, judge, observed_call
from dialplan.contract import LegMark, MarkKind
from rating.decision import DenyReason
from rating.destination import DestinationClass
from rating.permissions import Permissions
from store.payers import Catalog
from tests.unit.ari_app.office import (
    CALL_ID,
    CALLER,
    JERSEY,
    JERSEY_RATE,
    PARIS,
    PLAN,
    SETTINGS,
    T0,
    caller,
    catalog,
    channel,
    entered,
    payer,
)

PHONE_101, PHONE_102 = "PJSIP/101-00000001", "PJSIP/102-00000009"
CARRIER = "PJSIP/carrier1-00000002"


def judged(dialled: str, *names: str, by: str = PHONE_101, known: Catalog | None = None) -> Verdict:
    return judge(entered(CALL_ID, dialled, *names, by=caller(name=by)), known or catalog(), SETTINGS)


def test_paid_call_carries_the_facts_it_is_charged_by() -> None:
    verdict = judged(JERSEY, "", "", "")

    assert isinstance(verdict, Admissible)
    call = verdict.call
    assert (call.call_id, call.caller_channel, call.node, call.started_at) == (CALL_ID, CALLER, "pbx1", T0)
    assert (call.account_id, call.extension, call.endpoint) == (1, "101", "PJSIP/101")
    assert (call.dialled, call.number, call.e164) == (JERSEY, "+447797123456", "+447797123456")
    assert (call.rate, call.deck, call.funded_by) == (JERSEY_RATE, "example", ("account",))
    assert (call.destination_class, call.longest_call_s, call.trunks) == (DestinationClass.INTERNATIONAL, 3600, 2)


def test_included_call_has_no_rate() -> None:
    verdict = judged(PARIS)

    assert isinstance(verdict, Admissible)
    assert (verdict.call.rate, verdict.call.deck, verdict.call.funded_by) == (None, None, ("plan",))


@pytest.mark.parametrize(
    ("blind", "attended", "forwarder", "by", "pays"),
    [
        ("", "", "", PHONE_101, "101"),
        (PHONE_102, "", "", CARRIER, "102"),
        (PHONE_102, PHONE_101, PHONE_101, CARRIER, "102"),
        ("", PHONE_102, "", CARRIER, "102"),
        ("", PHONE_102, PHONE_101, CARRIER, "102"),
        ("", "", PHONE_102, CARRIER, "102"),
        ("", "", PHONE_102, PHONE_101, "102"),
        (PHONE_102, "", "", PHONE_101, "102"),
    ],
)
def test_payer_is_who_transferred_then_who_forwarded_then_the_caller(
    blind: str, attended: str, forwarder: str, by: str, pays: str
) -> None:
    verdict = judged(JERSEY, blind, attended, forwarder, by=by)

    assert isinstance(verdict, Admissible)
    assert verdict.call.extension == pays


@pytest.mark.parametrize(
    ("names", "by"),
    [
        (("", "", ""), CARRIER),
        ((CARRIER, "", ""), PHONE_101),
        ((CARRIER, PHONE_102, PHONE_102), PHONE_101),
        (("", CARRIER, ""), PHONE_101),
        (("", "", "Local/101@phones-00000001;1"), PHONE_101),
        (("nonsense",), PHONE_101),
        ((), "Local/101@phones-00000001;2"),
    ],
)
def test_payer_that_is_no_extension_is_refused_and_nobody_else_charged(names: tuple[str, ...], by: str) -> None:
    verdict = judged(JERSEY, *names, by=by)

    assert isinstance(verdict, Refused)
    assert verdict.reason is DenyReason.UNKNOWN_EXTENSION
    assert (verdict.call.account_id, verdict.call.extension) == (None, "")


def test_unknown_extension_is_told_how_to_become_one() -> None:
    verdict = judged(JERSEY, by="PJSIP/199-00000001")

    assert isinstance(verdict, Refused)
    assert "--endpoint PJSIP/199" in verdict.rule


@pytest.mark.parametrize("by", [PHONE_101, "PJSIP/199-00000001", CARRIER, "Local/x@y-1;1"])
@pytest.mark.parametrize("names", [("", "", ""), (CARRIER, "", "")])
def test_emergency_is_admitted_whoever_calls(by: str, names: tuple[str, ...]) -> None:
    verdict = judged("112", *names, by=by)

    assert isinstance(verdict, Admissible)
    assert (verdict.call.destination_class, verdict.call.rate) == (DestinationClass.EMERGENCY, None)
    assert verdict.call.longest_call_s is None


def test_emergency_is_admitted_where_nothing_is_configured() -> None:
    bare = payer("101", plan=None, deck=None, prepaid=False, fault="no plan")

    assert isinstance(judged("112", known=catalog(bare)), Admissible)


def test_fault_of_the_deck_refuses_paid_calls_only() -> None:
    known = catalog(payer("101", fault="deck example is in USD, account main in EUR"))

    paid, included = judged(JERSEY, known=known), judged(PARIS, known=known)

    assert isinstance(paid, Refused)
    assert (paid.reason, paid.rule) == (DenyReason.NO_RATE, "deck example is in USD, account main in EUR")
    assert isinstance(included, Admissible)


@pytest.mark.parametrize(
    ("dialled", "reason"),
    [
        ("0044,PJSIP/102-00000001", DenyReason.INVALID_NUMBER),
        ("sip:x@host", DenyReason.INVALID_NUMBER),
        ("", DenyReason.INVALID_NUMBER),
        ("00870773123456", DenyReason.NO_RATE),
    ],
)
def test_what_cannot_be_read_or_priced_is_refused(dialled: str, reason: DenyReason) -> None:
    verdict = judged(dialled)

    assert isinstance(verdict, Refused)
    assert verdict.reason is reason
    assert verdict.call.dialled == dialled


def test_prepaid_off_refuses_paid_calls() -> None:
    verdict = judged(JERSEY, known=catalog(payer("101", prepaid=False)))

    assert isinstance(verdict, Refused)
    assert verdict.reason is DenyReason.PREPAID_OFF


@pytest.mark.parametrize("args", [(), ("1793610000.7-1",)])
def test_entry_without_our_arguments_is_an_error(args: tuple[str, ...]) -> None:
    with pytest.raises(MalformedEntryError, match="write the dialplan again"):
        judge(entered(*args), catalog(), SETTINGS)


@pytest.mark.parametrize("kind", MarkKind)
def test_call_that_the_dialplan_let_through_is_free_and_its_extensions(kind: MarkKind) -> None:
    call = observed_call(LegMark(kind, CALL_ID, PHONE_101, "112"), T0, catalog(), SETTINGS)

    assert (call.call_id, call.caller_channel, call.extension) == (CALL_ID, CALLER, "101")
    assert (call.rate, call.dialled) == (None, "112")
    assert (call.destination_class is DestinationClass.EMERGENCY) is (kind is MarkKind.EMERGENCY)


@pytest.mark.parametrize(
    ("own_s", "plan_s", "general_s", "longest_s"),
    [(None, 3600, 14400, 3600), (None, None, 14400, 14400), (60, None, 14400, 60), (None, None, None, None)],
)
def test_included_call_that_the_dialplan_let_through_has_the_longest_call_of_one_that_the_gate_admits(
    own_s: int | None, plan_s: int | None, general_s: int | None, longest_s: int | None
) -> None:
    permissions = Permissions(extension="101", longest_call_s=own_s)
    plan = replace(PLAN, longest_call_s=plan_s)
    known = replace(catalog(payer("101", plan=plan, permissions=permissions)), longest_call_s=general_s)
    admitted = judged(PARIS, known=known)

    call = observed_call(LegMark(MarkKind.AWAY, CALL_ID, PHONE_101, PARIS), T0, known, SETTINGS)

    assert call.longest_call_s == admitted.call.longest_call_s == longest_s


@pytest.mark.parametrize(("kind", "longest_s"), [(MarkKind.AWAY, 14400), (MarkKind.EMERGENCY, None)])
def test_longest_call_of_all_ends_what_the_dialplan_let_through_for_nobody_known_but_no_emergency(
    kind: MarkKind, longest_s: int | None
) -> None:
    known = replace(catalog(), longest_call_s=14400)

    assert observed_call(LegMark(kind, CALL_ID, CARRIER, "112"), T0, known, SETTINGS).longest_call_s == longest_s


def test_call_that_the_dialplan_let_through_for_nobody_known_has_no_account() -> None:
    call = observed_call(LegMark(MarkKind.EMERGENCY, CALL_ID, CARRIER, "112"), T0, catalog(), SETTINGS)

    assert (call.account_id, call.extension, call.endpoint) == (None, "", "PJSIP/carrier1")


def test_caller_on_a_channel_without_endpoint_is_refused_with_the_reason() -> None:
    verdict = judge(entered(CALL_ID, JERSEY, by=channel(CALLER, "Local/x@y-1;1")), catalog(), SETTINGS)

    assert isinstance(verdict, Refused)
    assert "belongs to no endpoint" in verdict.rule
