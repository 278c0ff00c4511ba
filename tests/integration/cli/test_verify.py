"""``verify``: a store that was tampered with is found out, to the account."""

import sqlite3

from tests.integration.cli.terminal import Terminal


def test_a_balance_that_the_journal_does_not_know_is_shown_in_money(office: Terminal) -> None:
    office.done("funds", "add", "10", "--reference", "r1")
    with sqlite3.connect("tollgate.db") as database:
        database.execute("UPDATE account SET available_micros = available_micros + 1")
    database.close()
    answer = office("verify", "--json")
    assert (answer.status, answer.err) == (1, "")
    assert answer.document["ok"] is False
    assert {"check": "available", "subject": "main", "expected": "10.00", "found": "10.000001"} in answer.document[
        "differences"
    ]
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
    assert differences == [{"check": "key", "subject": "other", "expected": "fund", "found": None}]
