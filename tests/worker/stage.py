"""A stage for delivery: an owner, an account on a provider in memory, a clock that is set by hand, and the owner's hands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select

from connectors.memory import Connection
from connectors.memory_provider import Item, Provider
from rules.addresses import match_key
from rules.engine import Keep, Withdraw
from rules.facts import Address, CalendarEvent, MessageMetadata
from rules.keys import key, message_id
from rules.people import OwnerKeys
from rules.slots import Slot
from rules.suggestions import Draft, Hold, Invite, Suggestion
from worker import deliver
from worker.store import accounts, outbox
from worker.store.entry import Entry
from worker.store.event_facts import EventWriter
from worker.store.mapping import micros
from worker.store.store import Store
from worker.store.tables import account, address, audit, event, note, person, rule_mode, stop

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
ME = Address(email="ada@example.org", name="Ada Owner")
EVA = Address(email="eva@elsewhere.example", name="Eva Beispiel")
ACCOUNT = "ada/main"


class Crash(BaseException):
    """The process ends here: no `except Exception` may go on."""


@dataclass
class Stage:
    """Everything a delivery needs, with the real store and outbox."""

    store: Store = field(default_factory=lambda: Store.open("sqlite://"))
    provider: Provider = field(default_factory=lambda: Provider(addresses=[ME]))
    now: datetime = MONDAY
    pointless: str = ""
    """Why the rules no longer want anything; "" = they do."""
    slot: Slot | None = None
    crash_at: deliver.Point | None = None
    between: Callable[[deliver.Point], None] = lambda _: None

    def __post_init__(self) -> None:
        with self.store.write() as db:
            accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({match_key(ME.email)})), "UTC")
            accounts.register(db, owner="ada", name="main", provider="memory", addresses=[ME], now=self.now)

    # People and suggestions

    def meet(self, id_: str = "eva", emails: Iterable[str] = (EVA.email,)) -> None:
        with self.store.write() as db:
            db.execute(insert(person), {"owner": "ada", "id": id_, "name": "Eva Beispiel"})
            rows = [{"owner": "ada", "key": match_key(email), "email": email, "person": id_} for email in emails]
            db.execute(insert(address), rows)

    def plan(self, suggestion: Suggestion, addresses: Iterable[str] = ()) -> bool:
        with self.store.write() as db:
            return outbox.plan(db, "ada", ACCOUNT, suggestion, addresses, self.now)

    # Work

    def desk(self) -> deliver.Desk:
        return deliver.Desk(
            store=self.store,
            connection=Connection(self.provider),
            clock=lambda: self.now,
            wanted=lambda _: Withdraw(why=self.pointless) if self.pointless else Keep(),
            next_slot=lambda _: self.slot,
            passing=self.pass_point,
        )

    def pass_point(self, point: deliver.Point) -> None:
        self.between(point)
        if point == self.crash_at:
            self.crash_at = None
            raise Crash

    def due(self) -> list[Entry]:
        with self.store.read() as db:
            return outbox.due(db, ACCOUNT, self.now)

    def work(self) -> None:
        """Attend to everything that is due, once."""
        for entry in self.due():
            deliver.attend(self.desk(), entry)

    def work_until_crash(self, point: deliver.Point) -> bool:
        """Attend to what is due and die at the point; says whether it was reached."""
        self.crash_at = point
        try:
            self.work()
        except Crash:
            return True
        self.crash_at = None
        return False

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    # What there is

    def entry(self, name: str) -> Entry:
        with self.store.read() as db:
            found = next((e for e in outbox.read_all(db, "ada", states=[*outbox.OPEN, "closed"]) if e.key == name), None)
        assert found is not None
        return found

    def state(self, name: str) -> tuple[str, str | None]:
        entry = self.entry(name)
        return entry.state, entry.close_reason

    @property
    def drafts(self) -> list[Item[MessageMetadata]]:
        return [item for item in self.provider.mail.items.values() if item.made is not None]

    @property
    def holds(self) -> list[Item[CalendarEvent]]:
        return [item for item in self.provider.calendar.items.values() if item.made is not None]

    def rows(self, table: str) -> list[dict[str, object]]:
        tables = {"audit": audit, "note": note, "stop": stop, "rule_mode": rule_mode, "person": person, "account": account}
        with self.store.read() as db:
            return [dict(row) for row in db.execute(select(tables[table])).mappings()]

    # The owner's hands

    def move_hold(self, by: timedelta) -> None:
        for item in self.holds:
            start, end = item.fact.start, item.fact.end
            assert isinstance(start, datetime)
            assert isinstance(end, datetime)
            self.provider.calendar.put("main", replace(item.fact, start=start + by, end=end + by))

    def change_hold(self, **changes: object) -> None:
        for item in self.holds:
            self.provider.calendar.put("main", replace(item.fact, **changes))  # type: ignore[arg-type]  # a field and its value

    def delete_all(self) -> None:
        for item in self.holds:
            self.provider.calendar.remove(item.fact.remote_id)
        for draft in self.drafts:
            self.provider.mail.remove(draft.fact.remote_id)

    def send_drafts(self) -> None:
        for item in self.drafts:
            self.provider.mail.put("sent", replace(item.fact, labels=frozenset({"\\Sent"})))

    def edit_drafts(self) -> None:
        for item in self.drafts:
            self.provider.mail.put("drafts", replace(item.fact, subject="Dear Eva"))

    def pull_events(self) -> None:
        """Let the store see the calendar as a pull would."""
        with self.store.write() as db:
            for item in self.holds:
                fact = item.fact
                assert isinstance(fact.start, datetime)
                assert isinstance(fact.end, datetime)
                row = {
                    "owner": "ada",
                    "account": ACCOUNT,
                    "feed": "main",
                    "remote_id": fact.remote_id,
                    "uid": fact.uid,
                    "start_at": micros(fact.start),
                    "end_at": micros(fact.end),
                    "rekindle_key": fact.rekindle_key,
                    "facts": EventWriter().text(fact),
                }
                db.execute(insert(event), row)


def thank_you(meeting: int = 1, *, to: Address = EVA, **more: object) -> Suggestion:
    cause = f"meeting:{meeting}@x/2026-11-16T08:00:00+00:00"
    name = key("ada", "thank_you", cause, match_key(to.email))
    draft = Draft(
        key=name,
        message_id=message_id(name, "example.org"),
        from_=ME,
        to=(to,),
        subject="Thank you",
        text="Dear Eva,\n\nthank you.\n\nAda",
        date=MONDAY,
    )
    made = Suggestion(
        key=name, rule="thank_you", cause=cause, person_id="eva", address=match_key(to.email), action=draft, why="You met on Monday"
    )
    return replace(made, **more)  # type: ignore[arg-type]  # a field and its value


def check_in(episode: int = 0, *, person_id: str = "eva", to: Address = EVA, **more: object) -> Suggestion:
    cause = f"lapse:{episode}"
    name = key("ada", "check_in", cause, match_key(to.email))
    start = MONDAY + timedelta(days=2)
    hold = Hold(
        key=name, title="Eva Beispiel", description="No mail or meeting since June", start=start, end=start + timedelta(minutes=25)
    )
    made = Suggestion(
        key=name,
        rule="check_in",
        cause=cause,
        person_id=person_id,
        address=match_key(to.email),
        action=hold,
        why="No mail since June",
    )
    return replace(made, **more)  # type: ignore[arg-type]  # a field and its value


def invitation() -> Suggestion:
    name = key("ada", "invite", "lapse:0", match_key(EVA.email))
    start = MONDAY + timedelta(days=3)
    invite = Invite(
        key=name, title="Coffee", description="", start=start, end=start + timedelta(hours=1), organizer=ME, attendees=(EVA,)
    )
    return Suggestion(
        key=name, rule="invite", cause="lapse:0", person_id="eva", address=match_key(EVA.email), action=invite, why="You asked"
    )
