"""The demo's single meetings: with those the owner writes to, those its suggestions and refusals hang on, and what is no meeting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from worker.demo_cast import (
    BOOKED,
    CANDIDATE,
    DAYS,
    DECLINED,
    FIRST_MET,
    GONE_QUIET,
    IN_TOUCH,
    KEY_PEOPLE,
    MET_AGAIN,
    OWNER_ZONE,
    REPORTS,
    TEAM,
    THANKED,
    Someone,
    Tie,
)
from worker.demo_events import Event, Guest, accepted, at, room, uid, weekday
from worker.demo_letters import Desk

MONDAY, WEDNESDAY, THURSDAY = 0, 2, 3


def meetings(today: date, desk: Desk) -> Iterator[Event]:
    """Yield single meetings with those the owner also writes to."""
    ties = (*GONE_QUIET, *(tie for tie, _, _ in KEY_PEOPLE), *IN_TOUCH)
    for tie in ties:
        if tie.meets:
            yield from _meetings_with(tie, today, desk)
    for number, back in enumerate(range(70, 1, -3)):
        others = tuple(Guest(who=one, answer=desk.chance.choice("yyyy?-")) for one in desk.chance.sample(TEAM, 4))
        title = desk.chance.choice(("Architecture council", "Incident review", "Roadmap check", "Budget, next year"))
        start = at(weekday(today, back, desk.chance.randrange(5)), 15, 30)
        extra = ("STATUS:CANCELLED",) if not (number + 1) % 6 else ()
        yield Event(
            uid=uid(f"team-{back}"),
            title=title,
            start=start,
            minutes=60,
            guests=(*others, room("Spree")),
            organizer=TEAM[number % 9],
            extra=extra,
        )


def _meetings_with(tie: Tie, today: date, desk: Desk) -> Iterator[Event]:
    age = float(min(tie.since, DAYS - 10))
    step = tie.gap * tie.meets
    number = 0
    while age > max(tie.until, 5):
        day = today - timedelta(days=int(age))
        day -= timedelta(days=max(0, day.weekday() - 4))
        helper = desk.chance.choice(REPORTS)
        people = (tie.who,) if number % 2 else (tie.who, helper)
        is_cancelled = desk.happens(0.08)
        yield Event(
            uid=uid(f"{tie.who.email.partition('@')[0]}-{number}"),
            title=f"{tie.who.first} / Maya"
            if number % 2
            else f"{desk.chance.choice(('Review', 'Catch-up', 'Workshop'))} with {tie.who.name}",
            start=at(day, desk.chance.choice((13, 14, 16)), desk.chance.choice((0, 30))),
            minutes=desk.chance.choice((30, 45, 60)),
            zone=desk.chance.choice(
                (OWNER_ZONE, OWNER_ZONE, OWNER_ZONE, "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna")
            ),
            guests=tuple(Guest(who=one, answer=desk.chance.choice("yyyyyy?")) for one in people),
            organizer=tie.who if desk.happens(0.4) else None,
            extra=("STATUS:CANCELLED",) if is_cancelled else ("STATUS:CONFIRMED",),
        )
        age -= step * desk.chance.uniform(0.8, 1.2)
        number += 1


def story(today: date) -> Iterator[Event]:
    """Yield what the demo's suggestions and refusals hang on; today is a Tuesday."""
    monday, friday = weekday(today, 0, MONDAY), weekday(today, 1, 4)
    yield Event(
        uid=uid("northlight"),
        title="Edge inference at Northlight",
        start=at(monday, 14),
        minutes=60,
        guests=accepted(FIRST_MET, TEAM[0]),
        organizer=FIRST_MET,
    )
    yield Event(uid=uid("brackwater"), title="Brackwater pilot", start=at(monday, 12), minutes=45, guests=accepted(THANKED))
    yield Event(
        uid=uid("lunch-elena"),
        title="Lunch with Elena",
        start=at(weekday(today, 1, WEDNESDAY), 12, 30),
        minutes=60,
        guests=accepted(MET_AGAIN.who),
    )
    for number, days in enumerate((160, 244, 330)):
        yield Event(
            uid=uid(f"lunch-{number}"),
            title="Lunch with Elena",
            start=at(today - timedelta(days=days), 12),
            minutes=60,
            guests=accepted(MET_AGAIN.who),
        )
    yield Event(
        uid="lagunare-intro@calendar.lagunare.example",
        title="Lagunare introduction",
        start=at(monday, 17),
        guests=accepted(DECLINED),
        owner="n",
        organizer=DECLINED,
    )
    yield Event(
        uid="interview-4711@hirewell.example",
        title="Interview: Staff Engineer (Jonas Weber)",
        start=at(monday, 16),
        minutes=45,
        guests=accepted(CANDIDATE, TEAM[2]),
        organizer=Someone(name="Hirewell Scheduling", email="scheduling@hirewell.example"),
    )
    yield Event(
        uid=uid("kestrel-off"),
        title="Kestrel review",
        start=at(friday, 16),
        guests=accepted(IN_TOUCH[0].who),
        extra=("STATUS:CANCELLED",),
    )
    yield Event(
        uid=uid("mirador"),
        title="Mirador: next steps",
        start=at(weekday(today, -1, THURSDAY), 15),
        minutes=45,
        guests=accepted(BOOKED.who),
    )
    yield Event(
        uid=uid("tokyo-dinner"),
        title="Dinner",
        start=at(weekday(today, 40, 2), 19),
        zone="Customized Time Zone",
        guests=accepted(IN_TOUCH[3].who),
    )
    yield Event(uid=uid("board"), title="Board prep", start=at(weekday(today, -2, 2), 14), minutes=120, guests=accepted(*TEAM[:3]))


