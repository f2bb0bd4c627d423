"""A rulebook is data: what it may say, how one is laid over another, and how every mistake is named."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection
from datetime import time, timedelta

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # comes with check-jsonschema, untyped

from rules.facts_by_name import FACTS
from rules.rule import AnyOf, Condition
from rules.rulebook import RulebookError, facts, parse, schema
from rules.rulebook_toml import duration, hours
from rules.triggers import TRIGGERS
from rules.wording import Wording

MINIMAL = '[rules.hello]\ntrigger = "lapsing"\naction = "hold"\n'


def problems(*texts: str, templates: Collection[str] = ()) -> list[tuple[str, str, str]]:
    with pytest.raises(RulebookError) as caught:
        parse([(f"{n}.toml", text) for n, text in enumerate(texts)], templates=dict.fromkeys(templates, ("draft", "hold")))
    return [(one.file, one.key, one.message) for one in caught.value.problems]


def test_the_shipped_rulebook_reads_and_every_rule_has_its_words(shipped: str, wording: Wording) -> None:
    found = parse([("default.toml", shipped)], templates=wording.names())
    assert {"thank_you", "check_in"} <= {rule.name for rule in found.rules}
    assert {rule.trigger for rule in found.rules} == set(TRIGGERS) - {"first_meeting"}, "a thank-you covers a first meeting"


def test_thank_you_keeps_the_promised_caps_and_delay(shipped: str) -> None:
    rule = parse([("default.toml", shipped)]).rule("thank_you")
    assert rule is not None
    assert (rule.caps.per_person, rule.caps.per_day, rule.caps.per_week) == (timedelta(days=90), 1, 3)
    assert (rule.timing.delay, rule.timing.hours, rule.mode) == (timedelta(hours=1), None, "create")


def test_an_owners_file_overrides_key_by_key_and_leaves_the_rest(shipped: str) -> None:
    own = '[rules.thank_you.timing]\ndelay = "0m"\nhours = "00-24"\n[rules.check_in]\nmode = "off"\n'
    before, found = parse([("default.toml", shipped)]), parse([("default.toml", shipped), ("own.toml", own)])
    thank, old = found.rule("thank_you"), before.rule("thank_you")
    assert thank is not None
    assert old is not None
    assert (thank.timing.delay, thank.timing.hours) == (timedelta(0), (time(0), time(0)))
    assert (thank.when, thank.caps, thank.timing.keep_working_days) == (old.when, old.caps, old.timing.keep_working_days)
    assert [rule.name for rule in found.rules] == [rule.name for rule in before.rules]
    check_in = found.rule("check_in")
    assert check_in is not None
    assert check_in.mode == "off"


def test_an_override_can_take_a_cap_down_to_none_at_all() -> None:
    found = parse([("a", MINIMAL + "caps = { per_week = 2 }"), ("b", "[rules.hello.caps]\nper_week = 0")]).rule("hello")
    assert found is not None
    assert found.caps.per_week == 0


def test_default_mode_counts_where_a_rule_states_none(shipped: str) -> None:
    found = parse([("default.toml", shipped), ("own.toml", 'default_mode = "review"')])
    modes = {rule.name: rule.mode for rule in found.rules}
    assert modes["thank_you"] == modes["check_in"] == "review"


def test_every_problem_of_every_file_is_named_at_once() -> None:
    one = MINIMAL + 'trigerr = "x"\n[rules.a]\ntrigger = "lapsig"\n'
    two = "[limits]\nholds_per_weak = 1\n"
    found = problems(one, two, "not toml at all")
    assert ("0.toml", "rules.hello.trigerr") in [(file, key) for file, key, _ in found]
    assert ("1.toml", "limits.holds_per_weak") in [(file, key) for file, key, _ in found]
    assert any(file == "2.toml" and "not TOML" in message for file, _, message in found)


def test_a_rule_there_is_not_is_named_beside_what_is_misspelt_elsewhere(shipped: str) -> None:
    own = '[rules.check_in]\nmod = "off"\n[rules.thankyou]\nmode = "off"\n[rules.month]\ntrigger = "lapsig"\nminutes = 5\n[limits]\nx = 1'
    found = {key for _, key, _ in problems(shipped, own)}
    assert found == {
        "rules.check_in.mod",
        "rules.thankyou",
        "rules.month.trigger",
        "rules.month.minutes",
        "limits.x",
    }


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("[ruls.a]", "ruls", "'rules'"),
        ('[rules.a]\ntrigger = "lapsig"\naction = "hold"', "rules.a.trigger", "'lapsing'"),
        ('[rules.a]\ntrigger = "lapsing"\naction = "holt"', "rules.a.action", "'hold'"),
        (MINIMAL + "timming = {}", "rules.hello.timming", "'timing'"),
        (MINIMAL + 'timing = { dellay = "1h" }', "rules.hello.timing.dellay", "'delay'"),
        (MINIMAL + 'when = [{ fact = "tie.days_silend", at_least = 3 }]', "rules.hello.when.0", "'tie.days_silent'"),
        (MINIMAL + 'when = [{ fact = "tie.days_silent", at_leest = 3 }]', "rules.hello.when.0.at_leest", "'at_least'"),
        (MINIMAL + 'mode = "revue"', "rules.hello.mode", "'review'"),
        ("[limits]\ngentle_day = 1", "limits.gentle_day", "'gentle_days'"),
    ],
)
def test_a_misspelt_name_comes_with_the_nearest_known_one(text: str, key: str, hint: str) -> None:
    found = {where: message for _, where, message in problems(text)}
    assert hint in found[key]


@pytest.mark.parametrize(
    "line",
    [
        '{ fact = "meeting.size", is = true }',
        '{ fact = "meeting.size", is = "two" }',
        '{ fact = "person.is_internal", at_least = 1 }',
        '{ fact = "person.circle", at_least = 1 }',
        '{ fact = "person.circle", is = true }',
        '{ fact = "meeting.size" }',
        "{ at_least = 2 }",
        '{ any = [{ any = [{ fact = "meeting.size", is = 2 }] }] }',
        '{ any = [{ fact = "meeting.size", is = 2 }], fact = "meeting.size", is = 3 }',
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(line: str) -> None:
    assert problems(f"{MINIMAL}when = [{line}]")[0][1].startswith("rules.hello.when.0")


@pytest.mark.parametrize(
    "line",
    [
        'timing = { delay = "soon" }',
        'timing = { hours = "9 to 5" }',
        'timing = { hours = "09:00-25:00" }',
        'caps = { per_person = "40 years" }',
        "caps = { per_week = -1 }",
    ],
)
def test_a_time_nobody_can_read_is_refused(line: str) -> None:
    assert problems(MINIMAL + line)[0][1].startswith("rules.hello.")


def test_a_rule_without_trigger_or_action_says_what_is_missing_and_where() -> None:
    found = problems(MINIMAL, '[rules.mine]\nmode = "off"')
    assert [(file, key) for file, key, _ in found] == [("1.toml", "rules.mine.trigger"), ("1.toml", "rules.mine.action")]


def test_an_unknown_template_is_named_with_the_nearest_one() -> None:
    found = problems(MINIMAL + 'template = "chek_in"', templates=frozenset({"check_in", "thank_you"}))
    assert "'check_in'" in found[0][2]


def test_both_bounds_of_one_line_hold_together_also_inside_any() -> None:
    rule = parse(
        [
            (
                "a",
                MINIMAL
                + 'when = [{ fact = "meeting.size", at_least = 2, at_most = 5 }, { any = [{ fact = "meeting.size", at_least = 2, at_most = 5 }] }]',
            )
        ]
    ).rule("hello")
    assert rule is not None
    both = (
        Condition(fact="meeting.size", operator="at_least", value=2.0),
        Condition(fact="meeting.size", operator="at_most", value=5.0),
    )
    assert rule.when == (*both, AnyOf(branches=(both,)))


def test_rules_facts_lists_every_fact_with_its_type_and_meaning() -> None:
    listed = facts()
    assert {fact.name for fact in listed} == set(FACTS)
    assert all(fact.help and fact.type in {"yes/no", "number", "text"} for fact in listed)


def test_the_json_schema_accepts_the_shipped_rulebook_and_refuses_a_misspelt_one(shipped: str) -> None:
    json.dumps(schema())
    validator = Draft202012Validator(dict(schema()))
    assert not list(validator.iter_errors(tomllib.loads(shipped)))
    assert list(validator.iter_errors({"rules": {"a": {"trigger": "lapsig"}}}))
    assert list(validator.iter_errors({"rules": {"a": {"when": [{"fact": "no.such"}]}}}))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1h", 3600),
        ("30m", 1800),
        ("90 days", 90 * 86400),
        ("2 weeks", 14 * 86400),
        ("-15m", -900),
        ("45s", 45),
        ("1 hour", 3600),
        ("10 min", 600),
        ("2 mins", 120),
    ],
)
def test_spans_of_time_read_as_one_writes_them(text: str, span: int) -> None:
    assert duration(text) == timedelta(seconds=span)


def test_hours_read_as_one_writes_them() -> None:
    assert hours("owner") is None
    assert hours("09:00-18:00") == (time(9), time(18))
    assert hours("9-17:30") == (time(9), time(17, 30))
    assert hours("18-24") == (time(18), time(0))


def test_a_misspelt_key_is_one_complaint_though_the_key_that_was_meant_is_missing_then() -> None:
    [(_, key, message)] = problems('[rules.hello]\ntriger = "lapsing"\naction = "hold"\n')
    assert (key, message) == ("rules.hello.triger", "there is no such key; did you mean 'trigger'?")


def test_a_misspelt_rule_is_one_complaint_that_names_the_one_there_is(shipped: str) -> None:
    [(_, key, message)] = problems(shipped, '[rules.check_inn]\nmode = "off"\n', templates=["check_in"])[-1:]
    assert key == "rules.check_inn"
    assert message == "there is no such rule; did you mean 'check_in'? A new one needs a trigger and an action"


def test_a_rule_of_another_name_is_missing_both_that_it_needs(shipped: str) -> None:
    keys = [key for _, key, _ in problems(shipped, '[rules.dinner]\nmode = "off"\n')]
    assert keys == ["rules.dinner.trigger", "rules.dinner.action"]
