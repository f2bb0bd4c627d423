"""Introductions read from mail: who brought whom together, and only where the first contact bears it out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rules.addresses import match_key
from rules.facts import Address, MessageMetadata
from rules.names import clean_name, tokens
from rules.people import OwnerKeys, observe

MOST: Final = 3
"""People introduced at once; with more it is an announcement."""

ARROW: Final = re.compile(r"\w\s*(?:<\s*-?\s*>|↔|⇄|<=>)\s*\w")
MEET: Final = re.compile(r"\b(?:meet|meets|trifft|rencontre)\b", re.IGNORECASE)
WORD: Final = re.compile(
    r"\b(?:e-?intros?|intros?|introduction|introducing|introduce|vorstellung|vorstellen|kennenlernen|mise en relation"
    r"|présentation|presentación)\b",
    re.IGNORECASE,
)
FEW_WORDS: Final = 2
"""A subject of at most so many words needs no name in it: "Intro", "Quick introduction"."""
AT_ONCE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """One message that brought people together; the owner among them or as the one who did it."""

    message_id: str
    at: datetime
    introducer: str
    """Match key; one of the owner's where the owner made it."""
    introduced: tuple[str, ...]
    """Match keys of those brought together, the owner left out; ascending."""
    is_made_by_owner: bool


def introduction(message: MessageMetadata, owner: OwnerKeys) -> Introduction | None:
    """Read a message that begins a conversation as an introduction, None if it is none or in doubt.

    It is personal, names one to three others beside the owner and its author (two or three if the owner wrote it), and
    its subject says so: "Anna <> Olivia", "Anna, meet Ben", or a word for it beside one of the names.
    """
    seen = observe(message, owner)
    is_personal = seen.direction in {"in", "out"} and not seen.signals
    if not is_personal or message.in_reply_to or message.references:
        return None
    parties = {match_key(address.email): address for address in (*message.to, *message.cc)}
    is_made = seen.direction == "out"
    others = {key: address for key, address in parties.items() if key and key not in owner.keys and key != seen.author}
    is_asked = is_made or not owner.keys.isdisjoint(parties)
    if not is_asked or not (1 + is_made <= len(others) <= MOST) or message.recipients > len(parties):
        return None
    if not _says_so(message.subject, others.values()):
        return None
    return Introduction(
        message_id=message.message_id,
        at=message.sent_at,
        introducer=seen.author,
        introduced=tuple(sorted(others)),
        is_made_by_owner=is_made,
    )


def may_introduce(subject: str) -> bool:
    """Tell cheaply whether a subject could be an introduction's; `introduction` decides."""
    return any(words.search(subject) for words in (ARROW, WORD, MEET))


def _says_so(subject: str, others: Iterable[Address]) -> bool:
    if ARROW.search(subject):
        return True
    words = set(tokens(subject))
    names = {token for address in others for token in (*tokens(clean_name(address.name)), *tokens(address.email.partition("@")[0]))}
    is_named = any(len(name) > len("de") and name in words for name in names)
    if WORD.search(subject):
        return is_named or len(words) <= FEW_WORDS
    return is_named and MEET.search(subject) is not None


def introduced_by(
    keys: Iterable[str],
    first_at: datetime | None,
    introductions: Iterable[Introduction],
    known_since: Callable[[str], datetime | None],
) -> Introduction | None:
    """Find who introduced a person to the owner: the earliest introduction that the history bears out, None if none does.

    `keys` and `first_at` are the person's addresses and first contact with the owner (None: none yet); `known_since`
    gives the first contact with an introducer. The person must not have been known a day before, and the introducer
    must have been: a wrong thank-you costs more than none.
    """
    mine = set(keys)
    for each in sorted(introductions, key=lambda each: (each.at, each.message_id)):
        since = known_since(each.introducer)
        is_new = first_at is None or first_at >= each.at - AT_ONCE
        is_known = since is not None and since < each.at
        if (
            not each.is_made_by_owner
            and is_new
            and is_known
            and not mine.isdisjoint(each.introduced)
            and each.introducer not in mine
        ):
            return each
    return None
