"""Whatever happens in the calendars of a real Radicale and however often reading is cut short, the store agrees with the server.

Holds are delivered, looked after and withdrawn between: each exists at most once, and never as the owner has not left it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.error import HTTPError

import icalendar
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Connection, select

from connectors import standards
from connectors.standards import objects as reading
from rules.engine import Keep, Withdraw
from rules.people import OwnerKeys
from tests.conftest import Server
from tests.connectors.contract import EVA, ME
from tests.connectors.test_standards_contract import STAMP, CalendarHands, account
from tests.servers.proxies import HttpProxy
from tests.worker.stage import check_in
from tests.worker.world import Rows, rows_of
from worker import deliver
from worker.pull import pull
from worker.store import accounts, outbox
from worker.store.mapping import event_of
from worker.store.rebuild import rebuild
from worker.store.store import Store
from worker.store.tables import event

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
CALENDARS = ("work", "agenda", "home")
NUMBERS = st.integers(0, 5)
WHICH = st.sampled_from(CALENDARS)
Seen = tuple[str, str, str, str, int, str]
"""Path of the object, UID, original start, start, number of recurrence properties, summary."""


class Calendars(RuleBasedStateMachine):
    """Calendars under the owner's hands, and a store that follows them."""

    server: ClassVar[Server]
    proxy: ClassVar[HttpProxy]

    @initialize()
    def calendars_of_its_own(self) -> None:
        self.hands = CalendarHands(self.server)
        self.store = Store.open("sqlite://")
        self.ours: dict[str, tuple[str, bytes]] = {}
        with self.store.write() as db:
            accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email})), "UTC")
            accounts.register(db, owner="ada", name="home", provider="caldav", addresses=(), now=NOW)
        self.hands.make("agenda")
        for number, calendar in enumerate(CALENDARS[:2]):
            self.an_event_is_booked_or_moved(calendar, number, 3, is_cancelled=False)
            self.a_series_is_booked_or_changed(calendar, number, -2, 6, 1)
        self.the_store_is_read_up_and_agrees_with_the_server()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            try:
                self.the_store_is_read_up_and_agrees_with_the_server()
            finally:
                self.store.close()

    # The owner's hands

    def put(self, calendar: str, name: str, *events: list[str]) -> None:
        """Write one object; a calendar that is not there, or has the UID elsewhere, refuses it."""
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
        for each in events:
            lines += ["BEGIN:VEVENT", f"UID:{name}@calendar.example", "DTSTAMP:20260101T000000Z", *each, "END:VEVENT"]
        body = "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()
        with suppress(HTTPError):
            self.hands.ask("PUT", f"/ana/{calendar}/{name}.ics", body, {"Content-Type": "text/calendar"})

    @rule(calendar=WHICH, number=NUMBERS, days=st.integers(-60, 60), is_cancelled=st.booleans())
    def an_event_is_booked_or_moved(self, calendar: str, number: int, days: int, *, is_cancelled: bool) -> None:
        status = ["STATUS:CANCELLED"] if is_cancelled else []
        self.put(calendar, f"single{number}", [*times(NOW + timedelta(days=days)), f"SUMMARY:Day {days}", *guest(), *status])

    @rule(calendar=WHICH, number=NUMBERS, weeks=st.integers(-6, 2), count=st.integers(2, 8), hole=st.integers(0, 8))
    def a_series_is_booked_or_changed(self, calendar: str, number: int, weeks: int, count: int, hole: int) -> None:
        self.put(calendar, f"series{number % 3}", series(weeks, count, hole))

    @rule(
        calendar=WHICH,
        number=NUMBERS,
        weeks=st.integers(-6, 2),
        week=st.integers(0, 5),
        hours=st.integers(-3, 3),
        is_cancelled=st.booleans(),
    )
    def an_instance_is_moved_or_cancelled(
        self, calendar: str, number: int, weeks: int, week: int, hours: int, *, is_cancelled: bool
    ) -> None:
        original = NOW + timedelta(weeks=weeks + week)
        exception = [
            f"RECURRENCE-ID:{original.strftime(STAMP)}",
            *times(original + timedelta(hours=hours)),
            "SUMMARY:Once",
            *guest(),
        ]
        self.put(
            calendar, f"series{number % 3}", series(weeks, 6, 8), [*exception, *(["STATUS:CANCELLED"] if is_cancelled else [])]
        )

    @rule(which=st.integers(0, 20), to=WHICH)
    def an_event_is_moved_to_another_calendar(self, which: int, to: str) -> None:
        if objects := self.objects():
            path = objects[which % len(objects)]
            target = f"http://127.0.0.1:{self.hands.server.port}/ana/{to}/{path.rpartition('/')[2]}"
            with suppress(HTTPError):  # there is no such calendar
                self.hands.ask("MOVE", path, headers={"Destination": target, "Overwrite": "T"})

    @rule(which=st.integers(0, 20))
    def an_event_is_deleted(self, which: int) -> None:
        if objects := self.objects():
            self.hands.ask("DELETE", objects[which % len(objects)])

    def objects(self) -> list[str]:
        """Name what there is, calendar by calendar."""
        found: list[str] = []
        for calendar in CALENDARS:
            with suppress(HTTPError):
                listing = self.hands.ask("PROPFIND", f"/ana/{calendar}/", headers={"Depth": "1"}).decode()
                found += sorted(re.findall(r">(/ana/[^<]+\.ics)<", listing))
        return found

    @rule(calendar=st.sampled_from(CALENDARS[1:]))
    def a_calendar_is_made(self, calendar: str) -> None:
        with suppress(HTTPError):
            self.hands.make(calendar)

    @rule(calendar=st.sampled_from(CALENDARS[1:]))
    def a_calendar_is_deleted(self, calendar: str) -> None:
        with suppress(HTTPError):
            self.hands.ask("DELETE", f"/ana/{calendar}/")

    # Holds of ours

    @rule(number=st.integers(0, 3))
    def a_hold_is_delivered(self, number: int) -> None:
        with self.store.write() as db:
            outbox.plan(db, "ada", "ada/home", check_in(number), (), NOW)
        self.work()

    @rule(is_pointless=st.booleans())
    def the_holds_are_looked_after(self, *, is_pointless: bool) -> None:
        with self.store.write() as db:
            for entry in outbox.read_all(db, "ada", states=["delivered"]):
                outbox.look_now(db, entry.key, NOW)
        self.work(pointless="You met" if is_pointless else "")

    @rule(which=st.integers(0, 3), how=st.sampled_from(["moved", "edited", "deleted"]))
    def the_owner_touches_a_hold(self, which: int, how: str) -> None:
        if found := sorted(self.holds().values()):
            path, content = found[which % len(found)]
            if how == "deleted":
                self.hands.ask("DELETE", path)
                return
            pattern, text = (b"SUMMARY:", b"SUMMARY:Really ") if how == "edited" else (rb"(DT(?:START|END):2026111)\d", rb"\g<1>9")
            self.hands.ask("PUT", path, re.sub(pattern, text, content), {"Content-Type": "text/calendar"})

    def holds(self) -> dict[str, tuple[str, bytes]]:
        """Return the holds at the server by key, wherever they lie; no key is there twice."""
        paths = [path for path in self.objects() if len(name_of(path)) == len(check_in().key)]
        assert len({name_of(path) for path in paths}) == len(paths)
        return {name_of(path): (path, self.hands.ask("GET", path)) for path in paths}

    def work(self, pointless: str = "") -> None:
        """Deliver and look after what is due: what the owner has touched stays as it is, and what is gone stays gone."""
        before = self.holds()
        touched = {key: there for key, there in before.items() if there != self.ours[key]}
        connection = standards.open(account({"caldav": f"http://127.0.0.1:{self.proxy.port}/", "holds": "work"}))
        desk = deliver.Desk(
            store=self.store,
            connection=connection,
            clock=lambda: NOW,
            wanted=lambda _: Withdraw(why=pointless) if pointless else Keep(),
            next_slot=lambda _: None,
        )
        with self.store.read() as db:
            due = outbox.due(db, "ada/home", NOW)
        for entry in due:
            deliver.attend(desk, entry)
        connection.close()
        after = self.holds()
        fresh = after.keys() - before.keys()
        assert not fresh & self.ours.keys()
        self.ours |= {key: after[key] for key in fresh}
        assert {key: after.get(key) for key in touched} == touched
        looked_at = {entry.key for entry in due}
        for key in before.keys() - touched.keys():
            assert after.get(key) == (None if pointless and key in looked_at else before[key])
        with self.store.read() as db:
            standing = {entry.key for entry in outbox.read_all(db, "ada", states=["delivered"])}
        assert standing & looked_at == after.keys() & looked_at

    # The store

    def read(self, *, pages: int | None = None) -> bool:
        """Pull one slice, cut short after so many pages; says whether it was the last."""
        left = None if pages is None else iter(range(pages))
        with self.store.read() as db:
            stored = accounts.get(db, "ada/home")
        connection = standards.open(account({"caldav": f"http://127.0.0.1:{self.proxy.port}/"}))
        pulled = pull(self.store, connection, stored, NOW, budget=lambda: left is None or next(left, None) is not None)
        connection.close()
        return pulled.is_done and not pulled.error

    @rule(pages=st.integers(0, 3))
    def a_pull_is_cut_short(self, pages: int) -> None:
        self.read(pages=pages)

    @rule()
    def the_connection_breaks_in_a_pull(self) -> None:
        self.proxy.fault = "unavailable"
        self.read()
        self.proxy.fault = None

    @rule()
    def the_store_is_read_up_and_agrees_with_the_server(self) -> None:
        for _ in range(20):
            if self.read():
                break
        else:
            raise AssertionError("it never comes to an end")
        assert self.stored() == self.provided()
        with self.store.read() as db:
            here = index(db)
        with self.store.rehearse() as db:
            rebuild(db, "ada", NOW, "UTC")
            assert index(db) == here

    def stored(self) -> list[Seen]:
        with self.store.read() as db:
            rows = db.execute(select(event.c.remote_id, event.c.facts).where(event.c.account != "")).all()
        found = []
        for row in rows:
            fact = event_of(row.facts)
            original = fact.original_start.strftime(STAMP) if isinstance(fact.original_start, datetime) else ""
            path = row.remote_id.split("#")[0].split("?")[0]
            assert isinstance(fact.start, datetime)
            found.append(
                (path.partition(".ics")[0], fact.uid, original, fact.start.strftime(STAMP), len(fact.recurrence), fact.summary)
            )
        return sorted(found)

    def provided(self) -> list[Seen]:
        """The same as plain HTTP and the icalendar library read it."""
        found: list[Seen] = []
        for calendar in CALENDARS:
            with suppress(HTTPError):
                whole = icalendar.Calendar.from_ical(self.hands.ask("GET", f"/ana/{calendar}/"))
                for one in whole.walk("VEVENT"):
                    text = dict(line.split(":", 1) for line in one.to_ical().decode().splitlines() if ":" in line)
                    rules = sum(name in one for name in ("RRULE", "EXDATE"))
                    path = f"/ana/{calendar}/{text['UID'].partition('@')[0]}"
                    found.append((path, text["UID"], text.get("RECURRENCE-ID", ""), text["DTSTART"], rules, text["SUMMARY"]))
        return sorted(found)


