"""``tollgate simulate``: what was simulated and checked, and how a failure is shown and replayed."""

import json

import pytest

import store.sessions
from tollgate.cli.app import run
from tollgate.simulator import campaign
from tollgate.simulator.campaign import INVARIANTS

FEW = ("simulate", "--calls", "40", "--seed", "3", "--jobs", "1")


def test_simulation_says_what_was_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*FEW, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    assert (document["seed"], document["calls"], document["episodes"]) == (3, 40, 1)
    assert document["invariants"] == list(INVARIANTS)
    assert document["failure"] is None
    assert document["checks"] > document["commits"] > 0


def test_simulation_is_told_to_people_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(list(FEW)) == 0
    out = capsys.readouterr().out
    assert "seed 3: 40 calls in" in out
    assert "no second beyond what is paid" in out


def test_trace_shows_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*FEW, "--trace"]) == 0
    assert "StasisStart" in capsys.readouterr().out


def test_broken_invariant_is_shown_with_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.sessions, "write_release", lambda **_options: iter(()))
    assert run([*FEW, "--json"]) == 1
    failure = json.loads(capsys.readouterr().out)["failure"]
    assert failure["invariant"] == "journal sums to the balance"
    assert failure["replay"] == "tollgate simulate --seed 3 --calls 40 --extensions 12"
    assert run(list(FEW)) == 1
    out = capsys.readouterr().out
    assert "does not hold: journal sums to the balance" in out
    assert "again: tollgate simulate --seed 3 --calls 40 --extensions 12 --trace" in out


def test_trace_of_many_episodes_is_bad_input() -> None:
    assert run(["simulate", "--calls", "5001", "--trace"]) == 2


def test_several_processes_come_to_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "CALLS_OF_EPISODE", 30)
    documents = []
    for jobs in ("1", "2"):
        assert run(["simulate", "--calls", "60", "--seed", "9", "--jobs", jobs, "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert documents[0] == documents[1]
    assert documents[0]["episodes"] == 2
