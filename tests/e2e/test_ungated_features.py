"""Legs that features of the PBX dial around the gate are found too, and legs that passed it stay what they are.

Queue members, FollowMe, a parked call that comes back, Local channels that are optimised away, Originate and Bridge,
attended transfers (RFC 5589).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from charging.cdr import Cdr, HangupSide
from store.alerts import AlertKind
from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import SECOND_PRICED
from tests.e2e.pbx import MARGIN
from tests.e2e.sipp import Sipp
from tests.e2e.two_line_phone import TwoLinePhone
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import SipAddress

MakeDesk = Callable[..., Desk]

GREENLAND = "299321212"
STRAIGHT = f"*90{GREENLAND}"
QUEUE, FOLLOW_ME, PARK, LOCAL, ORIGINATE, BRIDGE = "*80", "*81", "*82", "*83", "*84", "*85"
METER, ALERT = 'ungated_legs = "meter"', 'ungated_legs = "alert"'
SOON = timedelta(seconds=1.5)
"""A second, and what a busy machine may take."""

MODULES = ("app_queue", "app_followme", "res_parking", "app_originate")
FILES = {
    "queues.conf": f"""\
[mobiles]
strategy = ringall
timeout = 20
joinempty = yes
; A trunk has no state of its own number: without the fourth field the member is never called.
member => PJSIP/+{GREENLAND}@carrier1,0,Mobile,PJSIP/carrier1
""",
    "followme.conf": f"""\
[general]
enable_callee_prompt = no
pls_hold_prompt = silence
sorry_prompt = silence
status_prompt = silence
[travelling]
context = around-the-gate
number = {GREENLAND},20
""",
    "res_parking.conf": """\
[general]
[default]
parkext = 700
parkpos = 701-720
context = parked-calls
parkingtime = 1
comebacktoorigin = no
comebackcontext = comes-back
""",
}
DIALPLAN = f"""
[phones]
exten => {QUEUE},1,Queue(mobiles,,,,20)
 same => n,Hangup()
exten => {FOLLOW_ME},1,FollowMe(travelling,n)
 same => n,Hangup()
exten => {PARK},1,Answer()
 same => n,Park()
exten => {LOCAL},1,Dial(Local/{GREENLAND}@around-the-gate,20)
 same => n,Hangup()
exten => {ORIGINATE},1,Originate(PJSIP/+{GREENLAND}@carrier1,exten,phones-internal,102,1)
exten => {BRIDGE},1,Originate(PJSIP/+{GREENLAND}@carrier1,app,Wait,20,,a)
 same => n,Answer()
 same => n,Bridge(${{CUT(CHANNELS(^PJSIP/carrier1-.*), ,1)}})

[comes-back]
exten => _[A-Za-z].,1,Dial(PJSIP/+{GREENLAND}@carrier1,20)
"""


@pytest.fixture(scope="module", autouse=True)
def features(pbx: AsteriskInstance) -> Iterator[None]:
    """Have the PBX load what it dials with by itself. It stays loaded: Asterisk may crash when it is unloaded."""
    dialplan = pbx.etc_dir / "extensions.conf"
    shipped = dialplan.read_text(encoding="utf-8")
    silence = pbx.folder / "silence"
    silence.with_suffix(".alaw").write_bytes(b"\xd5" * 800)
    files = {name: text.replace("= silence", f"= {silence}") for name, text in FILES.items()}
    pbx.write_files({**files, "extensions.conf": shipped + DIALPLAN})
    for module in MODULES:
        pbx.cli(f"module load {module}.so")
    pbx.cli("dialplan reload")
    loaded = pbx.cli("module show")
    assert all(module in loaded for module in MODULES), loaded
    yield
    pbx.write_files({"extensions.conf": shipped})
    pbx.cli("dialplan reload")


@contextmanager
def two_lines(desk: Desk, extension: str = "101") -> Iterator[TwoLinePhone]:
    """Have an extension's phone make two calls, and join them."""
    with TwoLinePhone(desk.line.phone(extension), SipAddress("127.0.0.1", desk.line.ports.sip)) as phone:
        yield phone


def second(cdr: Cdr) -> int:
    """Return the seconds that a leg talked, a begun one whole."""
    assert cdr.answered_at is not None
    return -(-(cdr.ended_at - cdr.answered_at) // timedelta(seconds=1))


def wait_bye(carrier: Sipp, count: int = 1) -> datetime:
    """Return when the carrier's last call ended."""
    return carrier.wait_seen("BYE", count)[-1].at


# --- found whatever made them --------------------------------------------------------------------------------


@pytest.mark.parametrize("feature", [QUEUE, FOLLOW_ME, PARK, LOCAL, ORIGINATE, BRIDGE])
def test_leg_that_a_feature_dials_is_hung_up_within_a_second(desk: Desk, feature: str) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=100))
    desk.answering_phone(sipp.answers(ring_ms=3000), extension="102")
    desk.phone(sipp.calls_or_is_refused(feature, 8000))

    [invite] = carrier.wait_seen("INVITE")[:1]
    assert carrier.wait_seen("BYE")[0].at - invite.at < SOON
    cdr = desk.wait_cdrs(1)[0]
    assert (cdr.ungated, cdr.hangup_side, cdr.charged_micros) == (True, HangupSide.TOLLGATE, 0)
    alert = wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "an alert is written")[-1]
    assert alert.call_id == cdr.call_id
    assert str(alert.detail["done"]).startswith("hung_up")


