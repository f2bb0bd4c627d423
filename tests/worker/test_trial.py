"""A trial reads whatever lies there, counts everything, finds the owner, and says what would be made today and why."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from connectors.files import beside
from connectors.files.sources import Source
from rules.suggestions import Draft, Hold
from worker import trial_reading
from worker.rulebooks import shipped
from worker.trial import Progress, TrialReport, run
from worker.trial_report import tell

NOW = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)
ADA = "Ada Owner <ada@own.example>"
ALIAS = "Ada Owner <ada.owner@gmail.com>"
EVA = "Eva Beispiel <eva@acme.example>"
BO = "Bo Muster <bo@globex.example>"
NEWS = "Weekly <news@letters.example>"


FIRST_NAMES = ("Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Irina", "Jonas", "Klara", "Leo")


def letter(number: int, author: str, to: str, at: datetime, *, extra: str = "", parent: int | None = None) -> bytes:
    lines = [
        f"From: {author}",
        f"To: {to}",
        f"Date: {format_datetime(at)}",
        f"Subject: topic {number}",
        f"Message-ID: <{number}@x.example>",
    ]
    if parent is not None:
        lines.append(f"In-Reply-To: <{parent}@x.example>")
    return ("\n".join([*lines, *([extra] if extra else [])]) + "\n\nzirkonfalter\n\n").encode()


def mbox(letters: Iterable[bytes], labels: str = "") -> bytes:
    gmail = f"X-GM-THRID: 1\nX-Gmail-Labels: {labels}\n".encode() if labels else b""
    return b"".join(b"From x@x.example Mon Nov 16 10:00:00 2026\n" + gmail + one for one in letters)


def exchange(other: str, days: Iterable[int], me: str = ADA, first: int = 0) -> tuple[list[bytes], list[bytes]]:
    """One message each way on each of the days before now: (received, sent)."""
    received, sent = [], []
    for number, day in enumerate(days):
        at = NOW - timedelta(days=day)
        received.append(letter(first + 2 * number, other, me, at))
        sent.append(letter(first + 2 * number + 1, me, other, at + timedelta(hours=2), parent=first + 2 * number))
    return received, sent


def event(uid: str, start: datetime, *guests: str, title: str = "Talk", extra: str = "") -> str:
    people = "".join(
        f"ATTENDEE;CN={g.partition(' <')[0]};PARTSTAT=ACCEPTED:mailto:{g.partition('<')[2].rstrip('>')}\r\n" for g in guests
    )
    organizer = f"ORGANIZER:mailto:{guests[0].partition('<')[2].rstrip('>')}\r\n" if guests else ""
    end = start + timedelta(hours=1)
    return (
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDTEND:{end:%Y%m%dT%H%M%SZ}\r\n"
        f"SUMMARY:{title}\r\nDESCRIPTION:zirkonfalter\r\n{organizer}{people}{extra}END:VEVENT\r\n"
    )


def calendar(*events: str) -> str:
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n" + "".join(events) + "END:VCALENDAR\r\n"


def tried(*paths: Path, me: tuple[str, ...] = (), now: datetime = NOW) -> TrialReport:
    report = run(paths, me=me, now=now, zone="Europe/Berlin", rulebook=shipped())
    for tally in (report.messages, report.events):
        assert tally.read == tally.stored + tally.duplicates + sum(skip.count for skip in tally.skipped)
    assert "zirkonfalter" not in repr(report)
    return report


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    """Eva went quiet in June after a weekly exchange; Bo is in touch; a newsletter and a one-sided stranger are there too."""
    received, sent = exchange(EVA, range(150, 400, 7))
    more, back = exchange(BO, range(2, 300, 10), first=1000)
    news = [
        letter(5000 + n, NEWS, ADA, NOW - timedelta(days=n), extra="List-Unsubscribe: <mailto:u@letters.example>\nPrecedence: bulk")
        for n in range(30)
    ]
    stranger = [letter(6000, "Uwe Fremd <uwe@vendor.example>", ADA, NOW - timedelta(days=3))]
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "INBOX").write_bytes(mbox([*received, *more, *news, *stranger]))
    (folder / "Gesendet").write_bytes(mbox([*sent, *back]))
    return folder


def test_people_machines_and_who_has_gone_quiet(mail: Path) -> None:
    report = tried(mail)
    assert report.owner_addresses == ("ada@own.example",)
    assert report.owner_confidence == "certain"
    assert {one.person.name: one.state for one in report.people} == {"Eva Beispiel": "quiet", "Bo Muster": "in_touch"}
    assert [one.person.name for one in report.quiet] == ["Eva Beispiel"]
    eva = report.quiet[0]
    assert eva.interactions == 72
    assert eva.rhythm is not None
    assert timedelta(days=6) <= eva.rhythm <= timedelta(days=8)
    assert eva.p_lapsed_90 is not None
    assert eva.p_lapsed_90 > 0.5
    kinds = {one.addresses[0]: one.kind for one in report.others}
    assert kinds["news@letters.example"] == "machine"
    assert kinds["uwe@vendor.example"] == "unknown"
    assert kinds["ada@own.example"] == "owner"


def test_it_says_what_it_would_make_today_and_why(mail: Path) -> None:
    report = tried(mail)
    (why, evidence, hold), *others = [
        (one.why, one.evidence, one.action) for one in report.decision.suggestions if isinstance(one.action, Hold)
    ]
    assert not others
    assert hold.title == "Eva Beispiel"
    assert "since June" in why
    assert evidence
    assert "%" not in f"{hold.title}{hold.description}"


def test_the_owners_leave_is_no_silence_of_anybody(tmp_path: Path) -> None:
    received, sent = exchange(EVA, range(30, 200, 7))
    (tmp_path / "INBOX").write_bytes(mbox(received))
    (tmp_path / "Sent").write_bytes(mbox(sent))
    assert [one.state for one in tried(tmp_path).people] == ["quiet"]
    days = f"DTSTART;VALUE=DATE:{NOW - timedelta(days=28):%Y%m%d}\r\nDTEND;VALUE=DATE:{NOW - timedelta(days=12):%Y%m%d}\r\n"
    leave = f"BEGIN:VEVENT\r\nUID:leave\r\n{days}SUMMARY:Away\r\nX-MICROSOFT-CDO-BUSYSTATUS:OOF\r\nEND:VEVENT\r\n"
    (tmp_path / "c.ics").write_text(calendar(leave))
    assert [one.state for one in tried(tmp_path).people] == ["in_touch"]


def test_an_out_of_office_answer_says_why_somebody_is_silent(tmp_path: Path) -> None:
    received, sent = exchange(EVA, range(30, 200, 7))
    answer = letter(900, EVA, ADA, NOW - timedelta(days=28), extra="Auto-Submitted: auto-replied")
    (tmp_path / "INBOX").write_bytes(mbox(received))
    (tmp_path / "Sent").write_bytes(mbox(sent))
    assert [one.state for one in tried(tmp_path).people] == ["quiet"]
    (tmp_path / "INBOX").write_bytes(mbox([*received, answer]))
    assert [one.state for one in tried(tmp_path).people] == ["in_touch"]


def test_a_meeting_of_yesterday_gives_a_thank_you_though_no_account_was_connected(mail: Path, tmp_path: Path) -> None:
    met = NOW - timedelta(days=1)
    (tmp_path / "work.ics").write_text(calendar(event("m1", met, ADA, "Cy Neu <cy@initech.example>")))
    report = tried(mail, tmp_path / "work.ics")
    (draft,) = [one.action for one in report.decision.suggestions if isinstance(one.action, Draft) and one.rule == "thank_you"]
    assert [address.email for address in draft.to] == ["cy@initech.example"]
    assert draft.from_.email == "ada@own.example"


def test_a_calendar_alone_is_enough(tmp_path: Path) -> None:
    events = [event(f"e{n}", NOW - timedelta(days=7 * n + 1), ADA, EVA, BO if n % 2 else EVA) for n in range(20)]
    ahead = event("next", NOW + timedelta(days=2), ADA, BO)
    (tmp_path / "c.ics").write_text(calendar(*events))
    report = tried(tmp_path / "c.ics")
    assert report.owner_addresses[0] in {"ada@own.example", "eva@acme.example"}
    assert report.owner_confidence == "unsure", "two people are in every meeting: nobody can tell whose calendar it is"
    (tmp_path / "c.ics").write_text(calendar(*events, ahead))
    named = tried(tmp_path / "c.ics", me=("ada@own.example",))
    assert {one.person.name: one.state for one in named.people} == {"Eva Beispiel": "in_touch", "Bo Muster": "booked"}
    assert named.events.stored == 21
    assert (named.messages.read, named.owner_confidence) == (0, "given")


def test_the_owner_of_a_calendar_is_who_is_in_nearly_every_meeting(tmp_path: Path) -> None:
    others = [f"{name} Muster <p{n}@firm{n % 5}.example>" for n, name in enumerate(FIRST_NAMES)]
    events = [
        event(f"e{n}", NOW - timedelta(days=3 * n + 1), *((other, ADA) if n % 3 else (ADA, other)))
        for n, other in enumerate(others * 2)
    ]
    (tmp_path / "c.ics").write_text(calendar(*events))
    report = tried(tmp_path)
    assert report.owner_addresses == ("ada@own.example",)
    assert report.owner_confidence == "likely"
    assert report.owner_reason == "it is on all the meetings."


def test_without_sent_mail_the_owner_is_who_is_on_nearly_everything_under_all_their_addresses(tmp_path: Path) -> None:
    letters: list[bytes] = []
    for n, name in enumerate(FIRST_NAMES):
        received, sent = exchange(
            f"{name} Beispiel <{name.lower()}@firm.example>", range(5, 60, 9), me=ALIAS if n % 3 == 0 else ADA, first=100 * n
        )
        letters += [*received, *sent]
    (tmp_path / "all.mbox").write_bytes(mbox(letters))
    report = tried(tmp_path / "all.mbox")
    assert set(report.owner_addresses) == {"ada@own.example", "ada.owner@gmail.com"}
    assert report.owner_confidence == "likely"
    assert report.owner_reason == "one of them is on all the messages."
    assert len(report.people) == 12


def test_an_alias_that_only_late_sent_mail_shows_is_found_and_everything_is_read_again(tmp_path: Path) -> None:
    received, sent = exchange(EVA, range(5, 2500, 6))
    _, late = exchange(BO, range(1, 100, 3), me="Someone Else <alias@other.example>", first=10_000)
    (tmp_path / "Sent").write_bytes(mbox([*sent, *late]))
    (tmp_path / "INBOX").write_bytes(mbox(received))
    report = tried(tmp_path)
    assert set(report.owner_addresses) == {"ada@own.example", "alias@other.example"}
    assert all("alias@other.example" not in one.person.addresses for one in report.people)


def test_gmail_labels_name_the_owner_and_a_message_in_two_folders_counts_once(tmp_path: Path) -> None:
    received, sent = exchange(EVA, range(10, 100, 10))
    folder = tmp_path / "Takeout" / "Mail"
    folder.mkdir(parents=True)
    (folder / "All mail Including Spam and Trash.mbox").write_bytes(mbox(received, "Posteingang") + mbox(sent, "Gesendet"))
    (folder / "Kunden.mbox").write_bytes(mbox(received, "Kunden"))
    with tarfile.open(tmp_path / "takeout-001.tgz", "w:gz") as packed:
        packed.add(tmp_path / "Takeout", "Takeout")
    for path in (tmp_path / "Takeout", tmp_path / "takeout-001.tgz"):
        report = tried(path)
        assert report.owner_confidence == "certain"
        assert report.owner_reason == "it wrote all the 9 messages filed as sent."
        assert (report.messages.read, report.messages.stored, report.messages.duplicates) == (27, 18, 9)
        assert [(one.person.name, one.interactions) for one in report.people] == [("Eva Beispiel", 18)]


def test_a_single_message_filed_as_sent_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "Sent.mbox").write_bytes(mbox(exchange(EVA, range(10, 30, 10))[1][:1]))
    assert tried(tmp_path).owner_reason == "it wrote the one message filed as sent."


def test_whatever_cannot_be_read_is_counted_with_its_reason_and_hides_nothing(mail: Path, tmp_path: Path) -> None:
    (mail / "broken.eml").write_bytes(b"\x00\x01\x02")
    (mail / "good.eml").write_bytes(letter(9999, EVA, ADA, NOW - timedelta(days=5)))
    (mail / "bad.zip").write_bytes(b"PK no zip")
    (mail / "c.ics").write_text(calendar("BEGIN:VEVENT\r\nUID:x\r\nEND:VEVENT\r\n", event("ok", NOW - timedelta(days=2), ADA, EVA)))
    report = tried(mail, tmp_path / "not-here.mbox")
    reasons = {skip.reason: skip.count for skip in report.messages.skipped}
    assert len(reasons) == 3
    assert all(reason and count == 1 for reason, count in reasons.items())
    assert report.events.stored == 1
    assert report.events.skipped
    assert next(one for one in report.people if one.person.name == "Eva Beispiel").last_at == NOW - timedelta(days=2) + timedelta(
        hours=1
    )


def test_a_series_nobody_can_follow_is_read_in_part_and_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endless = event("ticks", NOW - timedelta(days=2), ADA, EVA).replace("END:VEVENT", "RRULE:FREQ=SECONDLY\r\nEND:VEVENT")
    (tmp_path / "a.ics").write_text(calendar(endless, event("ok", NOW - timedelta(days=3), ADA, EVA)))
    (tmp_path / "b.ics").write_text(calendar(endless))
    events = tried(tmp_path, me=("ada@own.example",)).events
    [skip] = events.skipped
    assert (events.read, events.stored, events.duplicates) == (3, 1, 0)
    assert (skip.count, skip.is_in_part) == (2, True)
    assert "every minute or every second" in skip.reason
    tell(tried(tmp_path / "b.ics", me=("ada@own.example",)), UTC, NOW)
    told = capsys.readouterr().out
    assert "1 read in part: A series counts as a single event" in told
    assert "Your network: 1 person" in told


def test_attention_says_who_takes_the_hours_and_since_when_nobody_outside(tmp_path: Path) -> None:
    team = [f"{name} Kollege <{name.lower()}@own.example>" for name in FIRST_NAMES[:7]]
    inside = [event(f"i{n}", NOW - timedelta(days=n + 1), ADA, team[n % 7 if n % 2 else 0]) for n in range(200)]
    outside = [event(f"o{n}", datetime(2026, 6, 3 + n, 9, tzinfo=UTC), ADA, EVA) for n in range(4)]
    (tmp_path / "c.ics").write_text(calendar(*inside, *outside))
    report = tried(tmp_path / "c.ics", me=("ada@own.example",))
    assert report.attention.hours == pytest.approx(204, abs=1)
    assert report.attention.top[0][0] == "Anna Kollege"
    assert sum(share for _, share in report.attention.top) == pytest.approx(report.attention.top_share)
    assert report.attention.sentence.startswith("Five people take ")
    assert report.attention.sentence.endswith("% of your meeting hours; nobody outside since June.")


def test_the_owner_cannot_be_found_where_nobody_is_and_nothing_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "empty.mbox").write_bytes(b"")
    report = tried(tmp_path / "empty.mbox")
    assert (report.owner_addresses, report.people, report.decision.suggestions) == ((), (), ())
    assert "--me" in report.owner_reason


def test_the_clocks_of_others_are_kept_in_minutes_east_of_utc(tmp_path: Path) -> None:
    received, sent = exchange(EVA, (40, 20))
    path = tmp_path / "all.mbox"
    path.write_bytes(mbox([one.replace(b" +0000", b" +0530") for one in received]) + mbox(sent))
    found = tried(path, me=("ada@own.example",))
    assert [dict(one.offsets) for one in found.network.relations] == [{330: 2}]


def test_what_lies_ahead_of_now_is_no_interaction(mail: Path) -> None:
    report = tried(mail, now=NOW - timedelta(days=200))
    assert all(one.last_at is not None and one.last_at <= NOW - timedelta(days=200) for one in report.people)
    assert report.messages.stored == tried(mail).messages.stored


def test_progress_reaches_its_end_and_names_people_while_mail_is_still_being_read(tmp_path: Path) -> None:
    received, sent = exchange(EVA, range(5, 400, 4))
    padded = [one + b"x" * 20_000 + b"\n\n" for pair in zip(received, sent, strict=True) for one in pair]
    (tmp_path / "all.mbox").write_bytes(mbox(padded))
    told: list[Progress] = []
    run([tmp_path], me=("ada@own.example",), now=NOW, zone="Europe/Berlin", rulebook=shipped(), on_progress=told.append)
    assert told[-1].done == told[-1].total > 0
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert any(one.names == ("Eva Beispiel",) and one.stage == "mail" and one.done < one.total for one in told)


def told_of(report: TrialReport, capsys: pytest.CaptureFixture[str]) -> str:
    tell(report, UTC, NOW)
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("is_sent", "side"), [(True, "only what you sent"), (False, "only what you received")])
def test_one_side_of_the_mail_is_called_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_sent: bool, side: str
) -> None:
    received, sent = exchange(EVA, range(5, 400, 4))
    more, back = exchange(BO, range(5, 400, 9), first=1000)
    (tmp_path / "Sent.mbox" if is_sent else tmp_path / "Inbox.mbox").write_bytes(mbox(sent + back if is_sent else received + more))
    found = tried(tmp_path)
    told = told_of(found, capsys)
    assert (found.owner_addresses, found.people) == (("ada@own.example",), ())
    assert f"One side of your mail seems to be missing: {side} was read." in told
    assert ("--me ADDRESS" in told) is not is_sent


def test_it_says_how_many_of_the_people_the_service_would_keep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    received, sent = exchange(EVA, range(800, 900, 7))
    more, back = exchange(BO, range(2, 300, 10), first=1000)
    (tmp_path / "all.mbox").write_bytes(mbox(received + sent + more + back))
    told = told_of(tried(tmp_path, me=("ada@own.example",)), capsys)
    assert "Rekindle itself keeps 24 months: about 1 of these 2 people would be there." in told


def test_it_is_silent_about_what_is_kept_where_that_is_everybody(mail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Rekindle itself keeps" not in told_of(tried(mail), capsys)


@pytest.mark.parametrize(("me", "now"), [("nobody@own.example", NOW), ("ada@own.example", NOW - timedelta(days=900))])
def test_nobody_is_named_early_who_is_not_in_the_network(tmp_path: Path, me: str, now: datetime) -> None:
    received, sent = exchange(EVA, range(5, 400, 4))
    (tmp_path / "all.mbox").write_bytes(mbox(received + sent))
    meetings = (event(f"{day}", NOW - timedelta(days=day), ADA, BO) for day in range(5, 400, 3))
    (tmp_path / "all.ics").write_text(calendar(*meetings))
    told: list[Progress] = []
    report = run([tmp_path], me=(me,), now=now, zone="Europe/Berlin", rulebook=shipped(), on_progress=told.append)
    assert not report.people
    assert not any(one.names for one in told)


def test_much_mail_is_read_beside_and_comes_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received, sent = exchange(EVA, range(1, 700, 3))
    (tmp_path / "Inbox.mbox").write_bytes(mbox(received))
    (tmp_path / "Sent.mbox").write_bytes(mbox(sent))
    here = tried(tmp_path)
    readers = []

    def begin(sources: Sequence[Source]) -> beside.Beside | None:
        readers.append(begun(sources))
        return readers[-1]

    begun = beside.begin
    monkeypatch.setattr(trial_reading, "MUCH", 1)
    monkeypatch.setattr(beside, "begin", begin)
    there = tried(tmp_path)
    assert readers
    assert (there.messages, there.people, there.others, there.owner_addresses) == (
        here.messages, here.people, here.others, here.owner_addresses,
    )  # fmt: skip
    assert [list(one.contacts) for one in there.network.relations] == [list(one.contacts) for one in here.network.relations]
    assert there.decision == here.decision
