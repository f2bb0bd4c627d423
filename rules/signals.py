"""What the headers of one message say about the machine that wrote or carried it."""

from __future__ import annotations

import re
from enum import IntFlag, auto
from functools import lru_cache
from typing import Final

from rules.facts import Address, MessageMetadata


class Signal(IntFlag):
    """What one message says about the machine that wrote or carried it; the numbers are stored, so only append."""

    LIST = auto()
    """It came through a mailing list one can post to (RFC 2369, RFC 2919)."""
    BULK = auto()
    """Precedence: bulk or junk without such a list, Feedback-ID, campaign headers, Gmail's promotions."""
    UNSUBSCRIBE = auto()
    """List-Unsubscribe without such a list: a newsletter, or a human who sells."""
    AUTOMATIC = auto()
    """Auto-Submitted: auto-generated (RFC 3834) or a header only programs write."""
    ANSWERED_BY_MACHINE = auto()
    """An out-of-office answer or a receipt."""
    BOUNCE = auto()
    """A delivery report (RFC 3464) or a null reverse-path."""
    CALENDAR = auto()
    """An invitation or an answer to one: the calendar counts it, mail does not."""
    VIA = auto()
    """A list or relay put itself into From; the person is in Reply-To or in the name."""
    ON_BEHALF = auto()
    """Sender is somebody else than From: an assistant wrote."""


GROUP_HEADERS: Final = frozenset({"x-google-group-id", "x-mailing-list", "mailing-list", "x-mailman-version", "x-beenthere"})
ANSWER_HEADERS: Final = frozenset({"x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-vacation"})
CALENDAR_HEADERS: Final = frozenset({"content-class"})
"""A connector reports Content-Class only where it says calendarmessage."""
BULK_HEADERS: Final = ("x-campaign", "x-mailgun", "x-sg-", "x-ses-", "x-mc-", "x-mailchimp", "x-marketo", "x-hubspot", "x-bulk")
PROMOTIONS: Final = frozenset({"CATEGORY_PROMOTIONS", "CATEGORY_UPDATES", "CATEGORY_SOCIAL"})
CALENDARS: Final = frozenset({"calendar-notification@google.com"})
VIA_NAME: Final = re.compile(r"(?:^|[\s(])(?:via|über)\s", re.IGNORECASE)
ANSWERS: Final = frozenset(
    {
        "Accepted",
        "Declined",
        "Tentative",
        "Tentatively accepted",
        "Zugesagt",
        "Abgesagt",
        "Mit Vorbehalt",
        "Accepté",
        "Refusé",
        "Aceptado",
    }
)
INVITATIONS: Final = frozenset(
    {
        "Invitation",
        "Updated invitation",
        "Canceled event",
        "Cancelled event",
        "Einladung",
        "Aktualisierte Einladung",
        "Abgesagter Termin",
    }
)
"""Subjects calendars write, in the languages we ship and a few more; a weak sign, where the body cannot be looked at."""
LIST_NAME: Final = re.compile(r"([^<>\s]+)>?\s*$")
MAILTO: Final = re.compile(r"mailto:([^>?\s]+)", re.IGNORECASE)


@lru_cache(maxsize=1 << 9)
def signal_of(bits: int) -> Signal:
    """Build a flag once: there are few combinations, and making one is slow."""
    return Signal(bits)


def signals(message: MessageMetadata) -> Signal:
    """Read the machine-telling headers of one message."""
    return read(message)[0]


def read(message: MessageMetadata) -> tuple[Signal, tuple[Address, ...]]:
    """Read the machine-telling headers of one message, and the addresses they name as lists."""
    lists = list_addresses(message) if message.list_id or message.list_post else ()
    bits = 0
    if message.list_id or message.list_post or message.list_unsubscribe or message.precedence or message.feedback_id:
        bits |= _carrier(message, lists)
    if message.auto_submitted or message.auto_response_suppress or message.return_path == "<>" or message.precedence:
        is_reply = bool(message.in_reply_to)
        bits |= _machine(
            message.auto_submitted, message.auto_response_suppress, message.precedence, message.return_path == "<>", is_reply
        )
    if message.bulk_headers:
        bits |= _other_headers(message)
    if message.content_type:
        bits |= _content(message.content_type)
    if message.labels and not PROMOTIONS.isdisjoint(message.labels):
        bits |= Signal.BULK.value
    if message.sender is not None or message.reply_to:
        bits |= _rewritten(message, lists)
    if ":" in message.subject and is_a_calendars(message.subject):
        bits |= Signal.CALENDAR.value
    return signal_of(bits), lists


