"""The rendered dialplan: trunks in turn, dial formats, outside line, what rings while the service is away."""

import pytest

from dialplan.contract import INTERNAL_CONTEXT
from dialplan.render import DialplanError, render_dialplan
from dialplan.trunks import DialFormat, Trunk
from tests.unit.dialplan.conf import dials, options, rendered

CONTEXTS = {
    "tollgate",
    "tollgate-emergency",
    "tollgate-outbound",
    "tg-gate",
    "tg-metered",
    "tg-free",
    "tg-emergency",
    "tg-away",
    "tg-away-included",
    "tg-away-excluded",
    "tg-away-dial",
    "tg-leg",
    "tg-answer",
    "tg-answer-free",
    "tg-around",
    "tg-emergency-end",
    "tg-hang",
    "tg-internal",
    "tg-word",
    "tg-word-of-another",
}
TRUNKS = tuple(Trunk(endpoint=f"carrier{index}") for index in (1, 2, 3))


def test_no_trunk_is_an_error_that_says_where_to_name_one() -> None:
    with pytest.raises(DialplanError, match=r"\[\[trunks\]\]"):
        render_dialplan(options(trunks=()))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_context_is_there_and_nothing_of_the_template_is_left(count: int) -> None:
    text = render_dialplan(options(trunks=TRUNKS[:count], away_patterns=("0[13]XXXXXXXX",), outside_line="9"))

    assert rendered(trunks=TRUNKS[:count]).keys() == CONTEXTS
    assert "@@" not in text


def test_only_the_gate_has_a_t_extension() -> None:
    with_t = [name for name, lines in rendered().items() if any(line.startswith("exten => T,") for line in lines)]

    assert with_t == ["tg-gate"]


@pytest.mark.parametrize("context", ["tg-metered", "tg-free", "tg-away-dial"])
def test_trunks_are_tried_in_order_each_with_the_ring_limit(context: str) -> None:
    lines = rendered(trunks=TRUNKS, ring_limit_s=45)[context]

    assert [dial.split(",")[0].rpartition("@")[2] for dial in dials(lines)] == ["carrier1", "carrier2", "carrier3"]
    assert all(dial.split(",")[1] == "45" for dial in dials(lines))
    between = [line for line in lines if "DIALSTATUS" in line]
    assert len(between) == 2, "the next trunk only where the one before reached nobody"
    assert all("CHANUNAVAIL" in line and "CONGESTION" in line and line.endswith("?:done)") for line in between)


@pytest.mark.parametrize("context", ["tg-answer", "tg-answer-free"])
def test_answered_leg_is_noted_in_its_cdr_only_where_asterisks_cdrs_are_read(context: str) -> None:
    note = "Set(CDR(userfield)=tollgate|${TOLLGATE_CALL}|${TOLLGATE_ANSWERED}|${UNIQUEID}|${CHANNEL(endpoint)})"

    assert not [line for line in rendered()[context] if "CDR(" in line]
    lines = rendered(notes_in_cdr=True)[context]
    [at] = [number for number, line in enumerate(lines) if note in line]
    assert "hangup_handler_push" in lines[at - 1], "the handler's record comes first, whatever CDR() does"


@pytest.mark.parametrize(("node", "prefix"), [("", ""), ("pbx1", "pbx1/")])
def test_leg_around_the_gate_is_marked_under_the_id_that_a_service_would_give_it(node: str, prefix: str) -> None:
    lines = rendered(node=node)["tg-around"]

    own_id = f"{prefix}ungated-${{UNIQUEID}}"
    [mark] = [line for line in lines if "REPLACE(" in line]
    assert mark.endswith(f"Set(TG_MARK=around|{own_id}|${{TG_BEHIND}}|${{REPLACE(TG_TARGET,|,?)}})")
    [others] = [line for line in lines if "emergency|" in line]
    assert f'"${{CUT(TG_MARK,|,2)}}" != "{own_id}"' in others, "an emergency call's caller leaves word of it"


def test_leg_around_the_gate_leaves_no_record_beside_another_and_none_without_end() -> None:
    first, *lines = rendered()["tg-around"]

    assert first == "exten => s,1,GotoIf(${LEN(${TG_LEFT})}?done)"
    assert any("Set(TG_LEFT=" in line for line in rendered()["tg-hang"])
    [bound] = [index for index, line in enumerate(lines) if "DB_KEYCOUNT(tollgate-around)} >= 10000" in line]
    assert any("Gosub(tg-word,s,1(tollgate-around,TG_LEFT))" in line for line in lines[bound:])


