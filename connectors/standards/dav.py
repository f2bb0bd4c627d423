"""WebDAV as CalDAV needs it: PROPFIND and REPORT with their multistatus answers, hrefs in one form, XML that cannot bite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from connectors.http import Http, joined
from connectors.port import Rejected, Unavailable

DAV, CAL, CS = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
_RESPONSE, _HREF, _STATUS, _PROPSTAT, _PROP = (f"{DAV}{name}" for name in ("response", "href", "status", "propstat", "prop"))
_PROLOG = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*<!(?:DOCTYPE|ENTITY)", re.DOTALL | re.IGNORECASE)
_IN_FORM = re.compile(r"(?:/[A-Za-z0-9@:!$&'()*+,;=~._-]+)+/?")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@:!$&'()*+,;=~-._")
"""What is never escaped in our form of an href; a slash that is escaped parts no folders (RFC 3986 2.2)."""
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_SPACES = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:cs="http://calendarserver.org/ns/"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One response of a multistatus: its path, its status, and the properties that were found."""

    href: str
    status: int
    props: Mapping[str, ET.Element]
    refused: Mapping[str, int] = field(default_factory=dict)
    """The status of each property that was not found; of "" where it names none."""

    def text(self, name: str) -> str:
        """Return the text of a property, "" where it is absent."""
        found = self.props.get(name)
        return (found.text or "").strip() if found is not None else ""

    def href_in(self, name: str) -> str:
        """Return the first href inside a property."""
        return next(iter(self.hrefs_in(name)), "")

    def hrefs_in(self, name: str) -> Sequence[str]:
        """Return the hrefs inside a property."""
        found = self.props.get(name)
        inner = found.iterfind(f".//{DAV}href") if found is not None else ()
        return [href for one in inner if (href := (one.text or "").strip())]

    def has(self, name: str, child: str) -> bool:
        """Tell whether a property contains an element anywhere inside."""
        found = self.props.get(name)
        return found is not None and found.find(f".//{child}") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Multistatus:
    """A 207 answer (RFC 4918 13): its resources and, for sync-collection, the new token (RFC 6578)."""

    resources: Sequence[Resource]
    token: str = ""
    at: str = ""
    """Who answered, after all redirects: what the hrefs in it start from."""


class Refused(Exception):
    """A status the caller has its own answer to: 403, 404, 409, 412, 415, 418, 507, ..."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text[:200]}")
        self.status, self.text = status, text


BOTH_MARKS = ("d:sync-token", "cs:getctag")


class Dav:
    """Requests to one server, addresses relative to its root."""

    def __init__(self, http: Http, base: str, *, has_sync: bool = True) -> None:
        self._http, self._base = http, base
        self.marks: tuple[str, ...] = ("d:sync-token",) if has_sync else BOTH_MARKS
        """The properties that change with a calendar. To work out one more, some servers read every event."""

    @property
    def server_time(self) -> datetime | None:
        """The server's own clock at its last answer; None before the first."""
        return self._http.server_time

    def url(self, href: str) -> str:
        """Make an href absolute. Raises Rejected where it is somebody else's: the password goes with every request."""
        target = joined(self._base, href)
        self._http.check_way(self._base, target)
        return target

    def moved_to(self, url: str) -> None:
        """Take another root from now on (discovery ended on another host of the same owner)."""
        self._base = url

    def propfind(self, href: str, props: Sequence[str], depth: int) -> Multistatus:
        """Ask for properties (`d:displayname`, `c:calendar-home-set`, ...)."""
        wanted = "".join(f"<{name}/>" for name in props)
        body = f"{_HEAD}<d:propfind {_SPACES}><d:prop>{wanted}</d:prop></d:propfind>"
        return self.xml("PROPFIND", href, body, depth)

    def report(self, href: str, inner: str, root: str, depth: int) -> Multistatus:
        """Send a REPORT whose root element is `root` and whose content is `inner`."""
        return self.xml("REPORT", href, f"{_HEAD}<{root} {_SPACES}>{inner}</{root}>", depth)

    def xml(self, method: str, href: str, body: str, depth: int) -> Multistatus:
        """Send XML, read a multistatus; anything but 207 is Refused, and a 207 that is none is the server's fault."""
        headers = {"Content-Type": "application/xml; charset=utf-8", "Depth": str(depth)}
        answer = self._http.send(method, self.url(href), headers=headers, body=body.encode())
        if answer.status_code != 207:  # noqa: PLR2004 - Multi-Status
            if answer.ok:
                message = "The calendar server answered with a page instead of calendar data."
                raise Rejected(message, remedy="Check the address: it should be the server's CalDAV address, not its web page.")
            raise Refused(answer.status_code, answer.text)
        return replace(parse(answer.content), at=answer.url)

    def raw(
        self, method: str, href: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send GET, PUT, DELETE or OPTIONS; gives status, headers and content of any answer."""
        answer = self._http.send(method, self.url(href), headers=headers, body=body)
        return answer.status_code, answer.headers, answer.content


def parse(content: bytes) -> Multistatus:
    """Read a multistatus; refuses a DOCTYPE (entities could grow without bound) and what is no XML."""
    if _PROLOG.search(content[:4096]):
        message = "The calendar server's answer declares a document type, which is refused."
        raise Rejected(message, remedy="Tell the server's administrator.")
    try:
        root = ET.fromstring(content)  # noqa: S314 - no DOCTYPE, so no entities
    except ET.ParseError as error:
        message = "The calendar server's answer is broken XML."
        raise Unavailable(message) from error
    return Multistatus(resources=tuple(_resources(root)), token=(root.findtext(f"{DAV}sync-token") or "").strip())


def _resources(root: ET.Element) -> Iterator[Resource]:
    for response in root.iterfind(_RESPONSE):
        found: dict[str, ET.Element] = {}
        refused: dict[str, int] = {}
        hrefs, said = [], ""
        for child in response:
            tag = child.tag
            if tag == _HREF:
                hrefs.append(path(child.text or ""))
            elif tag == _STATUS:
                said = said or child.text or ""
            elif tag == _PROPSTAT:
                named = {prop.tag: prop for props in child if props.tag == _PROP for prop in props}
                told = child.findtext(_STATUS) or " 200"
                if " 200" in told:
                    found.update(named)
                else:
                    refused.update(dict.fromkeys(named or ("",), _status(told)))
        for href in hrefs:
            yield Resource(href=href, status=(said and _status(said)) or 200, props=found, refused=refused)


def _status(line: str) -> int:
    """Read the number in a status line; 0 where it has none."""
    found = re.search(r"\s(\d{3})\b", line)
    return int(found[1]) if found else 0


def path(href: str) -> str:
    """Bring an href into one form: no host, percent-encoded the same way everywhere; a collection keeps its slash."""
    if _IN_FORM.fullmatch(href):
        return href
    try:
        found = urlsplit(href.strip()).path
    except ValueError:  # it is no address, and nothing lies there
        found = href
    return _ESCAPE.sub(_in_form, quote(found, safe="/%@:!$&'()*+,;=~-._"))


def _in_form(escape: re.Match[str]) -> str:
    if not escape[1]:
        return "%25"
    letter = chr(int(escape[1], 16))
    return letter if letter in _PLAIN else escape[0].upper()
