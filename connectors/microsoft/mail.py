"""Outlook mail: one delta per folder, newest first; one batch tells folders, roles and whether anything changed at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from connectors import mime
from connectors.microsoft.ahead import Ahead
from connectors.microsoft.drafts import Drafts
from connectors.microsoft.glance import FOLDERS, ME, NEWEST, WELL_KNOWN, Glance
from connectors.microsoft.graph import LANES, Graph, Json, Refused
from connectors.microsoft.messages import SELECT, fact, moment
from connectors.microsoft.oversize import TOO_LARGE, left_out
from connectors.port import Changes, Cursor, CursorExpired, Feed, Look, Made, Saved, Skipped, Witness
from rules.facts import Address, MessageMetadata
from rules.suggestions import Draft, Hold, Invite

PAGE: Final = 250
"""Messages in one answer."""
DEPTH: Final = 2
"""Pages that may lie read ahead."""
MUCH: Final = 40
"""Of more messages at a time not every one's header fields are fetched."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_UNREAD = frozenset({"\\Drafts", "\\Trash", "\\Junk", "hidden"})
_FIRST = "first "
"""Begins the cursors of a first read: what it finds removed was never reported."""


class OutlookMailbox:
    """Mail of one Microsoft 365 account; satisfies `connectors.port.Mailbox`."""

    at_once = 3 * LANES
    """Folders to be read side by side: a delta is a chain of links, each known only by the answer before it. While some are
    worked on others ask, and the chain with the most to come goes first."""

    def __init__(self, reader: Graph, glance: Glance, writer: Graph | None, installation: str) -> None:
        self._reader, self._glance, self._drafts = reader, glance, Drafts(writer, installation)
        self._asked: set[tuple[str, str]] = set()
        """Of which mail this look has asked for header fields: what the last one had read ahead may never have been taken."""
        self._counts: dict[str, int] = {}
        """How many messages lie in each folder."""

    def addresses(self) -> Sequence[Address]:
        """List the owner's addresses as the profile has them."""
        me = self._glance.get(ME, "asking who you are")
        said = [me.get("mail") or me.get("userPrincipalName") or "", *(me.get("otherMails") or ())]
        return [Address(email=one, name=str(me.get("displayName") or "")) for one in dict.fromkeys(said) if "@" in one]

    def feeds(self) -> Sequence[Feed]:
        """List every folder but drafts, junk and trash, with one call: sent mail and the inbox first, then the fullest.

        The hint is the folder's counts and the mailbox's last change: arriving, moving and editing alter that, deleting the counts.
        """
        found = self._glance.ask(FOLDERS, NEWEST, *WELL_KNOWN, what="listing folders")
        listed = found.get(FOLDERS) or self._reader.get(FOLDERS, "listing folders")
        by_id = {found[path]["id"]: role for path, role in WELL_KNOWN.items() if path in found}
        newest = [f"{one['id']} {one.get('lastModifiedDateTime', '')}" for one in found.get(NEWEST, {}).get("value", ())]
        folders = [one for one in self._reader.rest(listed, "listing folders") if "@removed" not in one]
        folders.sort(key=lambda one: (by_id.get(one["id"]) not in ("\\Sent", "\\Inbox"), -(one.get("totalItemCount") or 0)))
        self._asked = set()
        self._counts = {one["id"]: int(one.get("totalItemCount") or 0) for one in folders}
        return [_feed(one, by_id.get(one["id"], ""), " ".join(newest)) for one in folders if by_id.get(one["id"]) not in _UNREAD]

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[MessageMetadata]]:
        """Yield delta pages, some read ahead while one is worked on; each page's link is its cursor.

        The first is asked for at once. A lost sync state is a CursorExpired.
        """
        answers = Ahead(self._answers(feed, since), DEPTH)
        return Ahead(self._pages(feed, answers, self._asked, is_first=_is_first(since)), DEPTH)

    def _answers(self, feed: Feed, since: Cursor | None) -> Iterator[tuple[Json, int]]:
        """Follow the chain of links, a good way before anybody needs what is in the pages; each with the rank it was asked with.

        The chain with the most to come goes first: else it would be read alone in the end.
        """
        link: str | None = since.removeprefix(_FIRST) if since is not None else ""
        coming = self._counts.get(feed.id, 0) if _is_first(since) else 0
        while link is not None:
            answer = self._answer(feed, link, -coming)
            yield answer, -coming
            link, coming = answer.get("@odata.nextLink"), max(coming - PAGE, 0)

    def _pages(
        self, feed: Feed, answers: Ahead[tuple[Json, int]], asked: set[tuple[str, str]], *, is_first: bool
    ) -> Iterator[Changes[MessageMetadata]]:
        with closing(answers):
            for answer, rank in answers:
                yield self._changes(feed, answer, rank, asked, is_first=is_first)

    def _changes(
        self, feed: Feed, answer: Json, rank: int, asked: set[tuple[str, str]], *, is_first: bool
    ) -> Changes[MessageMetadata]:
        """Read a page's messages, with the header fields they are to be judged by."""
        items, following = answer.get("value", ()), str(answer.get("@odata.nextLink") or "")
        link = following or str(answer.get("@odata.deltaLink") or "")
        present = [one for one in items if "@removed" not in one]
        headers = self._headers(present, rank, asked, is_first=is_first) if feed.role != "\\Sent" else {}
        facts, skipped = _facts(present, headers, feed.role)
        oldest = min(filter(None, (moment(one.get("receivedDateTime")) for one in items)), default=None)
        return Changes(
            upserted=facts,
            removed=tuple(one["id"] for one in items if "@removed" in one),
            skipped=skipped,
            cursor=Cursor(f"{_FIRST}{link}" if following and is_first else link),
            remaining=None if following else 0,
            covered_since=(oldest if is_first else None) if following else _BEGINNING,
            is_last=not following,
        )

    def witness(self) -> Witness:
        """Say where the drafts stand: the delta link of their folder, and what lies there."""
        return self._drafts.witness()

    def save_draft(self, draft: Draft, since: Witness) -> Made:
        """Save it unsent, or adopt what an earlier attempt made."""
        return self._drafts.save(draft, since)

    def find(self, action: Draft | Hold | Invite) -> Saved | None:
        """Take up a draft of ours wherever it lies unsent; satisfies `connectors.port.Finds`."""
        return self._drafts.find(action) if isinstance(action, Draft) else None

    def look(self, saved: Saved) -> Look:
        """Say what became of it."""
        return self._drafts.look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove it if it is Untouched."""
        return self._drafts.withdraw(saved)

    def _answer(self, feed: Feed, link: str, rank: int) -> Json:
        params = None if link else {"$select": SELECT, "$orderby": "receivedDateTime desc"}
        try:
            path = link or f"me/mailFolders/{feed.id}/messages/delta"
            return self._reader.page(path, f"reading {feed.name}", size=PAGE, params=params, rank=rank)
        except Refused as error:
            message = f"Microsoft 365 no longer knows where we were in {feed.name} ({error.status})."
            raise CursorExpired(message) from error

    def _headers(self, items: Sequence[Json], rank: int, asked: set[tuple[str, str]], *, is_first: bool) -> Mapping[str, Json]:
        """Fetch header fields a delta left out: of all that is new, for a person's own mailbox answers too; of much, of some."""
        wanted: dict[str, str] = {}
        asking: set[tuple[str, str]] = set()
        is_much = is_first or len(items) > MUCH
        for item in items:
            told = _telling(item)
            if item.get("internetMessageHeaders") or not told[0] or (is_much and (told in asked or told in asking)):
                continue
            asking.add(told)
            wanted[item["id"]] = f"me/messages/{item['id']}?$select=internetMessageHeaders"
        asked |= asking  # for the folders that are read beside this one
        try:
            return self._reader.batch(wanted, "reading headers", is_chained=True, is_marking=True, rank=rank) if wanted else {}
        except BaseException:
            asked -= asking
            raise


