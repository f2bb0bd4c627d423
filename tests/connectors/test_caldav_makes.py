"""CalDAV servers of other makes: where they send one, how they list, what becomes of what is written, and what must not follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from connectors.port import Rejected
from tests.connectors.contract import a_hold
from tests.connectors.dav_script import Script, multistatus, scripted, stocked
from tests.connectors.test_caldav import calendar, read, uids

HREF = f"/cal/work/{a_hold().key}.ics"
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
CUT = "<d:response><d:href>/cal/work/</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>"
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
