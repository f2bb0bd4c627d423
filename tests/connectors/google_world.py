"""A Google account on the simulator, as its owner and its operator see it: what contract and Google's own tests stand on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime, getaddresses
from typing import Any

from connectors import google as connector
from connectors.account import Account, Quota, Setting
from connectors.google import signin
from connectors.port import Connection, Cursor, Saved
from rules.facts import Address
from tests.connectors.contract_world import EVA, ME, Ability, Failure, StoredDraft, StoredHold
from tests.simulators.google.exchange import Clock
from tests.simulators.google.gmail import Mail
from tests.simulators.google.oauth import CLIENT
from tests.simulators.google.server import Google
from tests.simulators.google.serving import served

FAILURES: Mapping[Failure, tuple[str, int]] = {
    "authorization": ("401", 2),
    "rate": ("429 seconds 30", 1),
    "unavailable": ("502 html", 1),
    "rejected": ("403 insufficientPermissions", 1),
}


class Sealed:
    """Secrets of an account, in memory."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self.words.get(name)

    def put(self, name: str, value: str) -> None:
        self.words[name] = value

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        yield


def sign_in(google: Google, secrets: Any, email: str, access: signin.Access = "drafts") -> None:  # noqa: ANN401 - any Secrets
    """Give an account its two least tokens, without a consent page."""
    for role in signin.roles(access):
        token = google.oauth.issue(email, frozenset(signin.scopes(role, access)))
        signin.keep(secrets, role, token, client_id=CLIENT[0], client_secret=CLIENT[1])


def settings(root: str, **more: Setting) -> dict[str, Setting]:
    """Point every address of Google at the simulator."""
    here: dict[str, Setting] = {"gmail_root": f"{root}/", "calendar_root": f"{root}/", "pubsub_root": f"{root}/"}
    return here | {"token_uri": f"{root}/token", "auth_uri": f"{root}/auth"} | more


class GoogleWorld:
    """One account at Google; satisfies the contract's World."""

    cannot: Mapping[Ability, str] = {"move_draft": "Gmail's drafts lie in no folder"}

    def __init__(self, google: Google, root: str, email: str = ME.email, quota: Quota | None = None) -> None:
        self.google, self.root, self.email = google, root, email
        self.mail = google.add(email)
        self.diary = google.calendars[email]
        self.secrets = Sealed()
        sign_in(google, self.secrets, email)
        self.account = Account(
            id="ada/work",
            settings=settings(root),
            secrets=self.secrets,
            zone="Europe/Berlin",
            addresses=(Address(email=email, name="Ada Owner"),),
            quota=quota,
        )

    def open(self, **more: Setting) -> Connection:
        return connector.open(replace(self.account, settings={**self.account.settings, **more}))

    # Mail

    def add_mail(self, message_id: str, *, subject: str, body: str, at: datetime) -> None:
        self.letter(message_id, subject=subject, body=body, at=at)

    def letter(self, message_id: str, *, subject: str = "About", body: str = "words", at: datetime, **more: Any) -> Mail:  # noqa: ANN401 - as Mailbox.receive
        headers = [
            ("From", f"{EVA.name} <{EVA.email}>"), ("To", self.email), ("Subject", subject), ("Message-ID", f"<{message_id}>"),
            ("Date", format_datetime(at)), ("Received", "from somewhere"),
        ]  # fmt: skip
        return self.mail.receive(headers, body, at=at, **more)

    def remove_mail(self, message_id: str) -> None:
        self.mail.remove(next(one.id for one in self.mail.mails.values() if one.message_id == message_id))

    def unread(self) -> frozenset[str]:
        return frozenset(one.message_id for one in self.mail.mails.values() if {"UNREAD", "INBOX"} <= one.labels)

    def drafts(self) -> Sequence[StoredDraft]:
        ours = [one for one in self.mail.mails.values() if one.labels & {"DRAFT", "SENT"}]
        return [
            StoredDraft(
                message_id=one.message_id,
                is_sent="SENT" in one.labels,
                to=tuple(address for _, address in getaddresses([one.header("To")])),
            )
            for one in ours
        ]

    def edit_draft(self, saved: Saved) -> None:
        self.mail.edit_draft(saved.remote_id)

    def move_draft(self, saved: Saved) -> None:
        raise NotImplementedError("Gmail's drafts lie in no folder")

    def send_draft(self, saved: Saved) -> None:
        self.mail.send_draft(saved.remote_id)

    def delete_draft(self, saved: Saved) -> None:
        self.mail.remove(self.mail.drafts[saved.remote_id])

    # Calendar

    def add_event(self, uid: str, *, title: str, description: str, start: datetime, end: datetime) -> None:
        known = [one for one in self.diary.calendars[self.email].events.values() if one.get("iCalUID") == uid]
        event = {
            "iCalUID": uid,
            "summary": title,
            "description": description,
            "start": {"dateTime": start.isoformat(), "timeZone": "Europe/Berlin"},
            "end": {"dateTime": end.isoformat(), "timeZone": "Europe/Berlin"},
            "attendees": [
                {"email": self.email, "self": True, "organizer": True, "responseStatus": "accepted"},
                {"email": EVA.email, "displayName": EVA.name, "responseStatus": "accepted"},
            ],
        }
        self.diary.put(event | ({"id": known[0]["id"]} if known else {}))

    def remove_event(self, uid: str) -> None:
        self.diary.cancel(self.diary.uid(uid)["id"])

    def holds(self) -> Sequence[StoredHold]:
        found = [one for home in self.diary.calendars.values() for one in home.events.values()]
        return [
            StoredHold(
                key=one.get("extendedProperties", {}).get("private", {}).get("rekindleKey", one["id"]),
                start=datetime.fromisoformat(one["start"]["dateTime"]),
                attendees=len(one.get("attendees", ())),
                has_organizer=not one["organizer"].get("self", False),
                has_reminder=one.get("reminders", {}).get("useDefault", True) and not one.get("attendees"),
                is_private=one.get("visibility") == "private",
            )
            for one in found
            if one["status"] != "cancelled" and len(one["id"]) == 26 and not one["id"].startswith("ev0")
        ]

    def edit_hold(self, saved: Saved) -> None:
        self.diary.put({"id": saved.remote_id, "summary": "✓ done"})

    def move_hold(self, saved: Saved, start: datetime, end: datetime) -> None:
        self.diary.put({"id": saved.remote_id, "start": {"dateTime": start.isoformat()}, "end": {"dateTime": end.isoformat()}})

    def delete_hold(self, saved: Saved) -> None:
        self.diary.cancel(saved.remote_id)

    # Faults

    def expire_cursor(self, cursor: Cursor) -> Cursor:
        self.mail.forget_history()
        self.diary.expire_tokens()
        return cursor if isinstance(json.loads(cursor), dict) else Cursor(json.dumps(["1", None, "", 0]))

    def fail_next(self, failure: Failure) -> None:
        kind, times = FAILURES[failure]
        self.google.fail(kind, times=times)

    def lose_next_answer(self) -> None:
        self.google.fail("commit then drop", "gmail.users.drafts.create")
        self.google.fail("commit then drop", "calendar.events.insert")


@contextmanager
def google_world(clock: Clock | None = None) -> Iterator[GoogleWorld]:
    """Serve a Google with one account; at the end nothing may have been complained of, and no mail may have left."""
    google = Google(clock)
    with served(google) as root:
        world = GoogleWorld(google, root)
        yield world
    assert google.complaints == [], "\n".join(google.complaints)
    assert [one for mailbox in google.mail.values() for one in mailbox.sent] == []
