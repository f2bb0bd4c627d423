"""The people of the month: few, worth it, from different corners, stable, carried over, and measured at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.circles import circle_of
from rules.month import Month, Terms, choose, outcome
from rules.network import Mail, Person, Relation
from rules.variety import shared
from rules.worth import lists, value, worth
from tests.rules.builders import (
    DAY,
    NOW,
    OLIVIA,
    days_ago,
    exchange,
    human,
    mail_from,
    mail_to,
    meeting_with,
    network,
    past,
    tie,
    with_ledger,
)


def known(person: Person, *, met: int = 4, silent: float = 60, every: float = 30) -> Relation:
    """Held one-to-ones at a steady pace, and then nothing for so many days."""
    return tie(person, meetings=[meeting_with(person, ended=days_ago(silent + every * n)) for n in range(met)])


def deaf(person: Person) -> Relation:
    """Met four times, and then two mails of the owner's without an answer."""
    met = [meeting_with(person, ended=days_ago(90 + 30 * n)) for n in range(4)]
    return tie(person, meetings=met, mails=[mail_to(person, days_ago(50)), mail_to(person, days_ago(40))])


def people(*emails: str) -> list[Person]:
    return [human(f"{email.split('@')[0].title()} X <{email}>") for email in emails]


MANY = [known(one, met=9 - n) for n, one in enumerate(people(*(f"p{n}@o{n}.example" for n in range(8))))]
TERMS = Terms(size=3)


def names(month: Month) -> list[str]:
    return [one.person_id.removeprefix("p-").split("@")[0] for one in month.people]


@pytest.mark.parametrize(("size", "count"), [(0, 2), (2, 2), (3, 3), (4, 4), (40, 4)])
def test_two_to_four_people_whatever_is_asked_for(size: int, count: int) -> None:
    assert len(choose(network(*MANY), NOW, Terms(size=size)).people) == count


@pytest.mark.parametrize(("size", "count"), [(4, 2), (3, 1), (2, 1), (40, 2), (0, 1)])
def test_half_in_a_busy_season_and_never_nobody(size: int, count: int) -> None:
    assert len(choose(network(*MANY), NOW, Terms(size=size, busy_months=frozenset({3}))).people) == count
    assert len(choose(network(*MANY), NOW, Terms(size=size, busy_months=frozenset({2, 4}))).people) == min(max(size, 2), 4)


def test_a_busy_season_is_told_by_the_owners_clock() -> None:
    last_hour = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    busy = Terms(size=4, busy_months=frozenset({3}))
    ahead = [replace(one, last_at=last_hour - timedelta(days=60)) for one in MANY]
    assert len(choose(network(*ahead), last_hour, busy).people) == 2, "in Berlin it is March already"


def test_the_month_stays_as_it_is_whatever_happens_in_it() -> None:
    first = choose(network(*MANY), NOW, TERMS)
    busy = [replace(one, last_at=NOW - timedelta(days=1)) for one in MANY]
    assert choose(network(*busy), NOW + timedelta(days=15), TERMS, first) == first


def test_whoever_is_muted_leaves_the_month_at_once() -> None:
    first = choose(network(*MANY), NOW, TERMS)
    gone = [
        replace(one, person=replace(one.person, is_muted=True)) if one.person.id == first.people[0].person_id else one
        for one in MANY
    ]
    assert len(choose(network(*gone), NOW, TERMS, first).people) == 2


def test_what_was_left_over_is_carried_on_once() -> None:
    february = choose(network(*MANY), NOW - timedelta(days=25), TERMS)
    march = choose(network(*MANY), NOW, TERMS, february)
    assert {one.person_id for one in march.people} == {one.person_id for one in february.people}
    assert all(one.is_carried for one in march.people)
    april = choose(network(*MANY), NOW + timedelta(days=30), TERMS, march)
    assert not any(one.is_carried for one in april.people)


def test_whoever_was_reached_is_not_carried_on_and_what_is_said_of_the_others_is_of_today() -> None:
    anna, ben = known(people("anna@a.example")[0]), known(people("ben@b.example")[0])
    february = choose(network(anna, ben), NOW - timedelta(days=25), Terms(size=2))
    written = exchange(anna.person, datetime(2026, 2, 14, 9, tzinfo=UTC))
    spoken = tie(anna.person, meetings=anna.meetings, mails=written)
    heard = tie(ben.person, meetings=ben.meetings, mails=[mail_from(ben.person, datetime(2026, 2, 10, 9, tzinfo=UTC))])
    march = choose(network(spoken, heard), NOW, Terms(size=2), february)
    assert [(one.person_id, one.is_carried) for one in march.people] == [(ben.person.id, True), (anna.person.id, False)]
    assert "last in touch in January 2026" in february.people[1].why
    assert "last in touch in February 2026" in march.people[0].why


