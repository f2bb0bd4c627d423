"""What CalDAV servers answer when they are asked for events: gone, not given for once, under odd addresses, or without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from connectors.port import Changes, CursorExpired, Unavailable
from connectors.standards import owed
from rules.facts import CalendarEvent
from tests.connectors.dav_script import EVENT, MEMBER, Script, scripted, stocked
from tests.connectors.test_caldav import calendar, read, uids
from tests.connectors.test_caldav_makes import CALENDAR, CUT, OK, PRINCIPAL, Told, says

B = "/cal/diary/b.ics"
ANSWER = f"<d:response><d:href>{B}</d:href>{{}}</d:response>"
STATUS = ANSWER.format("<d:status>HTTP/1.1 {} Said</d:status>")
NO_DATA = "<d:propstat><d:prop><c:calendar-data/></d:prop><d:status>HTTP/1.1 {} Said</d:status></d:propstat>"
ETAG_ALONE = ANSWER.format(f"<d:propstat><d:prop><d:getetag>2</d:getetag></d:prop>{OK}</d:propstat>{NO_DATA}")
UNNAMED = ANSWER.format("<d:propstat><d:status>HTTP/1.1 {} Said</d:status></d:propstat>")


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as script:
        yield script


@pytest.fixture
def other() -> Iterator[Script]:
    with scripted() as other:
        yield other


@dataclass
class Diary:
    """A calendar of two events, of which the server does not always give `b`."""

    script: Script
    etags: dict[str, str] = field(default_factory=lambda: {"a": "1", "b": "1"})
    trouble: str = ""
    """What it answers about `b` instead of giving it."""
    pages: list[Changes[CalendarEvent]] = field(default_factory=list)

    def __post_init__(self) -> None:
        stocked(self.script, self.etags)
        give = self.script.answers["REPORT calendar-multiget /cal/diary/"]

        def multiget(body: str) -> Told:
            if not self.trouble or B not in body:
                return give(body)
            if self.trouble == "500":
                return 500, {}, ""
            status, headers, text = give(body.replace(B, ""))
            return status, headers, text.replace("</d:multistatus>", self.trouble + "</d:multistatus>")

        self.script.answers["REPORT calendar-multiget /cal/diary/"] = multiget

    def with_tokens(self) -> None:
        """Let it answer a sync-collection, whose tokens are what it held then."""

        def sync(body: str) -> Told:
            before = dict(pair.split("=") for pair in body.partition("<d:sync-token>")[2].partition("<")[0].split())
            changed = {uid: etag for uid, etag in self.etags.items() if before.get(uid) != etag}
            gone = "".join(STATUS.replace("b.ics", f"{uid}.ics").format(404) for uid in before.keys() - self.etags.keys())
            told = "".join(MEMBER.format(href=f"/cal/diary/{uid}.ics", etag=etag, more="") for uid, etag in changed.items())
            token = " ".join("=".join(each) for each in self.etags.items())
            return says(told + gone + f"<d:sync-token>{token}</d:sync-token>")

        self.script.answers["REPORT sync-collection /cal/diary/"] = sync

    def look(self) -> Changes[CalendarEvent]:
        """Read on; a round of changes is one page."""
        self.script.asked.clear()
        self.pages = read(calendar(self.script.port, "/cal/"), self.pages[-1].cursor if self.pages else None)
        return self.pages[-1]

    def asked_for(self) -> int:
        """Count what the last look asked of the calendar itself."""
        return sum("/cal/diary/" in each for each in self.script.asked)


@pytest.fixture(params=["etags", "sync"])
def diary(script: Script, request: pytest.FixtureRequest) -> Diary:
    diary = Diary(script)
    if request.param == "sync":
        diary.with_tokens()
    return diary


class TestWhatIsNotGiven:
    @pytest.mark.parametrize("trouble", ["", "500", STATUS.format(507), ETAG_ALONE.format(403), UNNAMED.format(500)])
    def test_an_event_the_server_does_not_give_for_once_is_kept_and_asked_for_again(self, diary: Diary, trouble: str) -> None:
        diary.look()
        diary.etags.update(a="2", b="2")
        diary.trouble = trouble or "<!-- not a word about it -->"
        page = diary.look()
        assert (uids([page]), page.removed, [each.remote_id for each in page.skipped]) == ({"a"}, (), [B])
        assert page.hint == "", "the mark of change would keep it from being asked for"
        again = diary.look()
        assert (again.upserted, again.removed, again.skipped) == ((), (), ())
        diary.trouble = ""
        later = [diary.look(), diary.look()]
        assert (uids(later), [page.skipped for page in later]) == ({"b"}, [(), ()])
        assert later[-1].hint is None
        quiet = diary.look()
        assert (quiet.upserted, diary.asked_for()) == ((), 1)

    def test_an_event_a_first_read_is_not_given_comes_with_the_next_round(self, diary: Diary) -> None:
        diary.trouble = STATUS.format(500)
        first = diary.look()
        assert (uids([first]), first.removed, [each.remote_id for each in first.skipped]) == ({"a"}, (), [B])
        assert first.hint == ""
        diary.trouble = ""
        assert uids([diary.look()]) == {"b"}

    @pytest.mark.parametrize("gone", [STATUS.format(410), ETAG_ALONE.format(404), UNNAMED.format(404)])
    def test_an_event_that_is_gone_when_it_is_asked_for_is_removed(self, diary: Diary, gone: str) -> None:
        diary.look()
        diary.etags["b"] = "2"
        diary.trouble = gone
        page = diary.look()
        assert (page.removed, page.skipped, page.hint) == ((B,), (), None)

    def test_an_event_that_is_owed_and_deleted_is_removed(self, diary: Diary) -> None:
        diary.look()
        diary.etags["b"] = "2"
        diary.trouble = STATUS.format(500)
        diary.look()
        del diary.etags["b"]
        page = diary.look()
        assert (page.removed, page.hint) == ((B,), None)

    @pytest.mark.parametrize("trouble", ["500", STATUS.format(403)])
    def test_an_event_that_is_never_given_is_not_asked_for_for_ever_nor_told_of_again(
        self, diary: Diary, trouble: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(owed, "_ROUNDS", 8)
        diary.trouble = trouble
        diary.look()
        asked, told = 0, 0
        for _ in range(10):
            told += len(diary.look().skipped)
            asked += sum("multiget" in each for each in diary.script.asked)
        assert 4 <= asked < 8, "the gaps double"
        assert told == 0
        assert (diary.pages[-1].hint, diary.asked_for()) == (None, 1)
        diary.etags["b"] = "2"
        diary.trouble = ""
        assert uids([diary.look()]) == {"b"}

    def test_an_event_without_etag_that_is_never_given_is_owed_no_longer_one_day(
        self, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(owed, "_ROUNDS", 4)
        diary = Diary(script, {"a": "1", "b": ""}, trouble=STATUS.format(403))
        told = [len(diary.look().skipped) for _ in range(7)]
        assert (sum(told), diary.pages[-1].hint) == (1, None)
        diary.trouble = ""
        assert uids([diary.look()]) == {"b"}


class TestOddAddresses:
    @pytest.mark.parametrize(
        ("written", "called"),
        [
            ("AAA%2Fbbb.ics", "AAA%2Fbbb.ics"),
            ("z%2fz.ics", "z%2Fz.ics"),
            ("caf%E9.ics", "caf%E9.ics"),
            ("caf%c3%a9.ics", "caf%C3%A9.ics"),
            ("%61%3Db%40c.ics", "a=b@c.ics"),
            ("100%.ics", "100%25.ics"),
            ("a%2520b.ics", "a%2520b.ics"),
        ],
    )
    def test_an_event_is_asked_of_its_calendar_by_the_address_it_has_in_one_form(
        self, script: Script, written: str, called: str
    ) -> None:
        """Where an escaped slash parted folders, or what is no UTF-8 was replaced, the event was asked for elsewhere."""
        stocked(script, {})
        member = MEMBER.format(href=f"/cal/diary/{written}", etag="1", more="")
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: says(member + "<d:sync-token>t</d:sync-token>")
        data = f"<c:calendar-data>{EVENT.format(uid='odd')}</c:calendar-data>"
        event = MEMBER.format(href=f"/cal/diary/{written}", etag="1", more=data)
        script.answers["REPORT calendar-multiget /cal/diary/"] = lambda body: says(
            event if f"<d:href>/cal/diary/{called}</d:href>" in body else ""
        )
        page = read(calendar(script.port, "/cal/"))[-1]
        assert [(each.uid, each.remote_id) for each in page.upserted] == [("odd", f"/cal/diary/{called}")]
        assert (page.removed, page.skipped) == ((), ())


class TestAnswersWithoutEnd:
    def test_a_sync_that_is_cut_for_ever_is_none(self, script: Script) -> None:
        """Each answer is cut and has a token of its own, and none says anything new."""
        etags = {"a": "1", "b": "1"}
        stocked(script, etags)
        tokens = count()
        first = MEMBER.format(href="/cal/diary/a.ics", etag="1", more="")

        def sync(_: str) -> Told:
            token = next(tokens)
            if token > 50:
                return 403, {}, "asked for ever"
            return says(CUT + first + f"<d:sync-token>t{token}</d:sync-token>")

        script.answers["REPORT sync-collection /cal/diary/"] = sync
        pages = read(calendar(script.port, "/cal/"))
        assert uids(pages) == {"a", "b"}
        assert sum("sync-collection" in each for each in script.asked) == 2
        del etags["b"]
        assert read(calendar(script.port, "/cal/"), pages[-1].cursor)[-1].removed == (B,)

    def test_a_sync_that_is_cut_for_ever_later_is_read_from_the_beginning(self, script: Script) -> None:
        etags = {"a": "1"}
        stocked(script, etags)
        whole = MEMBER.format(href="/cal/diary/a.ics", etag="1", more="") + "<d:sync-token>t</d:sync-token>"
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: says(whole)
        cursor = read(calendar(script.port, "/cal/"))[-1].cursor
        tokens = count()
        script.answers["REPORT sync-collection /cal/diary/"] = lambda _: (
            says(CUT + f"<d:sync-token>t{token}</d:sync-token>") if (token := next(tokens)) < 50 else (500, {}, "asked for ever")
        )
        with pytest.raises(CursorExpired):
            read(calendar(script.port, "/cal/"), cursor)


HOMES = (
    "<d:response><d:href>/p/</d:href><d:propstat><d:prop><c:calendar-home-set>{}</c:calendar-home-set>{}</d:prop>"
    f"{OK}</d:propstat></d:response>"
)


def listing(home: str, **writable: str) -> Callable[[str], Told]:
    """List the calendars of a home: names with what may be done with them."""
    return lambda _: says("".join(CALENDAR.replace("/cal/", home).format(name, may) for name, may in writable.items()))


class TestSeveralHomes:
    @pytest.fixture(autouse=True)
    def homes(self, script: Script) -> None:
        """Two homes of one owner, of calendars one and two."""
        script.answers["PROPFIND /"] = lambda _: says(PRINCIPAL.format("/p/"))
        self.told(script, "/h1/", "/h2/")
        script.answers["PROPFIND /h1/"] = listing("/h1/", one="write")
        script.answers["PROPFIND /h2/"] = listing("/h2/", two="write", personal="write")

    def told(self, script: Script, *hrefs: str, default: str = "") -> None:
        homes = "".join(f"<d:href>{href}</d:href>" for href in hrefs)
        more = f"<c:schedule-default-calendar-URL><d:href>{default}</d:href></c:schedule-default-calendar-URL>" if default else ""
        script.answers["PROPFIND /p/"] = lambda _: says(HOMES.format(homes, more))

    def test_calendars_of_all_homes_are_read_and_holds_go_into_the_first(self, script: Script) -> None:
        feeds = calendar(script.port).feeds()
        assert [(feed.id, feed.role) for feed in feeds] == [("/h1/one/", "primary"), ("/h2/two/", ""), ("/h2/personal/", "")]

    def test_holds_go_where_something_can_be_written_where_the_server_says_and_where_the_owner_does(self, script: Script) -> None:
        def main(**settings: str) -> str:
            return next(feed.id for feed in calendar(script.port, **settings).feeds() if feed.role == "primary")

        assert main(holds="two") == "/h2/two/"
        self.told(script, "/h1/", "/h2/", default="/h2/two/")
        assert main() == "/h2/two/"
        self.told(script, "/h1/", "/h2/")
        script.answers["PROPFIND /h1/"] = listing("/h1/", one="read")
        assert main() == "/h2/personal/"

    def test_a_home_elsewhere_is_not_asked_and_one_named_twice_is_asked_once(self, script: Script, other: Script) -> None:
        other.answers["PROPFIND"] = listing("/h3/", three="write")
        far = (
            f"http://127.0.0.1:{other.port}/h3/",
            f"http://localhost:{other.port}/h3/",
            "https://evil.example/h3/",
            "//evil.example/",
        )
        self.told(script, "/h1/", *far, "http://[x", "/%68%31/", f"http://127.0.0.1:{script.port}/h2/")
        side = calendar(script.port)
        side.feeds()
        script.asked.clear()
        assert [feed.id for feed in side.feeds()] == ["/h1/one/", "/h2/two/", "/h2/personal/"]
        assert script.asked == ["PROPFIND /h1/", "PROPFIND /h2/"]
        assert other.asked == []

    @pytest.mark.parametrize("status", [403, 404])
    def test_a_further_home_that_is_closed_hides_no_other(self, script: Script, status: int) -> None:
        script.answers["PROPFIND /h2/"] = lambda _: (status, {}, "")
        assert [feed.id for feed in calendar(script.port).feeds()] == ["/h1/one/"]

    def test_a_further_home_that_fails_is_not_taken_for_an_empty_one(self, script: Script) -> None:
        script.answers["PROPFIND /h2/"] = lambda _: (500, {}, "")
        with pytest.raises(Unavailable):
            calendar(script.port).feeds()

    def test_where_the_owner_gives_the_address_of_one_home_no_other_is_read(self, script: Script) -> None:
        mine = listing("/h1/", one="write")("")[2]
        principal = "<d:current-user-principal><d:href>/p/</d:href></d:current-user-principal>"
        script.answers["PROPFIND /h1/"] = lambda _: (207, {}, mine.replace("<d:resourcetype>", principal + "<d:resourcetype>"))
        assert [feed.id for feed in calendar(script.port, "/h1/").feeds()] == ["/h1/one/"]
