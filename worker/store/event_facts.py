"""The facts of a calendar event as one line of JSON, put together from its parts: to make a dict of them first takes twice as long."""

from __future__ import annotations

import json.encoder
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Final

from rules.facts import Address, Attendee, CalendarEvent
from worker.store.mapping import iso

_quoted: Callable[[str], str] = vars(json.encoder)["encode_basestring"]


class EventWriter:
    """Writes events as the encoder of `json_lines` would: keys in order, what is usual left out.

    For the events of one page: the same attendees come with many of them, and each is written once.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._known: dict[int, tuple[Attendee, str]] = {}
        """By identity, each with the attendee it is of, so that no other takes its place."""
        special = {"attendees": self._attendees}
        self._writers = tuple(special.get(name, write) for name, write in _FIELDS)

    def text(self, event: CalendarEvent) -> str:
        """Write one event."""
        parts = [
            key + write(value)
            for key, write, value, usual in zip(_KEYS, self._writers, _values_of(event), _USUAL, strict=True)
            if value != usual
        ]
        return "{" + ",".join(parts) + "}"

    def _attendees(self, found: Iterable[Attendee]) -> str:
        return "[" + ",".join([self._attendee(each) for each in found]) + "]"

    def _attendee(self, attendee: Attendee) -> str:
        known = self._known.get(id(attendee))
        if known is None:
            known = self._known[id(attendee)] = attendee, _written(attendee)
        return known[1]


def _written(attendee: Attendee) -> str:
    """Write one attendee under the short names `mapping.event_of` reads."""
    parts = ['"a":' + _address(attendee.address)]
    if attendee.delegated_to is not None:
        parts.append('"d":' + _address(attendee.delegated_to))
    for key, value in (("k", attendee.kind), ("p", attendee.response), ("r", attendee.role)):
        if value != "unknown" and (value or key == "p"):
            parts.append(f'"{key}":{_quoted(value)}')
    if attendee.sent_by is not None:
        parts.append('"s":' + _address(attendee.sent_by))
    return "{" + ",".join(parts) + "}"


def _address(found: Address) -> str:
    return f"[{_quoted(found.email)},{_quoted(found.name)}]"


def _texts(found: Iterable[str]) -> str:
    return "[" + ",".join(map(_quoted, found)) + "]"


def _instant(when: datetime | date) -> str:
    return f'"{iso(when)}"'


def _truth(value: object) -> str:
    return "true" if value else "false"


_WRITERS: Final[Mapping[str, Callable[[Any], str]]] = {
    "start": _instant,
    "end": _instant,
    "original_start": _instant,
    "updated_at": _instant,
    "organizer": _address,
    "organizer_sent_by": _address,
    "recurrence": _texts,
    "attendee_count": str,
    "sequence": str,
    **dict.fromkeys(("is_all_day", "is_range", "is_transparent", "is_out_of_office", "has_hidden_attendees"), _truth),
}
"""What is not a text; the attendees are the writer's own."""
_SORTED: Final = sorted(fields(CalendarEvent), key=attrgetter("name"))
_FIELDS: Final = [(each.name, _WRITERS.get(each.name, _quoted)) for each in _SORTED]
_KEYS: Final = [f'"{each.name}":' for each in _SORTED]
_USUAL: Final = [object() if each.default is MISSING else each.default for each in _SORTED]
_values_of: Callable[[CalendarEvent], tuple[Any, ...]] = attrgetter(*(each.name for each in _SORTED))
