"""CalDAV on a real Radicale, and on a server that misbehaves as others do: the ladder down, traps, and hostile answers."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta

import pytest

from connectors import http, standards
from connectors.port import (
    BEGINNING,
    AuthorizationExpired,
    Calendar,
    Changes,
    Cursor,
    CursorExpired,
    Edited,
    Gone,
    Moved,
    Rejected,
    Saved,
    Unavailable,
    Untouched,
)
from connectors.standards import objects
from connectors.standards.calendar import CalDavCalendar
from rules.facts import CalendarEvent
from tests.conftest import Server
from tests.connectors.contract import NOON, a_hold
from tests.connectors.dav_script import HOME, MEMBER, Script, multistatus, scripted, stocked
from tests.connectors.test_standards_contract import CalendarHands, account
from tests.servers.proxies import HttpProxy


@pytest.fixture
def proxy(radicale: Server) -> Iterator[HttpProxy]:
    proxy = HttpProxy((radicale.host, radicale.port))
    yield proxy
    proxy.close()


@pytest.fixture
def owner(radicale: Server) -> CalendarHands:
    return CalendarHands(radicale)


def calendar(port: int, path: str = "/", password: str = "secret", **settings: str) -> Calendar:
    found = standards.open(account({"caldav": f"http://127.0.0.1:{port}{path}", **settings}, password)).calendar
    assert found is not None
    return found


def fill(owner: CalendarHands, count: int, first: int = 0) -> list[str]:
    made = [f"event{number}" for number in range(first, first + count)]
    for number, uid in enumerate(made, first):
        start = NOON + timedelta(days=number)
        owner.add_event(uid, title=f"Meeting {number}", description="words", start=start, end=start + timedelta(hours=1))
    return made


def read(side: Calendar, since: Cursor | None = None) -> list[Changes[CalendarEvent]]:
    feed = next(feed for feed in side.feeds() if feed.role == "primary")
    return list(side.changes(feed, since))


def uids(pages: list[Changes[CalendarEvent]]) -> set[str]:
    return {event.uid for page in pages for event in page.upserted}


class TestDiscovery:
    @pytest.mark.parametrize("path", ["", "/", "/ana/", "/ana/work/"])
    def test_calendars_are_found_from_any_address_on_the_server(self, owner: CalendarHands, proxy: HttpProxy, path: str) -> None:
        assert [feed.name for feed in calendar(proxy.port, path).feeds()] == ["work"]

    def test_an_address_without_calendars_says_what_to_give(self, proxy: HttpProxy) -> None:
        with pytest.raises((Rejected, AuthorizationExpired)):
            calendar(proxy.port, "/nobody/", password="wrong").feeds()

    def test_a_quiet_account_costs_one_request_once_the_home_is_known(self, owner: CalendarHands, proxy: HttpProxy) -> None:
        fill(owner, 2)
        side = calendar(proxy.port)
        before = [feed.hint for feed in side.feeds()]
        proxy.requests.clear()
        assert [feed.hint for feed in side.feeds()] == before
        assert len(proxy.requests) == 1
        fill(owner, 1, first=2)
        assert [feed.hint for feed in side.feeds()] != before

    def test_a_first_read_asks_for_no_mark_of_change_and_tells_the_one_it_has_read_up_to(
        self, owner: CalendarHands, proxy: HttpProxy
    ) -> None:
        fill(owner, 2)
        side = calendar(proxy.port)
        assert isinstance(side, CalDavCalendar)
        side.expect(())
        assert [feed.hint for feed in side.feeds()] == [""]
        last = read(side)[-1]
        side.expect(["/ana/work/"])
        assert [feed.hint for feed in side.feeds()] == [last.hint] != [""]

    def test_what_changes_while_a_first_read_rests_is_asked_for_afterwards(
        self, owner: CalendarHands, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(objects, "BATCH", 2)
        fill(owner, 4)
        side = calendar(proxy.port)
        (feed,) = side.feeds()
        begun = next(iter(side.changes(feed, None)))
        owner.add_event("event0", title="Moved", description="words", start=NOON, end=NOON + timedelta(hours=1))
        (now,) = side.feeds()
        last = list(side.changes(now, begun.cursor))[-1]
        assert last.is_last
        assert last.hint not in (None, now.hint), "the mark covers a change that was not read"
        changed = [event.summary for page in side.changes(now, last.cursor) for event in page.upserted]
        assert changed == ["Moved"]

    def test_only_chosen_calendars_are_read_and_holds_go_where_the_owner_says(self, owner: CalendarHands, proxy: HttpProxy) -> None:
        owner.make("home")
        side = calendar(proxy.port, holds="home")
        assert {feed.name: feed.role for feed in side.feeds()} == {"work": "", "home": "primary"}
        saved = side.save_hold(a_hold(), side.witness())
        assert isinstance(saved, Saved)
        assert "/home/" in saved.remote_id
        chosen = standards.open(account({"caldav": f"http://127.0.0.1:{proxy.port}/", "calendars": ("home",)})).calendar  # type: ignore[dict-item]
        assert chosen is not None
        assert [feed.name for feed in chosen.feeds()] == ["home"]


class TestHolds:
    @pytest.mark.parametrize("fault", ["lose", "error_after"])
    def test_whatever_befalls_the_put_one_hold_remains(self, owner: CalendarHands, proxy: HttpProxy, fault: str) -> None:
        side = calendar(proxy.port)
        witness = side.witness()
        proxy.fault = fault  # type: ignore[assignment]  # one of the names above
        with pytest.raises(Unavailable):
            side.save_hold(a_hold(), witness)
        again = calendar(proxy.port).save_hold(a_hold(), witness)
        assert isinstance(again, Saved)
        assert again.is_adopted
        assert len(owner.holds()) == 1

    def test_a_hold_the_owner_deleted_before_the_retry_does_not_come_back(self, owner: CalendarHands, proxy: HttpProxy) -> None:
        fill(owner, 1)
        side = calendar(proxy.port)
        witness = side.witness()
        proxy.fault = "lose"
        with pytest.raises(Unavailable):
            side.save_hold(a_hold(), witness)
        owner.ask("DELETE", f"/ana/work/{a_hold().key}.ics")
        assert calendar(proxy.port).save_hold(a_hold(), witness) == Gone()
        assert owner.holds() == []

    def test_one_that_was_made_between_the_look_and_the_put_is_not_overwritten(
        self, owner: CalendarHands, proxy: HttpProxy
    ) -> None:
        """By an attempt that was thought dead; the owner has changed it since."""
        side = calendar(proxy.port)
        made = side.save_hold(a_hold(), side.witness())
        assert isinstance(made, Saved)
        owner.edit_hold(made)
        lying = owner.ask("GET", made.remote_id)
        proxy.unseen = 1
        again = calendar(proxy.port).save_hold(a_hold(), side.witness())
        assert isinstance(again, Saved)
        assert (again.remote_id, again.is_adopted) == (made.remote_id, True)
        assert owner.ask("GET", made.remote_id) == lying

    def test_two_at_once_make_one(self, owner: CalendarHands, proxy: HttpProxy) -> None:
        witness = calendar(proxy.port).witness()
        results: list[object] = []
        threads = [
            threading.Thread(target=lambda: results.append(calendar(proxy.port).save_hold(a_hold(), witness))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(owner.holds()) == 1
        assert all(isinstance(result, Saved) for result in results)

    def test_a_hold_dragged_into_another_calendar_is_moved(self, owner: CalendarHands, proxy: HttpProxy) -> None:
        owner.make("home")
        side = calendar(proxy.port, holds="work")
        saved = side.save_hold(a_hold(), side.witness())
        assert isinstance(saved, Saved)
        content = owner.ask("GET", saved.remote_id)
        owner.ask("DELETE", saved.remote_id)
        owner.ask("PUT", "/ana/home/dragged.ics", content, {"Content-Type": "text/calendar"})
        assert isinstance(side.look(saved), Moved)
        assert isinstance(side.withdraw(saved), Moved)

    def test_a_guest_the_owner_added_makes_the_hold_theirs(self, owner: CalendarHands, proxy: HttpProxy) -> None:
        side = calendar(proxy.port)
        saved = side.save_hold(a_hold(), side.witness())
        assert isinstance(saved, Saved)
        text = owner.ask("GET", saved.remote_id).decode()
        guest = "ATTENDEE:mailto:eva@elsewhere.example\r\nSUMMARY:"
        owner.ask("PUT", saved.remote_id, text.replace("SUMMARY:", guest, 1).encode(), {"Content-Type": "text/calendar"})
        assert side.look(saved) == Edited()
        assert side.withdraw(saved) == Edited()
        assert len(owner.holds()) == 1

    def test_something_else_at_its_address_is_not_touched(self, owner: CalendarHands, proxy: HttpProxy) -> None:
        key = a_hold().key
        owner.add_event(key, title="Mine", description="x", start=NOON, end=NOON + timedelta(hours=1))
        side = calendar(proxy.port)
        with pytest.raises(Rejected):
            side.save_hold(a_hold(), side.witness())
        assert b"SUMMARY:Mine" in owner.ask("GET", f"/ana/work/{key}.ics")


class TestReading:
    def test_one_bad_object_does_not_drop_its_neighbours(self, owner: CalendarHands, radicale: Server, proxy: HttpProxy) -> None:
        made = fill(owner, 3)
        folder = radicale.folder / "collections" / "collection-root" / "ana" / "work"
        with suppress(FileNotFoundError):
            (folder / "bad.ics").write_text("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:bad\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
        pages = read(calendar(proxy.port))
        assert set(made) <= uids(pages)

    def test_a_server_too_slow_at_first_goes_on_by_itself_and_a_later_attempt_reads_everything(
        self, owner: CalendarHands, radicale: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event = "BEGIN:VEVENT\r\nUID:cold{0}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260105T{0:02}0000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\n"
        day_full = "".join(event.format(number) for number in range(24)).replace("UID:cold", "UID:{0}cold")
        made = "".join(day_full.format(day).replace("20260105", f"202601{day:02}") for day in range(5, 10))
        whole = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x\r\n{made}END:VCALENDAR\r\n"
        owner.ask("PUT", "/ana/work/", whole.encode(), {"Content-Type": "text/calendar"})
        side = calendar(radicale.port)
        (feed,) = side.feeds()
        cache = radicale.folder / "collections" / "collection-root" / "ana" / "work" / ".Radicale.cache"
        shutil.rmtree(cache)
        with monkeypatch.context() as hurried:
            hurried.setattr(http, "_TIMEOUT", (10.0, 0.005))
            with pytest.raises(Unavailable):
                list(side.changes(feed, None))
        deadline = time.monotonic() + 120
        while len(list((cache / "item").glob("[!.]*"))) < 120 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(list((cache / "item").glob("[!.]*"))) == 120, "it went on though the client had gone"
        pages = list(side.changes(feed, None))
        assert len(uids(pages)) == 120
        assert pages[-1].is_last

    def test_overrides_and_series_come_whole(self, owner: CalendarHands, proxy: HttpProxy) -> None:
        head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\n"
        master = "BEGIN:VEVENT\r\nUID:s1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20261102T090000Z\r\nDTEND:20261102T100000Z\r\nRRULE:FREQ=WEEKLY\r\nSUMMARY:Sync\r\nEND:VEVENT\r\n"  # noqa: E501 - wire text reads best unbroken
        moved = "BEGIN:VEVENT\r\nUID:s1\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID:20261109T090000Z\r\nDTSTART:20261110T090000Z\r\nDTEND:20261110T100000Z\r\nSUMMARY:Sync\r\nEND:VEVENT\r\n"  # noqa: E501 - wire text reads best unbroken
        body = head + master + moved + "END:VCALENDAR\r\n"
        owner.ask("PUT", "/ana/work/s1.ics", body.encode(), {"Content-Type": "text/calendar"})
        found = [event for page in read(calendar(proxy.port)) for event in page.upserted if event.uid == "s1"]
        assert sorted((bool(event.recurrence), event.original_start is not None) for event in found) == [
            (False, True),
            (True, False),
        ]


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as script:
        yield script


class TestOtherServers:
    def test_a_calendar_without_sync_token_is_followed_by_its_ctag_which_is_asked_for_where_it_is_needed(
        self, script: Script
    ) -> None:
        etags = {"a": "1"}
        stocked(script, etags)
        bare = HOME.replace("<cs:getctag>{ctag}</cs:getctag>", "")
        told = script.answers["PROPFIND /cal/"]
        script.answers["PROPFIND /cal/"] = lambda body: told(body) if "getctag" in body else (207, {}, bare)
        side = calendar(script.port, "/cal/")
        before = [feed.hint for feed in side.feeds()]
        script.asked.clear()
        assert [feed.hint for feed in side.feeds()] == before == ["1"]
        assert len(script.asked) == 1
        etags["a"] = "2"
        assert [feed.hint for feed in side.feeds()] == ["2"]

    @pytest.mark.parametrize("status", [400, 403, 405, 415, 418, 501, 507])
    def test_without_sync_collection_the_etags_are_compared(self, script: Script, status: int) -> None:
        etags = {"a": "1", "b": "1", "c": "1"}
        stocked(script, etags)
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (status, {}, "no")
        pages = read(calendar(script.port, "/cal/"))
        assert uids(pages) == {"a", "b", "c"}
        etags.update(a="2", d="1")
        del etags["b"]
        later = read(calendar(script.port, "/cal/"), pages[-1].cursor)
        assert uids(later) == {"a", "d"}
        assert [gone for page in later for gone in page.removed] == ["/cal/diary/b.ics"]

    def test_a_cut_answer_is_asked_on(self, script: Script) -> None:
        etags = {"a": "1", "b": "1", "c": "1"}
        stocked(script, etags)

        def sync(body: str) -> tuple[int, Mapping[str, str], str]:
            token = re.search(r"<d:sync-token>(.*?)</d:sync-token>", body)
            at = int(token[1]) if token and token[1] else 0
            more = (
                ""
                if at >= 2
                else "<d:response><d:href>/cal/diary/</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>"
            )
            uid = "abc"[at] if at < 3 else None
            member = MEMBER.format(href=f"/cal/diary/{uid}.ics", etag="1", more="") if uid else ""
            return 207, {}, multistatus(f"{member}{more}<d:sync-token>{min(at + 1, 3)}</d:sync-token>")

        script.answers["REPORT sync-collection /cal/diary/"] = sync
        pages = read(calendar(script.port, "/cal/"))
        assert uids(pages) == {"a", "b", "c"}
        assert uids(read(calendar(script.port, "/cal/"), pages[-1].cursor)) == set()

    def test_a_lost_token_answered_as_no_change_is_found_out_within_a_week(self, script: Script) -> None:
        etags = {"a": "1"}
        stocked(script, etags)
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (
            207,
            {},
            multistatus(
                "".join(MEMBER.format(href=f"/cal/diary/{uid}.ics", etag=etag, more="") for uid, etag in etags.items())
                + "<d:sync-token>same</d:sync-token>"
            ),
        )
        cursor = read(calendar(script.port, "/cal/"))[-1].cursor
        place = json.loads(cursor)
        place[-1] = "2020-01-01T00:00:00+00:00"
        with pytest.raises(CursorExpired):
            read(calendar(script.port, "/cal/"), Cursor(json.dumps(place)))

    def test_one_object_the_server_fails_on_is_set_aside(self, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(objects, "BATCH", 8)
        etags = dict.fromkeys("abcdefg", "1")
        stocked(script, etags)
        good = script.answers["REPORT calendar-multiget /cal/diary/"]
        script.answers["REPORT calendar-multiget /cal/diary/"] = lambda body: (
            (500, {}, "oh") if "/cal/diary/d.ics" in body else good(body)
        )
        pages = read(calendar(script.port, "/cal/"))
        assert uids(pages) == set("abcefg")
        assert [skip.remote_id for page in pages for skip in page.skipped] == ["/cal/diary/d.ics"]

    def test_hrefs_written_differently_are_one_object(self, script: Script) -> None:
        etags = {"a": "1"}
        stocked(script, etags)
        script.answers["PROPFIND /cal/diary/"] = lambda _: (
            207,
            {},
            multistatus(MEMBER.format(href=f"http://127.0.0.1:{script.port}/cal/diary/%61.ics", etag="1", more="")),
        )
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (415, {}, "")
        assert uids(read(calendar(script.port, "/cal/"))) == {"a"}

    @pytest.mark.parametrize(
        ("status", "headers", "body", "error"),
        [
            (200, {"Content-Type": "text/html"}, "<html>Welcome</html>", Rejected),
            (207, {}, "<d:multistatus", Unavailable),
            (207, {}, '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>', Rejected),
            (302, {"Location": "https://evil.example/cal/"}, "", Rejected),
            (401, {}, "", AuthorizationExpired),
            (503, {}, "", Unavailable),
        ],
    )
    def test_a_bad_answer_is_a_clear_error(
        self, script: Script, status: int, headers: Mapping[str, str], body: str, error: type[Exception]
    ) -> None:
        script.answers["PROPFIND"] = lambda _: (status, headers, body)
        with pytest.raises(error) as raised:
            calendar(script.port, "/cal/").feeds()
        assert str(raised.value)

    def test_a_hostile_calendar_costs_its_own_events_and_no_other(self, script: Script) -> None:
        stocked(script, dict.fromkeys("abcdefg", "1"))
        giant, endless = "DESCRIPTION:" + "x" * (33 << 20), "RRULE:FREQ=SECONDLY"
        plain = script.answers["REPORT calendar-multiget /cal/diary/"]

        def multiget(body: str) -> tuple[int, Mapping[str, str], str]:
            status, headers, text = plain(body)
            for uid, line in (("c", giant), ("f", endless)):
                text = text.replace(f"SUMMARY:{uid}\n", f"SUMMARY:{uid}\n{line}\n")
            return status, headers, text

        script.answers["REPORT calendar-multiget /cal/diary/"] = multiget
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (415, {}, "")
        pages = read(calendar(script.port, "/cal/"))
        assert uids(pages) == set("abdefg")
        assert {(each.remote_id, each.reason) for page in pages for each in page.skipped} == {
            ("/cal/diary/c.ics", "An event was left out: it is larger than 32 MB."),
            ("/cal/diary/f.ics", "A series counts as a single event: it repeats every minute or every second."),
        }
        assert script.asked.count("REPORT calendar-multiget /cal/diary/") > 1, "the whole batch was read into memory"

    @pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
    def test_an_answer_without_end_is_broken_off_with_its_size(self, script: Script, headers: Mapping[str, str]) -> None:
        script.answers["PROPFIND"] = lambda _: (207, headers, " " * (200 << 20))
        with pytest.raises(Rejected, match="larger than 32 MB"):
            calendar(script.port, "/cal/").feeds()

    def test_what_was_written_and_answered_without_end_is_looked_for_and_not_given_up(self, script: Script) -> None:
        script.answers["PUT"] = lambda _: (201, {}, " " * (200 << 20))
        with pytest.raises(Unavailable, match="larger than 32 MB"):
            http.Http(None, name="The calendar server").send("PUT", f"http://127.0.0.1:{script.port}/cal/a.ics", body=b"")

    def test_a_redirect_without_end_is_not_read_to_see_where_it_leads(self, script: Script) -> None:
        script.answers["PROPFIND"] = lambda _: (301, {"Location": "/cal/"}, " " * (200 << 20))
        with pytest.raises(Rejected, match="larger than 32 MB"):
            calendar(script.port, "/old/").feeds()
        assert script.left.wait(60), "it was read whole"

    def test_an_answer_shows_nothing_of_what_it_says(self, script: Script) -> None:
        script.answers["GET"] = lambda _: (200, {"X-Word": "canary"}, "DESCRIPTION:canary")
        answer = http.Http(None, name="The calendar server").send("GET", f"http://127.0.0.1:{script.port}/")
        assert "canary" in answer.text
        assert "canary" not in repr(answer)

    def test_a_redirect_on_the_same_host_keeps_method_and_sign_in(self, script: Script) -> None:
        stocked(script, {"a": "1"})
        script.answers["PROPFIND /old/"] = lambda _: (301, {"Location": "/cal/"}, "")
        side = calendar(script.port, "/old/")
        assert [feed.name for feed in side.feeds()] == ["Work"]
        assert all(headers["Authorization"] for headers in script.headers)

    def test_subscribed_calendars_are_left_out(self, script: Script) -> None:
        stocked(script, {"a": "1"})
        assert [feed.name for feed in calendar(script.port, "/cal/").feeds()] == ["Work"]

    def test_a_put_without_etag_is_asked_for_it(self, script: Script) -> None:
        etags: dict[str, str] = {}
        stocked(script, etags)
        stored: list[str] = []

        def put(body: str) -> tuple[int, Mapping[str, str], str]:
            stored.append(body)
            return 201, {}, ""

        href = f"/cal/diary/{a_hold().key}.ics"
        script.answers[f"PUT {href}"] = put
        script.answers[f"GET {href}"] = lambda _: (200, {}, stored[0]) if stored else (404, {}, "")
        script.answers[f"PROPFIND {href}"] = lambda _: (207, {}, multistatus(MEMBER.format(href=href, etag='"e1"', more="")))
        side = calendar(script.port, "/cal/")
        saved = side.save_hold(a_hold(), BEGINNING)
        assert isinstance(saved, Saved)
        assert '"e1"' in saved.version.replace("\\", "")
        assert side.look(saved) == Untouched()

    def test_a_server_that_rewrites_what_it_stores_leaves_the_hold_untouched(self, script: Script) -> None:
        stocked(script, {})
        stored: list[str] = []
        etag = ['"1"']
        href = f"/cal/diary/{a_hold().key}.ics"

        def put(body: str) -> tuple[int, Mapping[str, str], str]:
            stored.append(body.replace("END:VEVENT", "X-SERVER:was here\r\nEND:VEVENT"))
            return 201, {"ETag": '"0"'}, ""

        script.answers[f"PUT {href}"] = put
        script.answers[f"GET {href}"] = lambda _: (200, {}, stored[0]) if stored else (404, {}, "")
        script.answers[f"PROPFIND {href}"] = lambda _: (207, {}, multistatus(MEMBER.format(href=href, etag=etag[0], more="")))
        side = calendar(script.port, "/cal/")
        saved = side.save_hold(a_hold(), BEGINNING)
        assert isinstance(saved, Saved)
        assert side.look(saved) == Untouched()

    def test_a_password_is_never_sent_in_the_clear_to_another_machine(self) -> None:
        with pytest.raises(Rejected, match="clear"):
            standards.open(account({"caldav": "http://dav.elsewhere.example/"}))
