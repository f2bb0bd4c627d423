"""Times of a week for people, and the days the other side has off: where a hold goes besides the owner's own hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from rules.countries import country_of
from rules.network import Owner, Relation
from rules.slots import Slot
from rules.social import SocialTime
from rules.suggestions import Hold
from tests.rules.builders import OLIVIA, Decide, fortnightly, holds, human, past, with_ledger

BOB = human("Bob Kay <bob@kay.example>")
CAT = human("Cat Lee <cat@lee.example>")
LUNCH = SocialTime(kind="lunch", hours=((time(12), time(14)),), minutes=60)
COFFEE = SocialTime(kind="coffee", per_week=2, hours=((time(15), time(16, 30)), (time(10), time(11))))
BERLIN = ZoneInfo("Europe/Berlin")


def with_times(*times: SocialTime) -> Owner:
    return replace(OLIVIA, social=times)


def local(hold: Hold | Slot) -> tuple[date, time, time]:
    start, end = hold.start.astimezone(BERLIN), hold.end.astimezone(BERLIN)
    return start.date(), start.time(), end.time()


def test_a_lunch_is_at_lunchtime_and_takes_an_hour(decide: Decide) -> None:
    (hold,) = holds(decide(fortnightly(BOB), owner=with_times(LUNCH)))
    assert local(hold) == (date(2026, 3, 12), time(12), time(13))
    assert (hold.social, hold.title) == ("lunch", "Bob Kay: lunch")


def test_the_earliest_of_the_kinds_is_taken_and_its_earliest_span_first(decide: Decide) -> None:
    (hold,) = holds(decide(fortnightly(BOB), owner=with_times(LUNCH, COFFEE)))
    assert local(hold) == (date(2026, 3, 12), time(10), time(10, 25))
    assert (hold.social, hold.title) == ("coffee", "Bob Kay: coffee")


def test_so_many_of_a_kind_a_week_and_no_more(decide: Decide) -> None:
    at = datetime(2026, 3, 13, 11, tzinfo=UTC)
    lunch = past(CAT, "month", "month:2026-03", at=at, until=at.replace(hour=12), social="lunch")
    first, second = (replace(fortnightly(each)) for each in (BOB, CAT))
    (hold,) = holds(decide(first, with_ledger(second, lunch), ledger=[lunch], owner=with_times(LUNCH)))
    assert local(hold)[0] == date(2026, 3, 16), "the week's lunch is taken"
    coffee = replace(lunch, social="coffee")
    (hold,) = holds(decide(first, with_ledger(second, coffee), ledger=[coffee], owner=with_times(LUNCH)))
    assert local(hold)[0] == date(2026, 3, 12), "a coffee takes no lunch"


def test_no_hold_where_the_owner_has_no_time_of_a_kind_the_rule_may_use(decide: Decide) -> None:
    assert not holds(decide(fortnightly(BOB), owner=with_times(SocialTime(kind="group"))))
    assert not holds(decide(fortnightly(BOB), owner=with_times(replace(LUNCH, per_week=0))))


def test_no_go_times_stand_above_lunch(decide: Decide) -> None:
    busy = replace(with_times(LUNCH), no_go=((time(12), time(13)),))
    (hold,) = holds(decide(fortnightly(BOB), owner=busy))
    assert local(hold) == (date(2026, 3, 12), time(13), time(14))


def test_a_kind_without_hours_of_its_own_has_the_working_day(decide: Decide) -> None:
    (hold,) = holds(decide(fortnightly(BOB), owner=with_times(SocialTime(kind="one_to_one"))))
    assert (local(hold)[1:], hold.title) == ((time(9), time(9, 25)), "Bob Kay")


# The other side's holidays


def living(email: str, **offsets: int) -> Relation:
    person = human(f"Bob Kay <{email}>")
    return replace(
        fortnightly(person), offsets={int(key.removeprefix("plus").replace("minus", "-")): n for key, n in offsets.items()}
    )


@pytest.mark.parametrize(
    ("email", "offsets", "country"),
    [
        ("bob@kay.de", {"plus60": 9}, "DE"),
        ("bob@kay.de", {"plus120": 9, "plus60": 2}, "DE"),
        ("bob@kay.uk", {"plus0": 3}, "GB"),
        ("bob@kay.co.uk", {"plus60": 3}, "GB"),
        ("bob@kay.ca", {"minus480": 3}, "CA"),
        ("bob@kay.de", {}, ""),
        ("bob@kay.de", {"minus300": 9, "plus60": 2}, ""),
        ("bob@kay.example", {"plus60": 9}, ""),
        ("bob@kay.io", {"plus60": 9}, ""),
    ],
)
def test_a_country_is_told_by_domain_and_clock_together_or_not_at_all(email: str, offsets: dict[str, int], country: str) -> None:
    assert country_of(living(email, **offsets)) == country


def test_nobody_is_met_on_a_holiday_of_theirs_and_no_text_says_why(decide: Decide) -> None:
    days_off = {"DE": frozenset({date(2026, 3, 12), date(2026, 3, 13)})}
    made = decide(living("bob@kay.de", plus60=9), days_off=days_off)
    (hold,) = holds(made)
    (free,) = holds(decide(living("bob@kay.de", minus300=9), days_off=days_off))
    assert (local(hold)[0], local(free)[0]) == (date(2026, 3, 16), date(2026, 3, 12))
    said = f"{hold.title} {hold.description} {[fact.text for fact in made.suggestions[0].evidence]}".lower()
    assert not any(word in said for word in ("holiday", "germany", "offset", " de "))


def test_one_persons_holidays_take_no_slot_from_the_next(decide: Decide) -> None:
    days_off = {"DE": frozenset(date(2026, 3, day) for day in range(10, 32))}
    away = living("bob@kay.de", plus60=9)
    made = decide(away, fortnightly(CAT), days_off=days_off)
    assert [hold.title for hold in holds(made)] == ["Cat Lee"]
