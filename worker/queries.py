"""What reading verbs ask the store: the outbox with its people, who and which is meant, how far accounts are read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Connection, func, select

from rules.addresses import match_key
from rules.names import plain
from worker.advice import Refusal
from worker.json_views import AnswerView, CountView, FeedView, NamedView, SuggestionView
from worker.store import outbox, people
from worker.store.accounts import StoredAccount, accounts
from worker.store.entry import Entry, entry_of
from worker.store.feeds import StoredFeed, stored_feeds
from worker.store.left_out import skips
from worker.store.mapping import instant
from worker.store.people import StoredPerson
from worker.store.tables import address, message, person, suggestion
from worker.store.tables import owner as owners
from worker.views import stored

KEY = re.compile(r"[0-9a-v]{4,26}")
"""A key or its beginning (rules.keys), not short enough to be a name by chance alone."""
KEYLIKE = re.compile(r"[0-9a-v]{1,26}")
"""What may be meant as a key, if nobody is called so."""
OPEN = frozenset(outbox.OPEN)
STATES = OPEN | {"closed"}
NAMED = 8
"""So many people are listed where a name fits more than one."""


def suggestions(
    connection: Connection, owner: str, states: frozenset[str] = OPEN, since: datetime | None = None
) -> tuple[SuggestionView, ...]:
    """Return the owner's suggestions in these states, oldest first, each with its person as known today."""
    return views(connection, owner, outbox.read_all(connection, owner, states=sorted(states), since=since))


def views(connection: Connection, owner: str, entries: Iterable[Entry]) -> tuple[SuggestionView, ...]:
    """Show entries of the outbox, each with its person as known today."""
    shown = tuple(entries)
    holders = _holders(connection, owner, {entry.address for entry in shown})
    named = _named(connection, owner, set(holders.values()) | {entry.person for entry in shown})
    return tuple(stored(entry, named.get(holders.get(entry.address, entry.person))) for entry in shown)


def _holders(connection: Connection, owner: str, keys: set[str]) -> dict[str, str]:
    """Map match keys to the person who has the address today: a merge may have changed it since planning."""
    held = select(address.c.key, address.c.person).where(address.c.owner == owner, address.c.person.is_not(None))
    return dict(connection.execute(held.where(address.c.key.in_(keys))).all())


def _named(connection: Connection, owner: str, ids: set[str]) -> dict[str, NamedView]:
    emails = select(address.c.person, address.c.email).where(address.c.owner == owner, address.c.person.in_(ids))
    by_person: dict[str, list[str]] = defaultdict(list)
    for who, email in connection.execute(emails.order_by(address.c.last_at.desc(), address.c.key)):
        by_person[str(who)].append(email)
    names = connection.execute(select(person.c.id, person.c.name).where(person.c.owner == owner, person.c.id.in_(by_person)))
    return {who: NamedView(name=name or None, addresses=tuple(by_person[who])) for who, name in names}


def called(connection: Connection, owner: str, who: str) -> StoredPerson | list[Entry]:
    """Return the person WHO means, or what was made for somebody of whom nothing else is kept. Raises Refusal like person_called."""
    known = people.find(connection, owner, who)
    return (
        person_called(connection, owner, who)
        if known
        else remembered(connection, owner, who) or person_called(connection, owner, who)
    )


def remembered(connection: Connection, owner: str, who: str) -> list[Entry]:
    """Find suggestions, oldest first, for one who is nobody of the network any more, by address, name or part of the name."""
    kept = [each for each in outbox.read_all(connection, owner, states=sorted(STATES)) if each.why and each.address]
    holders = _holders(connection, owner, {each.address for each in kept})
    lost = [each for each in kept if each.address not in holders]
    key, text = match_key(who), who.strip().casefold()
    found = [each for each in lost if each.address == key or (text and each.name.casefold() == text)]
    found = found or [each for each in lost if text and plain(text) in plain(each.name)]
    names = {each.address: each.name for each in found}
    if len(names) > 1:
        lines = [f"  {name}  {email}" for email, name in names.items()]
        raise Refusal(f"More than one person is called {who!r}.", "\n".join(["Say which, by address:", *lines]))
    keys = set(names)
    return [each for each in lost if each.address in keys]


