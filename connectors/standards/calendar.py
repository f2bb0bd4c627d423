"""Calendars over CalDAV: sync-collection with a ladder down, whole objects by multiget, holds put once and read back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from connectors.port import BEGINNING, Changes, Cursor, CursorExpired, Feed, Look, Made, Saved, Unavailable, Witness
from connectors.standards.dav import Dav, Refused
from connectors.standards.discovery import CalendarHome, calendars, home_of, primary
from connectors.standards.holds import Holds
from connectors.standards.invites import BY_MAIL, InviteDrafts
from connectors.standards.listing import Listing, listed, marked, synced
from connectors.standards.mail import ImapMailbox
from connectors.standards.objects import Objects
from connectors.standards.owed import Owed, begun, due, still
from rules.facts import CalendarEvent
from rules.suggestions import Draft, Hold, Invite

_BASELINE = timedelta(days=7)
"""Some servers answer a lost sync token as if nothing had changed: every so often everything is compared anew."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_NO_SYNC = frozenset({400, 403, 404, 405, 409, 415, 418, 422, 501, 507})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a cursor holds: how this calendar is followed, and how far a first read has come."""

    mode: Literal["sync", "etags"]
    token: str = ""
    after: str = ""
    """The last href of an unfinished first read."""
    etags: Mapping[str, str] = field(default_factory=dict)
    owed: Owed = field(default_factory=dict)
    """What the server has not given yet."""
    since: str = ""
    """The server's time when the baseline was taken."""

    def cursor(self) -> Cursor:
        """Write it down."""
        owed = [dict(self.owed)] if self.owed else []
        return Cursor(json.dumps([self.mode, self.token, self.after, dict(self.etags), *owed, self.since]))

    @classmethod
    def read(cls, cursor: Cursor) -> Place:
        """Read it back."""
        mode, token, after, etags, *owed, since = json.loads(cursor)
        return cls(mode=mode, token=token, after=after, etags=etags, owed=owed[0] if owed else {}, since=since)