def test_dialplan_says_what_the_endpoint_of_a_trunk_needs() -> None:
    assert ";     set_var = CHANNEL(hangup_handler_push)=tg-around,s,1\n" in render_dialplan(options())


def test_metered_leg_gets_call_slice_and_the_rated_number() -> None:
    lines = rendered(trunks=TRUNKS[:2])["tg-metered"]

    for index, dial in enumerate(dials(lines), start=1):
        target = f"${{TG_NUMBER_{index}}}@carrier{index}"
        assert dial == f"PJSIP/{target},120,i${{TG_HOOK}}U(tg-answer^${{TG_SLICE}}^${{TG_CALL}}^{target})"


@pytest.mark.parametrize(("context", "at", "carried"), [("tg-metered", 0, "TG_CALL"), ("tg-free", 2, "TG_CARRIED")])
def test_leg_inherits_its_call_unless_the_caller_is_on_a_trunk(context: str, at: int, carried: str) -> None:
    hook, inherit, *_ = rendered(trunks=TRUNKS[:2])[context][at:]

    on_trunk = '"${CHANNEL:0:15}" = "PJSIP/carrier1-" | "${CHANNEL:0:15}" = "PJSIP/carrier2-"'
    marked = f"b(tg-leg^s^1(${{{carried}}}^${{TG_PRES}}))"
    assert hook.endswith(
        f'Set(TG_HOOK=${{IF($["${{TOLLGATE_CALL}}" != "" | "${{TG_PRES}}" != "" | {on_trunk}]?{marked}:)}})'
    )
    assert inherit.endswith(f'ExecIf($["${{TG_HOOK}}" = ""]?Set(_TOLLGATE_CALL=${{{carried}}}))')


def test_free_leg_carries_the_mark_that_the_service_gave_for_this_very_call() -> None:
    default, mark, *rest = rendered(trunks=TRUNKS[:1])["tg-free"]

    assert default.endswith("Set(TG_CARRIED=${TG_CALL})")
    assert mark.endswith('ExecIf($["${CUT(TG_LEG_MARK,|,2)}" = "${TG_CALL}"]?Set(TG_CARRIED=${TG_LEG_MARK}))')
    [dial] = dials(rest)
    assert "U(tg-answer-free^^${TG_CARRIED}^" in dial


def test_metered_slice_is_forgotten_after_the_dial() -> None:
    assert rendered()["tg-metered"][-2:] == ["same => n(done),Set(TG_SLICE=)", "same => n,Hangup(${HANGUPCAUSE})"]


def test_answer_recognises_every_trunk_as_a_carrier() -> None:
    [first, *_] = rendered(trunks=TRUNKS)["tg-answer"]

    assert all(f'"${{CHANNEL(endpoint)}}" = "{trunk.endpoint}"' in first for trunk in TRUNKS)


@pytest.mark.parametrize(
    ("dial_format", "number"),
    [
        (DialFormat.PLUS, "${TG_E164}"),
        (DialFormat.E164, "${TG_E164:1}"),
        (DialFormat.ZEROS, "00${TG_E164:1}"),
        (DialFormat.NATIONAL, '${IF($["${TG_E164:0:3}" = "+33"]?0${TG_E164:3}:00${TG_E164:1})}'),
    ],
)
def test_away_dials_in_the_trunks_own_format(dial_format: DialFormat, number: str) -> None:
    trunk = Trunk(endpoint="carrier1", dial_format=dial_format)

    [line] = [line for line in rendered(trunks=(trunk,))["tg-away-dial"] if "Dial(" in line]

    assert f"Dial(PJSIP/{number}@carrier1,120," in line
    assert f"^{number}@carrier1))" in line, "the same at the answer"


def away_numbers(**changes: object) -> dict[str, str]:
    """Return the away patterns, each with the expression of its E.164 number."""
    lines = rendered(**changes)["tg-away-included"]
    heads = [line for line in lines if line.startswith("exten => _")]
    return {
        head.removeprefix("exten => _").partition(",")[0]: head.partition("TG_E164=")[2].removesuffix(")")
        for head in heads
    }


