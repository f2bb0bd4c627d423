"""Who is worth the time, by two-way contact: strangers, broadcasts and what is long over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from rules.network import Person, Relation
from rules.rhythm import Contact
from rules.worth import MANY_DAYS, Lists, initiative, lists, value, worth

NOW = datetime(2026, 3, 10, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def wrote(days_ago: float, direction: Literal["in", "out"], recipients: int = 1, *, is_reply: bool = False) -> Contact:
    return Contact(at=NOW - days_ago * DAY, direction=direction, recipients=recipients, is_reply=is_reply)


def tie(name: str, *contacts: Contact) -> Relation:
    past = sorted(contacts, key=lambda contact: contact.at)
    person = Person(id=name, name=name, addresses=(f"{name}@acme.example",))
    return Relation(person=person, contacts=past, first_at=past[0].at, last_at=past[-1].at)


def talks(count: int, until: float, every: float = 7, recipients: int = 1) -> list[Contact]:
    return [wrote(until + every * number, "in", recipients, is_reply=True) for number in range(count)]


def named(found: tuple[Relation, ...]) -> list[str]:
    return [one.person.id for one in found]


def test_broadcasts_make_nobody_a_tie() -> None:
    stranger = tie("stranger", *(wrote(day, "out", 40) for day in range(1, 400, 5)), wrote(300, "in"))
    assert value(stranger) == 0
    found = lists([stranger], NOW)
    assert (found.about_to_lapse, found.lapsed, found.formerly_strong) == ((), (), ())


def test_the_owners_own_mail_does_not_hide_that_a_tie_is_silent() -> None:
    silent = tie("silent", *talks(5, until=200), wrote(1, "out", 40))
    assert named(lists([silent], NOW).lapsed) == ["silent"]


def test_a_tie_silent_for_years_is_over_unless_it_was_strong() -> None:
    weak, strong = tie("weak", *talks(5, until=800)), tie("strong", *talks(40, until=800))
    found = lists([weak, strong], NOW)
    assert found.lapsed == ()
    assert named(found.formerly_strong) == ["strong"]


def test_four_answers_in_the_threads_of_a_list_count_as_one_among_few() -> None:
    def counts(listed: int, few: int, among: int = 5) -> bool:
        contacts = [*talks(listed, until=200, every=20, recipients=30), *talks(few, until=205, every=20, recipients=among)]
        return lists([tie("one", *contacts)], NOW).lapsed != ()

    assert [counts(11, 0), counts(12, 0)] == [False, True]
    assert [counts(0, 2), counts(0, 3)] == [False, True]
    assert [counts(3, 2), counts(4, 2), counts(7, 1), counts(8, 1)] == [False, True, False, True]
    assert [counts(0, 3, among=5), counts(0, 3, among=6)] == [True, False]


def test_many_days_of_answers_in_company_are_a_strong_tie_too() -> None:
    enough = tie("enough", *talks(MANY_DAYS, until=200, every=20, recipients=30))
    short = tie("short", *talks(MANY_DAYS - 1, until=200, every=20, recipients=30))
    found = lists([enough, short], NOW)
    assert named(found.formerly_strong) == ["enough"]
    assert named(found.lapsed) == ["short"]


def test_someone_muted_or_booked_is_on_no_list() -> None:
    one = tie("one", *talks(5, until=200))
    muted = replace(one, person=replace(one.person, is_muted=True))
    assert lists([muted], NOW).lapsed == ()
    assert named(lists([one], NOW).lapsed) == ["one"]


def test_a_friend_at_free_mail_is_a_tie_like_any_other() -> None:
    work = tie("work", *talks(5, until=200))
    friend = replace(work, person=replace(work.person, id="friend", addresses=("annie83@gmail.com",)))
    assert (named(lists([friend], NOW).lapsed), value(friend)) == (["friend"], value(work))


def test_private_talks_are_worth_more_than_talks_in_a_crowd() -> None:
    assert value(tie("a", *talks(10, until=50))) > value(tie("b", *talks(10, until=50, recipients=30))) > 0


def test_only_personal_contacts_tell_who_begins() -> None:
    assert initiative(tie("a", wrote(9, "out"), wrote(8, "in"), wrote(7, "out", 40))) == 0.5
    assert initiative(tie("a", wrote(9, "out"), wrote(8, "out"), wrote(7, "in", is_reply=True))) == 1
    assert initiative(tie("a", wrote(9, "out", 40))) == 0.5


def test_worth_is_value_times_the_chance_of_lapse() -> None:
    fading, lively = tie("fading", *talks(20, until=80)), tie("lively", *talks(20, until=1))
    assert value(fading) > worth(fading, NOW) > worth(lively, NOW)


def test_a_talk_or_two_make_no_tie_that_could_lapse_unless_the_owner_says_so() -> None:
    twice, thrice = tie("twice", *talks(2, until=120)), tie("thrice", *talks(3, until=120))
    named_key = replace(twice, person=replace(twice.person, id="key", is_key=True))
    met_alone = replace(twice, person=replace(twice.person, id="met"), one_to_ones_held=2)
    assert set(named(lists([twice, thrice, named_key, met_alone], NOW).lapsed)) == {"thrice", "key", "met"}


def test_a_silence_of_days_is_nobodys_worry() -> None:
    contacts = [wrote(400 - 60 * number, "in", is_reply=True) for number in range(6)]
    days, weeks = tie("days", *contacts, *talks(1, until=8)), tie("weeks", *contacts, *talks(1, until=70))
    assert named(lists([days, weeks], NOW).about_to_lapse) == ["weeks"]


def test_a_strong_tie_reads_as_one_of_the_past_sooner_than_it_is_forgotten() -> None:
    strong, late = tie("strong", *talks(40, until=110)), tie("late", *talks(40, until=130))
    found = lists([strong, late], NOW)
    assert (named(found.lapsed), named(found.formerly_strong)) == (["strong"], ["late"])


def test_a_silence_within_the_usual_gap_is_no_lapse_however_long_that_gap_is() -> None:
    yearly = [wrote(300 + 400 * number, "in", is_reply=True) for number in range(4)]
    assert lists([tie("within", *yearly)], NOW) == Lists(about_to_lapse=(), lapsed=(), formerly_strong=())
    beyond = [replace(contact, at=contact.at - 150 * DAY) for contact in yearly]
    assert named(lists([tie("beyond", *beyond)], NOW).lapsed) == ["beyond"]


def test_the_gap_the_owner_wants_goes_before_the_usual_one() -> None:
    monthly = tie("monthly", *talks(6, until=100, every=30))
    relaxed = replace(monthly, person=replace(monthly.person, cadence=120 * DAY))
    assert (named(lists([monthly], NOW).lapsed), named(lists([relaxed], NOW).lapsed)) == (["monthly"], [])


def test_whoever_wrote_in_person_of_late_is_on_no_list() -> None:
    silent = talks(6, until=150, every=20)
    assert named(lists([tie("crowd", *silent, wrote(5, "in", 30))], NOW).lapsed) == ["crowd"]
    assert lists([tie("person", *silent, wrote(5, "in", 2))], NOW).lapsed == ()
    assert named(lists([tie("before", *silent, wrote(25, "in", 2))], NOW).lapsed) == ["before"]


def test_whoever_left_two_mails_in_person_unanswered_is_on_no_list() -> None:
    silent = talks(6, until=150, every=20)
    assert named(lists([tie("one", *silent, wrote(60, "out"))], NOW).lapsed) == ["one"]
    assert lists([tie("two", *silent, wrote(60, "out"), wrote(40, "out"))], NOW).lapsed == ()
    assert named(lists([tie("crowd", *silent, wrote(60, "out", 30), wrote(40, "out", 30))], NOW).lapsed) == ["crowd"]


def test_one_matter_of_some_days_is_no_tie_however_many_answers_it_took() -> None:
    matter, tied = tie("matter", *talks(9, until=120, every=1.5)), tie("tied", *talks(9, until=120, every=2))
    assert named(lists([matter, tied], NOW).lapsed) == ["tied"]


def test_whom_the_owner_settled_or_nobody_can_judge_is_on_no_list() -> None:
    known = tie("known", *talks(40, until=200))
    assert named(lists([known], NOW).formerly_strong) == ["known"]
    settled = (
        replace(known, snoozed_until=NOW + DAY),
        replace(known, stopped_rules=frozenset({"*"})),
        replace(known, dead_addresses=frozenset(known.person.addresses)),
        replace(known, is_covered=False),
        replace(known, person=replace(known.person, is_muted=True)),
    )
    assert [lists([one], NOW).formerly_strong for one in settled] == [()] * len(settled)
    ended = replace(known, snoozed_until=NOW, stopped_rules=frozenset({"check_in"}), dead_addresses=frozenset({"old@acme.example"}))
    assert named(lists([ended], NOW).formerly_strong) == ["known"]
