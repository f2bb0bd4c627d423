"""What the headers of many messages have in common: found by their layout, read once, for whoever reads so many that it counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

from connectors.dates import EPOCH
from connectors.decode import flat_parameters
from connectors.mime import BULK_FIELDS, WANTED, people_in, text_in
from rules.facts import Address, MessageMetadata

OWN: Final = (
    "date", "message-id", "subject", "in-reply-to", "references", "to", "cc", "bcc",
    "content-type", "return-path", "list-unsubscribe", "feedback-id",
)  # fmt: skip
"""The fields that differ from message to message, in the order of `Layout.own`."""
MARKS: Final = BULK_FIELDS - {"content-class"}
"""Fields of which only the name tells anything."""
PARTIES: Final = frozenset({"to", "cc", "bcc"})
LISTS: Final = frozenset({"list-id", "list-post"})
"""Where one of these stands, who is addressed tells which list it is."""
USUAL_TYPES: Final = frozenset(
    {b"", b"text/plain", b"text/html", b"multipart/alternative", b"multipart/mixed", b"multipart/related", b"multipart/signed"}
)
"""Media types that tell nothing about who wrote."""
PARENT: Final = ("a@b",)
NAME: Final = re.compile(rb"[!-9;-~]+")
Text = TypeVar("Text", str, bytes)

Values = tuple[bytes, ...]
Parts = tuple[bytes, bytes, bytes, bytes, bool]
"""Content-Type, Return-Path, List-Unsubscribe and Feedback-ID, as far as they tell who wrote; and whether it is an answer."""


class Envelope:
    """What many messages have in common. Told apart by identity, so that what is concluded from one can be remembered."""

    __slots__ = ("facts", "is_shared")

    def __init__(self, facts: MessageMetadata, *, is_shared: bool) -> None:
        self.facts = facts
        """Its sender, list and machine fields and labels, and whom it is addressed to where it names a list; Return-Path,
        List-Unsubscribe, Feedback-ID, In-Reply-To and Content-Type only as far as they tell who wrote; no date, subject or ids."""
        self.is_shared = is_shared
        """Whether another message may come in the very same envelope; if not, its facts are all of a message."""


class Route:
    """Whom a message is addressed to. Told apart by identity, as an envelope is."""

    __slots__ = ("bcc", "cc", "recipients", "to")

    def __init__(self, to: tuple[Address, ...], cc: tuple[Address, ...], bcc: tuple[Address, ...], recipients: int) -> None:
        self.to, self.cc, self.bcc = to, cc, bcc
        self.recipients = recipients
        """How many addresses these fields really name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout(Generic[Text]):
    """Where the fields stand in headers that have the same names in the same order. Both take values that end with an empty one."""

    own: Callable[[Sequence[Text]], tuple[Text, ...]]
    """Take the values of OWN, empty where a field is not there."""
    shared: Callable[[Sequence[Text]], tuple[Text, ...]]
    """Take the values that an envelope has in full, and empty ones after them."""
    names: tuple[str, ...]
    """Of these, followed by the names of MARKS that are there."""


@lru_cache(maxsize=1 << 10)
def layout_of(names: Values) -> Layout[bytes] | None:
    """Find the fields by their names; None where one stands twice, which takes care, or the one that names the message is not there."""
    return _layout(names, range(len(names)))


@lru_cache(maxsize=1 << 10)
def layout_in(names: tuple[str, ...]) -> Layout[str] | None:
    """Find them in what re.split makes of a header: the text between fields, a name, a value, and so on; None for no names, too."""
    found = tuple(name.encode("latin-1") for name in names)
    return _layout(found, range(2, 3 * len(names), 3)) if all(map(NAME.fullmatch, found)) else None


def _layout(names: Values, at: Iterable[int]) -> Layout[Any] | None:
    places: dict[str, int] = {}
    for place, name in zip(at, names, strict=True):
        known = WANTED[name] if name in WANTED else WANTED.get(name.lower(), "")
        if known in places:
            return None
        if known and known != "received":
            places[known] = place
    if "message-id" not in places:
        return None
    shared = sorted(places.keys() - ({*OWN, *MARKS} - (PARTIES if LISTS & places.keys() else frozenset())))
    return Layout(
        own=itemgetter(*(places.get(name, -1) for name in OWN)),
        shared=itemgetter(*(places[name] for name in shared), -1, -1),  # two at least: of one it makes no tuple
        names=(*shared, *sorted(MARKS & places.keys())),
    )


def parts_of(kind: bytes, path: bytes, unsubscribe: bytes, feedback: bytes, *, is_answer: bool) -> Parts:
    """Cut what surely tells no more about who wrote."""
    return (
        b"" if kind.partition(b";")[0] in USUAL_TYPES else kind,
        b"<a>" if path[:1] == b"<" and path[1:2].isalnum() else path,
        b"<a>" if unsubscribe[:1] == b"<" else unsubscribe,
        b"a" if feedback[:1].isalnum() else feedback,
        is_answer,
    )


def envelope_of(names: tuple[str, ...], values: Values, parts: Parts, labels: frozenset[str]) -> Envelope:
    """Read the common part of a header; `names` and `values` as a Layout tells them."""
    fields = dict(zip(names, values, strict=False))  # the names of MARKS get the empty values after the others, or none
    get = fields.get
    kind, path, unsubscribe, feedback, is_answer = parts
    marks = MARKS.intersection(names)
    facts = MessageMetadata(
        remote_id="",
        message_id="",
        sent_at=EPOCH,
        from_=people_in(get("from")).addresses,
        sender=next(iter(people_in(get("sender")).addresses), None),
        reply_to=people_in(get("reply-to")).addresses,
        to=people_in(get("to")).addresses,
        cc=people_in(get("cc")).addresses,
        bcc=people_in(get("bcc")).addresses,
        in_reply_to=PARENT if is_answer else (),
        labels=labels,
        list_id=text(get("list-id", b"")),
        list_post=text(get("list-post", b"")),
        list_unsubscribe=text(unsubscribe),
        precedence=text(get("precedence", b"")),
        auto_submitted=text(get("auto-submitted", b"")),
        auto_response_suppress=text(get("x-auto-response-suppress", b"")),
        return_path=text(path),
        feedback_id=text(feedback),
        content_type=media_type(kind),
        bulk_headers=marks | {"content-class"} if b"calendarmessage" in get("content-class", b"").lower() else marks,
    )
    return Envelope(facts, is_shared=True)


def route_of(to: bytes, cc: bytes, bcc: bytes) -> Route:
    """Read whom a message is addressed to."""
    first, second, third = people_in(to), people_in(cc), people_in(bcc)
    return Route(first.addresses, second.addresses, third.addresses, first.count + second.count + third.count)


text = lru_cache(maxsize=1 << 12)(text_in)


@lru_cache(maxsize=1 << 9)
def media_type(value: bytes) -> str:
    """Read a Content-Type."""
    return flat_parameters(text_in(value))
