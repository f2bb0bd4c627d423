"""CalDAV servers of other makes: where they send one, how they list, what becomes of what is written, and what must not follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from connectors.port import BEGINNING, Edited, Gone, Moved, Rejected, Saved, Untouched
from tests.connectors.contract import a_hold
from tests.connectors.dav_script import EVENT, MEMBER, Script, also_listed, multistatus, scripted, stocked
from tests.connectors.test_caldav import calendar, read, uids

HREF = f"/cal/diary/{a_hold().key}.ics"
OK = "<d:status>HTTP/1.1 200 OK</d:status>"
PRINCIPAL = (
    "<d:response><d:href>/</d:href><d:propstat><d:prop><d:current-user-principal><d:href>{}</d:href>"
    f"</d:current-user-principal></d:prop>{OK}</d:propstat></d:response>"
)
HOME_SET = (
    "<d:response><d:href>/p/</d:href><d:propstat><d:prop><c:calendar-home-set><d:href>{}</d:href>"
    f"</c:calendar-home-set></d:prop>{OK}</d:propstat></d:response>"
)
CALENDAR = (
    "<d:response><d:href>/cal/{}/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
    "<d:current-user-privilege-set><d:privilege><d:{}/></d:privilege></d:current-user-privilege-set></d:prop>"
    f"{OK}</d:propstat></d:response>"
)
CUT = "<d:response><d:href>/cal/diary/</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>"
Told = tuple[int, Mapping[str, str], str]


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as script:
        yield script


@pytest.fixture
def other() -> Iterator[Script]:
    with scripted() as other:
        yield other


def says(text: str) -> Told:
    return 207, {}, multistatus(text)


class TestDiscovery:
    @pytest.mark.parametrize("step", ["principal", "home"])
    def test_the_password_follows_no_address_to_another_host(self, script: Script, other: Script, step: str) -> None:
        elsewhere = f"http://localhost:{other.port}/p/"
        script.answers["PROPFIND /"] = lambda _: says(PRINCIPAL.format(elsewhere if step == "principal" else "/p/"))
        script.answers["PROPFIND /p/"] = lambda _: says(HOME_SET.format(elsewhere))
        other.answers["PROPFIND"] = lambda _: says(HOME_SET.format("/cal/"))
        with pytest.raises(Rejected, match="localhost") as raised:
            calendar(script.port).feeds()
        assert other.asked == []
        assert raised.value.remedy

    @pytest.mark.parametrize("step", ["redirect", "principal"])
    def test_an_address_that_two_readers_read_differently_leads_the_password_nowhere(
        self, script: Script, other: Script, step: str
    ) -> None:
        """One host to urllib.parse, another to what sends the request: what follows a backslash."""
        elsewhere = f"http://localhost:{other.port}\\@127.0.0.1/p/"
        script.answers["PROPFIND /"] = lambda _: (
            (301, {"Location": elsewhere}, "") if step == "redirect" else says(PRINCIPAL.format(elsewhere))
        )
        with pytest.raises(Rejected):
            calendar(script.port).feeds()
        assert other.asked == []

    @pytest.mark.parametrize("step", ["redirect", "principal"])
    def test_an_address_that_is_none_is_said_to_be_none(self, script: Script, step: str) -> None:
        script.answers["PROPFIND /"] = lambda _: (
            (301, {"Location": "http://[x/"}, "") if step == "redirect" else says(PRINCIPAL.format("http://[x/"))
        )
        with pytest.raises(Rejected) as raised:
            calendar(script.port).feeds()
        assert raised.value.remedy

    def test_what_a_redirect_leads_to_is_asked_where_it_has_led(self, script: Script, other: Script) -> None:
        script.answers["PROPFIND /.well-known/caldav"] = lambda _: (301, {"Location": f"http://127.0.0.1:{other.port}/dav/"}, "")
        other.answers["PROPFIND /dav/"] = lambda _: says(PRINCIPAL.format("/p/"))
        other.answers["PROPFIND /p/"] = lambda _: says(HOME_SET.format("/cal/"))
        stocked(other, {"a": "1"})
        assert uids(read(calendar(script.port))) == {"a"}

    @pytest.mark.parametrize("page", [(200, {}, "<html>Welcome</html>"), (302, {"Location": "https://www.firm.example/"}, "")])
    def test_a_web_site_at_the_root_does_not_hide_the_well_known_address(self, script: Script, page: Told) -> None:
        script.answers["PROPFIND /"] = lambda _: page
        script.answers["PROPFIND /.well-known/caldav"] = lambda _: says(PRINCIPAL.format("/p/"))
        script.answers["PROPFIND /p/"] = lambda _: says(HOME_SET.format("/cal/"))
        stocked(script, {"a": "1"})
        assert [feed.name for feed in calendar(script.port).feeds()] == ["Work"]

    def test_what_may_not_be_written_to_is_somebody_elses_and_read_only_where_it_is_named(self, script: Script) -> None:
        script.answers["PROPFIND /cal/"] = lambda _: says(CALENDAR.format("mine", "write") + CALENDAR.format("theirs", "read"))
        assert [feed.name for feed in calendar(script.port, "/cal/").feeds()] == ["mine"]
        assert [feed.name for feed in calendar(script.port, "/cal/", calendars="theirs").feeds()] == ["theirs"]

    def test_a_sign_in_that_may_write_nowhere_reads_all_the_same(self, script: Script) -> None:
        script.answers["PROPFIND /cal/"] = lambda _: says(CALENDAR.format("mine", "read"))
        assert [feed.name for feed in calendar(script.port, "/cal/").feeds()] == ["mine"]


class TestListing:
    def test_a_sync_that_gives_no_token_is_none(self, script: Script) -> None:
        etags = {"a": "1", "b": "1"}
        stocked(script, etags)
        script.answers["REPORT sync-collection /cal/diary/"] = script.answers["PROPFIND /cal/diary/"]
        pages = read(calendar(script.port, "/cal/"))
        assert uids(pages) == {"a", "b"}
        del etags["b"]
        later = read(calendar(script.port, "/cal/"), pages[-1].cursor)
        assert (uids(later), later[-1].removed) == (set(), ("/cal/diary/b.ics",))

    def test_a_sync_that_is_cut_and_gets_no_further_is_none(self, script: Script) -> None:
        stocked(script, {"a": "1", "b": "1"})
        first = MEMBER.format(href="/cal/diary/a.ics", etag="1", more="")
        script.answers["REPORT sync-collection /cal/diary/"] = lambda body: says(
            ("" if "<d:sync-token>t" in body else first) + CUT + "<d:sync-token>t</d:sync-token>"
        )
        assert uids(read(calendar(script.port, "/cal/"))) == {"a", "b"}

    def test_a_server_that_wants_to_be_told_a_time_range_is(self, script: Script) -> None:
        etags = {"a": "1"}
        stocked(script, etags)
        listing = script.answers["PROPFIND /cal/diary/"]
        script.answers["PROPFIND /cal/diary/"] = lambda _: (403, {}, "")
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (415, {}, "")
        script.answers["REPORT calendar-query /cal/diary/"] = lambda body: listing(body) if "time-range" in body else (403, {}, "")
        pages = read(calendar(script.port, "/cal/"))
        assert uids(pages) == {"a"}
        etags.clear()
        assert read(calendar(script.port, "/cal/"), pages[-1].cursor)[-1].removed == ("/cal/diary/a.ics",)

    def test_a_member_whose_address_is_none_hides_no_other(self, script: Script) -> None:
        stocked(script, {"a": "1"})
        odd = MEMBER.format(href="http://[x", etag="9", more="")
        also_listed(script, odd)
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (415, {}, "")
        assert uids(read(calendar(script.port, "/cal/"))) == {"a"}

    def test_events_made_up_anew_at_each_read_stay_the_events_they_were(self, script: Script) -> None:
        etags = {"a": "1", "b": "1"}
        stocked(script, etags)
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (415, {}, "")
        pages = read(calendar(script.port, "/cal/"))
        etags.update(dict.fromkeys(etags, "2"))
        later = read(calendar(script.port, "/cal/"), pages[-1].cursor)
        assert [page.upserted for page in later] == [page.upserted for page in pages]
        assert [page.removed for page in later] == [()]

    def test_what_bears_no_etag_is_news_only_where_it_reads_otherwise_than_before(self, script: Script) -> None:
        etags, said = dict.fromkeys("abc", ""), {"changed": "Lunch"}
        stocked(script, etags)
        told = script.answers["REPORT calendar-multiget /cal/diary/"]

        def dated_anew(body: str) -> Told:
            status, headers, text = told(body)
            said["now"] = str(int(said.get("now", "10")) + 1)
            return (
                status,
                headers,
                text.replace("SUMMARY:b", f"SUMMARY:{said['changed']}").replace("DTSTAMP:20", f"DTSTAMP:{said['now']}"),
            )

        script.answers["REPORT calendar-multiget /cal/diary/"] = dated_anew
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (415, {}, "")
        pages = read(calendar(script.port, "/cal/"))
        assert uids(pages) == {"a", "b", "c"}
        again = read(calendar(script.port, "/cal/"), pages[-1].cursor)
        assert (uids(again), again[-1].removed) == (set(), ())
        said["changed"] = "Supper"
        del etags["c"]
        later = read(calendar(script.port, "/cal/"), again[-1].cursor)
        assert (uids(later), later[-1].removed) == ({"b"}, ("/cal/diary/c.ics",))
        etags["c"] = ""
        assert uids(read(calendar(script.port, "/cal/"), later[-1].cursor)) == {"c"}

    def test_what_bears_no_etag_and_cannot_be_read_is_told_of_once(self, script: Script) -> None:
        stocked(script, {"a": ""})
        told = script.answers["REPORT calendar-multiget /cal/diary/"]
        junk = EVENT.format(uid="a"), "no calendar"
        script.answers["REPORT calendar-multiget /cal/diary/"] = lambda body: (207, {}, told(body)[2].replace(*junk))
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (415, {}, "")
        pages = read(calendar(script.port, "/cal/"))
        assert [len(page.skipped) for page in pages] == [1]
        assert [len(page.skipped) for page in read(calendar(script.port, "/cal/"), pages[-1].cursor)] == [0]

    def test_a_collection_among_the_members_is_no_event_whatever_its_address(self, script: Script) -> None:
        stocked(script, {"a": "1"})
        inner = MEMBER.format(href="/cal/diary/inner", etag="9", more="<d:resourcetype><d:collection/></d:resourcetype>")
        also_listed(script, inner)
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (415, {}, "")
        page = read(calendar(script.port, "/cal/"))[-1]
        assert (page.removed, page.skipped) == ((), ())


@dataclass
class Keeper:
    """A calendar that keeps one object, and gives it the ETag it likes."""

    script: Script
    etag: str = '"1"'
    text: str = ""
    href: str = HREF
    matched: list[str] = field(default_factory=list)
    """The If-Match of every DELETE."""
    edited_after: str = ""
    """The question after which the owner edits it."""

    def begin(self) -> None:
        stocked(self.script, {})
        for verb in ("GET", "PUT", "PROPFIND", "DELETE"):
            self.script.answers[f"{verb} {self.href}"] = getattr(self, verb.lower())
        self.script.answers[f"PUT {HREF}"] = self.put
        self.script.answers["REPORT calendar-query /cal/diary/"] = lambda _: says(self.row() if self.text else "")

    def row(self) -> str:
        return MEMBER.format(href=self.href, etag=self.etag, more="")

    def get(self, _: str) -> Told:
        return self.then("GET", (200, {"ETag": self.etag} if self.etag else {}, self.text) if self.text else (404, {}, ""))

    def put(self, body: str) -> Told:
        self.text = body
        return 201, {"ETag": self.etag} if self.etag else {}, ""

    def propfind(self, _: str) -> Told:
        return self.then("PROPFIND", says(self.row()) if self.text else (404, {}, ""))

    def delete(self, _: str) -> Told:
        self.matched.append(self.script.headers[-1].get("If-Match", ""))
        if self.matched[-1] in ("", self.etag) and not self.matched[-1].startswith("W/"):  # which never match (RFC 9110 13.1.1)
            self.text = ""
        return 412 if self.text else 204, {}, ""

    def then(self, verb: str, told: Told) -> Told:
        if verb == self.edited_after:
            self.text = self.text.replace("SUMMARY:", "SUMMARY:With cake: ")
            self.etag, self.edited_after = '"edited"', ""
        return told


@pytest.fixture
def keeper(script: Script) -> Keeper:
    keeper = Keeper(script)
    keeper.begin()
    return keeper


class TestWriting:
    def saved(self, keeper: Keeper) -> Saved:
        saved = calendar(keeper.script.port, "/cal/").save_hold(a_hold(), BEGINNING)
        assert isinstance(saved, Saved)
        return saved

    @pytest.mark.parametrize("is_rewritten", [False, True])
    def test_what_is_edited_while_it_is_taken_away_stays(self, keeper: Keeper, *, is_rewritten: bool) -> None:
        saved = self.saved(keeper)
        if is_rewritten:
            keeper.etag = '"rewritten"'
        keeper.edited_after = "GET" if is_rewritten else "PROPFIND"
        assert calendar(keeper.script.port, "/cal/").withdraw(saved) == Edited()
        assert keeper.text

    @pytest.mark.parametrize("etag", ["", 'W/"1"'])
    def test_nothing_is_removed_without_a_version_it_is_removed_at(self, keeper: Keeper, etag: str) -> None:
        keeper.etag = etag
        saved = self.saved(keeper)
        side = calendar(keeper.script.port, "/cal/")
        assert side.look(saved) == Untouched()
        with pytest.raises(Rejected) as raised:
            side.withdraw(saved)
        assert raised.value.remedy
        assert keeper.text
        assert "" not in keeper.matched

    def test_a_server_that_does_not_know_its_own_version_is_not_said_to_name_none(self, keeper: Keeper) -> None:
        saved = self.saved(keeper)
        keeper.script.answers[f"DELETE {keeper.href}"] = lambda _: (412, {}, "")
        with pytest.raises(Rejected, match="does not know the version it named"):
            calendar(keeper.script.port, "/cal/").withdraw(saved)
        assert keeper.text

    def test_a_weak_etag_after_the_put_and_a_strong_one_later_is_removed_by_the_strong_one(self, keeper: Keeper) -> None:
        keeper.etag = 'W/"1"'
        saved = self.saved(keeper)
        keeper.etag = '"1"'
        assert calendar(keeper.script.port, "/cal/").withdraw(saved) == Untouched()
        assert keeper.matched == ['"1"']

    def test_what_is_written_overwrites_nothing(self, keeper: Keeper) -> None:
        saved = self.saved(keeper)
        side = calendar(keeper.script.port, "/cal/")
        side.look(saved)
        side.withdraw(saved)
        written = [
            (asked.split()[0], headers.get("If-None-Match"), headers.get("If-Match"))
            for asked, headers in zip(keeper.script.asked, keeper.script.headers, strict=True)
            if asked.split()[0] in ("PUT", "DELETE", "POST", "PROPPATCH")
        ]
        assert written == [("PUT", "*", None), ("DELETE", None, '"1"')]

    def test_what_the_server_keeps_elsewhere_than_it_was_put_is_found_there(self, script: Script) -> None:
        keeper = Keeper(script, href="/cal/diary/4711.ics")
        keeper.begin()
        saved = self.saved(keeper)
        assert saved.remote_id == "/cal/diary/4711.ics"
        side = calendar(script.port, "/cal/")
        assert side.look(saved) == Untouched()
        again = side.save_hold(a_hold(), BEGINNING)
        assert isinstance(again, Saved)
        assert (again.remote_id, again.is_adopted) == (saved.remote_id, True)
        assert script.asked.count(f"PUT {HREF}") == 1

    def test_what_the_server_kept_elsewhere_and_the_owner_put_into_another_calendar_is_moved(self, script: Script) -> None:
        keeper = Keeper(script, href="/cal/diary/4711.ics")
        keeper.begin()
        saved = self.saved(keeper)
        text, keeper.text = keeper.text, ""
        script.answers["PROPFIND /cal/"] = lambda _: says(CALENDAR.format("work", "write") + CALENDAR.format("private", "write"))
        uid = f"{a_hold().key}@"
        moved = MEMBER.format(href="/cal/private/4711.ics", etag='"1"', more="")
        script.answers["REPORT calendar-query /cal/private/"] = lambda body: says(moved if uid in body else "")
        script.answers["GET /cal/private/4711.ics"] = lambda _: (200, {}, text)
        assert calendar(script.port, "/cal/").look(saved) == Moved()

    def test_a_search_that_finds_everything_finds_no_hold(self, keeper: Keeper) -> None:
        saved = self.saved(keeper)
        keeper.text = ""
        found = MEMBER.format(href="/cal/diary/a.ics", etag="1", more="")
        keeper.script.answers["REPORT calendar-query /cal/diary/"] = lambda _: says(found)
        keeper.script.answers["GET /cal/diary/a.ics"] = lambda _: (200, {}, EVENT.format(uid="else"))
        assert calendar(keeper.script.port, "/cal/").look(saved) == Gone()
