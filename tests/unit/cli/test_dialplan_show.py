"""Reading ``dialplan show``, as Asterisk 22.10 printed it."""

import pytest

from tollgate.cli.checks.dialplan_show import first_context, parse_shown, parse_written

SHOWN = """\
[ Context 'phones-internal' created by 'pbx_config' ]
  '_10X' =>         1. Dial(PJSIP/${EXTEN},60)                    [extensions.conf:11]
                    2. Hangup(${HANGUPCAUSE})                     [extensions.conf:12]

[ Context 'phones' created by 'pbx_config' ]
  Include =>        'tollgate-emergency'                          [pbx_config]
  Include =>        'phones-internal'                             [pbx_config]
  Include =>        'tollgate,09:00-18:00,*,*,*'                  [pbx_config]

[ Context 'tg-gate' created by 'pbx_config' ]
  'T' =>            1. GotoIf($["${TG_GUARD}" = "1"]?mute)        [tollgate.conf:52]
     [mute]         3. Set(TG_GUARD=0)                            [tollgate.conf:54]
  '_[0-9+*#]!' =>   1. Set(TG_ENTRY=$[0${TG_ENTRY} + 1])          [tollgate.conf:37]

[ Context 'tollgate' created by 'pbx_config' ]
  Include =>        'tollgate-emergency'                          [pbx_config]
  Include =>        'tollgate-outbound'                           [pbx_config]

[ Context 'tollgate-emergency' created by 'pbx_config' ]
  '112' =>          1. Goto(tg-emergency,${EXTEN},1)              [tollgate.conf:23]
  '911' (CID match '101') => 1. Goto(tg-emergency,${EXTEN},1)     [tollgate.conf:24]

-= 6 extensions (8 priorities) in 5 contexts. =-
"""


def test_contexts_have_their_extensions_and_includes() -> None:
    contexts = parse_shown(SHOWN).contexts
    assert set(contexts) == {"phones-internal", "phones", "tg-gate", "tollgate", "tollgate-emergency"}
    assert tuple(contexts["tg-gate"].steps) == ("T", "_[0-9+*#]!")
    assert contexts["phones"].includes == ("tollgate-emergency", "phones-internal", "tollgate")
    assert tuple(contexts["tollgate-emergency"].steps) == ("112", "911")


WRITTEN = """\
; a comment; [not-a-context]
[tg-gate]
exten => T,1,GotoIf($["${TG_GUARD}" = "1"]?mute)  ; why
 same => n(mute),Set(TG_GUARD=0)
; between
exten => _[0-9+*#]!,1,Set(TG_ENTRY=$[0${TG_ENTRY} + 1])
[tollgate]
include => tollgate-emergency
include => tollgate-outbound
"""


def test_a_loaded_context_is_the_written_one_step_by_step() -> None:
    loaded, written = parse_shown(SHOWN).contexts, parse_written(WRITTEN)
    assert set(written) == {"tg-gate", "tollgate"}
    for name, context in written.items():
        assert loaded[name].is_loaded_from(context)
    assert loaded["tg-gate"].steps["T"] == ('GotoIf($["${TG_GUARD}" = "1"]?mute)', "Set(TG_GUARD=0)")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("?mute)  ", "?other)  "),
        ("exten => T", "exten => t"),
        (" same => n(mute),Set(TG_GUARD=0)\n", ""),
        ("include => tollgate-outbound\n", ""),
        ("include => tollgate-emergency\ninclude => tollgate-outbound", "include => tollgate-outbound"),
    ],
)
def test_a_loaded_context_differs_by_any_step(was: str, becomes: str) -> None:
    assert was in WRITTEN
    loaded, written = parse_shown(SHOWN).contexts, parse_written(WRITTEN.replace(was, becomes))
    assert not all(loaded[name].is_loaded_from(context) for name, context in written.items())


def test_a_step_that_asterisk_cut_short_is_compared_as_far_as_it_goes() -> None:
    step = f"Dial({'x' * 300})"
    written = parse_written(f"[c]\nexten => s,1,{step}\n")["c"]
    shown = "[ Context 'c' created by 'pbx_config' ]\n  's' =>            1. {} [tollgate.conf:1]\n"
    assert parse_shown(shown.format(step[:250])).contexts["c"].is_loaded_from(written)
    assert not parse_shown(shown.format(step[:100])).contexts["c"].is_loaded_from(written)


def test_reach_follows_includes_of_includes_and_loops() -> None:
    loaded = parse_shown(SHOWN)
    assert loaded.reach(["phones"]) == {"phones", "phones-internal", "tollgate", "tollgate-emergency"}
    assert loaded.reach(["nosuch"]) == set()
    assert loaded.including("tollgate") == {"phones"}
    assert loaded.including("tollgate-emergency") == {"phones", "tollgate"}
    circle = parse_shown(SHOWN.replace("'phones-internal'  ", "'phones'  "))
    assert "phones" in circle.reach(["phones"])


def test_first_context_is_where_a_call_goes() -> None:
    assert first_context("[ Included context 'tollgate-emergency' created by 'pbx_config' ]\n  '112' =>") == (
        "tollgate-emergency"
    )
    assert first_context("There is no existence of '112@phones' extension") is None


def test_nothing_shown_is_an_empty_dialplan() -> None:
    assert parse_shown("").contexts == {}
