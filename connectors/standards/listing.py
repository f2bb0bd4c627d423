"""What a calendar says it holds: sync-collection (RFC 6578) where the server can, else the ETags of its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from connectors.port import Rejected
from connectors.standards.dav import DAV, Dav, Multistatus, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a calendar says it holds, or what changed in it: hrefs with their ETags, and hrefs that are gone."""

    members: Mapping[str, str]
    removed: tuple[str, ...] = ()
    token: str = ""


def synced(dav: Dav, href: str, token: str) -> Listing:
    """Ask for changes (RFC 6578) until the answer is not cut short any more (507 for the collection itself)."""
    members: dict[str, str] = {}
    removed: dict[str, None] = {}
    while True:
        inner = f"<d:sync-token>{escape(token)}</d:sync-token><d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop>"
        answer = dav.report(href, inner, "d:sync-collection", 0)
        is_cut = _sort(answer, href, members, removed)
        if not is_cut or not answer.token or answer.token == token:
            return Listing(members=members, removed=tuple(removed), token=answer.token)
        token = answer.token


def listed(dav: Dav, href: str) -> Listing:
    """List members by PROPFIND, else by a query for events."""
    members: dict[str, str] = {}
    try:
        answer = dav.propfind(href, ("d:getetag", "d:resourcetype"), 1)
    except Refused:
        inner = '<d:prop><d:getetag/></d:prop><c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"/></c:comp-filter></c:filter>'
        try:
            answer = dav.report(href, inner, "c:calendar-query", 1)
        except Refused as error:
            raise Rejected(
                f"The calendar server lists no events ({error.status}).", remedy="Check the calendar's address."
            ) from error
    _sort(answer, href, members, {})
    return Listing(members=members)


def _sort(answer: Multistatus, collection: str, members: dict[str, str], removed: dict[str, None]) -> bool:
    """Sort an answer into members and removed ones; True when the server cut it short (507 for the collection)."""
    is_cut = False
    for resource in answer.resources:
        if resource.href.rstrip("/") == collection.rstrip("/"):
            is_cut = is_cut or resource.status == 507  # noqa: PLR2004 - Insufficient Storage, RFC 6578 3.6
        elif resource.status in (404, 410):
            removed[resource.href] = None
            members.pop(resource.href, None)
        elif not resource.href.endswith("/"):
            members[resource.href] = resource.text(f"{DAV}getetag")
            removed.pop(resource.href, None)
    return is_cut
