"""The demo's mail: talks between people, and the din of newsletters, bots, lists and strangers around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from worker.demo_cast import (
    ALIAS,
    BOOKED,
    BOTS,
    COMPANY,
    DAYS,
    FIRST_MET,
    GONE_AWAY,
    GONE_QUIET,
    IN_TOUCH,
    KEY_PEOPLE,
    LISTS,
    MET_AGAIN,
    NEWSLETTERS,
    OWNER_NAME,
    OWNER_ZONE,
    PRIVATE,
    RECRUITERS,
    SLOW,
    SUBJECTS,
    TEAM,
    THANKED,
    UNANSWERED,
    Someone,
    Tie,
)
from worker.demo_letters import OWNER, Desk, Letter

TALKERS: tuple[Tie, ...] = (
    *GONE_QUIET,
    *(tie for tie, _, _ in KEY_PEOPLE),
    *IN_TOUCH,
    BOOKED,
    SLOW,
    UNANSWERED,
    GONE_AWAY,
    MET_AGAIN,
)
FACES = (OWNER, Someone(name=OWNER_NAME, email=ALIAS), Someone(name=OWNER_NAME, email=PRIVATE))
DAY = timedelta(days=1)
OPENS, CLOSES, FRIDAY = 8, 18, 4


def letters(now: datetime, desk: Desk) -> Iterator[Letter]:
    """Yield all mail of the world, none of it after `now`."""
    for tie in TALKERS:
        yield from _talks(tie, now, desk)
    yield from _story(now, desk)
    for member in TEAM:
        yield from _colleague(member, now, desk)
    yield from _newsletters(now, desk)
    yield from _bots(now, desk)
    yield from _lists(now, desk)
    yield from _strangers(now, desk)


def talk(
    who: Someone, first_at: datetime, subject: str, turns: int, desk: Desk, *, before: datetime, begins: bool | None = None
) -> Iterator[Letter]:
    """Yield a thread of `turns` mails between the owner and somebody, each in its writer's working hours, none after `before`."""
    face = FACES[desk.chance.choices((0, 1, 2), (80, 12, 8))[0]]
    is_owners_turn = desk.happens(0.45) if begins is None else begins
    at = first_at
    ids: tuple[str, ...] = ()
    for turn in range(turns):
        author, reader = (face, who) if is_owners_turn else (who, face)
        at = at_work(at, author.zone, desk)
        if at >= before:
            return
        one = desk.id(author.email.partition("@")[2])
        yield Letter(
            at=at,
            author=author,
            to=(reader,),
            subject=subject if turn == 0 else f"Re: {subject}",
            id=one,
            replies_to=ids[-4:],
            text=desk.text(reader, author),
        )
        ids = (*ids, one)
        at += timedelta(hours=desk.chance.uniform(1, 22))
        is_owners_turn = not is_owners_turn


def at_work(at: datetime, zone: str, desk: Desk) -> datetime:
    """Move an instant forward into the working hours of a zone."""
    local = at.astimezone(ZoneInfo(zone))
    if not OPENS <= local.hour < CLOSES:
        local = datetime.combine(
            local.date() + (DAY if local.hour >= CLOSES else timedelta()), time(OPENS, desk.chance.randrange(60)), local.tzinfo
        )
    while local.weekday() > FRIDAY:
        local += DAY
    return local.replace(second=desk.chance.randrange(60), microsecond=0)


def ago(now: datetime, days: float, hour: int, minute: int = 0) -> datetime:
    """Return a time of day of the owner's, so many days ago."""
    local = now.astimezone(ZoneInfo(OWNER_ZONE)) - timedelta(days=days)
    return local.replace(hour=hour, minute=minute, second=0, microsecond=0)


def _talks(tie: Tie, now: datetime, desk: Desk) -> Iterator[Letter]:
    until = now - timedelta(days=tie.until)
    at = now - timedelta(days=tie.since - desk.chance.uniform(0, tie.gap))
    while at < until:
        subject = desk.chance.choice(tie.subjects or SUBJECTS)
        second = tie.second_email and desk.happens(0.3)
        who = Someone(name=tie.who.name, email=tie.second_email, zone=tie.who.zone) if second else tie.who
        yield from talk(who, at, subject, desk.chance.choice((2, 2, 3, 4)), desk, before=until)
        at += timedelta(days=max(1.0, desk.chance.gauss(tie.gap, tie.gap * 0.25)))
    yield from talk(tie.who, until, desk.chance.choice(SUBJECTS), 2, desk, before=min(now, until + 4 * DAY), begins=True)


def _story(now: datetime, desk: Desk) -> Iterator[Letter]:
    """Yield what the demo's suggestions and refusals hang on."""
    yield from talk(FIRST_MET, ago(now, 11, 9), "Edge inference at Northlight", 3, desk, before=ago(now, 6, 9), begins=False)
    yield from talk(THANKED, ago(now, 12, 10), "Brackwater pilot", 2, desk, before=ago(now, 7, 9), begins=False)
    yield _single(OWNER, THANKED, ago(now, 1, 15, 10), "Thank you for this morning", desk)
    yield from talk(MET_AGAIN.who, ago(now, 10, 9), "Lunch in Berlin", 2, desk, before=ago(now, 5, 9), begins=False)
    for days, subject in ((41, "Norrskog numbers"), (19, "Still interested?")):
        yield _single(OWNER, UNANSWERED.who, ago(now, days, 11, 20), subject, desk)
    lost = _single(OWNER, GONE_AWAY.who, ago(now, 30, 16, 5), "Atelier visit", desk)
    yield lost
    yield _bounce(lost, desk)


