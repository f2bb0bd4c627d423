"""Holds over CalDAV that are not there: deleted before a retry, refused by the server, or out of sight where a calendar fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from connectors.port import BEGINNING, Calendar, Gone, Moved, Rejected, Saved, Unavailable, Untouched, Witness
from tests.connectors.contract import a_hold, an_invite
from tests.connectors.dav_script import HOME, MEMBER, scripted
from tests.connectors.test_caldav import calendar
from tests.connectors.test_caldav_makes import CALENDAR, HREF, Keeper, Told, says

TOKEN = "<d:sync-token>t{}</d:sync-token>"
ELSE = MEMBER.format(href="/cal/diary/else.ics", etag="1", more="")
WENT = "<d:response><d:href>{}</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>"
EXPIRED = '<d:error xmlns:d="DAV:"><d:valid-sync-token/></d:error>'
UNABLE: Mapping[str, Told] = {
    "ctag only": (501, {}, ""),
    "token expired": (403, {}, EXPIRED),
    "too much at once": (507, {}, ""),
    "token forgotten": says(TOKEN.format(9)),
    "something else went": says(ELSE + WENT.format("/cal/diary/4711.ics") + TOKEN.format(9)),
}


@dataclass
class Diary(Keeper):
    """A calendar whose mark moves with everything that happens in it; its first PUT is answered by 500, stored or not."""

    moved: int = 1
    puts: int = 0
    is_stored: bool = True
    synced: Told = (501, {}, "")

    def begin(self) -> None:
        super().begin()
        self.script.answers["PROPFIND /cal/"] = lambda _: (207, {}, HOME.format(ctag=f"c{self.moved}"))
        self.script.answers["REPORT sync-collection /cal/diary/"] = lambda _: self.synced

    def put(self, body: str) -> Told:
        self.puts += 1
        if self.puts == 1 and not self.is_stored:
            return 500, {}, ""
        self.moved += 1
        told = super().put(body)
        return told if self.puts > 1 else (500, {}, "")

    def something_happens(self) -> None:
        self.moved += 1

    def owner_deletes(self) -> None:
        assert self.text
        self.text = ""
        self.something_happens()


@pytest.fixture
def diary() -> Iterator[Diary]:
    with scripted() as script:
        diary = Diary(script)
        diary.begin()
        yield diary


class TestDeletedBeforeTheRetry:
    def broken_off(self, diary: Diary) -> Witness:
        side = calendar(diary.script.port, "/cal/")
        witness = side.witness()
        with pytest.raises(Unavailable):
            side.save_hold(a_hold(), witness)
        return witness

    @pytest.mark.parametrize("synced", UNABLE.values(), ids=UNABLE)
    def test_it_stays_away_where_the_server_cannot_tell(self, diary: Diary, synced: Told) -> None:
        witness, diary.synced = self.broken_off(diary), synced
        diary.owner_deletes()
        assert calendar(diary.script.port, "/cal/").save_hold(a_hold(), witness) == Gone(is_sure=False)
        assert (diary.puts, diary.text) == (1, "")

    def test_it_stays_away_from_the_connection_that_made_it_too(self, diary: Diary) -> None:
        side = calendar(diary.script.port, "/cal/")
        witness = side.witness()
        with pytest.raises(Unavailable):
            side.save_hold(a_hold(), witness)
        diary.owner_deletes()
        assert side.save_hold(a_hold(), witness) == Gone(is_sure=False)

    def test_an_invite_the_owner_cancelled_is_not_mailed_again(self, diary: Diary) -> None:
        invite = an_invite()
        diary.script.answers["OPTIONS /cal/diary/"] = lambda _: (200, {"DAV": "calendar-auto-schedule"}, "")
        diary.href = f"/cal/diary/{invite.key}.ics"
        diary.begin()
        diary.script.answers[f"PUT {diary.href}"] = diary.put
        side = calendar(diary.script.port, "/cal/")
        witness = side.witness()
        with pytest.raises(Unavailable):
            side.save_hold(invite, witness)
        diary.owner_deletes()
        assert calendar(diary.script.port, "/cal/").save_hold(invite, witness) == Gone(is_sure=False)
        assert diary.puts == 1

    def test_the_server_tells_that_it_went(self, diary: Diary) -> None:
        witness, diary.synced = self.broken_off(diary), says(WENT.format(diary.href) + TOKEN.format(9))
        diary.owner_deletes()
        assert calendar(diary.script.port, "/cal/").save_hold(a_hold(), witness) == Gone()

    def test_what_never_arrived_is_put_again_while_nothing_else_happens(self, diary: Diary) -> None:
        diary.is_stored = False
        witness = self.broken_off(diary)
        assert isinstance(calendar(diary.script.port, "/cal/").save_hold(a_hold(), witness), Saved)

    def test_what_never_arrived_is_put_again_where_the_server_tells_what_else_happened(self, diary: Diary) -> None:
        diary.is_stored, diary.synced = False, says(ELSE + TOKEN.format(9))
        witness = self.broken_off(diary)
        diary.something_happens()
        assert isinstance(calendar(diary.script.port, "/cal/").save_hold(a_hold(), witness), Saved)

    @pytest.mark.parametrize("synced", UNABLE.values(), ids=UNABLE)
    def test_a_first_attempt_minds_nothing_the_owner_does_meanwhile(self, diary: Diary, synced: Told) -> None:
        side, diary.puts, diary.synced = calendar(diary.script.port, "/cal/"), 1, synced
        witness = side.witness()
        diary.something_happens()
        assert isinstance(side.save_hold(a_hold(), witness), Saved)

    def test_another_attempt_beside_it_does_not_make_a_retry_the_first(self, diary: Diary) -> None:
        witness = self.broken_off(diary)
        diary.owner_deletes()
        side = calendar(diary.script.port, "/cal/")
        side.witness()
        assert side.save_hold(a_hold(), witness) == Gone(is_sure=False)


CONFLICT = '<d:error xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><c:{}/></d:error>'


class TestRefused:
    def refused(self, diary: Diary, status: int, said: str = "") -> Calendar:
        diary.script.answers[f"PUT {HREF}"] = lambda _: (status, {}, said)
        return calendar(diary.script.port, "/cal/")

    @pytest.mark.parametrize("since", ["", "c1", "c0"])
    @pytest.mark.parametrize(
        ("status", "said", "told"),
        [
            (409, CONFLICT.format("valid-calendar-data"), "409 valid-calendar-data"),
            (403, CONFLICT.format("max-attendees-per-instance"), "403 max-attendees-per-instance"),
            (409, "The parent collection of canary does not exist", "409"),
            (412, "", "412"),
            (404, "", "404"),
        ],
    )
    def test_what_is_not_taken_was_not_removed_by_the_owner(
        self, diary: Diary, status: int, said: str, told: str, since: str
    ) -> None:
        diary.synced = says(ELSE + TOKEN.format(9))
        side = self.refused(diary, status, said)
        with pytest.raises(Rejected, match=re.escape(f"({told})")) as raised:
            side.save_hold(a_hold(), Witness(since))
        assert "canary" not in raised.value.told()

    @pytest.mark.parametrize("status", [408, 423, 425, 507])
    def test_what_is_not_taken_now_is_taken_later(self, diary: Diary, status: int) -> None:
        side = self.refused(diary, status)
        witness = side.witness()
        with pytest.raises(Unavailable):
            side.save_hold(a_hold(), witness)
        diary.puts, diary.script.answers[f"PUT {HREF}"] = 1, diary.put
        assert isinstance(calendar(diary.script.port, "/cal/").save_hold(a_hold(), witness), Saved)

    def test_what_came_and_went_while_it_was_put_was_removed_by_the_owner(self, diary: Diary) -> None:
        side = self.refused(diary, 409)
        diary.synced = says(WENT.format(HREF) + TOKEN.format(9))
        assert side.save_hold(a_hold(), side.witness()) == Gone()

    @pytest.mark.parametrize("status", [400, 403, 409, 412])
    def test_what_lies_at_another_address_is_taken_up(self, diary: Diary, status: int) -> None:
        diary.puts = 1
        calendar(diary.script.port, "/cal/").save_hold(a_hold(), BEGINNING)
        text, diary.text = diary.text, ""
        moved = "/cal/diary/by-hand.ics"
        diary.script.answers[f"GET {moved}"] = lambda _: (200, {}, text)
        diary.script.answers[f"PROPFIND {moved}"] = lambda _: says(MEMBER.format(href=moved, etag='"1"', more=""))
        diary.script.answers["REPORT calendar-query /cal/diary/"] = lambda _: says(MEMBER.format(href=moved, etag='"1"', more=""))
        side = self.refused(diary, status, CONFLICT.format("no-uid-conflict"))
        found = side.save_hold(a_hold(), side.witness())
        assert isinstance(found, Saved)
        assert (found.remote_id, found.is_adopted) == (moved, True)


class TestOneCalendarFails:
    @pytest.fixture(autouse=True)
    def another_calendar(self, diary: Diary) -> None:
        diary.puts = 1
        listing = "".join(CALENDAR.format(name, "write") for name in ("broken", "diary", "other"))
        diary.script.answers["PROPFIND /cal/"] = lambda _: says(listing)
        diary.script.answers["REPORT calendar-query /cal/other/"] = lambda _: says("")
        self.fails(diary, "broken")

    def fails(self, diary: Diary, name: str) -> None:
        diary.script.answers[f"REPORT calendar-query /cal/{name}/"] = lambda _: (500, {}, "")

    def side(self, diary: Diary) -> Calendar:
        return calendar(diary.script.port, "/cal/", holds="diary")

    def made(self, diary: Diary) -> Saved:
        made = self.side(diary).save_hold(a_hold(), BEGINNING)
        assert isinstance(made, Saved)
        return made

    def test_a_hold_is_made_and_looked_after_beside_it(self, diary: Diary) -> None:
        made = self.made(diary)
        assert self.side(diary).look(made) == Untouched()

    def test_a_hold_that_is_nowhere_else_has_gone_perhaps(self, diary: Diary) -> None:
        made = self.made(diary)
        diary.owner_deletes()
        assert self.side(diary).look(made) == Gone(is_sure=False)
        assert self.side(diary).withdraw(made) == Gone(is_sure=False)

    def test_a_hold_in_a_calendar_after_it_is_found(self, diary: Diary) -> None:
        made, text, there = self.made(diary), diary.text, "/cal/other/dragged.ics"
        diary.owner_deletes()
        diary.script.answers["REPORT calendar-query /cal/other/"] = lambda _: says(MEMBER.format(href=there, etag="1", more=""))
        diary.script.answers[f"GET {there}"] = lambda _: (200, {}, text)
        assert self.side(diary).look(made) == Moved()

    def test_where_it_is_the_holds_own_it_is_waited_for(self, diary: Diary) -> None:
        made = self.made(diary)
        diary.owner_deletes()
        self.fails(diary, "diary")
        with pytest.raises(Unavailable):
            self.side(diary).look(made)
        with pytest.raises(Unavailable):
            self.side(diary).save_hold(a_hold(), BEGINNING)
        assert not diary.text
