"""Outlook mail: one delta per folder, newest first; one batch tells folders, roles and whether anything changed at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from connectors import mime
from connectors.microsoft.drafts import Drafts
from connectors.microsoft.graph import Graph, Json, Refused
from connectors.microsoft.messages import SELECT, fact, moment
from connectors.port import Changes, Cursor, CursorExpired, Feed, Gone, Look, Saved, Skipped, Unclear, Witness
from rules.facts import Address, MessageMetadata
from rules.suggestions import Draft

PAGE: Final = 250
"""Messages in one answer."""
FOLDERS: Final = "me/mailFolders/delta?$select=id,displayName,totalItemCount,unreadItemCount"
NEWEST: Final = "me/messages?$top=1&$orderby=lastModifiedDateTime%20desc&$select=id,lastModifiedDateTime"
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_KNOWN: Mapping[str, str] = {
    "inbox": "\\Inbox",
    "sentitems": "\\Sent",
    "drafts": "\\Drafts",
    "deleteditems": "\\Trash",
    "junkemail": "\\Junk",
    "archive": "\\Archive",
}
_UNREAD = frozenset({"\\Drafts", "\\Trash", "\\Junk", "hidden"})
_HIDDEN = ("outbox", "conversationhistory", "syncissues", "recoverableitemsdeletions", "searchfolders")
_FIRST = "first "
"""Begins the cursors of a first read: what it finds removed was never reported."""


class OutlookMailbox:
    """Mail of one Microsoft 365 account; satisfies `connectors.port.Mailbox`."""

    def __init__(self, reader: Graph, writer: Graph | None, installation: str = "") -> None:
        self._reader, self._drafts = reader, Drafts(writer, installation)
        self._asked: set[str] = set()

    def addresses(self) -> Sequence[Address]:
        """List the owner's addresses as the profile has them."""
        me = self._reader.get("me", "asking who you are", params={"$select": "mail,displayName,otherMails,userPrincipalName"})
        said = [me.get("mail") or me.get("userPrincipalName") or "", *(me.get("otherMails") or ())]
        return [Address(email=one, name=str(me.get("displayName") or "")) for one in dict.fromkeys(said) if "@" in one]

    def feeds(self) -> Sequence[Feed]:
        """List every folder but drafts, junk and trash, with one call.

        The hint is the folder's counts and the mailbox's last change: arriving, moving and editing alter that, deleting the counts.
        """
        roles = {f"role {name}": f"me/mailFolders/{name}?$select=id" for name in (*_KNOWN, *_HIDDEN)}
        found = self._reader.batch({"folders": FOLDERS, "newest": NEWEST, **roles}, "listing folders")
        by_id = {answer["id"]: _KNOWN.get(name[5:], "hidden") for name, answer in found.items() if name in roles}
        newest = [f"{one['id']} {one.get('lastModifiedDateTime', '')}" for one in found.get("newest", {}).get("value", ())]
        feeds = [
            _feed(one, by_id.get(one["id"], ""), " ".join(newest))
            for one in self._folders(found.get("folders", {}))
            if "@removed" not in one and by_id.get(one["id"]) not in _UNREAD
        ]
        return sorted(feeds, key=lambda feed: (feed.role not in ("\\Sent", "\\Inbox"), feed.id))

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        """Yield delta pages; each page's link is its cursor. A lost sync state is a CursorExpired."""
        is_first = since is None or since.startswith(_FIRST)
        link = since.removeprefix(_FIRST) if since is not None else ""
        following: object = True
        while following:
            answer = self._page(feed, link)
            items = answer.get("value", ())
            following = answer.get("@odata.nextLink")
            link = str(following or answer.get("@odata.deltaLink") or "")
            facts, skipped = self._facts([one for one in items if "@removed" not in one], feed.role)
            oldest = min(filter(None, (moment(one.get("receivedDateTime")) for one in items)), default=None)
            yield Changes(
                upserted=facts,
                removed=tuple(one["id"] for one in items if "@removed" in one),
                skipped=skipped,
                cursor=Cursor(f"{_FIRST}{link}" if following and is_first else link),
                remaining=None if following else 0,
                covered_since=(oldest if is_first else None) if following else _BEGINNING,
                is_last=not following,
            )

    def witness(self) -> Witness:
        """Say where the drafts stand: the delta link of their folder."""
        return self._drafts.witness()

    def save_draft(self, draft: Draft, since: Witness) -> Saved | Gone | Unclear:
        """Save it unsent, or adopt what an earlier attempt made."""
        return self._drafts.save(draft, since)

    def look(self, saved: Saved) -> Look:
        """Say what became of it."""
        return self._drafts.look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove it if it is Untouched."""
        return self._drafts.withdraw(saved)

    def _folders(self, answer: Json) -> Iterator[Json]:
        yield from answer.get("value", ())
        link = answer.get("@odata.nextLink")
        if link:
            yield from self._reader.pages(link, "listing folders")

    def _page(self, feed: Feed, link: str) -> Json:
        params = None if link else {"$select": SELECT, "$orderby": "receivedDateTime desc"}
        try:
            return self._reader.get(
                link or f"me/mailFolders/{feed.id}/messages/delta",
                f"reading {feed.name}",
                params=params,
                prefer=(f"odata.maxpagesize={PAGE}",),
            )
        except Refused as error:
            message = f"Microsoft 365 no longer knows where we were in {feed.name} ({error.status})."
            raise CursorExpired(message) from error

    def _facts(self, items: Sequence[Json], role: str) -> tuple[tuple[MessageMetadata, ...], tuple[Skipped, ...]]:
        headers = self._headers(items) if role != "\\Sent" else {}
        facts: list[MessageMetadata] = []
        skipped: list[Skipped] = []
        for item in items:
            try:
                facts.append(fact({**item, **headers.get(item["id"], {})}, role=role))
            except mime.Unreadable as error:
                skipped.append(Skipped(remote_id=str(item["id"]), reason=str(error)))
            except (KeyError, ValueError, TypeError, AttributeError):
                skipped.append(Skipped(remote_id=str(item.get("id", "")), reason="a message without readable fields"))
        return tuple(facts), tuple(skipped)

    def _headers(self, items: Sequence[Json]) -> Mapping[str, Json]:
        """Fetch header fields where a delta left them out: once for each sender, which is enough to tell machines."""
        wanted: dict[str, str] = {}
        for item in items:
            sender = str(((item.get("from") or {}).get("emailAddress") or {}).get("address", "")).lower()
            if not item.get("internetMessageHeaders") and sender and sender not in self._asked:
                self._asked.add(sender)
                wanted[item["id"]] = f"me/messages/{item['id']}?$select=internetMessageHeaders"
        return self._reader.batch(wanted, "reading headers") if wanted else {}


def _feed(folder: Json, role: str, newest: str) -> Feed:
    hint = f"{folder.get('totalItemCount')}.{folder.get('unreadItemCount')} {newest}" if newest else ""
    return Feed(id=folder["id"], name=str(folder.get("displayName") or folder["id"]), role=role, hint=hint)
