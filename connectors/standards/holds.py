"""Holds over CalDAV: put once at the address their key gives, read back by what we wrote, never over the owner's hand."""

from __future__ import annotations

from collections.abc import Callable

from connectors import ical
from connectors.port import BEGINNING, Gone, Look, Moved, Rejected, Saved, Unavailable, Unclear, Untouched, Witness
from connectors.standards.dav import DAV, Dav, Refused, path
from connectors.standards.discovery import CalendarCollection, CalendarHome, calendars, primary
from connectors.standards.invites import host_of
from connectors.standards.listing import synced
from connectors.standards.objects import Objects
from connectors.written import Written
from rules.facts import CalendarEvent
from rules.suggestions import Hold, Invite

_HOST = "rekindle.invalid"
"""Ends the UIDs of our holds: no installation's name in anybody's calendar."""


class Holds:
    """What Rekindle writes into one account's calendars."""

    def __init__(self, dav: Dav, objects: Objects, home: Callable[[], CalendarHome], wanted: str, by: str) -> None:
        self._dav, self._objects, self._home, self._wanted, self._by = dav, objects, home, wanted, by
        self._is_scheduling: bool | None = None

    def witness(self) -> Witness:
        """Say where the calendar of the holds stands: its sync token or ctag."""
        return Witness(self._main().mark)

    def save(self, hold: Hold | Invite, since: Witness) -> Saved | Gone | Unclear:
        """PUT it once at the address its key gives, or adopt what lies there."""
        main = self._main()
        href = path(main.href.rstrip("/") + f"/{hold.key}.ics")
        found = self._objects.get(href)
        if found is not None:
            return self._adopted(href, found, hold, main)
        if since != main.mark and (elsewhere := self._elsewhere(href, hold, main)) is not None:
            return elsewhere
        if since not in (BEGINNING, main.mark) and self._was_removed(main, href, since):
            return Gone()
        content = self._written(hold)
        headers = {"Content-Type": "text/calendar; charset=utf-8", "If-None-Match": "*"}
        status, answer, _ = self._dav.raw("PUT", href, headers=headers, body=content)
        if status in (409, 412):  # already there at this address, or the same UID at another
            return self._conflicted(href, hold, main)
        if status not in (200, 201, 204):
            message = f"The calendar server refused the hold ({status})."
            raise Rejected(message, remedy="Check that the calendar can be written to, or choose another as `holds`.")
        return self._saved(href, answer.get("ETag", "") or self._objects.etag(href), hold, main, is_adopted=False)

    def find(self, hold: Hold | Invite) -> Saved | None:
        """Take it up at the address its key gives, or wherever the owner has put it; a cancelled one is none."""
        main = self._main()
        kept = self._conflicted(path(main.href.rstrip("/") + f"/{hold.key}.ics"), hold, main)
        return kept if isinstance(kept, Saved) else None

    def look(self, saved: Saved) -> Look:
        """Compare by ETag; when it differs, by the times and words we wrote, since servers rewrite what they store."""
        written = Written.parse(saved.version)
        try:
            answer = self._dav.propfind(saved.remote_id, ("d:getetag",), 0)
            now = next((one.text(f"{DAV}getetag") for one in answer.resources if one.status == 200), None)  # noqa: PLR2004 - OK
        except Refused as error:
            if error.status not in (404, 410):
                raise Unavailable(f"The calendar server answered {error.status}.") from error
            now = None
        if now is None:
            return self._moved_away(saved)
        if now and now == written.etag:
            return Untouched()
        event = self._objects.get(saved.remote_id)
        if event is None:
            return Gone()
        return written.compared(event)

    def withdraw(self, saved: Saved) -> Look:
        """DELETE with If-Match if it is Untouched."""
        seen = self.look(saved)
        if not isinstance(seen, Untouched) or Written.parse(saved.version).is_invite:
            return seen
        etag = self._objects.etag(saved.remote_id)
        headers = {"If-Match": etag} if etag and not etag.startswith("W/") else {}
        status, _, _ = self._dav.raw("DELETE", saved.remote_id, headers=headers)
        if status == 412:  # noqa: PLR2004 - the owner was faster
            return self.look(saved)
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
        main = primary(calendars(self._dav, self._home(), has_marks=True), self._home(), self._wanted)
        if main is None:
            message = "There is no calendar that holds can be written to."
            raise Rejected(message, remedy="Name a calendar of yours as `holds` in config.")
        return main

    def _written(self, hold: Hold | Invite) -> bytes:
        if isinstance(hold, Hold):
            return ical.hold_bytes(hold, host=_HOST, by=self._by)
        return ical.invite_bytes(hold, host=host_of(hold))

    def _adopted(self, href: str, event: CalendarEvent, hold: Hold | Invite, main: CalendarCollection) -> Saved | Gone:
        if event.status == "cancelled":
            return Gone()
        if isinstance(hold, Hold) and event.rekindle_key != hold.key:
            message = "Something else lies where the hold belongs."
            raise Rejected(message, remedy=f"Look at {main.name} in your calendar.")
        is_ours = (event.start, event.end, event.summary) == (hold.start, hold.end, hold.title)
        return self._saved(href, self._objects.etag(href) if is_ours else "", hold, main, is_adopted=True)

    def _conflicted(self, href: str, hold: Hold | Invite, main: CalendarCollection) -> Saved | Gone:
        found = self._objects.get(href)
        if found is not None:
            return self._adopted(href, found, hold, main)
        return self._elsewhere(href, hold, main) or Gone()

    def _elsewhere(self, href: str, hold: Hold | Invite, main: CalendarCollection) -> Saved | Gone | None:
        """Take up what the owner has put into another calendar as if it had been confirmed before: a look then says that it was moved."""
        there = self._find(_uid(hold))
        event = self._objects.get(there) if there else None
        if event is None:
            return None
        return Gone() if event.status == "cancelled" else self._saved(href, "", hold, main, is_adopted=True)

    def _saved(self, href: str, etag: str, hold: Hold | Invite, main: CalendarCollection, *, is_adopted: bool) -> Saved:
        return Saved(remote_id=href, version=Written.of(hold, etag).text(), place=main.href, is_adopted=is_adopted)

    def _was_removed(self, main: CalendarCollection, href: str, since: Witness) -> bool:
        """Tell whether the sync since the witness saw our object come and go; a server that cannot tell says no."""
        try:
            return href in synced(self._dav, main.href, since).removed
        except Refused:
            return False

    def _moved_away(self, saved: Saved) -> Look:
        key = saved.remote_id.rpartition("/")[2].removesuffix(".ics")
        is_invite = Written.parse(saved.version).is_invite  # whose UID ends in a domain we have not kept: its key will do
        return Moved() if self._find(f"{key}@" if is_invite else f"{key}@{_HOST}") else Gone()

    def _find(self, uid: str) -> str:
        """Find one of ours by its UID in any calendar; text-match finds parts of a UID too (RFC 4791 9.7.5)."""
        return self._objects.with_uid(uid, [one.href for one in calendars(self._dav, self._home(), has_marks=False)])


def _uid(hold: Hold | Invite) -> str:
    return f"{hold.key}@{_HOST if isinstance(hold, Hold) else host_of(hold)}"
