"""What --json prints is a promise: the schemas, the encoding, and that the one describes the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own, for this one call
import pytest

from rules.facts import Address
from rules.network import Kind, Person
from rules.standing import Standing
from rules.suggestions import CloseReason, Draft, Evidence, Hold, Key, State, Suggestion
from worker import views
from worker.json_choices import (
    AttentionView,
    BacktestView,
    ChoiceView,
    MonthView,
    NeverView,
    OutcomeView,
    PromiseView,
    QuietListsView,
    QuietView,
    ReplayedView,
    RuleView,
    ShareView,
    TallyView,
    WantedView,
)
from worker.json_schemas import VIEWS, schema_of, text_of
from worker.json_views import (
    AnswerView,
    CountView,
    FactView,
    FeedView,
    FindingView,
    MessagesView,
    NamedView,
    PairView,
    PersonView,
    RuleFactView,
    SuggestionView,
    TrialView,
    to_json,
)

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
SUGGESTION = SuggestionView(
    key="0" * 26,
    rule="thank_you",
    action="draft",
    account="ana/files",
    state="closed",
    close_reason="owner_deleted",
    remote_id="1.eml",
    person=NamedView(name="Iris Novak", addresses=("iris@north.example",)),
    at=NOON,
    subject="Thank you",
    text="Dear Iris,",
    why="You met for the first time.",
    evidence=(FactView(text="One-to-one, 45 minutes", ref="event:1@north.example/2026-11-16T09:00:00+00:00", at=NOON),),
    goes_out_at=None,
    waits_for_you=False,
    due_at=None,
)
PERSON = PersonView(
    name=None,
    addresses=("iris@north.example",),
    kind="human",
    reason=None,
    circle=None,
    interactions=3,
    last_interaction=NOON,
    next_meeting=None,
    rhythm_days=21.5,
    p_lapsed_90=0.125,
    state="in_touch",
)
COUNTED = MessagesView(read=3, stored=1, duplicates=1, skipped=(CountView(reason="No From", count=1),))
FEED = FeedView(
    owner="ana",
    account="ana/files",
    provider="files",
    state="active",
    kind="mail",
    feed="all.mbox",
    last_ok=NOON,
    next_attempt=None,
    coverage=datetime.min.replace(tzinfo=UTC),
    remaining=1200,
    minutes_left=4,
    error=None,
    skipped=(),
)
ANSWER = AnswerView(who="Iris Novak", sentence="You met yesterday.", facts=SUGGESTION.evidence)
FINDING = FindingView(subject="key", is_ok=False, what="It is missing.", remedy="Make one.")
EXAMPLES: dict[str, Any] = {
    "preview": [SUGGESTION],
    "suggestions": [SUGGESTION, SUGGESTION],
    "people": [PERSON],
    "people-quiet": QuietListsView(
        about_to_lapse=(),
        lapsed=(
            QuietView(
                person=NamedView(name=None, addresses=("iris@north.example",)),
                reason="Silent for 4 months: 3 days in touch since May 2025.",
                silent_days=120.5,
                rhythm_days=None,
                p_lapsed_90=0.5,
            ),
        ),
        formerly_strong=(),
    ),
    "people-review": [PairView(one="a@x.example", other="b@x.example", reason="The same name")],
    "try": TrialView(
        owner_addresses=("ana@home.example",), messages=COUNTED, events=COUNTED, people=(PERSON,), suggestions=(SUGGESTION,)
    ),
    "status": [FEED],
    "why": ANSWER,
    "why-not": ANSWER,
    "doctor": [FINDING],
    "rules-check": [FINDING],
    "status-rules": [
        RuleView(rule="check_in", mode="review", reason="Three of five", waiting=1, accepted=2, discarded=3, lapsed=0)
    ],
    "month": MonthView(
        month="2026-11",
        people=(
            ChoiceView(
                person=NamedView(name="Iris Novak", addresses=("iris@north.example",)),
                circle="strategic",
                why="4 meetings held",
                is_carried=False,
                is_done=True,
                has_answered=False,
            ),
        ),
        trades=("Iris instead of Otto: the same region.",),
        wanted=(
            WantedView(
                person=NamedView(name="Fay Ode", addresses=("fay@far.example",)), asked_at=NOON, is_done=True, has_answered=False
            ),
        ),
        earlier=OutcomeView(month="2026-10", chosen=4, done=3, answered=2, sentence="3 of 4 done, 2 answered."),
    ),
    "attention": AttentionView(
        sentence="", hours=3.5, top=(ShareView(name="Iris", share=1.0),), top_share=1.0, gini=0.0, last_outside=None
    ),
    "backtest": BacktestView(
        since=NOON,
        until=NOON,
        rules=(TallyView(rule="check_in", made=1, talked_anyway=0, gone_silent=1, still_open=0, per_week=0.2),),
        suggestions=(
            ReplayedView(
                at=NOON,
                rule="check_in",
                person=NamedView(name=None, addresses=("iris@north.example",)),
                why="",
                has_talked_anyway=False,
                has_gone_silent=None,
            ),
        ),
    ),
    "promise": [PromiseView(id=1, person=None, text="the paper", made_at=NOON, due_at=None)],
    "mute": [NeverView(kind="person", entry="iris@north.example", reason="they left")],
    "never": [NeverView(kind="domain", entry="rival.example", reason=None)],
    "rules-facts": [RuleFactView(name="meeting.size", type="number", help="How many.")],
}


@pytest.mark.parametrize("verb", VIEWS)
def test_the_schema_in_the_docs_is_the_one_of_the_code(verb: str, root: Path) -> None:
    assert (root / "docs" / "json" / f"{verb}.schema.json").read_text() == text_of(verb), "python -m worker.json_schemas docs/json"


def test_no_schema_in_the_docs_is_left_from_before(root: Path) -> None:
    assert {file.name for file in (root / "docs" / "json").iterdir()} == {f"{verb}.schema.json" for verb in VIEWS}


@pytest.mark.parametrize("verb", VIEWS)
def test_what_a_verb_prints_fits_its_schema(verb: str) -> None:
    printed = json.loads(to_json(EXAMPLES[verb]))
    jsonschema.validate(printed, schema_of(verb), jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("verb", VIEWS)
def test_a_missing_key_and_a_new_one_break_the_schema(verb: str) -> None:
    printed = json.loads(to_json(EXAMPLES[verb]))
    victim = printed[0] if isinstance(printed, list) else printed
    victim["new"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(printed, schema_of(verb))
    del victim["new"]
    victim.popitem()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(printed, schema_of(verb))


def test_keys_are_those_promised_and_in_that_order() -> None:
    printed = json.loads(to_json([SUGGESTION]))[0]
    assert list(printed) == (
        "key rule action account state close_reason remote_id person at subject text why evidence goes_out_at waits_for_you due_at".split()  # noqa: SIM905 - read as a line
    )
    assert list(printed["person"]) == ["name", "addresses"]
    assert list(json.loads(to_json([PERSON]))[0]) == (
        "name addresses kind reason circle interactions last_interaction next_meeting rhythm_days p_lapsed_90 state".split()  # noqa: SIM905 - as above
    )
    assert list(json.loads(to_json(EXAMPLES["try"]))) == ["owner_addresses", "messages", "events", "people", "suggestions"]
    assert list(json.loads(to_json(EXAMPLES["try"]))["messages"]) == ["read", "stored", "duplicates", "skipped"]
    assert list(json.loads(to_json(ANSWER))) == ["who", "sentence", "facts"]
    assert {"last_ok", "next_attempt", "coverage", "error", "skipped"} <= json.loads(to_json([FEED]))[0].keys()


def test_kinds_and_states_are_closed_lists() -> None:
    people = schema_of("people")["$defs"]["PersonView"]["properties"]  # type: ignore[index]  # a schema is nested at will
    assert people["kind"]["enum"] == list(get_args(Kind))
    assert people["state"]["anyOf"][0]["enum"] == list(get_args(Standing))
    made = schema_of("suggestions")["$defs"]["SuggestionView"]["properties"]  # type: ignore[index]  # as above
    assert made["state"]["enum"] == list(get_args(State))
    assert made["close_reason"]["anyOf"][0]["enum"] == list(get_args(CloseReason))
    assert made["action"]["enum"] == ["draft", "hold", "invite"]


def test_instants_are_utc_and_unknown_is_null() -> None:
    berlin = FactView(text="", ref=None, at=datetime(2026, 11, 17, 13, tzinfo=timezone(timedelta(hours=1))))
    printed = json.loads(to_json(AnswerView(who="", sentence="", facts=(berlin,))))
    assert printed["facts"] == [{"text": "", "ref": None, "at": "2026-11-17T12:00:00Z"}]


def test_words_of_every_script_are_printed_as_they_are() -> None:
    assert "Žofia 张伟" in to_json(AnswerView(who="Žofia 张伟", sentence="", facts=()))


def test_a_planned_draft_shows_its_words_and_when_it_is_due() -> None:
    draft = Draft(
        key=Key("k" * 26),
        message_id="k@home.example",
        from_=Address(email="ana@home.example"),
        to=(Address(email="iris@north.example", name="Iris Novak"),),
        subject="Thank you",
        text="Dear Iris,",
        date=NOON,
    )
    iris = Person(id="p1", name="Iris Novak", addresses=("iris@north.example", "iris@old.example"))
    shown = views.planned(suggested(draft), {"p1": iris})
    assert (shown.action, shown.state, shown.account, shown.remote_id, shown.close_reason) == ("draft", "planned", None, None, None)
    assert (shown.subject, shown.text, shown.at) == ("Thank you", "Dear Iris,", NOON + timedelta(hours=1))
    assert shown.person == NamedView(name="Iris Novak", addresses=iris.addresses)
    assert shown.evidence == (FactView(text="One-to-one", ref=None, at=None),)


def test_a_planned_hold_shows_its_title_and_its_start() -> None:
    hold = Hold(key=Key("k" * 26), title="Iris Novak", description="Since June.", start=NOON, end=NOON + timedelta(minutes=25))
    shown = views.planned(suggested(hold), {})
    assert (shown.action, shown.subject, shown.text, shown.at) == ("hold", "Iris Novak", "Since June.", NOON)
    assert shown.person == NamedView(name=None, addresses=("iris@north.example",))


def suggested(action: Draft | Hold) -> Suggestion:
    return Suggestion(
        key=action.key,
        rule="some_rule",
        cause="lapse:0",
        person_id="p1",
        address="iris@north.example",
        action=action,
        why="You met.",
        evidence=(Evidence(text="One-to-one"),),
        due_at=NOON + timedelta(hours=1),
    )
