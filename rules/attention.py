"""How the owner's attention is spread: whose the meeting hours are, how evenly, and how long nobody outside was met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum

from rules.addresses import match_key
from rules.network import Guest, Meeting, Network, Relation
from rules.rhythm import rows_of
from rules.words import called
from rules.workdays import zone_of

YEAR = timedelta(days=365)
LATELY = timedelta(days=45)
"""Somebody outside met this recently is not worth a word; a history that ended longer ago is looked at from its end."""
TOP = 5
NUMBERS = ("nobody", "one person", "two people", "three people", "four people", "five people")


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
    gini: float = 0.0
    """How unevenly it is spread: 0 = everybody alike, towards 1 = all to one."""


def attention(network: Network, held: Iterable[Meeting], now: datetime) -> Attention:
    """Weigh the last twelve months before `now`, or before the last meeting or mail where that is long ago."""
    meetings = [one for one in held if one.end <= now]
    until = _until(network, meetings, now)
    recent = [one for one in meetings if until - YEAR < one.end <= until]
    shares = _by_meetings(recent, network) or _by_mail(network.relations, until)
    total = fsum(shares.values())
    ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    top = tuple((name, share / total) for name, share in ranked[:TOP]) if total else ()
    outside = max((one.end for one in meetings if any(_is_outsider(guest) for guest in one.guests)), default=None)
    return Attention(
        hours=total if recent else 0.0,
        top=top,
        top_share=fsum(share for _, share in top),
        last_outside_at=outside,
        sentence=_sentence(network, top, outside, until, now, has_meetings=bool(recent)),
        gini=gini(tuple(shares.values())),
    )


def gini(shares: Sequence[float]) -> float:
    """Return the Gini coefficient of amounts, 0 to 1; 0 for none."""
    ascending, total = sorted(shares), fsum(shares)
    if total <= 0:
        return 0.0
    weighted = fsum((2 * rank - len(ascending) - 1) * share for rank, share in enumerate(ascending, start=1))
    return weighted / (len(ascending) * total)


def _until(network: Network, meetings: Sequence[Meeting], now: datetime) -> datetime:
    """Return the end of the year to weigh."""
    mails = [one.last_at for one in network.relations if one.last_at]
    last = max((one.end for one in meetings), default=None) or max(mails, default=now)
    return now if now - last <= LATELY else last


def _by_meetings(meetings: Iterable[Meeting], network: Network) -> Mapping[str, float]:
    """Share each meeting's hours equally among the others who were in it."""
    names = {key: called(relation) for relation in network.relations for key in relation.person.addresses}
    hours: dict[str, float] = {}
    for one in meetings:
        there = [guest for guest in one.guests if _is_somebody(guest) and guest.response not in {"declined", "delegated"}]
        for guest in there:
            key = match_key(guest.address.email)
            name = names.get(key, guest.address.name or key)
            hours[name] = hours.get(name, 0.0) + (one.end - one.start) / timedelta(hours=1) / len(there)
    return hours


def _by_mail(relations: Iterable[Relation], until: datetime) -> Mapping[str, float]:
    """Share each message equally among those it is addressed to."""
    mails: dict[str, float] = {}
    first, last = (until - YEAR).timestamp(), until.timestamp()
    for relation in relations:
        weight = fsum(1 / max(recipients, 1) for at, _, recipients, _ in rows_of(relation.contacts) if first < at <= last)
        if weight:
            mails[called(relation)] = mails.get(called(relation), 0.0) + weight
    return mails


def _is_somebody(guest: Guest) -> bool:
    return guest.kind in {"human", "unknown"}


def _is_outsider(guest: Guest) -> bool:
    return _is_somebody(guest) and not guest.is_internal


def _sentence(
    network: Network,
    top: Sequence[tuple[str, float]],
    outside: datetime | None,
    until: datetime,
    now: datetime,
    *,
    has_meetings: bool,
) -> str:
    if not top:
        return ""
    share, is_past = f"{fsum(part for _, part in top):.0%}", until < now
    verb = "took" if is_past else "takes" if len(top) == 1 else "take"
    text = f"{NUMBERS[len(top)]} {verb} {share} of your {'meeting hours' if has_meetings else 'mail'}"
    text = f"in the year to {_month(network, until, now)}, {text}" if is_past else text
    if has_meetings and outside is None:
        text += "; nobody outside your organisation"
    elif has_meetings and outside is not None and now - outside > LATELY:
        text += f"; nobody outside since {_month(network, outside, now)}"
    return f"{text[0].upper()}{text[1:]}."


def _month(network: Network, at: datetime, now: datetime) -> str:
    local = at.astimezone(zone_of(network.owner))
    return f"{local:%B}" if now - at < YEAR * 0.8 else f"{local:%B %Y}"
