"""Where rules meet what is rare: nothing known, something unreadable, an end exactly reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.circles import as_wished
from rules.engine import suggest, why
from rules.month import Month, Terms, choose
from rules.network import Busy, Relation, Trip
from rules.phrases import phrases_of
from rules.rulebook import Rulebook, RulebookError, parse
from rules.trips import city_of, trips
from rules.wishes import Wishes
from rules.wording import Wording
from tests.rules.builders import (
    DAY,
    NOW,
    OLIVIA,
    Decide,
    days_ago,
    drafts,
    exchange,
    fortnightly,
    holds,
    human,
    meeting_with,
    network,
    past,
    tie,
    with_ledger,
)
from tests.rules.test_trips import entry

ANNA = human("Anna Berg <anna@acme.example>")
BEN = human("Ben Ito <ben@bello.example>")


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("timing = { notise = 1 }", "rules.x.timing.notise", "did you mean 'notice'?"),
        ("caps = { per_wek = 1 }", "rules.x.caps.per_wek", "did you mean 'per_week'?"),
        ('timing = { delay = "900 weeks" }', "rules.x.timing.delay", "longer than ten years"),
        ('timing = { veto = "2h" }', "rules.x.timing.veto", "waits a day at least"),
        ('timing = { veto = "3 weeks" }', "rules.x.timing.veto", "fourteen at most"),
        ('timing = { social = ["brunch"] }', "rules.x.timing.social.0", "none of"),
        ('approval = "vetto"', "rules.x.approval", "did you mean 'veto'?"),
    ],
)
def test_a_mistake_in_timing_caps_or_approval_has_its_key_and_the_nearest_name(text: str, key: str, said: str) -> None:
    with pytest.raises(RulebookError) as caught:
        parse([("own.toml", f'[rules.x]\ntrigger = "lapsing"\naction = "hold"\n{text}\n')])
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == ("own.toml", key)
    assert said in problem.message


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("months", ["one"], "a list of 12 words"), ("numbers", "many", "a list of 24"), ("and", 1, "must be a text")],
)
def test_the_words_of_a_language_are_complete(key: str, value: object, said: str) -> None:
    whole: dict[str, object] = {
        "months": ["m"] * 12, "numbers": ["n"] * 24, "and": "and", "day": "{day}", "month_of_year": "{month}",
        "for_months": "{number}", "for_one_year": "a year", "for_years": "{number}",
    }  # fmt: skip
    assert phrases_of(whole).and_ == "and"
    with pytest.raises(ValueError, match=said):
        phrases_of(whole | {key: value})


def test_a_location_of_nothing_but_commas_names_no_city() -> None:
    assert city_of(" , ; ") == ""


def test_a_zone_nobody_knows_takes_the_owner_nowhere() -> None:
    assert trips([entry("t", zone_id="Mars/Olympus")], OLIVIA) == ()
    assert trips([entry("t", zone_id="../etc")], OLIVIA) == ()


def test_an_owner_without_wishes_changes_nobody() -> None:
    assert as_wished(tie(ANNA), OLIVIA) == tie(ANNA)
    assert as_wished(tie(ANNA), replace(OLIVIA, wishes=Wishes(cadences={"team": DAY}))) == tie(ANNA)


def far(name: str, offset: int) -> Relation:
    person = human(f"{name} <{name.split(maxsplit=1)[0].lower()}@{name.split()[1].lower()}.example>")
    mails = exchange(person, *(days_ago(90 + 30 * n) for n in range(8)))
    return replace(tie(person, mails=mails), offsets={offset: 5})


def test_people_of_one_region_make_way_for_another_and_the_trade_says_so() -> None:
    here = [far("Anna Berg", 60), far("Cleo Dahl", 60), far("Dora Ek", 60)]
    month: Month = choose(network(*here, far("Yoko Abe", 540)), NOW, Terms(size=2))
    assert {one.person_id for one in month.people} >= {"p-yoko@abe.example"}
    (trade,) = month.trades
    assert "the same region" in trade
    assert trade.startswith("Yoko Abe instead of")


def test_whoever_was_never_in_touch_has_a_tie_of_no_age() -> None:
    unseen = replace(fortnightly(BEN), first_at=None)
    assert len(choose(network(fortnightly(ANNA), unseen), NOW, Terms(size=2)).people) == 2


def test_no_time_for_anybody_is_found_out_once(decide: Decide) -> None:
    full = (Busy(start=NOW - DAY, end=NOW + 60 * DAY),)
    made = decide(fortnightly(ANNA), fortnightly(BEN), busy=full)
    assert not made.suggestions
    sentences = [one.sentence for one in made.refusals if one.rule == "check_in"]
    assert sentences == ["There is no free time for it in the coming weeks."] * 2


def test_why_names_the_next_meeting_among_the_facts(rulebook: Rulebook, wording: Wording) -> None:
    booked = meeting_with(ANNA, ended=NOW + 3 * DAY)
    relation = replace(fortnightly(ANNA), next_meeting=booked)
    found = why(network(relation), rulebook, NOW, wording, person_id=ANNA.id)
    assert ("next meeting", booked.start) in {(fact.text, fact.at) for fact in found.facts}


def test_why_looks_past_what_does_not_hold_to_what_is_open(rulebook: Rulebook, wording: Wording) -> None:
    met = tie(ANNA, meetings=[meeting_with(ANNA), meeting_with(ANNA, ended=days_ago(5))])
    (first,) = suggest(network(tie(ANNA, meetings=[meeting_with(ANNA)])), rulebook, NOW, wording).suggestions
    open_ = with_ledger(met, past(ANNA, "organiser_thanks", "x"), past(ANNA, "thank_you", first.cause, state="delivered"))
    found = why(network(open_), rulebook, NOW, wording, person_id=ANNA.id)
    assert "draft delivered" in {fact.text for fact in found.facts}


def test_a_thank_you_waits_until_somebody_has_an_address(decide: Decide) -> None:
    gone = replace(tie(ANNA, meetings=[meeting_with(ANNA)]), dead_addresses=frozenset(ANNA.addresses))
    assert not drafts(decide(gone))


def test_an_introduction_by_oneself_pays_nobody_off(decide: Decide) -> None:
    own = replace(fortnightly(ANNA), introduced_by=ANNA.id, introduced_at=days_ago(90))
    assert not drafts(decide(own), "introduction_paid_off")
    fresh = replace(fortnightly(BEN), introduced_by=ANNA.id, introduced_at=NOW - timedelta(days=5))
    assert not drafts(decide(fresh, fortnightly(ANNA)), "introduction_paid_off")


def test_a_trip_already_over_holds_nobody(decide: Decide) -> None:
    over = Trip(uid="t", title="", start=days_ago(9), end=days_ago(3), place="Oslo")
    met = replace(fortnightly(ANNA), last_met_place="Oslo")
    assert not holds(decide(met, trips=(over,)), "in_town")
    assert datetime(2026, 3, 10, tzinfo=UTC) < NOW


def test_why_names_the_cadence_the_owner_wants(rulebook: Rulebook, wording: Wording) -> None:
    relation = replace(fortnightly(ANNA), person=replace(ANNA, cadence=timedelta(days=42)))
    found = why(network(relation), rulebook, NOW, wording, person_id=ANNA.id)
    assert "you want to be in touch every 42 days" in {fact.text for fact in found.facts}


def test_hours_that_are_none_are_a_mistake_with_their_key() -> None:
    with pytest.raises(RulebookError, match=r"rules\.x\.timing\.hours: '9 to 5' are no hours"):
        parse([("own.toml", '[rules.x]\ntrigger = "lapsing"\naction = "hold"\ntiming = { hours = "9 to 5" }\n')])
