"""One human seen through Google, Microsoft and IMAP is one person, and the same meeting in all their calendars counts once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from rules.people import OwnerKeys
from tests.conftest import Server
from tests.connectors.contract import EVA, ME, NOON, World
from tests.connectors.google_world import google_world
from tests.connectors.microsoft_world import MicrosoftWorld
from tests.connectors.test_standards_contract import StandardsWorld
from worker.pull import pull
from worker.store import accounts
from worker.store.store import Store
from worker.store.tables import address, attendance, message, occurrence, party

HOUR = timedelta(hours=1)
NOW = NOON + timedelta(days=1)


@pytest.fixture
def worlds(dovecot: Server, radicale: Server, tmp_path: Path) -> Iterator[Mapping[str, World]]:
    with ExitStack() as stack:
        outlook, standards = MicrosoftWorld(tmp_path), StandardsWorld(dovecot, radicale)
        for end in (outlook.close, standards.imap.close, standards.dav.close):
            stack.callback(end)
        yield {"google": stack.enter_context(google_world()), "microsoft": outlook, "imap": standards}
        assert outlook.graph.violations == []


def read(store: Store, worlds: Mapping[str, World]) -> None:
    with store.write() as db:
        accounts.register_owner(db, "ada", OwnerKeys(keys=frozenset({ME.email})), "UTC")
        for name in worlds:
            accounts.register(db, owner="ada", name=name, provider=name, addresses=[ME], now=NOON)
    for name, world in worlds.items():
        with store.read() as db:
            account = accounts.get(db, f"ada/{name}")
        done = pull(store, world.open(), account, NOW, budget=lambda: True)
        assert not done.error
        assert done.is_done


def test_one_person_through_three_providers(worlds: Mapping[str, World]) -> None:
    for number, world in enumerate(worlds.values()):
        world.add_mail(f"letter-{number}@elsewhere.example", subject="Hello", body="x", at=NOON - number * HOUR)
    store = Store.open("sqlite://")
    read(store, worlds)
    with store.read() as db:
        assert db.execute(select(func.count()).select_from(message)).scalar_one() == 3
        persons = set(db.execute(select(address.c.person).where(address.c.key == EVA.email)).scalars())
    assert len(persons) == 1


def test_the_same_meeting_in_three_calendars_counts_once(worlds: Mapping[str, World]) -> None:
    for world in worlds.values():
        world.add_event("lunch@elsewhere.example", title="Lunch", description="x", start=NOON - HOUR, end=NOON)
    store = Store.open("sqlite://")
    read(store, worlds)
    with store.read() as db:
        assert db.execute(select(func.count()).select_from(occurrence)).scalar_one() == 1
        met = db.execute(select(attendance.c.uid).join(address, address.c.key == attendance.c.address)).all()
    assert len(met) == len(set(met)) == 1


def test_a_message_copied_into_two_mailboxes_is_one_message(worlds: Mapping[str, World]) -> None:
    for world in worlds.values():
        world.add_mail("same@elsewhere.example", subject="Hello", body="x", at=NOON)
    store = Store.open("sqlite://")
    read(store, worlds)
    with store.read() as db:
        counted = db.execute(select(func.count(func.distinct(message.c.message_id)), func.count())).one()
        wrote = db.execute(select(party.c.sent_at).where(party.c.address == EVA.email, party.c.role == "from")).scalars().all()
    assert counted == (1, 3)
    assert len(wrote) == 1
