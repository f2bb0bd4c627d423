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
VIA_NAME: Final = re.compile(r"\s(?:via|über)\s", re.IGNORECASE)
LIST_NAME: Final = re.compile(r"([^<>\s]+)>?\s*$")
MAILTO: Final = re.compile(r"mailto:([^>?\s]+)", re.IGNORECASE)


@lru_cache(maxsize=1 << 9)
def signal_of(bits: int) -> Signal:
    """Build a flag once: there are few combinations, and making one is slow."""
    return Signal(bits)


def signals(message: MessageMetadata) -> Signal:
    """Read the machine-telling headers of one message."""
    bits = 0
    if message.list_id or message.list_post or message.list_unsubscribe or message.precedence or message.feedback_id:
        bits |= _carrier(message)
    if message.auto_submitted or message.auto_response_suppress or message.return_path == "<>" or message.precedence:
        bits |= _machine(message)
    if message.bulk_headers:
        bits |= _other_headers(message)
    if message.content_type[:1] in "tTmM":
        bits |= _content(message.content_type)
    if message.labels and not PROMOTIONS.isdisjoint(message.labels):
        bits |= Signal.BULK.value
    if message.sender is not None or message.reply_to:
        bits |= _rewritten(message)
    return signal_of(bits)


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


def _carrier(message: MessageMetadata) -> int:
    """Tell a list one can post to from a newsletter: the list names its address, the newsletter only its way out."""
    precedence = message.precedence.strip().lower()
    if precedence == "list" or list_addresses(message):
        return Signal.LIST.value
    bits = 0
    if message.list_id and not message.list_unsubscribe and not message.feedback_id:
        return Signal.LIST.value
    if message.list_unsubscribe:
        bits |= Signal.UNSUBSCRIBE.value
    if message.feedback_id or message.list_id or message.list_post or precedence in {"bulk", "junk"}:
        bits |= Signal.BULK.value
    return bits


def _machine(message: MessageMetadata) -> int:
    """Read what programs say of themselves (RFC 3834, Exchange, the null reverse-path of RFC 5321 4.5.5)."""
    auto_submitted = message.auto_submitted.strip().lower()
    suppress = message.auto_response_suppress.strip().lower()
    if auto_submitted.startswith("auto-replied") or message.precedence.strip().lower() == "auto_reply":
        return Signal.ANSWERED_BY_MACHINE.value
    bits = 0
    if auto_submitted and not auto_submitted.startswith("no"):
        bits |= Signal.AUTOMATIC.value
    if suppress and suppress != "none" and not message.in_reply_to:
        bits |= Signal.AUTOMATIC.value
    if message.return_path == "<>":
        bits |= Signal.BOUNCE.value
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


@lru_cache(maxsize=1 << 10)
def _content(content_type: str) -> int:
    text = content_type.lower()
    if text.startswith("multipart/report"):
        return Signal.ANSWERED_BY_MACHINE.value if "disposition-notification" in text else Signal.BOUNCE.value
    return Signal.CALENDAR.value if text.startswith("text/calendar") or "method=" in text else 0


def _rewritten(message: MessageMetadata) -> int:
    """Tell an assistant's Sender from a list's, and a carrier in From from a person."""
    author = message.from_[0] if message.from_ else None
    if author is None:
        return 0
    bits = 0
    if message.sender is not None and message.sender.email.lower() in CALENDARS:
        bits |= Signal.CALENDAR.value
    elif message.sender is not None and message.sender.email.lower() != author.email.lower() and not message.list_id:
        bits |= Signal.ON_BEHALF.value
    if message.reply_to and (VIA_NAME.search(author.name) or author in list_addresses(message)):
        bits |= Signal.VIA.value
    return bits
