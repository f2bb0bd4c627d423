"""Who an address stands for, what the owner says about it, and that forgetting is for good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from rules.facts import Address
from rules.people import OwnerKeys
from tests.worker.world import BOB, DAY, EVE, HOUR, ME, NEWS, NOW, OWNER, World, mail, meeting
from worker.network_views import doubtful
from worker.store import accounts, people
from worker.store.mapping import EPOCH, micros
from worker.store.people import StoredPerson
from worker.store.rebuild import rebuild
from worker.store.store import Store
from worker.store.tables import address, block, metadata, note, person, suggestion

BOB_AT_HOME = Address(email="bob.stone@home.example", name="Bob Stone")


@pytest.fixture
def world(empty_store: Store) -> World:
    made = World(given=empty_store)
    made.receive(mail(1, BOB, ME), mail(2, ME, BOB), mail(3, BOB_AT_HOME, ME), mail(4, ME, BOB_AT_HOME), mail(5, NEWS, ME))
    made.receive(mail(6, EVE, ME), mail(7, ME, EVE))
    made.pull_all()
    return made


def called(world: World, who: str) -> StoredPerson:
    with world.store.read() as db:
        [found] = people.find(db, "ada", who)
    return found


def everything(world: World) -> str:
    """Every value of every table, to look for words in."""
    with world.store.read() as db:
        return "\n".join(str(tuple(row)) for table in metadata.tables.values() for row in db.execute(select(table)))


def test_only_humans_with_an_exchange_are_people(world: World) -> None:
    world.receive(mail(9, Address(email="stranger@cold.example", name="Cold Caller"), ME))
    world.pull_all()
    with world.store.read() as db:
        assert {each.addresses[0] for each in people.people(db, "ada")} == {BOB.email, BOB_AT_HOME.email, EVE.email}
        left = {each.email: each for each in people.others(db, "ada")}
    assert left.keys() == {NEWS.email, "stranger@cold.example"}
    assert left[NEWS.email].kind == "machine"
    assert all(each.reason for each in left.values())


def test_accents_are_left_out_only_where_nobody_is_found_with_them(world: World) -> None:
    with_accent, without = (Address(email=f"{n}@accents.example", name=name) for n, name in enumerate(("Zoë Müller", "Zoe Muller")))
    for number, each in enumerate((with_accent, without)):
        world.receive(mail(20 + number, each, ME), mail(30 + number, ME, each))
    world.pull_all()
    assert called(world, "Zoë Müller").name == "Zoë Müller"
    assert called(world, "zoe muller").name == "Zoe Muller"
    assert called(world, "ZOË M").name == "Zoë Müller"


def test_a_person_is_found_by_address_id_name_and_part_of_a_name(world: World) -> None:
    eve = called(world, "Eve Fox")
    assert called(world, "EVE@further.example") == called(world, eve.id) == called(world, "eve f") == eve
    with world.store.read() as db:
        assert people.find(db, "ada", "nobody") == []
        assert people.find(db, "ada", "") == []
        assert len(people.find(db, "ada", "Bob Stone")) == 2


def test_a_merge_joins_two_people_and_a_split_takes_it_back_for_good(world: World) -> None:
    work, home = called(world, BOB.email), called(world, BOB_AT_HOME.email)
    with world.store.write() as db:
        people.merge(db, "ada", work.id, home.id)
    assert set(called(world, BOB_AT_HOME.email).addresses) == {BOB.email, BOB_AT_HOME.email}
    assert called(world, BOB_AT_HOME.email).id == work.id
    assert len(world.network(work.id).relations[0].contacts) == 4
    assert world.rows() == world.rebuilt()
    with world.store.write() as db:
        people.split(db, "ada", work.id, BOB_AT_HOME.email)
        assert [(each.verdict, each.by) for each in people.links(db, "ada")] == [("different", "owner")]
    world.receive(mail(20, BOB_AT_HOME, ME), mail(21, BOB, ME))
    world.pull_all()
    assert called(world, BOB.email).addresses == (BOB.email,)
    assert called(world, BOB_AT_HOME.email).id != work.id
    assert world.rows() == world.rebuilt()


def test_an_address_parted_from_one_after_another_becomes_nobody_else(world: World) -> None:
    with world.store.write() as db:
        for other in (EVE, BOB_AT_HOME):
            mine, theirs = people.find(db, "ada", BOB.email)[0], people.find(db, "ada", other.email)[0]
            people.merge(db, "ada", mine.id, theirs.id)
            people.split(db, "ada", mine.id, BOB.email)
    found = [called(world, each.email) for each in (BOB, EVE, BOB_AT_HOME)]
    assert [each.addresses for each in found] == [(BOB.email,), (EVE.email,), (BOB_AT_HOME.email,)]
    assert len({each.id for each in found}) == 3


def asked(world: World) -> set[tuple[str, str]]:
    """The pairs of addresses the owner is asked about."""
    with world.store.read() as db:
        return {(each.one, each.other) for each in doubtful(db, "ada")}


def test_an_unsure_pair_is_left_to_the_owner(world: World) -> None:
    with world.store.read() as db:
        [pair] = people.links(db, "ada")
    assert (pair.verdict, pair.by) == ("unsure", "rule")
    assert pair.reason


def test_who_is_copied_on_the_mail_of_a_list_shows_that_two_addresses_are_one(world: World) -> None:
    old, new = (Address(email=email, name="Nils Quist") for email in ("nils@one.example", "quist@two.example"))
    cy, dy = (Address(email=f"{name}@others.example", name=name) for name in ("cy", "dy"))
    world.receive(
        *(mail(20 + n, each, ME) for n, each in enumerate((old, new))),
        *(mail(30 + n, ME, each) for n, each in enumerate((old, new))),
    )
    world.pull_all()
    assert called(world, old.email).id != called(world, new.email).id
    assert ("nils@one.example", "quist@two.example") in asked(world)
    world.receive(*(mail(40 + n, each, ME, cy, dy, list_id="<team.others.example>") for n, each in enumerate((old, new))))
    world.pull_all()
    assert called(world, old.email).id == called(world, new.email).id
    assert ("nils@one.example", "quist@two.example") not in asked(world), "what is settled is asked no more"


def test_what_the_owner_says_survives_a_sync_a_merge_and_a_rebuild(world: World) -> None:
    eve = called(world, EVE.email)
    with world.store.write() as db:
        people.describe(db, "ada", eve.id, circle="mentor", cadence_days=30, is_key=True)
        people.snooze(db, "ada", eve.id, NOW + 9 * DAY)
    world.receive(mail(30, EVE, ME))
    world.provider.mail.remove("6")
    world.pull_all()
    after = called(world, EVE.email)
    assert (after.circle, after.cadence_days, after.is_key, after.snoozed_until) == ("mentor", 30, True, NOW + 9 * DAY)
    with world.store.write() as db:
        people.describe(db, "ada", eve.id, cadence_days=0, mute_reason="left")
        people.describe(db, "ada", eve.id, mute_reason="")
    assert (called(world, EVE.email).cadence_days, called(world, EVE.email).is_muted) == (None, False)


def test_a_person_the_owner_named_is_there_before_any_mail(world: World) -> None:
    with world.store.write() as db:
        found = people.introduce(db, "ada", "Kim@key.example", name="Kim Key")
        assert people.introduce(db, "ada", "no address") is None
        people.describe(db, "ada", str(found), is_key=True)
    assert called(world, "kim@key.example").name == "Kim Key"
    world.receive(mail(40, Address(email="kim@key.example", name="Kim Key"), ME))
    world.pull_all()
    assert called(world, "kim@key.example").id == found


def test_forgetting_leaves_no_trace_and_no_sync_brings_it_back(world: World) -> None:
    world.receive(mail(50, BOB, ME, EVE), mail(51, ME, EVE, BOB))
    world.book(meeting("lunch", NOW - DAY, EVE, BOB), meeting("ahead", NOW + DAY, EVE))
    world.pull_all()
    world.catch_up()
    eve = called(world, EVE.email)
    with world.store.write() as db:
        db.execute(insert(note), {"owner": "ada", "person": eve.id, "address": EVE.email, "at": 0, "kind": "touch", "text": "Eve"})
        db.execute(
            insert(suggestion), [planned_for(eve), planned_for(eve) | {"key": "r" * 26, "action": "draft", "payload": REPLY}]
        )
        assert people.forget(db, "ada", [EVE.email], NOW) > 0
    for _ in range(2):
        seen = everything(world).casefold()
        assert "eve" not in seen.replace("never", "").replace("event", "")
        assert "further.example" not in seen
        assert {each.name for each in world_people(world)} == {"Bob Stone"}
        world.provider.expire_cursors()
        world.receive(mail(60, EVE, ME), mail(61, ME, EVE))
        world.pull_all()
    assert world.rows() == world.rebuilt()
    with world.store.read() as db:
        left = db.execute(select(suggestion).order_by(suggestion.c.key)).all()
    assert [(one.state, one.close_reason, one.key) for one in left] == [("closed", "dismissed", letter * 26) for letter in "kr"]


def test_forgetting_takes_a_name_out_of_what_is_kept_of_others(world: World) -> None:
    world.receive(mail(50, BOB, ME, EVE), mail(51, ME, EVE, BOB))
    world.pull_all()
    bob = called(world, BOB.email)
    month = '{"month": "2026-06", "order": 0, "circle": "", "why": "w", "trades": ["Bob Stone instead of Eve Fox: \\"x\\"", "Bob Stone stays"]}'
    of_bob = {"owner": "ada", "person": bob.id, "address": BOB.email, "at": 0}
    draft = '{"key": "k", "to": [["bob", "Bob Stone"]], "text": "Thank you for introducing me to Eve Fox.", "subject": "s"}'
    of_ledger = planned_for(bob) | {"address": BOB.email}
    ledger = of_ledger | {"key": "i" * 26, "action": "draft", "payload": draft, "why": "Bob Stone made you known to Eve Fox"}
    with world.store.write() as db:
        db.execute(
            insert(note), [of_bob | {"kind": "month", "text": month}, of_bob | {"kind": "touch", "text": "lunch with Eve Fox"}]
        )
        db.execute(insert(suggestion), [ledger, of_ledger | {"key": "b" * 26, "payload": "{}", "why": "Bob Stone is quiet"}])
        people.forget(db, "ada", [EVE.email], NOW)
        kept = db.execute(select(note.c.kind, note.c.text).order_by(note.c.id)).all()
        left = {row.key: row for row in db.execute(select(suggestion))}
    assert "eve fox" not in everything(world).casefold()
    assert [row.kind for row in kept] == ["month", "touch"]
    assert "Bob Stone stays" in kept[0].text
    assert left["i" * 26].state == "closed"
    assert (left["b" * 26].state, left["b" * 26].why) == ("planned", "Bob Stone is quiet")


def test_forgetting_leaves_a_name_somebody_else_wrote_and_the_privacy_page_says_so(world: World, root: Path) -> None:
    world.receive(replace(mail(50, BOB, ME), subject="Lunch with Eve Fox"))
    world.book(meeting("lunch", NOW - DAY, BOB, summary="Eve Fox leaves"))
    world.pull_all()
    with world.store.write() as db:
        people.forget(db, "ada", [EVE.email], NOW)
    assert {"Lunch with Eve Fox"} == {each.subject for each in world.stored_mail().values() if "Eve" in each.subject}
    assert [each.summary for each in world.stored_events().values()] == ["Eve Fox leaves"]
    page = " ".join((root / "deploy" / "privacy.md").read_text().split())
    assert "a name that somebody else wrote into the subject of a mail or the title of an event" in page


REPLY = """{"key": "r", "message_id": "r@own.example", "from_": {"email": "ada@own.example"}, "to": [{"email": "eve@further.example"}],
"subject": "Re: Eve", "text": "Hello Eve", "date": "2026-06-02T09:00:00Z", "in_reply_to": "1@further.example", "references": ["1@further.example"]}"""


def planned_for(eve: StoredPerson) -> dict[str, object]:
    payload = (
        '{"key": "k", "title": "Eve Fox", "description": "why Eve", "start": "2026-06-02T09:00:00Z", "end": "2026-06-02T09:25:00Z"}'
    )
    given = {"key": "k" * 26, "owner": "ada", "rule": "check_in", "cause": "lapse:0", "person": eve.id, "address": EVE.email}
    return given | {"action": "hold", "payload": payload, "why": "Eve is quiet", "created_at": 0, "updated_at": 0}


def world_people(world: World) -> list[StoredPerson]:
    with world.store.read() as db:
        return people.people(db, "ada")


def test_news_and_what_the_owner_changes_wake_the_review(world: World) -> None:
    with world.store.write() as db:
        assert accounts.owners_due(db, NOW) == ["ada"]
        accounts.pause_owner(db, "ada", NOW + DAY)
        assert accounts.owners_due(db, NOW) == []
        assert accounts.owners_due(db, NOW + DAY) == ["ada"]
        accounts.pause_owner(db, "ada", None)
        people.touch_all(db, "ada", EPOCH)
        assert db.execute(select(person.c.next_review_at).distinct()).scalars().all() == [micros(EPOCH)]


def test_a_message_in_two_folders_and_two_spellings_counts_once(world: World) -> None:
    spelled = Address(email="Bob+lists@Elsewhere.example", name="Bob Stone")
    world.receive(mail(70, spelled, ME, id_="one@mail.example"), mail(71, spelled, ME, id_="one@mail.example"))
    world.pull_all()
    bob = called(world, BOB.email)
    assert len(world.network(bob.id).relations[0].contacts) == 3
    world.provider.mail.remove("70")
    world.pull_all()
    assert len(world.network(bob.id).relations[0].contacts) == 3
    world.provider.mail.remove("71")
    world.pull_all()
    assert len(world.network(bob.id).relations[0].contacts) == 2


def test_drafts_and_our_own_unsent_objects_are_no_interaction_but_a_sent_one_is(world: World) -> None:
    eve = called(world, EVE.email)
    with world.store.write() as db:
        db.execute(insert(suggestion), planned_for(eve) | {"message_id": "ours@corp.example"})
    ours = mail(80, ME, EVE, id_="ours@corp.example")
    world.receive(ours, mail(81, ME, EVE, labels=frozenset({"\\Drafts"})))
    world.pull_all()
    assert len(world.network(eve.id).relations[0].contacts) == 2
    world.receive(replace(ours, labels=frozenset({"\\Sent"})), feed="sent")
    world.pull_all()
    assert len(world.network(eve.id).relations[0].contacts) == 3


def test_an_address_seen_under_thousands_of_names_keeps_few_and_adds_up_the_same(world: World) -> None:
    alias = [Address(email="notes@tool.example", name=f"Somebody {number} via Tool") for number in range(60)]
    world.receive(*[mail(f"n{number}", each, ME) for number, each in enumerate(alias)])
    world.pull_all()
    names = next(row[3] for row in world.rows()["address"] if row[0] == "notes@tool.example")
    assert len(names) == 32
    assert world.rows() == world.rebuilt()


def test_a_held_meeting_makes_a_person_when_it_ends(world: World) -> None:
    kim = Address(email="kim@meet.example", name="Kim Meet")
    world.book(meeting("first", NOW + HOUR, kim))
    world.pull_all()
    assert "Kim Meet" not in {each.name for each in world_people(world)}
    world.now += 2 * HOUR
    with world.store.read() as db:
        assert "ada" in accounts.owners_due(db, world.now)
    world.catch_up()
    assert "Kim Meet" in {each.name for each in world_people(world)}


def test_a_room_and_an_all_hands_make_nobody_a_person(world: World) -> None:
    crowd = [Address(email=f"p{number}@corp.example", name=f"Person Number{number}") for number in range(40)]
    world.book(meeting("all hands", NOW - DAY, *crowd))
    world.pull_all()
    world.catch_up()
    assert {each.name for each in world_people(world)} == {"Bob Stone", "Eve Fox"}


def test_person_ids_do_not_tell_who_it_is(world: World) -> None:
    other = World(url="sqlite://", provider=world.provider)
    other.pull_all()
    assert {each.name for each in world_people(other)} == {each.name for each in world_people(world)}
    assert not {each.id for each in world_people(other)} & {each.id for each in world_people(world)}


def test_owner_addresses_that_change_have_the_index_made_again(world: World) -> None:
    keys = OwnerKeys(keys=frozenset({"ada@corp.example", "eve@further.example"}), domains=OWNER.domains)
    with world.store.write() as db:
        assert not accounts.register_owner(db, "ada", accounts.owner_keys(db, "ada"), OWNER.zone)
        assert accounts.register_owner(db, "ada", keys, OWNER.zone)
        rebuild(db, "ada", NOW, OWNER.zone)
    assert EVE.email not in {each.addresses[0] for each in world_people(world)}


def test_blocks_of_names_are_kept_for_people_alone(world: World) -> None:
    with world.store.read() as db:
        blocked = set(db.execute(select(block.c.address).distinct()).scalars())
        held = set(db.execute(select(address.c.key).where(address.c.person.is_not(None))).scalars())
    assert blocked == held
