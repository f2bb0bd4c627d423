"""Gmail's reading calls: profile, list, history and headers in batches, each paid for before it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connectors import mime
from connectors.google.failures import Refused
from connectors.google.lanes import WAVE, Lanes, Outcome
from connectors.google.messages import FIELDS, HEADERS, fact, received_at
from connectors.google.spending import Spending
from connectors.google.transport import BATCH, Json, Service
from connectors.http import LARGEST, TooLarge
from connectors.port import AuthorizationExpired, CursorExpired, RateLimited, Rejected, Skipped, Unavailable
from rules.facts import MessageMetadata

LIST_PAGE: Final = 500
_HISTORY: Final = ["messageAdded", "messageDeleted", "labelAdded", "labelRemoved"]
_HISTORY_FIELDS: Final = (
    "nextPageToken,historyId,history(id,messagesAdded/message(id,labelIds),messagesDeleted/message/id,"
    "labelsAdded(message/id,labelIds),labelsRemoved(message/id,labelIds))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Whose mailbox it is, where its history stands, and how many messages it holds."""

    email: str
    history: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What one wave of batches gave."""

    facts: tuple[MessageMetadata, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    newest: datetime | None = None
    """When Google took the newest of them."""
    owed: tuple[str, ...] = ()
    """What Google throttled, to be asked for again after a while."""
    held_back: RateLimited | None = None
    """How long that is; to be raised once the rest is committed."""


class Reading:
    """One mailbox under the reader token."""

    def __init__(self, service: Service, spending: Spending, another: Callable[[], Service]) -> None:
        """Take the service, and what opens another for batches that run beside each other."""
        self._service, self._spending = service, spending
        self._lanes = Lanes(service, another)
        self.pay = spending.gmail

    @property
    def server_time(self) -> datetime | None:
        """Google's clock at its last answer."""
        return self._service.wire.server_time

    def profile(self) -> Profile:
        """Ask for the profile; one unit."""
        self.pay("getProfile")
        request = self._users().getProfile(userId="me", fields="emailAddress,historyId,messagesTotal")
        found = self._service.call(request, "your profile")
        return Profile(email=str(found["emailAddress"]), history=str(found["historyId"]), total=int(found.get("messagesTotal", 0)))

    def listing(self, page: str, *, label: str = "", size: int = 0) -> tuple[list[str], str | None]:
        """List message ids newest first, `size` at most (0 = a whole page); raises CursorExpired where the page is no longer known."""
        self.pay("messages.list")
        labels = {"labelIds": [label]} if label else {}
        request = (
            self._users()
            .messages()
            .list(userId="me", maxResults=size or LIST_PAGE, pageToken=page or None, fields="messages/id,nextPageToken", **labels)
        )
        try:
            answer = self._service.call(request, "listing mail")
        except Refused as error:
            raise CursorExpired("Google no longer knows where the first read was left.") from error
        return [one["id"] for one in answer.get("messages", ())], answer.get("nextPageToken")

    def history(self, start: str, page: str | None) -> Json:
        """Ask what happened since; two units. Raises CursorExpired."""
        self.pay("history.list")
        request = (
            self._users()
            .history()
            .list(
                userId="me",
                startHistoryId=start,
                maxResults=LIST_PAGE,
                pageToken=page,
                historyTypes=_HISTORY,
                fields=_HISTORY_FIELDS,
            )
        )
        try:
            return self._service.call(request, "following the mailbox")
        except Refused as error:
            raise CursorExpired("Google no longer knows where we were in the mailbox.") from error

    def afford(self, wanted: int) -> int:
        """Pay for up to a wave of reads, batch by batch: who cannot pay waits for one batch only. Raises RateLimited."""
        paid = self.pay("messages.get", min(wanted, BATCH))
        while paid % BATCH == 0 and paid < min(wanted, WAVE):
            try:
                paid += self.pay("messages.get", min(wanted - paid, BATCH))
            except RateLimited:
                break
        return paid

    def headers(self, ids: Sequence[str]) -> Headers:
        """Read the headers of messages that are paid for; ids that are gone meanwhile are no loss.

        What failed inside a batch is paid for and asked for once more, what was throttled there is owed. Raises RateLimited,
        Unavailable, AuthorizationExpired: then none of them counts as read.
        """
        found, failed = self._given(list(ids))
        facts: list[MessageMetadata] = []
        skipped = [Skipped(remote_id=one, reason=_reason(error)) for one, error in failed.items() if isinstance(error, Rejected)]
        throttled = {one: error for one, error in failed.items() if isinstance(error, RateLimited)}
        for answer in found.values():
            try:
                facts.append(fact(answer))
            except mime.Unreadable as error:
                skipped.append(Skipped(remote_id=answer["id"], reason=str(error)))
        newest = max(filter(None, map(received_at, found.values())), default=None)
        return Headers(
            facts=tuple(facts),
            skipped=tuple(skipped),
            newest=newest,
            owed=tuple(one for one in ids if one in throttled),
            held_back=max(throttled.values(), key=lambda error: error.retry_after, default=None),
        )

    def _given(self, ids: list[str]) -> Outcome:
        if not ids:
            return {}, {}
        found, failed = self._lanes.run(ids, _headers, "reading headers")
        again = [one for one, error in failed.items() if isinstance(error, Unavailable)]
        if again:
            if self.pay("messages.get", len(again)) < len(again):
                raise failed[again[0]]
            more, failed_again = self._lanes.run(again, _headers, "reading headers")
            found |= more
            failed = {**{one: error for one, error in failed.items() if one not in again}, **failed_again}
        for error in failed.values():
            if isinstance(error, Unavailable | AuthorizationExpired):
                raise error
        return {one: found[one] for one in ids if one in found}, failed

    def metadata(self, message: str, names: Sequence[str]) -> Json | None:
        """Read named headers of one message; None where it is gone."""
        self.pay("messages.get")
        request = self._messages().get(
            userId="me", id=message, format="metadata", metadataHeaders=list(names), fields=FIELDS.replace("sizeEstimate,", "")
        )
        try:
            return self._service.call(request, "reading headers")
        except Refused:
            return None

    def labels_in(self, thread: str) -> list[tuple[str, set[str]]]:
        """List the messages of a conversation with their labels, oldest first; empty where it is gone."""
        self.pay("threads.get")
        request = self._users().threads().get(userId="me", id=thread, format="minimal", fields="messages(id,labelIds)")
        try:
            messages = self._service.call(request, "looking at the conversation").get("messages", ())
        except Refused:
            return []
        return [(one["id"], set(one.get("labelIds", ()))) for one in messages]

    def _messages(self) -> Any:  # noqa: ANN401 - googleapiclient has no types
        return self._users().messages()

    def _users(self) -> Any:  # noqa: ANN401 - as above
        return self._service.api.users()


def _reason(error: Rejected) -> str:
    if isinstance(error, TooLarge):
        return f"A message was left out: its header is larger than {LARGEST >> 20} MB."
    return "Google does not give this message"


def _headers(api: Any) -> Callable[[str], object]:  # noqa: ANN401 - as above
    messages = api.users().messages()  # the library makes it anew each time it is asked for, which takes longer than the rest
    return lambda one: messages.get(userId="me", id=one, format="metadata", metadataHeaders=list(HEADERS), fields=FIELDS)
