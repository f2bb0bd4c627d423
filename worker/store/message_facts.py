"""The facts of a message as one line of JSON, put together from its parts: to make a dict of them first takes twice as long."""

from __future__ import annotations

import json.encoder
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any

from connectors.envelopes import Route
from connectors.letter import Letter
from rules.facts import Address, MessageMetadata

LISTS = (("f", "from_"), ("r", "reply_to"), ("t", "to"), ("c", "cc"), ("b", "bcc"))
"""Short names of lists of addresses: keys are short, for a mailbox has a million of these."""
TEXTS = (
    ("li", "list_id"),
    ("lp", "list_post"),
    ("lu", "list_unsubscribe"),
    ("p", "precedence"),
    ("au", "auto_submitted"),
    ("ar", "auto_response_suppress"),
    ("rp", "return_path"),
    ("fb", "feedback_id"),
    ("ct", "content_type"),
    ("th", "thread_id"),
)
_quoted: Callable[[str], str] = vars(json.encoder)["encode_basestring"]


class FactsWriter:
    """Writes what rows have no column for, as the encoder of `json_lines` would: keys in order, what is empty left out.

    For messages that live as long as it does: a list of addresses that many of them share is written once.
    """

    def __init__(self) -> None:
        """Begin without any."""
        known: dict[int, str] = {}

        def people(found: Collection[Address]) -> str:
            text = known.get(id(found))
            if text is None:
                text = known[id(found)] = _people(found)
            return text

        self._writers = tuple(people if each is _people else each for each in _WRITERS)

    def text(self, message: MessageMetadata) -> str:
        """Write the facts of one message."""
        parts = [key + write(value) for key, write, value in zip(_KEYS, self._writers, _parts_of(message), strict=True) if value]
        if len(message.in_reply_to) > 1:
            parts.append('"i":' + _texts(message.in_reply_to))
            parts.sort()
        if message.size is not None:
            parts.append(f'"z":{message.size:d}')
        return "{" + ",".join(parts) + "}"


def _people(found: Iterable[Address]) -> str:
    return "[" + ",".join([_address(each.email, each.name) for each in found]) + "]"


@lru_cache(maxsize=1 << 11)
def _address(email: str, name: str) -> str:
    """Write one address: of the same there are many."""
    return f"[{_quoted(email)},{_quoted(name)}]" if name else f"[{_quoted(email)}]"


def _person(found: Address) -> str:
    return f"[{_quoted(found.email)},{_quoted(found.name)}]"


def _texts(found: Iterable[str]) -> str:
    return "[" + ",".join(map(_quoted, found)) + "]"


def _words(found: Iterable[str]) -> str:
    return _texts(sorted(found))


_WRITTEN: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    *((short, name, _people) for short, name in LISTS),
    *((short, name, _quoted) for short, name in TEXTS),
    ("s", "sender", _person),
    ("x", "references", _texts),
    ("bh", "bulk_headers", _words),
)
Texts = tuple[str, ...]
"""What letters share, in the parts between which other keys come."""


def sent_in(found: MessageMetadata) -> Texts:
    """Write what letters in one envelope share."""
    return (
        _field("ar", _quoted, found.auto_response_suppress) + _field("au", _quoted, found.auto_submitted),
        _field("bh", _words, found.bulk_headers),
        _field("f", _people, found.from_),
        _field("li", _quoted, found.list_id) + _field("lp", _quoted, found.list_post),
        _field("p", _quoted, found.precedence) + _field("r", _people, found.reply_to),
        _field("s", _person, found.sender),
    )


def sent_to(found: Route) -> Texts:
    """Write what letters to the same people share."""
    return (
        f'"b":{_people(found.bcc)},' if found.bcc else "",
        f'"c":{_people(found.cc)},' if found.cc else "",
        f'"t":{_people(found.to)},' if found.to else "",
    )


def _field(key: str, write: Callable[[Any], str], value: object) -> str:
    return f'"{key}":{write(value)},' if value else ""


def letter_text(letter: Letter, of_envelope: Texts, of_route: Texts) -> str:
    """Write the facts of a letter as `FactsWriter` writes those of its message, from what `sent_in` and `sent_to` have written."""
    first, bulk, sender, lists, answered, carrier = of_envelope
    blind, copied, to = of_route
    _, _, _, _, _, _, _, parents, chain, thread, size, kind, path, unsubscribe, feedback, _ = letter
    kind = f'"ct":{_quoted(kind)},' if kind else ""
    feedback = f'"fb":{_quoted(feedback)},' if feedback else ""
    parent = f'"i":{_ids(parents)},' if len(parents) > 1 else ""
    unsubscribe = f'"lu":{_quoted(unsubscribe)},' if unsubscribe else ""
    path = f'"rp":{_quoted(path)},' if path else ""
    thread = f'"th":{_quoted(thread)},' if thread else ""
    named = f'"x":{_ids(chain)},' if chain else ""
    text = f"{{{first}{blind}{bulk}{copied}{kind}{sender}{feedback}{parent}{lists}{unsubscribe}{answered}{path}{carrier}{to}{thread}{named}"
    return f'{text}"z":{size:d}}}' if size is not None else f"{text.removesuffix(',')}}}"


def _ids(found: tuple[str, ...]) -> str:
    """Write Message-IDs at once: there is no blank in any that was read."""
    return "[" + _quoted(" ".join(found)).replace(" ", '","') + "]"


_KEYS, _NAMES, _WRITERS = zip(*sorted((f'"{short}":', name, write) for short, name, write in _WRITTEN), strict=True)
_parts_of: Callable[[MessageMetadata], tuple[Any, ...]] = attrgetter(*_NAMES)
