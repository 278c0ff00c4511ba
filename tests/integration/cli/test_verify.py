"""``verify``: a store that was tampered with is found out, to the account."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.integration.cli.terminal import Terminal


def test_a_balance_that_the_journal_does_not_know_is_shown_in_money(office: Terminal) -> None:
    office.done("funds", "add", "10", "--reference", "r1")
    with sqlite3.connect("tollgate.db") as database:
        database.execute("UPDATE account SET available_micros = available_micros + 1")
    database.close()
    answer = office("verify", "--json")
    assert (answer.status, answer.err) == (1, "")
    assert answer.document["ok"] is False
    assert {
        "check": "available",
        "account": "main",
        "subject": "main",
        "expected": "10.00",
        "found": "10.000001",
        "currency": "EUR",
    } in answer.document["differences"]
    said = office("verify")
    assert said.status == 1
    assert "10.000001" in said.out
    balances = [check for check in office("doctor", "--json").document["checks"] if check["name"] == "balances"]
    assert balances[0]["status"] == "FAIL"


def test_a_key_that_is_not_the_one_of_its_entry_is_shown_as_it_is(office: Terminal) -> None:
    office.done("funds", "add", "10", "--reference", "r1")
    with sqlite3.connect("tollgate.db") as database:
        # The store's own guards would not let it happen.
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE journal SET key = 'other'")
    database.close()
    differences = office("verify", "--json").document["differences"]
    assert {
        "check": "key",
        "account": "main",
        "subject": "other",
        "expected": "fund",
        "found": None,
        "currency": None,
    } in (differences)
    assert [each["check"] for each in differences] == ["lot_amount", "key"], "its lot has no purchase any more"


def test_a_lot_is_named_by_its_reference_with_its_account_in_that_accounts_money(office: Terminal) -> None:
    office.done("account", "add", "lab", "--currency", "USD", "--timezone", "America/New_York")
    office.done("funds", "add", "10", "--reference", "r1", "--account", "lab")
    with sqlite3.connect("tollgate.db") as database:
        database.execute("UPDATE lot SET remaining_micros = remaining_micros - 10000")
    database.close()
    assert office("verify", "--json").document["differences"] == [
        {
            "check": check,
            "account": "lab",
            "subject": subject,
            "expected": "10.00",
            "found": "9.99",
            "currency": "USD",
        }
        for check, subject in (("lots", "lab"), ("lot", "r1"))
    ]


def test_a_bar_is_shown_on_a_terminal_and_none_in_a_pipe(office: Terminal) -> None:
    office.done("funds", "add", "10", "--reference", "r1")
    assert office.done("verify").err == ""
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            (sys.executable, "-m", "tollgate", "verify", "--json"),
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
            timeout=60,
        )
        shown = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert json.loads(done.stdout) == {"ok": True, "differences": []}
    assert "verifying" in shown
