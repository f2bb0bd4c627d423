"""Dead addresses: a bounce for good, or an automatic answer that somebody has left; no lapse, but a question."""

from __future__ import annotations

import re
from typing import Final

from rules.addresses import match_key
from rules.facts import MessageMetadata
from rules.people import OwnerKeys
from rules.signals import Signal, signals

DELAY: Final = re.compile(r"delay|warning|relayed|success|verzöger|retard[ée]", re.IGNORECASE)
GONE: Final = re.compile(
    r"no longer (?:with|at|work|employ)|has left|have left|left the company|nicht mehr (?:bei|im unternehmen|tätig|für)|ausgeschieden"
    r"|verlassen|ne (?:travaille|fait) plus|a quitté",
    re.IGNORECASE,
)


def is_delivery_failure(message: MessageMetadata) -> bool:
    """Tell a bounce for good (RFC 3464) from a mere delay or a receipt."""
    text = message.content_type.lower()
    is_report = text.startswith("multipart/report") and "delivery-status" in text
    return is_report and not DELAY.search(message.subject)


def dead_address(message: MessageMetadata, answered: MessageMetadata | None, owner: OwnerKeys) -> str:
    """Return the match key of the address a message shows to be dead, "" if it shows none.

    `answered` is the owner's message it answers (In-Reply-To or the last of References), None where it is not known:
    a bounce speaks for an address only if the owner wrote to nobody else, for it does not say in its header who failed.
    """
    if is_delivery_failure(message):
        return _only_recipient(answered, owner)
    if signals(message) & Signal.ANSWERED_BY_MACHINE and GONE.search(message.subject) and message.from_:
        key = match_key(message.from_[0].email)
        return "" if key in owner.keys else key
    return ""


def _only_recipient(answered: MessageMetadata | None, owner: OwnerKeys) -> str:
    if answered is None or not answered.from_ or match_key(answered.from_[0].email) not in owner.keys:
        return ""
    parties = (*answered.to, *answered.cc, *answered.bcc)
    keys = {match_key(address.email) for address in parties} - owner.keys
    return keys.pop() if len(keys) == 1 and answered.recipients <= len(parties) else ""