def person_called(connection: Connection, owner: str, who: str) -> StoredPerson:
    """Return the person WHO means: an address, a whole name, or part of one. Raises Refusal if none or several."""
    match people.find(connection, owner, who):
        case [only]:
            return only
        case []:
            raise _nobody(connection, owner, who)
        case several:
            lines = [f"  {each.name}  {', '.join(each.addresses)}" for each in several[:NAMED]]
            more = [f"  and {len(several) - NAMED} more"] if len(several) > NAMED else []
            remedy = "\n".join(["Say which, by address:", *lines, *more])
            raise Refusal(f"More than one person is called {who!r}.", remedy)


def _nobody(connection: Connection, owner: str, who: str) -> Refusal:
    """Say what an address is that is nobody's, if it was ever seen."""
    if said := outsider(connection, owner, who):
        return Refusal(said.sentence)
    return Refusal(f"Nobody here is called {who!r}.", "`rekindle people --all` lists everybody and everything that wrote.")


def stranger(connection: Connection, owner: str, who: str) -> AnswerView | None:
    """Answer for whom is nobody of the network, of whom no suggestion tells either; None where WHO means somebody, or nobody at all."""
    if people.find(connection, owner, who) or remembered(connection, owner, who):
        return None
    return outsider(connection, owner, who)


def outsider(connection: Connection, owner: str, who: str) -> AnswerView | None:
    """Say why whom WHO means (an address, a name or part of one) is nobody of the network. Raises Refusal if several are meant."""
    text = who.strip().casefold()
    others = people.others(connection, owner)
    found = [each for each in others if text and text in {each.key.casefold(), each.email.casefold(), each.name.casefold()}]
    found = found or [each for each in others if text and plain(text) in plain(each.name or each.email)]
    if not found:
        return None
    if len({plain(each.name or each.email) for each in found}) > 1:
        lines = [f"  {each.name}  {each.email}" for each in found[:NAMED]]
        more = [f"  and {len(found) - NAMED} more"] if len(found) > NAMED else []
        raise Refusal(f"More than one is called {who!r}.", "\n".join(["Say which, by address:", *lines, *more]))
    first = found[0]
    reason = f" ({first.reason})" if first.reason else ""
    return AnswerView(
        who=first.name or first.email, sentence=f"{first.email} is nobody of your network: {_KINDS[first.kind]}{reason}.", facts=()
    )


_KINDS = {
    "owner": "it is yours",
    "human": "a person you were never in touch with both ways",
    "machine": "a machine",
    "list": "a mailing list",
    "room": "a room",
    "unknown": "too little was seen of it",
}


def entries_called(connection: Connection, owner: str, text: str) -> list[Entry]:
    """Return the suggestion whose key is, or begins with, the text, else what is open for the person so called.

    Raises Refusal if there is none.
    """
    if KEY.fullmatch(text):
        named = select(suggestion).where(suggestion.c.owner == owner, suggestion.c.key.startswith(text))
        rows = connection.execute(named.limit(2)).mappings().all()
        if len(rows) > 1:
            raise Refusal(f"More than one key begins with {text!r}.", "Write more of it.")
        if rows:
            return [entry_of(rows[0])]
    if KEYLIKE.fullmatch(text) and not people.find(connection, owner, text) and not remembered(connection, owner, text):
        raise _no_key(text)
    meant = called(connection, owner, text)
    addresses = meant.addresses if isinstance(meant, StoredPerson) else {each.address for each in meant}
    found = [each for each in outbox.read_all(connection, owner) if each.address in addresses]
    if not found:
        name = meant.name if isinstance(meant, StoredPerson) else meant[-1].name
        raise Refusal(f"There is nothing for {name or text}.", "`rekindle suggestions` lists what there is.")
    return found


