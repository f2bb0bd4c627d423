"""Holds over CalDAV that the owner has had in hand: written into, deleted, or out of sight; what servers and clients do to them is no touch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.port import BEGINNING, Edited, Saved, Untouched
from connectors.written import Written
from rules.suggestions import Hold
from tests.conftest import Server
from tests.connectors.contract import a_hold, an_invite
from tests.connectors.dav_script import scripted
from tests.connectors.test_caldav import calendar
from tests.connectors.test_caldav_makes import Keeper, Told
from tests.connectors.test_standards_contract import CalendarHands

REMINDER = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:-PT30M\r\n{}END:VALARM\r\n"
BY_HAND = {
    "a place": ("DTSTAMP", "LOCATION:Harbour Cafe\r\nDTSTAMP"),
    "other notes": ("DESCRIPTION:", "DESCRIPTION:Bring the contract. "),
    "shown as busy": ("TRANSP:TRANSPARENT", "TRANSP:OPAQUE"),
    "a reminder": ("END:VEVENT", REMINDER.format("") + "END:VEVENT"),
    "weekly": ("END:VEVENT", "RRULE:FREQ=WEEKLY\r\nEND:VEVENT"),
    "a link": ("END:VEVENT", "URL:https://meet.example/1\r\nEND:VEVENT"),
    "shown to others": ("CLASS:PRIVATE", "CLASS:PUBLIC"),
    "all day": (r"DTSTART:(\d{8})T\w+\r\nDTEND:\d{8}T\w+", r"DTSTART;VALUE=DATE:\1"),
}
BY_ITSELF = {
    "dates and numbers": (
        "DTSTAMP:\\w+",
        "DTSTAMP:20261103T000000Z\r\nCREATED:20261103T000000Z\r\nLAST-MODIFIED:20261103T000000Z\r\nSEQUENCE:2",
    ),
    "its own name": ("PRODID:.*?\r\n", "PRODID:-//Server//EN\r\n"),
    "marks of a client": ("END:VEVENT", "X-MOZ-GENERATION:1\r\nX-MOZ-LASTACK:20261103T000000Z\r\nEND:VEVENT"),
    "defaults written out": ("END:VEVENT", "LOCATION:\r\nEND:VEVENT"),
    "no status": ("STATUS:CONFIRMED\r\n", ""),
    "white space in notes": (r"(DESCRIPTION:.*?)(?=\r\n\S)", r"\1 \\n"),
    "Apple's note of no reminder": (
        "END:VEVENT",
        "BEGIN:VALARM\r\nACTION:NONE\r\nTRIGGER;VALUE=DATE-TIME:19760401T005545Z\r\nEND:VALARM\r\nEND:VEVENT",
    ),
    "Apple's default reminder": ("END:VEVENT", REMINDER.format("X-APPLE-DEFAULT-ALARM:TRUE\r\n") + "END:VEVENT"),
}


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    with scripted() as script:
        keeper = Keeper(script)
        keeper.begin()
        yield keeper


def saved(keeper: Keeper, hold: Hold | None = None) -> Saved:
    made = calendar(keeper.script.port, "/cal/").save_hold(hold or a_hold(), BEGINNING)
    assert isinstance(made, Saved)
    return made


def change(text: str, how: tuple[str, str]) -> str:
    changed = re.sub(*how, text, count=1, flags=re.DOTALL)
    assert changed != text
    return changed


def rewrite(keeper: Keeper, how: tuple[str, str]) -> None:
    keeper.text, keeper.etag = change(keeper.text, how), '"rewritten"'


class TestWrittenInto:
    @pytest.mark.parametrize("how", BY_HAND.values(), ids=BY_HAND)
    def test_what_the_owner_wrote_into_is_theirs(self, keeper: Keeper, how: tuple[str, str]) -> None:
        kept = saved(keeper)
        rewrite(keeper, how)
        side = calendar(keeper.script.port, "/cal/")
        assert side.look(kept) == Edited()
        assert side.withdraw(kept) == Edited()
        assert keeper.text

    def test_a_real_server_shows_what_the_owner_wrote_into_it(self, radicale: Server) -> None:
        owner, side = CalendarHands(radicale), calendar(radicale.port)
        made = side.save_hold(a_hold(), side.witness())
        assert isinstance(made, Saved)
        text = change(owner.ask("GET", made.remote_id).decode(), BY_HAND["a place"])
        owner.ask("PUT", made.remote_id, text.encode(), {"Content-Type": "text/calendar"})
        assert side.withdraw(made) == Edited()
        assert b"Harbour Cafe" in owner.ask("GET", made.remote_id)

    @pytest.mark.parametrize("how", BY_HAND.values(), ids=BY_HAND)
    def test_what_the_owner_wrote_into_before_it_was_confirmed_is_theirs_too(self, keeper: Keeper, how: tuple[str, str]) -> None:
        saved(keeper)
        rewrite(keeper, how)
        adopted = saved(keeper)
        assert adopted.is_adopted
        assert calendar(keeper.script.port, "/cal/").withdraw(adopted) == Edited()
        assert keeper.text

    @pytest.mark.parametrize("how", BY_ITSELF.values(), ids=BY_ITSELF)
    @pytest.mark.parametrize("is_adopted", [False, True])
    def test_what_servers_and_clients_write_by_themselves_is_no_edit(
        self, keeper: Keeper, how: tuple[str, str], *, is_adopted: bool
    ) -> None:
        kept = saved(keeper)
        rewrite(keeper, how)
        assert calendar(keeper.script.port, "/cal/").withdraw(saved(keeper) if is_adopted else kept) == Untouched()
        assert not keeper.text

    def test_a_reminder_the_server_gives_to_all_it_stores_is_no_edit_and_one_more_is(self, keeper: Keeper) -> None:
        def put(body: str) -> Told:
            return keeper.put(change(body, BY_HAND["a reminder"]))

        keeper.script.answers[f"PUT {keeper.href}"] = put
        kept = saved(keeper)
        rewrite(keeper, ("TRIGGER", "ACKNOWLEDGED:20261103T000000Z\r\nTRIGGER"))
        side = calendar(keeper.script.port, "/cal/")
        assert side.look(kept) == Untouched()
        rewrite(keeper, ("END:VEVENT", REMINDER.format("").replace("30", "5") + "END:VEVENT"))
        assert side.look(kept) == Edited()

    def test_what_the_server_keeps_elsewhere_with_a_reminder_of_its_own_is_untouched(self, keeper: Keeper) -> None:
        elsewhere = Keeper(keeper.script, href="/cal/diary/4711.ics")
        del keeper.script.answers[f"GET {keeper.href}"], keeper.script.answers[f"PROPFIND {keeper.href}"]
        elsewhere.begin()
        put = elsewhere.put
        keeper.script.answers[f"PUT {keeper.href}"] = lambda body: put(change(body, BY_HAND["a reminder"]))
        kept = saved(elsewhere)
        elsewhere.etag = '"rewritten"'
        assert calendar(keeper.script.port, "/cal/").look(kept) == Untouched()

    @pytest.mark.parametrize(
        "hold",
        [replace(a_hold(), is_all_day=True), replace(a_hold(), title="Eva  Beispiel\u200b "), replace(a_hold(), is_tentative=True)],
        ids=["all day", "spaces in the title", "tentative"],
    )
    @pytest.mark.parametrize("is_adopted", [False, True])
    def test_whatever_its_shape_a_hold_of_ours_is_known_again(self, keeper: Keeper, hold: Hold, *, is_adopted: bool) -> None:
        kept = saved(keeper, hold)
        rewrite(keeper, BY_ITSELF["dates and numbers"])
        assert calendar(keeper.script.port, "/cal/").withdraw(saved(keeper, hold) if is_adopted else kept) == Untouched()

    def test_an_all_day_hold_on_another_day_is_theirs(self, keeper: Keeper) -> None:
        kept = saved(keeper, replace(a_hold(), is_all_day=True))
        rewrite(
            keeper, (r"DTSTART;VALUE=DATE:\d+\r\nDTEND;VALUE=DATE:\d+", "DTSTART;VALUE=DATE:20270104\r\nDTEND;VALUE=DATE:20270105")
        )
        assert calendar(keeper.script.port, "/cal/").look(kept) == Edited()

    @pytest.mark.parametrize("name", ["a place", "weekly"])
    def test_what_was_noted_by_an_earlier_version_is_compared_as_far_as_it_goes(self, keeper: Keeper, name: str) -> None:
        made = saved(keeper)
        noted = replace(made, version=Written.of(a_hold(), '"1"').text())
        rewrite(keeper, BY_ITSELF["dates and numbers"])
        side = calendar(keeper.script.port, "/cal/")
        assert side.look(noted) == Untouched()
        rewrite(keeper, BY_HAND[name])
        assert side.look(noted) == Edited()

    def test_what_is_noted_of_a_hold_is_none_of_its_words(self, keeper: Keeper) -> None:
        hold = replace(a_hold(), title="canary", description="canary")
        assert "canary" not in repr(saved(keeper, hold))


def test_an_invite_a_guest_has_answered_is_no_edit(keeper: Keeper) -> None:
    invite = an_invite()
    keeper.script.answers["OPTIONS /cal/diary/"] = lambda _: (200, {"DAV": "calendar-auto-schedule"}, "")
    guests = Keeper(keeper.script, href=f"/cal/diary/{invite.key}.ics")
    guests.begin()
    keeper.script.answers[f"PUT {guests.href}"] = guests.put
    side = calendar(keeper.script.port, "/cal/")
    made = side.save_hold(invite, BEGINNING)
    assert isinstance(made, Saved)
    rewrite(guests, ("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED"))
    assert side.look(made) == Untouched()
