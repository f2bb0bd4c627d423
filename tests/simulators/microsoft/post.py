"""The mail of one pretended mailbox: folders, messages and what the owner's hands do with them."""

from __future__ import annotations

import email
import itertools
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.message import Message
from email.utils import getaddresses

from tests.simulators.microsoft.log import Json, Log

FOLDERS = {
    "inbox": "Posteingang",
    "sentitems": "Gesendete Elemente",
    "drafts": "Entwürfe",
    "deleteditems": "Gelöschte Elemente",
    "junkemail": "Junk-E-Mail",
    "archive": "Archiv",
    "outbox": "Postausgang",
}
"""The well-known names and, as always, localised display names."""
QUOTED = "________________________________ Von: "


def stamp(at: datetime) -> str:
    """Write an instant as Graph does."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def recipient(address: str, name: str = "") -> Json:
    return {"emailAddress": {"address": address, "name": name or address}}


class Post:
    """Messages by immutable id; ids differ from their neighbours in case only."""

    def __init__(self, now: Callable[[], datetime], owner: str) -> None:
        self.now, self.owner, self.log = now, owner, Log()
        self.folders = {f"AQMkAD-{name}": {"id": f"AQMkAD-{name}", "displayName": shown} for name, shown in FOLDERS.items()}
        self.messages: dict[str, Json] = {}
        self.marks: dict[str, list[Json]] = {}
        self.seen_from: dict[str, datetime] = {}
        """Since when a search knows a message."""
        self.renames = False
        """Drafts made of JSON get a Message-ID of Exchange's own."""
        self._number = itertools.count()
        for folder in self.folders:
            self.log.note("folders", folder)

    def folder_id(self, name: str) -> str:
        return f"AQMkAD-{name}" if name in FOLDERS else name

    def new_id(self) -> str:
        number = next(self._number)
        return f"AAkALgAAAAAA{number // 2:08d}{'aA'[number % 2]}="

    def add_folder(self, name: str) -> str:
        id_ = f"AQMkAD-own-{name}"
        self.folders[id_] = {"id": id_, "displayName": name}
        self.log.note("folders", id_)
        return id_

    def counted(self, folder: str) -> Json:
        inside = [one for one in self.messages.values() if one["parentFolderId"] == folder]
        unread = sum(not one["isRead"] for one in inside)
        return {**self.folders[folder], "totalItemCount": len(inside), "unreadItemCount": unread}

    def add(self, folder: str, *, lag: timedelta = timedelta(0), headers: Iterable[tuple[str, str]] = (), **given: object) -> Json:
        """Put a message into a folder."""
        now, id_ = stamp(self.now()), self.new_id()
        message: Json = {
            "id": id_,
            "subject": "",
            "from": recipient(self.owner),
            "sender": recipient(self.owner),
            "toRecipients": [],
            "ccRecipients": [],
            "bccRecipients": [],
            "replyTo": [],
            "body": {"contentType": "text", "content": ""},
            "bodyPreview": "",
            "conversationId": f"AAQk{id_}",
            "internetMessageId": f"<{id_.strip('=')}@outlook.example>",
            "isDraft": False,
            "isRead": True,
            "createdDateTime": now,
            "receivedDateTime": now,
            "sentDateTime": now,
            **given,
            "parentFolderId": self.folder_id(folder),
        }
        message["internetMessageHeaders"] = [{"name": name, "value": value} for name, value in headers]
        self.messages[id_] = message
        self.seen_from[id_] = self.now() + lag
        self.touch(id_)
        return message

    def touch(self, id_: str, **changed: object) -> None:
        """Change a message: another change key, and a line in its folder's log."""
        message = self.messages[id_]
        before = message["parentFolderId"]
        message |= changed
        message["changeKey"] = f"CQAAAB{len(self.log.entries):06d}"
        message["lastModifiedDateTime"] = f"{self.now():%Y-%m-%dT%H:%M:%S}.{len(self.log.entries) % 10_000_000:07d}Z"
        for folder in {before, message["parentFolderId"]}:
            self.log.note(folder, id_)

    def move(self, id_: str, folder: str) -> None:
        self.touch(id_, parentFolderId=self.folder_id(folder))

    def remove(self, id_: str) -> None:
        """Delete it for good."""
        gone = self.messages.pop(id_)
        self.log.note(gone["parentFolderId"], id_)

    def mark_read(self, id_: str) -> None:
        """PATCH isRead changes no change key: seen in recordings."""
        self.messages[id_]["isRead"] = True
        self.log.note(self.messages[id_]["parentFolderId"], id_)

    def send(self, id_: str) -> None:
        """Do as the owner does who presses Send: the id stays."""
        self.touch(id_, isDraft=False, sentDateTime=stamp(self.now()), parentFolderId=self.folder_id("sentitems"))

    def named(self, message_id: str) -> Json | None:
        return next((one for one in self.messages.values() if one["internetMessageId"] == f"<{message_id}>"), None)

    def draft(self, given: Json, lag: timedelta) -> Json:
        """Make a draft from JSON."""
        marks = given.pop("singleValueExtendedProperties", [])
        if self.renames:
            given.pop("internetMessageId", "")
        made = self.add("drafts", lag=lag, **{**given, "isDraft": True})
        self.marks[made["id"]] = marks
        return made

    def draft_from_mime(self, raw: bytes, lag: timedelta) -> Json:
        """Make a draft from a base64 message; In-Reply-To and References join it to a conversation, Message-ID is kept."""
        parsed = email.message_from_bytes(b64decode(raw, validate=True))
        given = {
            "subject": str(email.header.make_header(email.header.decode_header(parsed["Subject"] or ""))),
            "internetMessageId": parsed["Message-ID"],
            "from": _people(parsed, "From")[0],
            "toRecipients": _people(parsed, "To"),
            "ccRecipients": _people(parsed, "Cc"),
            "body": {"contentType": "text", "content": "MIME"},
        }
        if invitations := [_attached(part) for part in parsed.walk() if part.get_content_type() == "text/calendar"]:
            given["attachments"] = invitations
        for name in (parsed["In-Reply-To"] or "").split() + (parsed["References"] or "").split()[::-1]:
            answered = self.named(name.strip("<>"))
            if answered is not None:
                given["conversationId"] = answered["conversationId"]
                break
        return self.draft(given, lag)

    def reply(self, id_: str, given: Json, lag: timedelta) -> Json:
        """Make a reply that quotes what it answers."""
        answered = self.messages[id_]
        quote = f"{QUOTED}{answered['body']['content']}"
        content = given.get("body", {}).get("content", "")
        reply = {
            "subject": f"RE: {answered['subject']}",
            "toRecipients": answered["replyTo"] or [answered["from"]],
            **given,
            "conversationId": answered["conversationId"],
            "body": {"contentType": "html", "content": content + quote},
            "bodyPreview": quote,
        }
        return self.draft(reply, lag)


def _attached(part: Message) -> Json:
    kind = f"text/calendar; charset=utf-8; method={part.get_param('method')}"
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return {"name": "", "contentType": kind, "contentBytes": b64encode(raw).decode()}


def _people(parsed: Message, field: str) -> list[Json]:
    return [recipient(address, name) for name, address in getaddresses(parsed.get_all(field, []))]
