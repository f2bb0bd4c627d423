"""What a rule may look at: the owner, the persons due with their history, the ledger and busy time; never the mailbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal

from rules.facts import Address, Response
from rules.promises import Promise
from rules.rhythm import Contact
from rules.social import Social, SocialTime
from rules.suggestions import CloseReason, State
from rules.wishes import Wishes

Kind = Literal["owner", "human", "machine", "list", "room", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The person a mailbox belongs to, and what they told us about themselves."""

    name: str
    """The NAME of [owners.NAME]."""
    full_name: str = ""
    addresses: tuple[Address, ...] = ()
    """All addresses of the owner; the first is the default From."""
    domains: frozenset[str] = frozenset()
    """The owner's organisation: everyone under these domains is internal. Never a free-mail domain."""
    zone: str = "UTC"
    home: str = ""
    """The city the owner works in; "" = the one their zone is named for. A stay elsewhere is a trip."""
    language: str = "en"
    signature: str = ""
    signature_html: str = ""
    """The signature for mail written in HTML, as the owner wrote it; "" = the plain one."""
    hours: tuple[time, time] = (time(9), time(18))
    """Local working hours; drafts and holds appear inside them."""
    workdays: frozenset[int] = frozenset({0, 1, 2, 3, 4})
    """Monday is 0; Friday-Saturday weekends are {6, 0, 1, 2, 3}."""
    holidays: frozenset[date] = frozenset()
    no_go: tuple[tuple[time, time], ...] = ()
    """Local times of day no hold is put on (lunch, the school run)."""
    social: tuple[SocialTime, ...] = ()
    """What of a week is there for people; empty = any working hour, and only the caps count."""
    wishes: Wishes = field(default_factory=Wishes)
    """What the owner wants for whole circles and organisations."""
    is_hold_tentative: bool = False
    """Holds are tentative and take the time; False = the time stays free to others."""
    never_words: tuple[str, ...] = ()
    """Title words the owner wants left alone, besides the built-in care."""
    never_domains: frozenset[str] = frozenset()
    """Organisations the owner wants left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A human with one or more addresses."""

    id: str
    name: str
    """Best display name, "" where none was ever seen."""
    addresses: tuple[str, ...]
    """Match keys (rules.people.match_key), the preferred one first."""
    written: tuple[Address, ...] = ()
    """The same addresses as last written, in the same order; empty = mail goes to the match keys."""
    kind: Kind = "human"
    reason: str = ""
    """Why it is of that kind, in one clause."""
    first_name: str = ""
    """Only when it is certain; "" makes the greeting neutral."""
    circle: str = ""
    """operational, personal, strategic or the owner's own word; "" where unknown."""
    is_internal: bool = False
    cadence: timedelta | None = None
    """The gap the owner wants; None = the person's own rhythm counts."""
    is_key: bool = False
    """Named by the owner as a key contact."""
    is_muted: bool = False
    """never-list, left, died, in dispute or told to stop: everywhere silent."""
    mute_reason: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """One attendee of a meeting, as far as we know who that is."""

    address: Address
    person_id: str = ""
    """"" for rooms, lists, machines and the owner."""
    kind: Kind = "unknown"
    response: Response = "unknown"
    is_organizer: bool = False
    is_internal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One occurrence with at least one other human in it."""

    uid: str
    original_start: datetime | date
    """As first seen; with uid the cause of everything the meeting gives rise to."""
    start: datetime
    end: datetime
    title: str
    guests: tuple[Guest, ...]
    size: int
    """Humans incl. the owner who did not decline."""
    owner_response: Response = "unknown"
    is_organized_by_owner: bool = False
    is_private: bool = False
    is_recurring: bool = False
    organizer: Address | None = None
    location: str = ""
    confidence: float = 1.0
    """How sure we are that it took place, 0 to 1."""
    evidence: str = ""
    """The clause that says why it counts as held, or why not."""
    account: str = ""
    """The account that saw it first."""
    account_connected_at: datetime | None = None
    has_hidden_attendees: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheld:
    """An occurrence that is no meeting the two had, and why."""

    uid: str
    original_start: datetime | date
    start: datetime | date
    reason: str
    """One clause, as rules.interactions.NotHeld words it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One recent message between the owner and a person, as far as rules need it."""

    message_id: str
    at: datetime
    direction: Literal["in", "out"]
    subject: str = ""
    author: str = ""
    """Match key of the author."""
    others: tuple[str, ...] = ()
    """Match keys of everyone else on it but the owner."""
    is_copy: bool = False
    """Whether the owner was only copied on what others wrote to each other."""
    recipients: int = 1
    thread: str = ""
    """One name for the whole conversation; provider's thread id or the root Message-ID."""
    thread_id: str = ""
    """The provider's own thread id where it has one, for placing a reply."""
    references: tuple[str, ...] = ()
    in_reply_to: str = ""
    account: str = ""
    to_alias: str = ""
    """The owner's address it was sent to or from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """An earlier suggestion for the person, as the ledger remembers it."""

    key: str
    rule: str
    cause: str
    state: State
    action: Literal["draft", "hold", "invite"]
    created_at: datetime
    close_reason: CloseReason | None = None
    closed_at: datetime | None = None
    at: datetime | None = None
    """When the draft was due or the hold begins."""
    addresses: tuple[str, ...] = ()
    """Match keys of everyone the action is addressed to or about; a draft to several guests counts for each."""
    text_mark: str = ""
    """rules.keys.text_mark of a draft."""
    message_id: str = ""
    """Message-ID of a draft."""
    until: datetime | None = None
    """When the hold ends; None = for a draft."""
    social: Social | None = None
    """The kind of social time a hold takes up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A span the owner is elsewhere, or at an event with many people."""

    uid: str
    title: str
    start: datetime
    end: datetime
    place: str = ""
    """City as the calendar names it; "" where it cannot be told."""
    is_conference: bool = False
    zone: str = ""
    """IANA zone there where it is another than the owner's; "" = their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """The owner and one person: everything a rule may know about the two."""

    person: Person
    contacts: Sequence[Contact] = ()
    """Mail and held meetings in order of time; the input of rules.rhythm. Nothing in the future."""
    meetings: Sequence[Meeting] = ()
    """Held meetings of the last 90 days, newest first."""
    meetings_held: int = 0
    """All held meetings ever seen."""
    one_to_ones_held: int = 0
    previous_meeting_at: datetime | None = None
    """End of the newest held meeting before those in `meetings`."""
    next_meeting: Meeting | None = None
    mails: Sequence[Mail] = ()
    """Messages of the last 90 days, newest first, at most 50."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    """Last interaction of either kind; never in the future."""
    last_in_at: datetime | None = None
    last_out_at: datetime | None = None
    interactions: int = 0
    is_covered: bool = True
    """Whether everything since the last interaction has been read; only then may silence be judged."""
    episode: int = 0
    ledger: Sequence[Past] = ()
    dead_addresses: frozenset[str] = frozenset()
    """Addresses that bounced or whose holder has left."""
    snoozed_until: datetime | None = None
    away: Sequence[tuple[datetime, datetime]] = ()
    """When nobody could expect them to be in touch (rules.absences): taken out of every silence."""
    busy: Sequence[Busy] = ()
    """When a colleague's calendar says they are busy, as far as anybody could tell; nothing known is not free."""
    offsets: Mapping[int, int] = field(default_factory=dict)
    """UTC offset in minutes of their Date headers -> how often seen."""
    gives: int = 0
    asks: int = 0
    unheld: Sequence[Unheld] = ()
    """Occurrences of the last 14 days that do not count as held, newest first: only `why-not` looks here."""
    stopped_rules: frozenset[str] = frozenset()
    """Rules the owner stopped for this person; "*" = every rule."""
    introduced_by: str = ""
    """Id of the person who introduced the two; "" where unknown."""
    introduced_at: datetime | None = None
    missed_one_to_ones: int = 0
    """One-to-ones in a row, since the last held one, that were cancelled or declined."""
    promises: Sequence[Promise] = ()
    """Open promises of the owner to this person."""
    last_met_place: str = ""
    """City of the last held meeting that had one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A span the owner is not free in."""

    start: datetime
    end: datetime
    is_meeting: bool = False
    """Counts towards the meeting hours of its day."""
    is_leave: bool = False
    """Out of office, holiday: nothing is put on it nor in the two days after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The part of the owner's network that is due for a decision."""

    owner: Owner
    relations: Sequence[Relation] = ()
    """Whoever shared a meeting of the last five days with a person due is due as well: one draft may greet both."""
    busy: Sequence[Busy] = ()
    """From the start of today to the horizon of slots, ascending by start."""
    ledger: Sequence[Past] = ()
    """All suggestions of the owner that are open or were created in the last 90 days, for the caps, and drafts ever sent."""
    started_at: datetime | None = None
    """When the owner set Rekindle up: the first 14 days run at half the caps."""
    modes: Mapping[str, Literal["create", "review", "off"]] = field(default_factory=dict)
    """Rules whose mode feedback or the owner has changed."""
    discarded: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Per rule: how many of the last five finished suggestions the owner discarded, of how many."""
    shift: float = 0.0
    """Self-calibration of the lapse intercept for this owner, within +-1.5."""
    days_off: Mapping[str, frozenset[date]] = field(default_factory=dict)
    """Public holidays by country, two letters: a hold avoids those of the other side."""
    trips: Sequence[Trip] = ()
    """From 14 days ago to the horizon of slots, ascending by start."""
    month: Sequence[str] = ()
    """Ids of the people of this month, as they were chosen."""
    history_since: datetime | None = None
    """How far back mail and calendars have been read; None = all there is. "First" and "in years" are said only inside it."""
    is_retrospective: bool = False
    """demo, try and back-test: meetings that ended before the account was connected count too."""
