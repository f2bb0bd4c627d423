"""Outlook drafts: made once, marked by an extended property no recipient sees, found again by delta and by that mark."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Final

from connectors.compose import compose
from connectors.microsoft.failures import NOT_FOUND, Refused
from connectors.microsoft.graph import Graph, Json
from connectors.port import BEGINNING, Edited, Gone, Look, Moved, Rejected, Saved, Sent, Unclear, Untouched, Witness
from rules.facts import Address
from rules.suggestions import Draft

PROPERTY: Final = "String {6d2b0f5c-6a57-4d53-9a36-3f2c2e1f7a10} Name rekindleKey"
BY: Final = "String {6d2b0f5c-6a57-4d53-9a36-3f2c2e1f7a10} Name rekindleBy"
"""Says which installation made it."""
_SHAPE: Final = "id,changeKey,isDraft,parentFolderId,internetMessageId"
_FOLDER: Final = "me/mailFolders/drafts/messages/delta"
_LAG: Final = timedelta(minutes=2)
"""How long a search may know nothing of a message yet."""
_AGAIN: Final = timedelta(seconds=30)


class Drafts:
    """What Rekindle writes into one Outlook mailbox, under the writer's token."""

    def __init__(self, writer: Graph | None, installation: str) -> None:
        self._given_writer, self._installation = writer, installation

    @property
    def _writer(self) -> Graph:
        if self._given_writer is None:
            raise Rejected("This account may read only.", remedy="Run `rekindle connect microsoft` again and allow drafts.")
        return self._given_writer

    def witness(self) -> Witness:
        """Say where the drafts stand: when it was, and the delta link of their folder."""
        link = self._replayed("")[1]
        return Witness(json.dumps([self._writer.now().isoformat(), link]))

    def save(self, draft: Draft, since: Witness) -> Saved | Gone | Unclear:
        """Adopt what an attempt after the witness made, accept what the owner did with it, else create it with one POST."""
        earlier = self._searched(draft) if since == BEGINNING else self._earlier(draft, since)
        if earlier is not None:
            return earlier
        if not draft.in_reply_to:
            return _saved(self._made("me/messages", self._message(draft)), is_adopted=False)
        try:
            return _saved(self._made("me/messages", b64encode(compose(draft))), is_adopted=False)
        except Rejected:  # a server that takes no MIME here
            return self._reply(draft)

    def look(self, saved: Saved) -> Look:
        """Compare change keys; an immutable id stays with the message also when it is sent."""
        try:
            found = self._writer.get(f"me/messages/{saved.remote_id}", "looking at the draft", params={"$select": _SHAPE})
        except Refused:
            return Gone()
        if not found.get("isDraft"):
            return Sent()
        if found.get("parentFolderId") != saved.place:
            return Gone() if found.get("parentFolderId") == self._trash() else Moved()
        return Untouched() if found.get("changeKey") == saved.version else Edited()

    def withdraw(self, saved: Saved) -> Look:
        """Delete it if it is Untouched; the change key goes along, so that a change in between stops it."""
        seen = self.look(saved)
        if not isinstance(seen, Untouched):
            return seen
        try:
            self._writer.ask("DELETE", f"me/messages/{saved.remote_id}", "withdrawing the draft", if_match=f'W/"{saved.version}"')
        except Refused as error:
            return Gone() if error.status == NOT_FOUND else self.look(saved)
        return seen

    def _made(self, path: str, given: Json | bytes) -> Json:
        return self._writer.ask("POST", path, "saving the draft", given=given)

    def _message(self, draft: Draft) -> Json:
        return _message(draft, self._installation)

    def _reply(self, draft: Draft) -> Saved:
        """Have Graph make the reply; mark and text go along in the same call, and the quote it answers with is dropped unread."""
        condition = f"internetMessageId eq '{_quoted(f'<{draft.in_reply_to}>')}'"
        found = list(
            self._writer.pages("me/messages", "finding what is answered", params={"$filter": condition, "$select": _SHAPE})
        )
        if not found:
            return _saved(self._made("me/messages", self._message(draft)), is_adopted=False)
        made = self._made(f"me/messages/{found[0]['id']}/createReply", {"message": self._message(draft)})
        return _saved(made, is_adopted=False)

    def _earlier(self, draft: Draft, since: Witness) -> Saved | Gone | Unclear | None:
        """Find an earlier attempt by replaying the drafts' delta, then by our mark and Message-ID over the whole mailbox."""
        at, link = json.loads(since)
        try:
            items = self._replayed(link)[0]
        except Refused:
            items = [*self._replayed("")[0], {"@removed": {}}]  # the link is lost: anything may have been
        found = next((one for one in items if _is_ours(one, draft)), None)
        if found is not None:
            return _saved(found, is_adopted=True)
        if not any("@removed" in one for one in items):
            return None
        searched = self._moved_on(draft) or self._searched(draft)
        is_early = self._writer.now() - datetime.fromisoformat(at) < _LAG
        return searched or (Unclear(retry_after=_AGAIN) if is_early else None)

    def _moved_on(self, draft: Draft) -> Gone | None:
        """Look where a draft goes that is sent or deleted; a folder's list does not lag as a search does."""
        params = {"$select": _SHAPE, "$orderby": "lastModifiedDateTime desc", "$top": "50"}
        for folder in ("sentitems", "deleteditems"):
            answer = self._writer.get(f"me/mailFolders/{folder}/messages", "looking for the draft", params=params)
            if any(_is_ours(one, draft) for one in answer.get("value", ())):
                return Gone()
        return None

    def _searched(self, draft: Draft) -> Saved | Gone | None:
        key = f"singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and ep/value eq '{draft.key}')"
        for condition in (key, f"internetMessageId eq '{_quoted(f'<{draft.message_id}>')}'"):
            found = list(self._writer.pages("me/messages", "searching drafts", params={"$filter": condition, "$select": _SHAPE}))
            if found:
                trash = self._trash()
                drafts = [one for one in found if one.get("isDraft") and one.get("parentFolderId") != trash]
                return _saved(drafts[0], is_adopted=True) if drafts else Gone()
        return None

    def _replayed(self, link: str) -> tuple[list[Json], str]:
        """Read the drafts' delta to its end; gives its items and the link to go on from."""
        answer = self._writer.get(link or _FOLDER, "looking at the drafts", params=None if link else {"$select": _SHAPE})
        items: list[Json] = []
        while True:
            items += answer.get("value", ())
            following = answer.get("@odata.nextLink")
            if not following:
                return items, str(answer.get("@odata.deltaLink", ""))
            answer = self._writer.get(following, "looking at the drafts")

    def _trash(self) -> str:
        return str(self._writer.get("me/mailFolders/deleteditems", "finding the trash", params={"$select": "id"}).get("id", ""))


