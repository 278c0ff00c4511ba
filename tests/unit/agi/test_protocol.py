"""FastAGI without a socket: any bytes are lines, a request, answers, or one clean end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.answer import LONGEST_COMMAND_BYTES, Answer, AnswerReader, CommandError, set_variable
from agi.answer import MOST_LINES as MOST_ANSWER_LINES
from agi.lines import LONGEST_LINE_BYTES, MOST_BYTES, LineBuffer
from agi.outcome import Outcome, SessionOverError
from agi.request import MOST_LINES, Request, RequestReader

HEADER = (
    "agi_network: yes",
    "agi_network_script: balance",
    "agi_request: agi://127.0.0.1:4573/balance",
    "agi_channel: PJSIP/101-0000001f",
    "agi_language: en",
    "agi_type: PJSIP",
    "agi_uniqueid: 1793610000.31",
    "agi_callerid: 101",
    "agi_calleridname: Élodie: agi_channel",
    "agi_extension: *62",
    "agi_rdnis:",
)


def read_request(*lines: str) -> Request:
    """Return what a header asks for."""
    reader = RequestReader()
    for line in lines:
        assert reader.take(line) is None
    request = reader.take("")
    assert request is not None
    return request


def outcome_of(*lines: str) -> Outcome:
    """Return how the session of a header ends."""
    with pytest.raises(SessionOverError) as over:
        read_request(*lines)
    return over.value.outcome


def read_answer(*lines: str) -> Answer | None:
    """Return the answer in these lines; None where it is not whole."""
    reader = AnswerReader()
    answers = [reader.take(line) for line in lines]
    assert not any(answers[:-1])
    return answers[-1]


# --- lines -------------------------------------------------------------------------------------------------


def test_lines_come_out_as_they_went_in_whatever_the_portions() -> None:
    buffer, lines = LineBuffer(), []
    for byte in "agi_a: é\r\n\nHANGUP\nrest".encode():
        buffer.feed(bytes([byte]))
        while (line := buffer.next_line()) is not None:
            lines.append(line)
    assert lines == ["agi_a: é", "", "HANGUP"]
    assert buffer.received == 23


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_line_that_is_too_long_ends_the_session_with_or_without_its_end(end: bytes) -> None:
    buffer = LineBuffer()
    buffer.feed(b"x" * (LONGEST_LINE_BYTES + 1) + end)
    with pytest.raises(SessionOverError) as over:
        buffer.next_line()
    assert over.value.outcome is Outcome.TOO_LARGE


def test_bytes_without_end_end_the_session() -> None:
    buffer = LineBuffer()
    buffer.feed(b"x\n" * (MOST_BYTES // 2))
    while buffer.next_line() is not None:
        pass
    with pytest.raises(SessionOverError) as over:
        buffer.feed(b"x")
    assert over.value.outcome is Outcome.TOO_LARGE


# --- the request -------------------------------------------------------------------------------------------


def test_header_of_asterisk_is_a_request() -> None:
    assert read_request(*HEADER) == Request(path="balance", channel="PJSIP/101-0000001f", channel_id="1793610000.31")


def test_request_without_a_path_asks_for_none_and_a_query_is_no_part_of_it() -> None:
    rest = [line for line in HEADER if "_script" not in line]
    assert read_request(*rest).path == ""
    assert read_request(*rest, "agi_network_script: balance?x=1").path == "balance"


@pytest.mark.parametrize("missing", ["agi_channel: ", "agi_uniqueid: "])
def test_header_that_names_no_channel_is_none(missing: str) -> None:
    rest = [line for line in HEADER if not line.startswith(missing)]
    assert outcome_of(*rest) is Outcome.MALFORMED
    assert outcome_of(*rest, missing) is Outcome.MALFORMED


@pytest.mark.parametrize(
    "line",
    ["GET / HTTP/1.1", "agi_Channel: x", "agi_: x", "agi_channel x", "agi_channel:x", "\x00", "�", "agi_é: x"],
)
def test_line_that_is_none_of_a_header_ends_the_session(line: str) -> None:
    assert outcome_of(*HEADER, line) is Outcome.MALFORMED


def test_name_of_a_caller_that_begins_a_line_of_its_own_ends_the_session() -> None:
    assert outcome_of(*HEADER, "agi_channel: PJSIP/102-00000001") is Outcome.MALFORMED


def test_header_without_end_ends_the_session() -> None:
    assert outcome_of(*(f"agi_arg_{number}: x" for number in range(MOST_LINES + 1))) is Outcome.TOO_LARGE


# --- answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "answer", "is_done"),
    [
        (["200 result=1"], Answer(200, "1"), True),
        (["200 result=1 (10.00)"], Answer(200, "1"), True),
        (["200 result=0 (timeout) endpos=0"], Answer(200, "0"), True),
        (["200 result=-1"], Answer(200, "-1"), False),
        (["200"], Answer(200, ""), False),
        (["100 result=0 Trying...", "200 result=1"], Answer(200, "1"), True),
        (["510 Invalid or unknown command"], Answer(510, ""), False),
        (["511 result=-1 Command Not Permitted on a dead channel or intercept routine"], Answer(511, "-1"), False),
        (
            [
                "520-Invalid command syntax.  Proper usage follows:",
                "Usage: SET VARIABLE",
                "",
                "200 result=1",
                "520 End",
            ],
            Answer(520, ""),
            False,
        ),
    ],
)
def test_answer_is_read_whole_and_only_200_with_a_result_is_done(
    lines: list[str], answer: Answer, is_done: bool
) -> None:
    assert read_answer(*lines) == answer
    assert answer.is_done is is_done


def test_caller_who_hangs_up_ends_the_session_before_any_answer() -> None:
    with pytest.raises(SessionOverError) as over:
        read_answer("HANGUP")
    assert over.value.outcome is Outcome.HUNG_UP


@pytest.mark.parametrize("line", ["", "hello", "20", "2000 result=1", "200result=1", "٢٠٠ result=1", "HANGUP "])
def test_line_that_is_no_answer_ends_the_session(line: str) -> None:
    with pytest.raises(SessionOverError) as over:
        read_answer(line)
    assert over.value.outcome is Outcome.BAD_ANSWER


@pytest.mark.parametrize("line", ["520-Invalid", "100 result=0 Trying..."])
def test_answer_without_end_ends_the_session(line: str) -> None:
    with pytest.raises(SessionOverError) as over:
        read_answer(*[line] * (MOST_ANSWER_LINES + 1))
    assert over.value.outcome is Outcome.BAD_ANSWER


# --- commands ----------------------------------------------------------------------------------------------


def as_asterisk_reads(command: str) -> list[str]:
    """Return a command's words, as ``parse_args`` of res_agi.c takes them."""
    words: list[str] = []
    quoted = escaped = False
    between = True
    for letter in command:
        if letter == '"' and not escaped:
            quoted = not quoted
            if quoted and between:
                words.append("")
                between = False
        elif letter in " \t" and not quoted and not escaped:
            between = True
        elif letter == "\\" and not escaped:
            escaped = True
            continue
        else:
            if between:
                words.append("")
                between = False
            words[-1] += letter
        escaped = False
    return words


@given(st.text(max_size=100).filter(str.isprintable))
def test_value_reaches_asterisk_as_it_is(value: str) -> None:
    command = set_variable("TG_BALANCE", value).decode()
    assert command.endswith("\n")
    assert as_asterisk_reads(command[:-1]) == ["SET", "VARIABLE", "TG_BALANCE", value]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TG_BALANCE", "1\nEXEC System x"),
        ("TG_BALANCE", "1\r"),
        ("TG_BALANCE", "1\x00"),
        ("TG_BALANCE", "x" * LONGEST_COMMAND_BYTES),
        ("TG BALANCE", "1"),
        ("", "1"),
        ("TG_BALANCE\n", "1"),
        ("CHANNEL(language)", "fr"),
    ],
)
def test_command_that_asterisk_would_read_as_another_is_never_written(name: str, value: str) -> None:
    with pytest.raises(CommandError):
        set_variable(name, value)