def _facts(
    items: Sequence[Json], headers: Mapping[str, Json], role: str
) -> tuple[tuple[MessageMetadata, ...], tuple[Skipped, ...]]:
    facts: list[MessageMetadata] = []
    skipped: list[Skipped] = []
    for item in items:
        whole = {**item, **headers.get(item["id"], {})}
        if TOO_LARGE in whole:
            skipped.append(Skipped(remote_id=str(item["id"]), reason=left_out("A message")))
            continue
        try:
            facts.append(fact(whole, role=role))
        except mime.Unreadable as error:
            skipped.append(Skipped(remote_id=str(item["id"]), reason=str(error)))
        except (KeyError, ValueError, TypeError, AttributeError):
            skipped.append(Skipped(remote_id=str(item.get("id", "")), reason="a message without readable fields"))
    return tuple(facts), tuple(skipped)


def _is_first(since: Cursor | None) -> bool:
    return since is None or since.startswith(_FIRST)


def _telling(item: Json) -> tuple[str, str]:
    """Name the mail one message stands for where there is much: that of a sender in a year. A sender "" is nobody."""
    sender = str(((item.get("from") or {}).get("emailAddress") or {}).get("address", "")).lower()
    return sender, str(item.get("receivedDateTime") or "")[:4]


def _feed(folder: Json, role: str, newest: str) -> Feed:
    hint = f"{folder.get('totalItemCount')}.{folder.get('unreadItemCount')} {newest}" if newest else ""
    return Feed(id=folder["id"], name=str(folder.get("displayName") or folder["id"]), role=role, hint=hint)
