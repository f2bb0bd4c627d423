"""IMAP and CalDAV keep the contract on a real Dovecot and a real Radicale, read back by imaplib and plain HTTP."""

from __future__ import annotations

import email
import imaplib
import re
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.error import HTTPError

import pytest

from connectors import ical, standards
from connectors.account import Account
from connectors.port import Connection, Cursor, Saved
from connectors.standards import fetch, objects, paging
from rules.facts import CalendarEvent
from tests.conftest import Server
from tests.connectors.contract import EVA, ME, Ability, Contract, Failure, StoredDraft, StoredHold, World
from tests.servers.proxies import HttpProxy, ImapProxy

STAMP = "%Y%m%dT%H%M%SZ"


class Words:
    """Secrets that are just there."""

    def __init__(self, **words: str) -> None:
        self.words = words

    def get(self, name: str) -> str | None:
        return self.words.get(name)

    def put(self, name: str, value: str) -> None:
        self.words[name] = value

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        yield


def account(settings: Mapping[str, str], password: str = "secret") -> Account:
    return Account(
        id="ada/home", settings={"user": "ana", **settings}, secrets=Words(password=password), zone="Europe/Berlin", addresses=(ME,)
    )


class MailHands:
    """The owner's hands on the mailbox of ana on a Dovecot, emptied at the start."""

    def __init__(self, server: Server) -> None:
        self.hands = imaplib.IMAP4(server.host, server.port)
        self.hands.login(server.user, server.password)
        for folder in self.folders():
            if self.hands.select(folder)[1] != [b"0"]:
                self.hands.store("1:*", "+FLAGS.SILENT", "\\Deleted")
                self.hands.expunge()

    def folders(self) -> list[str]:
        return [
            re.split(rb' "/" ', line)[1].decode()
            for line in self.hands.list()[1]
            if isinstance(line, bytes) and b"\\Noselect" not in line
        ]

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = f"{EVA.name} <{EVA.email}>", ME.email, subject
        letter["Message-ID"], letter["Date"] = f"<{message_id}>", format_datetime(at)
        letter.set_content(body)
        self.hands.append("INBOX", "", imaplib.Time2Internaldate(at), letter.as_bytes().replace(b"\n", b"\r\n"))

    def remove_mail(self, message_id: str) -> None:
        self._delete("INBOX", message_id)

    def _delete(self, folder: str, message_id: str) -> None:
        self.hands.select(folder)
        for number in self.hands.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split():
            self.hands.store(number.decode(), "+FLAGS.SILENT", "\\Deleted")
        self.hands.expunge()

    def unread(self) -> frozenset[str]:
        self.hands.select("INBOX", readonly=True)
        numbers = self.hands.search(None, "UNSEEN")[1][0].split()
        return frozenset(self._headers(number)["Message-ID"].strip(" <>") for number in numbers)

    def _headers(self, number: bytes) -> email.message.Message:
        [answer, *_] = self.hands.fetch(number.decode(), "(BODY.PEEK[HEADER])")[1]
        assert isinstance(answer, tuple)
        return email.message_from_bytes(answer[1])

    def drafts(self) -> Sequence[StoredDraft]:
        found = []
        for folder in ("Drafts", "Sent", "Archive"):
            self.hands.select(folder, readonly=True)
            for number in self.hands.search(None, "ALL")[1][0].split():
                header = self._headers(number)
                name = header["Message-ID"].strip(" <>")
                found.append(
                    StoredDraft(message_id=name, is_sent=folder == "Sent", to=tuple(re.findall(r"[\w.]+@[\w.]+", header["To"])))
                )
        return found

    def _content(self, saved: Saved) -> bytes:
        self.hands.select("Drafts")
        return bytes(self.hands.uid("FETCH", saved.remote_id.split(":")[1], "(BODY.PEEK[])")[1][0][1])

    def _replace(self, saved: Saved, folder: str, content: bytes) -> None:
        self.hands.append(folder, "(\\Seen)", imaplib.Time2Internaldate(time.time()), content)
        self.delete_draft(saved)

    def edit_draft(self, saved: Saved) -> None:
        content = self._content(saved).replace(b"thank you for your time", b"thank you so much for your time")
        self._replace(saved, "Drafts", re.sub(rb"(?mi)^Message-ID: .*$", b"Message-ID: <edited@example.org>\r", content))

    def move_draft(self, saved: Saved) -> None:
        self._replace(saved, "Archive", self._content(saved))

    def send_draft(self, saved: Saved) -> None:
        self._replace(saved, "Sent", self._content(saved))

    def delete_draft(self, saved: Saved) -> None:
        self.hands.select("Drafts")
        self.hands.uid("STORE", saved.remote_id.split(":")[1], "+FLAGS.SILENT", "\\Deleted")
        self.hands.expunge()