def test_who_is_carried_on_counts_towards_a_quota_and_stays_within_it() -> None:
    inner = [replace(one, person=replace(one.person, circle="inner")) for one in MANY[:4]]
    february = choose(network(*inner, *MANY[4:]), NOW - timedelta(days=25), Terms(size=4))
    assert [one.circle for one in february.people].count("inner") > 1
    march = choose(network(*inner, *MANY[4:]), NOW, Terms(size=4, quotas={"inner": 1}), february)
    assert [one.circle for one in march.people].count("inner") == 1
    assert len(march.people) == 4


A = human("A <a@a.example>")


@pytest.mark.parametrize(
    ("name", "relation"),
    [
        ("somebody seen last week", known(human("A <a@a.example>"), silent=7)),
        ("somebody with a meeting booked", replace(known(human("A <a@a.example>")), next_meeting=meeting_with(human("A <a@a.example>"), ended=days_ago(-9)))),
        ("somebody muted", known(human("A <a@a.example>", is_muted=True))),
        ("a list", known(human("A <a@a.example>", kind="list"))),
        ("somebody who never answered", tie(human("A <a@a.example>"), mails=[mail_to(human("A <a@a.example>"), days_ago(60))])),
        ("somebody not read far enough", replace(known(human("A <a@a.example>")), is_covered=False)),
        ("somebody for whom it was stopped", replace(known(human("A <a@a.example>")), stopped_rules=frozenset({"month"}))),
        ("somebody put off", replace(known(human("A <a@a.example>")), snoozed_until=days_ago(-9))),
        ("somebody discarded lately", with_ledger(known(A), past(A, "check_in", "lapse:0", state="closed", close_reason="dismissed", created_at=days_ago(9)))),
        ("somebody at law", known(human("A <a@lee-legal.example>"))),
        ("somebody who left two mails unanswered", deaf(human("A <a@a.example>"))),
    ],
)  # fmt: skip
def test_never_chosen(name: str, relation: Relation) -> None:
    assert not choose(network(relation), NOW, TERMS).people, name


def test_a_quota_keeps_one_circle_from_taking_all() -> None:
    inner = [replace(one, person=replace(one.person, circle="inner")) for one in MANY[:4]]
    month = choose(network(*inner, *MANY[4:]), NOW, Terms(size=4, quotas={"inner": 1}))
    assert [one.circle for one in month.people].count("inner") == 1
    assert len(month.trades) == 3
    assert all(trade.endswith("of the circle inner you want at most 1 in a month.") for trade in month.trades)
    nobody = choose(network(*inner), NOW, Terms(size=4, quotas={"inner": 0}))
    assert (nobody.people, nobody.trades) == ((), ())


def test_variety_is_preferred_and_each_trade_is_shown() -> None:
    twins = [known(one, met=9 - n) for n, one in enumerate(people("anna@acme.example", "ben@acme.example"))]
    other = known(people("cleo@other.example")[0], met=6)
    month = choose(network(*twins, other), NOW, Terms(size=2))
    assert names(month) == ["anna", "cleo"]
    assert month.trades == (
        "Cleo X instead of Ben X: Ben X has the same organisation and a tie as old with someone chosen already.",
    )


def test_who_was_muted_since_is_named_in_no_trade() -> None:
    twins = [known(one, met=9 - n) for n, one in enumerate(people("anna@acme.example", "ben@acme.example"))]
    other = known(people("cleo@other.example")[0], met=6)
    month = choose(network(*twins, other), NOW, Terms(size=2))
    for named in (twins[1], other):
        since = [replace(one, person=replace(one.person, is_muted=one is named)) for one in (*twins, other)]
        assert choose(network(*since), NOW + DAY, Terms(size=2), month).trades == ()
    namesake = known(human("Ben <ben@fourth.example>", is_muted=True))
    assert choose(network(*twins, other, namesake), NOW + DAY, Terms(size=2), month).trades == month.trades


def test_who_is_never_to_be_written_to_since_is_chosen_and_named_no_more() -> None:
    twins = [known(one, met=9 - n) for n, one in enumerate(people("anna@acme.example", "ben@acme.example"))]
    other = known(people("cleo@other.example")[0], met=6)
    month = choose(network(*twins, other), NOW, Terms(size=2))
    owner = replace(OLIVIA, never_domains=frozenset({"acme.example"}))
    since = choose(network(*twins, other, owner=owner), NOW + DAY, Terms(size=2), month)
    assert (names(since), since.trades) == (["cleo"], ())


