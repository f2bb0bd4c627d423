"""Find an owner's calendars from whatever address they gave (RFC 6764, RFC 4791): home, principal, well-known, root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from connectors.http import joined
from connectors.port import AuthorizationExpired, Feed, Rejected
from connectors.standards.dav import BOTH_MARKS, CAL, CS, DAV, Dav, Multistatus, Refused, Resource, path

_CALENDAR = (
    "d:resourcetype",
    "d:displayname",
    "d:current-user-privilege-set",
    "c:supported-calendar-component-set",
    "d:current-user-principal",
    "cs:source",
)
_WELL_KNOWN: Final = "/.well-known/caldav"
_PRINCIPAL = ("c:calendar-home-set", "c:calendar-user-address-set", "c:schedule-outbox-URL", "c:schedule-default-calendar-URL")
_DEFAULT_NAMES = frozenset({"calendar", "personal", "home", "default", "kalender", "persönlich", "agenda", "calendrier", "work"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarHome:
    """Where the calendars are, and whom the server says they belong to."""

    href: str
    others: tuple[str, ...] = ()
    """Further homes on the same host (RFC 4791 6.2.1)."""
    principal: str = ""
    addresses: tuple[str, ...] = ()
    default: str = ""
    is_scheduling: bool = False
    """The server mails invitations itself (RFC 6638)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarCollection:
    """One calendar with events in it."""

    href: str
    name: str
    mark: str
    is_writable: bool

    def feed(self, *, is_primary: bool) -> Feed:
        """Show it to the worker."""
        return Feed(id=self.href, name=self.name, role="primary" if is_primary else "", hint=self.mark)


def home_of(dav: Dav, start: str) -> CalendarHome:
    """Walk from the given address to the calendar home; raises Rejected where there is none."""
    given = path(start) or "/"
    trouble = Rejected(
        "No calendars were found at that address.", remedy="Give the server's CalDAV address, or the address of one calendar."
    )
    for candidate in dict.fromkeys((given, _WELL_KNOWN, "/")):
        try:
            answer = dav.propfind(candidate, _CALENDAR, 0 if candidate == _WELL_KNOWN else 1)
        except Refused:
            continue
        except Rejected as error:  # a web site, or the way to one: calendars may be elsewhere on the host
            trouble = error
            continue
        home = _home_of_principal(dav, _principal(answer))
        if candidate == given and tuple(calendars_in(answer, candidate)):
            dav.moved_to(answer.at)
            return replace(home or CalendarHome(href=""), href=path(answer.at), others=())
        if home is not None:
            return home
    raise trouble


def _principal(answer: Multistatus) -> str:
    """Return whom the server knows one as: an address, whoever has answered."""
    told = next((href for resource in answer.resources if (href := resource.href_in(f"{DAV}current-user-principal"))), "")
    return joined(answer.at, told) if told else ""


def _home_of_principal(dav: Dav, principal: str) -> CalendarHome | None:
    if not principal:
        return None
    try:
        answer = dav.propfind(principal, _PRINCIPAL, 0)
    except Refused:
        return None
    for resource in answer.resources:
        homes = resource.hrefs_in(f"{CAL}calendar-home-set")
        if homes:
            dav.moved_to(dav.url(joined(answer.at, homes[0])))
            return CalendarHome(
                href=path(homes[0]),
                others=tuple(_others(dav.url(""), answer.at, homes)),
                principal=path(principal),
                addresses=tuple(_addresses(resource)),
                default=path(resource.href_in(f"{CAL}schedule-default-calendar-URL")),
                is_scheduling=bool(resource.href_in(f"{CAL}schedule-outbox-URL")),
            )
    return None


def _others(base: str, at: str, homes: Sequence[str]) -> Iterator[str]:
    """Pick further homes on the host of the first, each once; what is no address, or lies elsewhere, is not asked."""
    known = {path(homes[0])}
    for href in homes[1:]:
        with suppress(Rejected):
            url = joined(at, href)
            other = path(url)
            if _host(url) == _host(base) == _host(joined(base, other)) and other not in known:
                known.add(other)
                yield other


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _addresses(resource: Resource) -> Iterator[str]:
    found = resource.props.get(f"{CAL}calendar-user-address-set")
    for href in found.iterfind(f".//{DAV}href") if found is not None else ():
        text = (href.text or "").strip()
        if text.lower().startswith("mailto:"):
            yield text[7:]


def calendars(dav: Dav, home: CalendarHome, *, has_marks: bool) -> Sequence[CalendarCollection]:
    """List the calendars with events, with one request for each home: no inbox, outbox, task list, subscription or birthday list.

    `has_marks`: with their marks of change, for which some servers read every event. Where a calendar has no sync token its
    ctag is asked for too, from the next time on at once.
    """
    wanted = (*_CALENDAR, *dav.marks) if has_marks else _CALENDAR
    try:
        found = _listed(dav, home, wanted)
        if has_marks and dav.marks != BOTH_MARKS and not all(one.mark for one in found):
            dav.marks = BOTH_MARKS
            found = _listed(dav, home, (*_CALENDAR, *dav.marks))
    except Refused as error:
        message = f"The calendar server does not list its calendars ({error.status})."
        raise Rejected(message, remedy="Check the address in config.") from error
    return found


def _listed(dav: Dav, home: CalendarHome, wanted: Sequence[str]) -> Sequence[CalendarCollection]:
    """List all homes, the first of them first, each calendar once."""
    found = {one.href: one for one in calendars_in(dav.propfind(home.href, wanted, 1), home.href)}
    for other in home.others:
        try:
            more = {one.href: one for one in calendars_in(dav.propfind(other, wanted, 1), other)}
        except (Refused, AuthorizationExpired):  # not there, or not open to this owner
            continue
        else:
            found = {**found, **more, **found}
    return tuple(found.values())


def calendars_in(answer: Multistatus, asked: str) -> Iterator[CalendarCollection]:
    """Pick the calendars out of a PROPFIND answer."""
    for resource in answer.resources:
        kind = f"{DAV}resourcetype"
        if not resource.has(kind, f"{CAL}calendar") or resource.has(kind, f"{CS}subscribed") or resource.href_in(f"{CS}source"):
            continue
        components = resource.props.get(f"{CAL}supported-calendar-component-set")
        names = {one.get("name", "").upper() for one in components.iterfind(f"{CAL}comp")} if components is not None else set()
        if names and "VEVENT" not in names:
            continue
        privileges = resource.props.get(f"{DAV}current-user-privilege-set")
        is_writable = privileges is None or any(
            resource.has(f"{DAV}current-user-privilege-set", f"{DAV}{word}") for word in ("all", "write", "write-content", "bind")
        )
        name = resource.text(f"{DAV}displayname") or resource.href.rstrip("/").rpartition("/")[2] or asked
        mark = resource.text(f"{DAV}sync-token") or resource.text(f"{CS}getctag")
        yield CalendarCollection(href=resource.href, name=name, mark=mark, is_writable=is_writable)


def primary(found: Sequence[CalendarCollection], home: CalendarHome, wanted: str) -> CalendarCollection | None:
    """Choose where holds go: the owner's word (name or address), the server's default, a usual name, else the first writable.

    A further home is for what the first has no place for.
    """
    writable = [one for one in found if one.is_writable]
    if wanted:
        return next((one for one in writable if wanted in (one.name, one.href) or path(wanted) == one.href), None)
    ranked = sorted(
        writable,
        key=lambda one: (one.href != home.default, one.href.startswith(home.others), one.name.casefold() not in _DEFAULT_NAMES),
    )
    return ranked[0] if ranked else None
