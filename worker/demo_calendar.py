"""The demo's calendar: a CTO's weeks with their series, in several zones, with exceptions; demo_meetings.py has the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from worker.demo_cast import COMPANY, GONE_QUIET, OWNER_ZONE, REPORTS, TEAM, VENDOR, Someone
from worker.demo_events import Event, Guest, accepted, at, excluded, room, uid, until, weekday
from worker.demo_letters import Desk
from worker.demo_meetings import meetings, private, story

CUSTOM_ZONE = [
    "BEGIN:VTIMEZONE",
    "TZID:Customized Time Zone",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:+0900",
    "TZOFFSETTO:+0900",
    "END:STANDARD",
    "END:VTIMEZONE",
]
MONDAY, THURSDAY = 0, 3


def events(now: datetime, desk: Desk) -> Iterator[Event]:
    """Yield the VEVENTs of the world, from eighteen months ago to six weeks ahead."""
    today = now.astimezone(ZoneInfo(OWNER_ZONE)).date()
    yield from _series(today)
    yield from _ended_series(today)
    yield from _one_to_ones(today)
    yield from meetings(today, desk)
    yield from story(today)
    yield from private(today)


def _series(today: date) -> Iterator[Event]:
    begin = weekday(today, 77, MONDAY)
    standup, leadership = at(begin, 9, 30), at(begin, 10, 30)
    gone = [at(weekday(today, back, day), 9, 30) for back, day in ((30, 0), (30, 1), (30, 2), (12, 4))]
    yield Event(
        uid=uid("standup"),
        title="Platform standup",
        start=standup,
        minutes=15,
        guests=accepted(*TEAM[:8]),
        organizer=TEAM[0],
        recurrence=("RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", excluded(*gone)),
    )
    people = (*accepted(*TEAM[:5]), room("Spree"))
    weekly = Event(
        uid=uid("leadership"),
        title="Leadership round",
        start=leadership,
        minutes=60,
        guests=people,
        recurrence=("RRULE:FREQ=WEEKLY",),
    )
    yield weekly
    moved, dropped = at(weekday(today, 3, MONDAY), 10, 30), at(weekday(today, 5, MONDAY), 10, 30)
    yield Event(
        uid=weekly.uid, title=weekly.title, start=moved + timedelta(days=1, hours=4), minutes=60, guests=people, original=moved
    )
    yield Event(
        uid=weekly.uid, title=weekly.title, start=dropped, minutes=60, guests=people, original=dropped, extra=("STATUS:CANCELLED",)
    )
    hands = tuple(
        Guest(who=Someone(name=f"Colleague {n}", email=f"colleague{n}@{COMPANY}"), answer="y?-"[n % 3]) for n in range(64)
    )
    everyone = Guest(who=Someone(name="Everyone", email=f"all@{COMPANY}"), kind="GROUP")
    yield Event(
        uid=uid("all-hands"),
        title="All-hands",
        start=at(weekday(today, 76, THURSDAY), 16),
        minutes=60,
        guests=(*hands, everyone, room("Havel")),
        organizer=TEAM[6],
        recurrence=("RRULE:FREQ=MONTHLY;BYDAY=1TH",),
    )
    yield Event(
        uid="cloudharbor-weekly@calendar.cloudharbor.example",
        title="Cloudharbor weekly",
        start=at(weekday(today, 60, 2), 15),
        guests=accepted(VENDOR, TEAM[1]),
        organizer=VENDOR,
        zone="W. Europe Standard Time",
        recurrence=("RRULE:FREQ=WEEKLY;BYDAY=WE",),
    )


def _ended_series(today: date) -> Iterator[Event]:
    """Yield the series that stopped when the tie went quiet."""
    aiko, ingrid = GONE_QUIET[1], GONE_QUIET[3]
    last = today - timedelta(days=aiko.until)
    begin = weekday(today, 70, 1)
    yield Event(
        uid=uid("hoshino-sync"),
        title="Hoshino sync",
        start=at(begin, 17),
        zone="Asia/Tokyo",
        guests=accepted(aiko.who),
        recurrence=(f"RRULE:FREQ=WEEKLY;INTERVAL=2;{until(at(last, 18), 'Asia/Tokyo')}",),
    )
    first = today - timedelta(days=540)
    yield Event(
        uid=uid("coffee-ingrid"),
        title="Coffee with Ingrid",
        start=at(first - timedelta(days=first.weekday() - 3), 8, 30),
        zone="Europe/Oslo",
        minutes=45,
        guests=accepted(ingrid.who),
        recurrence=(f"RRULE:FREQ=MONTHLY;BYDAY=2TH;{until(at(today - timedelta(days=ingrid.until), 18), 'Europe/Oslo')}",),
    )


def _one_to_ones(today: date) -> Iterator[Event]:
    for number, member in enumerate(REPORTS):
        start = at(weekday(today, 70, number % 5), 11 + 3 * (number // 5), 30)
        one = Event(
            uid=uid(f"one-to-one-{number}"),
            title=f"1:1 {member.first} / Maya",
            start=start,
            guests=accepted(member),
            recurrence=("RRULE:FREQ=WEEKLY", excluded(start + timedelta(weeks=20), start + timedelta(weeks=21))),
        )
        yield one
        for week in (33, 60 + number):
            original = start + timedelta(weeks=week)
            yield Event(uid=one.uid, title=one.title, start=original + timedelta(hours=5), guests=one.guests, original=original)
