"""A pretended Microsoft 365 with one account signed in, as the contract and Microsoft's own tests work it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import requests

from connectors import microsoft
from connectors.account import Account, Gate, Quota, Setting
from connectors.microsoft import consent, signin
from connectors.microsoft.drafts import PROPERTY
from connectors.port import Calendar, Connection, Cursor, Mailbox, Saved
from tests.connectors.contract import CANARY, EVA, ME, Ability, Failure, StoredDraft, StoredHold
from tests.simulators.microsoft.agenda import instant, moment
from tests.simulators.microsoft.faults import Kind
from tests.simulators.microsoft.graph import Box, Graph
from tests.simulators.microsoft.identity import Identity
from tests.simulators.microsoft.log import Json
from tests.simulators.microsoft.post import recipient, stamp

FAULTS: Mapping[Failure, Kind] = {"authorization": "401", "rate": "429", "unavailable": "503", "rejected": "400"}
REDIRECT = "http://localhost:8400/"


class Words:
    """Secrets that are just there."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.locks = 0

    def get(self, name: str) -> str | None:
        return self.words.get(name)

    def put(self, name: str, value: str) -> None:
        self.words[name] = value

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        self.locks += 1
        yield


class MicrosoftWorld:
    """One mailbox behind a Graph and an Entra of our own."""

    cannot: Mapping[Ability, str] = {}

    def __init__(self, folder: Path, *, address: str = ME.email, graph: Graph | None = None) -> None:
        self.graph = graph or Graph()
        self.identity = Identity(self.graph, folder, user=address)
        self.box: Box = self.graph.box(address)
        self.secrets = Words()
        self.settings: dict[str, Setting] = {
            "client_id": "reader-app",
            "writer_client_id": "writer-app",
            "authority": self.identity.authority,
            "graph_root": self.graph.root,
            "ca_file": str(self.identity.ca_file),
        }
        self.quota: Quota | None = None
        self.gate: Gate | None = None
        self.installation = ""
        for role in ("reader", "writer"):
            self.sign_in(role)

    def close(self) -> None:
        self.identity.close()
        self.graph.close()

    def account(self, id_: str = "ada/work") -> Account:
        return Account(
            id=id_,
            settings=self.settings,
            secrets=self.secrets,
            zone="Europe/Berlin",
            addresses=(ME,),
            installation=self.installation,
            quota=self.quota,
            gate=self.gate,
        )

    def open(self) -> Connection:
        return microsoft.open(self.account())

    def sign_in(self, role: signin.Role) -> None:
        """Go through the consent page in a browser that says yes."""
        question = consent.by_browser(microsoft.registration_of(self.settings, role), redirect=REDIRECT)
        went = requests.get(question.url, verify=str(self.identity.ca_file), allow_redirects=False, timeout=10)
        question.answered(self.secrets, went.headers["Location"])

    # The owner's hands on the mailbox

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        self.mail(message_id, subject=subject, body=body, at=at)

    def mail(
        self, message_id: str, *, at: datetime, subject: str = "Hello", body: str = CANARY, folder: str = "inbox", **given: object
    ) -> Json:
        """Let mail arrive; from Eva unless it says otherwise."""
        said = {
            "from": recipient(EVA.email, EVA.name),
            "sender": recipient(EVA.email, EVA.name),
            "toRecipients": [recipient(ME.email)],
            "body": {"contentType": "text", "content": body},
            "bodyPreview": body[:255],
            "receivedDateTime": stamp(at),
            "sentDateTime": stamp(at),
            "isRead": False,
        }
        headers = [("From", f"{EVA.name} <{EVA.email}>"), ("To", ME.email), ("Subject", subject), ("Message-ID", f"<{message_id}>")]
        headers.append(("Date", f"{at:%a, %d %b %Y %H:%M:%S +0000}"))
        return self.box.post.add(folder, headers=headers, subject=subject, internetMessageId=f"<{message_id}>", **{**said, **given})  # type: ignore[arg-type]  # JSON has no shape

    def _mail(self, message_id: str) -> str:
        found = self.box.post.named(message_id)
        assert found is not None
        return str(found["id"])

    def remove_mail(self, message_id: str) -> None:
        self.box.post.remove(self._mail(message_id))

    def unread(self) -> frozenset[str]:
        return frozenset(one["internetMessageId"].strip("<>") for one in self.box.post.messages.values() if not one["isRead"])

    def drafts(self) -> Sequence[StoredDraft]:
        trash = self.box.post.folder_id("deleteditems")
        return [
            StoredDraft(
                message_id=one["internetMessageId"].strip("<>"),
                is_sent=not one["isDraft"],
                to=tuple(to["emailAddress"]["address"] for to in one["toRecipients"]),
            )
            for id_, one in self.box.post.messages.items()
            if id_ in self.box.post.marks and one["parentFolderId"] != trash
        ]

    def edit_draft(self, saved: Saved) -> None:
        self.box.post.touch(saved.remote_id, body={"contentType": "text", "content": "Dear Eva!"})

    def move_draft(self, saved: Saved) -> None:
        self.box.post.move(saved.remote_id, "archive")

    def send_draft(self, saved: Saved) -> None:
        self.box.post.send(saved.remote_id)

    def delete_draft(self, saved: Saved) -> None:
        self.box.post.move(saved.remote_id, "deleteditems")

    # The owner's hands on the calendar

    def add_event(self, uid: str, *, title: str, description: str, start: datetime, end: datetime) -> None:
        agenda = self.box.agenda
        known = next((one["id"] for one in agenda.events.values() if one["iCalUId"] == uid), None)
        if known:
            agenda.touch(known, subject=title, start=moment(start), end=moment(end))
            return
        guest = {**recipient(EVA.email, EVA.name), "type": "required", "status": {"response": "accepted"}}
        agenda.add(
            start=start,
            end=end,
            iCalUId=uid,
            subject=title,
            body={"contentType": "html", "content": description},
            bodyPreview=description[:255],
            attendees=[guest],
        )

    def remove_event(self, uid: str) -> None:
        self.box.agenda.remove(next(one["id"] for one in self.box.agenda.events.values() if one["iCalUId"] == uid))

    def holds(self) -> Sequence[StoredHold]:
        agenda = self.box.agenda
        keys = {id_: one["transactionId"].removeprefix("rekindle-") for id_, one in agenda.events.items() if "transactionId" in one}
        for id_, key in keys.items():
            marks = [one["value"] for one in agenda.marks[id_] if one["id"] == PROPERTY]
            assert marks == ([] if agenda.events[id_]["attendees"] else [key]), "a hold carries its mark, an invite none"
        return [
            StoredHold(
                key=key,
                start=instant(agenda.events[id_]["start"]),
                attendees=len(agenda.events[id_]["attendees"]),
                has_organizer=not agenda.events[id_]["isOrganizer"],
                has_reminder=agenda.events[id_]["isReminderOn"],
                is_private=agenda.events[id_]["sensitivity"] == "private",
            )
            for id_, key in keys.items()
        ]

    def edit_hold(self, saved: Saved) -> None:
        self.box.agenda.touch(saved.remote_id, subject="✓ " + self.box.agenda.events[saved.remote_id]["subject"])

    def move_hold(self, saved: Saved, start: datetime, end: datetime) -> None:
        self.box.agenda.touch(saved.remote_id, start=moment(start), end=moment(end))

    def delete_hold(self, saved: Saved) -> None:
        self.box.agenda.remove(saved.remote_id)

    # The operator's

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        self.graph.expire_everything()
        return cursor

    def fail_next(self, failure: Failure) -> None:
        self.graph.fault(FAULTS[failure], times=2 if failure == "authorization" else 1)

    def lose_next_answer(self) -> None:
        self.graph.fault("lose", "POST", r"/(messages|events)$")


def calendar(world: MicrosoftWorld) -> Calendar:
    """Open the account's calendar anew."""
    found = world.open().calendar
    assert found is not None
    return found


def mailbox(world: MicrosoftWorld) -> Mailbox:
    """Open the account's mailbox anew."""
    found = world.open().mailbox
    assert found is not None
    return found
