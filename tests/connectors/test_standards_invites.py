"""Invitations on real servers: mailed by the calendar server where it says it does, else a draft for the owner to send."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors import standards
from connectors.compose import compose
from connectors.port import BEGINNING, Calendar, Connection, Gone, Rejected, Saved, Sent, Unavailable, Untouched
from rules.suggestions import Suggestion
from tests.conftest import Server
from tests.connectors.contract import EVA, ME, NOON, a_draft, a_hold, an_invite
from tests.connectors.test_standards_contract import CalendarHands, MailHands, account
from tests.servers.proxies import HttpProxy, ImapProxy
from tests.worker.stage import ACCOUNT, Stage
from worker import deliver
from worker.store import outbox


@pytest.fixture
def proxy(radicale: Server) -> Iterator[HttpProxy]:
    proxy = HttpProxy((radicale.host, radicale.port))
    yield proxy
    proxy.close()


@pytest.fixture
def scheduling(proxy: HttpProxy) -> HttpProxy:
    proxy.announces = "1, 3, calendar-access, calendar-auto-schedule"
    return proxy


@pytest.fixture
def mail(dovecot: Server) -> MailHands:
    return MailHands(dovecot)


@pytest.fixture
def dates(radicale: Server) -> CalendarHands:
    return CalendarHands(radicale)


def opened(proxy: HttpProxy, imap: str = "") -> Connection:
    return standards.open(account({"caldav": f"http://127.0.0.1:{proxy.port}/", **({"imap": imap} if imap else {})}))


def calendar(proxy: HttpProxy, imap: str = "") -> Calendar:
    found = opened(proxy, imap).calendar
    assert found is not None
    return found


def drafts(mail: MailHands, folder: str = "Drafts") -> list[email.message.EmailMessage]:
    there: list[Any] = mail.hands.select(folder, readonly=True)[1]
    found: list[Any] = [mail.hands.fetch(str(number + 1), "(BODY.PEEK[])")[1][0] for number in range(int(there[0] or 0))]
    return [email.message_from_bytes(each[1], policy=email.policy.default) for each in found]


class TestByTheCalendarServer:
    def test_it_is_put_once_with_organizer_and_guest_and_nothing_of_ours(self, dates: CalendarHands, scheduling: HttpProxy) -> None:
        side = calendar(scheduling)
        saved = side.save_hold(an_invite(), side.witness())
        assert isinstance(saved, Saved)
        text = dates.ask("GET", saved.remote_id).decode()
        assert f"ORGANIZER;CN={ME.name}:mailto:{ME.email}" in text.replace('"', "").replace("\r\n ", "")
        assert f"mailto:{EVA.email}" in text
        assert "rekindle" not in text.lower()
        assert "METHOD" not in text
        again = calendar(scheduling).save_hold(an_invite(), BEGINNING)
        assert isinstance(again, Saved)
        assert again.is_adopted
        assert len([request for request in scheduling.requests if request.startswith("PUT")]) == 1

    @pytest.mark.parametrize("fault", ["lose", "error_after"])
    def test_a_lost_answer_is_followed_by_no_second_invitation(
        self, dates: CalendarHands, scheduling: HttpProxy, fault: str
    ) -> None:
        side = calendar(scheduling)
        witness = side.witness()
        scheduling.fault = fault  # type: ignore[assignment]  # one of the names above
        with pytest.raises(Unavailable):
            side.save_hold(an_invite(), witness)
        again = calendar(scheduling).save_hold(an_invite(), witness)
        assert isinstance(again, Saved)
        assert again.is_adopted
        assert len([request for request in scheduling.requests if request.startswith("PUT")]) == 1

    def test_it_is_never_withdrawn(self, dates: CalendarHands, scheduling: HttpProxy) -> None:
        side = calendar(scheduling)
        saved = side.save_hold(an_invite(), side.witness())
        assert isinstance(saved, Saved)
        assert side.withdraw(saved) == Untouched()
        assert not any(request.startswith("DELETE") for request in scheduling.requests)


class TestByMail:
    def test_a_draft_carries_the_invitation_for_the_owner_to_send(
        self, mail: MailHands, dates: CalendarHands, dovecot: Server, proxy: HttpProxy
    ) -> None:
        side = calendar(proxy, dovecot.url)
        saved = side.save_hold(an_invite(), side.witness())
        assert isinstance(saved, Saved)
        [draft] = drafts(mail)
        assert (draft["To"], draft["Subject"]) == (f"{EVA.name} <{EVA.email}>", "Coffee")
        parts = {part.get_content_type(): part for part in draft.walk()}
        assert parts["text/calendar"].get_param("method") == "REQUEST"
        text = parts["text/calendar"].get_content()
        assert "METHOD:REQUEST" in text
        assert f"mailto:{EVA.email}" in text.replace("\r\n ", "").replace("\n ", "")
        assert "rekindle" not in draft.as_string().lower()
        assert not any(request.startswith("PUT") for request in proxy.requests)
        assert side.look(saved) == Untouched()

    def test_one_that_an_earlier_attempt_has_dated_otherwise_is_found_again(
        self, mail: MailHands, dates: CalendarHands, dovecot: Server, proxy: HttpProxy
    ) -> None:
        side = calendar(proxy, dovecot.url)
        side.feeds()
        witness = side.witness()
        assert isinstance(side.save_hold(an_invite(), witness), Saved)
        [draft] = drafts(mail)
        assert draft["Date"].datetime != an_invite().start, "the server has told the time"
        again = calendar(proxy, dovecot.url).save_hold(an_invite(), witness)
        assert isinstance(again, Saved)
        assert again.is_adopted

    def test_it_is_made_once_and_what_became_of_it_is_seen(
        self, mail: MailHands, dates: CalendarHands, dovecot: Server, proxy: HttpProxy
    ) -> None:
        witness = calendar(proxy, dovecot.url).witness()
        calendar(proxy, dovecot.url).save_hold(an_invite(), witness)
        saved = calendar(proxy, dovecot.url).save_hold(an_invite(), witness)
        assert isinstance(saved, Saved)
        assert saved.is_adopted
        assert len(drafts(mail)) == 1
        side = calendar(proxy, dovecot.url)
        assert side.withdraw(saved) == Untouched()
        assert len(drafts(mail)) == 1
        mail.hands.select("Drafts")
        mail.hands.copy("1", "Sent")
        mail.hands.store("1", "+FLAGS", "\\Deleted")
        mail.hands.expunge()
        assert side.look(saved) == Sent()

    def test_what_the_owner_removed_before_the_retry_does_not_come_back(
        self, mail: MailHands, dates: CalendarHands, dovecot: Server, proxy: HttpProxy
    ) -> None:
        witness = calendar(proxy, dovecot.url).witness()
        calendar(proxy, dovecot.url).save_hold(an_invite(), witness)
        mail.hands.select("Drafts")
        mail.hands.store("1", "+FLAGS", "\\Deleted")
        mail.hands.expunge()
        assert calendar(proxy, dovecot.url).save_hold(an_invite(), witness) == Gone(is_sure=False)
        assert drafts(mail) == []

    def test_a_mail_server_that_is_away_keeps_no_hold_from_its_calendar(
        self, mail: MailHands, dates: CalendarHands, dovecot: Server, proxy: HttpProxy
    ) -> None:
        away = ImapProxy((dovecot.host, dovecot.port))
        away.close()
        side = calendar(proxy, f"imap://127.0.0.1:{away.port}")
        assert isinstance(side.save_hold(a_hold(), side.witness()), Saved)
        assert len(dates.holds()) == 1

    def test_without_a_mailbox_it_is_refused_with_what_to_do(self, dates: CalendarHands, proxy: HttpProxy) -> None:
        side = calendar(proxy)
        with pytest.raises(Rejected) as refused:
            side.save_hold(an_invite(), side.witness())
        assert "imap" in refused.value.remedy


@pytest.mark.parametrize("is_scheduling", [True, False])
def test_an_invitation_leaves_only_once_it_is_approved(
    mail: MailHands, dates: CalendarHands, dovecot: Server, proxy: HttpProxy, *, is_scheduling: bool
) -> None:
    proxy.announces = "calendar-auto-schedule" if is_scheduling else ""
    stage = Stage()
    stage.meet()
    invite = replace(an_invite(), start=NOON + timedelta(days=900), end=NOON + timedelta(days=900, hours=1))
    planned = Suggestion(
        key=invite.key, rule="invite", cause="lapse:0", person_id="eva", address=EVA.email, action=invite, why="You asked"
    )
    assert stage.plan(planned)

    def work() -> None:
        connection = opened(proxy, dovecot.url)
        desk = replace(stage.desk(), connection=connection)
        with stage.store.read() as db:
            due = outbox.due(db, ACCOUNT, stage.now)
        for entry in due:
            deliver.attend(desk, entry)
        connection.close()

    def made() -> int:
        return len(drafts(mail)) + len([request for request in proxy.requests if request.startswith("PUT")])

    work()
    assert made() == 0
    with stage.store.write() as db:
        assert outbox.approve(db, planned.key, stage.now)
    work()
    assert made() == 1
    assert stage.state(planned.key) == ("delivered", None)
    stage.pointless = "You met meanwhile"
    stage.later(hours=2)
    work()
    assert made() == 1
    assert stage.state(planned.key) == ("delivered", None)
    assert not any(request.startswith("DELETE") for request in proxy.requests)


def test_the_calendar_part_comes_last_and_a_mail_without_one_stays_as_it_was() -> None:
    plain = a_draft()
    assert b"text/calendar" not in compose(plain)
    both = replace(plain, html="<p>Hello</p>", calendar="BEGIN:VCALENDAR\r\nSUMMARY:Käse\r\nEND:VCALENDAR\r\n")
    message = email.message_from_bytes(compose(both), policy=email.policy.default)
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    assert "Käse" in list(message.walk())[-1].get_content()
