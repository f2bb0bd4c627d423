"""Calendar objects over CalDAV, whole and in batches: what a server will not give is set aside, never in its neighbours' way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from xml.sax.saxutils import escape

from connectors import ical
from connectors.http import LARGEST, TooLarge
from connectors.port import Skipped, Unavailable
from connectors.standards.dav import CAL, DAV, Dav, Refused, Resource
from connectors.standards.found import Found, found_in
from rules.facts import CalendarEvent

_TOO_LARGE = 413
_DATA = f"{CAL}calendar-data"
BATCH = 1000
"""Objects asked for at once."""
FIRST = 200
"""Objects asked for first."""
_LIKELY = 3
"""Objects found by a UID that are looked at; a server that finds more has not searched."""


def cut(hrefs: Sequence[str]) -> list[Sequence[str]]:
    """Cut into batches; the first is small, so that reading begins early, and goes on while the server works on the rest."""
    first = min(FIRST, BATCH)
    return [some for some in (hrefs[:first], *(hrefs[at : at + BATCH] for at in range(first, len(hrefs), BATCH))) if some]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of objects that were asked for."""

    events: tuple[CalendarEvent, ...] = ()
    removed: tuple[str, ...] = ()
    """The hrefs that are gone, as the server says."""
    skipped: tuple[Skipped, ...] = ()
    """What could not be read, or was not given."""
    owed: tuple[str, ...] = ()
    """The hrefs of what was not given, though it may be there: to be asked for again."""

    def __add__(self, more: Answered) -> Answered:
        """Put together what became of these and of those."""
        return Answered(
            events=self.events + more.events,
            removed=self.removed + more.removed,
            skipped=self.skipped + more.skipped,
            owed=self.owed + more.owed,
        )


class Objects:
    """Reads the objects of one account; a resource holds one UID with all its overrides."""

    def __init__(self, dav: Dav, zone: str) -> None:
        self._dav, self._zone = dav, zone

    def read(self, collection: str, hrefs: Sequence[str]) -> Answered:
        """Fetch and read objects of a calendar."""
        return sum((self.events(batch, resources) for batch, resources in self.batches(collection, hrefs)), Answered())

    def again(self, collection: str, hrefs: Sequence[str]) -> Answered:
        """Fetch and read what was not given before: where it fails again, nothing else has to wait for it."""
        try:
            return self.read(collection, hrefs)
        except Unavailable:
            return Answered(owed=tuple(hrefs))

    def batches(self, collection: str, hrefs: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[Resource]]]:
        """Fetch batch after batch; the next is under way while this one is read."""
        batches = cut(hrefs)
        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(self._multiget, collection, batches[0]) if batches else None
            for number, batch in enumerate(batches, 1):
                assert under_way is not None  # noqa: S101 - one is always under way here
                resources = under_way.result()
                under_way = pool.submit(self._multiget, collection, batches[number]) if number < len(batches) else None
                yield batch, resources

    def _multiget(self, collection: str, hrefs: Sequence[str]) -> Sequence[Resource]:
        """Fetch objects whole; a batch the server fails on is halved until one object is to blame, and left out."""
        try:
            return self._asked(collection, hrefs)
        except (Refused, TooLarge, Unavailable) as error:
            found = self._halved(collection, hrefs)
            if not found and isinstance(error, Unavailable):
                raise
            return found

    def _halved(self, collection: str, hrefs: Sequence[str]) -> Sequence[Resource]:
        middle = len(hrefs) // 2
        found: list[Resource] = []
        for half in (hrefs[:middle], hrefs[middle:]) if middle else ():
            try:
                found += self._asked(collection, half)
            except (Refused, TooLarge, Unavailable):
                found += self._halved(collection, half)
        return found

    def _asked(self, collection: str, hrefs: Sequence[str]) -> Sequence[Resource]:
        inner = "<d:prop><d:getetag/><c:calendar-data/></d:prop>" + "".join(f"<d:href>{escape(href)}</d:href>" for href in hrefs)
        try:
            return self._dav.report(collection, inner, "c:calendar-multiget", 1).resources
        except TooLarge:
            if len(hrefs) > 1:
                raise
            return (Resource(href=hrefs[0], status=_TOO_LARGE, props={}),)

    def events(self, hrefs: Sequence[str], resources: Sequence[Resource]) -> Answered:
        """Read the answers to one batch; only what the server says is gone is gone."""
        events: list[CalendarEvent] = []
        removed: list[str] = []
        skipped: list[Skipped] = []
        owed: list[str] = []
        answered = {resource.href: resource for resource in resources}
        for href in hrefs:
            status, text = _told(answered.get(href))
            if status == _TOO_LARGE:
                skipped.append(Skipped(remote_id=href, reason=f"An event was left out: it is larger than {LARGEST >> 20} MB."))
            elif status in (404, 410):
                removed.append(href)
            elif text is None:
                skipped.append(
                    Skipped(remote_id=href, reason="the server does not give this event" + (f" ({status})" if status else ""))
                )
                owed.append(href)
            else:
                for item in ical.read(text.encode(), remote_id=href, zone=self._zone):
                    if isinstance(item, Skipped):
                        skipped.append(item)
                    else:
                        events.append(item)
        return Answered(events=tuple(events), removed=tuple(removed), skipped=tuple(skipped), owed=tuple(owed))

    def get(self, href: str) -> Found | None:
        """Fetch one of our own objects and read it; None where it is gone."""
        status, _, content = self._dav.raw("GET", href)
        if status in (404, 410):
            return None
        if status != 200:  # noqa: PLR2004 - OK
            raise Unavailable(f"The calendar server answered {status}.")
        return found_in(content, href=href, zone=self._zone)

    def etag(self, href: str) -> str | None:
        """Ask for the ETag of an object; "" where it has none, None where there is no such object."""
        try:
            answer = self._dav.propfind(href, ("d:getetag",), 0)
        except Refused as error:
            return None if error.status in (404, 410) else ""
        return next((one.text(f"{DAV}getetag") for one in answer.resources if one.status not in (404, 410)), None)

    def with_uid(self, uid: str, calendar: str) -> Found | None:
        """Find the object whose UID begins with this in a calendar; None also where that does not search.

        Servers find parts of a UID too (RFC 4791 9.7.5), or everything, where they know no such filter: each is looked at.
        """
        inner = (
            '<d:prop><d:getetag/></d:prop><c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:prop-filter name="UID">'
            f'<c:text-match collation="i;octet">{escape(uid)}</c:text-match></c:prop-filter></c:comp-filter></c:comp-filter></c:filter>'
        )
        try:
            found = self._dav.report(calendar, inner, "c:calendar-query", 1).resources
        except Refused:
            return None
        likely = (self.get(one.href) for one in found[:_LIKELY])
        return next((one for one in likely if one is not None and one.event.uid.startswith(uid)), None)


def _told(resource: Resource | None) -> tuple[int, str | None]:
    """Take an answer about one object: the status of its data (0 = none was told), and the data where it is given."""
    if resource is None:
        return 0, None
    if resource.status != 200:  # noqa: PLR2004 - OK
        return resource.status, None
    if (data := resource.props.get(_DATA)) is not None:
        return 200, data.text or ""
    return resource.refused.get(_DATA) or next(iter(resource.refused.values()), 0), None  # some refuse it without naming it