def _is_ours(item: Json, draft: Draft) -> bool:
    return "@removed" not in item and str(item.get("internetMessageId") or "").strip("<>") == draft.message_id


def _quoted(text: str) -> str:
    """Write a text into a filter: apostrophes doubled (OData 4.01 ABNF); requests encodes the rest."""
    return text.replace("'", "''")


def _saved(message: Json, *, is_adopted: bool) -> Saved:
    return Saved(
        remote_id=message["id"],
        version=message.get("changeKey", ""),
        place=message.get("parentFolderId", ""),
        is_adopted=is_adopted,
    )


def marks(key: str, installation: str) -> list[Json]:
    """Write our mark: whose suggestion it is, and which installation made it."""
    by = [{"id": BY, "value": installation}] if installation else []
    return [{"id": PROPERTY, "value": key}, *by]


def _message(draft: Draft, installation: str) -> Json:
    said: Json = {
        "subject": draft.subject,
        "internetMessageId": f"<{draft.message_id}>",
        "from": _recipient(draft.from_),
        "toRecipients": [_recipient(one) for one in draft.to],
        "ccRecipients": [_recipient(one) for one in draft.cc],
        "body": {"contentType": "html" if draft.html else "text", "content": draft.html or draft.text},
        "singleValueExtendedProperties": marks(draft.key, installation),
    }
    return {**said, "attachments": [_invitation(draft)]} if draft.calendar else said


def _invitation(draft: Draft) -> Json:
    """Attach the invitation the draft carries, as mail carries one (RFC 6047)."""
    return {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "invite.ics",
        "contentType": "text/calendar; charset=utf-8; method=REQUEST",
        "contentBytes": b64encode(draft.calendar.encode()).decode(),
    }


def _recipient(address: Address) -> Json:
    return {"emailAddress": {"address": address.email, "name": address.name} if address.name else {"address": address.email}}
