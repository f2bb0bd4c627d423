"""Holds and invites in Outlook are made once: whatever is lost, whatever lags or is forgotten, whatever the owner does in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import cast

import pytest

from connectors.microsoft.graph import Graph, Json
from connectors.microsoft.stood import ChangeLog
from connectors.port import (
    BEGINNING,
    Edited,
    Finds,
    Gone,
    Moved,
    PortError,
    Rejected,
    Saved,
    Unavailable,
    Unclear,
)
from rules.suggestions import Hold, Invite
from tests.connectors.contract import EVA, NOON, a_draft, a_hold, an_invite
from tests.connectors.microsoft_world import MicrosoftWorld, calendar, mailbox
from tests.simulators.microsoft.agenda import moment
from tests.simulators.microsoft.faults import Kind

HOUR, LATER = timedelta(hours=1), timedelta(minutes=10)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def ours(world: MicrosoftWorld) -> list[str]:
    """Ids of the events we made that still exist, copies the owner's program made of them too."""
    return [id_ for id_ in world.box.agenda.marks if id_ in world.box.agenda.events]


CRASHES: list[Kind] = ["drop", "lose", "ConcurrentItemSave"]
MADE = frozenset({"lose", "ConcurrentItemSave"})
MEMORIES = [("as long as the event", False), ("none", True), ("for good", True)]
"""How long Graph remembers a transaction, and whether its search lags."""
MEANWHILE = [
    "nothing", "edited", "given another time", "put elsewhere", "put elsewhere by copy", "deleted", "links expired",
    "an older event deleted", "one far away changed", "another came and went",
]  # fmt: skip


def meanwhile(world: MicrosoftWorld, what: str, older: str, far: str) -> None:
    """Do as the owner or the provider does between a crash and the retry."""
    agenda = world.box.agenda
    if what == "links expired":
        world.graph.expire_everything()
    elif what == "an older event deleted":
        agenda.remove(older)
    elif what == "one far away changed":
        agenda.touch(far, subject="Changed")
    elif what == "another came and went":
        agenda.remove(agenda.add(start=NOON, end=NOON + HOUR)["id"])
    for one in ours(world):
        touched(world, one, what)


def touched(world: MicrosoftWorld, one: str, what: str) -> None:
    """Do something to an event of ours."""
    agenda = world.box.agenda
    match what:
        case "edited":
            agenda.touch(one, subject="Mine")
        case "given another time":
            agenda.touch(one, start=moment(NOON + HOUR), end=moment(NOON + 2 * HOUR))
        case "put elsewhere":
            agenda.move(one, agenda.add_calendar("Travel"))
        case "put elsewhere by copy":
            agenda.move_by_copy(one, agenda.add_calendar("Travel"))
        case "deleted":
            agenda.remove(one)
        case _:
            pass


def attempted(world: MicrosoftWorld, action: Hold | Invite, kind: Kind, what: str) -> list[object]:
    """Let a first attempt break off, let something happen, and try three times more: at once, and when Graph can tell."""
    agenda = world.box.agenda
    older = str(agenda.add(start=NOON, end=NOON + HOUR, subject="Lunch")["id"])
    far = str(agenda.add(start=NOON - timedelta(days=900), end=NOON - timedelta(days=899), subject="Long ago")["id"])
    witness = calendar(world).witness()
    world.graph.fault(kind, "POST", "/events$")
    with suppress(PortError):
        calendar(world).save_hold(action, witness)
    assert bool(ours(world)) == (kind in MADE)
    meanwhile(world, what, older, far)
    found: list[object] = []
    while len(found) < 3:
        try:
            answer: object = calendar(world).save_hold(action, witness)
        except Rejected:
            answer = "not known"
        found += [] if isinstance(answer, Unclear) else [answer]
        world.graph.clock += LATER
    return found


@pytest.mark.parametrize(("memory", "is_lagging"), MEMORIES)
@pytest.mark.parametrize(("kind", "what"), list(product(CRASHES, MEANWHILE)))
@pytest.mark.parametrize("action", [a_hold(), an_invite()], ids=["hold", "invite"])
def test_after_any_crash_there_is_one_event_or_the_owners_will(
    world: MicrosoftWorld, action: Hold | Invite, kind: Kind, what: str, memory: str, *, is_lagging: bool
) -> None:
    world.box.lag = timedelta(seconds=90) if is_lagging else timedelta(0)
    world.box.agenda.is_forgetful, world.box.agenda.remembers_the_gone = memory == "none", memory == "for good"
    found = attempted(world, action, kind, what)
    was_made, is_invite = kind in MADE, isinstance(action, Invite)
    if was_made and (what == "deleted" or (what == "put elsewhere by copy" and is_invite)):
        assert found == [Gone(is_sure=False)] * 3
        assert len(ours(world)) == (what != "deleted")
    elif not was_made and what == "another came and went":
        assert found == [Gone(is_sure=False)] * 3, "what came and is nowhere any more may have been ours"
        assert ours(world) == []
    elif is_invite and what == "links expired" and not was_made:
        assert found == ["not known"] * 3, "rather not sent than sent twice"
        assert ours(world) == []
    else:
        assert all(isinstance(one, Saved) for one in found)
        assert len({one.remote_id for one in found if isinstance(one, Saved)}) == 1
        assert len(ours(world)) == 1
    was_sent = is_invite and (was_made or what not in {"another came and went", "links expired"})
    assert world.box.agenda.mails == [(EVA.email,)] * was_sent


