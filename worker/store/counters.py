"""Counters: what each address was seen doing, kept by adding and taking back, so that no page costs more than itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, repeat
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple
from zlib import crc32

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select

from rules.facts import Address
from rules.people import Sighting
from worker.store.json_lines import encode
from worker.store.mapping import decode, json_text
from worker.store.statements import among, chunks, insert_narrow, listed, upsert_rows
from worker.store.tables import address, party

NAMES = 32
"""Different names or spellings kept of one address; a machine that writes under thousands keeps some, whatever the order."""


_SENT_AT = _ADDRESS = itemgetter(1)


class Shown(NamedTuple):
    """What one counted message shows."""

    message: int
    sent_at: int
    recipients: int
    sightings: tuple[Sighting, ...]


class _Seen(NamedTuple):
    """Sighting by sighting, by the time of their messages."""

    sightings: Sequence[Sighting]
    messages: Sequence[int]
    times: Sequence[int]
    recipients: Sequence[int]


@dataclass(slots=True)
class _Delta:
    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    spellings: dict[str, int] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    is_less: bool = False
    """Something was taken back: the first or last time may have gone with it."""


def shift(connection: Connection, owner: str, minus: Sequence[Shown], plus: Sequence[Shown]) -> set[str]:
    """Take back what some messages showed and add what others show; return the match keys touched."""
    deltas: dict[str, _Delta] = {}
    for some in chunks([each.message for each in minus]):
        connection.execute(delete(party).where(party.c.message.in_(some)))
    _count(deltas, _seen(minus), -1)
    seen = _seen(plus)
    insert_narrow(connection, party, _parties(owner, seen))
    _count(deltas, seen, 1)
    _add(connection, owner, deltas)
    return set(deltas)


def rename(
    connection: Connection, owner: str, minus: Iterable[tuple[str, Address]], plus: Iterable[tuple[str, Address]]
) -> set[str]:
    """Take back and add names and spellings a calendar shows, by match key; return the keys touched."""
    deltas: dict[str, _Delta] = {}
    for sign, named in ((-1, minus), (1, plus)):
        for key, found in named:
            delta = deltas.setdefault(key, _Delta())
            if found.name:
                _more(delta.names, found.name, sign)
            _more(delta.spellings, found.email, sign)
    _add(connection, owner, deltas)
    return set(deltas)


def _seen(shown: Iterable[Shown]) -> _Seen:
    """Lay out in columns what messages show. All of it by what is written in C: a mailbox has a million of these."""
    messages, times, recipients, sightings = zip(*sorted(shown, key=_SENT_AT), strict=True) if shown else ((), (), (), ())
    counts = list(map(len, sightings))
    each_once = chain.from_iterable
    return _Seen(
        list(each_once(sightings)),
        *(list(each_once(map(repeat, column, counts))) for column in (messages, times, recipients)),
    )


def _parties(owner: str, seen: _Seen) -> list[tuple[Any, ...]]:
    """Make the rows of the index, in its order."""
    sightings, messages, times, recipients = seen
    keys, directions, roles = (map(attrgetter(name), sightings) for name in ("key", "direction", "role"))
    owners = repeat(owner, len(sightings))
    return sorted(zip(owners, keys, times, messages, directions, roles, recipients, strict=True), key=_ADDRESS)


def _count(deltas: dict[str, _Delta], seen: _Seen, sign: int) -> None:
    """Add up what messages show. One sighting comes thousands of times, as the same object: it is added once, that often."""
    same, times = list(map(id, seen.sightings)), seen.times
    often, sightings, last = Counter(same), dict(zip(same, seen.sightings, strict=True)), dict(zip(same, times, strict=True))
    first = dict(zip(reversed(same), reversed(times), strict=True))
    for one, sighting in sightings.items():
        delta = deltas.get(sighting.key)
        if delta is None:
            delta = deltas[sighting.key] = _Delta()
        _sight(delta, sighting, sign * often[one], (first[one], last[one]))


def _sight(delta: _Delta, sighting: Sighting, count: int, times: tuple[int, int]) -> None:
    for tally in sighting.tallies:
        _more(delta.counts, tally, count)
    if sighting.address.name:
        _more(delta.names, sighting.address.name, count)
    _more(delta.spellings, sighting.address.email, count)
    if count > 0:
        delta.times += times
    else:
        delta.is_less = True


def _more(counter: dict[str, int], name: str, count: int) -> None:
    counter[name] = counter.get(name, 0) + count


def _add(connection: Connection, owner: str, deltas: dict[str, _Delta]) -> None:
    if not deltas:
        return
    wanted = {"whose": owner, "these": listed(connection, deltas)}
    known = {row[0]: row for row in connection.execute(_sums_of(connection.dialect.name), wanted)}
    spans = _spans(connection, owner, [key for key, delta in deltas.items() if delta.is_less])
    rows = [_sum(owner, key, delta, known.get(key), spans.get(key)) for key, delta in deltas.items()]
    upsert_rows(connection, address, ("owner", "key"), rows, ("kind", "reason", "person", "is_dead"))


@cache
def _sums_of(dialect: str) -> Select[*tuple[Any, ...]]:
    columns = (address.c.key, address.c.counts, address.c.names, address.c.spellings, address.c.first_at, address.c.last_at)
    return select(*columns).where(address.c.owner == bindparam("whose"), among(dialect, address.c.key))


def _spans(connection: Connection, owner: str, keys: Iterable[str]) -> dict[str, list[int]]:
    """Read when each address was first and last seen: two look-ups at the ends of its index range, not a scan."""
    mine = (party.c.owner == owner, party.c.address == address.c.key)
    first = select(func.min(party.c.sent_at)).where(*mine).scalar_subquery()
    last = select(func.max(party.c.sent_at)).where(*mine).scalar_subquery()
    ends = select(address.c.key, first, last).where(address.c.owner == owner)
    rows = [row for some in chunks(keys) for row in connection.execute(ends.where(address.c.key.in_(some)))]
    return {row[0]: [] if row[1] is None else [row[1], row[2]] for row in rows}


def _sum(owner: str, key: str, delta: _Delta, old: Row[*tuple[Any, ...]] | None, span: list[int] | None) -> dict[str, Any]:
    if old is not None:
        _, counts, names, spellings, first_at, last_at = old
        for counter, text in ((delta.counts, counts), (delta.names, names), (delta.spellings, spellings)):
            for name, count in decode(text).items():
                counter[name] = counter.get(name, 0) + count
        if span is None and first_at is not None:
            span = [first_at, last_at]
    times = delta.times + (span or [])
    spellings = _kept(delta.spellings)
    return {
        "owner": owner,
        "key": key,
        "email": best_spelling(key, spellings),
        "spellings": json_text(spellings),
        "names": json_text(_kept(delta.names)),
        "counts": encode(_above_none(delta.counts)),
        "first_at": min(times, default=None),
        "last_at": max(times, default=None),
    }


def best_spelling(key: str, spellings: dict[str, int]) -> str:
    """Choose how to write to an address: as seen most, and of those the plainest."""
    if len(spellings) == 1:
        return next(iter(spellings))
    return min(spellings, key=lambda email: (-spellings[email], len(email), email), default=key)


def _above_none(counter: dict[str, int]) -> dict[str, int]:
    """Leave out what was taken back; where nothing was, that is all of it."""
    if counter and min(counter.values()) > 0:
        return counter
    return {name: count for name, count in counter.items() if count > 0}


def _kept(counter: dict[str, int]) -> dict[str, int]:
    kept = _above_none(counter)
    if len(kept) <= NAMES:
        return kept
    chosen: Collection[str] = sorted(kept, key=lambda name: (crc32(name.encode("utf-8", "replace")), name))[:NAMES]
    return {name: kept[name] for name in chosen}
