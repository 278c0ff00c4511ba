"""Anything that ARI or AMI may say is an event, nothing, or one complaint."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ari_app.access import AriAccess
from ari_app.ami_line import BANNER, BoundedProtocol
from ari_app.asterisk_cdr import parse_cdrs
from ari_app.client import AriClient, JsonObject
from ari_app.complaints import Complaints
from ari_app.decode import MalformedEventError, decode_channels, decode_event
from ari_app.errors import AriUnavailableError
from ari_app.leg_records import LegRecord, parse_leg_record
from ari_app.metrics import Metrics
from dialplan.contract import call_id_of, caller_channel_of, endpoint_of, entry_of, parse_cdr_notes
from tests.fuzz.asterisk import story
from tests.fuzz.effort import fuzz
from tests.fuzz.mutation import JSON, damaged_text, mutated

EVENTS = story()
CHANNELS = [[event["channel"] for event in EVENTS if "channel" in event]]
ANSWER = {"type": "RESTResponse", "request_id": "1", "status_code": 200, "message_body": "[]"}
ACCESS = AriAccess(url="http://127.0.0.1:1", username="u", password="p", application="a")


@fuzz(400)
@given(mutated(EVENTS))
def test_event_that_was_changed_is_an_event_nothing_or_malformed(document: Any) -> None:
    try:
        decode_event(document)
    except MalformedEventError:
        return


@fuzz(150)
@given(st.integers(100, 599), mutated(CHANNELS) | JSON)
def test_list_of_channels_is_whole_or_an_error(status: int, body: Any) -> None:
    try:
        channels = decode_channels(status, body)
    except AriUnavailableError:
        return
    assert len(channels) <= len(body)


@fuzz(200)
@given(st.lists(damaged_text([json.dumps(each) for each in (*EVENTS, ANSWER)]) | JSON.map(json.dumps), max_size=5))
def test_every_message_is_an_event_or_one_complaint(texts: list[str]) -> None:
    metrics, events = Metrics(), list[JsonObject]()
    client = AriClient(ACCESS, events.append, Complaints(metrics.ari_messages))
    for text in texts:
        client._take(text)

    outcomes = ("not_json", "not_an_object", "unclaimed", "malformed")
    counted = [metrics.registry.get_sample_value("tollgate_ari_messages_total", {"outcome": each}) for each in outcomes]
    assert len(events) + sum(each or 0 for each in counted) == len(texts)


class Wire:
    """A transport that goes nowhere."""

    def close(self) -> None:
        """Take note of nothing."""

    def abort(self) -> None:
        """Take note of nothing."""


SAID = (
    "Response: Success\r\nActionID: a/1\r\nMessage: Authentication accepted\r\n\r\n",
    "Response: Follows\r\nActionID: a/1\r\nOutput: x\r\nOutput: y\r\n\r\n",
    "Event: DBGetTreeResponse\r\nActionID: a/1\r\nKey: /tollgate-legs/2026110209/1.8\r\nVal: 1.7-1,1,2,16,x\r\n\r\n",
)


@fuzz(150)
@given(
    st.lists(damaged_text(SAID).map(str.encode) | st.binary(max_size=60), max_size=8).map(b"".join),
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_bytes_of_ami_in_any_portions_raise_nothing(said: bytes, portions: list[int]) -> None:
    metrics = Metrics()
    protocol = BoundedProtocol(Complaints(metrics.ami_messages))
    protocol.connection_made(Wire())
    protocol.data_received(BANNER + b"11.0.0\r\n")
    while said:
        portion = portions.pop(0)
        portions.append(portion)
        protocol.data_received(said[:portion])
        said = said[portion:]


RECORDS = ("1793610000.7-1,1793610001.000,1793610004.250,16,carrier1", "emergency|1.7-1|PJSIP/1-1|112,1,2,,c")


@fuzz(200)
@given(damaged_text(("2026110209/1793610000.8", "")), damaged_text(RECORDS))
def test_record_of_a_leg_is_one_or_damaged(key: str, value: str) -> None:
    record = parse_leg_record(key, value)
    assert record is None or _is_sane(record)


LINES = (
    '"tollgate|1793610000.7-1|1793610001.000|1793610000.8|carrier1","1793610004.250123"',
    '"mine;tollgate|a|1.0|b|c;tollgate|d|2.0|e|f","3.5"',
)


@fuzz(200)
@given(st.lists(damaged_text(LINES), max_size=4))
def test_lines_of_asterisks_cdr_are_legs_or_damaged(lines: list[str]) -> None:
    records, damaged = parse_cdrs(lines)
    assert 0 <= damaged <= len(lines)
    assert all(map(_is_sane, records))


def _is_sane(record: LegRecord) -> bool:
    return 1970 <= record.answered_at.year <= 2100 and 1970 <= record.ended_at.year <= 2100


@fuzz(200)
@given(st.text(max_size=40) | damaged_text(("1793610000.7-1", "pbx1/1793610000.7-1", "PJSIP/101-00000001", *LINES)))
def test_words_of_the_dialplan_are_read_whatever_they_are(text: str) -> None:
    assert entry_of(text) >= 0
    for read in (call_id_of, caller_channel_of, endpoint_of):
        assert len(read(text)) <= len(text)
    parse_cdr_notes(text)
