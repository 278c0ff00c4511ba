"""ARI's JSON as events: what Asterisk sends is understood, and nothing at all breaks the reader."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.decode import (
    WANTED_EVENTS,
    ApplicationReplaced,
    CallerEntered,
    ChannelCreated,
    ChannelDestroyed,
    ChannelHangupRequested,
    ChannelStateChanged,
    FarEndsJoined,
    LegDialled,
    MalformedEventError,
    decode_channel,
    decode_event,
)

CHANNEL: dict[str, Any] = {
    "id": "1793610000.8",
    "name": "PJSIP/carrier1-00000002",
    "state": "Up",
    "dialplan": {"context": "tg-metered", "exten": "00447797123456", "priority": 1},
    "channelvars": {"TOLLGATE_CALL": "1793610000.7-1", "TOLLGATE_ANSWERED": "1793610003.250"},
}
EVENT: dict[str, Any] = {
    "type": "ChannelStateChange",
    "timestamp": "2026-11-02T10:00:00.123+0100",
    "channel": CHANNEL,
    "application": "tollgate",
}
AT = datetime(2026, 11, 2, 9, 0, 0, 123_000, tzinfo=UTC)


def test_state_change_is_read_with_asterisks_own_time() -> None:
    event = decode_event(EVENT)

    assert isinstance(event, ChannelStateChanged)
    assert (event.at, event.at.utcoffset()) == (AT, timedelta(0))
    assert (event.channel.channel_id, event.channel.state) == ("1793610000.8", "Up")
    assert event.channel.leg_variable == "1793610000.7-1"
    assert event.channel.answered_at == datetime.fromtimestamp(1793610003.25, UTC)
    assert event.channel.context == "tg-metered"


def test_new_channel_says_which_application_called_it() -> None:
    made = {
        **CHANNEL,
        "state": "Down",
        "dialplan": {"context": "from-trunk", "app_name": "AppDial", "app_data": "(Out)"},
    }
    event = decode_event({**EVENT, "type": "ChannelCreated", "channel": made})

    assert isinstance(event, ChannelCreated)
    assert (event.channel.state, event.channel.application) == ("Down", "AppDial")
    assert event.channel.application_data == "(Out)"


@pytest.mark.parametrize(("fields", "dialled"), [({"dialstring": "112@carrier1"}, "112@carrier1"), ({}, "")])
def test_dial_says_of_its_leg_whom_it_calls(fields: dict[str, Any], dialled: str) -> None:
    event = decode_event({"type": "Dial", "timestamp": EVENT["timestamp"], "peer": CHANNEL, "dialstatus": "", **fields})

    assert isinstance(event, LegDialled)
    assert (event.channel.channel_id, event.dialled) == ("1793610000.8", dialled)


def test_entry_carries_the_arguments_of_stasis() -> None:
    event = decode_event({**EVENT, "type": "StasisStart", "args": ["1793610000.7-1", "112", "", "", ""]})

    assert isinstance(event, CallerEntered)
    assert event.args == ("1793610000.7-1", "112", "", "", "")


@pytest.mark.parametrize(("fields", "soft"), [({}, False), ({"soft": True}, True), ({"soft": False}, False)])
def test_hang_up_request_says_whether_asterisk_asked(fields: dict[str, Any], soft: bool) -> None:
    event = decode_event({**EVENT, "type": "ChannelHangupRequest", **fields})

    assert isinstance(event, ChannelHangupRequested)
    assert event.soft is soft


@pytest.mark.parametrize(
    ("fields", "by_driver"),
    [
        ({"cause": 1}, False),  # of its far end: an unallocated number
        ({"soft": True, "cause": 16}, False),  # the dialplan
        ({"soft": True, "cause": 32}, False),  # an administrator, or we
        ({"soft": True, "cause": 1}, True),  # its media was missed for too long
    ],
)
def test_hang_up_request_says_whether_it_was_the_channels_own_driver(fields: dict[str, Any], by_driver: bool) -> None:
    event = decode_event({**EVENT, "type": "ChannelHangupRequest", **fields})

    assert isinstance(event, ChannelHangupRequested)
    assert event.by_driver is by_driver


@pytest.mark.parametrize("cause", [0, 16, 127, None])
def test_end_of_a_channel_carries_its_cause(cause: int | None) -> None:
    fields = {} if cause is None else {"cause": cause}
    event = decode_event({**EVENT, "type": "ChannelDestroyed", **fields})

    assert isinstance(event, ChannelDestroyed)
    assert event.cause == cause


def test_replacement_needs_nothing_but_its_type() -> None:
    assert decode_event({"type": "ApplicationReplaced"}) == ApplicationReplaced()


@pytest.mark.parametrize("kind", ["ChannelVarset", "", None, 5, ["StasisStart"], {"a": 1}])
def test_type_of_no_use_is_nothing(kind: object) -> None:
    assert decode_event({"type": kind}) is None


def test_channel_that_is_no_leg_has_no_variable() -> None:
    assert decode_channel({"id": "1", "name": "PJSIP/101-1", "state": "Ring"}).leg_variable == ""


@pytest.mark.parametrize(
    "damage",
    [
        {"timestamp": "yesterday"},
        {"timestamp": None},
        {"timestamp": "2026-11-02T10:00:00"},
        {"timestamp": "0001-01-01T00:00:00+14:00"},
        {"timestamp": 5},
        {"channel": None},
        {"channel": []},
        {"channel": "x"},
        {"channel": {**CHANNEL, "channelvars": [1]}},
        {"channel": {**CHANNEL, "channelvars": "x"}},
        {"channel": {**CHANNEL, "dialplan": "x"}},
        {"channel": {**CHANNEL, "channelvars": {"TOLLGATE_ANSWERED": "nan"}}},
        {"channel": {**CHANNEL, "channelvars": {"TOLLGATE_ANSWERED": "1e300"}}},
        {"channel": {**CHANNEL, "channelvars": {"TOLLGATE_ANSWERED": "soon"}}},
        {"type": "ChannelDestroyed", "cause": float("inf")},
        {"type": "ChannelDestroyed", "cause": float("nan")},
        {"type": "ChannelDestroyed", "cause": "busy"},
        {"type": "ChannelDestroyed", "cause": {}},
        {"type": "StasisStart"},
        {"type": "StasisStart", "args": 5},
        {"type": "StasisStart", "args": None},
    ],
)
def test_damaged_event_is_one_error(damage: dict[str, Any]) -> None:
    with pytest.raises(MalformedEventError):
        decode_event({**EVENT, **damage})


@pytest.mark.parametrize("name", ["timestamp", "channel"])
def test_missing_field_is_named(name: str) -> None:
    with pytest.raises(MalformedEventError, match=name):
        decode_event({key: value for key, value in EVENT.items() if key != name})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TIMES = JSON | st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=14))])).map(str)
VARIABLES = st.fixed_dictionaries(
    {}, optional={"TOLLGATE_CALL": JSON, "TOLLGATE_ANSWERED": JSON | st.floats().map(str)}
)
CHANNELS = JSON | st.fixed_dictionaries(
    {"id": JSON, "name": JSON, "state": JSON},
    optional={"channelvars": JSON | VARIABLES, "dialplan": JSON | st.fixed_dictionaries({"context": JSON})},
)
DOCUMENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(WANTED_EVENTS) | JSON},
    optional={"timestamp": TIMES, "channel": CHANNELS, "args": JSON, "cause": JSON, "soft": JSON},
)


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS | st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_any_document_is_an_event_nothing_or_one_error(document: dict[str, Any]) -> None:
    try:
        decode_event(document)
    except MalformedEventError:
        return


@pytest.mark.parametrize("missing", ["transferee", "transfer_target", None])
def test_attended_transfer_tells_of_the_far_ends_that_are_there(missing: str | None) -> None:
    far_ends = {"transferee": CHANNEL, "transfer_target": {**CHANNEL, "id": "1793610000.9"}}
    document = {"type": "BridgeAttendedTransfer", "timestamp": EVENT["timestamp"], **far_ends}
    document.pop(missing or "", None)

    event = decode_event(document)

    assert isinstance(event, FarEndsJoined)
    assert event.at == AT
    known = {"transferee": "1793610000.8", "transfer_target": "1793610000.9"}
    assert [channel.channel_id for channel in event.channels] == [known[end] for end in known if end != missing]