@pytest.mark.parametrize(
    ("home_region", "outside_line", "pattern", "dialled", "number"),
    [
        ("FR", "", "0[13]XXXXXXXX", "0[13]XXXXXXXX", "+33${EXTEN:1}"),
        ("FR", "9", "0[13]XXXXXXXX", "90[13]XXXXXXXX", "+33${EXTEN:2}"),
        ("FR", "0", "0049XXXXXXXX", "00049XXXXXXXX", "+${EXTEN:3}"),
        ("FR", "9", "+44XXXXXXXX", "+44XXXXXXXX", "${EXTEN}"),
        ("ES", "", "9XXXXXXXX", "9XXXXXXXX", "+34${EXTEN}"),
        ("ES", "0", "9XXXXXXXX", "09XXXXXXXX", "+34${EXTEN:1}"),
        ("US", "", "1NXXNXXXXXX", "1NXXNXXXXXX", "+1${EXTEN:1}"),
        ("US", "9", "01144XXXXXXXXXX", "901144XXXXXXXXXX", "+${EXTEN:4}"),
        ("GB", "", "020XXXXXXXX", "020XXXXXXXX", "+44${EXTEN:1}"),
    ],
)
def test_away_pattern_becomes_the_number_that_the_gate_would_read(
    home_region: str, outside_line: str, pattern: str, dialled: str, number: str
) -> None:
    away = away_numbers(home_region=home_region, outside_line=outside_line, away_patterns=(pattern,))

    assert away == {dialled: number}, "as the gate reads it: with the outside line where there is one"


def test_away_exclusions_hold_with_and_without_outside_line() -> None:
    lines = rendered(outside_line="9", away_excluded=("0976XXXXXX",))["tg-away-excluded"]

    assert lines == ["exten => _0976XXXXXX,1,Hangup(34)", "exten => _90976XXXXXX,1,Hangup(34)"]


def test_without_away_patterns_nothing_rings_while_the_service_is_away() -> None:
    contexts = rendered()

    assert (contexts["tg-away-included"], contexts["tg-away-excluded"]) == ([], [])
    assert contexts["tg-away"][-1] == "same => n(refused),Hangup(34)"


def test_internal_calls_go_to_the_context_that_was_named() -> None:
    internal = rendered(internal_context="from-internal")[INTERNAL_CONTEXT]

    assert any("?from-internal,${CUT(EXTEN,-,2-)},1)" in line for line in internal)


def test_leg_shows_or_withholds_the_caller_s_number_only_where_it_was_told_to() -> None:
    marked, presented, done = rendered()["tg-leg"]

    assert marked == "exten => s,1,Set(TOLLGATE_CALL=${ARG1})"
    assert presented == 'same => n,ExecIf($["${ARG2}" != ""]?Set(CONNECTEDLINE(pres,i)=${ARG2}))'
    assert done == "same => n,Return()"


def test_leg_of_an_away_call_is_told_nothing_of_an_earlier_code() -> None:
    lines = rendered(away_patterns=("0[13]XXXXXXXX",))["tg-away-dial"]

    assert not any("TG_PRES" in line for line in lines)


@pytest.mark.parametrize(("longest_call_s", "limit"), [(None, ""), (14400, "14400")])
def test_away_call_has_the_longest_call_and_one_that_the_service_let_through_none_of_the_dialplan(
    longest_call_s: int | None, limit: str
) -> None:
    contexts = rendered(trunks=TRUNKS, longest_call_s=longest_call_s)

    assert [f"U(tg-answer-free^{limit}^away|" in dial for dial in dials(contexts["tg-away-dial"])] == [True] * 3
    assert ["U(tg-answer-free^^${TG_CARRIED}^" in dial for dial in dials(contexts["tg-free"])] == [True] * 3


def test_free_leg_gets_the_longest_call_that_it_is_told_once_it_is_known_to_be_the_rated_one() -> None:
    lines = rendered()["tg-answer-free"]

    [armed] = [number for number, line in enumerate(lines) if "TIMEOUT(absolute)" in line]
    assert lines[armed].endswith('ExecIf($["${ARG1}" != ""]?Set(TIMEOUT(absolute)=${ARG1}))')
    assert lines[armed - 1].endswith("?:abort)")