def private(today: date) -> Iterator[Event]:
    """Yield what is nobody's business, and days that are no meetings."""
    monday = weekday(today, 0, MONDAY)
    doctor = Someone(name="Praxis Dr. Amsel", email="termine@praxis-amsel.example")
    yield Event(
        uid=uid("doctor"),
        title="Dr. Amsel",
        start=at(monday, 8),
        guests=accepted(doctor),
        organizer=doctor,
        extra=("CLASS:PRIVATE",),
    )
    yield Event(
        uid=uid("gym"),
        title="Running",
        start=at(weekday(today, 70, 2), 7),
        minutes=45,
        zone="",
        recurrence=("RRULE:FREQ=WEEKLY;BYDAY=WE,FR",),
    )
    yield Event(
        uid=uid("focus"),
        title="Focus time",
        start=at(weekday(today, 40, THURSDAY), 9, 45),
        minutes=60,
        recurrence=("RRULE:FREQ=WEEKLY",),
        extra=("TRANSP:OPAQUE",),
    )
    yield Event(
        uid=uid("crete"),
        title="Crete",
        start=weekday(today, 20, MONDAY),
        days=12,
        extra=("TRANSP:OPAQUE", "X-MICROSOFT-CDO-BUSYSTATUS:OOF"),
    )
    yield Event(
        uid=uid("birthday"),
        title="Birthday Dad",
        start=date(1954, 5, 9),
        recurrence=("RRULE:FREQ=YEARLY",),
        extra=("TRANSP:TRANSPARENT",),
    )
    lisbon = weekday(today, 25, THURSDAY)
    yield Event(uid=uid("devsummit"), title="DevSummit Lisbon", start=lisbon, days=2, extra=("TRANSP:TRANSPARENT",))
    yield Event(
        uid="speakers@devsummit.example",
        title="Speakers' dinner",
        start=at(lisbon, 20),
        minutes=150,
        zone="Europe/Lisbon",
        guests=accepted(*(tie.who for tie in IN_TOUCH[4:16])),
        organizer=Someone(name="DevSummit", email="speakers@devsummit.example"),
    )
