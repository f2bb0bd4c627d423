"""Gmail drafts: made once under gmail.compose, found again through history, left to the owner and never replaced.

Gmail has no key of its own for a draft. The witness is a history id taken before the attempt: replayed from there,
history shows what was added since, also what the owner has edited or sent meanwhile, and does not lag as search does.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from email.utils import getaddresses
from typing import Any, Final

from connectors.compose import compose
from connectors.google.failures import Refused
from connectors.google.messages import header, message_id_of, received_at
from connectors.google.reading import Reading
from connectors.google.transport import Json, Service
from connectors.port import BEGINNING, CursorExpired, Edited, Gone, Look, Rejected, Saved, Sent, Unclear, Untouched, Witness
from rules.suggestions import Draft

_SEARCH_LAG: Final = timedelta(seconds=60)
_SHAPE: Final = "id,message(id,threadId,labelIds)"
_IDENTITY: Final = ("Message-ID", "To", "Subject")
_SENT_LOOKED_AT: Final = 50
"""Sent messages looked through where neither history nor search tells of an earlier attempt."""


class Drafts:
    """What Rekindle writes into one Gmail mailbox."""

    def __init__(self, reading: Reading, writer: Service | None) -> None:
        self._reading, self._given_writer = reading, writer

    @property
    def _writer(self) -> Service:
        if self._given_writer is None:
            raise Rejected("This account may read only.", remedy="Run `rekindle connect google` again and allow drafts.")
        return self._given_writer

    def save(self, draft: Draft, since: Witness) -> Saved | Sent | Edited | Gone | Unclear:
        """Adopt what an attempt after the witness made, accept what the owner did with it, else create it."""
        earlier = self._earlier(draft, since)
        if earlier is not None:
            return earlier
        if draft.thread_id and any("DRAFT" in labels for _, labels in self._reading.labels_in(draft.thread_id)):
            raise Rejected(
                "You already have a draft in this conversation.",
                remedy="Finish or delete it; Rekindle leaves the conversation to you.",
            )
        return self._created(draft)

    def look(self, saved: Saved) -> Look:
        """Compare message ids: Gmail gives a draft a new one with every edit, and takes the draft away when it is sent."""
        self._reading.pay("drafts.get")
        request = self._drafts().get(userId="me", id=saved.remote_id, format="minimal", fields=_SHAPE)
        try:
            found = self._writer.call(request, "looking at the draft")
        except Refused:
            return self._without_draft(saved)
        return Untouched() if found["message"]["id"] == saved.version else Edited()

    def withdraw(self, saved: Saved) -> Look:
        """Delete it if it is Untouched."""
        seen = self.look(saved)
        if isinstance(seen, Untouched) and not self._deleted(saved.remote_id):
            return self._without_draft(saved)
        return seen

    def _created(self, draft: Draft) -> Saved:
        """Create it in one call that nothing repeats; one that Gmail puts outside the conversation is taken back."""
        raw = urlsafe_b64encode(compose(draft)).decode()
        message = {"raw": raw} | ({"threadId": draft.thread_id} if draft.thread_id else {})
        self._reading.pay("drafts.create")
        request = self._drafts().create(userId="me", body={"message": message}, fields=_SHAPE)
        try:
            made = _saved(self._writer.call(request, "saving the draft"), is_adopted=False)
        except Refused as error:
            raise Rejected(
                f"Google refused the draft ({error.status} {error.reason}).", remedy="The conversation may be gone."
            ) from error
        if draft.thread_id and made.place != draft.thread_id:
            self._deleted(made.remote_id)
            raise Rejected("Google put the reply outside its conversation.", remedy="Nothing was kept; answer it by hand.")
        return made

    def _deleted(self, draft_id: str) -> bool:
        self._reading.pay("drafts.delete")
        try:
            self._writer.call(self._drafts().delete(userId="me", id=draft_id), "withdrawing the draft")
        except Refused:
            return False
        return True

    def _earlier(self, draft: Draft, since: Witness) -> Saved | Sent | Edited | Gone | Unclear | None:
        """Find an earlier attempt: in history since the witness, else by search; None = there was none."""
        if since == BEGINNING:
            return self._searched(draft)
        history, taken = json.loads(since)
        try:
            candidates = list(self._added_since(history))
        except CursorExpired:
            return self._searched(draft) or self._waiting(taken)
        messages = [self._reading.metadata(candidate, _IDENTITY) for candidate in candidates]
        there = [message for message in messages if message is not None]
        if ours := next((message for message in there if message_id_of(message) == draft.message_id), None):
            return self._adopted(ours)
        return _fate(there, draft) if len(there) < len(messages) else None

    def _waiting(self, taken: str) -> Unclear | None:
        """Trust a search that finds nothing only when the attempt is older than search may lag."""
        now = self._reading.server_time
        if not taken or now is None:
            return Unclear(retry_after=_SEARCH_LAG)
        left = datetime.fromisoformat(taken) + _SEARCH_LAG - now
        return Unclear(retry_after=left) if left > timedelta() else None

    def _added_since(self, history: str) -> Iterator[str]:
        """List drafts and sent mail added since, oldest first. Raises CursorExpired."""
        page: str | None = None
        found: dict[str, None] = {}
        while True:
            answer = self._reading.history(history, page)
            for entry in answer.get("history", ()):
                for added in (*entry.get("messagesAdded", ()), *entry.get("labelsAdded", ())):
                    if {"DRAFT", "SENT"} & {*added.get("labelIds", ()), *added["message"].get("labelIds", ())}:
                        found[added["message"]["id"]] = None
            page = answer.get("nextPageToken")
            if page is None:
                return iter(found)

    def _adopted(self, message: Json) -> Saved | Sent | Gone | Unclear:
        """Take over a message of ours: as a draft while it is one; sent or thrown away is what the owner did with it."""
        labels = message.get("labelIds", ())
        if "SENT" in labels:
            return Sent()
        if "DRAFT" not in labels or "TRASH" in labels:
            return Gone()
        found = next((one for one in self._all() if one["message"]["id"] == message["id"]), None)
        return _saved(found, is_adopted=True) if found is not None else Unclear(retry_after=timedelta(seconds=10))

    def _all(self) -> Iterator[Json]:
        page: str | None = None
        while True:
            self._reading.pay("drafts.list")
            shape = "nextPageToken,drafts(id,message(id,threadId))"
            request = self._drafts().list(userId="me", maxResults=500, pageToken=page, fields=shape)
            answer = self._writer.call(request, "listing drafts")
            yield from answer.get("drafts", ())
            page = answer.get("nextPageToken")
            if page is None:
                return

    def _searched(self, draft: Draft) -> Saved | Sent | None:
        """Search drafts by Message-ID (works under gmail.compose, may lag), then look through the latest sent mail."""
        self._reading.pay("drafts.list")
        request = self._drafts().list(userId="me", q=f"rfc822msgid:{draft.message_id}", fields="drafts(id,message(id,threadId))")
        found = self._writer.call(request, "searching drafts").get("drafts", ())
        if found:
            return _saved(found[0], is_adopted=True)
        return Sent() if self._is_sent(draft) else None

    def _is_sent(self, draft: Draft) -> bool:
        """Tell whether the owner has sent it: the Message-ID may be another then, the recipients and the subject are not."""
        ids, _ = self._reading.listing("", label="SENT", size=_SENT_LOOKED_AT)
        for one in ids:
            message = self._reading.metadata(one, _IDENTITY)
            if message is None:
                continue
            received = received_at(message)
            if received is not None and received < draft.date - timedelta(days=1):
                return False
            if message_id_of(message) == draft.message_id or _is_like(message, draft):
                return True
        return False

    def _without_draft(self, saved: Saved) -> Look:
        """Decide by its conversation what became of a draft that is gone: sent and edited messages have other, later ids."""
        ours = (len(saved.version), saved.version)  # message ids are hexadecimal and rise
        later = [labels for one, labels in self._reading.labels_in(saved.place) if (len(one), one) >= ours]
        if any("SENT" in labels for labels in later):
            return Sent()
        return Edited() if any("DRAFT" in labels and "TRASH" not in labels for labels in later) else Gone()

    def _drafts(self) -> Any:  # noqa: ANN401 - googleapiclient has no types
        return self._writer.api.users().drafts()


def _fate(there: Sequence[Json], draft: Draft) -> Sent | Edited | Gone:
    """Say what became of a draft where one that came since the witness has vanished: ours, or another's, nobody can tell.

    Gmail puts a new message in the place of one that is edited or sent; where none of these is like ours, it is not made
    again all the same: it could be a second one.
    """
    for message in there:
        labels = message.get("labelIds", ())
        if "SENT" in labels and _is_like(message, draft):
            return Sent()
        if "DRAFT" in labels and "TRASH" not in labels and _is_for(message, draft):
            return Edited()
    return Gone(is_sure=False)


def _is_like(message: Json, draft: Draft) -> bool:
    """Tell whether it says the same to everyone the draft is for; its owner may have sent it to somebody else as well."""
    return header(message, "Subject") == draft.subject and _written_to(message).issuperset(_whom(draft))


def _is_for(message: Json, draft: Draft) -> bool:
    return _written_to(message) == _whom(draft)


def _written_to(message: Json) -> set[str]:
    return {email.lower() for _, email in getaddresses([header(message, "To")])}


def _whom(draft: Draft) -> set[str]:
    return {one.email.lower() for one in draft.to}


def _saved(draft: Json, *, is_adopted: bool) -> Saved:
    message = draft["message"]
    return Saved(remote_id=draft["id"], version=message["id"], place=message.get("threadId", ""), is_adopted=is_adopted)