def is_a_calendars(subject: str) -> bool:
    """Tell whether a calendar wrote the subject: an invitation or an answer to one."""
    prefix, colon, rest = subject.partition(":")
    return colon != "" and (prefix in ANSWERS or (prefix in INVITATIONS and " @ " in rest))


def list_addresses(message: MessageMetadata) -> tuple[Address, ...]:
    """Return the addresses among From, To and Cc that the list headers name, else the one of List-Post; each once."""
    if not message.list_id and not message.list_post:
        return ()
    named, post = _named(message.list_id, message.list_post)
    found = {a.email: a for part in (message.to, message.cc, message.from_[:1]) for a in part if a.email in named}
    return tuple(found.values()) or ((Address(email=post),) if post else ())


@lru_cache(maxsize=1 << 12)
def _named(list_id: str, list_post: str) -> tuple[frozenset[str], str]:
    """Return the addresses a list may be known by, and the one to post to.

    List-Id is the address with a dot for the @ wherever list software makes it (RFC 2919 3 advises it).
    """
    name = LIST_NAME.search(list_id)
    posted = MAILTO.search(list_post)
    ids = {name.group(1).replace(".", "@", 1)} if name else set()
    post = posted.group(1) if posted else ""
    return frozenset({spelled for text in {*ids, post} - {""} for spelled in (text, text.lower())}), post.lower()


def _carrier(message: MessageMetadata, lists: tuple[Address, ...]) -> int:
    """Tell a list one can post to from a newsletter: list software names its address or sets Precedence, and no Feedback-ID."""
    precedence = message.precedence.strip().lower()
    if precedence == "list" or lists:
        return Signal.LIST.value
    if message.list_id and not message.feedback_id and (precedence or not message.list_unsubscribe):
        return Signal.LIST.value
    bits = Signal.UNSUBSCRIBE.value if message.list_unsubscribe else 0
    if message.feedback_id or message.list_id or message.list_post or precedence in {"bulk", "junk"}:
        bits |= Signal.BULK.value
    return bits


@lru_cache(maxsize=1 << 10)
def _machine(auto_submitted: str, suppress: str, precedence: str, is_null: bool, is_reply: bool) -> int:  # noqa: FBT001 - the key of a cache
    """Read what programs say of themselves (RFC 3834, Exchange, the null reverse-path of RFC 5321 4.5.5)."""
    said, kept_back = auto_submitted.strip().lower(), suppress.strip().lower()
    if said.startswith("auto-replied") or precedence.strip().lower() == "auto_reply":
        return Signal.ANSWERED_BY_MACHINE.value
    bits = Signal.BOUNCE.value if is_null else 0
    if (said and not said.startswith("no")) or (kept_back and kept_back != "none" and not is_reply):
        bits |= Signal.AUTOMATIC.value
    return bits


def _other_headers(message: MessageMetadata) -> int:
    bits = 0
    for header in message.bulk_headers:
        if header in GROUP_HEADERS:
            bits |= Signal.LIST.value
        elif header in ANSWER_HEADERS:
            bits |= Signal.ANSWERED_BY_MACHINE.value
        elif header in CALENDAR_HEADERS:
            bits |= Signal.CALENDAR.value
        elif header.startswith(BULK_HEADERS):
            bits |= Signal.BULK.value
        else:
            bits |= Signal.AUTOMATIC.value
    return bits


def _content(content_type: str) -> int:
    start = content_type[:16].lower()
    if start == "multipart/report":
        return (Signal.ANSWERED_BY_MACHINE if "disposition-notification" in content_type.lower() else Signal.BOUNCE).value
    return Signal.CALENDAR.value if start.startswith("text/calendar") else 0


def _rewritten(message: MessageMetadata, lists: tuple[Address, ...]) -> int:
    """Tell an assistant's Sender from a list's, and a carrier in From from a person."""
    author = message.from_[0] if message.from_ else None
    if author is None:
        return 0
    bits = 0
    sender = "" if message.sender is None else message.sender.email.lower()
    if sender in CALENDARS:
        bits |= Signal.CALENDAR.value
    elif sender and sender != author.email.lower() and not message.list_id and not message.precedence:
        bits |= Signal.ON_BEHALF.value
    if message.reply_to and (VIA_NAME.search(author.name) or author in lists):
        bits |= Signal.VIA.value
    return bits
