"""A Gmail mailbox: an append-only history over immutable messages, drafts as containers, and the owner's hands on it."""

from __future__ import annotations

import email as parsing
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message as Parsed

from tests.simulators.google.exchange import Call, Clock, Json, Refusal

HIDDEN = {"SPAM", "TRASH"}
TYPES = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


@dataclass(slots=True, kw_only=True)
class Mail:
    """One message; never changes but for its labels."""

    id: str
    thread: str
    labels: set[str]
    headers: list[tuple[str, str]]
    words: str = field(repr=False)
    at: datetime
    history: int

    def header(self, name: str) -> str:
        """Return its first header field of this name."""
        return next((value for one, value in self.headers if one.lower() == name.lower()), "")

    @property
    def message_id(self) -> str:
        """Its Message-ID without brackets."""
        return self.header("Message-ID").strip(" <>")


@dataclass(slots=True, kw_only=True)
class Record:
    """One line of the history."""

    id: int
    kind: str
    message: str
    thread: str
    labels: frozenset[str]
    """The message's labels then; of a label change, the labels that changed."""


@dataclass(slots=True)
class Mailbox:
    """The mail of one account."""

    email: str
    clock: Clock
    tell: Callable[[str, int], None] = field(default=lambda _email, _history: None)
    """Told of each change, for whoever watches."""
    mails: dict[str, Mail] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)
    log: list[Record] = field(default_factory=list)
    sent: list[Mail] = field(default_factory=list)
    """What left by messages.send or drafts.send through the API: nothing of ours may ever stand here."""
    history: int = 1000
    oldest: int = 0
    """History from before this id has been forgotten."""
    lagging_since: int | None = None
    """Search does not see what was added after this id."""
    watches: dict[str, datetime] = field(default_factory=dict)
    count: int = 0x18F00000000

    # The owner's hands

    def receive(
        self,
        headers: Iterable[tuple[str, str]],
        words: str,
        *,
        at: datetime,
        labels: Iterable[str] = ("INBOX", "UNREAD"),
        thread: str = "",
    ) -> Mail:
        """Add a message."""
        self.count += 1
        mail = Mail(
            id=f"{self.count:016x}",
            thread=thread or f"{self.count:016x}",
            labels=set(labels),
            headers=list(headers),
            words=words,
            at=at,
            history=0,
        )
        self.mails[mail.id] = mail
        self._note("messageAdded", mail, mail.labels)
        mail.history = self.history
        return mail

    def remove(self, message: str) -> None:
        """Delete a message for good; its draft goes with it."""
        mail = self.mails.pop(message)
        self.drafts = {name: one for name, one in self.drafts.items() if one != message}
        self._note("messageDeleted", mail, mail.labels)

    def label(self, message: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Change a message's labels."""
        mail = self.mails[message]
        added, removed = set(add) - mail.labels, set(remove) & mail.labels
        mail.labels = (mail.labels | added) - removed
        if added:
            self._note("labelAdded", mail, added)
        if removed:
            self._note("labelRemoved", mail, removed)

    def edit_draft(self, draft: str, words: str = "edited", *, rotates: bool = False) -> None:
        """Save a draft as Gmail's own page does: another message under the same draft, with another Message-ID."""
        old = self.mails[self.drafts[draft]]
        headers = [(name, "<edited@mail.example>" if name.lower() == "message-id" else value) for name, value in old.headers]
        del self.drafts[draft]
        self.remove(old.id)
        new = self.receive(headers, words, at=self.clock(), labels={"DRAFT"}, thread=old.thread)
        self.drafts[f"r{new.id}" if rotates else draft] = new.id

    def send_draft(self, draft: str, *, by_label: bool = False, keeps_id: bool = True) -> Mail:
        """Send a draft as the owner does: the draft is gone, a new message has SENT, told as an added label if `by_label`."""
        old = self.mails[self.drafts[draft]]
        self.remove(old.id)
        headers = [(n, "<sent@mail.gmail.example>" if not keeps_id and n.lower() == "message-id" else v) for n, v in old.headers]
        new = self.receive(headers, old.words, at=self.clock(), labels=set() if by_label else {"SENT"}, thread=old.thread)
        if by_label:
            self.label(new.id, add={"SENT"})
        return new

    def forget_history(self) -> None:
        """Let every history id given out so far be too old."""
        self.history += 1
        self.oldest = self.history

    def _note(self, kind: str, mail: Mail, labels: Iterable[str]) -> None:
        self.history += 7
        self.log.append(Record(id=self.history, kind=kind, message=mail.id, thread=mail.thread, labels=frozenset(labels)))
        self.tell(self.email, self.history)

    # The API

    def answer(self, call: Call) -> Json:
        """Answer a method of the Gmail API."""
        name = call.method.removeprefix("gmail.users.").replace(".", "_")
        found: Json = getattr(self, f"_{name}")(call)
        return found

    def _getProfile(self, call: Call) -> Json:  # noqa: N802 - Google's name
        threads = len({one.thread for one in self.mails.values()})
        return {
            "emailAddress": self.email,
            "messagesTotal": len(self.mails),
            "threadsTotal": threads,
            "historyId": str(self.history),
        }

    def _messages_list(self, call: Call) -> Json:
        if call.is_metadata_only() and "q" in call.query:
            raise Refusal(403, "forbidden", "Metadata scope does not support 'q' parameter")
        wanted = set(call.query.get("labelIds", ()))
        is_all = call.one("includeSpamTrash") == "true"
        found = sorted(self.mails.values(), key=lambda one: (one.at, one.id), reverse=True)
        found = [one for one in found if wanted <= one.labels and (is_all or not one.labels & HIDDEN or wanted & HIDDEN)]
        if token := call.one("pageToken"):
            at, last = _page(token)
            found = [one for one in found if (one.at.isoformat(), one.id) < (at, last)]
        size = call.number("maxResults", 100)
        page, rest = found[:size], found[size:]
        said: Json = {"messages": [{"id": one.id, "threadId": one.thread} for one in page], "resultSizeEstimate": len(found)}
        if not page:
            del said["messages"]
        return said | ({"nextPageToken": _token(page[-1].at.isoformat(), page[-1].id)} if rest else {})

    def _messages_get(self, call: Call) -> Json:
        return self._message(self._mail(call.path["id"]), call)

    def _threads_get(self, call: Call) -> Json:
        found = sorted((one for one in self.mails.values() if one.thread == call.path["id"]), key=lambda one: one.id)
        if not found:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        return {"id": call.path["id"], "historyId": str(found[-1].history), "messages": [self._message(one, call) for one in found]}

    def _history_list(self, call: Call) -> Json:
        start = int(call.one("startHistoryId"))
        if start < self.oldest or start > self.history:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        kinds, label = set(call.query.get("historyTypes", TYPES)), call.one("labelId")
        found = [one for one in self.log if one.id > start and one.kind in kinds and (not label or label in one.labels)]
        at = int(_page(call.one("pageToken"))[0]) if call.one("pageToken") else 0
        size = call.number("maxResults", 100)
        said: Json = {"historyId": str(self.history)}
        if page := found[at : at + size]:
            said["history"] = [self._record(one) for one in page]
        return said | ({"nextPageToken": _token(str(at + size), "")} if found[at + size :] else {})

    def _record(self, one: Record) -> Json:
        message = {"id": one.message, "threadId": one.thread}
        if one.kind.startswith("label"):
            now = self.mails.get(one.message)
            told: Json = {"message": message | ({"labelIds": sorted(now.labels)} if now else {}), "labelIds": sorted(one.labels)}
        else:
            told = {"message": message | {"labelIds": sorted(one.labels)}}
        return {"id": str(one.id), "messages": [message], TYPES[one.kind]: [told]}

    def _drafts_create(self, call: Call) -> Json:
        raw = urlsafe_b64decode(call.given["message"]["raw"])
        parsed = parsing.message_from_bytes(raw)
        thread = self._thread_for(call.given["message"].get("threadId", ""), parsed)
        words = _words(parsed)
        mail = self.receive([(n, str(v)) for n, v in parsed.items()], words, at=self.clock(), labels={"DRAFT"}, thread=thread)
        self.drafts[f"r{mail.id}"] = mail.id
        return {"id": f"r{mail.id}", "message": {"id": mail.id, "threadId": mail.thread, "labelIds": ["DRAFT"]}}

    def _thread_for(self, asked: str, parsed: Parsed) -> str:
        """Put a reply into its conversation only if threadId, headers and subject all say so."""
        others = [one for one in self.mails.values() if one.thread == asked]
        if asked and not others:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        known = str(parsed.get("References", "")) + str(parsed.get("In-Reply-To", ""))
        subject = str(parsed.get("Subject", "")).lower().removeprefix("re: ")
        fits = any(
            one.message_id and one.message_id in known and one.header("Subject").lower().removeprefix("re: ") == subject
            for one in others
        )
        return asked if fits else ""

    def _drafts_get(self, call: Call) -> Json:
        if call.path["id"] not in self.drafts:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        return {"id": call.path["id"], "message": self._message(self.mails[self.drafts[call.path["id"]]], call)}

    def _drafts_list(self, call: Call) -> Json:
        if call.is_metadata_only() and "q" in call.query:
            raise Refusal(403, "forbidden", "Metadata scope does not support 'q' parameter")
        found = [(name, self.mails[one]) for name, one in sorted(self.drafts.items())]
        if q := call.one("q"):
            wanted = q.removeprefix("rfc822msgid:")
            limit = self.lagging_since
            found = [(n, m) for n, m in found if m.message_id == wanted and (limit is None or m.history <= limit)]
        at = int(_page(call.one("pageToken"))[0]) if call.one("pageToken") else 0
        size = call.number("maxResults", 100)
        said: Json = {"resultSizeEstimate": len(found)}
        if found[at : at + size]:
            said["drafts"] = [{"id": n, "message": {"id": m.id, "threadId": m.thread}} for n, m in found[at : at + size]]
        return said | ({"nextPageToken": _token(str(at + size), "")} if found[at + size :] else {})

    def _drafts_delete(self, call: Call) -> Json:
        if call.path["id"] not in self.drafts:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        self.remove(self.drafts[call.path["id"]])
        return {}

    def _drafts_send(self, call: Call) -> Json:
        mail = self.send_draft(call.given["id"])
        self.sent.append(mail)
        return {"id": mail.id, "threadId": mail.thread, "labelIds": ["SENT"]}

    def _messages_send(self, call: Call) -> Json:
        parsed = parsing.message_from_bytes(urlsafe_b64decode(call.given["raw"]))
        mail = self.receive([(n, str(v)) for n, v in parsed.items()], _words(parsed), at=self.clock(), labels={"SENT"})
        self.sent.append(mail)
        return {"id": mail.id, "threadId": mail.thread, "labelIds": ["SENT"]}

    def _watch(self, call: Call) -> Json:
        until = self.clock() + timedelta(days=7)
        self.watches[call.given["topicName"]] = until
        return {"historyId": str(self.history), "expiration": str(int(until.timestamp() * 1000))}

    def _stop(self, call: Call) -> Json:
        self.watches.clear()
        return {}

    def _mail(self, name: str) -> Mail:
        if name not in self.mails:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        return self.mails[name]

    def _message(self, mail: Mail, call: Call) -> Json:
        shape = call.one("format", "full")
        if call.is_metadata_only() and shape in ("full", "raw"):
            raise Refusal(403, "forbidden", f"Metadata scope doesn't allow format {shape.upper()}")
        said: Json = {"id": mail.id, "threadId": mail.thread, "labelIds": sorted(mail.labels), "snippet": mail.words[:100]}
        said |= {
            "historyId": str(mail.history),
            "internalDate": str(int(mail.at.timestamp() * 1000)),
            "sizeEstimate": 500 + len(mail.words),
        }
        if shape == "raw":
            return said | {"raw": urlsafe_b64encode(mail.words.encode()).decode()}
        if shape == "minimal":
            return said
        wanted = {name.lower() for name in call.query.get("metadataHeaders", ())}
        headers = [{"name": n, "value": v} for n, v in mail.headers if not wanted or shape == "full" or n.lower() in wanted]
        payload: Json = {"mimeType": "text/plain", "headers": headers}
        if shape == "full":
            payload["body"] = {"size": len(mail.words), "data": urlsafe_b64encode(mail.words.encode()).decode()}
        return said | {"payload": payload}


def _words(parsed: Parsed) -> str:
    found = parsed.get_payload(decode=True)
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""


def _token(*parts: str) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode()


def _page(token: str) -> list[str]:
    try:
        found: list[str] = json.loads(urlsafe_b64decode(token))
    except ValueError:
        raise Refusal(400, "invalidArgument", "Invalid pageToken") from None
    return found