class CalDavCalendar:
    """The calendars of one CalDAV account; satisfies `connectors.port.Calendar`."""

    def __init__(
        self,
        dav: Dav,
        *,
        start: str,
        zone: str,
        chosen: Sequence[str],
        holds: str,
        has_sync: bool = True,
        mailbox: ImapMailbox | None = None,
        installation: str = "",
    ) -> None:
        self._dav, self._start, self._wanted, self._has_sync = dav, start, holds, has_sync
        self._chosen = frozenset(chosen)
        self._home: CalendarHome | None = None
        self._read_before: Collection[str] | None = None
        self._objects = Objects(dav, zone)
        self._holds = Holds(dav, self._objects, self.home, holds, installation)
        self._invites = InviteDrafts(mailbox, dav)
        self._has_mailbox = mailbox is not None

    def home(self) -> CalendarHome:
        """Discover the calendar home, once."""
        if self._home is None:
            self._home = home_of(self._dav, self._start)
        return self._home

    def expect(self, read_before: Collection[str]) -> None:
        """Take note of the feeds that have been read before, whose marks of change are worth asking for."""
        self._read_before = read_before

    def feeds(self) -> Sequence[Feed]:
        """List the chosen calendars, else those that may be written to, else all; one request once the home is known."""
        known = self._read_before
        has_marks = known is None or any(each.startswith((self.home().href, *self.home().others)) for each in known)
        found = calendars(self._dav, self.home(), has_marks=has_marks)
        main = primary(found, self.home(), self._wanted)
        chosen = [one for one in found if {one.name, one.href} & self._chosen]
        if not self._chosen:  # what may only be read is somebody else's, or made up
            chosen = [one for one in found if one.is_writable] or [*found]
        return [one.feed(is_primary=one is main) for one in chosen]

    def changes(self, feed: Feed, since: Cursor | None) -> Iterator[Changes[CalendarEvent]]:
        """Yield all objects page by page, or what changed since."""
        if since is None:
            yield from self._first(feed, Place(mode="sync", since=self._now().isoformat()))
            return
        place = Place.read(since)
        if place.after:
            yield from self._first(feed, place)
            return
        if place.since and self._now() - datetime.fromisoformat(place.since) > _BASELINE:
            message = f"{feed.name} is compared as a whole once a week."
            raise CursorExpired(message)
        yield self._since(feed, place)

    def witness(self) -> Witness:
        """Say where the calendar of the holds stands, and the drafts where invitations become some."""
        mark = self._holds.witness()
        if not self._has_mailbox or self._holds.is_scheduling():
            return mark
        return Witness(json.dumps([mark, self._invites.witness()]))

    def save_hold(self, hold: Hold | Invite, since: Witness) -> Made:
        """Put it in once, or adopt what an earlier attempt made; an Invite the server does not mail becomes a draft."""
        mark, drafts = _apart(since)
        if isinstance(hold, Invite) and not self._holds.is_mailing(hold):
            return self._invites.save(hold, drafts)
        return self._holds.save(hold, mark)

    def find(self, action: Draft | Hold | Invite) -> Saved | None:
        """Take up what lies there, and make nothing."""
        if isinstance(action, Draft):
            return None
        if isinstance(action, Invite) and not self._holds.is_mailing(action):
            return self._invites.find(action)
        return self._holds.find(action)

    def look(self, saved: Saved) -> Look:
        """Say what became of it."""
        return self._invites.look(saved) if saved.version.startswith(BY_MAIL) else self._holds.look(saved)

    def withdraw(self, saved: Saved) -> Look:
        """Remove it if it is Untouched; an Invite never."""
        return self._invites.look(saved) if saved.version.startswith(BY_MAIL) else self._holds.withdraw(saved)

    def holds_place(self) -> str:
        """Name the calendar holds go into. Raises Rejected where none can be written to."""
        return self._holds.place()

    def is_scheduling(self) -> bool:
        """Tell whether the server mails invitations itself (RFC 6638)."""
        return self._holds.is_scheduling()

    def _since(self, feed: Feed, place: Place) -> Changes[CalendarEvent]:
        listing = self._since_token(feed, place) if place.mode == "sync" else self._since_etags(feed, place)
        again = due(place.owed, listing.members, listing.removed)
        found = self._objects.read(feed.id, sorted(listing.members)) + self._objects.again(feed.id, again)
        known = self._known(place, marked(listing.members, (*found.events, *found.skipped)), listing.removed)
        is_same = {href for href in listing.members if known.get(href) and known[href] == place.etags.get(href)}
        failed = frozenset(found.owed)
        owed = still(place.owed, {*listing.removed, *listing.members, *again} - failed, failed - is_same)
        return Changes(
            upserted=tuple(one for one in found.events if one.remote_id not in is_same),
            removed=listing.removed + found.removed,
            skipped=tuple(one for one in found.skipped if one.remote_id not in is_same | (failed & place.owed.keys())),
            cursor=replace(place, token=listing.token, etags=known, owed=owed).cursor(),
            hint="" if owed else None,  # no mark of change may keep what is owed from being asked for
            remaining=0,
            covered_since=_BEGINNING,
            is_last=True,
        )

    def _first(self, feed: Feed, place: Place) -> Iterator[Changes[CalendarEvent]]:
        listing, mode = self._listing(feed)
        token = place.token or listing.token
        hint = token if mode == "sync" else "" if place.after else None  # what came before may have changed since
        place = replace(place, mode=mode, token=token)
        todo = sorted(href for href in listing.members if href > place.after)
        left = len(todo)
        if not todo:
            cursor = replace(place, after="").cursor()
            hint = "" if place.owed else hint
            yield Changes(cursor=cursor, hint=hint, remaining=0, covered_since=_BEGINNING, is_last=True)
        for batch, resources in self._objects.batches(feed.id, todo):
            left -= len(batch)
            found = self._objects.events(batch, resources)
            told = marked({href: listing.members[href] for href in batch}, (*found.events, *found.skipped))
            etags = {**place.etags, **told} if mode == "etags" else {}
            place = replace(place, after=batch[-1] if left else "", etags=etags, owed=begun(place.owed, found.owed))
            yield Changes(
                upserted=found.events,
                removed=found.removed,
                skipped=found.skipped,
                cursor=place.cursor(),
                hint="" if place.owed else hint,
                remaining=left,
                covered_since=None if left else _BEGINNING,
                is_last=not left,
            )

    def _listing(self, feed: Feed) -> tuple[Listing, Literal["sync", "etags"]]:
        if not self._has_sync:
            return listed(self._dav, feed.id), "etags"
        try:
            return synced(self._dav, feed.id, ""), "sync"
        except Refused as error:
            if error.status not in _NO_SYNC:
                raise Unavailable(f"The calendar server answered {error.status}.") from error
        return listed(self._dav, feed.id), "etags"

    def _since_token(self, feed: Feed, place: Place) -> Listing:
        try:
            return synced(self._dav, feed.id, place.token)
        except Refused as error:
            if error.status in _NO_SYNC | {410, 412}:
                message = f"{feed.name}: the server no longer knows where we were ({error.status})."
                raise CursorExpired(message) from error
            raise Unavailable(f"The calendar server answered {error.status}.") from error

    def _since_etags(self, feed: Feed, place: Place) -> Listing:
        now = listed(self._dav, feed.id).members
        changed = {href: etag for href, etag in now.items() if place.etags.get(href) != etag or not etag}
        return Listing(members=changed, removed=tuple(sorted(place.etags.keys() - now.keys())), token=place.token)

    @staticmethod
    def _known(place: Place, told: Mapping[str, str], removed: Collection[str]) -> Mapping[str, str]:
        if place.mode == "sync":
            return {}
        gone = frozenset(removed)
        return {href: etag for href, etag in {**place.etags, **told}.items() if href not in gone}

    def _now(self) -> datetime:
        if self._dav.server_time is None:
            self.home()
        return self._dav.server_time or _BEGINNING


def _apart(since: Witness) -> tuple[Witness, Witness]:
    """Take a witness apart into the calendar's and that of the drafts."""
    if not since.startswith("["):
        return since, BEGINNING
    mark, drafts = json.loads(since)
    return Witness(mark), Witness(drafts)