@pytest.mark.parametrize("feature", [QUEUE, FOLLOW_ME, PARK, LOCAL])
def test_leg_that_a_feature_dials_for_a_phone_is_paid_by_the_phone(make_desk: MakeDesk, feature: str) -> None:
    desk = make_desk(metering=ONE_RENEWAL, settings=METER)
    desk.carrier(sipp.answers(ring_ms=900, hangs_up_after_ms=3000))
    desk.phone(sipp.calls_until_cut(feature))

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension, cdr.e164) == (True, "101", f"+{GREENLAND}")
    assert (cdr.charged_micros, cdr.unfunded_micros) == (10_000 * second(cdr), 0)
    assert second(cdr) >= 3


ONE_RENEWAL = f"first_slice_s = 6\nslice_s = 12\nleast_slice_s = 1\nrenew_lead_s = 5\n{MARGIN}"
"""Metering by which a call is renewed once, right after it was transferred, and then not for longer than it talks."""


# --- attended transfers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_first", [True, False], ids=["as-the-first-call", "as-the-consultation"])
def test_leg_around_the_gate_that_is_joined_to_another_phone_is_metered_to_its_end(
    make_desk: MakeDesk, is_first: bool
) -> None:
    desk = make_desk(metering=ONE_RENEWAL, settings=METER)
    carrier = desk.carrier(sipp.answers(ring_ms=1000, hangs_up_after_ms=6000))  # it is judged while it rings
    desk.answering_phone(sipp.answers(ring_ms=50), extension="102")
    numbers = [STRAIGHT, "102"] if is_first else ["102", STRAIGHT]
    with two_lines(desk) as phone:
        phone.join(*map(phone.call, numbers))
        phone.listen(1.0)
        ended_at = wait_bye(carrier)

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension) == (True, "101")
    assert abs(cdr.ended_at - ended_at) < timedelta(milliseconds=500)
    assert (cdr.charged_micros, cdr.unfunded_micros) == (10_000 * second(cdr), 0)
    assert second(cdr) >= 6


def test_leg_around_the_gate_that_is_being_transferred_is_hung_up_within_a_second(desk: Desk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.answering_phone(sipp.answers(ring_ms=50), extension="102")
    with two_lines(desk) as phone:
        phone.join(phone.call("102"), phone.call(STRAIGHT))
        phone.listen(1.0)

    [invite] = carrier.seen("INVITE")
    assert wait_bye(carrier) - invite.at < SOON
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.hangup_side) == (True, HangupSide.TOLLGATE)
    assert cdr.extension in {"101", ""}, "whoever dialled it may have left before anybody looked"


@pytest.mark.parametrize("is_first", [True, False], ids=["as-the-first-call", "as-the-consultation"])
def test_gated_leg_that_is_joined_to_another_phone_stays_the_gated_call(make_desk: MakeDesk, is_first: bool) -> None:
    desk = make_desk(metering=ONE_RENEWAL)
    carrier = desk.carrier(sipp.answers(ring_ms=50, hangs_up_after_ms=9000))
    desk.answering_phone(sipp.answers(ring_ms=50), extension="102")
    numbers = [SECOND_PRICED, "102"] if is_first else ["102", SECOND_PRICED]
    with two_lines(desk) as phone:
        phone.join(*map(phone.call, numbers))
        phone.listen(1.0)
        ended_at = wait_bye(carrier)

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension, cdr.hangup_side) == (False, "101", HangupSide.CALLEE)
    assert abs(cdr.ended_at - ended_at) < timedelta(milliseconds=500)
    assert (cdr.charged_micros, cdr.unfunded_micros) == (10_000 * second(cdr), 0)
    assert second(cdr) >= 9
    assert desk.alerts(AlertKind.UNGATED_LEG) == []


def test_gated_leg_that_was_joined_to_another_phone_stays_the_gated_call_after_a_restart(make_desk: MakeDesk) -> None:
    desk = make_desk()
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.answering_phone(sipp.answers(ring_ms=50), extension="102")
    with two_lines(desk) as phone:
        phone.join(phone.call(SECOND_PRICED), phone.call("102"))
        phone.listen(0.5)
    desk.kill_service()
    desk.start_service()
    desk.pbx.cli("channel request hangup all")
    ended_at = wait_bye(carrier)

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension) == (False, "101")
    assert abs(cdr.ended_at - ended_at) < timedelta(milliseconds=500)
    assert desk.alerts(AlertKind.UNGATED_LEG) == []
