"""How the owner's attention is spread: whose the meeting hours are, or the mail where there is no calendar, and what lies outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from rules.network import Meeting, Network, Relation
from rules.people import match_key

YEAR: Final = timedelta(days=365)
TOP: Final = 5
LATELY: Final = timedelta(days=45)
"""An outside meeting this recent is not worth a word."""
NUMBERS: Final = ("nobody", "one person", "two people", "three people", "four people", "five people")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """How the owner's meeting hours (or, without a calendar, mails) of twelve months are spread over people."""

    hours: float
    """In meetings, each shared out equally among the others in it; 0 where only mail is known."""
    top: tuple[tuple[str, float], ...]
    """Up to five (name, share), largest first."""
    top_share: float
    """Their share together, 0 to 1."""
    last_outside_at: datetime | None
    """The last held meeting with somebody outside the owner's organisation."""
    sentence: str
    """It all in one sentence; "" where there is nothing to tell."""


def attention(network: Network, held: Iterable[Meeting], now: datetime) -> Attention:
    """Weigh the last twelve months before `now`, or before the last meeting or mail where that is long ago."""
    zone = ZoneInfo(network.owner.zone)
    names = {key: _name(relation) for relation in network.relations for key in relation.person.addresses}
    meetings = list(held)
    outside = max((one.end for one in meetings if _is_outside(one)), default=None)
    last = max((one.end for one in meetings), default=None) or max(
        (one.last_at for one in network.relations if one.last_at), default=now
    )
    until = now if now - last <= LATELY else last
    recent = [one for one in meetings if until - YEAR < one.end <= until]
    shares = _by_meetings(recent, names) if recent else _by_mail(network.relations, until)
    total = sum(shares.values())
    top = tuple((name, weight / total) for name, weight in shares.most_common(TOP)) if total else ()
    top_share = sum(share for _, share in top)
    return Attention(
        hours=total if recent else 0.0,
        top=top,
        top_share=top_share,
        last_outside_at=outside,
        sentence=_sentence(top, top_share, outside, until, now, zone, what="meeting hours" if recent else "mail"),
    )


def _by_meetings(meetings: Sequence[Meeting], names: dict[str, str]) -> Counter[str]:
    """Share each meeting's hours equally among the others who were in it."""
    hours: Counter[str] = Counter()
    for one in meetings:
        there = [
            guest for guest in one.guests if guest.kind in {"human", "unknown"} and guest.response not in {"declined", "delegated"}
        ]
        for guest in there:
            key = match_key(guest.address.email)
            hours[names.get(key, guest.address.name or key)] += (one.end - one.start) / timedelta(hours=1) / len(there)  # type: ignore[assignment]  # Counter of floats
    return hours


def _by_mail(relations: Sequence[Relation], until: datetime) -> Counter[str]:
    """Share each message equally among those it is addressed to."""
    mails: Counter[str] = Counter()
    for relation in relations:
        weight = sum(1 / contact.recipients for contact in relation.contacts if until - YEAR < contact.at <= until)
        if weight:
            mails[_name(relation)] += weight  # type: ignore[assignment]  # Counter of floats
    return mails


def _name(relation: Relation) -> str:
    return relation.person.name or relation.person.addresses[0]


def _is_outside(one: Meeting) -> bool:
    return any(not guest.is_internal and guest.kind in {"human", "unknown"} for guest in one.guests)


def _sentence(
    top: Sequence[tuple[str, float]],
    share: float,
    outside: datetime | None,
    until: datetime,
    now: datetime,
    zone: tzinfo,
    *,
    what: str,
) -> str:
    if not top:
        return ""
    who = NUMBERS[len(top)]
    text = f"{who.capitalize()} {'takes' if len(top) == 1 else 'take'} {share:.0%} of your {what}"
    if until < now:
        text = f"In the year to {_month(until, now, zone)}, {text[0].lower()}{text[1:].replace('take ', 'took ').replace('takes ', 'took ')}"
    if what == "mail" or (outside is not None and now - outside <= LATELY):
        return f"{text}."
    return (
        f"{text}; nobody outside since {_month(outside, now, zone)}." if outside else f"{text}; nobody outside your organisation."
    )


def _month(at: datetime, now: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%B}" if now - at < YEAR * 0.9 else f"{local:%B %Y}"