def _no_key(text: str) -> Refusal:
    is_short = KEY.fullmatch(text) is None
    what = (
        f"{text!r} is too short: a key is known by four characters at least." if is_short else f"There is no suggestion {text!r}."
    )
    return Refusal(what, "`rekindle suggestions` lists what there is, each with its key.")


def account_called(connection: Connection, owner: str, name: str) -> StoredAccount:
    """Return the owner's account of that name. Raises Refusal where there is none."""
    known = accounts(connection, owner)
    for each in known:
        if name in {each.id, each.name}:
            return each
    names = ", ".join(each.name for each in known)
    raise Refusal(f"There is no account {name!r}.", f"There is: {names}." if names else "`rekindle connect` adds one.")


def feeds(connection: Connection, owner: str, now: datetime) -> tuple[FeedView, ...]:
    """Return each account of the owner, and below it each of its feeds."""
    shown: list[FeedView] = []
    for account in accounts(connection, owner):
        shown.append(_account_view(account))
        counts = _skips(connection, account.id)
        shown.extend(
            _feed_view(account, feed, counts, _minutes_left(connection, account, feed, now))
            for feed in stored_feeds(connection, owner, account.id)
        )
    return tuple(shown)


Counts = Mapping[tuple[str, str], list[CountView]]


def _skips(connection: Connection, account: str) -> Counts:
    found: dict[tuple[str, str], list[CountView]] = defaultdict(list)
    for each in skips(connection, account):
        found[each.kind, each.feed].append(CountView(reason=each.reason, count=each.count))
    return found


def _account_view(account: StoredAccount) -> FeedView:
    return FeedView(
        owner=account.owner,
        account=account.id,
        provider=account.provider,
        state=account.state,
        kind=None,
        feed=None,
        last_ok=account.last_ok_at,
        next_attempt=_next_attempt(account),
        coverage=None,
        remaining=None,
        minutes_left=None,
        error=" ".join(filter(None, (account.error, account.remedy))) or None,
        skipped=(),
    )


def _minutes_left(connection: Connection, account: StoredAccount, feed: StoredFeed, now: datetime) -> int | None:
    """Say how long a first read still takes at the pace since the account was connected; its first minute says little."""
    if not feed.remaining or feed.last_ok_at is not None or feed.kind != "mail":
        return None
    read = select(func.count()).select_from(message).where(message.c.account == account.id, message.c.feed == feed.id)
    done = connection.execute(read).scalar_one()
    took = max(now - account.connected_at, timedelta(minutes=1))
    return ceil(feed.remaining * (took / timedelta(minutes=1)) / done) if done else None


def _feed_view(account: StoredAccount, feed: StoredFeed, counts: Counts, minutes: int | None) -> FeedView:
    return FeedView(
        owner=account.owner,
        account=account.id,
        provider=account.provider,
        state=account.state,
        kind=feed.kind,
        feed=feed.name or feed.id,
        last_ok=_read_at(account, feed),
        next_attempt=_next_attempt(account),
        coverage=feed.covered_since,
        remaining=feed.remaining or None,
        minutes_left=minutes,
        error=feed.error or None,
        skipped=tuple(counts.get((feed.kind, feed.id), ())),
    )


def _read_at(account: StoredAccount, feed: StoredFeed) -> datetime | None:
    """Say when a feed was last read up: with its account, where that had no news in it, which is not noted each time."""
    if feed.last_ok_at is None or feed.error or feed.is_rereading or account.last_ok_at is None:
        return feed.last_ok_at
    return max(feed.last_ok_at, account.last_ok_at)


def _next_attempt(account: StoredAccount) -> datetime | None:
    """Say when an account is looked at next; the start of 1970 in its row means at once."""
    return max(account.next_attempt_at, account.connected_at) if account.state == "active" else None


def paused_until(connection: Connection, owner: str) -> datetime | None:
    """Return until when the owner has stopped everything; None = not at all."""
    until = connection.execute(select(owners.c.paused_until).where(owners.c.id == owner)).scalar()
    return None if until is None else instant(until)