def test_what_the_owner_changed_before_the_retry_is_theirs(world: MicrosoftWorld) -> None:
    found = attempted(world, a_hold(), "lose", "given another time")[0]
    assert isinstance(found, Saved)
    assert isinstance(calendar(world).withdraw(found), Moved)
    found = attempted(world, an_invite(), "lose", "edited")[0]
    assert isinstance(found, Saved)
    assert calendar(world).look(found) == Edited()


def test_a_hold_put_into_another_calendar_stays_ours_to_look_at_and_is_not_made_again(world: MicrosoftWorld) -> None:
    side = calendar(world)
    witness = side.witness()
    saved = side.save_hold(a_hold(), witness)
    assert isinstance(saved, Saved)
    world.box.agenda.move(saved.remote_id, world.box.agenda.add_calendar("Travel"))
    assert type(calendar(world).look(saved)).__name__ in {"Untouched", "Edited"}
    for since in (witness, BEGINNING):
        again = calendar(world).save_hold(a_hold(), since)
        assert isinstance(again, Saved)
        assert again.remote_id == saved.remote_id
    assert len(ours(world)) == 1


def test_a_calendar_of_holds_that_is_gone_is_named_to_the_owner(world: MicrosoftWorld) -> None:
    witness = calendar(world).witness()
    world.settings["holds"] = "AAMkGONE="
    with pytest.raises(Rejected, match="no calendar to put holds into"):
        calendar(world).witness()
    with pytest.raises(Rejected, match="no calendar to put holds into") as refused:
        calendar(world).save_hold(a_hold(), witness)
    assert "holds" in refused.value.remedy


@pytest.mark.parametrize("action", [a_hold(), an_invite()], ids=["hold", "invite"])
def test_a_conflict_is_no_missing_calendar_and_is_tried_again(world: MicrosoftWorld, action: Hold | Invite) -> None:
    witness = calendar(world).witness()
    world.graph.fault("409", "POST", "/events$")
    with pytest.raises(Unavailable):
        calendar(world).save_hold(action, witness)
    assert isinstance(calendar(world).save_hold(action, witness), Saved)
    assert len(ours(world)) == 1


def test_what_a_witness_holds_tells_nobody_what_lies_in_the_calendar(world: MicrosoftWorld) -> None:
    for number in range(300):
        world.box.agenda.add(start=NOON, end=NOON + HOUR, subject=f"Secret {number}")
    witness = calendar(world).witness()
    assert "Secret" not in witness
    assert len(witness) < 5_000


def test_after_a_restore_what_lies_there_is_taken_up_and_nothing_is_made(world: MicrosoftWorld) -> None:
    side, post = calendar(world), mailbox(world)
    assert isinstance(side, Finds)
    assert isinstance(post, Finds)
    for action in (a_hold(), an_invite()):
        assert side.find(action) is None
        saved = side.save_hold(action, side.witness())
        assert isinstance(saved, Saved)
        world.box.agenda.move(saved.remote_id, world.box.agenda.add_calendar("Travel"))
        found = side.find(action)
        assert found is not None
        assert (found.remote_id, found.is_adopted) == (saved.remote_id, True)
    assert post.find(a_draft()) is None
    saved = post.save_draft(a_draft(), post.witness())
    assert isinstance(saved, Saved)
    assert post.find(a_draft()) is not None
    world.send_draft(saved)
    assert post.find(a_draft()) is None
    assert len(ours(world)) == 2


def test_what_was_gone_before_the_witness_and_is_told_once_more_is_no_attempt_of_ours() -> None:
    answers = [
        {"value": [{"id": "there"}, {"id": "gone", "@removed": {"reason": "deleted"}}], "@odata.deltaLink": "on"},
        {"value": [{"id": "gone", "@removed": {"reason": "deleted"}}, {"id": "there"}, {"id": "new"}], "@odata.deltaLink": "on"},
    ]

    class Told:
        def page(self, *_: object, **__: object) -> Json:
            return answers.pop(0)

        def now(self) -> datetime:
            return NOON

    log = ChangeLog(graph=cast("Graph", Told()), path="me/calendarView/delta", what="a test")
    came = log.since(log.witness({}))
    assert came is not None
    assert [one["id"] for one in came] == ["new"]
