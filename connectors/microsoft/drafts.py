"""Outlook drafts: made once, marked by an extended property no recipient sees, found again by delta and by that mark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from connectors.compose import compose
from connectors.microsoft.failures import NOT_FOUND, Refused
from connectors.microsoft.graph import Graph, Json
from connectors.microsoft.messages import moment
from connectors.microsoft.stood import ChangeLog, taken_at
from connectors.port import BEGINNING, Edited, Gone, Look, Moved, Rejected, Saved, Sent, Unclear, Untouched, Witness
from rules.facts import Address
from rules.suggestions import Draft

PROPERTY: Final = "String {6d2b0f5c-6a57-4d53-9a36-3f2c2e1f7a10} Name rekindleKey"
BY: Final = "String {6d2b0f5c-6a57-4d53-9a36-3f2c2e1f7a10} Name rekindleBy"
"""Says which installation made it."""
_SHAPE: Final = "id,changeKey,isDraft,parentFolderId,internetMessageId,createdDateTime,lastModifiedDateTime"
_SELECTED: Final = {"$select": _SHAPE}
_FOLDER: Final = "me/mailFolders/drafts/messages/delta"
_LAG: Final = timedelta(minutes=2)
"""How long a search may know nothing of a message yet."""
_AGAIN: Final = timedelta(seconds=30)
_MAKING: Final = timedelta(seconds=5)
"""What is changed later than this after it was made was changed by its owner: of a lost answer the change key is not known."""


class Drafts:
    """What Rekindle writes into one Outlook mailbox, under the writer's token."""

    def __init__(self, writer: Graph | None, installation: str) -> None:
        self._given_writer, self._installation = writer, installation

    @property
    def _writer(self) -> Graph:
        if self._given_writer is None:
            raise Rejected("This account may read only.", remedy="Run `rekindle connect microsoft` again and allow drafts.")
        return self._given_writer

    @property
    def _log(self) -> ChangeLog:
        return ChangeLog(graph=self._writer, path=_FOLDER, what="looking at the drafts")

    def witness(self) -> Witness:
        """Say where the drafts stand: when it was, the delta link of their folder, and what lies there."""
        return self._log.witness(_SELECTED)

    def save(self, draft: Draft, since: Witness) -> Saved | Sent | Edited | Moved | Gone | Unclear:
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

    def find(self, draft: Draft) -> Saved | None:
        """Take it up as we left it; one that is edited, moved, sent or thrown away is none."""
        found = self._searched(draft)
        return found if isinstance(found, Saved) else None

    def look(self, saved: Saved) -> Look:
        """Compare change keys; an immutable id stays with the message also when it is sent."""
        try:
            found = self._writer.get(f"me/messages/{saved.remote_id}", "looking at the draft", params={"$select": _SHAPE})
        except Refused:
            return Gone()
        if not found.get("isDraft"):
            return Sent()
        if found.get("parentFolderId") != saved.place:
            return Gone() if found.get("parentFolderId") == self._folder("deleteditems") else Moved()
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
        return self._writer.make(path, "saving the draft", given=given)

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

    def _earlier(self, draft: Draft, since: Witness) -> Saved | Sent | Edited | Moved | Gone | Unclear | None:
        """Find an earlier attempt among what has come into the drafts since, wherever it is now.

        What came and is nowhere any more was removed for good: perhaps ours, which only its last words in the log can tell.
        """
        came = self._log.since(since)
        if came is None:
            return self._searched_for(draft, since)
        marks = "$expand=singleValueExtendedProperties(" + quote(f"$filter=id eq '{PROPERTY}'") + ")"
        wanted = {str(one["id"]): f"me/messages/{one['id']}?$select={_SHAPE}&{marks}" for one in came}
        seen = self._writer.batch(wanted, "looking at the drafts") if wanted else {}
        ours = [one for one in seen.values() if _is_ours(one, draft)]
        if ours:
            return self._taken_up(ours)
        vanished = [one for one in came if str(one["id"]) not in seen]
        return Gone(is_sure=any(_is_ours(one, draft) for one in vanished)) if vanished else None

    def _searched_for(self, draft: Draft, since: Witness) -> Saved | Sent | Edited | Moved | Gone | Unclear | None:
        """Look where it may lie, the log being lost: among the drafts, where they go, and by a search, which may lag."""
        items, _ = self._log.read(_SELECTED)
        found = next((one for one in items if _is_ours(one, draft)), None)
        if found is not None:
            return Edited() if _is_edited(found) else _saved(found, is_adopted=True)
        searched = self._moved_on(draft) or self._searched(draft)
        is_early = self._writer.now() - taken_at(since) < _LAG
        return searched or (Unclear(retry_after=_AGAIN) if is_early else None)

    def _moved_on(self, draft: Draft) -> Sent | Gone | None:
        """Look where a draft goes that is sent or deleted; a folder's list does not lag as a search does."""
        params = {"$select": _SHAPE, "$orderby": "lastModifiedDateTime desc", "$top": "50"}
        for folder in ("sentitems", "deleteditems"):
            answer = self._writer.get(f"me/mailFolders/{folder}/messages", "looking for the draft", params=params)
            if ours := [one for one in answer.get("value", ()) if _is_ours(one, draft)]:
                return _ended(ours)
        return None

    def _searched(self, draft: Draft) -> Saved | Sent | Edited | Moved | Gone | None:
        key = f"singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and ep/value eq '{draft.key}')"
        for condition in (key, f"internetMessageId eq '{_quoted(f'<{draft.message_id}>')}'"):
            found = list(self._writer.pages("me/messages", "searching drafts", params={"$filter": condition, "$select": _SHAPE}))
            if found:
                return self._taken_up(found)
        return None

    def _taken_up(self, found: Sequence[Json]) -> Saved | Sent | Edited | Moved | Gone:
        """Adopt a draft that was found, unless the owner has edited it, moved it, sent it or thrown it away."""
        trash = self._folder("deleteditems")
        drafts = [one for one in found if one.get("isDraft") and one.get("parentFolderId") != trash]
        if not drafts:
            return _ended(found)
        if _is_edited(drafts[0]):
            return Edited()
        is_there = drafts[0].get("parentFolderId") == self._folder("drafts")
        return _saved(drafts[0], is_adopted=True) if is_there else Moved()

    def _folder(self, name: str) -> str:
        return str(self._writer.get(f"me/mailFolders/{name}", "finding a folder", params={"$select": "id"}).get("id", ""))


def _ended(found: Sequence[Json]) -> Sent | Gone:
    """Say what the owner did with ours, found where no draft waits to be sent."""
    return Gone() if all(one.get("isDraft") for one in found) else Sent()


def _is_edited(item: Json) -> bool:
    made, changed = moment(item.get("createdDateTime")), moment(item.get("lastModifiedDateTime"))
    return made is not None and changed is not None and changed - made > _MAKING


def _is_ours(item: Json, draft: Draft) -> bool:
    """Know ours by its Message-ID, or by its mark where Exchange has given it another."""
    if "@removed" in item:
        return False
    marks = {str(one.get("value", "")).lower() for one in item.get("singleValueExtendedProperties", ())}
    return draft.key in marks or str(item.get("internetMessageId") or "").strip("<>") == draft.message_id


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
