"""Holds over CalDAV: put once at the address their key gives, read back by what we wrote, never over the owner's hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from connectors import ical
from connectors.port import (
    BEGINNING,
    Edited,
    Gone,
    Look,
    Moved,
    PortError,
    Rejected,
    Saved,
    Unavailable,
    Unclear,
    Untouched,
    Witness,
)
from connectors.standards.dav import Dav, Refused, path
from connectors.standards.discovery import CalendarCollection, CalendarHome, calendars, primary
from connectors.standards.found import Found, found_in
from connectors.standards.invites import host_of
from connectors.standards.listing import synced
from connectors.standards.objects import Objects
from connectors.written import Written
from rules.suggestions import Hold, Invite

_HOST = "rekindle.invalid"
"""Ends the UIDs of our holds: no installation's name in anybody's calendar."""
_WEAK, _NO_MATCH = "W/", 412
_TAKEN = (400, 403, 409, 412)
"""Answers to a PUT where something may lie already: at this address, or the same UID at another (RFC 4791 5.3.2.1; Nextcloud says 400)."""
_LATER = (408, 423, 425, 507)
_PRECONDITION = re.compile(
    rb"<(?:[\w-]+:)?((?:supported|valid)-calendar-[a-z-]+|no-uid-conflict|calendar-collection-location-ok|need-privileges"
    rb"|quota-not-exceeded|(?:max|min)-(?:resource-size|date-time|instances|attendees-per-instance))[\s/>]"
)
"""What a server names as its reason (RFC 4791 5.3.2.1); nothing else it says is repeated."""


class Holds:
    """What Rekindle writes into one account's calendars."""

    def __init__(self, dav: Dav, objects: Objects, home: Callable[[], CalendarHome], wanted: str, by: str) -> None:
        self._dav, self._objects, self._home, self._wanted, self._by = dav, objects, home, wanted, by
        self._is_scheduling: bool | None = None
        self._stood: Witness | None = None
        """Where the calendar stood when this connection was last asked."""
        self._tried: set[str] = set()
        """Keys of what it has tried to put."""

    def witness(self) -> Witness:
        """Say where the calendar of the holds stands: its sync token or ctag."""
        self._stood = Witness(self._main().mark)
        return self._stood

    def save(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:
        """PUT it once at the address its key gives, or adopt what lies there."""
        main = self._main()
        href = path(main.href.rstrip("/") + f"/{hold.key}.ics")
        found = self._objects.get(href)
        if found is not None:
            return self._adopted(found, hold, main)
        if (since == BEGINNING or since != main.mark) and (elsewhere := self._elsewhere(href, hold, main)) is not None:
            return elsewhere
        if since not in (BEGINNING, main.mark) and (gone := self._removed(main, href, since)) is not None:
            is_first = since == self._stood and hold.key not in self._tried  # nothing of ours can have gone since it was asked
            if gone.is_sure or not is_first:
                return gone
        return self._put(href, hold, since, main)

    def find(self, hold: Hold | Invite) -> Saved | None:
        """Take it up at the address its key gives, or wherever the owner has put it; a cancelled one is none."""
        main = self._main()
        kept = self._conflicted(path(main.href.rstrip("/") + f"/{hold.key}.ics"), hold, main)
        return kept if isinstance(kept, Saved) else None

    def look(self, saved: Saved) -> Look:
        """Compare by ETag; when it differs, by what only a person changes, since servers rewrite what they store."""
        return self._seen(saved)[0]

    def _seen(self, saved: Saved) -> tuple[Look, str]:
        """Say what became of it, and the ETag it had before it was looked at."""
        written = Written.parse(saved.version)
        etag = self._objects.etag(saved.remote_id)
        if etag is None:
            return self._moved_away(saved), ""
        if etag and etag == written.etag:
            return Untouched(), etag
        found = self._objects.get(saved.remote_id)
        return _compared(written, found) if found is not None else Gone(), etag

    def withdraw(self, saved: Saved) -> Look:
        """DELETE it if it is Untouched: the version that was looked at (If-Match), and no other."""
        seen, etag = self._seen(saved)
        if not isinstance(seen, Untouched) or Written.parse(saved.version).is_invite:
            return seen
        is_certain = bool(etag) and not etag.startswith(_WEAK)  # weak ones never match (RFC 9110 13.1.1)
        status = self._dav.raw("DELETE", saved.remote_id, headers={"If-Match": etag})[0] if is_certain else _NO_MATCH
        if status == _NO_MATCH:
            if not isinstance(seen := self.look(saved), Untouched):
                return seen  # the owner was faster
            why = "does not know the version it named of the hold" if is_certain else "names no version of the hold to remove it by"
            message = f"The calendar server {why}."
            raise Rejected(message, remedy="Delete it in your calendar.")
        if status not in (200, 202, 204, 404, 410):
            raise Unavailable(f"The calendar server did not remove the hold ({status}).")
        return seen if status not in (404, 410) else Gone()

    def place(self) -> str:
        """Name the calendar holds go into. Raises Rejected where none can be written to."""
        return self._main().name

    def is_mailing(self, invite: Invite) -> bool:
        """Tell whether the server mails this invitation: it does so for those it knows as the organizer."""
        known = {email.lower() for email in self._home().addresses}
        return self.is_scheduling() and (not known or invite.organizer.email.lower() in known)

    def is_scheduling(self) -> bool:
        """Ask the calendar whether its server mails invitations (RFC 6638 2: calendar-auto-schedule); once."""
        if self._is_scheduling is None:
            _, headers, _ = self._dav.raw("OPTIONS", self._main().href)
            self._is_scheduling = "calendar-auto-schedule" in {word.strip() for word in headers.get("DAV", "").lower().split(",")}
        return self._is_scheduling

    def _main(self) -> CalendarCollection:
        there = calendars(self._dav, self._home(), has_marks=True)
        main = primary(there, self._home(), self._wanted)
        if main is None:
            named, known = f" “{self._wanted}”" if self._wanted else "", ", ".join(one.name for one in there if one.is_writable)
            message = f"There is no calendar{named} that holds can be written to."
            raise Rejected(message, remedy=f"Name a calendar of yours as `holds` in config{f': {known}' if known else ''}.")
        return main

    def _written(self, hold: Hold | Invite) -> bytes:
        if isinstance(hold, Hold):
            return ical.hold_bytes(hold, host=_HOST, by=self._by)
        return ical.invite_bytes(hold, host=host_of(hold))

    def _put(self, href: str, hold: Hold | Invite, since: Witness, main: CalendarCollection) -> Saved | Gone:
        self._tried.add(hold.key)
        headers = {"Content-Type": "text/calendar; charset=utf-8", "If-None-Match": "*"}
        status, answer, said = self._dav.raw("PUT", href, headers=headers, body=self._written(hold))
        if status in (200, 201, 204):
            return self._made(href, answer.get("ETag", ""), hold, main)
        if status in _TAKEN and (there := self._conflicted(href, hold, main)) is not None:
            return there
        if status in _TAKEN and since != BEGINNING and (gone := self._removed(main, href, since)) is not None and gone.is_sure:
            return gone
        if status in _LATER:
            raise Unavailable(f"The calendar server does not take the hold now ({status}).")
        broken = _PRECONDITION.search(said)
        message = f"The calendar server refused the hold ({status}{' ' + broken[1].decode() if broken else ''})."
        raise Rejected(message, remedy="Check that the calendar can be written to, or choose another as `holds`.")

    def _made(self, href: str, told: str, hold: Hold | Invite, main: CalendarCollection) -> Saved:
        """Read back where it lies, at which version, and what the server has made of it (a reminder it gives to all events).

        Some servers keep it at an address of their own (iCloud, Zimbra).
        """
        etag = self._objects.etag(href)
        if etag is None and isinstance(elsewhere := self._elsewhere(href, hold, main, is_fresh=True), Saved):
            return replace(elsewhere, is_adopted=False)
        lying = self._objects.get(href)
        is_told = bool(told) and not told.startswith(_WEAK)
        return self._saved(href, told if is_told else etag or "", hold, main, gist=lying.gist if lying else "", is_adopted=False)

    def _adopted(self, found: Found, hold: Hold | Invite, main: CalendarCollection, *, is_fresh: bool = False) -> Saved | Gone:
        """Take up what lies there; unless it has only just been written, with no version where the owner may have changed it."""
        event = found.event
        if event.status == "cancelled":
            return Gone()
        if isinstance(hold, Hold) and event.rekindle_key != hold.key:
            message = "Something else lies where the hold belongs."
            raise Rejected(message, remedy=f"Look at {main.name} in your calendar.")
        ours = self._as_written(hold)
        is_same = (event.start, event.end, event.summary) == (ours.event.start, ours.event.end, ours.event.summary)
        is_ours = is_same and (is_fresh or isinstance(hold, Invite) or found.gist == ours.gist)
        etag = (self._objects.etag(event.remote_id) or "") if is_ours else ""
        return self._saved(event.remote_id, etag, hold, main, gist=found.gist if is_fresh else "", is_adopted=True)

    def _conflicted(self, href: str, hold: Hold | Invite, main: CalendarCollection) -> Saved | Gone | None:
        found = self._objects.get(href)
        if found is not None:
            return self._adopted(found, hold, main)
        return self._elsewhere(href, hold, main)

    def _elsewhere(
        self, href: str, hold: Hold | Invite, main: CalendarCollection, *, is_fresh: bool = False
    ) -> Saved | Gone | None:
        """Take up what lies at an address of the server's own, or what the owner has put into another calendar.

        That is taken up as if it had been confirmed before: a look then says that it was moved.
        """
        found, _ = self._find(_uid(hold), main.href)
        if found is None:
            return None
        if found.event.remote_id.startswith(main.href.rstrip("/") + "/"):
            return self._adopted(found, hold, main, is_fresh=is_fresh)
        return Gone() if found.event.status == "cancelled" else self._saved(href, "", hold, main, is_adopted=True)

    def _saved(
        self, href: str, etag: str, hold: Hold | Invite, main: CalendarCollection, *, gist: str = "", is_adopted: bool
    ) -> Saved:
        """Note it; the gist is that of what we wrote where no other was read back. Of invites none: the guests' answers change them."""
        ours = self._as_written(hold)
        noted = (gist or ours.gist) if isinstance(hold, Hold) else ""
        version = Written.of(replace(hold, title=ours.event.summary), etag, noted).text()
        return Saved(remote_id=href, version=version, place=main.href, is_adopted=is_adopted)

    def _as_written(self, hold: Hold | Invite) -> Found:
        """Read what we write as it would be read back."""
        ours = found_in(self._written(hold), href="", zone="UTC")
        if ours is None:
            raise AssertionError(f"{hold.key} cannot be read as it is written")
        return ours

    def _removed(self, main: CalendarCollection, href: str, since: Witness) -> Gone | None:
        """Say whether our object came and went since the witness, after which the calendar has changed; None = it did not.

        Not to be known is it where the server cannot tell, says that nothing changed (it has lost the token), or tells of
        another that went: ours may have lain there, at an address of the server's own.
        """
        try:
            told = synced(self._dav, main.href, since)
        except Refused:
            return Gone(is_sure=False)
        if href in told.removed:
            return Gone()
        return None if told.members and not told.removed else Gone(is_sure=False)

    def _moved_away(self, saved: Saved) -> Look:
        written = Written.parse(saved.version)
        key = written.key or saved.remote_id.rpartition("/")[2].removesuffix(".ics")
        uid = f"{key}@" if written.is_invite else f"{key}@{_HOST}"  # an invite's ends in a domain we have not kept
        found, is_sure = self._find(uid, saved.place)
        return Moved() if found is not None else Gone(is_sure=is_sure)

    def _find(self, uid: str, main: str) -> tuple[Found | None, bool]:
        """Find one of ours by its UID, or how that begins, in any calendar; and say whether all could be searched.

        One that fails stands in the way of nothing, unless it is the one where ours belongs.
        """
        failed: dict[str, PortError] = {}
        for one in calendars(self._dav, self._home(), has_marks=False):
            try:
                if (found := self._objects.with_uid(uid, one.href)) is not None:
                    return found, True
            except (Unavailable, Rejected) as error:
                failed[one.href] = error
        if main in failed:
            raise failed[main]
        return None, not failed


def _uid(hold: Hold | Invite) -> str:
    return f"{hold.key}@{_HOST if isinstance(hold, Hold) else host_of(hold)}"


def _compared(written: Written, found: Found) -> Look:
    """Compare what lies there; what was noted before gists were is only known to have had no place, and to have been once."""
    if not written.gist and not written.is_invite and (found.event.location or found.event.recurrence):
        return Edited()
    return written.compared(found.event, found.gist if written.gist else "")