def test_nobody_makes_way_twice_and_whoever_is_chosen_in_the_end_made_no_way() -> None:
    twins = [known(one, met=9 - n) for n, one in enumerate(people("anna@acme.example", "ben@acme.example", "carl@acme.example"))]
    others = [known(one, met=6) for one in people("cleo@other.example", "dana@third.example")]
    trades = choose(network(*twins, *others), NOW, Terms(size=3)).trades
    assert [trade.partition(":")[0] for trade in trades] == ["Cleo X instead of Ben X", "Dana X instead of Carl X"]
    assert choose(network(*twins, *others), NOW, Terms(size=4)).trades == (
        "Dana X instead of Carl X: Carl X has the same organisation and a tie as old with someone chosen already.",
    )


def test_likeness_is_to_the_one_chosen_who_is_most_alike() -> None:
    anna, ben, cleo = (known(one) for one in people("anna@acme.example", "ben@other.example", "cleo@acme.example"))
    young = replace(ben, first_at=ben.last_at)
    assert shared(cleo, [young, anna]) == shared(cleo, [anna, young]) == ["the same organisation", "a tie as old"]
    assert (shared(cleo, []), shared(cleo, [cleo])) == ([], [])


TIES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 9), st.sampled_from([0, 60, 540]), st.sampled_from(["", "inner", "team"])),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(TIES, st.integers(2, 4), st.dictionaries(st.sampled_from(["inner", "team", "strategic"]), st.integers(0, 2)), st.booleans())
def test_each_trade_names_one_who_came_and_one_who_stayed_out_each_once(
    ties: list[tuple[int, int, int, str]],
    size: int,
    quotas: dict[str, int],
    is_tilted: bool,
) -> None:
    relations = [
        replace(known(human(f"P{n} X <p{n}@o{place}.example>", circle=circle), met=met), offsets={offset: 3})
        for n, (place, met, offset, circle) in enumerate(ties)
    ]
    terms = Terms(size=size, quotas=quotas, transition=date(2026, 3, 1) if is_tilted else None)
    month = choose(network(*relations), NOW, terms)
    chosen = {one.person_id for one in month.people}
    called = [trade.partition(":")[0].split(" instead of ") for trade in month.trades]
    ids = {one.person.name: one.person.id for one in relations}
    assert all(ids[came] in chosen and ids[stayed] not in chosen for came, stayed in called)
    assert len({name for pair in called for name in pair}) == 2 * len(called)
    assert is_tilted or not any("after a change" in trade for trade in month.trades)
    counts = Counter(one.circle for one in month.people)
    assert all(counts[circle] <= most for circle, most in quotas.items())
    assert len(chosen) == len(month.people) <= size


def test_a_new_job_tilts_ninety_days_to_strategic_ties() -> None:
    mates = [known(one, met=8) for one in people("a@gmail.com", "b@gmail.com")]
    peers = [known(one, met=7) for one in people("c@peer.example", "d@peer2.example")]
    assert "c" not in names(choose(network(*mates, *peers), NOW, Terms(size=2)))[:1]
    tilted = choose(network(*mates, *peers), NOW, Terms(size=2, transition=date(2026, 2, 1)))
    assert set(names(tilted)) == {"c", "d"}
    assert all("strategic ties come first" in trade for trade in tilted.trades)
    assert len(tilted.trades) == 2


@pytest.mark.parametrize(
    ("since", "is_tilted"),
    [(date(2026, 3, 11), False), (date(2026, 3, 10), True), (date(2025, 12, 11), True), (date(2025, 12, 10), False)],
)
def test_it_begins_on_the_day_and_ends_after_ninety(since: date, *, is_tilted: bool) -> None:
    mates = [known(one, met=8) for one in people("a@gmail.com", "b@gmail.com")]
    peers = [known(one, met=7) for one in people("c@peer.example", "d@peer2.example")]
    chosen = set(names(choose(network(*mates, *peers), NOW, Terms(size=2, transition=since))))
    assert (chosen == {"c", "d"}) is is_tilted


@pytest.mark.parametrize(
    ("relation", "circle"),
    [
        (known(human("A <a@own.example>", is_internal=True)), "operational"),
        (known(human("A <a@agency.example>"), met=20, every=7), "operational"),
        (known(human("A <a@gmail.com>")), "personal"),
        (known(human("A <a@peer.example>")), "strategic"),
        (known(human("A <a@gmail.com>", circle="mentor")), "mentor"),
    ],
)
def test_circles_are_inferred_unless_the_owner_says(relation: Relation, circle: str) -> None:
    assert circle_of(relation) == circle