def index(db: Connection) -> Rows:
    """Return what is derived from the facts; whether a meeting that is over was frozen by then depends on who looked when."""
    rows = rows_of(db)
    return rows | {"occurrence": [(*row[:5], *row[6:]) for row in rows["occurrence"]]}


def name_of(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".ics")


def times(start: datetime) -> list[str]:
    return [f"DTSTART:{start.strftime(STAMP)}", f"DTEND:{(start + timedelta(hours=1)).strftime(STAMP)}"]


def guest() -> list[str]:
    return [f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{EVA.email}", f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{ME.email}"]


def series(weeks: int, count: int, hole: int) -> list[str]:
    """Write a weekly series; one of its instances may be left out."""
    start = NOW + timedelta(weeks=weeks)
    left_out = [f"EXDATE:{(start + timedelta(weeks=hole)).strftime(STAMP)}"] if hole < count else []
    return [*times(start), f"RRULE:FREQ=WEEKLY;COUNT={count}", *left_out, f"SUMMARY:Weekly {count}", *guest()]


def test_the_store_agrees_with_the_server(radicale: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 2)
    Calendars.server, Calendars.proxy = radicale, HttpProxy((radicale.host, radicale.port))
    try:
        run_state_machine_as_test(
            Calendars,
            settings=settings(
                max_examples=10,
                stateful_step_count=20,
                phases=[Phase.generate],
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            ),
        )
    finally:
        Calendars.proxy.close()