class CalendarHands:
    """The owner's hands on the calendars of ana on a Radicale, made anew at the start."""

    def __init__(self, server: Server) -> None:
        self.server = server
        for path in self.calendars():
            self.ask("DELETE", path)
        self.make("work")

    def calendars(self) -> list[str]:
        """List every calendar there is, whoever made it."""
        with suppress(HTTPError):  # until the first sign-in there is nothing to list
            listing = self.ask("PROPFIND", "/ana/", headers={"Depth": "1"}).decode()
            return sorted(set(re.findall(r"href>(/ana/[^<]+/)<", listing)))
        return []

    def make(self, name: str) -> None:
        body = (
            '<?xml version="1.0"?><c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>'
            f"<d:displayname>{name}</d:displayname></d:prop></d:set></c:mkcalendar>"
        )
        self.ask("MKCALENDAR", f"/ana/{name}/", body.encode())

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.port}{path}", data=body, method=method)
        request.add_header("Authorization", "Basic " + b64encode(b"ana:secret").decode())
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own server
            return bytes(answer.read())

    def add_event(self, uid: str, *, title: str, description: str, start: datetime, end: datetime) -> None:
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z"]
        lines += [
            f"DTSTART:{start.strftime(STAMP)}",
            f"DTEND:{end.strftime(STAMP)}",
            f"SUMMARY:{title}",
            f"DESCRIPTION:{description}",
        ]
        lines += [f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{EVA.email}", "END:VEVENT", "END:VCALENDAR", ""]
        self.ask("PUT", f"/ana/work/{uid}.ics", "\r\n".join(lines).encode(), {"Content-Type": "text/calendar"})

    def remove_event(self, uid: str) -> None:
        self.ask("DELETE", f"/ana/work/{uid}.ics")

    def holds(self) -> Sequence[StoredHold]:
        text = self.ask("GET", "/ana/work/").decode()
        return [
            StoredHold(
                key=event.rekindle_key,
                start=event.start,
                attendees=len(event.attendees),
                has_organizer=event.organizer is not None,
                has_reminder="VALARM" in text,
                is_private=event.visibility == "private",
            )
            for event in ical.read(text.encode(), remote_id="x", zone="UTC")
            if isinstance(event, CalendarEvent) and event.rekindle_key and isinstance(event.start, datetime)
        ]

    def _change(self, saved: Saved, pattern: str, text: str) -> None:
        content = self.ask("GET", saved.remote_id).decode()
        self.ask("PUT", saved.remote_id, re.sub(pattern, text, content).encode(), {"Content-Type": "text/calendar"})

    def edit_hold(self, saved: Saved) -> None:
        self._change(saved, r"SUMMARY:", "SUMMARY:✓ ")

    def move_hold(self, saved: Saved, start: datetime, end: datetime) -> None:
        self._change(saved, r"DTSTART[^\r\n]*", f"DTSTART:{start.strftime(STAMP)}")
        self._change(saved, r"DTEND[^\r\n]*", f"DTEND:{end.strftime(STAMP)}")

    def delete_hold(self, saved: Saved) -> None:
        self.ask("DELETE", saved.remote_id)


class StandardsWorld(MailHands, CalendarHands):
    """One account with a Dovecot and a Radicale, each behind a proxy that can fail."""

    cannot: Mapping[Ability, str] = {"invite": "Radicale does not schedule (RFC 6638)"}

    def __init__(self, imap: Server, dav: Server) -> None:
        MailHands.__init__(self, imap)
        CalendarHands.__init__(self, dav)
        self.imap, self.dav = ImapProxy((imap.host, imap.port)), HttpProxy((dav.host, dav.port))

    def open(self) -> Connection:
        return standards.open(
            account({"imap": f"imap://127.0.0.1:{self.imap.port}", "caldav": f"http://127.0.0.1:{self.dav.port}/"})
        )

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        if "radicale" in cursor:
            return Cursor(re.sub(r"http://radicale.org/ns/sync/\w+", "http://radicale.org/ns/sync/" + "0" * 64, cursor))
        return Cursor(cursor.replace("[", "[9", 1))

    def fail_next(self, failure: Failure) -> None:
        self.imap.fault = self.dav.fault = failure

    def lose_next_answer(self) -> None:
        self.imap.fault = self.dav.fault = "lose"


class TestStandards(Contract):
    @pytest.fixture
    def world(self, dovecot: Server, radicale: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
        monkeypatch.setattr(paging, "PAGE", 3)
        monkeypatch.setattr(fetch, "BATCH", 2)
        monkeypatch.setattr(objects, "BATCH", 3)
        world = StandardsWorld(dovecot, radicale)
        yield world
        world.imap.close()
        world.dav.close()
