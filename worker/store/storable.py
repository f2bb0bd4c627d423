"""What a connector reported as every database stores it: without NUL and halves of characters, under names no index refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeVar, overload

from rules.facts import CalendarEvent, MessageMetadata
from worker.store.mapping import plain

LONGEST_NAME: Final = 1000
"""Bytes of an id: in PostgreSQL an entry of an index, which may hold two, has 2,704. RFC 5322 2.1.1 and RFC 7986 5.3 want fewer."""
SHORT: Final = LONGEST_NAME // 4
"""Characters that are never more bytes than that."""
Value = TypeVar("Value")


@overload
def storable(fact: MessageMetadata) -> MessageMetadata: ...
@overload
def storable(fact: CalendarEvent) -> CalendarEvent: ...


def storable(fact: MessageMetadata | CalendarEvent) -> MessageMetadata | CalendarEvent:
    """Return a fact as it is, or where it holds what no database stores without that: what is seen is what is stored of it."""
    if isinstance(fact, CalendarEvent):
        clean = _cleaned(fact)
        return replace(clean, uid=name(clean.uid), remote_id=name(clean.remote_id))
    mail = _cleaned(fact)
    parents, chain = tuple(map(name, mail.in_reply_to)), tuple(map(name, mail.references))
    mail = replace(mail, remote_id=name(mail.remote_id), message_id=name(mail.message_id), in_reply_to=parents, references=chain)
    return fact if mail == fact else mail


def name(text: str) -> str:
    """Return an id as it is stored: one that is absurdly long ends with a digest of itself. Idempotent."""
    text = plain(text)
    raw = text.encode() if len(text) > SHORT else b""
    if len(raw) <= LONGEST_NAME:
        return text
    import hashlib  # noqa: PLC0415 - few ids are that long, and it takes 3 MB of every process that reads mail

    digest = hashlib.sha256(raw).hexdigest()
    return raw[: LONGEST_NAME - len(digest)].decode("utf-8", "ignore") + digest


def is_written_clean(message: MessageMetadata, texts: Sequence[str], facts: str) -> bool:
    """Tell by what is written of a message, its labels aside, that it is storable as it is: as nearly all mail is."""
    return (
        "".join((*texts, facts)).isprintable()
        and "\\u0000" not in facts
        and len(message.message_id) <= SHORT
        and len(message.remote_id) <= SHORT
        and are_clean(message.labels)
        and all(len(each) <= SHORT for each in message.in_reply_to)
        and all(len(each) <= SHORT for each in message.references)
    )


def is_event_clean(event: CalendarEvent, text: str) -> bool:
    """Tell by its JSON that a calendar event is storable as it is, as nearly all are."""
    return plain(text) is text and "\\u0000" not in text and len(event.uid) <= SHORT and len(event.remote_id) <= SHORT


@lru_cache(maxsize=1 << 10)
def are_clean(labels: frozenset[str]) -> bool:
    """Tell whether labels are storable as they are."""
    return "".join(labels).isprintable()


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
