"""What of an old subject is kept: subjects are content, and rules need little of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from rules.facts import MessageMetadata
from rules.introductions import introduction
from rules.people import OwnerKeys
from rules.signals import signals

KEPT: Final = timedelta(days=30)
"""A younger subject is kept whole: answers and reminders are written under it."""


def reduced(message: MessageMetadata, owner: OwnerKeys) -> str:
    """Return the shortest subject under which the rules read the same from an old message.

    An introduction keeps its subject, an answer of a calendar its first word; of all others nothing is left.
    """
    if not message.subject or introduction(message, owner) is not None:
        return message.subject
    prefix, colon, _ = message.subject.partition(":")
    wanted = signals(message)
    candidates = ("", f"{prefix}:", f"{prefix}: @ ") if colon else ("",)
    return next((short for short in candidates if signals(replace(message, subject=short)) == wanted), message.subject)