def test_the_end_of_the_month_counts_who_was_reached_and_who_answered() -> None:
    anna, ben, cleo = people("anna@a.example", "ben@b.example", "cleo@c.example")
    at = datetime(2026, 3, 12, tzinfo=UTC)
    month = choose(network(known(anna), known(ben), known(cleo)), NOW, TERMS)
    seen = network(tie(anna, mails=exchange(anna, at)), tie(ben, mails=[mail_to(ben, at)]), tie(cleo, mails=[mail_from(cleo, at)]))
    found = outcome(month, seen)
    assert found.sentence == "2 of 3 done, 1 answered."
    assert (set(found.done), found.answered) == ({anna.id, ben.id}, (anna.id,))


@pytest.mark.parametrize(
    ("name", "mails", "meetings", "sentence"),
    [
        ("an answer", lambda who, at: [mail_to(who, at), mail_from(who, at + DAY, in_reply_to="x")], [], "1 of 1 done, 1 answered."),
        ("their mail came first and was no answer", lambda who, at: [mail_from(who, at - DAY), mail_to(who, at)], [], "1 of 1 done, 0 answered."),
        ("the owner answered them", lambda who, at: [mail_from(who, at - DAY), mail_to(who, at, in_reply_to="x")], [], "1 of 1 done, 1 answered."),
        ("only they wrote", lambda who, at: [mail_from(who, at)], [], "0 of 1 done, 0 answered."),
        ("a mail to a crowd", lambda who, at: [mail_to(who, at, recipients=40)], [], "0 of 1 done, 0 answered."),
        ("a month later", lambda who, at: [mail_to(who, at + 30 * DAY)], [], "0 of 1 done, 0 answered."),
        ("a meeting", lambda who, at: [], [datetime(2026, 3, 12, tzinfo=UTC)], "1 of 1 done, 1 answered."),
    ],
)  # fmt: skip
def test_done_is_what_the_owner_did_in_person_and_answered_what_came_of_it(
    name: str, mails: Callable[[Person, datetime], list[Mail]], meetings: list[datetime], sentence: str
) -> None:
    anna = people("anna@a.example")[0]
    month = choose(network(known(anna)), NOW, TERMS)
    seen = tie(
        anna, mails=mails(anna, datetime(2026, 3, 12, tzinfo=UTC)), meetings=[meeting_with(anna, ended=at) for at in meetings]
    )
    assert outcome(month, network(seen)).sentence == sentence, name


def test_of_a_month_with_nobody_in_it_nothing_is_counted() -> None:
    assert outcome(Month(name="2026-03", people=()), network()).sentence == "Nobody was chosen."


def test_december_ends_with_the_year() -> None:
    person = people("anna@a.example")[0]
    month = Month(name="2025-12", people=choose(network(known(person)), NOW, TERMS).people)
    late = tie(person, mails=[mail_to(person, datetime(2025, 12, 31, 22, 59, tzinfo=UTC))])
    next_year = tie(person, mails=[mail_to(person, datetime(2025, 12, 31, 23, 1, tzinfo=UTC))])
    assert outcome(month, network(late)).done
    assert not outcome(month, network(next_year)).done


def test_worth_prefers_a_close_tie_that_fades_to_a_weak_one_long_gone() -> None:
    close, weak = (
        known(human("A <a@a.example>"), met=12, silent=70),
        tie(human("B <b@b.example>"), mails=exchange(human("B <b@b.example>"), days_ago(700))),
    )
    assert worth(close, NOW) > worth(weak, NOW)
    assert value(replace(close, person=replace(close.person, is_key=True))) == pytest.approx(2 * value(close))


def test_the_three_lists_share_nobody() -> None:
    once = known(human("O <o@o.example>"), met=30, silent=250, every=10)
    gone = known(human("G <g@g.example>"), met=2, silent=150)
    fading = known(human("F <f@f.example>"), met=2, silent=60, every=40)
    booked = replace(known(human("N <n@n.example>"), met=30, silent=250), next_meeting=meeting_with(human("N <n@n.example>")))
    found = lists([once, gone, fading, booked], NOW)
    assert [[one.person.id for one in part] for part in (found.formerly_strong, found.lapsed, found.about_to_lapse)] == [
        ["p-o@o.example"],
        ["p-g@g.example"],
        ["p-f@f.example"],
    ]


def test_one_to_ones_and_meetings_are_called_what_they_are() -> None:
    alone, crowd = people("ann@one.example", "ben@two.example")
    others = people("cy@three.example")
    both = [meeting_with(alone, ended=days_ago(50)), *(meeting_with(alone, *others, ended=days_ago(60 + n)) for n in range(5))]
    group = [meeting_with(crowd, *others, ended=days_ago(50 + 30 * n)) for n in range(5)]
    month = choose(network(tie(alone, meetings=both), tie(crowd, meetings=group)), NOW, TERMS)
    whys = {one.person_id.removeprefix("p-").split("@")[0]: one.why.partition(",")[0] for one in month.people}
    assert whys == {"ann": "1 one-to-one held", "ben": "5 meetings held"}
