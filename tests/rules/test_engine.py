"""What holds for every decision, whatever the rules: caps, order, repetition, and who can never be proposed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.caps import eased
from rules.engine import Decision, suggest
from rules.network import Past, Relation
from rules.rulebook import Rulebook, parse
from rules.suggestions import Draft, Hold, Suggestion
from rules.wording import Wording
from tests.rules.builders import DAY, HOUR, NOW, OLIVIA, days_ago, exchange, human, meeting_with, network, tie

PEOPLE = [human(f"P{n} X <p{n}@o{n // 2}.example>") for n in range(12)]


def quiet(n: int) -> Relation:
    return tie(PEOPLE[n], mails=exchange(PEOPLE[n], *(days_ago(60 + n + 9 * k) for k in range(8))))


def met(n: int, now: datetime) -> Relation:
    return tie(PEOPLE[n], meetings=[meeting_with(PEOPLE[n], ended=now - 2 * HOUR)])


def remembered(made: Suggestion, now: datetime) -> Past:
    """A suggestion as the ledger keeps it once it has been delivered."""
    is_draft = isinstance(made.action, Draft)
    at = made.action.date if isinstance(made.action, Draft) else made.action.start
    addresses = (made.address, *(to.email for to in made.action.to)) if isinstance(made.action, Draft) else (made.address,)
    return Past(
        key=made.key,
        rule=made.rule,
        cause=made.cause,
        state="delivered",
        action="draft" if is_draft else "hold",
        created_at=now,
        at=at,
        addresses=addresses,
    )


def days_of_work(
    choices: list[tuple[int, bool]], rulebook: Rulebook, wording: Wording, started: datetime
) -> list[tuple[datetime, Suggestion]]:
    """Decide day after day; each day some are quiet and some were met; everything proposed is delivered and stays."""
    ledger: list[Past] = []
    made: list[tuple[datetime, Suggestion]] = []
    for day in range(10):
        now = datetime(2026, 3, 9, 10, tzinfo=UTC) + day * DAY
        relations = [met(n, now) if is_met else quiet(n) for n, is_met in dict(choices).items()]
        decision = suggest(network(*relations, ledger=tuple(ledger), started_at=started), rulebook, now, wording)
        made += [(now, one) for one in decision.suggestions]
        ledger += [remembered(one, now) for one in decision.suggestions]
    return made


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.booleans()), min_size=1, max_size=12), st.sampled_from([0, 5, 400]))
def test_no_sequence_of_days_passes_a_cap(choices: list[tuple[int, bool]], age: int) -> None:
    rulebook, wording = SHIPPED
    started = datetime(2026, 3, 9, tzinfo=UTC) - age * DAY
    made = days_of_work(choices, rulebook, wording, started)
    holds = [(now, one.action) for now, one in made if isinstance(one.action, Hold)]
    assert len(holds) <= 4
    for rule in rulebook.rules:
        times = [now for now, one in made if one.rule == rule.name]
        for now in times:
            cap = eased(rule.caps.per_week or 0, is_gentle=now < started + 7 * DAY)
            assert sum(now <= other < now + timedelta(days=7) for other in times) <= cap
            assert sum(other == now for other in times) <= (rule.caps.per_day or 0)
    assert max(Counter(now for now, _ in holds).values(), default=0) <= 1
    assert all(count == 1 for count in Counter(one.key for _, one in made).values())
    assert len({hold.start.date() for _, hold in holds}) == len(holds)
    weeks = Counter(hold.start.isocalendar()[:2] for _, hold in holds)
    assert all(count <= 2 for count in weeks.values())


@pytest.fixture(scope="module", autouse=True)
def _ship(rulebook: Rulebook, wording: Wording) -> None:
    """Hypothesis asks again and again: hand it what the session has read once."""
    global SHIPPED  # noqa: PLW0603 -- fixtures of the session cannot be asked for by @given
    SHIPPED = (rulebook, wording)


SHIPPED: tuple[Rulebook, Wording]


def decided(relations: list[Relation]) -> Decision:
    return suggest(network(*relations), *(SHIPPED[0], NOW, SHIPPED[1]))


def test_the_same_input_gives_the_same_decision() -> None:
    relations = [quiet(n) for n in range(6)] + [met(n, NOW) for n in range(6, 12)]
    assert decided(relations) == decided(relations)


def test_the_order_of_people_changes_nothing() -> None:
    relations = [quiet(n) for n in range(6)] + [met(n, NOW) for n in range(6, 12)]
    expected = decided(relations).suggestions
    assert len(expected) == 2
    for seed in range(5):
        shuffled = Random(seed).sample(relations, len(relations))
        assert decided(shuffled).suggestions == expected


def test_deciding_again_after_delivery_proposes_nothing_new_for_the_same_cause() -> None:
    first = decided([met(0, NOW)]).suggestions
    again = suggest(network(met(0, NOW), ledger=tuple(remembered(one, NOW) for one in first)), SHIPPED[0], NOW + DAY, SHIPPED[1])
    assert not again.suggestions


@pytest.mark.parametrize("kind", ["machine", "list", "room", "owner"])
def test_what_is_no_person_is_never_proposed(kind: str) -> None:
    relations = [replace(one, person=replace(one.person, kind=kind)) for one in (quiet(0), met(1, NOW))]  # type: ignore[arg-type]
    assert not decided(relations).suggestions


def test_one_person_gets_one_thing_of_a_kind_in_a_round_whatever_the_rules() -> None:
    both = replace(quiet(0), missed_one_to_ones=3, person=replace(PEOPLE[0], is_internal=True))
    made = decided([both]).suggestions
    assert [one.rule for one in made] == ["missed_one_to_one"]


def test_a_rule_that_is_off_proposes_nothing_and_refuses_nothing(shipped: str) -> None:
    off = parse([("d", shipped), ("o", "\n".join(f'[rules.{rule.name}]\nmode = "off"' for rule in SHIPPED[0].rules))])
    found = suggest(network(quiet(0), met(1, NOW)), off, NOW, SHIPPED[1])
    assert (found.suggestions, found.refusals, found.traces) == ((), (), ())


def test_a_block_of_toml_is_all_a_new_rule_takes(shipped: str) -> None:
    own = """
    [rules.inner_circle]
    trigger = "lapsing"
    action = "hold"
    template = "check_in"
    when = [{ fact = "person.circle", one_of = ["inner"] }]
    timing = { minutes = 45 }
    [rules.check_in]
    mode = "off"
    """
    book = parse([("d", shipped), ("own.toml", own)], templates=SHIPPED[1].names())
    inner = replace(quiet(0), person=replace(PEOPLE[0], circle="inner"))
    (made,) = suggest(network(inner, quiet(1)), book, NOW, SHIPPED[1]).suggestions
    assert made.rule == "inner_circle"
    assert isinstance(made.action, Hold)
    assert made.action.end - made.action.start == timedelta(minutes=45)


@pytest.mark.parametrize(("cap", "gentle"), [(0, 0), (1, 1), (2, 1), (3, 1), (5, 2)])
def test_half_a_cap_is_never_less_than_one_but_none_stays_none(cap: int, gentle: int) -> None:
    assert eased(cap, is_gentle=True) == gentle
    assert eased(cap, is_gentle=False) == cap


def test_caps_over_all_rules_hold_too(shipped: str) -> None:
    book = parse([("d", shipped), ("o", "[limits]\ndrafts_per_day = 0\nholds_per_week = 0")])
    assert not suggest(network(quiet(0), met(1, NOW)), book, NOW, SHIPPED[1]).suggestions


def test_what_was_withdrawn_or_failed_takes_up_no_room(rulebook: Rulebook, wording: Wording) -> None:
    (one,) = decided([met(0, NOW)]).suggestions
    kept = remembered(one, NOW)
    for reason, count in (("withdrawn", 1), ("failed", 1), ("expired", 0), ("owner_deleted", 0)):
        closed = replace(kept, state="closed", close_reason=reason)  # type: ignore[arg-type]
        found = suggest(network(met(5, NOW), ledger=(closed,)), rulebook, NOW, wording)
        assert len(found.suggestions) == count, reason


def test_a_draft_counts_for_the_day_it_appears_on(rulebook: Rulebook, wording: Wording) -> None:
    (one,) = decided([met(0, NOW)]).suggestions
    made_yesterday = replace(remembered(one, NOW - DAY), at=NOW)
    appeared_yesterday = replace(remembered(one, NOW - DAY), at=NOW - DAY)
    assert not suggest(network(met(5, NOW), ledger=(made_yesterday,)), rulebook, NOW, wording).suggestions
    assert suggest(network(met(5, NOW), ledger=(appeared_yesterday,)), rulebook, NOW, wording).suggestions


def test_an_owner_in_another_zone_gets_things_in_their_own_day(rulebook: Rulebook, wording: Wording) -> None:
    tokyo = replace(OLIVIA, zone="Asia/Tokyo")
    made = suggest(network(quiet(0), met(1, NOW), owner=tokyo), rulebook, NOW, wording).suggestions
    hold = next(one.action for one in made if isinstance(one.action, Hold))
    draft = next(one for one in made if isinstance(one.action, Draft))
    assert hold.start == datetime(2026, 3, 12, 0, tzinfo=UTC)
    assert draft.due_at == datetime(2026, 3, 11, 0, tzinfo=UTC)
