"""A world for the store: an owner, a provider in memory, a store, and what the two must agree on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import delete, select

from connectors.memory import Connection
from connectors.memory_provider import Provider
from rules.facts import Address, Attendee, CalendarEvent, MessageMetadata
from rules.network import Network, Owner
from rules.people import OwnerKeys
from worker import decide
from worker.pull import pull
from worker.pulled import Pulled
from worker.store import accounts, feeds, network
from worker.store.feeds import StoredFeed
from worker.store.mapping import decode, event_of, message_of
from worker.store.rebuild import rebuild
from worker.store.store import Store
from worker.store.tables import address, attendance, event, message, metadata, occurrence, party, person

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
ME = Address(email="ada@corp.example", name="Ada Owner")
BOB = Address(email="bob@elsewhere.example", name="Bob Stone")
EVE = Address(email="eve@further.example", name="Eve Fox")
NEWS = Address(email="newsletter@shop.example", name="Shop News")
OWNER = Owner(name="ada", addresses=(ME,), domains=frozenset({"corp.example"}), zone="Europe/Berlin")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Rows = dict[str, list[Any]]


def mail(
    number: int | str,
    from_: Address,
    *to: Address,
    at: datetime = NOW - 30 * DAY,
    id_: str = "",
    **more: Any,  # noqa: ANN401 - fields of MessageMetadata
) -> MessageMetadata:
    return MessageMetadata(
        remote_id=str(number),
        message_id=id_ or f"{number}@mail.example",
        sent_at=at,
        from_=(from_,),
        to=to,
        recipients=len(to),
        subject=f"about {number}",
        **more,
    )


def meeting(uid: str, start: datetime, *guests: Address, **more: Any) -> CalendarEvent:  # noqa: ANN401 - fields of CalendarEvent
    people = (Attendee(address=ME, response="accepted"), *(Attendee(address=each, response="accepted") for each in guests))
    given: dict[str, Any] = {"remote_id": uid, "end": start + HOUR, "attendees": people, "organizer": ME, "summary": f"with {uid}"}
    given["attendee_count"] = len(people)
    return CalendarEvent(uid=uid, start=start, **(given | more))


@dataclass
class World:
    """One owner with one account on a provider in memory."""

    url: str = "sqlite://"
    provider: Provider = field(default_factory=lambda: Provider(addresses=[ME], page_size=3))
    now: datetime = NOW
    given: Store | None = None
    """A store of an earlier world, to be emptied: opening one takes longer than most tests."""
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store.open(self.url) if self.given is None else self.given
        with self.store.write() as db:
            for table in metadata.tables.values():
                if table.name != "meta":
                    db.execute(delete(table))
            keys = OwnerKeys(keys=frozenset({"ada@corp.example"}), domains=OWNER.domains)
            accounts.register_owner(db, "ada", keys, OWNER.zone)
            accounts.register(db, owner="ada", name="main", provider="memory", addresses=[ME], now=self.now)

    # The owner's mailbox and calendar

    def receive(self, *messages: MessageMetadata, feed: str = "inbox") -> None:
        for each in messages:
            self.provider.mail.put(feed, each)

    def book(self, *events: CalendarEvent) -> None:
        for each in events:
            self.provider.calendar.put("main", each)

    # Work

    def pull(self, budget: Callable[[], bool] = lambda: True) -> Pulled:
        with self.store.read() as db:
            account = accounts.get(db, "ada/main")
        return pull(self.store, Connection(self.provider), account, self.now, budget=budget)

    def pull_all(self) -> None:
        pulled = self.pull()
        while not pulled.is_done and not pulled.error:
            pulled = self.pull()
        assert not pulled.error

    def catch_up(self) -> None:
        with self.store.write() as db:
            decide.catch_up(db, "ada", self.now)

    def network(self, *ids: str) -> Network:
        with self.store.read() as db:
            return network.load(db, OWNER, self.now, person_ids=list(ids) or None)

    # What is there

    def feeds(self) -> list[StoredFeed]:
        with self.store.read() as db:
            return feeds.stored_feeds(db, "ada")

    def rows(self) -> Rows:
        with self.store.read() as db:
            return rows_of(db)

    def rebuilt(self) -> Rows:
        """What the rows would be, made again from the facts."""
        with self.store.rehearse() as db:
            rebuild(db, "ada", self.now, OWNER.zone)
            return rows_of(db)

    def stored_mail(self) -> dict[tuple[str, str], MessageMetadata]:
        with self.store.read() as db:
            return {(row["feed"], row["remote_id"]): message_of(row) for row in db.execute(select(message)).mappings()}

    def provided_mail(self) -> dict[tuple[str, str], MessageMetadata]:
        items = self.provider.mail.items
        return {(item.feed, key): item.fact for key, item in items.items() if item.feed in {"inbox", "sent"}}

    def stored_events(self) -> dict[str, CalendarEvent]:
        with self.store.read() as db:
            rows = db.execute(select(event).where(event.c.account != "")).mappings()
            return {row["remote_id"]: event_of(row["facts"]) for row in rows}

    def provided_events(self) -> dict[str, CalendarEvent]:
        return {key: item.fact for key, item in self.provider.calendar.items.items()}

    def occurrences(self) -> list[tuple[str, str, datetime, bool, bool]]:
        """UID, original start, start, is_cancelled, is_frozen, in order of time."""
        with self.store.read() as db:
            wanted = select(occurrence).order_by(occurrence.c.start_at, occurrence.c.uid, occurrence.c.original_start)
            return [
                (row.uid, row.original_start, datetime.fromtimestamp(row.start_at / 1e6, UTC), row.is_cancelled, row.is_frozen)
                for row in db.execute(wanted)
            ]


def rows_of(db: Database) -> Rows:
    """Every index row, without the numbers that only name other rows."""
    shown = select(party, message.c.message_id).join(message, message.c.id == party.c.message)
    met = select(occurrence, event.c.facts).join(event, event.c.id == occurrence.c.event)
    known = select(address).order_by(address.c.key)
    return {
        "party": sorted((r.address, r.sent_at, r.message_id, r.direction, r.role, r.recipients) for r in db.execute(shown)),
        "address": [
            (
                r.key,
                r.email,
                decode(r.counts),
                decode(r.names),
                decode(r.spellings),
                r.kind,
                r.reason,
                r.person,
                r.first_at,
                r.last_at,
            )
            for r in db.execute(known)
        ],
        "occurrence": sorted(
            (r.uid, r.original_start, r.start_at, r.end_at, r.is_cancelled, r.is_frozen, r.facts) for r in db.execute(met)
        ),
        "attendance": sorted(
            (r.address, r.uid, r.original_start, r.start_at, r.end_at, r.size, r.is_meeting) for r in db.execute(select(attendance))
        ),
        "person": sorted((r.id, r.name, r.first_name) for r in db.execute(select(person))),
    }
