"""What a calendar says it holds: sync-collection (RFC 6578) where the server can, else the ETags of its members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Final
from xml.sax.saxutils import escape

from connectors.port import Rejected, Skipped
from connectors.standards.dav import DAV, Dav, Multistatus, Refused
from rules.facts import CalendarEvent

_ANY_TIME: Final = '<c:time-range start="19700101T000000Z" end="20380101T000000Z"/>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a calendar says it holds, or what changed in it: hrefs with their ETags, and hrefs that are gone."""

    members: Mapping[str, str]
    removed: tuple[str, ...] = ()
    token: str = ""


def synced(dav: Dav, href: str, token: str) -> Listing:
    """Ask for changes (RFC 6578) until the answer is not cut short any more (507 for the collection itself).

    Raises Refused for what is no sync: an answer without a token to go on from, or one that is cut and goes no further: it names
    the token it was asked from, or nothing that was not named before.
    """
    members: dict[str, str] = {}
    removed: dict[str, None] = {}
    while True:
        inner = f"<d:sync-token>{escape(token)}</d:sync-token><d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop>"
        answer = dav.report(href, inner, "d:sync-collection", 0)
        named = len(members) + len(removed)
        is_cut = _sort(answer, href, members, removed)
        is_further = answer.token != token and len(members) + len(removed) > named
        if not answer.token or (is_cut and not is_further):
            raise Refused(507, "it gets no further")
        if not is_cut:
            return Listing(members=members, removed=tuple(removed), token=answer.token)
        token = answer.token


def listed(dav: Dav, href: str) -> Listing:
    """List members by PROPFIND, else by a query for events, else for those of any time: some servers want to be told one."""
    members: dict[str, str] = {}
    refused: Refused | None = None
    for asked in (_members, _events, partial(_events, within=_ANY_TIME)):
        try:
            _sort(asked(dav, href), href, members, {})
        except Refused as error:
            refused = error
        else:
            return Listing(members=members)
    message = f"The calendar server lists no events ({refused and refused.status})."
    raise Rejected(message, remedy="Check the calendar's address.") from refused


def marked(members: Mapping[str, str], read: Iterable[CalendarEvent | Skipped]) -> Mapping[str, str]:
    """Mark members without an ETag by what was read of them: else each would be news whenever it is looked at."""
    texts: dict[str, str] = {}
    for one in read:
        if not members.get(one.remote_id, "-"):
            texts[one.remote_id] = texts.get(one.remote_id, "") + repr(_undated(one))
    return {**members, **{href: f"#{_digest(text)}" for href, text in texts.items()}}


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _undated(one: CalendarEvent | Skipped) -> CalendarEvent | Skipped:
    """Leave out when it was changed: what a server makes up anew at each read, it dates anew."""
    return replace(one, updated_at=None) if isinstance(one, CalendarEvent) else one


def _members(dav: Dav, href: str) -> Multistatus:
    return dav.propfind(href, ("d:getetag", "d:resourcetype"), 1)


def _events(dav: Dav, href: str, within: str = "") -> Multistatus:
    kind = f'<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">{within}</c:comp-filter></c:comp-filter>'
    return dav.report(href, f"<d:prop><d:getetag/></d:prop><c:filter>{kind}</c:filter>", "c:calendar-query", 1)


def _sort(answer: Multistatus, collection: str, members: dict[str, str], removed: dict[str, None]) -> bool:
    """Sort an answer into members and removed ones; True when the server cut it short (507 for the collection)."""
    is_cut = False
    for resource in answer.resources:
        if resource.href.rstrip("/") == collection.rstrip("/"):
            is_cut = is_cut or resource.status == 507  # noqa: PLR2004 - Insufficient Storage, RFC 6578 3.6
        elif resource.status in (404, 410):
            removed[resource.href] = None
            members.pop(resource.href, None)
        elif not resource.href.endswith("/") and not resource.has(f"{DAV}resourcetype", f"{DAV}collection"):
            members[resource.href] = resource.text(f"{DAV}getetag")
            removed.pop(resource.href, None)
    return is_cut
