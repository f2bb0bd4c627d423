"""Tables in the terminal: a name and its numbers stay on one line where eighty columns allow it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from worker import report_choices
from worker.json_choices import BacktestView, RuleView, TallyView
from worker.rulebooks import shipped

NAMES = [*(rule.name for rule in shipped().rules), "thank_whom_i_met_at_a_conference"]


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_backtest_keeps_each_rule_with_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    tallies = [TallyView(rule=name, made=1234, talked_anyway=567, gone_silent=89, still_open=12, per_week=51.4) for name in NAMES]
    day = datetime(2026, 1, 1, tzinfo=UTC)
    report_choices.backtest(BacktestView(since=day, until=day, rules=tuple(tallies), suggestions=()), UTC)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines[3:]] == NAMES
    assert all(line[1:] == ["1234", "51.4", "567", "89", "12"] for line in lines[3:])


def test_what_became_of_rules_keeps_each_with_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    views = [RuleView(rule=name, mode="review", reason=None, waiting=1, accepted=20, discarded=3, lapsed=4) for name in NAMES]
    report_choices.rules(views)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [[name, "review", "1", "20", "3", "4"] for name in NAMES]
