"""What a connector may report about mail and calendars: facts in the words of the RFCs, never a judgement."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

Response = Literal["needs-action", "accepted", "declined", "tentative", "delegated", "unknown"]
"""How an attendee answered (RFC 5545 PARTSTAT, Google responseStatus, Graph responseStatus.response)."""

ZoneResolution = Literal["utc", "iana", "windows", "vtimezone", "display-name", "floating", "guessed", "unresolved", "date"]
"""How the zone of an event was found; `guessed` and `unresolved` are to be shown to the owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One mailbox of RFC 5322: the addr-spec as written (domain lower-cased, IDNA) and its decoded display name."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageMetadata:
    """The envelope of one message (RFC 9051 ENVELOPE) and the headers by which machines give themselves away.

    Header fields are verbatim and unfolded, "" where absent; ids carry no angle brackets. Instants are aware UTC.
    There is no field for a body, a snippet or an attachment, and there never will be.
    """

    remote_id: str
    """The provider's id, stable within its feed (UIDVALIDITY:UID, Gmail id, Graph immutable id, file name and offset)."""
    message_id: str
    """Message-ID, or `sha256.<hex>@missing.invalid` made of From, Date, Subject and To where the message has none."""
    sent_at: datetime
    """The Date header, clamped to when the provider received it where it is absurd."""
    sent_offset: timedelta | None = None
    """The UTC offset the Date header states; None for -0000, junk or none."""
    from_: tuple[Address, ...] = ()
    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    recipients: int = 0
    """How many addresses To, Cc and Bcc really name; the tuples hold at most the first 200 of each."""
    subject: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    thread_id: str = ""
    """The provider's own thread (Gmail threadId, Graph conversationId, RFC 8474 THREADID); "" where it has none."""
    labels: frozenset[str] = frozenset()
    """Roles of its folders in RFC 6154 words (`\\Sent`, `\\Drafts`, `\\Junk`, `\\Trash`, `\\Inbox`) and provider labels verbatim (`CATEGORY_PROMOTIONS`)."""
    size: int | None = None
    list_id: str = ""
    list_post: str = ""
    list_unsubscribe: str = ""
    precedence: str = ""
    auto_submitted: str = ""
    auto_response_suppress: str = ""
    return_path: str = ""
    """Verbatim; "<>" is the null reverse-path of a bounce."""
    feedback_id: str = ""
    content_type: str = ""
    """The whole Content-Type value: `text/calendar; method=REQUEST` and `multipart/report` tell machines."""
    bulk_headers: frozenset[str] = frozenset()
    """Lower-case names of other headers only machines write (x-autoreply, x-campaign-id, x-google-group-id, ...)."""

    @property
    def is_sent(self) -> bool:
        """Whether the provider filed it among the owner's sent mail."""
        return "\\Sent" in self.labels

    @property
    def is_draft(self) -> bool:
        """Whether it is an unsent draft."""
        return "\\Drafts" in self.labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """One ATTENDEE (RFC 5545 3.8.4.1) and how they answered."""

    address: Address
    response: Response = "unknown"
    role: str = ""
    """CHAIR, REQ-PARTICIPANT, OPT-PARTICIPANT, NON-PARTICIPANT; "" where unknown."""
    kind: str = ""
    """CUTYPE: INDIVIDUAL, GROUP, RESOURCE, ROOM, UNKNOWN; "" where unknown."""
    sent_by: Address | None = None
    delegated_to: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent:
    """One VEVENT without its description: a single event, the master of a series, or one override of an instance.

    `start` and `end` are aware UTC, or dates when `is_all_day` (end exclusive). A floating time has been read in the
    owner's zone and says so in `zone_resolution`. What the text said stays in `zone` ("" for UTC and dates).
    """

    remote_id: str
    """The provider's id, stable within its feed; master and overrides may share one (a CalDAV href holds them all)."""
    uid: str
    start: datetime | date
    end: datetime | date
    is_all_day: bool = False
    zone: str = ""
    """The zone exactly as the provider wrote it."""
    zone_id: str = ""
    """The IANA zone it was resolved to; "" for UTC, dates and zones known only by their VTIMEZONE."""
    zone_definition: str = ""
    """The VTIMEZONE text where no IANA zone stands for it, so that the series can be expanded later."""
    zone_resolution: ZoneResolution = "utc"
    recurrence: tuple[str, ...] = ()
    """RRULE, RDATE, EXDATE and EXRULE content lines, unfolded, verbatim; empty for single events and overrides."""
    original_start: datetime | date | None = None
    """RECURRENCE-ID / originalStartTime: set on overrides only."""
    is_range: bool = False
    """Whether an override is for this and all future instances (RANGE=THISANDFUTURE)."""
    summary: str = ""
    location: str = ""
    organizer: Address | None = None
    organizer_sent_by: Address | None = None
    attendees: tuple[Attendee, ...] = ()
    attendee_count: int = 0
    """How many attendees there really are; `attendees` holds at most the first 500."""
    has_hidden_attendees: bool = False
    """Whether the provider held attendees back (Google attendeesOmitted, hidden guest lists)."""
    status: Literal["confirmed", "tentative", "cancelled"] = "confirmed"
    is_transparent: bool = False
    """TRANSP:TRANSPARENT or busy status FREE: it takes no time."""
    is_out_of_office: bool = False
    visibility: Literal["public", "private", "confidential"] = "public"
    event_type: str = "default"
    """default, birthday, focusTime, outOfOffice, workingLocation, fromGmail (Google's words, used for all providers)."""
    method: str = ""
    """METHOD of the VCALENDAR it came in; a REPLY is not a meeting, a CANCEL deletes."""
    sequence: int = 0
    updated_at: datetime | None = None
    rekindle_key: str = ""
    """Our own marker (rekindleKey, X-REKINDLE-KEY) where the event carries one."""
    rekindle_by: str = ""
    """Which installation made it (X-REKINDLE-BY): of two, the one connected later sorts higher; "" = it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One instance of an event in time. (uid, original_start) names it for good, also after it was moved."""

    uid: str
    original_start: datetime | date
    start: datetime | date
    end: datetime | date
    is_all_day: bool = False
    is_cancelled: bool = False
    override: CalendarEvent | None = field(default=None)
    """The override that shapes this instance; None where the master (or single event) speaks for it."""
