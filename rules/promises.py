"""Promises as the owner words them: what, for whom, and by when; a line of the command line or the subject of a mail."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from rules.addresses import match_key

WITHOUT_A_DAY: Final = timedelta(days=7)
"""When a promise is due that names no day."""
DAYS: Final = {
    name: number
    for number, names in enumerate(
        (
            "monday mon montag mo",
            "tuesday tue dienstag di",
            "wednesday wed mittwoch mi",
            "thursday thu donnerstag do",
            "friday fri freitag fr",
            "saturday sat samstag sonnabend sa",
            "sunday sun sonntag so",
        )
    )
    for name in names.split()
}
SOON: Final = {"today": 0, "heute": 0, "tonight": 0, "tomorrow": 1, "morgen": 1, "übermorgen": 2}
MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january januar jan",
            "february februar feb",
            "march märz mar",
            "april apr",
            "may mai",
            "june juni jun",
            "july juli jul",
            "august aug",
            "september sep sept",
            "october oktober oct okt",
            "november nov",
            "december dezember dec dez",
        ),
        start=1,
    )
    for name in names.split()
}
SPAN: Final = re.compile(r"(?:in |within )?(\d{1,3}) ?(d|days?|w|weeks?|m|months?|tage?n?|wochen?|monate?n?)")
DAY_MONTH: Final = re.compile(r"(?:the )?(\d{1,2})(?:\.|st|nd|rd|th)? (?:of )?([a-zä]+)\.?(?: (\d{4}))?")
MONTH_DAY: Final = re.compile(r"([a-zä]+)\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?")
DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})?")
BY: Final = re.compile(r"[\s,(]+(?:by|until|till|due|bis(?: zum| spätestens)?)[:\s]+([^()]+?)[\s.!)]*$", re.IGNORECASE)
REPLY: Final = re.compile(r"^(?:(?:re|aw|fwd?|wg)\s*:\s*)+", re.IGNORECASE)
TAG: Final = "promise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Something the owner said they would do for a person."""

    id: str
    text: str
    made_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """A promise read from one line."""

    text: str
    due: date
    who: str = ""
    """For whom as the line says it, "Bob: send the paper"; "" where it says nobody."""


def day_named(text: str, today: date) -> date | None:
    """Return the day a text names, today or later: friday, tomorrow, 2026-06-12, 12 June, 12.6., 3d, in 2 weeks; else None."""
    said = " ".join(text.casefold().split()).removeprefix("next ").removeprefix("nächsten ").removeprefix("this ")
    if said in DAYS:
        return today + timedelta(days=(DAYS[said] - today.weekday()) % 7)
    if said in SOON:
        return today + timedelta(days=SOON[said])
    if span := SPAN.fullmatch(said):
        return today + timedelta(days=int(span[1]) * {"d": 1, "t": 1, "w": 7, "m": 30}[span[2][0]])
    return _written_out(said, today)


def _written_out(said: str, today: date) -> date | None:
    try:
        return max(date.fromisoformat(said), today)
    except ValueError:
        pass
    if found := DOTTED.fullmatch(said):
        return _date(int(found[1]), int(found[2]), found[3], today)
    if (found := DAY_MONTH.fullmatch(said)) and found[2] in MONTHS:
        return _date(int(found[1]), MONTHS[found[2]], found[3], today)
    if (found := MONTH_DAY.fullmatch(said)) and found[1] in MONTHS:
        return _date(int(found[2]), MONTHS[found[1]], found[3], today)
    return None


def _date(day: int, month: int, year: str | None, today: date) -> date | None:
    try:
        named = date(int(year or today.year), month, day)
        return named if year or named >= today else named.replace(year=today.year + 1)
    except ValueError:
        return None


def promised(line: str, today: date) -> Promised | None:
    """Read a line like "Bob Stone: send the paper by friday"; None where it says nothing. A week where it names no day."""
    text = REPLY.sub("", " ".join(line.split()))
    due: date | None = None
    if (found := BY.search(text)) and (due := day_named(found[1], today)):
        text = text[: found.start()]
    who, colon, what = text.partition(":")
    if not colon or not what.strip():
        who, what = "", text
    if not what.strip():
        return None
    return Promised(who=who.strip(), text=what.strip(), due=due or today + WITHOUT_A_DAY)


def is_promise_box(email: str, owner: Iterable[str]) -> bool:
    """Tell whether an address as written is one of the owner's own with +promise; `owner`: their match keys."""
    local, _, _ = email.strip().strip("<>").lower().rpartition("@")
    return local.partition("+")[2] == TAG and match_key(email) in set(owner)
