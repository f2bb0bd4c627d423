"""What a connector reported as every database stores it: without NUL and halves of characters, under names no index refuses."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass, replace
from operator import attrgetter
from typing import Any, Final, TypeVar, overload

from rules.facts import CalendarEvent, MessageMetadata
from worker.store.mapping import plain
from worker.store.message_facts import LISTS, TEXTS

LONGEST_NAME: Final = 1000
"""Bytes of an id: in PostgreSQL an entry of an index, which may hold two, has 2,704. RFC 5322 2.1.1 and RFC 7986 5.3 want fewer."""
SHORT: Final = LONGEST_NAME // 4
"""Characters that are never more bytes than that."""
Value = TypeVar("Value")

_texts_of = attrgetter("remote_id", "message_id", "subject", *(name for _, name in TEXTS))
_ids_of = attrgetter("in_reply_to", "references", "labels", "bulk_headers")
_people_of = attrgetter(*(name for _, name in LISTS))


@overload
def storable(fact: MessageMetadata) -> MessageMetadata: ...
@overload
def storable(fact: CalendarEvent) -> CalendarEvent: ...


def storable(fact: MessageMetadata | CalendarEvent) -> MessageMetadata | CalendarEvent:
    """Return a fact as it is, or where it holds what no database stores without that: what is seen is what is stored of it."""
    if isinstance(fact, CalendarEvent):
        clean = _cleaned(fact)
        return replace(clean, uid=name(clean.uid), remote_id=name(clean.remote_id))
    if _is_clean(fact):
        return fact
    mail = _cleaned(fact)
    parents, chain = tuple(map(name, mail.in_reply_to)), tuple(map(name, mail.references))
    return replace(mail, remote_id=name(mail.remote_id), message_id=name(mail.message_id), in_reply_to=parents, references=chain)


def name(text: str) -> str:
    """Return an id as it is stored: one that is absurdly long ends with a digest of itself. Idempotent."""
    text = plain(text)
    raw = text.encode() if len(text) > SHORT else b""
    if len(raw) <= LONGEST_NAME:
        return text
    digest = hashlib.sha256(raw).hexdigest()
    return raw[: LONGEST_NAME - len(digest)].decode("utf-8", "ignore") + digest


def _is_clean(message: MessageMetadata) -> bool:
    """Tell whether all is printable and no id long, and so not to be looked at closer, as nearly all mail is."""
    if len(message.message_id) > SHORT or len(message.remote_id) > SHORT or not "".join(_texts_of(message)).isprintable():
        return False
    for texts in _ids_of(message):
        if texts and not ("".join(texts).isprintable() and max(map(len, texts)) <= SHORT):
            return False
    for people in (*_people_of(message), () if message.sender is None else (message.sender,)):
        for each in people:
            if not (each.email.isprintable() and each.name.isprintable()):
                return False
    return True


def _cleaned(value: Value) -> Value:
    """Clean every text in a value, however deep."""
    found: Any = value
    if isinstance(found, str):
        found = plain(found)
    elif isinstance(found, (tuple, frozenset)):
        found = type(found)(map(_cleaned, found))
    elif is_dataclass(found) and not isinstance(found, type):
        found = replace(found, **{each.name: _cleaned(getattr(found, each.name)) for each in fields(found)})
    return found  # type: ignore[no-any-return]  # of the same kind
