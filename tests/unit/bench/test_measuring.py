"""What the benchmark computes from what it measured."""

import os

from tests.bench.cpu import machine_cpu_ms, process_cpu_ms
from tests.bench.pbx import Variant
from tests.bench.report import Figures, by_variant, checks, document, medians, percentile, table
from tests.bench.run import Run, numbers
from tests.bench.scenarios import callers, carrier, phones
from tests.bench.traffic import setup_times_ms


def make_run(variant: Variant, setup_ms: tuple[float, ...], asterisk_ms: float, tollgate_ms: float) -> Run:
    return Run(
        variant=variant,
        rate=20,
        calls=len(setup_ms),
        setup_ms=setup_ms,
        asterisk_ms=asterisk_ms,
        tollgate_ms=tollgate_ms,
        others_share=0.0,
    )


def trace_line(at_s: float, direction: str, call_id: str, cseq: str, first_line: str) -> str:
    return f"2026-11-22\t00:20:51.000000\t{at_s:.6f}\t{direction}\t{call_id}\t{cseq}\t{first_line}\n"


def test_percentile_of_a_hundred_values_is_the_value_of_that_rank() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (50, 95, 99, 100)] == [50.0, 95.0, 99.0, 100.0]
    assert percentile([7.0], 50) == 7.0


def test_setup_time_with_repeated_messages_counts_the_first_invite_and_the_first_answer() -> None:
    trace = [
        trace_line(10.000, "S", "a@1", "CSeq: 1 INVITE", "INVITE sip:1@127.0.0.1 SIP/2.0"),
        trace_line(10.002, "R", "a@1", "CSeq: 1 INVITE", "SIP/2.0 100 Trying"),
        trace_line(10.500, "S", "a@1", "CSeq: 1 INVITE", "INVITE sip:1@127.0.0.1 SIP/2.0"),
        trace_line(10.504, "R", "a@1", "CSeq: 1 INVITE", "SIP/2.0 200 OK"),
        trace_line(10.900, "R", "a@1", "CSeq: 1 INVITE", "SIP/2.0 200 OK"),
        trace_line(11.500, "R", "a@1", "CSeq: 2 BYE", "SIP/2.0 200 OK"),
    ]
    assert [round(time_ms, 3) for time_ms in setup_times_ms(trace)] == [504.0]


def test_setup_time_of_a_refused_call_is_not_counted() -> None:
    trace = [
        trace_line(10.0, "S", "a@1", "CSeq: 1 INVITE", "INVITE sip:1@127.0.0.1 SIP/2.0"),
        trace_line(10.1, "R", "a@1", "CSeq: 1 INVITE", "SIP/2.0 403 Forbidden"),
        "",
    ]
    assert setup_times_ms(trace) == []


def test_medians_of_runs_take_each_figure_by_itself() -> None:
    runs = [
        make_run(Variant.PAID, (1.0,), 9.0, 2.0),
        make_run(Variant.PAID, (3.0,), 5.0, 4.0),
        make_run(Variant.PAID, (2.0,), 7.0, 1.0),
    ]
    found = medians(runs)
    assert (found.p50_ms, found.asterisk_ms, found.tollgate_ms, found.cpu_ms) == (2.0, 7.0, 2.0, 9.0)


def test_checks_at_the_limits_are_kept_and_beyond_them_are_not() -> None:
    bare = Figures(p50_ms=4.0, p95_ms=5.0, p99_ms=10.0, asterisk_ms=5.0, tollgate_ms=0.0)
    at_limit = Figures(p50_ms=10.0, p95_ms=20.0, p99_ms=30.0, asterisk_ms=6.0, tollgate_ms=2.0)
    beyond = Figures(p50_ms=10.5, p95_ms=20.0, p99_ms=30.5, asterisk_ms=6.0, tollgate_ms=2.5)
    assert [check.kept for check in checks(bare, at_limit)] == [True, True, True]
    assert [check.kept for check in checks(bare, beyond)] == [False, False, False]


def test_report_without_included_runs_holds_the_two_variants_and_the_limits() -> None:
    runs = [make_run(Variant.BARE, (4.0, 5.0), 5.0, 0.0), make_run(Variant.PAID, (6.0, 7.0), 7.0, 3.0)]
    assert list(by_variant(runs, 20)) == [Variant.BARE, Variant.PAID]
    text = table(runs, 20)
    assert "2.00x" in text
    assert "FAIL  CPU over bare Dial()" in text
    rate = document(runs, {"cpus": 2})["rates"][0]
    assert rate["medians"]["paid"]["cpu_ms"] == 10.0
    assert [check["kept"] for check in rate["checks"]] == [False, True, True]


def test_callers_take_turns_and_dial_the_numbers_in_order() -> None:
    assert callers(("127.0.50.11", "127.0.50.12"), ("1", "2", "3")) == (
        "SEQUENTIAL\n127.0.50.11;1;\n127.0.50.12;2;\n127.0.50.11;3;\n"
    )


def test_scenarios_hold_no_placeholder_of_ours() -> None:
    assert "{" not in carrier() + phones(1500)
    assert '<pause milliseconds="1500"/>' in phones(1500)


def test_numbers_of_a_variant_are_all_different() -> None:
    for variant in Variant:
        assert len(set(numbers(variant))) == len(numbers(variant)) == 300


def test_cpu_of_this_process_grows_with_work_and_stays_below_the_machine() -> None:
    before_ms = process_cpu_ms(os.getpid())
    while process_cpu_ms(os.getpid()) == before_ms:
        sum(range(100_000))
    assert 0 < process_cpu_ms(os.getpid()) <= machine_cpu_ms()