def _single(author: Someone, reader: Someone, at: datetime, subject: str, desk: Desk) -> Letter:
    one = desk.id(author.email.partition("@")[2])
    return Letter(at=at, author=author, to=(reader,), subject=subject, id=one, text=desk.text(reader, author))


def _bounce(lost: Letter, desk: Desk) -> Letter:
    return Letter(
        at=lost.at + timedelta(seconds=40),
        author=Someone(name="Mail Delivery System", email="mailer-daemon@mx.meridian.example"),
        subject="Undelivered Mail Returned to Sender",
        id=desk.id("mx.meridian.example"),
        replies_to=(lost.id,),
        headers=(("Return-Path", "<>"), ("Auto-Submitted", "auto-replied"), ("X-Failed-Recipients", lost.to[0].email)),
        content_type='multipart/report; report-type=delivery-status; boundary="=_bounce"',
        text="--=_bounce\nContent-Type: text/plain\n\nThe account does not exist any more.\n--=_bounce--\n",
    )


def _colleague(member: Someone, now: datetime, desk: Desk) -> Iterator[Letter]:
    at = now - timedelta(days=DAYS)
    gap = desk.chance.uniform(9, 20)
    while at < now:
        subject = desk.chance.choice(SUBJECTS)
        for letter in talk(member, at, subject, desk.chance.choice((1, 2, 2, 3)), desk, before=now):
            others = tuple(one for one in desk.chance.sample(TEAM, desk.chance.choice((0, 0, 1, 3))) if one is not member)
            yield Letter(
                at=letter.at,
                author=letter.author,
                to=letter.to,
                cc=others,
                subject=letter.subject,
                id=letter.id,
                replies_to=letter.replies_to,
                text=letter.text,
            )
        at += timedelta(days=desk.chance.expovariate(1 / gap))


def _newsletters(now: datetime, desk: Desk) -> Iterator[Letter]:
    for number, (name, email, domain) in enumerate(NEWSLETTERS):
        for week in range(DAYS // 7):
            headers = (
                ("List-Id", f"<weekly.{domain}>"),
                ("List-Unsubscribe", f"<https://{domain}/out>, <mailto:out@{domain}>"),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
                ("Precedence", "bulk"),
                ("Return-Path", f"<bounce-{desk.chance.getrandbits(32):08x}@{domain}>"),
                ("Feedback-ID", f"{week}:weekly:{domain}"),
            )
            at = ago(now, 1 + week * 7 + number % 5, 7, desk.chance.randrange(60))
            yield Letter(
                at=at,
                author=Someone(name=name, email=email),
                subject=f"{name}: issue {DAYS // 7 - week}",
                id=desk.id(domain),
                headers=headers,
                text="This week in our field.\n",
            )


def _bots(now: datetime, desk: Desk) -> Iterator[Letter]:
    for day in range(1, DAYS):
        if ago(now, day, 0).weekday() > FRIDAY:
            continue
        for name, email, pattern in desk.chance.choices(BOTS, (5, 4, 3, 1), k=desk.chance.randint(2, 6)):
            state = desk.chance.choice(("failed", "passed", "closed", "approved", "resolved"))
            yield Letter(
                at=ago(now, day, desk.chance.randrange(24), desk.chance.randrange(60)),
                author=Someone(name=name, email=email),
                subject=pattern.format(n=desk.chance.randrange(100, 9000), state=state),
                id=desk.id(email.partition("@")[2]),
                headers=(("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All"), ("Precedence", "bulk")),
                text="This message was made by a machine.\n",
            )


def _lists(now: datetime, desk: Desk) -> Iterator[Letter]:
    posters: Sequence[Someone] = (*TEAM, *(tie.who for tie in IN_TOUCH[:6]))
    for day in range(1, DAYS):
        for name, address, prefix in desk.chance.sample(LISTS, desk.chance.choice((0, 1, 1, 2))):
            author = desk.chance.choice(TEAM if address.endswith(COMPANY) else posters)
            domain = address.partition("@")[2]
            yield Letter(
                at=at_work(ago(now, day, desk.chance.randrange(8, 18)), author.zone, desk)
                if day > len(LISTS) * 2
                else ago(now, day, 12),
                author=author,
                to=(Someone(name="", email=address),),
                subject=prefix + desk.chance.choice(SUBJECTS),
                id=desk.id(author.email.partition("@")[2]),
                headers=(
                    ("List-Id", f"<{name}.{domain}>"),
                    ("List-Post", f"<mailto:{address}>"),
                    ("Precedence", "list"),
                    ("Return-Path", f"<{name}-bounces@{domain}>"),
                ),
                text="Some thoughts for everybody.\n",
            )


def _strangers(now: datetime, desk: Desk) -> Iterator[Letter]:
    for number, author in enumerate(RECRUITERS):
        for turn in range(9):
            at = at_work(ago(now, 6 + number + turn * 21, 10), author.zone, desk)
            yield _single(author, OWNER, min(at, now.astimezone(UTC) - DAY), f"Quick question, Maya ({turn + 1})", desk)
